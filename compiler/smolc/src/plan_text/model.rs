//! What a run trains, and how.

use super::{exact_and_short, list};
use crate::output::{Stream, number};
use smolc_plan::estimate::Estimate;
use smolc_plan::{Carry, Family, Mask, Objective, Plan, Run, Target, Validation};

pub(super) fn facts(plan: &Plan, run: &Run, out: &Stream) -> String {
    let (m, b) = (&run.model, &run.batch);
    let family = match m.family {
        Family::Llama => "Llama",
        Family::Qwen2 => "Qwen2",
    };
    let parameters = m.parameters().map_or_else(|| "?".into(), number::thousands);
    let tied = if m.tied { "tied embedding" } else { "separate head" };
    let theta = number::si(m.rope.theta);
    let scaling = m.rope.scaling.as_ref().map_or_else(String::new, |s| {
        format!(", scaled by {} from {}", s.factor, number::thousands(s.original_context))
    });
    let skipped =
        m.rope.skip_every.map_or_else(String::new, |n| format!(", none in layers {n}, {}, …", 2 * n));
    let scaling = scaling + &skipped;
    let tokens = b.tokens().saturating_mul(run.steps);
    let flops = run.flops_per_token();
    let accumulation = b.sequences / b.micro.max(1);
    let micro = match accumulation {
        1 => "in one micro-batch".to_string(),
        n => format!("{n} micro-batches of {}", b.micro),
    };
    let o = &run.optimizer;
    let clip = o.clip.map_or_else(|| "no clipping".to_string(), |c| format!("clip {c}"));
    let decayed = run.parameters.iter().filter(|p| p.decay).count();
    let decay = match decayed {
        n if n == run.parameters.len() => String::new(),
        n => format!(" on {n} of {} tensors", run.parameters.len()),
    };
    let tokenizer = plan.tokenizers.get(run.tokenizer).map_or("?", |t| t.name.as_str());
    let c = &run.checkpoints;
    let validation = moments(&run.validation, "never");
    let mut facts = vec![
        ("model", format!("{} · {family}, {parameters} parameters, {tied}", m.name)),
        (
            "",
            format!(
                "{} layers, hidden {}, ffn {}, {} heads of {} ({} key/value), vocabulary {}, context {}, rope theta \
                     {theta}{scaling}",
                m.layers,
                m.hidden,
                m.ffn,
                m.heads,
                m.head_dim,
                m.kv_heads,
                number::thousands(m.vocab),
                number::thousands(m.context),
            ),
        ),
        (
            "length",
            format!(
                "{} steps, {} tokens, {} FLOP/token, {} FLOP in all",
                number::thousands(run.steps),
                exact_and_short(tokens),
                number::si(flops),
                number::si(flops * tokens as f64),
            ),
        ),
        (
            "batch",
            format!(
                "{} tokens = {} sequences of {}, {micro}",
                number::thousands(b.tokens()),
                number::thousands(b.sequences),
                number::thousands(b.window),
            ),
        ),
        (
            "optimizer",
            format!(
                "AdamW, betas {} and {}, eps {:e}, weight decay {}{decay}, {clip}",
                o.beta1, o.beta2, o.eps, o.weight_decay
            ),
        ),
        ("attention", if run.document_mask { "within documents" } else { "across documents" }.to_string()),
        ("precision", run.precision.name().to_string()),
        ("tokenizer", tokenizer.to_string()),
        ("validation", validation),
        (
            "checkpoints",
            format!("every {} steps and at stage ends, newest {} kept", number::thousands(c.every), c.keep),
        ),
        ("seed", run.seed.to_string()),
    ];
    facts.extend(relations(plan, run));
    facts.extend(machine(run));
    list(facts, out)
}

