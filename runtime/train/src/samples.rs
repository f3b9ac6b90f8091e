//! What the training loop reads: batches by global sample index, and each dataset's fixed validation windows.

use crate::error::TrainError;
use crate::event::Prepared;
pub use smolc_data::Batch;
use smolc_plan::Run;

/// Where batches come from. Everything is a pure function of the indices.
pub trait Samples: Sync {
    /// Fills `batch` with samples `first..first + n`, row by row.
    fn fill(&self, first: u64, n: usize, batch: &mut Batch) -> Result<(), TrainError>;
    /// Dataset (index in the plan) of a sample.
    fn dataset(&self, sample: u64) -> usize;
    /// Samples of each of the plan's datasets among the first `samples`.
    fn counts(&self, samples: u64) -> Vec<u64>;
    /// Validation windows of a dataset that fit `tokens` tokens; 0 without a split.
    fn validation_windows(&self, dataset: usize, tokens: u64) -> u64;
    /// Fills `batch` with rows `first..first + n` of a dataset's `windows` validation windows; rows beyond the last are
    /// padding of weight 0.
    fn fill_validation(
        &self,
        dataset: usize,
        windows: u64,
        first: u64,
        n: usize,
        batch: &mut Batch,
    ) -> Result<(), TrainError>;
    /// What the pipelines of its datasets kept, for those that have one.
    fn prepared(&self) -> Vec<Prepared> {
        Vec::new()
    }
    /// What a person should know of the data before training starts: `(about, message)`.
    fn warnings(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// Datasets that a run reads in some stage, in the plan's order.
pub(crate) fn datasets_of(run: &Run) -> Vec<usize> {
    let mut all: Vec<usize> = run.stages.iter().flat_map(|s| s.mix.iter().map(|m| m.dataset)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Rows `from..from + rows` of a batch of windows of `window` tokens, as the engine wants them.
pub(crate) fn rows(
    batch: &Batch,
    from: usize,
    rows: usize,
    window: usize,
) -> Option<smolc_engine::Micro<'_>> {
    let range = from * window..(from + rows) * window;
    Some(smolc_engine::Micro {
        tokens: batch.tokens.get(range.clone())?,
        targets: batch.targets.get(range.clone())?,
        weights: batch.weights.get(range.clone())?,
        positions: batch.positions.get(range.clone())?,
        document_start: batch.document_start.get(range)?,
    })
}
