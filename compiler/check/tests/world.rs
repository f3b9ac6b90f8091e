//! Parameters, environment, imports and missing files: what comes from outside a spec's text.

// A test fails by panicking; helpers are outside of `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use smolc_check::world::{Column, Holds};
use smolc_check::{Checked, MemoryWorld, check};
use smolc_diag::Severity;
use smolc_plan::Source;

const RUN: &str = "
use std.models.{Llama}
tokenizer words = bpe { vocab: 4096, train: [web], eos: \"<|endoftext|>\" }
model small = Llama { layers: 2, hidden: 64, ffn: 128, heads: 4, vocab: 4096, context: 64 tokens }
run example {
  model: small, tokenizer: words, batch: 8 sequences, optimizer: AdamW { clip: 1.0 }, lr: 1e-3
  stage only for 100 steps { mix: 100% web }
}
";

fn codes(checked: &Checked) -> Vec<&'static str> {
    checked.diagnostics.iter().map(|d| d.code).collect()
}

fn pattern(checked: &Checked) -> &str {
    let Source::Text { patterns } = &checked.spec.datasets[0].source else { panic!("not a text source") };
    &patterns[0]
}

#[test]
fn a_parameter_is_its_default_the_environment_or_what_is_set() {
    let text = format!(
        "smol 1\nparam root: Path = env(\"DATA\", \"~/data\")\ndataset web = text(\"{{root}}/web.txt\")\n{RUN}"
    );
    let mut world =
        MemoryWorld { home: Some("/home/u".into()), ..MemoryWorld::with_file("specs/a.smol", &text) };
    assert_eq!(pattern(&check(&world, "specs/a.smol", &[])), "/home/u/data/web.txt");
    world.variables.insert("DATA".into(), "corpora".into());
    assert_eq!(pattern(&check(&world, "specs/a.smol", &[])), "specs/corpora/web.txt");
    let set = [("root".to_string(), "/mnt".to_string())];
    let checked = check(&world, "specs/a.smol", &set);
    assert_eq!(codes(&checked), [""; 0]);
    assert_eq!(pattern(&checked), "/mnt/web.txt");
}

#[test]
fn sets_are_checked() {
    let text = format!(
        "smol 1\nparam share: Ratio = 10%\ndataset web = text(\"w\") |> split(validation: share)\n{RUN}"
    );
    let world = MemoryWorld::with_file("a.smol", &text);
    let with = |name: &str, value: &str| check(&world, "a.smol", &[(name.into(), value.into())]);
    assert_eq!(with("share", "5%").spec.datasets[0].validation_per_million, 50_000);
    assert_eq!(codes(&with("shar", "5%")), ["smol::param::unknown"]);
    assert_eq!(codes(&with("share", "lots")), ["smol::param::value"]);
    assert_eq!(codes(&with("share", "5% }\nlet x = 1")), ["smol::param::value"]);
    let wrong = with("share", "5 steps");
    assert_eq!(codes(&wrong), ["smol::type::unit"]);
    assert_eq!(wrong.sources.path(wrong.diagnostics[0].primary.span.file), "--set share");
}

#[test]
fn imported_files_are_relative_to_who_imports_them_and_give_their_name() {
    let main = format!("smol 1\nuse \"../shared/data.smol\" as data\ndataset web = data.web\n{RUN}");
    let data = "smol 1\ndataset web = text(\"corpus/*.txt\") { tokens: 1M }\ndataset spare = text(\"x\")\n";
    let world = MemoryWorld::with_file("specs/a.smol", &main).file("shared/data.smol", data);
    let checked = check(&world, "specs/a.smol", &[]);
    assert_eq!(codes(&checked), [""; 0]);
    assert_eq!(checked.spec.datasets[0].name, "data.web");
    assert_eq!(pattern(&checked), "shared/corpus/*.txt");
}

#[test]
fn import_rings_show_the_whole_path() {
    let world = MemoryWorld::with_file("a.smol", "smol 1\nuse \"b.smol\" as b\nlet x = b.y\n")
        .file("b.smol", "smol 1\nuse \"c.smol\" as c\nlet y = 1\n")
        .file("c.smol", "smol 1\nuse \"a.smol\" as a\nlet z = 1\n");
    let checked = check(&world, "a.smol", &[]);
    let ring: Vec<&str> = checked
        .diagnostics
        .iter()
        .filter(|d| d.code == "smol::file::cycle")
        .map(|d| d.message.as_str())
        .collect();
    assert_eq!(ring, ["files import each other in a ring: a.smol → b.smol → c.smol → a.smol"]);
}

#[test]
fn a_missing_spec_or_import_is_one_diagnostic() {
    assert_eq!(codes(&check(&MemoryWorld::default(), "none.smol", &[])), ["smol::file::read"]);
    let world = MemoryWorld::with_file("a.smol", "smol 1\nuse \"none.smol\" as n\nlet x = n.y + 1\n");
    assert_eq!(codes(&check(&world, "a.smol", &[])), ["smol::file::import"]);
    assert_eq!(codes(&check(&MemoryWorld::with_file("a.smol", "smol 1\n"), "a.smol", &[])), [""; 0]);
}

