//! What a run trains, and how.

use super::{exact_and_short, list};
use crate::output::{Stream, number};
use smolc_plan::{Family, Plan, Run};

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
    let tokens = b.tokens().saturating_mul(run.steps);
    // The program's count is that of one micro-batch of micro · window tokens.
    let flops = run.program.flops as f64 / (b.micro.saturating_mul(b.window).max(1)) as f64;
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
    let validation = match (run.validation.every, run.validation.stage_end) {
        (Some(n), true) => format!("every {} steps and at stage ends", number::thousands(n)),
        (Some(n), false) => format!("every {} steps", number::thousands(n)),
        (None, true) => "at stage ends".into(),
        (None, false) => "never".into(),
    };
    list(
        vec![
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
            (
                "attention",
                if run.document_mask { "within documents" } else { "across documents" }.to_string(),
            ),
            ("precision", run.precision.name().to_string()),
            ("tokenizer", tokenizer.to_string()),
            ("validation", validation),
            (
                "checkpoints",
                format!(
                    "every {} steps and at stage ends, newest {} kept",
                    number::thousands(c.every),
                    c.keep
                ),
            ),
            ("seed", run.seed.to_string()),
        ],
        out,
    )
}
