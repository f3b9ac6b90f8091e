//! The command line itself: help, versions, exit codes, completions, doctor, explain, closed pipes.
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

use common::{Project, run, smolc, workspace};
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

fn here(args: &[&str]) -> common::Ran {
    run(smolc(Path::new("."), args))
}

#[test]
fn version_and_help_are_printed() {
    here(&["--version"]).exits(0).prints(&["smolc 0.1.0", "plan format 1"]);
    here(&["--help"]).exits(0).prints(&["Exit codes:", "75", "smolc run specs/quickstart.smol"]);
    for command in [
        "run",
        "check",
        "plan",
        "generate",
        "score",
        "explain",
        "completions",
        "fmt",
        "fix",
        "new",
        "doc",
        "lsp",
    ] {
        here(&[command, "--help"]).exits(0).prints(&["Examples:", "smolc "]);
    }
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    for args in [
        &[][..],
        &["nonsense"],
        &["run"],
        &["check", "a.smol", "--format", "yaml"],
        &["run", "a.smol", "--set", "x"],
        &["run", "a.smol", "--threads", "0"],
        &["run", "a.smol", "--threads", "-3"],
        &["check", "a.smol", "--deny", "errors"],
        &["plan", "a.smol", "--format", "json", "--emit", "step"],
        &["generate", "m", "--prompt", "x", "--temperature", "-1"],
        &["generate", "m", "--prompt", "x", "--top-p", "0"],
        &["generate", "m"],
        &["explain"],
        &["explain", "smol::no::such"],
    ] {
        let ran = here(args);
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
        assert!(!ran.err.is_empty(), "{args:?}");
    }
}

#[test]
fn codes_are_explained_with_and_without_their_prefix() {
    let page =
        here(&["explain", "smol::mix::sum"]).exits(0).prints(&["# smol::mix::sum", "## Wrong", "## Right"]);
    assert_eq!(here(&["explain", "mix::sum"]).exits(0).out, page.out);
    here(&["explain", "mix::sun"]).exits(2).says(&["did you mean `smol::mix::sum`?"]);
    let list = here(&["explain", "--list"]).exits(0);
    assert!(list.out.lines().count() > 20 && list.out.lines().all(|l| l.starts_with("smol::")));
}

#[test]
fn completions_name_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        here(&["completions", shell]).exits(0).prints(&["smolc", "generate", "doctor", "max-tokens"]);
    }
}

#[test]
fn doctor_names_the_machine() {
    here(&["doctor"]).exits(0).prints(&[
        "CPU",
        "threads",
        "memory",
        "huge pages",
        "GPU",
        "libcuda",
        "libcublasLt",
    ]);
    let json = here(&["doctor", "--format", "json"]).exits(0).json();
    let findings = json["findings"].as_array().unwrap();
    assert!(findings.iter().all(|f| ["ok", "info", "warn"].contains(&f["level"].as_str().unwrap())));
    assert!(findings.iter().filter(|f| f["level"] == "warn").all(|f| f["fix"].is_string()), "{findings:?}");
}

#[test]
fn a_closed_pipe_is_quiet() {
    let mut child = smolc(&workspace(), &["plan", "specs/quickstart.smol", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0u8; 16];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("error") && !said.contains("panic"), "{said}");
}

#[test]
fn a_full_standard_output_is_not() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        eprintln!("SKIPPED: this system has no /dev/full");
        return;
    };
    let mut command = smolc(Path::new("."), &["explain", "--list"]);
    let output = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to standard output"));
}

#[test]
fn color_and_width_follow_the_environment() {
    let project = Project::new(30);
    project.write("bad.smol", common::spec(30).replace("80% tales", "70% tales"));
    let escape = '\u{1b}';
    let plain = project.smolc(&["check", "bad.smol"]).exits(1);
    assert!(!plain.out.contains(escape));
    assert!(project.smolc(&["--color", "always", "check", "bad.smol"]).exits(1).out.contains(escape));
    assert!(!project.smolc(&["--color", "never", "plan", "tiny.smol"]).exits(0).out.contains(escape));
    for width in ["48", "60", "120"] {
        let mut command = project.command(&["plan", "tiny.smol"]);
        command.env("COLUMNS", width);
        run(command).exits(0);
        let mut command = project.command(&["doctor"]);
        command.env("COLUMNS", width);
        run(command).exits(0);
    }
}
