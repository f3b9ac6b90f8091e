//! `smolc check`: diagnostics, their JSON, exit codes.
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

use common::{Project, Ran, run, smolc, spec, workspace};
use serde_json::Value;
use std::collections::HashSet;

#[test]
fn the_specs_of_the_repository_are_right() {
    for name in ["specs/quickstart.smol", "specs/smollm2-1.7b.smol"] {
        let json = run(smolc(&workspace(), &["check", name, "--format", "json"])).exits(0).json();
        assert_eq!(json["summary"]["errors"], 0, "{name}: {json:#}");
    }
}

#[test]
fn the_readme_has_a_spec_without_errors() {
    let readme = std::fs::read_to_string(workspace().join("README.md")).unwrap();
    let begin = readme.find("```smol\n").unwrap() + "```smol\n".len();
    let text = &readme[begin..];
    let project = Project::new(30);
    project.write("readme.smol", &text[..text.find("```").unwrap()]);
    project.write("books/a.md", "text");
    project.write("src/a.rs", "text");
    project.smolc(&["check", "readme.smol"]).exits(0).prints(&["ok readme"]);
}

/// Ten different mistakes, each named and none hiding another.
const TEN: &[(&str, &str)] = &[
    ("param peak: Rate = 4e-3", "param peak: Rate = 4e-3 tokens"),
    ("use std.schedules.{wsd}", "use std.schedules.{wsd, wdd}"),
    ("bpe { vocab: 320,", "bpe { vocabs: 320,"),
    ("betas: [0.9, 0.95]", "betas: 0.9"),
    ("ffn: 64", "fnn: 64"),
    ("micro_batch: 4 sequences", "micro_batch: 4 steps"),
    ("warmup: 10 steps", "warmup: 10 bytes"),
    ("80% tales + 20% lists", "80% tales + 10% lists"),
    ("mix: 30% tales + 70% lists", "mix: 30% tales + 70% list"),
    ("seed: 42", "seed: 42 43"),
];

fn ten() -> Project {
    let project = Project::new(30);
    let mut text = spec(30);
    for (right, wrong) in TEN {
        assert!(text.contains(right), "{right}");
        text = text.replace(right, wrong);
    }
    project.write("ten.smol", text);
    project
}

#[test]
fn ten_mistakes_are_reported_in_one_go() {
    let project = ten();
    let json = project.smolc(&["check", "ten.smol", "--format", "json"]).exits(1).json();
    let found = json["diagnostics"].as_array().unwrap();
    let lines: HashSet<u64> = found
        .iter()
        .filter(|d| d["severity"] == "error")
        .map(|d| d["span"]["start"]["line"].as_u64().unwrap())
        .collect();
    let text = project.read("ten.smol");
    for (_, wrong) in TEN {
        let line = text.lines().position(|l| l.contains(wrong)).unwrap() as u64 + 1;
        // A mistake in the model's fields may be reported where the model begins.
        assert!(lines.contains(&line), "nothing on line {line} (`{wrong}`): {lines:?}");
    }
    // The same mistakes, for people.
    let shown = project.smolc(&["check", "ten.smol"]).exits(1);
    let summary = shown.out.lines().last().unwrap();
    assert!(summary.contains(&format!("{} errors", json["summary"]["errors"])), "{summary}");
    // `run` refuses it before it makes a directory.
    project.smolc(&["run", "ten.smol"]).exits(1);
    assert!(!project.exists("runs"));
}

fn position(value: &Value) {
    for key in ["line", "column"] {
        assert!(value[key].as_u64().is_some_and(|n| n >= 1), "{key} of {value}");
    }
    assert!(value["byte"].is_u64(), "{value}");
}

fn span(value: &Value) {
    position(&value["start"]);
    position(&value["end"]);
    assert!(value["start"]["byte"].as_u64() <= value["end"]["byte"].as_u64());
}

