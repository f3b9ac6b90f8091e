//! Counting every draw, on all threads: the run is cut into stretches of steps, each thread takes the next one.

use super::Size;
use super::events::Events;
use super::schedule::{Rates, Schedule};
use crate::failure::Failure;
use smolc_data::order::{Order, SliceSums};
use smolc_plan::Run;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Draws of a stretch, about: long enough that joining costs nothing, short enough that no thread waits for another.
const STRETCH: u64 = 1 << 24;

/// What was counted in a run.
#[derive(Clone, Debug)]
pub struct Counted {
    /// By stage.
    pub stages: Vec<StageCount>,
    /// Draws by dataset of the plan.
    pub draws: Vec<u64>,
    /// Sums of slices by dataset, when the permutation was evaluated.
    pub slices: Option<Vec<SliceSums>>,
    /// Sizes by dataset.
    pub sizes: Vec<Size>,
}

/// What was counted in a stage.
#[derive(Clone, Debug)]
pub struct StageCount {
    /// By dataset of the stage's mixture, in the mixture's order.
    pub datasets: Vec<DatasetCount>,
    /// Largest distance of a prefix from the exact mixture, below and above, in samples.
    pub deviation: (f64, f64),
    /// Draws whose table entry contradicts the count.
    pub disagreements: u64,
}

/// What was counted of a dataset in a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatasetCount {
    /// Index in the plan.
    pub dataset: usize,
    /// Draws.
    pub draws: u64,
    /// Fewest in a step.
    pub fewest: u64,
    /// Most in a step.
    pub most: u64,
}

struct Stretch {
    stage: usize,
    /// Steps of the run.
    from: u64,
    to: u64,
}

struct Part {
    counts: Vec<DatasetCount>,
    deviation: (f64, f64),
    disagreements: u64,
    slices: Vec<SliceSums>,
    rates: Rates,
    events: Events,
}

/// Walks the whole run.
pub fn walk(
    run: &Run,
    order: &Order,
    sizes: &[Size],
    threads: usize,
    full: bool,
) -> Result<(Counted, Rates, Events), Failure> {
    let stretches = stretches(run);
    let finished: Vec<u64> = order
        .counts(order.total())
        .iter()
        .zip(sizes)
        .map(|(drawn, size)| size.atoms.map_or(0, |atoms| drawn / atoms * atoms))
        .collect();
    let next = AtomicUsize::new(0);
    let parts: Mutex<Vec<Option<Part>>> = Mutex::new(stretches.iter().map(|_| None).collect());
    // Threads other than this one cannot return an error; the first that cannot bind the schedule leaves it here.
    Schedule::new(run)?;
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let Ok(schedule) = Schedule::new(run) else { return };
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(stretch) = stretches.get(index) else { return };
                    let part = one(run, order, stretch, &schedule, full.then_some(finished.as_slice()));
                    if let (Ok(mut parts), Some(part)) = (parts.lock(), part)
                        && let Some(place) = parts.get_mut(index)
                    {
                        *place = Some(part);
                    }
                }
            });
        }
    });
    let parts = parts.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    join(run, &stretches, parts, sizes, full)
}

fn stretches(run: &Run) -> Vec<Stretch> {
    let steps = (STRETCH / run.batch.sequences.max(1)).max(1);
    let mut all = Vec::new();
    for (stage, s) in run.stages.iter().enumerate() {
        let (mut from, end) = (s.first_step, s.first_step + s.steps);
        while from < end {
            let to = end.min(from.saturating_add(steps));
            all.push(Stretch { stage, from, to });
            from = to;
        }
    }
    all
}