/// Where a run begins, what it learns, how it is judged: only what a spec says beyond the defaults.
pub(crate) fn relations(plan: &Plan, run: &Run) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    if let Some(parent) = &run.parent {
        let name = plan.runs.get(parent.run).map_or("?", |r| r.name.as_str());
        let carry = match parent.carry {
            Carry::Weights => "its weights",
            Carry::Everything => "its weights and optimizer moments",
        };
        out.push((
            "begins from",
            format!("{name} after {} steps, with {carry}", number::thousands(parent.step)),
        ));
    }
    match &run.objective {
        Objective::NextToken => {}
        Objective::Sft { mask, pack, .. } => {
            let mask = match mask {
                Mask::Assistant => "the assistant's tokens",
                Mask::All => "all tokens",
            };
            let pack = if *pack { "packed" } else { "one a window" };
            out.push(("objective", format!("fine-tuning on conversations, loss on {mask}, {pack}")));
        }
        Objective::Dpo { beta, label_smoothing, .. } => {
            let smooth = match *label_smoothing {
                0.0 => String::new(),
                s => format!(", label smoothing {s}"),
            };
            out.push(("objective", format!("DPO, beta {}{smooth}", beta.source)));
        }
    }
    if let Some(decay) = &run.weight_decay {
        out.push(("weight decay", format!("{} over the run", decay.source)));
    }
    for event in &run.evaluations {
        let names: Vec<&str> = event
            .evaluations
            .iter()
            .filter_map(|e| plan.evaluations.get(*e))
            .map(|e| e.name.as_str())
            .collect();
        let mut when = Vec::new();
        if let Some(n) = event.every {
            when.push(format!("every {} steps", number::thousands(n)));
        }
        if event.stage_end {
            when.push("at stage ends".into());
        }
        if event.end {
            when.push("at the end".into());
        }
        out.push(("evaluation", format!("{} {}", names.join(", "), when.join(" and "))));
    }
    for stage in &run.stages {
        if let Some(guard) = &stage.until {
            let least = number::thousands(guard.least_steps);
            let name = stage.stage_name();
            out.push((
                "guard",
                format!("stage {name} ends after {least} steps or later, when {}", guard.source),
            ));
        }
    }
    out
}

/// The machine, and what the run would take on it.
fn machine(run: &Run) -> Vec<(&'static str, String)> {
    let (Some(t), Some(estimate)) = (&run.target, run.estimate(run.steps)) else { return Vec::new() };
    vec![
        ("target", format!("{} · {} x {}{}", t.name, number::thousands(t.count), t.device.name, division(t))),
        ("estimate", estimated(t, &estimate)),
    ]
}

/// `13d 18h at 40% of the peak, 84.6k device hours`
fn estimated(t: &Target, e: &Estimate) -> String {
    let cost = match (e.cost, t.price) {
        (Some(cost), Some(price)) => format!(", {} at {price} each", number::si(cost)),
        _ => String::new(),
    };
    let time = std::time::Duration::try_from_secs_f64(e.seconds).unwrap_or_default();
    let share = |of: f64| format!("{:.0}%", 100.0 * of / e.flops.max(1.0));
    let mut more = String::new();
    if e.recomputed > 0.0 {
        more += &format!(", {} more operations for what is computed again", share(e.recomputed));
    }
    if e.reference > 0.0 {
        more += &format!(", {} more for the frozen model", share(e.reference));
    }
    format!(
        "{} at {:.0}% of the peak, {} device hours{cost}{more}",
        number::duration(time),
        t.utilization * 100.0,
        number::si(e.device_hours)
    )
}

/// How the work is divided: `: 32 replicas · 8 tensor-parallel, ZeRO 1`; empty for one device.
pub(crate) fn division(t: &Target) -> String {
    let split = [
        ("replicas", t.data_parallel),
        ("tensor-parallel", t.tensor_parallel),
        ("pipeline-parallel", t.pipeline_parallel),
    ];
    let split: Vec<String> =
        split.iter().filter(|(_, n)| *n > 1).map(|(what, n)| format!("{n} {what}")).collect();
    let zero = if t.zero > 0 { format!(", ZeRO {}", t.zero) } else { String::new() };
    if split.is_empty() { String::new() } else { format!(": {}{zero}", split.join(" · ")) }
}

/// When a run validates: `every 100 steps and at stage ends`.
pub fn moments(validation: &Validation, never: &str) -> String {
    let every = validation.every.map(|n| format!("every {} steps", number::thousands(n)));
    let stage_end = validation.stage_end.then(|| "at stage ends".to_owned());
    let end = validation.end.then(|| "at the end".to_owned());
    let all: Vec<String> = [every, stage_end, end].into_iter().flatten().collect();
    if all.is_empty() { never.to_owned() } else { all.join(" and ") }
}
