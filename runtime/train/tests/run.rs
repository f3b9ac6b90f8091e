//! A whole run: its events, its files, its bits.
// Helpers of tests count as code to clippy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::wildcard_enum_match_arm
)]

mod common;

use common::*;
use smolc_train::event::Event;
use smolc_train::{Outcome, TrainError};
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_run_finishes_and_says_so_the_second_time() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(2);
    let mut seen = Vec::new();
    let outcome = train(&plan, dir.path(), 2, &AtomicBool::new(false), |e| seen.push(e.clone())).unwrap();
    let Outcome::Finished(end) = outcome else { panic!("{outcome:?}") };
    assert_eq!(end.step, STEPS);
    assert_eq!(end.final_loss_steps, 1);
    let (loss, entropy) = (end.final_loss.unwrap(), end.unigram_entropy.unwrap());
    assert!(loss < entropy && entropy <= (VOCAB as f64).ln(), "{loss} {entropy}");
    for file in ["plan.json", "ledger.jsonl", "report.html", "model/config.json", "model/model.safetensors"] {
        assert!(dir.path().join("pretrain").join(file).exists(), "{file}");
    }
    assert_eq!(seen.len(), ledger(dir.path()).len());

    let before = std::fs::read(dir.path().join("pretrain/ledger.jsonl")).unwrap();
    let again = finish(&plan, dir.path(), 2);
    assert_eq!(again, Outcome::AlreadyFinished(end));
    assert_eq!(std::fs::read(dir.path().join("pretrain/ledger.jsonl")).unwrap(), before);
}

#[test]
fn ledger_lines_have_the_fields_of_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    finish(&plan(2), dir.path(), 1);
    let lines = ledger(dir.path());
    assert_eq!(lines[0]["event"], "start");
    assert!(lines[0]["resumed_from"].is_null());
    assert_eq!(lines[1]["event"], "stage");
    let last = lines.last().unwrap();
    assert_eq!((last["event"].as_str(), last["status"].as_str()), (Some("end"), Some("finished")));
    assert!(last["unigram_entropy"].is_number() && last["final_loss"].is_number());
    let of = |event: &str| lines.iter().filter(|v| v["event"] == event).collect::<Vec<_>>();
    assert_eq!(of("step").len() as u64, STEPS);
    for (i, line) in of("step").iter().enumerate() {
        assert_eq!(line["step"], i + 1);
        assert_eq!(line["tokens"].as_u64().unwrap(), (i as u64 + 1) * SEQUENCES * WINDOW);
        assert_eq!(line["stage"], if i < 18 { "prose" } else { "programs" });
        for key in ["loss", "lr", "grad_norm", "tokens_per_second", "time"] {
            assert!(line[key].is_number(), "{key}");
        }
    }
    // The first update sees t = 0.
    assert_eq!(of("step")[0]["lr"], 1e-2 * (1.0 / 5.0));
    // At intervals of 10, and at both stage ends (18 and 30, which is also an interval).
    let validations: Vec<u64> = of("validation").iter().map(|v| v["step"].as_u64().unwrap()).collect();
    assert_eq!(validations, [10, 10, 18, 18, 20, 20, 30, 30]);
    assert!(
        of("validation")
            .iter()
            .all(|v| v["dataset"].is_string() && v["loss"].is_number() && v["tokens"].is_number())
    );
    let checkpoints: Vec<u64> = of("checkpoint").iter().map(|v| v["step"].as_u64().unwrap()).collect();
    assert_eq!(checkpoints, [7, 14, 18, 21, 28, 30]);
    assert_eq!(of("stage").len(), 2);
    let kept = smolc_train::checkpoint::list(&dir.path().join("pretrain/checkpoints")).unwrap();
    assert_eq!(kept, [28, 30]);
}

#[test]
fn stopping_after_any_step_and_going_on_changes_no_bit() {
    let plan = plan(2);
    let whole = tempfile::tempdir().unwrap();
    finish(&plan, whole.path(), 1);
    for k in 1..STEPS {
        let dir = tempfile::tempdir().unwrap();
        let stop = AtomicBool::new(false);
        let outcome = train(&plan, dir.path(), 1, &stop, |event| {
            if event.step() == Some(k) && matches!(event, Event::Step(_)) {
                stop.store(true, Ordering::Relaxed);
            }
        });
        assert!(matches!(outcome, Ok(Outcome::Interrupted(end)) if end.step == k), "{k}");
        let Outcome::Finished(_) = finish(&plan, dir.path(), 1) else { panic!("{k}") };
        assert_eq!(weights(dir.path()), weights(whole.path()), "{k}");
        assert_eq!(story(dir.path()), story(whole.path()), "{k}");
        assert!(ledger(dir.path()).iter().any(|v| v["event"] == "start" && v["resumed_from"] == k));
    }
}

