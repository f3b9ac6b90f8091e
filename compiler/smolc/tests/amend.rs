//! `smolc amend` and `smolc diff`: the past is proved unchanged, or the amendment refused.
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
#![cfg(unix)]

mod common;

use common::{Project, spec};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::Duration;

const STEPS: u64 = 600;
const FIRST_STAGE: u64 = 400;

fn steps(project: &Project) -> Vec<u64> {
    let ledger = project.ledger("runs/tiny");
    ledger.iter().filter(|l| l["event"] == "step").map(|l| l["step"].as_u64().unwrap()).collect()
}

/// A run that stands in its first stage, with a checkpoint there. A fast machine may be past the stage before the
/// interrupt reaches it; then another is begun.
fn interrupted(project: &Project) -> u64 {
    for _ in 0..20 {
        if let Some(done) = interrupt(project) {
            return done;
        }
        std::fs::remove_dir_all(project.path().join("runs")).unwrap();
    }
    panic!("twenty runs were past their first stage before an interrupt reached them");
}

/// Runs until some steps are made, then interrupts; the step it stands at, if that is in the first stage.
fn interrupt(project: &Project) -> Option<u64> {
    let mut command = project.command(&["run", "tiny.smol"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while child.try_wait().unwrap().is_none() && steps(project).len() < 15 {
        std::thread::sleep(Duration::from_millis(5));
    }
    // A child that has just ended is still there to be signaled until it is waited for.
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let code = child.wait().unwrap().code();
    assert!(code == Some(75) || code == Some(0), "{code:?}");
    let done = *steps(project).last().unwrap();
    (code == Some(75) && done < FIRST_STAGE).then_some(done)
}

#[test]
fn a_later_stage_is_amended_and_the_run_goes_on_as_if_it_had_always_been_so() {
    let project = Project::new(STEPS);
    let done = interrupted(&project);
    let new = spec(STEPS).replace("30% tales + 70% lists", "55% tales + 45% lists");
    project.write("tiny.smol", &new);
    project.smolc(&["run", "tiny.smol"]).exits(5);

    let before = project.read("runs/tiny/pretrain/plan.json");
    let shown = project.smolc(&["amend", "runs/tiny", "tiny.smol"]).exits(0);
    shown.prints(&[
        "the past is unchanged",
        "draws compared",
        "from step 401 (token 102,400) on",
        "30% → 55%",
    ]);
    assert_eq!(project.read("runs/tiny/pretrain/plan.json"), before, "nothing is written without --apply");
    let json =
        project.smolc(&["amend", "runs/tiny/pretrain", "tiny.smol", "--format", "json"]).exits(0).json();
    assert_eq!((&json["accepted"], &json["applied"]), (&true.into(), &false.into()));
    assert_eq!(json["runs"][0]["steps_made"], done);
    assert_eq!(json["runs"][0]["past"], Value::Array(vec![]));
    assert_eq!(json["runs"][0]["future"][0]["from_token"], 400 * 256);

    project.smolc(&["amend", "runs/tiny", "tiny.smol", "--apply"]).exits(0).prints(&["amended"]);
    project
        .smolc(&["amend", "runs/tiny", "tiny.smol", "--apply"])
        .exits(0)
        .prints(&["the one that is there"]);
    project.smolc(&["run", "tiny.smol"]).exits(0).says(&["continuing after step"]).prints(&["finished"]);
    assert_eq!(steps(&project), (1..=STEPS).collect::<Vec<_>>());
    let ledger = project.ledger("runs/tiny");
    let amendments: Vec<&Value> = ledger.iter().filter(|l| l["event"] == "amendment").collect();
    assert_eq!(amendments.len(), 1);
    assert_eq!(amendments[0]["step"], done);
    assert!(amendments[0]["changes"][0].as_str().unwrap().contains("30% → 55%"));
    assert!(project.read("runs/tiny/pretrain/report.html").contains("amended after step"));

    // The same bits as a run that had the new plan from its first step on.
    project.smolc(&["run", "tiny.smol", "--out", "fresh"]).exits(0);
    let weights =
        |dir: &str| std::fs::read(project.path().join(dir).join("pretrain/model/model.safetensors"));
    assert!(weights("runs/tiny").unwrap() == weights("fresh").unwrap());
}

#[test]
fn an_amendment_of_the_past_is_refused_with_what_differs() {
    let project = Project::new(STEPS);
    let done = interrupted(&project);
    let before =
        (project.read("runs/tiny/pretrain/plan.json"), project.read("runs/tiny/pretrain/ledger.jsonl"));
    for (from, to, said) in [
        ("80% tales + 20% lists", "70% tales + 30% lists", "stages.first.mix.tales: 80% → 70%"),
        ("seed: 42", "seed: 43", "seed: 42 → 43"),
        ("= 4e-3", "= 5e-3", ".lr"),
        ("micro_batch: 4", "micro_batch: 8", "batch.micro: 4 → 8"),
        ("text(\"tales.txt\")", "text(\"lists.txt\")", "dataset tales"),
    ] {
        project.write("new.smol", spec(STEPS).replace(from, to));
        let ran = project.smolc(&["amend", "runs/tiny", "new.smol", "--apply"]).exits(5);
        ran.prints(&["of the past, this differs", said]).says(&[&format!("{done} steps"), "--out"]);
    }
    let after =
        (project.read("runs/tiny/pretrain/plan.json"), project.read("runs/tiny/pretrain/ledger.jsonl"));
    assert!(before == after && !project.exists("runs/tiny/pretrain/amendments.json"));
    project.smolc(&["amend", "nowhere", "tiny.smol"]).exits(3).says(&["nowhere"]);
    project.smolc(&["amend", ".", "tiny.smol"]).exits(3).says(&["plan.json"]);
}

/// First step (0-based) that each change touches, of a run of 600 steps in stages of 400 and 200.
#[test]
fn each_difference_has_the_step_it_begins_to_matter() {
    let project = Project::new(STEPS);
    let rate =
        |text: String| text.replace("wsd(peak: peak, warmup: 10 steps, decay: 20%)", "at t => peak * 0.5");
    let old = rate(spec(STEPS)).replace("peak * 0.5", "peak * 0.5 * 1");
    project.write("old.smol", &old);
    let more = r#"dataset more = text("more.txt")
tokenizer syllables"#;
    let cases: [(&str, &str, &str, Option<u64>); 14] = [
        (
            "weight_decay: 0.1",
            "weight_decay: at t => if t < 77 steps then 0.1 else 0.2",
            ".weight_decay",
            Some(77),
        ),
        (
            "stage second for 200 steps",
            "stage second for 120..200 steps until loss.ema(10 steps) < 0.1",
            "stages.second.until",
            Some(520),
        ),
        ("checkpoint: every 20 steps", "checkpoint: every 30 steps", "checkpoints.every", None),
        ("validate: every 50 steps", "validate: every 40 steps", "validation.every", None),
        ("30% tales + 70% lists", "40% tales + 60% lists", "stages.second.mix.tales", Some(400)),
        ("stage second for 200 steps", "stage second for 300 steps", "stages.second.steps", Some(600)),
        ("stage second for 200 steps", "stage second for 150 steps", ".steps", Some(550)),
        ("stage second", "stage other", "stages.second", Some(400)),
        ("stage first for 400 steps", "stage first for 380 steps", "stages.first.steps", Some(380)),
        ("peak * 0.5 * 1", "peak * (if t < 123 steps then 0.5 else 0.25)", ".lr", Some(123)),
        ("clip: 1.0", "clip: 2.0", "optimizer.clip", Some(0)),
        ("hidden: 32", "hidden: 64", "model.hidden", Some(0)),
        ("text(\"lists.txt\")", "text(\"lists.txt\") { tokens: 9000 }", "dataset lists.stated_tokens", None),
        ("tokenizer syllables", more, "dataset more", Some(400)),
    ];
    for (from, to, path, first) in cases {
        let mut new = old.replace(from, to);
        if path == "dataset more" {
            new = new.replace("30% tales + 70% lists", "30% tales + 60% lists + 10% more");
        }
        assert_ne!(new, old, "{from}");
        project.write("new.smol", &new);
        let json = project.smolc(&["diff", "old.smol", "new.smol", "--format", "json"]).exits(0).json();
        assert_eq!(json["same"], false, "{to}");
        let changes = json["runs"][0]["changes"].as_array().unwrap();
        let found = changes.iter().find(|c| c["path"].as_str().unwrap().contains(path));
        let found = found.unwrap_or_else(|| panic!("{to}: {changes:#?}"));
        assert_eq!(found["from_step"].as_u64(), first, "{to}: {changes:#?}");
        // Nothing else of the same change reaches further back.
        let least = changes.iter().filter_map(|c| c["from_step"].as_u64()).min();
        assert!(least >= first || first.is_none() && least.is_none(), "{to}: {changes:#?}");
    }
    let text = project.smolc(&["diff", "old.smol", "old.smol"]).exits(0);
    text.prints(&["no difference"]);
    project.write("new.smol", old.replace("30% tales + 70% lists", "40% tales + 60% lists"));
    project
        .smolc(&["diff", "old.smol", "new.smol"])
        .exits(0)
        .prints(&["30% → 40%", "first 400 steps (102,400 tokens)"]);
}

/// A run that begins from another is another run when the other is, before the place where it begins.
#[test]
fn a_difference_of_a_run_is_one_of_the_runs_that_begin_from_it() {
    let project = Project::new(STEPS);
    let child = "run child from pretrain at 500 steps {\n  stage rest for 100 steps { mix: 100% lists }\n}\n";
    let old = format!("{}{child}", spec(STEPS));
    project.write("old.smol", &old);
    for (from, to, begins) in [
        ("30% tales + 70% lists", "40% tales + 60% lists", Some("pretrain, which differs from step 401 on")),
        ("clip: 1.0", "clip: 2.0", None),
        ("checkpoint: every 20 steps", "checkpoint: every 25 steps", None),
    ] {
        project.write("new.smol", old.replace(from, to));
        let ran = project.smolc(&["diff", "old.smol", "new.smol"]).exits(0);
        let line = ran.out.lines().find(|l| l.starts_with("run child")).unwrap();
        match begins {
            Some(text) => assert!(line.contains(text), "{line}"),
            None if from.starts_with("checkpoint") => {
                assert!(line.contains("same steps under both"), "{line}")
            }
            None => assert!(line.contains("differs from its first step on"), "{line}"),
        }
        assert_eq!(ran.err, "", "a comparison says nothing about each spec alone");
    }
}