fn one(
    run: &Run,
    order: &Order,
    stretch: &Stretch,
    schedule: &Schedule,
    finished: Option<&[u64]>,
) -> Option<Part> {
    let stage = run.stages.get(stretch.stage)?;
    let sequences = run.batch.sequences;
    let mut walk = order.walk(stretch.stage, (stretch.from - stage.first_step) * sequences)?;
    let start: Vec<u64> = walk.drawn().collect();
    let mut counts: Vec<DatasetCount> = walk
        .datasets()
        .iter()
        .map(|&dataset| DatasetCount { dataset, draws: 0, fewest: u64::MAX, most: 0 })
        .collect();
    let mut before = start.clone();
    let mut events = Events::default();
    let mut slices = vec![SliceSums::default(); finished.map_or(0, <[u64]>::len)];
    for step in stretch.from..stretch.to {
        match finished {
            None => walk.visit(sequences),
            Some(finished) => walk.visit_slices(sequences, finished, &mut slices),
        }
        for ((count, before), now) in counts.iter_mut().zip(&mut before).zip(walk.drawn()) {
            let drawn = now - *before;
            count.fewest = count.fewest.min(drawn);
            count.most = count.most.max(drawn);
            *before = now;
        }
        events.step(run, step);
    }
    walk.finish();
    for ((count, start), now) in counts.iter_mut().zip(&start).zip(walk.drawn()) {
        count.draws = now - start;
    }
    Some(Part {
        counts,
        deviation: walk.deviation(),
        disagreements: walk.disagreements(),
        slices,
        rates: schedule.rates(stretch.from, stretch.to),
        events,
    })
}

fn join(
    run: &Run,
    stretches: &[Stretch],
    parts: Vec<Option<Part>>,
    sizes: &[Size],
    full: bool,
) -> Result<(Counted, Rates, Events), Failure> {
    let mut stages: Vec<Option<StageCount>> = run.stages.iter().map(|_| None).collect();
    let mut draws = vec![0u64; sizes.len()];
    let mut slices = vec![SliceSums::default(); sizes.len()];
    let (mut rates, mut events) = (None::<Rates>, Events::default());
    for (stretch, part) in stretches.iter().zip(parts) {
        let Some(part) = part else {
            return Err(Failure::environment("a thread of the simulation ended before its work was done"));
        };
        for count in &part.counts {
            if let Some(sum) = draws.get_mut(count.dataset) {
                *sum += count.draws;
            }
        }
        for (sum, more) in slices.iter_mut().zip(&part.slices) {
            sum.visited += more.visited;
            sum.sum = sum.sum.wrapping_add(more.sum);
            sum.squares = sum.squares.wrapping_add(more.squares);
        }
        rates = Some(match rates.take() {
            Some(r) => r.then(part.rates),
            None => part.rates,
        });
        events = events.then(part.events, run.checkpoints.keep);
        let Some(place) = stages.get_mut(stretch.stage) else { continue };
        match place {
            None => {
                *place = Some(StageCount {
                    datasets: part.counts,
                    deviation: part.deviation,
                    disagreements: part.disagreements,
                });
            }
            Some(stage) => {
                for (sum, more) in stage.datasets.iter_mut().zip(&part.counts) {
                    sum.draws += more.draws;
                    sum.fewest = sum.fewest.min(more.fewest);
                    sum.most = sum.most.max(more.most);
                }
                stage.deviation.0 = stage.deviation.0.min(part.deviation.0);
                stage.deviation.1 = stage.deviation.1.max(part.deviation.1);
                stage.disagreements += part.disagreements;
            }
        }
    }
    let Some(rates) = rates else {
        return Err(Failure::environment(format!("run `{}` has no steps", run.name)));
    };
    let mut stages: Vec<StageCount> = stages.into_iter().flatten().collect();
    // The tables deal places out by content; people read a mixture as it is written.
    for (stage, count) in run.stages.iter().zip(&mut stages) {
        count.datasets.sort_by_key(|c| stage.mix.iter().position(|m| m.dataset == c.dataset));
    }
    Ok((Counted { stages, draws, slices: full.then_some(slices), sizes: sizes.to_vec() }, rates, events))
}
