//! The standard library: every module checks clean by itself, every item is documented, and what it says of models,
//! schedules and templates is so.

// A test fails by panicking; helpers are outside of `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use smolc_check::load::STD;
use smolc_check::{MemoryWorld, Spec, check, run_time};
use smolc_syntax::ast::ItemKind;

/// A spec that checks without a word, with these items and this learning rate.
fn spec(items: &str, model: &str, lr: &str) -> Spec {
    let text = format!(
        "smol 1\n{items}\ndataset web = text(\"w\") {{ tokens: 100B }}\n\
         tokenizer words = hf(\"t.json\") {{ vocab: 49_152, eos: \"<|endoftext|>\" }}\n\
         run r {{\n  model: {model}, tokenizer: words, window: 1024 tokens, batch: 64 sequences, optimizer: AdamW {{ clip: 1.0 }}\n  \
         lr: {lr}\n  stage only for 1000 steps {{ mix: 100% web }}\n}}\n"
    );
    let checked = check(&MemoryWorld::with_file("a.smol", &text), "a.smol", &[]);
    let errors: Vec<_> =
        checked.diagnostics.iter().filter(|d| d.severity == smolc_diag::Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
    checked.spec
}

#[test]
fn every_module_is_clean_and_documented() {
    for (name, text) in STD {
        let path = format!("std.{name}");
        let user = format!("smol 1\nuse {path}\nlet x = 1\n");
        let checked = check(&MemoryWorld::with_file("a.smol", &user), "a.smol", &[]);
        let said: Vec<_> = checked.diagnostics.iter().filter(|d| d.code != "smol::name::unused").collect();
        assert!(said.is_empty(), "{path}: {said:#?}");
        let mut sources = smolc_diag::Sources::default();
        let file = sources.add(path.clone(), (*text).to_string());
        let parsed = smolc_syntax::parse(file, text);
        assert!(!parsed.file.docs.is_empty(), "{path} does not say what it is for");
        for item in &parsed.file.items {
            let free = matches!(item.kind, ItemKind::Use(_));
            assert!(free || !item.docs.is_empty(), "{path}: {:?} is not documented", item.kind);
        }
        // Values are only evaluated when something uses them.
        let names: Vec<&str> = parsed
            .file
            .items
            .iter()
            .filter_map(|i| smolc_check::names::defined(&i.kind))
            .map(|(n, _)| n.text.as_str())
            .collect();
        let uses = names.iter().map(|n| format!("let used_{n} = m.{n}\n")).collect::<String>();
        let user = format!("smol 1\nuse {path} as m\n{uses}");
        let checked = check(&MemoryWorld::with_file("a.smol", &user), "a.smol", &[]);
        let said: Vec<_> = checked.diagnostics.iter().filter(|d| d.code != "smol::name::unused").collect();
        assert!(said.is_empty(), "{path}: {said:#?}");
    }
}

#[test]
fn models_have_the_published_numbers_of_parameters() {
    for (model, parameters) in [
        ("smollm2_1b7", 1_711_376_384),
        ("smollm2_360m", 361_821_120),
        ("smollm2_135m", 134_515_008),
        ("llama3_2_1b", 1_235_814_400),
        ("llama3_2_3b", 3_212_749_824),
        ("qwen2_5_1b5", 1_543_714_304),
        ("smollm3_3b", 3_075_098_624),
    ] {
        let spec = spec(
            &format!("use std.models.{{{model}}}"),
            &format!("{model} with {{ vocab: 49_152 }}"),
            "1e-3",
        );
        let built = spec.runs[0].model.as_ref().unwrap().model.clone();
        // The spec's tokenizer has 49,152 tokens; the published table is of the model as it stands in the library.
        let rows = match model {
            "llama3_2_1b" | "llama3_2_3b" | "smollm3_3b" => 128_256,
            "qwen2_5_1b5" => 151_936,
            _ => 49_152,
        };
        let whole = smolc_plan::Model { vocab: rows, ..built };
        assert_eq!(whole.parameters(), Some(parameters), "{model}");
    }
}

#[test]
fn schedules_have_their_shapes() {
    let names = "use std.schedules.{wsd, one_minus_sqrt, cosine, linear, constant, cycles, piecewise}";
    let points = |lr: &str, at: &[(u64, f64)]| {
        let spec = spec(&format!("{names}\nuse std.models.{{smollm2_135m}}"), "smollm2_135m", lr);
        let expr = &spec.runs[0].lr.as_ref().unwrap().expr;
        for (t, value) in at {
            let found = run_time::at(expr, *t, 1000);
            assert!((found - value).abs() < 1e-9, "{lr} at {t}: {found}, not {value}");
        }
    };
    points(
        "wsd(peak: 1, warmup: 100 steps, decay: 10%)",
        &[(0, 0.0), (50, 0.5), (100, 1.0), (900, 1.0), (950, 0.5)],
    );
    points(
        "one_minus_sqrt(peak: 1, warmup: 10%, decay: 20%)",
        &[(800, 1.0), (850, 0.5), (992, 1.0 - 0.96f64.sqrt())],
    );
    points("cosine(peak: 1, warmup: 0 steps, floor: 0.1)", &[(0, 1.0), (500, 0.55)]);
    points("linear(peak: 1, warmup: 100 steps)", &[(550, 0.5), (999, 1.0 / 900.0)]);
    points("constant(peak: 2, warmup: 100 steps)", &[(50, 1.0), (999, 2.0)]);
    points(
        "cycles(peak: 1, warmup: 0 steps, count: 4)",
        &[(0, 1.0), (125, 0.5), (250, 1.0), (375, 0.5), (500, 1.0)],
    );
    points(
        "piecewise(first: 1, second: 0.2, warmup: 10%, bend: 50%, until: 75%)",
        &[(100, 1.0), (499, 1.0), (625, 0.6), (750, 0.2), (999, 0.2)],
    );
}

#[test]
fn the_default_template_is_the_librarys() {
    let text = "smol 1\nuse std.templates\nuse std.models.{smollm2_135m}\n\
         dataset chat = jsonl(\"c\") { messages: .messages, tokens: 100M }\n\
         tokenizer words = hf(\"t.json\") { vocab: 49_152, eos: \"<|endoftext|>\" }\n\
         run r {\n  model: smollm2_135m, tokenizer: words, batch: 64 sequences, optimizer: AdamW { clip: 1.0 }\n  \
         lr: 1e-3\n  objective: Sft { OBJECTIVE }\n  stage only for 100 steps { mix: 100% chat }\n}\n";
    let objective = |fields: &str| {
        let text = text.replace("OBJECTIVE", fields);
        let checked = check(&MemoryWorld::with_file("a.smol", &text), "a.smol", &[]);
        checked.spec.runs[0].objective.clone().unwrap().0
    };
    assert_eq!(objective(""), objective("template: templates.chatml"));
    assert_ne!(objective(""), objective("template: templates.smollm2"));
}
