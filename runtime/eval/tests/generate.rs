//! The decoder against full forward passes, and continuations against the oracle's.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may panic

mod common;

use common::{CASES, case, distance};
use smolc_engine::Micro;
use smolc_eval::{Decoder, EvalError, Sampling, Stop, Weights, generate};
use std::ops::ControlFlow;

/// Relative L2 of one row of logits against double precision, and against the full pass.
const BAR: f64 = 1e-5;

#[test]
fn cached_logits_are_those_of_a_full_pass_and_of_the_oracle() {
    for name in CASES {
        let case = case(name);
        let (t, v) = (case.tokens.len(), case.model.vocab as usize);
        let (mut engine, program) = case.engine(1, t as u64, 2);
        let mut full = vec![0.0; t * v];
        let positions: Vec<u32> = (0..t as u32).collect();
        let micro = Micro {
            tokens: &case.tokens,
            targets: &vec![0; t],
            weights: &vec![1.0; t],
            positions: &positions,
            document_start: &vec![0; t],
        };
        engine.logits(&micro, &mut full).unwrap();
        let context = case.model.context as usize;
        let mut decoder =
            Decoder::new(Weights::of(&engine, &program).unwrap(), &case.model, context, 2).unwrap();
        // Every way to split the text into a prompt and single tokens.
        for prompt in 1..=t {
            decoder.reset();
            for end in prompt..=t {
                let start = if end == prompt { 0 } else { end - 1 };
                let logits = decoder.read(&case.tokens[start..end]).unwrap();
                let row = (end - 1) * v..end * v;
                let (to_full, to_oracle) =
                    (distance(logits, &full[row.clone()]), distance(logits, &case.logits[row]));
                assert!(
                    to_full <= BAR,
                    "{name}: prompt {prompt}, token {end}: {to_full:e} from the full pass"
                );
                assert!(
                    to_oracle <= BAR,
                    "{name}: prompt {prompt}, token {end}: {to_oracle:e} from the oracle"
                );
            }
        }
    }
}

#[test]
fn greedy_continuations_are_the_oracles() {
    for name in CASES {
        let case = case(name);
        let (engine, program) = case.engine(1, 8, 1);
        let context = case.model.context as usize;
        let mut decoder =
            Decoder::new(Weights::of(&engine, &program).unwrap(), &case.model, context, 2).unwrap();
        let mut seen = Vec::new();
        let mut watch = |token| {
            seen.push(token);
            ControlFlow::Continue(())
        };
        let n = case.greedy.len();
        let out =
            generate(&mut decoder, &case.tokens[..8], &Sampling::default(), n, &[], &mut watch).unwrap();
        assert_eq!(out.tokens, case.greedy, "{name}");
        assert_eq!((out.stop, seen), (Stop::MaxTokens, case.greedy), "{name}");
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let case = case("qwen2");
    let (engine, program) = case.engine(1, 8, 1);
    let run = |threads| {
        let weights = Weights::of(&engine, &program).unwrap();
        let mut decoder = Decoder::new(weights, &case.model, 32, threads).unwrap();
        let mut bits = Vec::new();
        for part in [&case.tokens[..9], &case.tokens[9..12]] {
            bits.extend(decoder.read(part).unwrap().iter().map(|l| l.to_bits()));
        }
        bits
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn every_reason_to_stop() {
    let case = case("base");
    let (engine, program) = case.engine(1, 8, 1);
    let prompt = &case.tokens[..8];
    let mut decoder = Decoder::new(Weights::of(&engine, &program).unwrap(), &case.model, 12, 1).unwrap();
    let go = |_| ControlFlow::Continue(());
    let greedy = Sampling::default();
    let out = generate(&mut decoder, prompt, &greedy, 100, &[], &mut { go }).unwrap();
    // Four more fit into the context, and the last position gives a fifth.
    assert_eq!((out.tokens.as_slice(), out.stop), (&case.greedy[..5], Stop::Context));
    let out = generate(&mut decoder, prompt, &greedy, 100, &case.greedy[2..3], &mut { go }).unwrap();
    assert_eq!((out.tokens.as_slice(), out.stop), (&case.greedy[..2], Stop::EndOfText));
    let out = generate(&mut decoder, prompt, &greedy, 100, &[], &mut |_| ControlFlow::Break(())).unwrap();
    assert_eq!((out.tokens.as_slice(), out.stop), (&case.greedy[..1], Stop::Caller));
    let out = generate(&mut decoder, prompt, &greedy, 0, &[], &mut { go }).unwrap();
    assert_eq!((out.tokens.len(), out.stop), (0, Stop::MaxTokens));
    // A prompt that fills the context.
    let out = generate(&mut decoder, &case.tokens[..12], &greedy, 9, &[], &mut { go }).unwrap();
    assert_eq!((out.tokens.len(), out.stop), (1, Stop::Context));
}

#[test]
fn sampling_repeats_with_its_seed() {
    let case = case("base");
    let (engine, program) = case.engine(1, 8, 1);
    let mut decoder = Decoder::new(Weights::of(&engine, &program).unwrap(), &case.model, 64, 2).unwrap();
    let mut run = |seed| {
        let sampling = Sampling { temperature: 1.0, top_p: 0.95, seed, ..Sampling::default() };
        let go = &mut |_| ControlFlow::Continue(());
        generate(&mut decoder, &case.tokens[..3], &sampling, 30, &[], go).unwrap().tokens
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn mistakes_are_errors_and_leave_the_decoder_usable() {
    let case = case("base");
    let (engine, program) = case.engine(1, 8, 1);
    let weights = || Weights::of(&engine, &program).unwrap();
    assert!(matches!(Decoder::new(weights(), &case.model, 0, 1), Err(EvalError::Option { .. })));
    assert!(matches!(Decoder::new(weights(), &case.model, 65, 1), Err(EvalError::Option { .. })));
    let mut other = case.model.clone();
    other.ffn += 1;
    assert!(matches!(Decoder::new(weights(), &other, 8, 1), Err(EvalError::Program(_))));
    other = case.model.clone();
    other.layers += 1;
    assert!(matches!(Decoder::new(weights(), &other, 8, 1), Err(EvalError::Program(_))));

    let mut decoder = Decoder::new(weights(), &case.model, 8, 1).unwrap();
    assert!(matches!(decoder.read(&[]), Err(EvalError::EmptyPrompt)));
    assert!(matches!(decoder.read(&[1; 9]), Err(EvalError::PromptTooLong { tokens: 9, context: 8 })));
    assert!(matches!(decoder.read(&[3, 64]), Err(EvalError::UnknownToken { token: 64, vocab: 64 })));
    assert_eq!(decoder.position(), 0);
    let first = decoder.read(&case.tokens[..8]).unwrap().to_vec();
    assert!(matches!(decoder.read(&[1]), Err(EvalError::ContextFull { context: 8 })));
    decoder.reset();
    assert_eq!(decoder.read(&case.tokens[..8]).unwrap(), first);
}

#[test]
fn damaged_weights_are_found() {
    let case = case("base");
    let (mut engine, program) = case.engine(1, 8, 1);
    let norm = vec![f32::NAN; case.model.hidden as usize];
    engine.set_parameter("model.norm.weight", &norm).unwrap();
    let mut decoder = Decoder::new(Weights::of(&engine, &program).unwrap(), &case.model, 8, 1).unwrap();
    let go = &mut |_| ControlFlow::Continue(());
    let out = generate(&mut decoder, &[1, 2], &Sampling::default(), 3, &[], go);
    assert!(matches!(out, Err(EvalError::NotFinite { position: 2 })));
}
