//! `smol::stage::guard` and `smol::stage::late`: a guard reads evaluations that are run while its stage is, and often
//! enough to end it.

use crate::spec::{Run, Spec};
use crate::units::grouped;
use smolc_diag::Diagnostic;
use smolc_plan::SignalKind;

/// Reports scores that never come, and plateaus that come too late.
pub fn check(run: &Run, spec: &Spec, out: &mut Vec<Diagnostic>) {
    for stage in &run.stages {
        let Some(guard) = &stage.guard else { continue };
        for (signal, at) in &guard.signals {
            let (evaluation, needed) = match &signal.of {
                SignalKind::Score { evaluation } => (*evaluation, 1),
                SignalKind::Plateau { evaluation, evals, .. } => (*evaluation, evals.saturating_add(1)),
                SignalKind::Loss | SignalKind::LossMean { .. } | SignalKind::GradientNorm => continue,
            };
            let name = spec.evaluations.get(evaluation).map_or("?", |e| e.plan.name.as_str());
            let events: Vec<_> = run.events.iter().filter(|e| e.evaluations.contains(&evaluation)).collect();
            let Some(every) = events.iter().filter_map(|e| e.every).min() else {
                let d = Diagnostic::error(
                    "smol::stage::guard",
                    *at,
                    format!("the guard of stage `{}` reads `{name}`, which never runs during it", stage.name),
                );
                out.push(match events.first() {
                    Some(event) => d
                        .also(event.span, "only at ends")
                        .help("give it an interval: `every 10B tokens and at stage end`"),
                    None => d
                        .also(run.span, "evaluates other things, or nothing")
                        .help(format!("add it to the run: `eval: {name} every 10B tokens`")),
                });
                continue;
            };
            let Some((_, steps)) = stage.steps else { continue };
            let first = every.saturating_mul(needed);
            if first > steps {
                out.push(
                    Diagnostic::warning(
                        "smol::stage::late",
                        *at,
                        format!("this can end stage `{}` only after it has ended", stage.name),
                    )
                    .label(format!(
                        "{needed} evaluations every {} steps = {} steps",
                        grouped(i128::from(every)),
                        grouped(i128::from(first))
                    ))
                    .also(stage.length_span, format!("{} steps at most", grouped(i128::from(steps))))
                    .help("evaluate more often, ask for fewer evaluations, or lengthen the stage"),
                );
            }
        }
    }
}
