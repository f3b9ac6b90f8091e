//! Perplexity and bits per byte of a text.
//!
//! The text is cut into windows of the program's length W that advance by W/2, the usual sliding window: every token is
//! scored exactly once, those of the first window with all the text before them, the others with at least W/2
//! tokens of it. Nothing stands before the first token unless the caller gives a start token (SmolLM2 was trained
//! without one); without it the first token is not scored, and the result says how many were.

use crate::error::EvalError;
use serde::Serialize;
use smolc_engine::{Backend, Engine, Micro};
use smolc_plan::Program;

/// How well a model predicts a text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Perplexity: e to the mean negative log-likelihood of the scored tokens.
    pub perplexity: f64,
    /// Σ nll / ln 2 / bytes of the whole text. Comparable between tokenizers, unlike the perplexity.
    pub bits_per_byte: f64,
    /// Sum of the negative log-likelihoods, in nats.
    pub nll: f64,
    /// Tokens that were scored: all, less the first if there was no start token.
    pub scored: usize,
    /// Bytes of the text.
    pub bytes: u64,
    /// Longest context of a prediction, in tokens.
    pub window: usize,
    /// Tokens by which a window advances.
    pub stride: usize,
    /// Every token of the text.
    pub tokens: Vec<ScoredToken>,
}

/// One token of a scored text.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ScoredToken {
    /// Its id.
    pub id: u32,
    /// Natural logarithm of its probability given what stands before it; `None` where nothing does.
    pub log_probability: Option<f32>,
}

/// Scores the tokens of a text of `bytes` bytes with an engine made from `program`. `start` is put before the text, and
/// then the first token is scored too.
///
/// Errors: fewer than two tokens with the start token; a token outside the vocabulary (from the engine); text without
/// bytes; weights that give no finite probability.
pub fn score<B: Backend>(
    engine: &mut Engine<B>,
    program: &Program,
    tokens: &[u32],
    bytes: u64,
    start: Option<u32>,
) -> Result<Score, EvalError> {
    let sequence: Vec<u32> = start.into_iter().chain(tokens.iter().copied()).collect();
    if sequence.len() < 2 || bytes == 0 {
        return Err(EvalError::TooShort { tokens: tokens.len() });
    }
    let size = |n: u64| usize::try_from(n).map_err(|_| EvalError::Program(format!("{n} is too large")));
    let (rows, window) = (size(program.batch)?, size(program.window)?);
    if window == 0 || rows == 0 || engine.tokens() != rows.saturating_mul(window) {
        return Err(EvalError::Program("the engine was made from another program".into()));
    }
    let stride = (window / 2).max(1);
    let predictions = sequence.len() - 1;
    let mut log_probabilities = Vec::with_capacity(predictions);
    let mut batch = Batch::default();
    let mut windows = Windows { window, stride, predictions, next: Some(0) }.peekable();
    while windows.peek().is_some() {
        batch.clear();
        let mut spans = Vec::new();
        for (row, span) in windows.by_ref().take(rows).enumerate() {
            spans.push((row * window, span.clone()));
            batch.push(&sequence, &span, window);
        }
        batch.fill(rows * window, window);
        engine.evaluate(&batch.micro())?;
        let nll = engine.read_nll()?;
        for (offset, span) in spans {
            let scored = offset + span.from..offset + span.to;
            log_probabilities.extend(nll.get(scored).unwrap_or_default().iter().map(|nll| -nll));
        }
    }
    if let Some(position) = log_probabilities.iter().position(|l| !l.is_finite()) {
        return Err(EvalError::NotFinite { position: position + 1 });
    }
    let nll = -log_probabilities.iter().map(|l| f64::from(*l)).sum::<f64>();
    let first = if start.is_some() { None } else { tokens.first() };
    let rest = tokens.iter().skip(usize::from(start.is_none())).zip(&log_probabilities);
    Ok(Score {
        perplexity: (nll / predictions as f64).exp(),
        bits_per_byte: nll / std::f64::consts::LN_2 / bytes as f64,
        nll,
        scored: predictions,
        bytes,
        window,
        stride,
        tokens: first
            .map(|&id| ScoredToken { id, log_probability: None })
            .into_iter()
            .chain(rest.map(|(&id, &l)| ScoredToken { id, log_probability: Some(l) }))
            .collect(),
    })
}

/// A window: the tokens it reads begin at `start`; it scores the predictions at `from .. to` of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    start: usize,
    from: usize,
    to: usize,
}

/// The windows over a number of predictions. Prediction `i` is of token `i + 1` from the tokens up to `i`.
struct Windows {
    window: usize,
    stride: usize,
    predictions: usize,
    /// Start of the next window.
    next: Option<usize>,
}

impl Iterator for Windows {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let start = self.next?;
        let from = if start == 0 { 0 } else { self.window - self.stride };
        let to = self.window.min(self.predictions - start);
        self.next = (start + to < self.predictions).then_some(start + self.stride);
        Some(Span { start, from, to })
    }
}

/// A micro-batch being filled.
#[derive(Default)]
struct Batch {
    tokens: Vec<u32>,
    targets: Vec<u32>,
    weights: Vec<f32>,
    positions: Vec<u32>,
    document_start: Vec<u32>,
}

impl Batch {
    fn clear(&mut self) {
        self.tokens.clear();
        self.targets.clear();
        self.weights.clear();
    }

    /// Adds a row. What stands behind the text is padding: attention is causal, so it changes nothing.
    fn push(&mut self, sequence: &[u32], span: &Span, window: usize) {
        let row = sequence.get(span.start..).unwrap_or_default();
        self.tokens.extend(row.iter().take(span.to));
        self.targets.extend(row.iter().skip(1).take(span.to));
        self.weights.extend((0..window).map(|i| if (span.from..span.to).contains(&i) { 1.0 } else { 0.0 }));
        let whole = self.weights.len();
        self.tokens.resize(whole, 0);
        self.targets.resize(whole, 0);
    }

    /// Fills the rows that are left with padding.
    fn fill(&mut self, tokens: usize, window: usize) {
        self.tokens.resize(tokens, 0);
        self.targets.resize(tokens, 0);
        self.weights.resize(tokens, 0.0);
        if self.positions.len() != tokens {
            self.positions = (0u32..).take(window).cycle().take(tokens).collect();
            self.document_start = vec![0; tokens];
        }
    }

    fn micro(&self) -> Micro<'_> {
        Micro {
            tokens: &self.tokens,
            targets: &self.targets,
            weights: &self.weights,
            positions: &self.positions,
            document_start: &self.document_start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prediction_is_scored_once_with_half_a_window_before_it() {
        for window in 1..12 {
            let stride = (window / 2).max(1);
            for predictions in 1..60 {
                let mut next = 0;
                for span in (Windows { window, stride, predictions, next: Some(0) }) {
                    assert_eq!(span.start + span.from, next, "{window} {predictions}");
                    assert!(span.to > span.from && span.to <= window);
                    assert!(span.start == 0 || span.from + 1 > window / 2);
                    next = span.start + span.to;
                }
                assert_eq!(next, predictions, "{window} {predictions}");
            }
        }
    }
}
