//! Tables and lists of facts.

use super::drawings::{Colors, OTHERS, name, percent};
use crate::output::number;
use crate::plan_text::{model, moments, schedule};
use smolc_figures::axis::{count, grouped};
use smolc_figures::{Bar, escape, facts};
use smolc_plan::{Family, MixEntry, Plan, Run};

/// `1.23 × 10²³`.
pub fn power(value: f64) -> String {
    if value < 1e6 {
        return number::si(value);
    }
    let exponent = value.log10().floor();
    let digits: String = format!("{exponent}")
        .chars()
        .map(|c| match c {
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            other => other.to_digit(10).and_then(|d| char::from_u32(0x2070 + d)).unwrap_or(other),
        })
        .collect();
    format!("{:.2} × 10{digits}", value / 10f64.powf(exponent))
}

/// A row a stage.
pub fn stages(plan: &Plan, run: &Run, colors: &Colors) -> String {
    let rows: Vec<Vec<String>> = run
        .stages
        .iter()
        .map(|s| {
            let part = |class: &str, share: &str, name: &str| {
                format!(r#"<span class="share"><i class="swatch area {class}"></i>{share} {name}</span>"#)
            };
            let own = |d: &usize| s.mix.iter().find(|m| m.dataset == *d);
            let mut mix: Vec<String> = colors
                .colored()
                .iter()
                .filter_map(own)
                .map(|m| {
                    part(&colors.class(m.dataset), &m.weight.to_string(), &escape(&name(plan, m.dataset)))
                })
                .collect();
            let others: Vec<&MixEntry> =
                s.mix.iter().filter(|m| !colors.colored().contains(&m.dataset)).collect();
            if !others.is_empty() {
                let share = 100.0 * others.iter().map(|m| m.weight.to_f64()).sum::<f64>();
                mix.push(part(OTHERS, &percent(share), &format!("{} others", others.len())));
            }
            vec![
                escape(&s.name),
                grouped(s.first_step + 1),
                grouped(s.steps),
                grouped(s.steps.saturating_mul(run.batch.tokens())),
                format!(r#"<div class="mix">{}</div>"#, mix.join(" ")),
            ]
        })
        .collect();
    smolc_figures::table(
        &["Stage", "First step", "Steps", "Tokens", r#"<div class="mix">Mixture</div>"#],
        &rows,
    )
}

/// A row a dataset, a column a stage: exact shares, where there are too many for [`stages`].
pub fn weights(plan: &Plan, run: &Run, colors: &Colors) -> String {
    let stages: Vec<String> = run.stages.iter().map(|s| escape(&s.name)).collect();
    let mut head = vec!["Dataset"];
    head.extend(stages.iter().map(String::as_str));
    let rows: Vec<Vec<String>> = colors
        .datasets()
        .iter()
        .map(|d| {
            let mut row =
                vec![format!(r#"<i class="swatch {}"></i>{}"#, colors.class(*d), escape(&name(plan, *d)))];
            row.extend(run.stages.iter().map(|s| {
                s.mix.iter().find(|m| m.dataset == *d).map_or_else(|| "–".into(), |m| m.weight.to_string())
            }));
            row
        })
        .collect();
    smolc_figures::table(&head, &rows)
}

/// The rate where something happens.
pub fn rates(run: &Run) -> String {
    let rows: Vec<Vec<String>> = schedule::steps(run)
        .into_iter()
        .map(|(step, what)| {
            vec![
                escape(&what),
                grouped(step + 1),
                count(step.saturating_mul(run.batch.tokens())),
                schedule::rate(run, step).map_or_else(|| "?".into(), number::rate),
            ]
        })
        .collect();
    smolc_figures::table(&["", "Update", "Tokens before", "Rate"], &rows)
}

/// The shape.
pub fn shape(run: &Run) -> String {
    let m = &run.model;
    let family = match m.family {
        Family::Llama => "Llama",
        Family::Qwen2 => "Qwen2 (biases on q, k, v)",
    };
    let scaling = m.rope.scaling.as_ref().map_or_else(String::new, |s| {
        format!(", scaled by {} from {}", s.factor, grouped(s.original_context))
    });
    let skipped =
        m.rope.skip_every.map_or_else(String::new, |n| format!(", none in layers {n}, {}, …", 2 * n));
    let scaling = scaling + &skipped;
    facts(&[
        ("Name", escape(&m.name)),
        ("Family", family.into()),
        ("Parameters", m.parameters().map_or_else(|| "?".into(), grouped)),
        ("Layers", m.layers.to_string()),
        ("Width", grouped(m.hidden)),
        ("FFN (SwiGLU)", grouped(m.ffn)),
        ("Heads", format!("{} of {}, {} for keys and values", m.heads, m.head_dim, m.kv_heads)),
        (
            "Vocabulary",
            format!("{}, {}", grouped(m.vocab), if m.tied { "tied embeddings" } else { "separate head" }),
        ),
        ("Context", grouped(m.context)),
        ("RoPE", format!("θ = {}{scaling}", grouped(m.rope.theta as u64))),
        ("RMSNorm ε", format!("{:e}", m.norm_eps)),
        ("Initialization", format!("N(0, {}), residual outputs N(0, {0}/√{})", m.init.std, 2 * m.layers)),
    ])
}

/// Batch, optimizer, events.
pub fn training(plan: &Plan, run: &Run) -> String {
    let (b, o) = (&run.batch, &run.optimizer);
    let decayed = run.parameters.iter().filter(|p| p.decay).count();
    let on = if decayed == run.parameters.len() {
        "all tensors".to_owned()
    } else {
        format!("{decayed} of {} tensors", run.parameters.len())
    };
    let validation = moments(&run.validation, "none");
    let per_token = run.flops_per_token();
    let tokens = b.tokens().saturating_mul(run.steps);
    let mut rows = vec![
        (
            "Batch",
            format!(
                "{} tokens: {} sequences of {}",
                grouped(b.tokens()),
                grouped(b.sequences),
                grouped(b.window)
            ),
        ),
        ("Micro-batch", format!("{} sequences, {} a step", b.micro, b.sequences / b.micro.max(1))),
        ("Optimizer", format!("AdamW, β = {}, {}, ε = {:e}", o.beta1, o.beta2, o.eps)),
        ("Weight decay", format!("{} on {on}", o.weight_decay)),
        ("Clipping", o.clip.map_or_else(|| "none".into(), |c| format!("global norm {c}"))),
        ("Schedule", format!("<code>{}</code>", escape(&run.lr.source))),
        ("Attention", if run.document_mask { "within documents" } else { "across documents" }.into()),
        ("FLOP", format!("{} a token, {} in all", number::si(per_token), power(per_token * tokens as f64))),
        ("Validation", validation),
        (
            "Checkpoints",
            format!(
                "every {} steps and at stage ends, {} kept",
                grouped(run.checkpoints.every),
                run.checkpoints.keep
            ),
        ),
        ("Tokenizer", plan.tokenizers.get(run.tokenizer).map_or_else(|| "?".into(), |t| escape(&t.name))),
        ("Seed", run.seed.to_string()),
    ];
    let relations: Vec<(String, String)> = model::relations(plan, run)
        .into_iter()
        .map(|(what, said)| (capitalized(what), escape(&said)))
        .collect();
    rows.extend(relations.iter().map(|(what, said)| (what.as_str(), said.clone())));
    facts(&rows)
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The arena by what it holds.
pub fn memory(run: &Run) -> String {
    let p = &run.program;
    let parts = [
        ("parameters", p.parameter_bytes),
        ("gradients", p.gradient_bytes),
        ("optimizer moments", p.optimizer_bytes),
        ("activations, inputs, workspace", p.activation_bytes),
    ];
    let mut bars: Vec<Bar> = parts
        .iter()
        .enumerate()
        .map(|(i, (what, bytes))| Bar {
            name: (*what).into(),
            parts: vec![(format!("part {}", smolc_figures::color(i)), *bytes as f64)],
            value: format!(
                "{} · {:.0}%",
                number::bytes(*bytes),
                100.0 * *bytes as f64 / p.arena_bytes.max(1) as f64
            ),
        })
        .collect();
    bars.push(Bar {
        name: "in all".into(),
        parts: parts
            .iter()
            .enumerate()
            .map(|(i, (_, b))| (format!("part {}", smolc_figures::color(i)), *b as f64))
            .collect(),
        value: number::bytes(p.arena_bytes),
    });
    smolc_figures::bars(&bars)
}
