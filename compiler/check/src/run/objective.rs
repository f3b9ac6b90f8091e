//! What a run learns.

use super::rate;
use crate::eval::{Eval, Time};
use crate::schema::objective::CHATML;
use crate::value::Object;
use smolc_diag::Diagnostic;
use smolc_plan::{Mask, Objective};

/// The objective a block describes. `time` is that of the run; before it is known, a β that changes is left at its
/// beginning.
pub(super) fn objective(eval: &mut Eval<'_>, block: &Object, time: Option<Time>) -> Option<Objective> {
    if block.fields.values().any(|f| f.node.is_error()) {
        return None;
    }
    let template = block.text("template").unwrap_or(CHATML).to_string();
    Some(match block.schema?.name {
        "Sft" => Objective::Sft {
            mask: if block.text("mask") == Some("all") { Mask::All } else { Mask::Assistant },
            pack: block.bool("pack").unwrap_or(true),
            template,
        },
        "Dpo" => {
            let node = block.get("beta")?.clone();
            let beta = match time {
                Some(time) => rate::course(eval, &node, time)?,
                None => rate::placeholder(&node),
            };
            if beta.expr == smolc_expr::Expr::Const(0.0) {
                let d =
                    Diagnostic::error("smol::objective::beta", node.span, "a `beta` of zero learns nothing")
                        .help("SmolLM2 uses 0.5, Rafailov et al. 0.1 to 0.5");
                eval.diagnostics.push(d);
                return None;
            }
            Objective::Dpo {
                beta: smolc_plan::Schedule { expr: beta.expr, source: beta.source },
                label_smoothing: block.fraction("label_smoothing").map_or(0.0, |f| f.to_f64()),
                max_prompt: block.u64("max_prompt"),
                template,
            }
        }
        _ => Objective::NextToken,
    })
}
