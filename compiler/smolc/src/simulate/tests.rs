use super::*;
use smolc_check::MemoryWorld;

/// A plan of 90 steps in two stages over three datasets, one of them of unknown size.
fn plan() -> Plan {
    let text = r#"smol 1
use std.models.{Llama}
dataset a = text("a.txt") { tokens: 4000 }
dataset b = text("b.txt") { tokens: 900 }
dataset c = text("c.txt")
tokenizer t = hf("t.json") { vocab: 64, eos: "<e>" }
model m = Llama { layers: 1, hidden: 16, ffn: 32, heads: 2, kv_heads: 1, vocab: 64, context: 16 tokens, tied: true }
run r {
  model: m
  tokenizer: t
  batch: 96 tokens
  optimizer: AdamW { betas: [0.9, 0.95], weight_decay: 0.1, clip: 1.0 }
  lr: at t => 1e-3 * (1 - t / end)
  validate: every 7 steps and at stage end
  checkpoint: every 20 steps, keep 3
  seed: 3
  stage one for 50 steps { mix: 60% a + 40% b }
  stage two for 40 steps { mix: 1% a + 33% b + 66% c }
}
"#;
    let checked = smolc_check::check(&MemoryWorld::with_file("s.smol", text), "s.smol", &[]);
    smolc_lower::lower(&checked.spec).unwrap_or_else(|e| panic!("{e:?} {:?}", checked.diagnostics))
}

fn mismatches(plan: &Plan, change: impl FnOnce(&mut Ledger, &mut walk::Counted)) -> Vec<String> {
    let run = &plan.runs[0];
    let sizes = sizes(plan, run);
    let order = order(plan, run, &sizes).unwrap();
    let mut ledger = ledger::ledger(plan, run);
    let (mut counted, _, events) = walk::walk(run, &order, &sizes, 2, true).unwrap();
    change(&mut ledger, &mut counted);
    compare::compare(plan, run, &ledger, &counted, &order, &events)
        .into_iter()
        .map(|m| format!("{}: {} / {}", m.what, m.planned, m.counted))
        .collect()
}

#[test]
fn the_accounts_agree() {
    let plan = plan();
    let s = of_run(&plan, &plan.runs[0], 3, true).unwrap();
    assert_eq!(s.mismatches, []);
    assert_eq!(s.walk.draws.iter().sum::<u64>(), 90 * 6);
    assert_eq!(s.events.steps, 90);
    // Multiples of 7 up to 90, and the ends at 50 and 90; multiples of 20 and the ends.
    assert_eq!((s.events.validations, s.events.checkpoints), (12 + 2, 4 + 2));
    assert_eq!(s.events.kept, [60, 80, 90]);
    assert_eq!((s.lr.min.step, s.lr.max.step, s.lr.zero, s.lr.bad.0, s.lr.unequal), (89, 0, 0, 0, 0));
    assert!((s.lr.fall.value + 1e-3 / 90.0).abs() < 1e-15 && s.lr.rise.value == 0.0);
    let c = &s.walk.stages[1].datasets[0];
    assert_eq!((c.draws, c.fewest, c.most), (2, 0, 1), "1% of 240 samples");
}

#[test]
fn one_thread_and_many_count_the_same() {
    let plan = plan();
    let count = |threads| {
        let s = of_run(&plan, &plan.runs[0], threads, false).unwrap();
        (s.walk.draws, s.lr, s.events, s.walk.stages.iter().map(|c| c.datasets.clone()).collect::<Vec<_>>())
    };
    assert_eq!(count(1), count(4));
}

#[test]
fn a_ledger_that_lies_is_caught_with_both_numbers() {
    let plan = plan();
    assert_eq!(mismatches(&plan, |_, _| {}), [""; 0]);
    let said = mismatches(&plan, |ledger, _| ledger.rows[0].samples += 3);
    assert_eq!(said, ["stage one, dataset a, samples: 183 / 180"]);
    let said = mismatches(&plan, |ledger, _| ledger.tokens -= 1);
    assert_eq!(said, ["tokens: 8639 / 8640"]);
    let said = mismatches(&plan, |ledger, _| ledger.totals[1].epochs = Some(9.0));
    assert!(said.len() == 1 && said[0].starts_with("dataset b, epochs: 9.0"), "{said:?}");
    let said = mismatches(&plan, |ledger, _| {
        ledger.rows.remove(1);
    });
    assert_eq!(said, ["stage one, dataset b, samples: not in the ledger / 120"]);
}

#[test]
fn a_walk_that_lies_is_caught_with_both_numbers() {
    let plan = plan();
    let said = mismatches(&plan, |_, walk| walk.stages[0].datasets[1].draws -= 2);
    assert_eq!(said, ["stage one, samples: 300 / 298", "stage one, dataset b, samples: 120 / 118"]);
    let said = mismatches(&plan, |_, walk| walk.stages[1].deviation.1 = 1.5);
    assert_eq!(said, ["stage two, worst prefix: within 1 sample of the mixture / 1.500 samples off"]);
    let said = mismatches(&plan, |_, walk| walk.stages[1].disagreements = 4);
    assert_eq!(said, ["stage two, draws that contradict the order's table: 0 / 4"]);
    let said = mismatches(&plan, |_, walk| walk.slices.as_mut().unwrap()[1].sum += 1);
    assert!(said.len() == 1 && said[0].starts_with("dataset b, slices of whole epochs"), "{said:?}");
}
