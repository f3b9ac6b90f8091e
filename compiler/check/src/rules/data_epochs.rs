//! `smol::data::epochs` and `smol::data::epochs_total`: how often a run reads a dataset of stated size.
//!
//! Beyond four passes repeated data is worth less and less (Muennighoff et al., 2023, arXiv:2305.16264). SmolLM2's own
//! plan reads OpenWebMath 8.3 times in its second stage; a published SmolLM3 stage implies 1,750 passes over one set.

use crate::spec::{Run, Spec};
use crate::units::{percent, tokens};
use smolc_diag::Diagnostic;

/// Passes from which on a lint speaks.
pub const LIMIT: f64 = 4.0;

/// How far above [`LIMIT`] counts: what rounds to 4.0 is four, and a stage that was rounded up by a step must not be a
/// finding.
const MARGIN: f64 = 0.05;

/// Reports datasets that a stage, or all stages together, read more than [`LIMIT`] times.
pub fn check(run: &Run, spec: &Spec, out: &mut Vec<Diagnostic>) {
    let Some(batch) = &run.batch else { return };
    let mut drawn = vec![0.0f64; spec.datasets.len()];
    let mut flagged = vec![false; spec.datasets.len()];
    let mut readers: Vec<Vec<String>> = vec![Vec::new(); spec.datasets.len()];
    for stage in &run.stages {
        let (Some((_, steps)), Some(mix)) = (stage.steps, &stage.mix) else { return };
        let length = steps as f64 * batch.tokens() as f64;
        for entry in mix {
            let Some(dataset) = spec.datasets.get(entry.dataset) else { continue };
            let Some(size) = dataset.stated_tokens else { continue };
            let here = entry.weight.to_f64() * length;
            let epochs = here / size as f64;
            if let Some(sum) = drawn.get_mut(entry.dataset) {
                *sum += here;
            }
            if let Some(names) = readers.get_mut(entry.dataset) {
                names.push(format!("`{}` {epochs:.2}", stage.name));
            }
            if epochs >= LIMIT + MARGIN {
                if let Some(flag) = flagged.get_mut(entry.dataset) {
                    *flag = true;
                }
                let limit = LIMIT * size as f64 / length;
                out.push(
                    Diagnostic::warning(
                        "smol::data::epochs",
                        entry.span,
                        format!("stage `{}` reads `{}` {epochs:.1} times over", stage.name, dataset.name),
                    )
                    .label(format!("{} of {} = {}", percent(entry.weight), tokens(length), tokens(here)))
                    .also(dataset.span, format!("{} in all", tokens(size as f64)))
                    .help(format!("{LIMIT} passes are {:.3}% of this stage", limit * 100.0)),
                );
            }
        }
    }
    for (i, dataset) in spec.datasets.iter().enumerate() {
        let Some(size) = dataset.stated_tokens else { continue };
        let total = drawn.get(i).copied().unwrap_or(0.0);
        let epochs = total / size as f64;
        // A stage that is over the limit by itself has been reported.
        if epochs >= LIMIT + MARGIN && !flagged.get(i).copied().unwrap_or(true) {
            out.push(
                Diagnostic::warning(
                    "smol::data::epochs_total",
                    dataset.span,
                    format!("run `{}` reads `{}` {epochs:.1} times over in all", run.name, dataset.name),
                )
                .label(format!("{} drawn from {}", tokens(total), tokens(size as f64)))
                .also(
                    run.span,
                    format!("by stage: {}", readers.get(i).map(|r| r.join(", ")).unwrap_or_default()),
                )
                .help(format!("beyond {LIMIT} passes repeated data is worth less and less")),
            );
        }
    }
}
