//! Scores against an independent computation with the decoder, and against models whose answer is known.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may panic

mod common;

use common::{Case, case};
use smolc_engine::{Engine, Stored};
use smolc_eval::{Decoder, EvalError, Weights, score};
use smolc_plan::Program;

/// A text of `n` tokens.
fn text(n: usize) -> Vec<u32> {
    (0..n as u32).map(|i| (i * i * 7 + i * 3 + 5) % 64).collect()
}

/// Log-probability of each token of `sequence` but the first, from the tokens that the policy lets it see.
fn expected(case: &Case, engine: &Engine, program: &Program, sequence: &[u32], window: usize) -> Vec<f64> {
    let weights = Weights::of(engine, program).unwrap();
    let mut decoder = Decoder::new(weights, &case.model, case.model.context as usize, 1).unwrap();
    let stride = (window / 2).max(1);
    (1..sequence.len())
        .map(|target| {
            // The first window that reaches the token before it.
            let mut start = 0;
            while start + window < target {
                start += stride;
            }
            decoder.reset();
            let logits = decoder.read(&sequence[start..target]).unwrap();
            let sum: f64 = logits.iter().map(|l| f64::from(*l).exp()).sum();
            f64::from(logits[sequence[target] as usize]) - sum.ln()
        })
        .collect()
}

#[test]
fn every_token_is_scored_as_the_policy_says() {
    for name in ["base", "qwen2", "untied"] {
        let case = case(name);
        for (batch, window) in [(1, 16), (3, 16), (2, 7), (1, 64), (2, 1)] {
            let (mut engine, program) = case.engine(batch, window, 2);
            for n in [2, 3, 8, 16, 17, 18, 24, 25, 61] {
                for start in [None, Some(0)] {
                    let text = text(n);
                    let sequence: Vec<u32> = start.into_iter().chain(text.iter().copied()).collect();
                    let expected = expected(&case, &engine, &program, &sequence, window as usize);
                    let score = score(&mut engine, &program, &text, 3 * n as u64, start).unwrap();
                    let place = format!("{name}, {batch} x {window}, {n} tokens, start {start:?}");
                    assert_eq!(score.scored, expected.len(), "{place}");
                    assert_eq!(score.tokens.len(), n, "{place}");
                    let found: Vec<f64> = score
                        .tokens
                        .iter()
                        .skip(usize::from(start.is_none()))
                        .map(|t| f64::from(t.log_probability.unwrap()))
                        .collect();
                    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                        assert!((found - expected).abs() < 2e-5, "{place}: {i}: {found}, not {expected}");
                    }
                    let nll = -expected.iter().sum::<f64>();
                    assert!((score.perplexity / (nll / expected.len() as f64).exp() - 1.0).abs() < 1e-5);
                    let bits = nll / 2f64.ln() / (3 * n) as f64;
                    assert!((score.bits_per_byte / bits - 1.0).abs() < 1e-5, "{place}");
                }
            }
        }
    }
}

#[test]
fn a_model_that_knows_nothing_is_as_perplexed_as_its_vocabulary() {
    let case = case("base");
    let (mut engine, program) = case.blank(2, 16, 1);
    let score = score(&mut engine, &program, &text(50), 98, None).unwrap();
    assert!((score.perplexity - 64.0).abs() < 1e-3, "{}", score.perplexity);
    // 49 tokens of six bits over 98 bytes.
    assert!((score.bits_per_byte - 3.0).abs() < 1e-4);
    assert_eq!((score.scored, score.window, score.stride), (49, 16, 8));
    assert_eq!(score.tokens[0].log_probability, None);
}

#[test]
fn json_has_ids_and_log_probabilities() {
    let case = case("base");
    let (mut engine, program) = case.blank(1, 16, 1);
    let score = score(&mut engine, &program, &[5, 6], 4, None).unwrap();
    let json = serde_json::to_value(&score).unwrap();
    assert_eq!(json["tokens"][0]["id"], 5);
    assert!(json["tokens"][0]["log_probability"].is_null());
    assert!(json["tokens"][1]["log_probability"].as_f64().unwrap() < 0.0);
}

#[test]
fn what_cannot_be_scored_is_an_error() {
    let case = case("base");
    let (mut engine, program) = case.engine(1, 16, 1);
    for tokens in [&[][..], &[1]] {
        let error = score(&mut engine, &program, tokens, 5, None).unwrap_err();
        assert!(matches!(error, EvalError::TooShort { tokens: n } if n == tokens.len()));
    }
    assert!(matches!(score(&mut engine, &program, &[], 0, Some(0)).unwrap_err(), EvalError::TooShort { .. }));
    assert!(score(&mut engine, &program, &[1], 1, Some(0)).is_ok());
    assert!(matches!(score(&mut engine, &program, &[1, 64], 5, None).unwrap_err(), EvalError::Engine(_)));
    let (_, other) = case.engine(2, 16, 1);
    assert!(matches!(score(&mut engine, &other, &[1, 2], 5, None).unwrap_err(), EvalError::Program(_)));
    let broken = vec![f32::NAN; engine.stored_values()];
    engine.write_stored(Stored::Parameters, 0, &broken).unwrap();
    assert!(matches!(
        score(&mut engine, &program, &[1, 2], 5, None).unwrap_err(),
        EvalError::NotFinite { .. }
    ));
}
