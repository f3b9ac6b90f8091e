//! The two specs of the repository, checked and lowered, against the figures of the SmolLM2 paper and configuration.

// A test fails by panicking; helpers are outside of `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use smolc_check::{MemoryWorld, check, run_time};
use smolc_diag::Severity;
use smolc_lower::ledger::{Ledger, ledger};
use smolc_plan::{Plan, Ratio, Source, TokenizerSource};
use std::path::Path;

fn spec(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// Checks and lowers a spec of the repository; yields the plan and its diagnostics as `line: code message`.
fn plan(name: &str) -> (Plan, Vec<String>) {
    let world = MemoryWorld { home: Some("/home/user".into()), ..MemoryWorld::with_file(name, &spec(name)) };
    let checked = check(&world, name, &[]);
    let said: Vec<String> =
        checked.diagnostics.iter().map(|d| format!("{:?} {} {}", d.severity, d.code, d.message)).collect();
    assert!(checked.diagnostics.iter().all(|d| d.severity != Severity::Error), "{said:#?}");
    (smolc_lower::lower(&checked.spec).unwrap(), said)
}

/// Passes over a dataset in a stage (`None` = the whole run).
fn epochs(plan: &Plan, ledger: &Ledger, dataset: &str, stage: Option<usize>) -> f64 {
    let index = plan.datasets.iter().position(|d| d.name == dataset).unwrap();
    match stage {
        Some(stage) => {
            ledger.rows.iter().find(|r| (r.stage, r.dataset) == (stage, index)).unwrap().epochs.unwrap()
        }
        None => ledger.totals.iter().find(|t| t.dataset == index).unwrap().epochs.unwrap(),
    }
}

#[test]
fn quickstart() {
    let (plan, said) = plan("quickstart.smol");
    assert_eq!(said, [""; 0]);
    let run = &plan.runs[0];
    assert!((5_000_000..=10_000_000).contains(&run.model.parameters().unwrap()));
    assert_eq!(run.batch.tokens(), 2048);
    assert_eq!(run.stages.len(), 2);
    for d in &plan.datasets {
        assert!(d.validation_per_million > 0);
        let Source::Files { patterns } = &d.source else { panic!("{:?}", d.source) };
        assert!(patterns[0].starts_with("/home/user/.cargo/registry/src/"), "{patterns:?}");
    }
    assert!(matches!(&plan.tokenizers[0].source, TokenizerSource::Bpe { train, .. } if train == &[0, 1]));
    let sum = run.stages[0].mix.iter().fold(Ratio::ZERO, |s, e| s.checked_add(e.weight).unwrap());
    assert_eq!(sum, Ratio::ONE);
}

#[test]
fn smollm2_is_planned_to_the_published_figures() {
    let (plan, said) = plan("smollm2-1.7b.smol");
    assert_eq!(said, ["Warning smol::data::epochs stage `balance` reads `open_web_math` 8.3 times over"]);
    let run = &plan.runs[0];
    assert_eq!(run.model.parameters(), Some(1_711_376_384));
    let held: u64 = run.parameters.iter().map(|p| p.shape.iter().product::<u64>()).sum();
    assert_eq!(held, 1_711_376_384);
    assert_eq!((run.batch.sequences, run.batch.window, run.batch.micro), (1024, 2048, 4));
    assert_eq!(run.batch.tokens(), 2_097_152);
    assert_eq!(run.steps, 5_240_000);
    // Nominal starts of the recipe: 6T, 8T and 10T tokens in whole steps.
    let starts: Vec<u64> = run.stages.iter().map(|s| s.first_step).collect();
    assert_eq!(starts, [0, 2_861_023, 3_814_697, 4_768_372]);
    let (o, c) = (&run.optimizer, &run.checkpoints);
    assert_eq!((o.beta1, o.beta2, o.eps, o.weight_decay, o.clip), (0.9, 0.95, 1e-8, 0.01, Some(1.0)));
    assert_eq!((c.every, run.seed, run.model.init.std), (2000, 42, 0.02));
    assert!(!run.document_mask && run.parameters.iter().all(|p| p.decay));

    let ledger = ledger(&plan, run);
    assert_eq!(ledger.tokens, 10_989_076_480_000);
    let near = |dataset: &str, stage: Option<usize>, expected: f64| {
        let found = epochs(&plan, &ledger, dataset, stage);
        assert!((found - expected).abs() < 0.01, "{dataset} {stage:?}: {found}");
    };
    near("open_web_math", Some(1), 8.33);
    near("fineweb_edu", None, 3.82);
    near("dclm", None, 1.05);
    near("starcoder_data", None, 4.00);
    near("cosmopedia_v2", None, 1.32);
    near("stack_edu", Some(3), 1.90);
    // Every stage draws what it is long, less at most one sample a dataset.
    for (i, stage) in run.stages.iter().enumerate() {
        let drawn: u64 = ledger.rows.iter().filter(|r| r.stage == i).map(|r| r.samples).sum();
        let whole = stage.steps * run.batch.sequences;
        assert!(drawn <= whole && whole - drawn < stage.mix.len() as u64);
    }
}

#[test]
fn smollm2_learning_rate_is_nanotrons() {
    let (plan, _) = plan("smollm2-1.7b.smol");
    let run = &plan.runs[0];
    // Test vectors of the published configuration: update number and rate.
    for (t, rate) in [
        (0, 0.0),
        (1, 2.5e-7),
        (1_000, 2.5e-4),
        (2_000, 5e-4),
        (4_715_999, 5e-4),
        (4_716_000, 5e-4),
        (4_978_000, 2.5e-4),
        (5_204_000, 5e-4 * 36_000.0 / 524_000.0),
        (5_239_999, 5e-4 / 524_000.0),
    ] {
        let found = run_time::at(&run.lr.expr, t, run.steps);
        assert!((found - rate).abs() <= 1e-12 * rate, "t = {t}: {found:e}, not {rate:e}");
    }
}

#[test]
fn plans_are_the_same_every_time_and_survive_json() {
    for name in ["quickstart.smol", "smollm2-1.7b.smol"] {
        let (first, _) = plan(name);
        let (second, _) = plan(name);
        assert_eq!(first.hash().unwrap(), second.hash().unwrap());
        let json = first.to_json().unwrap();
        assert_eq!(json, second.to_json().unwrap());
        let read = Plan::from_json(json.as_bytes()).unwrap();
        assert_eq!(read, first);
        assert_eq!(read.hash().unwrap(), first.hash().unwrap());
    }
}

#[test]
fn comments_and_layout_do_not_change_the_hash_but_meaning_does() {
    let text = spec("quickstart.smol");
    let hash = |text: &str| {
        let world = MemoryWorld::with_file("quickstart.smol", text);
        let checked = check(&world, "quickstart.smol", &[]);
        smolc_lower::lower(&checked.spec).unwrap().hash().unwrap()
    };
    let base = hash(&text);
    assert_eq!(base, hash(&text.replace("seed: 42", "// a comment\n  seed:   42")));
    assert_eq!(base, hash(&text.replace("seed: 42", "seed: 4_2")));
    assert_ne!(base, hash(&text.replace("seed: 42", "seed: 43")));
    assert_ne!(base, hash(&text.replace("split(validation: 2%)", "split(validation: 3%)")));
}

/// Golden: a change here means that runs under way will not go on under the new compiler. That may be right; it is never
/// an accident.
#[test]
fn the_hash_of_a_fixed_spec_is_frozen() {
    let text = include_str!("golden.smol");
    let checked = check(&MemoryWorld::with_file("golden.smol", text), "golden.smol", &[]);
    let plan = smolc_lower::lower(&checked.spec).unwrap();
    assert_eq!(plan.hash().unwrap().short(), "65d870debfdf8a38");
}

#[test]
fn a_broken_spec_is_not_lowered() {
    let text = spec("quickstart.smol").replace("80% docs", "70% docs");
    let checked = check(&MemoryWorld::with_file("q.smol", &text), "q.smol", &[]);
    assert!(!checked.spec.complete);
    let errors = smolc_lower::lower(&checked.spec).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].code, "smol::lower::incomplete");
    let empty = check(&MemoryWorld::default(), "none.smol", &[]);
    assert_eq!(smolc_lower::lower(&empty.spec).unwrap_err()[0].code, "smol::lower::no_run");
}