#[test]
fn patterns_that_fail_for_one_reason_are_one_warning() {
    let text = format!(
        "smol 1\ndataset web = text(\"corpora/a/*.txt\")\ndataset more = text(\"corpora/b/*.txt\")\n{}",
        RUN.replace("mix: 100% web", "mix: 50% web + 50% more")
    );
    let mut world = MemoryWorld { patterns: Some(vec![]), ..MemoryWorld::with_file("a.smol", &text) };
    let checked = check(&world, "a.smol", &[]);
    assert_eq!(codes(&checked), ["smol::data::empty"]);
    assert_eq!(checked.diagnostics[0].severity, Severity::Warning);
    assert!(checked.diagnostics[0].help[0].contains("`corpora` is not there"));
    assert!(checked.spec.complete);
    // A world that cannot look says nothing.
    world.patterns = None;
    assert_eq!(codes(&check(&world, "a.smol", &[])), [""; 0]);
}

#[test]
fn a_tokenizer_file_is_read_when_it_is_there() {
    let text = |vocab: &str| {
        format!("smol 1\ndataset web = text(\"w\")\n{RUN}")
            .replace("bpe { vocab: 4096, train: [web], ", &format!("hf(\"tok.json\") {{ {vocab}"))
    };
    let world = |vocab: &str, file: Option<Result<u64, String>>| {
        let mut world = MemoryWorld::with_file("a.smol", &text(vocab));
        world.tokenizers.extend(file.map(|f| ("tok.json".to_string(), f)));
        check(&world, "a.smol", &[])
    };
    assert_eq!(codes(&world("", Some(Ok(4096)))), [""; 0]);
    assert_eq!(codes(&world("", Some(Ok(5000)))), ["smol::model::vocab"]);
    assert_eq!(codes(&world("", None)), ["smol::data::tokenizer"]);
    assert_eq!(codes(&world("vocab: 4096, ", None)), [""; 0]);
    assert_eq!(codes(&world("vocab: 4096, ", Some(Ok(4000)))), ["smol::data::tokenizer"]);
    assert_eq!(codes(&world("", Some(Err("not JSON".into())))), ["smol::data::tokenizer"]);
}

#[test]
fn columns_are_looked_up_where_the_world_can_look() {
    let text = format!(
        "smol 1\ndataset web = jsonl(\"w.jsonl\") {{ text: .txt, tokens: 1B }} |> where(.score > 1 and .lang == \"en\")\n{RUN}"
    );
    let mut world = MemoryWorld::with_file("a.smol", &text);
    assert_eq!(codes(&check(&world, "a.smol", &[])), [""; 0]);
    world.columns.insert(
        "w.jsonl".into(),
        vec![Column::new("text", Holds::Texts), Column::new("score", Holds::Numbers)],
    );
    let checked = check(&world, "a.smol", &[]);
    // One diagnostic a column, with the nearest name where there is one.
    assert_eq!(codes(&checked), ["smol::data::column", "smol::data::column"]);
    let fix = checked.diagnostics[0].fix.as_ref().unwrap();
    assert_eq!(fix.edits[0].text, ".text");
    assert!(checked.diagnostics[1].help[0].contains("`score`"));
}

#[test]
fn the_columns_of_a_classifier_are_looked_up() {
    let text = |label: &str| {
        format!(
            "smol 1\ndataset scored = jsonl(\"s.jsonl\") {{ text: .text }}\n\
             classifier good = linear_ngrams {{ train: scored, text: .text, label: {label} }}\n\
             dataset web = text(\"w\") |> where(good(.text) >= 3)\n{RUN}"
        )
    };
    let checked = |label: &str| {
        let mut world = MemoryWorld::with_file("a.smol", &text(label));
        let columns = [("text", Holds::Texts), ("score", Holds::Numbers), ("empty", Holds::Unknown)];
        world
            .columns
            .insert("s.jsonl".into(), columns.map(|(name, holds)| Column::new(name, holds)).to_vec());
        check(&world, "a.smol", &[])
    };
    assert_eq!(codes(&checked(".score")), [""; 0]);
    assert_eq!(codes(&checked(".empty")), [""; 0]);
    let wrong = checked(".text");
    assert_eq!(codes(&wrong), ["smol::data::column"]);
    assert!(wrong.diagnostics[0].message.contains("holds texts, not numbers"), "{:?}", wrong.diagnostics);
    assert!(wrong.diagnostics[0].help[0].contains("`.score`"));
    let missing = checked(".scores");
    assert_eq!(codes(&missing), ["smol::data::column"]);
    assert_eq!(missing.diagnostics[0].fix.as_ref().unwrap().edits[0].text, ".score");
}

#[test]
fn sets_reach_models_and_show_in_the_provenance() {
    let text = format!(
        "smol 1\nparam rate: Rate = 1e-3\ndataset web = text(\"w\")\n{}",
        RUN.replace("lr: 1e-3", "lr: rate")
    );
    let world = MemoryWorld::with_file("a.smol", &text);
    let how = |sets: &[(String, String)]| -> Vec<String> {
        let (_, provenance) = smolc_check::trace(&world, "a.smol", sets);
        let found = smolc_check::provenance::at(&provenance, "example.lr");
        found[0].touches.iter().map(|t| t.how.clone()).collect()
    };
    assert_eq!(how(&[]), ["set here", "the parameter's default"]);
    let won = how(&[("rate".into(), "2e-3".into())]);
    assert_eq!(won, ["set here", "`--set rate` won", "replaced default"]);
}
