//! The order of a run whose stages have windows of several lengths, over streams that are tokenized once.
//!
//! What an epoch permutes is an *extent*: as many tokens as the longest window of the run. A stage with shorter windows cuts
//! each extent into slices. So that the slices of one extent do not follow each other, consecutive places of the epoch are
//! taken `spread` extents at a time, and the slices of such a group are permuted by a key of its own; with whole extents as
//! windows there is nothing to cut, and the order is that of [`Order`](super::Order), number for number.
//!
//! Counters are carried from stage to stage in tokens. Where a dataset's next stage has another window length, the rest of the
//! group it stands in is left out (fewer than `spread` extents), because half a group cut in two ways would draw some tokens
//! twice and others never. What is left out is reported, stage by stage.

use super::divisor::Divisor;
use super::mixture::Mixture;
use super::permutation::{Keys, Permutation, absorb};
use super::{Dataset, DatasetOrder, MAX_SAMPLES, OrderError, StageOrder, check_datasets};
use smolc_plan::Ratio;

/// Enters the keys of groups, so that none equals an epoch's key.
const GROUP: u64 = 0x0067_726f_7570;

/// One stage.
#[derive(Clone, Debug)]
pub struct WindowStage {
    /// Samples in the stage, at least 1.
    pub samples: u64,
    /// Tokens in a sample; must divide the longest window of the run.
    pub window: u64,
    /// Datasets by index with their shares of the stage's samples; the shares sum to exactly 1.
    pub mix: Vec<(usize, Ratio)>,
}

/// What one sample is: tokens `slice · window` to `(slice + 1) · window` of the dataset's stream, and the target behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WindowSample {
    /// Index of the dataset.
    pub dataset: usize,
    /// Pass over the dataset, from 0.
    pub epoch: u64,
    /// Tokens in the sample.
    pub window: u64,
    /// Place in the stream, in windows.
    pub slice: u64,
}

/// Tokens that are not drawn because the window length changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skip {
    /// The stage before which they are left out.
    pub stage: usize,
    /// The dataset.
    pub dataset: usize,
    /// How many.
    pub tokens: u64,
}

/// The order of a whole run.
#[derive(Clone, Debug)]
pub struct WindowedOrder {
    stages: Vec<Stage>,
    datasets: Vec<Dataset>,
    extent: u64,
    spread: u64,
    skips: Vec<Skip>,
    total: u64,
}

#[derive(Clone, Debug)]
struct Stage {
    first: u64,
    samples: u64,
    window: u64,
    /// Slices in an extent.
    slices: u64,
    mixture: Mixture,
    slots: Vec<Slot>,
}

/// A dataset in a stage.
#[derive(Clone, Debug)]
struct Slot {
    dataset: usize,
    /// Its counter where the stage begins, in windows of the stage.
    base: u64,
    /// Slices in an epoch.
    epoch: Divisor,
}

impl WindowedOrder {
    /// Builds the order of a run.
    ///
    /// `datasets` give extents of the longest window as atoms. `spread` is the number of extents whose slices are mixed, at
    /// least 1. Errors: those of [`Order::new`](super::Order::new), and a window that does not divide the longest one.
    pub fn new(
        seed: u64,
        stages: &[WindowStage],
        datasets: &[DatasetOrder],
        spread: u64,
    ) -> Result<WindowedOrder, OrderError> {
        let plain: Vec<StageOrder> =
            stages.iter().map(|s| StageOrder { samples: s.samples, mix: s.mix.clone() }).collect();
        let extent = stages.iter().map(|s| s.window).max().ok_or(OrderError::NoStages)?;
        check_datasets(&plain, datasets)?;
        let spread = spread.max(1);
        // Counters in tokens, and the window of the stage that moved them last.
        let mut counters = vec![(0u64, extent); datasets.len()];
        let mut built: Vec<Stage> = Vec::with_capacity(stages.len());
        let mut skips = Vec::new();
        let mut total = 0u64;
        for (index, stage) in stages.iter().enumerate() {
            if stage.samples == 0 {
                return Err(OrderError::EmptyStage { stage: index });
            }
            if stage.window == 0 || !extent.is_multiple_of(stage.window) {
                return Err(OrderError::Window { stage: index, window: stage.window, longest: extent });
            }
            let mut mix = stage.mix.clone();
            mix.sort_by_key(|&(d, _)| datasets[d].uid);
            let weights: Vec<Ratio> = mix.iter().map(|&(_, w)| w).collect();
            let ids: Vec<usize> = mix.iter().map(|&(d, _)| d).collect();
            let mixture = Mixture::new(index, &ids, &weights)?;
            let slices = extent / stage.window;
            let mut slots = Vec::with_capacity(ids.len());
            for (slot, &dataset) in ids.iter().enumerate() {
                let (counter, window) = counters[dataset];
                let atoms = datasets[dataset].atoms;
                let epoch = atoms.checked_mul(extent).ok_or(OrderError::TooManySamples)?;
                let begin = if window == stage.window {
                    counter
                } else {
                    group_end(counter, epoch, spread.saturating_mul(extent))
                };
                if begin > counter {
                    skips.push(Skip { stage: index, dataset, tokens: begin - counter });
                }
                let drawn = mixture.count(slot, stage.samples).checked_mul(stage.window);
                let end = drawn.and_then(|d| begin.checked_add(d)).ok_or(OrderError::TooManySamples)?;
                counters[dataset] = (end, stage.window);
                let base = begin / stage.window;
                slots.push(Slot { dataset, base, epoch: Divisor::new(atoms * slices) });
            }
            let first = total;
            total = total
                .checked_add(stage.samples)
                .filter(|&t| t <= MAX_SAMPLES)
                .ok_or(OrderError::TooManySamples)?;
            built.push(Stage { first, samples: stage.samples, window: stage.window, slices, mixture, slots });
        }
        let datasets = datasets
            .iter()
            .zip(&counters)
            .map(|(d, (drawn, _))| Dataset::new(seed, d, drawn.div_ceil(extent)));
        Ok(WindowedOrder { stages: built, datasets: datasets.collect(), extent, spread, skips, total })
    }

