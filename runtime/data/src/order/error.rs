//! Why an order cannot be built.

use super::{MAX_PERIOD, MAX_SAMPLES};
use smolc_plan::Ratio;
use thiserror::Error;

/// Why an order cannot be built. Stages and datasets are named by index; whoever holds the plan has their names.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum OrderError {
    /// A run without stages.
    #[error("the run has no stages")]
    NoStages,
    /// A stage without samples.
    #[error("stage {stage} has no samples")]
    EmptyStage {
        /// The stage.
        stage: usize,
    },
    /// A window that does not fit into the longest one a whole number of times.
    #[error(
        "stage {stage} has windows of {window} tokens, and the longest of the run has {longest}, which is no multiple of it; \
         make it one"
    )]
    Window {
        /// The stage.
        stage: usize,
        /// Its window, tokens.
        window: u64,
        /// The longest window of the run, tokens.
        longest: u64,
    },
    /// More samples than any counter may hold.
    #[error("the run has more than {MAX_SAMPLES} samples")]
    TooManySamples,
    /// A mix names a dataset that is not there.
    #[error("stage {stage} draws from dataset {dataset}, but there are {datasets} datasets")]
    UnknownDataset {
        /// The stage.
        stage: usize,
        /// The index used.
        dataset: usize,
        /// How many there are.
        datasets: usize,
    },
    /// A mix names a dataset twice.
    #[error("stage {stage} names dataset {dataset} twice; give it one weight")]
    DuplicateDataset {
        /// The stage.
        stage: usize,
        /// The dataset.
        dataset: usize,
    },
    /// A dataset that holds not one whole window.
    #[error("stage {stage} draws from dataset {dataset}, which holds less than one window of tokens")]
    EmptyDataset {
        /// The stage.
        stage: usize,
        /// The dataset.
        dataset: usize,
    },
    /// Two datasets with one content: they would be drawn in one and the same order, twice.
    #[error(
        "datasets {first} and {second} hold the same content; use one of them with the sum of the weights"
    )]
    SameContent {
        /// One.
        first: usize,
        /// The other.
        second: usize,
    },
    /// A weight of zero.
    #[error("stage {stage} gives dataset {dataset} a weight of zero; leave it out")]
    ZeroWeight {
        /// The stage.
        stage: usize,
        /// The dataset.
        dataset: usize,
    },
    /// Weights that do not sum to 1.
    #[error("the weights of stage {stage} sum to {}, not 100%", match sum {
        Some(sum) => sum.to_string(),
        None => "a fraction beyond 64 bits".to_string(),
    })]
    WeightSum {
        /// The stage.
        stage: usize,
        /// Their sum; `None` when it does not fit a [`Ratio`].
        sum: Option<Ratio>,
    },
    /// More datasets in a mix than the table can number.
    #[error("stage {stage} mixes {datasets} datasets; at most 65536 are supported")]
    TooManyDatasets {
        /// The stage.
        stage: usize,
        /// How many.
        datasets: usize,
    },
    /// A weight so small that rounding to the longest period would drop the dataset.
    #[error(
        "stage {stage}: the weights have no common period of at most {MAX_PERIOD} samples, and rounded to {period} \
         samples dataset {dataset} (weight {weight}) would get none; raise its weight to at least 1/{period} or leave it out"
    )]
    WeightVanishes {
        /// The stage.
        stage: usize,
        /// The dataset.
        dataset: usize,
        /// Its weight.
        weight: Ratio,
        /// The period.
        period: u64,
    },
}