/// The shape that other tools read.
fn schema(ran: &Ran) {
    let json = ran.json();
    assert_eq!(json["version"], 1);
    let (mut errors, mut warnings) = (0, 0);
    for d in json["diagnostics"].as_array().unwrap() {
        assert!(d["code"].as_str().unwrap().starts_with("smol::"));
        assert!(d["message"].is_string() && d["file"].is_string());
        match d["severity"].as_str().unwrap() {
            "error" => errors += 1,
            "warning" => warnings += 1,
            other => assert_eq!(other, "info"),
        }
        span(&d["span"]);
        for label in d["labels"].as_array().unwrap() {
            assert!(label["file"].is_string() && label["text"].is_string());
            span(&label["span"]);
        }
        assert!(d["help"].as_array().unwrap().iter().all(Value::is_string));
        assert!(d["url"].is_string() || d["url"].is_null());
        let fix = d.get("fix").expect("`fix` is there, if only as null");
        if !fix.is_null() {
            assert!(["safe", "unsafe"].contains(&fix["applicability"].as_str().unwrap()));
            for edit in fix["edits"].as_array().unwrap() {
                assert!(edit["file"].is_string() && edit["text"].is_string());
                span(&edit["span"]);
            }
        }
    }
    assert_eq!(json["summary"]["errors"], errors);
    assert_eq!(json["summary"]["warnings"], warnings);
}

#[test]
fn json_has_its_documented_shape() {
    let project = ten();
    schema(&project.smolc(&["check", "ten.smol", "--format", "json"]).exits(1));
    schema(&project.smolc(&["check", "tiny.smol", "--format", "json"]).exits(0));
    schema(&project.smolc(&["check", "missing.smol", "--format", "json"]).exits(3));
}

#[test]
fn sarif_says_what_json_says() {
    let project = ten();
    let json = project.smolc(&["check", "ten.smol", "--format", "json"]).exits(1).json();
    let log = project.smolc(&["check", "ten.smol", "--format", "sarif"]).exits(1).json();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "smolc");
    let (results, all) = (run["results"].as_array().unwrap(), json["diagnostics"].as_array().unwrap());
    assert_eq!(results.len(), all.len());
    for (result, d) in results.iter().zip(all) {
        assert_eq!(result["ruleId"], d["code"]);
        assert!(result["message"]["text"].as_str().unwrap().starts_with(d["message"].as_str().unwrap()));
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], d["file"]);
        assert_eq!(place["region"]["startLine"], d["span"]["start"]["line"]);
        assert_eq!(place["region"]["startColumn"], d["span"]["start"]["column"]);
        assert_eq!(result["fixes"].is_array(), d["fix"].is_object());
    }
}

/// miette's own handler turns to prose by this variable, and to other drawings by others; ours is chosen by `--format` alone.
#[test]
fn the_environment_does_not_choose_the_renderer() {
    let project = ten();
    let plain = project.smolc(&["check", "ten.smol"]).exits(1).out;
    assert!(plain.contains("╭─["), "{plain}");
    for (name, value) in [("NO_GRAPHICS", "1"), ("CLICOLOR", "0"), ("FORCE_HYPERLINK", "1"), ("LANG", "C")] {
        let mut command = project.command(&["check", "ten.smol"]);
        command.env(name, value);
        assert_eq!(common::run(command).exits(1).out, plain, "{name}");
    }
}

#[test]
fn columns_count_characters_and_bytes_count_bytes() {
    let project = Project::new(30);
    // `é` and `漢` stand before the mistake on its line.
    project.write("wide.smol", spec(30).replace("  seed: 42\n", "  /* é漢 */ sed: 42\n"));
    let json = project.smolc(&["check", "wide.smol", "--format", "json"]).json();
    let text = project.read("wide.smol");
    for d in json["diagnostics"].as_array().unwrap() {
        let start = &d["span"]["start"];
        let byte = start["byte"].as_u64().unwrap() as usize;
        let before = &text[..byte];
        let line = before.matches('\n').count() as u64 + 1;
        let column = before.rsplit('\n').next().unwrap().chars().count() as u64 + 1;
        assert_eq!((start["line"].as_u64(), start["column"].as_u64()), (Some(line), Some(column)));
    }
}

#[test]
fn a_spec_that_cannot_be_read_is_a_diagnostic() {
    let project = Project::new(30);
    project.write("latin.smol", b"smol 1\n// caf\xe9\n");
    std::fs::create_dir(project.path().join("folder.smol")).unwrap();
    for name in ["missing.smol", "latin.smol", "folder.smol"] {
        let ran = project.smolc(&["check", name, "--format", "json"]).exits(3);
        assert_eq!(ran.json()["diagnostics"][0]["code"], "smol::file::read", "{name}");
        project.smolc(&["run", name]).exits(3).says(&[name]);
        project.smolc(&["plan", name]).exits(3).says(&[name]);
    }
}

