//! `smol::optimizer::unusual`: values that AdamW is defined for and nobody trains with: a sign lost in an exponent, two betas
//! swapped.
//!
//! Of the recipes in `specs/`, the highest learning rate is 3e-3, and the most that weight decay takes of a weight in a step
//! is 3e-4 of it; both limits lie thirty times above.

use crate::run_time::Curve;
use crate::spec::{Run, Schedule};
use crate::value::{Object, Value};
use smolc_diag::Diagnostic;

const CODE: &str = "smol::optimizer::unusual";
/// AdamW moves a weight by about the rate at each step.
const RATE: f64 = 0.1;
/// Share of a weight that its decay takes at each step: rate times decay.
const DECAY: f64 = 0.01;

/// Reports a second moment that forgets faster than the first.
pub fn betas(block: &Object, out: &mut Vec<Diagnostic>) {
    let Some(node) = block.get("betas") else { return };
    let Value::List(betas) = &node.value else { return };
    let numbers: Vec<f64> = betas
        .iter()
        .filter_map(|beta| match &beta.value {
            Value::Number(n, _) => Some(n.to_f64()),
            _ => None,
        })
        .collect();
    if let [first, second] = numbers[..]
        && first > second
    {
        let message =
            format!("`betas` has the first moment forget more slowly than the second, {first} and {second}");
        out.push(
            Diagnostic::warning(CODE, node.span, message)
                .help(format!("write `betas: [{second}, {first}]` if they were swapped")),
        );
    }
}

/// Reports a rate that no run of AdamW survives, or a decay that outruns every update.
pub fn rate(run: &Run, lr: &Schedule, curve: &Curve, out: &mut Vec<Diagnostic>) {
    let highest = curve.highest;
    if highest > RATE {
        let message = format!("the learning rate of run `{}` rises to {highest}", run.name);
        out.push(
            Diagnostic::warning(CODE, lr.span, message)
                .label("AdamW moves every weight by about the rate at each step")
                .help(format!(
                    "rates of published runs lie below {RATE}; is the sign of an exponent missing?"
                )),
        );
        return;
    }
    let Some((adamw, _)) = &run.optimizer else { return };
    let share = highest * adamw.weight_decay;
    if run.weight_decay.is_none() && share > DECAY {
        let message = format!(
            "weight decay takes {:.1}% of every weight at each step of run `{}`",
            100.0 * share,
            run.name
        );
        out.push(
            Diagnostic::warning(CODE, lr.span, message)
                .label(format!("a rate of {highest} times a `weight_decay` of {}", adamw.weight_decay))
                .help("decay is multiplied by the rate; published runs have 0.01 to 0.1"),
        );
    }
}
