//! `fmt`, `fix`, `new` and `doc`: output, exit codes and files of the real binary.
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

use common::Project;
use std::io::Write;
use std::process::Stdio;

#[test]
fn files_are_laid_out_in_place_and_only_once() {
    let p = Project::new(3);
    p.write("a.smol", "smol 1\nlet   a=1 // one\n");
    p.write("deep/b.smol", "smol 1\nlet b = 2\n");
    p.write("runs/c.smol", "smol 1\nlet   c=3\n");
    p.smolc(&["fmt", "--check", "a.smol", "deep"])
        .exits(1)
        .prints(&["would change a.smol"])
        .says(&["1 of 2 files"]);
    assert_eq!(p.read("a.smol"), "smol 1\nlet   a=1 // one\n");
    p.smolc(&["fmt", "."]).exits(0).prints(&["formatted ./a.smol"]);
    assert_eq!(p.read("a.smol"), "smol 1\nlet a = 1  // one\n");
    // What a run wrote is not ours to touch.
    assert_eq!(p.read("runs/c.smol"), "smol 1\nlet   c=3\n");
    assert_eq!(p.smolc(&["fmt", "--check", "."]).exits(0).out, "");
    p.smolc(&["fmt", "nowhere.smol"]).exits(3).says(&["nowhere.smol"]);
    p.smolc(&["fmt"]).exits(2);
    p.smolc(&["fmt", "-", "a.smol"]).exits(2);
}

#[test]
fn a_file_that_does_not_parse_is_left_alone() {
    let p = Project::new(3);
    p.write("a.smol", "smol 1\nlet   a = (1\n");
    p.write("b.smol", "smol 1\nlet   b = 1\n");
    p.smolc(&["fmt", "a.smol", "b.smol"]).exits(1).says(&["smol::syntax::unclosed", "left as it is"]);
    assert_eq!(p.read("a.smol"), "smol 1\nlet   a = (1\n");
    assert_eq!(p.read("b.smol"), "smol 1\nlet b = 1\n");
    p.write("latin.smol", b"smol 1\n// \xe9\n");
    p.smolc(&["fmt", "latin.smol"]).exits(3).says(&["not UTF-8"]);
}

#[cfg(unix)]
#[test]
fn permissions_and_links_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let p = Project::new(3);
    p.write("real.smol", "smol 1\nlet   a=1\n");
    let real = p.path().join("real.smol");
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&real, p.path().join("link.smol")).unwrap();
    p.smolc(&["fmt", "link.smol"]).exits(0);
    assert!(p.path().join("link.smol").is_symlink());
    assert_eq!(p.read("real.smol"), "smol 1\nlet a = 1\n");
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}

fn piped(p: &Project, args: &[&str], input: &[u8]) -> (i32, String, String) {
    let mut command = p.command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let out = child.wait_with_output().unwrap();
    let text = |b: Vec<u8>| String::from_utf8(b).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

#[test]
fn standard_input_goes_to_standard_output() {
    let p = Project::new(3);
    assert_eq!(
        piped(&p, &["fmt", "-"], b"smol 1\nlet   a=1"),
        (0, "smol 1\nlet a = 1\n".into(), String::new())
    );
    let (code, out, err) = piped(&p, &["fmt", "-"], b"smol 1\nlet a = \"x\n");
    assert!(code == 1 && out.is_empty() && err.contains("<stdin>"), "{code} {out} {err}");
    assert_eq!(piped(&p, &["fmt", "--check", "-"], b"smol 1\nlet   a=1\n").0, 1);
    assert_eq!(piped(&p, &["fmt", "--check", "-"], b"smol 1\nlet a = 1\n").0, 0);
    assert_eq!(piped(&p, &["fmt", "-"], b"\xff").0, 3);
}

#[test]
fn fixes_are_applied_until_none_is_left() {
    let p = Project::new(60);
    let spec = p.read("tiny.smol");
    let broken = spec
        .replace("smol 1\n", "")
        .replace("use std.schedules.{wsd}\n", "")
        .replace("  tokenizer: syllables", "  Tokenizer: sylables");
    p.write("tiny.smol", &broken);
    let dry = p.smolc(&["fix", "tiny.smol", "--dry-run"]).exits(1);
    assert_eq!(p.read("tiny.smol"), broken);
    let ran = p.smolc(&["fix", "tiny.smol"]).exits(1).says(&["--unsafe", "sylables"]);
    assert_eq!(ran.out, dry.out);
    ran.prints(&["insert `smol 1`", "`Tokenizer` → `tokenizer`", "use std.schedules.{wsd}"]);
    p.smolc(&["fix", "tiny.smol", "--unsafe"]).exits(0).prints(&["`sylables` → `syllables`"]);
    p.smolc(&["check", "tiny.smol"]).exits(0);
    p.smolc(&["fix", "tiny.smol"]).exits(0).says(&["nothing to fix"]);
    p.smolc(&["fix", "nowhere.smol"]).exits(3);
}

#[test]
fn a_new_project_checks_clean_plans_and_is_laid_out() {
    let p = Project::new(3);
    p.smolc(&["new", "my model"])
        .exits(0)
        .prints(&["created my model", "smolc run 'my model/my model.smol'"]);
    let checked = p.smolc(&["check", "my model/my model.smol", "--deny", "warnings"]).exits(0);
    assert!(checked.out.starts_with("ok my model: 1 run"), "{checked:?}");
    p.smolc(&["fmt", "--check", "my model"]).exits(0);
    p.smolc(&["plan", "my model/my model.smol"]).exits(0).prints(&["100"]);
    // What is there is not overwritten.
    p.smolc(&["new", "my model"]).exits(3).says(&["is there already", "nothing was written"]);
    p.smolc(&["new", ".."]).exits(2);
}

#[test]
fn a_reference_is_one_page() {
    let p = Project::new(3);
    let page = p.smolc(&["doc", "tiny.smol"]).exits(0).out;
    for text in [
        "<!doctype html>",
        "dataset",
        "tales",
        "hidden",
        "Width of the residual stream.",
        "stage first for 2 steps",
    ] {
        assert!(page.contains(text), "no `{text}`");
    }
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("src="));
    p.smolc(&["doc", "std", "--out", "std.html"]).exits(0).says(&["std.html"]);
    let std = p.read("std.html");
    for text in [
        "fn wsd(peak: Rate",
        "smollm2_1b7",
        "1,711,376,384 parameters",
        "kv_heads",
        "Portion",
        "sqrt(x: Float)",
    ] {
        assert!(std.contains(text), "no `{text}`");
    }
    p.smolc(&["doc", "nowhere.smol"]).exits(3);
}