/// A process that dies right after any event, without a word: the next one goes on from the newest checkpoint.
#[test]
fn dying_after_any_event_and_going_on_changes_no_bit() {
    let plan = plan(2);
    let whole = tempfile::tempdir().unwrap();
    finish(&plan, whole.path(), 1);
    let events = ledger(whole.path()).len();
    for victim in 0..events {
        let dir = tempfile::tempdir().unwrap();
        let death = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut count = 0;
            train(&plan, dir.path(), 1, &AtomicBool::new(false), |_| {
                count += 1;
                assert!(count <= victim, "dies here");
            })
        }));
        assert!(death.is_err());
        // A kill in the middle of a write leaves a torn line and half a checkpoint too.
        let path = dir.path().join("pretrain/ledger.jsonl");
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_slice(br#"{"event":"step","st"#);
        std::fs::write(&path, text).unwrap();
        let half = dir.path().join("pretrain/checkpoints/.smolc-checkpoint.tmp");
        std::fs::create_dir(&half).unwrap();
        std::fs::write(half.join("state.safetensors"), b"half").unwrap();

        finish(&plan, dir.path(), 1);
        assert_eq!(weights(dir.path()), weights(whole.path()), "{victim}");
        assert_eq!(story(dir.path()), story(whole.path()), "{victim}");
        assert!(!half.exists());
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let plan = plan(2);
    let runs: Vec<_> = [1, 2, 3]
        .map(|threads| {
            let dir = tempfile::tempdir().unwrap();
            finish(&plan, dir.path(), threads);
            (weights(dir.path()), steps(dir.path()))
        })
        .into();
    assert!(runs.iter().all(|run| *run == runs[0]));
}

#[test]
fn the_split_into_micro_batches_changes_the_loss_by_rounding_only() {
    let losses: Vec<Vec<f64>> = [1, 2, 4]
        .map(|micro| {
            let dir = tempfile::tempdir().unwrap();
            finish(&plan(micro), dir.path(), 1);
            steps(dir.path()).iter().map(|s| f64::from_bits(s.1)).collect()
        })
        .into();
    for other in &losses[1..] {
        // The first loss has seen no update: only the order of its sum differs.
        assert!((other[0] - losses[0][0]).abs() < 1e-6 * losses[0][0]);
        for (a, b) in other.iter().zip(&losses[0]) {
            assert!((a - b).abs() < 1e-4 * b, "{a} {b}");
        }
    }
}

#[test]
fn a_numerical_fault_stops_before_the_bad_update() {
    use smolc_expr::{Binary, Expr};
    let dir = tempfile::tempdir().unwrap();
    let mut plan = plan(2);
    let early = Expr::Binary(Binary::Lt, Box::new(Expr::Var("t".into())), Box::new(Expr::Const(3.0)));
    plan.runs[0].lr.expr =
        Expr::Select(Box::new(early), Box::new(Expr::Const(1e-3)), Box::new(Expr::Const(1e30)));
    for _ in 0..2 {
        let error = train(&plan, dir.path(), 1, &AtomicBool::new(false), |_| {}).unwrap_err();
        assert_eq!(error.exit_code(), 4);
        let text = error.to_string();
        let TrainError::Fault(fault) = error else { panic!("{text}") };
        // Update 4 has the absurd rate; its result is what step 5 computes with.
        assert_eq!((fault.step, fault.stage.as_str(), fault.samples), (5, "prose", (16, 20)));
        assert_eq!(fault.mix.iter().map(|m| m.1).sum::<u64>(), SEQUENCES);
        assert!(text.contains("step 5") && text.contains("docs") && text.contains("16..20"), "{text}");
        assert_eq!(smolc_train::checkpoint::list(&dir.path().join("pretrain/checkpoints")).unwrap(), [4]);
        let lines = ledger(dir.path());
        assert_eq!(lines.last().unwrap()["status"], "numerical fault");
        assert_eq!(steps(dir.path()).len(), 4);
    }
    plan.runs[0].lr.expr = Expr::Const(-1.0);
    let other = tempfile::tempdir().unwrap();
    let error = train(&plan, other.path(), 1, &AtomicBool::new(false), |_| {}).unwrap_err();
    assert!(matches!(error, TrainError::LearningRate { step: 1, .. }), "{error}");
}
