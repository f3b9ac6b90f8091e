//! Whose directory it is, and what damage it survives.
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
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

fn interrupted(plan: &smolc_plan::Plan, dir: &Path, after: u64) {
    let stop = AtomicBool::new(false);
    let outcome = train(plan, dir, 1, &stop, |event| {
        if matches!(event, Event::Step(step) if step.step == after) {
            stop.store(true, Ordering::Relaxed);
        }
    });
    assert!(matches!(outcome, Ok(Outcome::Interrupted(_))));
}

fn refused(plan: &smolc_plan::Plan, dir: &Path) -> TrainError {
    train(plan, dir, 1, &AtomicBool::new(false), |_| {}).unwrap_err()
}

#[test]
fn a_changed_plan_is_refused_with_what_differs() {
    let dir = tempfile::tempdir().unwrap();
    let old = plan(2);
    interrupted(&old, dir.path(), 3);
    let before = fs::read(dir.path().join("pretrain/ledger.jsonl")).unwrap();
    let mut new = plan(2);
    new.runs[0].optimizer.weight_decay = 0.2;
    new.runs[0].stages[1].mix[0].weight = ratio(4, 10);
    new.runs[0].stages[1].mix[1].weight = ratio(6, 10);
    let error = refused(&new, dir.path());
    assert_eq!(error.exit_code(), 5);
    let text = error.to_string();
    for line in [
        "run pretrain.optimizer.weight_decay: 0.1 → 0.2",
        "run pretrain.stages.programs.mix.docs: 30% → 40%",
        "run pretrain.stages.programs.mix.code: 70% → 60%",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(fs::read(dir.path().join("pretrain/ledger.jsonl")).unwrap(), before);
    assert_eq!(smolc_train::directory::check(&new, dir.path()).unwrap_err().exit_code(), 5);

    let mut data = plan(2);
    data.datasets[1].measured.as_mut().unwrap().uid = 23;
    let error = refused(&data, dir.path());
    assert!(matches!(&error, TrainError::OtherData { dataset, .. } if dataset == "code"), "{error}");
    // The old one goes on.
    finish(&old, dir.path(), 1);
}

#[test]
fn a_directory_of_somebody_else_is_not_written_into() {
    for inside in ["", "pretrain"] {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join(inside);
        if !inside.is_empty() {
            fs::create_dir(&place).unwrap();
            fs::write(dir.path().join(".smolc"), "").unwrap();
        }
        fs::write(place.join("thesis.txt"), "years of work").unwrap();
        let error = refused(&plan(2), dir.path());
        assert!(matches!(&error, TrainError::NotOurs { found, .. } if found == "thesis.txt"), "{error}");
        assert_eq!(fs::read_dir(&place).unwrap().count(), 1);
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = refused(&plan(2), file.path());
    assert_eq!(error.exit_code(), 3, "{error}");
}

#[test]
fn two_processes_cannot_run_one_directory() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(2);
    let mut inner = None;
    train(&plan, dir.path(), 1, &AtomicBool::new(false), |event| {
        if matches!(event, Event::Step(step) if step.step == 2) {
            inner = Some(refused(&plan, dir.path()));
        }
    })
    .unwrap();
    let error = inner.unwrap();
    assert!(
        matches!(error, TrainError::Locked { process: Some(id), .. } if id == std::process::id()),
        "{error}"
    );
}

#[test]
fn a_damaged_newest_checkpoint_costs_time_and_no_bit() {
    let whole = tempfile::tempdir().unwrap();
    let plan = plan(2);
    finish(&plan, whole.path(), 1);
    let dir = tempfile::tempdir().unwrap();
    interrupted(&plan, dir.path(), 16);
    let newest = dir.path().join("pretrain/checkpoints/step-000000016/state.safetensors");
    let bytes = fs::read(&newest).unwrap();
    fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();
    finish(&plan, dir.path(), 1);
    assert_eq!(weights(dir.path()), weights(whole.path()));
    assert_eq!(story(dir.path()), story(whole.path()));
    let lines = ledger(dir.path());
    let warning = lines.iter().find(|v| v["event"] == "warning").unwrap();
    assert!(warning["message"].as_str().unwrap().contains("step-000000016"));
    assert!(lines.iter().any(|v| v["event"] == "start" && v["resumed_from"] == 14));
}

#[test]
fn without_a_usable_checkpoint_nothing_starts_over() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(2);
    interrupted(&plan, dir.path(), 16);
    for step in [14, 16] {
        let path = dir.path().join(format!("pretrain/checkpoints/step-{step:09}/MANIFEST.json"));
        fs::write(path, "{").unwrap();
    }
    let before = fs::read(dir.path().join("pretrain/ledger.jsonl")).unwrap();
    for _ in 0..2 {
        let error = refused(&plan, dir.path());
        assert!(matches!(error, TrainError::NoCheckpoint { .. }), "{error}");
        assert_eq!(error.exit_code(), 3);
    }
    assert_eq!(fs::read(dir.path().join("pretrain/ledger.jsonl")).unwrap(), before);
}

#[test]
fn a_lost_model_or_report_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(2);
    finish(&plan, dir.path(), 1);
    let before = weights(dir.path());
    fs::remove_file(dir.path().join("pretrain/report.html")).unwrap();
    assert!(matches!(finish(&plan, dir.path(), 1), Outcome::AlreadyFinished(_)));
    assert!(dir.path().join("pretrain/report.html").exists());
    fs::remove_dir_all(dir.path().join("pretrain/model")).unwrap();
    assert!(matches!(finish(&plan, dir.path(), 1), Outcome::Finished(_)));
    assert_eq!(weights(dir.path()), before);
    assert_eq!(steps(dir.path()).len() as u64, STEPS);
}

#[test]
fn a_damaged_plan_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(2);
    interrupted(&plan, dir.path(), 2);
    fs::write(dir.path().join("pretrain/plan.json"), "{\"version\": 1, ").unwrap();
    let error = refused(&plan, dir.path());
    assert!(matches!(error, TrainError::BadPlanFile { .. }), "{error}");
}