    /// Samples in the run.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Tokens in an extent: the longest window.
    pub fn extent(&self) -> u64 {
        self.extent
    }

    /// What is left out where window lengths change.
    pub fn skips(&self) -> &[Skip] {
        &self.skips
    }

    /// What sample `g` is. Beyond [`WindowedOrder::total`] the last stage goes on.
    pub fn at(&self, g: u64) -> WindowSample {
        // The first stage begins at 0, so at least one begins at or below g.
        let stage = &self.stages[self.stages.partition_point(|s| s.first <= g) - 1];
        let (slot, m) = stage.mixture.at(g - stage.first);
        let slot = &stage.slots[slot];
        let (epoch, place) = slot.epoch.divide(slot.base + m);
        let slice = self.slice(slot.dataset, epoch, place, stage.slices);
        WindowSample { dataset: slot.dataset, epoch, window: stage.window, slice }
    }

    /// The sample that draws this, or `None` when the run does not.
    pub fn find(&self, sample: &WindowSample) -> Option<u64> {
        let dataset = self.datasets.get(sample.dataset)?;
        self.stages.iter().filter(|s| s.window == sample.window).find_map(|stage| {
            let slot = stage.slots.iter().position(|s| s.dataset == sample.dataset)?;
            let epoch = dataset.atoms.checked_mul(stage.slices)?;
            if sample.slice >= epoch {
                return None;
            }
            let place = self.place(sample.dataset, sample.epoch, sample.slice, stage.slices);
            let counter = sample.epoch.checked_mul(epoch)?.checked_add(place)?;
            let m = counter.checked_sub(stage.slots[slot].base)?;
            let k = stage.mixture.find(slot, m)?;
            (k < stage.samples).then(|| stage.first + k)
        })
    }

    /// The slice at a place of an epoch.
    fn slice(&self, dataset: usize, epoch: u64, place: u64, slices: u64) -> u64 {
        let d = &self.datasets[dataset];
        if slices == 1 {
            return d.forward(epoch, place);
        }
        let (group, inside, size) = self.group(d, place, slices);
        let inside = Permutation::new(size).forward(&group_keys(d, epoch, group), inside);
        let extent = d.forward(epoch, group * self.spread + inside / slices);
        extent * slices + inside % slices
    }

    /// The place of a slice in an epoch.
    fn place(&self, dataset: usize, epoch: u64, slice: u64, slices: u64) -> u64 {
        let d = &self.datasets[dataset];
        let extent = d.inverse(epoch, slice / slices);
        if slices == 1 {
            return extent;
        }
        let (group, inside, size) = self.group(d, extent * slices + slice % slices, slices);
        let inside = Permutation::new(size).inverse(&group_keys(d, epoch, group), inside);
        group * self.spread * slices + inside
    }

    /// Group of a place, place in it, and slices in it: the last group of an epoch may be smaller.
    fn group(&self, d: &Dataset, place: u64, slices: u64) -> (u64, u64, u64) {
        let full = self.spread.saturating_mul(slices);
        let group = place / full;
        (group, place % full, full.min(d.atoms * slices - group * full))
    }
}

fn group_keys(d: &Dataset, epoch: u64, group: u64) -> Keys {
    Keys::new([epoch, GROUP, group].into_iter().fold(d.root, absorb))
}

/// The end of the group of tokens that a counter stands in: groups are counted anew in every epoch, whose last may be short.
fn group_end(counter: u64, epoch: u64, group: u64) -> u64 {
    let (turn, place) = (counter / epoch, counter % epoch);
    let end = place.div_ceil(group).saturating_mul(group).min(epoch);
    turn * epoch + end
}
