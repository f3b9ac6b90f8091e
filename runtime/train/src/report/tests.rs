use super::*;
use crate::event::{End, Event, Start, Status, Step, Validation};
use crate::ledger::Line;
use crate::samples::Batch;
use smolc_plan::*;

struct Drawn;

impl Samples for Drawn {
    fn fill(&self, _: u64, _: usize, _: &mut Batch) -> Result<(), TrainError> {
        Ok(())
    }
    fn dataset(&self, _: u64) -> usize {
        0
    }
    fn counts(&self, n: u64) -> Vec<u64> {
        let boundary = 250 * 16;
        let first = n.min(boundary) * 8 / 10 + n.saturating_sub(boundary) * 3 / 10;
        vec![first, n - first]
    }
    fn validation_windows(&self, _: usize, _: u64) -> u64 {
        0
    }
    fn fill_validation(&self, _: usize, _: u64, _: u64, _: usize, _: &mut Batch) -> Result<(), TrainError> {
        Ok(())
    }
}

fn plan() -> Plan {
    let dataset = |name: &str, tokens| Dataset {
        name: name.into(),
        source: Source::Text { patterns: vec![] },
        take: None,
        validation_per_million: 20_000,
        stated_tokens: None,
        stated_documents: None,
        columns: None,
        steps: Vec::new(),
        limit: None,
        measured: Some(Measured {
            uid: 1,
            tokens,
            documents: 1000,
            validation_tokens: 60_000,
            validation_documents: 20,
            bytes: tokens * 4,
            validation_bytes: 240_000,
        }),
    };
    let stage = |name: &str, first_step, steps, a| Stage {
        name: name.into(),
        first_step,
        steps,
        asked_tokens: steps * 4096,
        mix: vec![
            MixEntry { dataset: 0, weight: Ratio::new(a, 10).unwrap() },
            MixEntry { dataset: 1, weight: Ratio::new(10 - a, 10).unwrap() },
        ],
        part: None,
        until: None,
    };
    let program = Program {
        batch: 8,
        window: 256,
        tensors: vec![],
        evaluate: Block::default(),
        forward: Block::default(),
        backward: Block::default(),
        arena_bytes: 300 << 20,
        parameter_bytes: 0,
        gradient_bytes: 0,
        optimizer_bytes: 0,
        activation_bytes: 0,
        flops: 0,
        recomputed_flops: 0,
    };
    Plan {
        version: 1,
        spec: "quickstart".into(),
        language: 1,
        compiler: "0.1.0".into(),
        tokenizers: vec![],
        datasets: vec![dataset("docs", 3_100_000), dataset("code & <tests>", 7_400_000)],
        classifiers: vec![],
        evaluations: vec![],
        sweeps: vec![],
        runs: vec![Run {
            name: "pretrain".into(),
            model: Model {
                name: "small".into(),
                family: Family::Llama,
                layers: 6,
                hidden: 256,
                ffn: 704,
                heads: 8,
                kv_heads: 4,
                head_dim: 32,
                vocab: 4096,
                context: 256,
                tied: true,
                norm_eps: 1e-5,
                rope: Rope { theta: 1e4, scaling: None, skip_every: None },
                init: Init { std: 0.02 },
            },
            tokenizer: 0,
            batch: smolc_plan::Batch { sequences: 16, window: 256, micro: 8 },
            steps: 400,
            seed: 42,
            optimizer: AdamW { beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, clip: Some(1.0) },
            lr: Schedule {
                expr: smolc_expr::Expr::Const(2e-3),
                source: "wsd(peak: 2e-3, warmup: 40 steps, decay: 20%)".into(),
            },
            stages: vec![stage("prose", 0, 250, 8), stage("programs", 250, 150, 3)],
            checkpoints: Checkpoints { every: 100, keep: 2, pinned: Vec::new() },
            validation: smolc_plan::Validation {
                every: Some(50),
                stage_end: true,
                end: false,
                tokens: 60_000,
            },
            document_mask: true,
            precision: Default::default(),
            parent: None,
            objective: Objective::NextToken,
            evaluations: vec![],
            target: None,
            weight_decay: None,
            parameters: [].into(),
            program: program.into(),
        }],
    }
}