#[test]
fn an_empty_file_and_binary_noise_are_no_trouble() {
    let project = Project::new(30);
    project.write("empty.smol", "");
    let code = project.smolc(&["check", "empty.smol"]).code;
    assert!(code == 0 || code == 1);
    project.smolc(&["plan", "empty.smol"]).exits(1);
    project.write("noise.smol", "\u{0}\u{1}{{{{)))) \u{fffd} 90% + + stage run run {\n\r\n\t%%%");
    project.smolc(&["check", "noise.smol"]).exits(1);
}

#[test]
fn warnings_fail_only_when_denied() {
    let project = Project::new(30);
    // A name nobody uses.
    project.write("warn.smol", spec(30).replace("run pretrain", "let spare = 3\nrun pretrain"));
    let json = project.smolc(&["check", "warn.smol", "--format", "json"]).exits(0).json();
    assert!(json["summary"]["warnings"].as_u64() >= Some(1), "{json:#}");
    project.smolc(&["check", "warn.smol", "--deny", "warnings"]).exits(1);
    project.smolc(&["plan", "warn.smol", "--deny", "warnings"]).exits(1);
    let one =
        project.smolc(&["check", "warn.smol", "--deny", "mix::starved", "--deny", "name::unused"]).exits(1);
    assert!(one.out.contains("denied"), "{one:?}");
    project.smolc(&["check", "warn.smol", "--deny", "smol::mix::starved"]).exits(0);
    project.smolc(&["check", "warn.smol", "--deny", "mix::sum"]).exits(2).says(&["is an error"]);
    project.smolc(&["check", "warn.smol", "--deny", "name::unusd"]).exits(2).says(&["smol::name::unused"]);
}

#[test]
fn short_lines_are_what_editors_parse() {
    let project = ten();
    let ran = project.smolc(&["check", "ten.smol", "--format", "short"]).exits(1);
    for line in ran.out.lines() {
        let mut parts = line.splitn(4, ':');
        assert_eq!(parts.next(), Some("ten.smol"));
        assert!(
            parts.next().unwrap().parse::<u32>().is_ok() && parts.next().unwrap().parse::<u32>().is_ok(),
            "{line}"
        );
        assert!(line.contains("smol::"), "{line}");
    }
}

#[test]
fn parameters_are_set_from_the_command_line() {
    let project = Project::new(30);
    project.smolc(&["check", "tiny.smol", "--set", "peak=1e-3"]).exits(0);
    project.smolc(&["check", "tiny.smol", "--set", "peek=1e-3"]).exits(1).prints(&["peek"]);
    project.smolc(&["check", "tiny.smol", "--set", "peak=fast"]).exits(1);
    let rate = |args: &[&str]| project.smolc(args).exits(0).out;
    let (a, b) = (rate(&["plan", "tiny.smol"]), rate(&["plan", "tiny.smol", "--set", "peak=1e-3"]));
    assert!(a.contains("4e-3") && !b.contains("4e-3"), "{b}");
}

/// Of dozens of sources that lie in one missing directory a few are named.
#[test]
fn missing_sources_are_told_by_a_few_names() {
    let project = Project::new(30);
    let names: Vec<String> = (0..9).map(|i| format!("d{i}")).collect();
    let sets: String = names.iter().map(|n| format!("dataset {n} = text(\"nowhere/{n}.txt\")\n")).collect();
    let mix: Vec<String> = names.iter().map(|n| format!("2% {n}")).collect();
    let spec =
        project.read("tiny.smol").replace("tokenizer syllables", &format!("{sets}tokenizer syllables"));
    project.write("many.smol", spec.replace("80% tales", &format!("62% tales + {}", mix.join(" + "))));
    let ran = project.smolc(&["check", "many.smol", "--format", "short"]).exits(0);
    ran.prints(&["no file matches the sources of `d0`, `d1`, `d2`, `d3`, `d4` and 4 others"]);
}
