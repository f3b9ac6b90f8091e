//! Ctrl-C: a checkpoint, exit code 75, and the same command continues.
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

use common::{Project, Ran};
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

// So many that no machine is done before the signal comes.
const STEPS: u64 = 1600;

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn spawn(project: &Project) -> Child {
    project.command(&["run", "tiny.smol"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn wait(mut child: Child) -> Ran {
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    Ran { code: child.wait().unwrap().code().unwrap_or(-1), out, err }
}

fn steps(project: &Project) -> u64 {
    project.ledger("runs/tiny").iter().filter(|l| l["event"] == "step").count() as u64
}

fn until_step(project: &Project, child: &mut Child, step: u64) {
    let patience = Instant::now();
    while steps(project) < step {
        assert!(patience.elapsed() < Duration::from_secs(300), "no step {step} after five minutes");
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_interrupted_run_continues() {
    let project = Project::new(STEPS);
    for (name, more) in [("INT", 5), ("TERM", 5)] {
        let before = steps(&project);
        let mut child = spawn(&project);
        until_step(&project, &mut child, before + more);
        signal(&child, name);
        let ran = wait(child)
            .exits(75)
            .says(&["stopping after this step"])
            .prints(&["interrupted", "run the same command"]);
        assert!(!ran.out.contains("finished"));
        let ledger = project.ledger("runs/tiny");
        let end = ledger.last().unwrap();
        assert_eq!((&end["event"], &end["status"]), (&"end".into(), &"interrupted".into()));
        let checkpoint = ledger.iter().rev().find(|l| l["event"] == "checkpoint").unwrap();
        assert_eq!(checkpoint["step"], steps(&project), "no step after the checkpoint is lost");
        assert!(!project.exists("runs/tiny/pretrain/model/model.safetensors"));
        project.smolc(&["generate", "runs/tiny", "--prompt", "x"]).exits(3).says(&["has not finished"]);
    }
    project.smolc(&["run", "tiny.smol"]).exits(0).says(&["continuing after step"]).prints(&["finished"]);
    let numbers: Vec<u64> = project
        .ledger("runs/tiny")
        .iter()
        .filter(|l| l["event"] == "step")
        .map(|l| l["step"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=STEPS).collect::<Vec<_>>());
}

#[test]
fn a_second_signal_stops_at_once_or_finds_it_stopped() {
    let project = Project::new(STEPS);
    let mut child = spawn(&project);
    until_step(&project, &mut child, 25);
    signal(&child, "INT");
    signal(&child, "INT");
    let code = wait(child).code;
    // Signals that arrive together are one.
    assert!(code == 130 || code == 75, "{code}");
    project.smolc(&["run", "tiny.smol"]).exits(0).says(&["continuing after step"]);
}
