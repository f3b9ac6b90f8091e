//! The two specs of the repository, checked and lowered.

use smolc_check::{MemoryWorld, check};
use smolc_diag::Severity;
use smolc_lower::ledger::ledger;
use smolc_plan::{Plan, Ratio};
use std::path::Path;

fn spec(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// Checks and lowers a spec of the repository; yields the plan and the codes of its warnings.
fn plan(name: &str) -> (Plan, Vec<&'static str>) {
    let world = MemoryWorld { home: Some("/home/user".into()), ..MemoryWorld::with_file(name, &spec(name)) };
    let checked = check(&world, name, &[]);
    for d in &checked.diagnostics {
        let (line, column) = checked.sources.line_column(d.primary.span.file, d.primary.span.start);
        println!("{line}:{column} {:?} {} {} {:?}", d.severity, d.code, d.message, d.help);
    }
    assert!(checked.diagnostics.iter().all(|d| d.severity != Severity::Error));
    let codes = checked.diagnostics.iter().map(|d| d.code).collect();
    (smolc_lower::lower(&checked.spec).unwrap(), codes)
}

#[test]
fn quickstart() {
    let (plan, warnings) = plan("quickstart.smol");
    assert_eq!(warnings, [""; 0]);
    let run = &plan.runs[0];
    assert_eq!((run.batch.sequences, run.batch.window, run.batch.micro), (16, 256, 8));
    assert_eq!(plan.datasets[0].validation_per_million, 20_000);
    assert_eq!(run.stages[0].mix[0].weight, Ratio::new(4, 5).unwrap());
    println!("{} {:?}", plan.hash().unwrap(), run.lr);
}

#[test]
fn smollm2() {
    let (plan, warnings) = plan("smollm2-1.7b.smol");
    assert_eq!(warnings, ["smol::data::epochs"]);
    let run = &plan.runs[0];
    println!("{:?} {:#?}", run.lr, ledger(&plan, run).totals);
}
