//! `smol::data::epochs`, `smol::data::epochs_total` and `smol::data::limit`: how often a run reads a dataset of stated
//! size, alone and together with the runs it begins from.
//!
//! Beyond four passes repeated data is worth less and less (Muennighoff et al., 2023, arXiv:2305.16264). SmolLM2's own
//! plan reads OpenWebMath 8.3 times in its second stage; a published SmolLM3 stage implies 1,750 passes over one set.

use crate::lineage;
use crate::rational::Fraction;
use crate::spec::{Dataset, Drawn, Run, Spec, Stage};
use crate::units::{decimal, percent, tokens};
use smolc_diag::Diagnostic;
use smolc_plan::{Batch, Objective};

/// Passes from which on a lint speaks.
pub const LIMIT: f64 = 4.0;

/// How far above [`LIMIT`] counts: what rounds to 4.0 is four, and a stage that was rounded up by a step must not be a
/// finding.
pub const MARGIN: f64 = 0.05;

/// Reports datasets that a stage, or all stages together, read more than [`LIMIT`] times, or more often than they allow.
pub fn check(run: &Run, spec: &Spec, out: &mut Vec<Diagnostic>) {
    let Some(batch) = &run.batch else { return };
    let mut flagged = vec![false; spec.datasets.len()];
    for stage in &run.stages {
        let (Some((_, steps)), Some(_)) = (stage.steps, &stage.mix) else { return };
        let length = steps as f64 * batch.tokens() as f64;
        for drawn in stage.draws() {
            let Some(dataset) = spec.datasets.get(drawn.dataset) else { continue };
            if rows(run) {
                by_rows(run, stage, &drawn, dataset, batch, out);
                continue;
            }
            let Some(size) = dataset.stated_tokens else { continue };
            let here = drawn.weight.to_f64() * batch.tokens() as f64;
            let epochs = here / size as f64;
            if epochs >= LIMIT + MARGIN && dataset.limit.is_none() {
                if let Some(flag) = flagged.get_mut(drawn.dataset) {
                    *flag = true;
                }
                let limit = LIMIT * size as f64 / length;
                let share = drawn.weight.div(Fraction::integer(steps)).map(percent).unwrap_or_default();
                out.push(
                    Diagnostic::warning(
                        "smol::data::epochs",
                        drawn.span,
                        format!("stage `{}` reads `{}` {epochs:.1} times over", stage.name, dataset.name),
                    )
                    .label(format!("{share} of {} = {}", tokens(length), tokens(here)))
                    .also(dataset.span, format!("{} in all", tokens(size as f64)))
                    .help(format!("{LIMIT} passes are {:.3}% of this stage", limit * 100.0)),
                );
            }
        }
    }
    if rows(run) {
        return;
    }
    let own = lineage::drawn(spec, run, None);
    let (before, names) = lineage::before(spec, run);
    for (i, dataset) in spec.datasets.iter().enumerate() {
        let Some(size) = dataset.stated_tokens else { continue };
        let (mine, theirs) = (own.get(i).copied().unwrap_or(0.0), before.get(i).copied().unwrap_or(0.0));
        if mine == 0.0 {
            continue;
        }
        let (total, epochs) = (mine + theirs, (mine + theirs) / size as f64);
        let with = || match names.as_slice() {
            names if !names.is_empty() && theirs > 0.0 => {
                format!(" together with {}", crate::load::list(names.iter().map(|n| format!("`{n}`"))))
            }
            _ => String::new(),
        };
        let by_stage = || match theirs > 0.0 {
            true => format!("{}; before it {:.2}", by_stage(run, i, batch, size), theirs / size as f64),
            false => by_stage(run, i, batch, size),
        };
        let drawn = || format!("{} drawn from {}", tokens(total), tokens(size as f64));
        if let Some((limit, at)) = dataset.limit {
            if epochs > limit.to_f64() * (1.0 + 1e-6) {
                out.push(
                    Diagnostic::error(
                        "smol::data::limit",
                        at,
                        format!(
                            "run `{}`{} reads `{}` {epochs:.2} times over, which allows {}",
                            run.name,
                            with(),
                            dataset.name,
                            decimal(limit)
                        ),
                    )
                    .label(drawn())
                    .also(run.span, by_stage())
                    .help("lower its shares, shorten the stages, or raise the limit"),
                );
            }
            continue;
        }
        // A stage that is over the limit by itself has been reported, and so has what a run took over already.
        let news = epochs >= LIMIT + MARGIN && theirs / (size as f64) < LIMIT + MARGIN;
        if news && !flagged.get(i).copied().unwrap_or(true) {
            out.push(
                Diagnostic::warning(
                    "smol::data::epochs_total",
                    dataset.span,
                    format!(
                        "run `{}`{} reads `{}` {epochs:.1} times over in all",
                        run.name,
                        with(),
                        dataset.name
                    ),
                )
                .label(drawn())
                .also(run.span, by_stage())
                .help(format!("beyond {LIMIT} passes repeated data is worth less and less")),
            );
        }
    }
}

/// How often each stage of a run reads a dataset.
fn by_stage(run: &Run, dataset: usize, batch: &Batch, size: u64) -> String {
    let stages = run.stages.iter().flat_map(|stage| {
        let own = stage.draws().into_iter().filter(move |d| d.dataset == dataset);
        own.map(move |d| {
            let epochs = d.weight.to_f64() * batch.tokens() as f64 / size as f64;
            format!("`{}` {epochs:.2}", stage.name)
        })
    });
    format!("by stage: {}", stages.collect::<Vec<_>>().join(", "))
}

/// Whether a sequence holds one document, whatever its length.
pub(super) fn rows(run: &Run) -> bool {
    let objective = run.objective.as_ref().map(|(o, _)| o);
    matches!(objective, Some(Objective::Dpo { .. } | Objective::Sft { pack: false, .. }))
}

/// The limit of a dataset whose documents are a sequence each.
fn by_rows(
    run: &Run,
    stage: &Stage,
    drawn: &Drawn,
    dataset: &Dataset,
    batch: &Batch,
    out: &mut Vec<Diagnostic>,
) {
    let (Some(documents), Some((limit, at))) = (dataset.stated_documents, dataset.limit) else { return };
    let sequences = drawn.weight.to_f64() * batch.sequences as f64;
    let epochs = sequences / documents as f64;
    if epochs <= limit.to_f64() * (1.0 + 1e-3) {
        return;
    }
    out.push(
        Diagnostic::error(
            "smol::data::limit",
            at,
            format!(
                "run `{}` reads `{}` {epochs:.2} times over, which allows {}",
                run.name,
                dataset.name,
                decimal(limit)
            ),
        )
        .label(format!("{sequences:.0} documents drawn from {documents}"))
        .also(stage.span, format!("in stage `{}`", stage.name))
        .help("shorten the stage, or raise the limit"),
    );
}
