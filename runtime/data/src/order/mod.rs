//! The order of data: sample index → (dataset, epoch, slice), pure and invertible.
//!
//! ```text
//! g ─► stage ─► position k in the stage ─► Tijdeman table ─► dataset d and its counter m
//!                                          m ─► epoch m div A_d, place m mod A_d ─► keyed permutation ─► slice
//! ```
//!
//! Counters belong to datasets and are carried from stage to stage, so a dataset kept across a boundary continues where it
//! was. Every key is derived from the dataset's content identity, never from its place in a list. No floating-point number
//! takes part.
//!
//! A slice is one window of tokens. [`WindowedOrder`] is the order of a run whose stages have windows of several lengths over
//! one stream; [`Order`] is that of a run with one.

// Every index below is a remainder modulo the length of the table it goes into, or comes from one that was checked when the
// order was built; a wrong one must stop the program rather than read other data.
#![allow(clippy::indexing_slicing)]

mod divisor;
mod error;
mod mixture;
mod permutation;
mod view;
mod walk;
mod windows;

pub use error::OrderError;
pub use mixture::{Deviation, MAX_PERIOD};
pub use permutation::Permutation;
pub use view::Share;
pub use walk::{SliceSums, Walk};
pub use windows::{Skip, WindowSample, WindowStage, WindowedOrder};

use divisor::Divisor;
use mixture::Mixture;
use permutation::{Keys, absorb};
use smolc_plan::Ratio;

/// Version of the algorithm. It enters every key; any change of any order must change it and add golden vectors.
pub const ALGO_VERSION: u64 = 1;

/// Largest number of samples in a run: far beyond any, and low enough that no counter can overflow.
pub const MAX_SAMPLES: u64 = 1 << 56;

/// Epochs per dataset whose keys are kept ready (64 bytes each, and no more than the run draws); later ones are derived at
/// each lookup.
const CACHED_EPOCHS: u64 = 4096;

/// One stage of the order.
#[derive(Clone, Debug)]
pub struct StageOrder {
    /// Samples in the stage, at least 1.
    pub samples: u64,
    /// Datasets by index with their shares of the stage's samples; the shares sum to exactly 1.
    pub mix: Vec<(usize, Ratio)>,
}

/// One dataset as the order sees it.
#[derive(Clone, Copy, Debug)]
pub struct DatasetOrder {
    /// Content identity; keys the permutation.
    pub uid: u64,
    /// Slices in one epoch: whole windows of the training stream.
    pub atoms: u64,
}

/// What one sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sample {
    /// Index of the dataset.
    pub dataset: usize,
    /// Pass over the dataset, from 0.
    pub epoch: u64,
    /// Window of the dataset's training stream, `0..atoms`.
    pub slice: u64,
}

/// The order of a whole run.
#[derive(Clone, Debug)]
pub struct Order {
    stages: Vec<Stage>,
    datasets: Vec<Dataset>,
    total: u64,
}

#[derive(Clone, Debug)]
struct Stage {
    /// First sample.
    first: u64,
    mixture: Mixture,
    /// Dataset of each slot of the mixture.
    datasets: Vec<usize>,
    /// Each slot's counter where the stage begins.
    base: Vec<u64>,
    /// Counters of *all* datasets where the stage begins.
    counts: Vec<u64>,
}

#[derive(Clone, Debug)]
struct Dataset {
    /// `H(seed, uid, ALGO_VERSION)`; an epoch's number makes it a key.
    root: u64,
    atoms: u64,
    divisor: Divisor,
    permutation: Permutation,
    keys: Vec<Keys>,
}

impl Dataset {
    fn new(seed: u64, dataset: &DatasetOrder, drawn: u64) -> Dataset {
        let atoms = dataset.atoms.max(1);
        let root = [seed, dataset.uid].into_iter().fold(absorb(0, ALGO_VERSION), absorb);
        let epochs = drawn.div_ceil(atoms).min(CACHED_EPOCHS);
        Dataset {
            root,
            atoms,
            divisor: Divisor::new(atoms),
            permutation: Permutation::new(atoms),
            keys: (0..epochs).map(|epoch| Keys::new(absorb(root, epoch))).collect(),
        }
    }

    #[inline]
    fn forward(&self, epoch: u64, place: u64) -> u64 {
        match usize::try_from(epoch).ok().and_then(|e| self.keys.get(e)) {
            Some(keys) => self.permutation.forward(keys, place),
            None => self.permutation.forward(&Keys::new(absorb(self.root, epoch)), place),
        }
    }

    fn inverse(&self, epoch: u64, slice: u64) -> u64 {
        self.permutation.inverse(&Keys::new(absorb(self.root, epoch)), slice)
    }
}

