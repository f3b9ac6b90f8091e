//! Complete recipes lowered: parts of changing mixtures, branches, ledgers over a lineage, and the memory that is promised.

// A test fails by panicking; helpers are outside of `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use smolc_check::{Checked, MemoryWorld, check};
use smolc_lower::ledger::ledger;
use smolc_plan::{Carry, Objective, Plan, Ratio};
use std::path::Path;

fn recipe(name: &str) -> Checked {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs/smollm2");
    let mut world = MemoryWorld::default();
    for file in ["1.7b", "360m", "135m", "data/web", "data/finemath", "data/stack_edu", "data/smoltalk"] {
        let path = format!("{file}.smol");
        world.files.insert(path.clone(), std::fs::read_to_string(root.join(path)).unwrap());
    }
    check(&world, name, &[])
}

fn lowered(checked: &Checked) -> Plan {
    smolc_lower::lower(&checked.spec).unwrap_or_else(|e| panic!("{e:#?}"))
}

#[test]
fn recipes_survive_json_and_keep_their_hash() {
    for name in ["1.7b.smol", "360m.smol", "135m.smol"] {
        let plan = lowered(&recipe(name));
        let names: Vec<&str> = plan.runs.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["pretrain", "long_context", "sft", "dpo"], "{name}");
        let read = Plan::from_json(plan.to_json().unwrap().as_bytes()).unwrap();
        assert_eq!(read, plan);
        assert_eq!(read.hash().unwrap(), lowered(&recipe(name)).hash().unwrap());
    }
}

#[test]
fn a_branch_goes_on_where_its_trunk_was() {
    let plan = lowered(&recipe("1.7b.smol"));
    let long = &plan.runs[1];
    assert_eq!(
        long.parent.as_ref().map(|p| (p.run, p.step, p.carry)),
        Some((0, 5_204_000, Carry::Everything))
    );
    assert_eq!(plan.runs[2].parent.as_ref().unwrap().carry, Carry::Weights);
    assert!(matches!(plan.runs[3].objective, Objective::Dpo { max_prompt: Some(512), .. }));
    let ledger = ledger(&plan, long);
    let index = plan.datasets.iter().position(|d| d.name == "web.cosmopedia_v2").unwrap();
    let total = ledger.totals.iter().find(|t| t.dataset == index).unwrap();
    // 60% of 4% of 36,000 steps; the trunk draws 4% of the same steps, and had drawn 4% of the stage up to there.
    assert_eq!(total.tokens / 2_097_152, 36_000 * 24 / 1000);
    assert_eq!(total.overlap, total.tokens);
    assert!((total.inherited as f64 / (435_628.0 * 0.04 * 2_097_152.0) - 1.0).abs() < 1e-6);
    let both = (total.tokens + total.inherited) as f64 / 30e9;
    assert!((total.lineage_epochs.unwrap() - both).abs() < 1e-9);
}

/// What is computed again and the frozen model of preferences take time; the model's own operations are the same.
#[test]
fn estimates_count_all_that_is_computed() {
    let plan = lowered(&recipe("1.7b.smol"));
    for (run, again, frozen) in [(0, false, false), (1, false, false), (2, true, false), (3, true, true)] {
        let run = &plan.runs[run];
        let (target, e) = (run.target.as_ref().unwrap(), run.estimate(run.steps).unwrap());
        let rate = target.device.peak * target.utilization * target.count as f64;
        assert!(
            (e.seconds * rate / (e.flops + e.recomputed + e.reference) - 1.0).abs() < 1e-9,
            "{}",
            run.name
        );
        let tokens = run.steps as f64 * run.batch.tokens() as f64;
        assert!((e.flops / (run.flops_per_token() * tokens) - 1.0).abs() < 1e-12);
        // The forward pass is a third of forward and backward, and so is what `layers` computes again but for the head and the
        // down projections.
        let (again_share, frozen_share) = (e.recomputed / e.flops, e.reference / e.flops);
        assert!(if again { (0.2..0.34).contains(&again_share) } else { again_share == 0.0 }, "{again_share}");
        assert!(
            if frozen { (0.3..0.36).contains(&frozen_share) } else { frozen_share == 0.0 },
            "{frozen_share}"
        );
    }
}

/// A ramp of 5% to 14% behind a blend of a tenth of the stage.
#[test]
fn changing_mixtures_are_cut_into_exact_parts() {
    let text = "smol 1\nuse std.models.{smollm2_135m}\n\
        dataset web = text(\"w\") { tokens: 10T }\ndataset math = text(\"m\") { tokens: 1T }\n\
        tokenizer words = hf(\"t.json\") { vocab: 49_152, eos: \"<|endoftext|>\" }\n\
        run r {\n  model: smollm2_135m, tokenizer: words, batch: 512 sequences, optimizer: AdamW { clip: 1.0 }, lr: 1e-3\n\
        \x20 stage one for 1000 steps { mix: 100% web }\n\
        \x20 stage two for 1600 steps { mix: (5% -> 14%) math + rest web, enter: blend over 10% }\n}\n";
    let checked = check(&MemoryWorld::with_file("a.smol", text), "a.smol", &[]);
    assert!(checked.diagnostics.is_empty(), "{:#?}", checked.diagnostics);
    let plan = lowered(&checked);
    let stages = &plan.runs[0].stages;
    assert_eq!(stages.len(), 1 + 16 + 16);
    assert_eq!((stages[1].name.as_str(), stages[1].first_step, stages[1].steps), ("two[1/32]", 1000, 10));
    assert_eq!((stages[17].first_step, stages[17].steps), (1160, 90));
    assert_eq!(stages.iter().filter(|s| s.ends_stage()).count(), 2);
    let weight = |i: usize| stages[i].mix.iter().find(|m| m.dataset == 1).map(|m| m.weight);
    // Half a sixteenth into the ramp's last nine tenths: 5% + 9% · (1/10 + 9/10 · 1/32).
    assert_eq!(weight(17), Ratio::new(5 * 3200 + 9 * 410, 320_000));
    // In the blend the old mixture has none of it: 1/32 of (5% + 9% · 1/320).
    assert_eq!(weight(1), Ratio::new(5 * 320 + 9, 32 * 32_000));
    let json = plan.to_json().unwrap();
    assert_eq!(Plan::from_json(json.as_bytes()).unwrap(), plan);
}