/// A ledger like that of the quickstart, up to `last`.
fn lines(last: u64, status: Option<Status>) -> Vec<Line> {
    let mut events = vec![Event::Start(Start {
        run: "pretrain".into(),
        spec: "quickstart".into(),
        plan: "0123".into(),
        resumed_from: None,
        steps: 400,
        total_tokens: 400 * 4096,
        parameters: 5_511_424,
        arena_bytes: 300 << 20,
        threads: 2,
        device: "the CPU".into(),
        version: "0.1.0".into(),
        platform: "linux x86_64".into(),
    })];
    let curve = |s: f64| 3.1 + 5.3 * (-s / 60.0).exp();
    for step in 1..=last {
        let s = step as f64;
        let noise = ((s * 12.9898).sin() * 43_758.547).fract() * 0.25;
        let t = s - 1.0;
        events.push(Event::Step(Step {
            step,
            tokens: step * 4096,
            loss: curve(s) + noise,
            lr: 2e-3 * (t / 40.0).min(1.0) * ((400.0 - t) / 80.0).min(1.0),
            grad_norm: 0.5 + 2.0 * (-s / 20.0).exp() + noise.abs(),
            tokens_per_second: 9000.0 + 800.0 * noise,
            stage: if step <= 250 { "prose" } else { "programs" }.into(),
            seconds: 0.44,
            targets: 4090.0,
            shares: [
                ("linear", 0.31),
                ("linear_backward", 0.38),
                ("head_cross_entropy", 0.16),
                ("attention", 0.04),
            ]
            .into_iter()
            .map(|(n, x)| (n.to_owned(), x))
            .collect(),
        }));
        if step % 50 == 0 {
            for (dataset, shift) in [("docs", 0.35), ("code & <tests>", -0.2)] {
                events.push(Event::Validation(Validation {
                    dataset: dataset.into(),
                    loss: curve(s) + shift,
                    step,
                    tokens: step * 4096,
                    targets: 59_900.0,
                    windows: 234,
                    seconds: 1.2,
                }));
            }
        }
    }
    if let Some(status) = status {
        events.push(Event::End(End {
            status,
            step: last,
            tokens: last * 4096,
            unigram_entropy: (last > 0).then_some(6.482),
            final_loss: (last > 0).then_some(3.118),
            final_loss_steps: last.min(20),
            seconds: 192.4,
            model: None,
            reason: (status == Status::NumericalFault).then(|| "the loss is NaN at step 12".to_owned()),
        }));
    }
    events.into_iter().map(|event| Line { event, time: 0.0 }).collect()
}

fn html(last: u64, status: Option<Status>) -> String {
    let plan = plan();
    render(&plan, &plan.runs[0], &Drawn, &Data::of(lines(last, status))).unwrap()
}

#[test]
fn a_report_stands_alone_and_shows_everything() {
    let page = html(400, Some(Status::Finished));
    for foreign in ["http://", "https://", "<script", "@import", "url(", "<img", "<link"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for part in [
        "unigram entropy 6.482",
        "validation, docs",
        "code &amp; &lt;tests&gt;",
        "learning rate (× 10⁻³)",
        "Mixture as drawn",
        "Throughput",
        "linear_backward",
        ">prose<",
        ">programs<",
        "mean of the last 20 steps",
        "prefers-color-scheme:dark",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf\""), "a number that is none");
    assert_eq!(page.matches("<svg").count(), 10);
    // For looking at it: SMOLC_REPORT_OUT=/some/report.html cargo test -p smolc-train
    if let Ok(path) = std::env::var("SMOLC_REPORT_OUT") {
        std::fs::write(path, page).unwrap();
    }
}

#[test]
fn a_report_of_little_is_still_a_report() {
    for (last, status) in
        [(0, None), (0, Some(Status::Interrupted)), (1, None), (11, Some(Status::NumericalFault))]
    {
        let page = html(last, status);
        assert!(page.ends_with("</html>\n"));
        assert!(!page.replace("the loss is NaN", "").contains("NaN"), "{last}");
    }
    assert!(html(11, Some(Status::NumericalFault)).contains("the loss is NaN at step 12"));
}