impl Order {
    /// Builds the order of a run.
    ///
    /// `stages` follow each other; `datasets` are indexed by the stages' mixes, and those that no stage draws from may be
    /// empty. Memory: 12 bytes for each place of each stage's period (at most [`MAX_PERIOD`] places).
    pub fn new(seed: u64, stages: &[StageOrder], datasets: &[DatasetOrder]) -> Result<Order, OrderError> {
        if stages.is_empty() {
            return Err(OrderError::NoStages);
        }
        check_datasets(stages, datasets)?;
        let mut counts = vec![0u64; datasets.len()];
        let mut total = 0u64;
        let mut built = Vec::with_capacity(stages.len());
        for (index, stage) in stages.iter().enumerate() {
            if stage.samples == 0 {
                return Err(OrderError::EmptyStage { stage: index });
            }
            // Places in the table are dealt out in the order of content identities, so that neither the order of the
            // mix nor that of the datasets can matter.
            let mut mix = stage.mix.clone();
            mix.sort_by_key(|&(d, _)| datasets[d].uid);
            let weights: Vec<Ratio> = mix.iter().map(|&(_, w)| w).collect();
            let ids: Vec<usize> = mix.iter().map(|&(d, _)| d).collect();
            let mixture = Mixture::new(index, &ids, &weights)?;
            let first = total;
            total = total
                .checked_add(stage.samples)
                .filter(|&t| t <= MAX_SAMPLES)
                .ok_or(OrderError::TooManySamples)?;
            let base = ids.iter().map(|&d| counts[d]).collect();
            let stage_start = counts.clone();
            for (slot, &d) in ids.iter().enumerate() {
                counts[d] += mixture.count(slot, stage.samples);
            }
            built.push(Stage { first, mixture, datasets: ids, base, counts: stage_start });
        }
        let datasets = datasets.iter().zip(&counts).map(|(d, &drawn)| Dataset::new(seed, d, drawn)).collect();
        Ok(Order { stages: built, datasets, total })
    }

    /// Samples in the run.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// What sample `g` is. Beyond [`Order::total`] the last stage goes on.
    #[inline]
    pub fn at(&self, g: u64) -> Sample {
        let stage = self.stage(g);
        let (slot, m) = stage.mixture.at(g - stage.first);
        let dataset = stage.datasets[slot];
        let d = &self.datasets[dataset];
        let (epoch, place) = d.divisor.divide(stage.base[slot] + m);
        let slice = d.forward(epoch, place);
        Sample { dataset, epoch, slice }
    }

    /// The sample that draws this slice in this epoch, or `None` when the run does not.
    pub fn find(&self, dataset: usize, epoch: u64, slice: u64) -> Option<u64> {
        let d = self.datasets.get(dataset).filter(|d| slice < d.atoms)?;
        let place = d.inverse(epoch, slice);
        let m = epoch.checked_mul(d.atoms)?.checked_add(place)?;
        // The stage whose counters hold m: the last one that begins at or below it and draws from the dataset.
        let stage = self.stages.iter().rev().find(|s| s.counts[dataset] <= m)?;
        let slot = stage.datasets.iter().position(|&i| i == dataset)?;
        let g = stage.first.checked_add(stage.mixture.find(slot, m - stage.base[slot])?)?;
        (g < self.total).then_some(g)
    }

    /// Slice at a place of an epoch: the `place`-th that the epoch draws.
    pub(crate) fn slice(&self, dataset: usize, epoch: u64, place: u64) -> u64 {
        let d = &self.datasets[dataset];
        d.forward(epoch, place % d.atoms)
    }

    /// Samples drawn from each dataset by the first `g` samples. Beyond [`Order::total`] the last stage goes on.
    pub fn counts(&self, g: u64) -> Vec<u64> {
        let stage = self.stage(g);
        let mut counts = stage.counts.clone();
        for (slot, &d) in stage.datasets.iter().enumerate() {
            counts[d] += stage.mixture.count(slot, g - stage.first);
        }
        counts
    }

    /// The largest relative deviation of each stage's mixture from the weights asked for, where the weights' common period
    /// exceeds [`MAX_PERIOD`] and had to be rounded; `None` for the stages that are exact.
    pub fn deviations(&self) -> Vec<Option<Deviation>> {
        self.stages.iter().map(|s| s.mixture.deviation()).collect()
    }

    #[inline]
    fn stage(&self, g: u64) -> &Stage {
        // The first stage begins at 0, so at least one begins at or below g.
        &self.stages[self.stages.partition_point(|s| s.first <= g) - 1]
    }
}

fn check_datasets(stages: &[StageOrder], datasets: &[DatasetOrder]) -> Result<(), OrderError> {
    let mut drawn = Vec::new();
    for (stage, s) in stages.iter().enumerate() {
        for (place, &(d, _)) in s.mix.iter().enumerate() {
            let Some(found) = datasets.get(d) else {
                return Err(OrderError::UnknownDataset { stage, dataset: d, datasets: datasets.len() });
            };
            if found.atoms == 0 {
                return Err(OrderError::EmptyDataset { stage, dataset: d });
            }
            if s.mix.iter().take(place).any(|&(e, _)| e == d) {
                return Err(OrderError::DuplicateDataset { stage, dataset: d });
            }
            drawn.push(d);
        }
    }
    drawn.sort_by_key(|&d| (datasets[d].uid, d));
    drawn.dedup();
    match drawn.windows(2).find(|w| datasets[w[0]].uid == datasets[w[1]].uid) {
        Some(w) => Err(OrderError::SameContent { first: w[0], second: w[1] }),
        None => Ok(()),
    }
}
