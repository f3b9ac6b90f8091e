//! Linear classifiers over hashed word sequences, in the manner of fastText (Joulin et al. 2017, "Bag of Tricks for Efficient
//! Text Classification"), as regressions: they learn a number and say one.
//!
//! A text is taken for its sequences of 1 to n words ([`features`](features::features)), each hashed into one of B buckets. Of m
//! sequences, c_f fall into bucket f:
//!
//! ```text
//! x_f = √(c_f / m)            so that ‖x‖ = 1, and a word that is everywhere counts less than in proportion
//! score = b + Σ_f w_f x_f     b is the mean of the labels
//! ```
//!
//! The weights begin at 0 and follow the gradient of the squared error, a document at a time (`train.rs`):
//!
//! ```text
//! w_f ← w_f + η (label - score) x_f,   η from 1/2 in a straight line to 0
//! ```
//!
//! Since ‖x‖ = 1, such a step takes the error of its document to (1 - η) of it, so that no η below 2 diverges. Features are made
//! in parallel; the steps are made one after another in an order that the seed decides, in f64 and rounded to f32, so the bits
//! do not depend on the number of threads. One document in ten, chosen by its text, is held out; what the classifier says of
//! those is the quality that is reported (`quality.rs`).

mod features;
mod quality;
mod train;

pub use quality::{Classes, Quality};
pub(crate) use train::{Examples, train};

use features::{Feature, features};
use smolc_plan::Classifier;

/// Version of what a text's features are and how they are learned from; part of what is stored.
pub(crate) const VERSION: u32 = 1;

/// A trained classifier.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Linear {
    /// Longest word sequence.
    ngrams: usize,
    /// The score of a text without words.
    bias: f64,
    /// A weight a bucket.
    weights: Vec<f32>,
}

impl Linear {
    /// A classifier of weights that were learned before; `None` if there are none, or too many.
    pub(crate) fn new(planned: &Classifier, bias: f64, weights: Vec<f32>) -> Option<Linear> {
        let ngrams = usize::try_from(planned.ngrams).ok()?;
        (weights.len() as u64 == planned.buckets && !weights.is_empty()).then_some(Linear {
            ngrams,
            bias,
            weights,
        })
    }

    /// What it says of a text.
    pub(crate) fn score(&self, text: &str) -> f64 {
        self.of(&features(text, self.ngrams, self.weights.len()))
    }

    /// Sums in the order of the buckets, so that the bits are the same everywhere.
    fn of(&self, features: &[Feature]) -> f64 {
        let m = features::total(features);
        let weight = |f: &Feature| self.weights.get(f.bucket as usize).map_or(0.0, |w| f64::from(*w));
        self.bias + features.iter().map(|f| weight(f) * f.value(m)).sum::<f64>()
    }

    /// The score of a text without words.
    pub(crate) fn bias(&self) -> f64 {
        self.bias
    }

    /// A weight a bucket.
    pub(crate) fn weights(&self) -> &[f32] {
        &self.weights
    }
}
