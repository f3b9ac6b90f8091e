//! Stages: lengths into steps, mixtures into parts.

use super::Builder;
use crate::eval::{Eval, StageLayers, Time};
use crate::rational::Fraction;
use crate::rules::{mix_vanishes, stage_bounds, stage_empty, stage_enter, time_rounds};
use crate::schema::stage::STAGE;
use crate::share::Share;
use crate::spec::{Drawn, Entry, Part, Run, Stage};
use crate::units::Dim;
use crate::value::{Mix, MixTerm, Node, Num, Object, Value};
use smolc_diag::{Diagnostic, Span};
use smolc_plan::{Batch, Objective};

/// Parts that a changing mixture is cut into. Their weights are those of the parts' middles, so that sixteen parts keep
/// every share within a thirty-second of the ramp, and denominators stay small enough for the order of data to be exact.
pub const PARTS: u64 = 16;

impl Builder {
    pub(super) fn stages(&mut self, eval: &mut Eval<'_>, layers: &[StageLayers<'_>], run: &mut Run) {
        for layer in layers {
            let built = self.stage(eval, layer, run);
            run.stages.push(built);
        }
        timeline(run, &mut eval.diagnostics);
        if run.steps.is_some() {
            let before = run.parent.as_ref().and_then(|p| {
                let parent = self.spec.runs.get(p.run)?;
                let step = p.step?;
                parent.stages.iter().rev().find(|s| s.steps.is_some_and(|(first, _)| first < step))
            });
            let before = before.cloned();
            cut(run, before.as_ref(), &mut eval.diagnostics);
        }
    }

    fn stage(&mut self, eval: &mut Eval<'_>, stage: &StageLayers<'_>, run: &Run) -> Stage {
        let owner = format!("stage `{}`", stage.name.text);
        let fields = eval.stage_fields(stage);
        let block = Object { schema: Some(&STAGE), fields, span: stage.name.span };
        eval.missing(&block, stage.name.span, &owner);
        let mix = match block.get("mix").map(|n| (&n.value, n.span)) {
            Some((Value::Mix(mix), span)) => self.entries(mix, span),
            Some((Value::Dataset(d), span)) => {
                let only = MixTerm { dataset: d.clone(), weight: Share::one(), span };
                self.entries(&Mix { terms: vec![only] }, span)
            }
            _ => None,
        };
        let time = run.batch.as_ref().map(|b| super::time(b, 0));
        let length_span = stage.length.as_ref().map_or(stage.name.span, |(e, _)| e.span);
        let (mut asked_steps, mut least_steps) = (None, None);
        match &stage.length {
            None => {
                let d = Diagnostic::error(
                    "smol::record::missing",
                    stage.name.span,
                    format!("{owner} has no length"),
                )
                .help(format!("write `stage {} for 1M tokens {{ … }}`", stage.name.text));
                eval.diagnostics.push(d);
            }
            Some((length, locals)) => {
                let node = eval.expr(length, locals);
                let what = format_args!("the length of {owner}");
                if !node.is_error() && eval.expect(&node, &crate::types::Type::Length, what, None) {
                    let (least, most, dim) = match node.value {
                        Value::Number(Num::Exact(f), dim) => (None, f, dim),
                        Value::Range(a, b, dim) => (Some(a), b, dim),
                        _ => (None, Fraction::ZERO, Dim::Number),
                    };
                    stage_bounds::check(&owner, least.is_some(), stage, &mut eval.diagnostics);
                    asked_steps = self.length(eval, &node, most, dim, &owner, mix.as_deref(), run);
                    least_steps = match least {
                        Some(least) => self.length(eval, &node, least, dim, &owner, mix.as_deref(), run),
                        None => None,
                    };
                }
            }
        }
        let guard = match (&stage.until, time) {
            (Some((guard, locals)), Some(time)) => {
                let before = eval.time.replace(time);
                let found = eval.guard(guard, locals);
                eval.time = before;
                let source = eval.written(guard.span);
                found.and_then(|(expr, read)| self.guard(eval, expr, read, source, guard.span))
            }
            _ => None,
        };
        let blend = block.object("enter").and_then(|b| {
            let node = b.get("over")?;
            let Value::Number(Num::Exact(f), dim) = node.value else { return None };
            let steps = match dim {
                Dim::Ratio => asked_steps?.mul(f)?,
                _ => time?.to_steps(f, dim)?,
            };
            Some((steps, node.span))
        });
        Stage {
            name: stage.name.text.clone(),
            span: stage.name.span,
            length_span,
            asked_steps,
            steps: None,
            mix,
            blend,
            guard,
            least_steps,
            parts: Vec::new(),
        }
    }

    /// A length in steps, before rounding.
    #[allow(clippy::too_many_arguments)]
    fn length(
        &self,
        eval: &mut Eval<'_>,
        node: &Node,
        f: Fraction,
        dim: Dim,
        owner: &str,
        mix: Option<&[Entry]>,
        run: &Run,
    ) -> Option<Fraction> {
        let batch = run.batch.as_ref()?;
        let steps = match dim {
            Dim::Epochs => {
                // An epoch is one pass over one dataset; of a mixture there is no such thing.
                let entry = match mix? {
                    [one] => Some(one),
                    _ => None,
                };
                let dataset = entry.and_then(|e| self.spec.datasets.get(e.dataset));
                // Unpacked conversations and preferences are a sequence each, whatever their length.
                let rows = match &run.objective.as_ref()?.0 {
                    Objective::Dpo { .. } | Objective::Sft { pack: false, .. } => true,
                    Objective::NextToken | Objective::Sft { .. } => false,
                };
                let size = match rows {
                    true => dataset.and_then(|d| d.stated_documents).map(|n| (n, batch.sequences)),
                    false => dataset.and_then(|d| d.stated_tokens).map(|n| (n, batch.tokens())),
                };
                let Some((size, unit)) = size else {
                    let field = if rows { "documents" } else { "tokens" };
                    let d = Diagnostic::error(
                        "smol::stage::epochs",
                        node.span,
                        format!("how long an epoch of {owner} is cannot be known"),
                    )
                    .help(format!(
                        "epochs count passes over one dataset that states its `{field}:`; give the length in tokens or \
                         steps"
                    ));
                    eval.diagnostics.push(d);
                    return None;
                };
                f.mul(Fraction::integer(size)).and_then(|n| n.div(Fraction::integer(unit)))
            }
            _ => super::time(batch, 0).to_steps(f, dim),
        };
        if steps.is_none() {
            let d = Diagnostic::error(
                "smol::eval::arithmetic",
                node.span,
                format!("the length of {owner} is out of range"),
            );
            eval.diagnostics.push(d);
        }
        steps
    }

    /// A mixture's datasets by index. What is said of a term is said where the stage names its mixture: that is where it can
    /// be allowed, and a mixture may serve many stages.
    fn entries(&mut self, mix: &Mix, at: Span) -> Option<Vec<Entry>> {
        let inside = |s: Span| s.file == at.file && at.start <= s.start && s.end <= at.end;
        mix.terms
            .iter()
            .map(|t| {
                let span = if inside(t.span) { t.span } else { at };
                Some(Entry { dataset: self.dataset(&t.dataset)?, weight: t.weight.clone(), span })
            })
            .collect()
    }
}

/// Places stages on the run's time. A boundary is the exact sum of the lengths before it, rounded to the nearest whole
/// step (a half goes up), so that rounding never accumulates: each boundary is within half a step of what was asked.
fn timeline(run: &mut Run, out: &mut Vec<Diagnostic>) {
    let Some(batch) = run.batch.clone() else { return };
    let (mut exact, mut first) = (Fraction::ZERO, 0u64);
    let mut whole = !run.stages.is_empty();
    for stage in &mut run.stages {
        let Some(asked) = stage.asked_steps else { return };
        let Some(sum) = exact.add(asked) else { return };
        exact = sum;
        let boundary = u64::try_from(exact.round()).ok().filter(|b| b.checked_mul(batch.tokens()).is_some());
        let Some(boundary) = boundary else {
            let message = format!("stage `{}` is longer than 2^64 tokens", stage.name);
            out.push(Diagnostic::error("smol::eval::arithmetic", stage.length_span, message));
            return;
        };
        let steps = boundary.saturating_sub(first);
        if steps == 0 {
            out.push(stage_empty::report(
                &stage.name,
                stage.length_span,
                asked,
                batch.tokens(),
                run.batch_span,
            ));
            whole = false;
        } else {
            let what = format_args!("stage `{}`", stage.name);
            time_rounds::check(what, stage.length_span, asked, steps, batch.tokens(), out);
        }
        stage.steps = Some((first, steps));
        first = boundary;
    }
    if whole {
        run.steps = Some(first);
    }
}

/// Cuts stages whose mixture changes into parts of constant mixtures.
fn cut(run: &mut Run, parent: Option<&Stage>, out: &mut Vec<Diagnostic>) {
    let mut before: Option<Vec<Entry>> = parent.and_then(|s| s.mix.clone());
    let batch = run.batch.clone();
    for stage in &mut run.stages {
        let (Some((first, steps)), Some(mix)) = (stage.steps, stage.mix.clone()) else {
            before = None;
            continue;
        };
        let blended = match &stage.blend {
            None => 0,
            Some((over, at)) => {
                match stage_enter::check(&stage.name, *over, *at, steps, before.is_some(), out) {
                    Some(over) => over,
                    None => {
                        before = Some(mix);
                        continue;
                    }
                }
            }
        };
        let parts = parts(first, steps, blended, before.as_deref().unwrap_or_default(), &mix);
        match parts {
            Some(parts) => {
                mix_vanishes::check(&stage.name, &parts, batch.as_ref(), out);
                stage.parts = parts;
            }
            None => {
                let message =
                    format!("the shares of stage `{}` are out of range as exact fractions", stage.name);
                out.push(Diagnostic::error("smol::eval::arithmetic", stage.span, message));
            }
        }
        before = Some(mix);
    }
}

fn parts(first: u64, steps: u64, blended: u64, before: &[Entry], mix: &[Entry]) -> Option<Vec<Part>> {
    let ramps = mix.iter().any(|e| e.weight.same().is_none());
    let whole = Fraction::integer(steps);
    let mut parts = Vec::new();
    // From step `from` to `to` of the stage, in `n` parts; `share` is how much of the mixture before is gone.
    let mut span = |from: u64, to: u64, n: u64, blend: bool| -> Option<()> {
        let n = n.min(to.saturating_sub(from));
        for i in 0..n {
            let edge = |k: u64| from + (u128::from(k) * u128::from(to - from) / u128::from(n)) as u64;
            let (a, b) = (edge(i), edge(i + 1));
            let middle = Fraction::new(i128::from(2 * i + 1), i128::from(2 * n))?;
            let progress = match (from, to) {
                (0, to) if to == steps => middle,
                _ => Fraction::integer(from).add(middle.mul(Fraction::integer(to - from))?)?.div(whole)?,
            };
            let here = if blend { middle } else { Fraction::ONE };
            let gone = Fraction::ONE.sub(here)?;
            let mut drawn: Vec<Drawn> = Vec::new();
            let old = before.iter().map(|e| (e, gone, e.weight.end()));
            let new = mix.iter().map(|e| (e, here, Fraction::ZERO));
            for (k, (entry, factor, end)) in old.chain(new).enumerate() {
                let weight = if k < before.len() { end } else { entry.weight.at(progress)? }.mul(factor)?;
                if weight.is_zero() {
                    continue;
                }
                match drawn.iter_mut().find(|d| d.dataset == entry.dataset) {
                    Some(seen) => seen.weight = seen.weight.add(weight)?,
                    None => drawn.push(Drawn { dataset: entry.dataset, weight, span: entry.span }),
                }
            }
            parts.push(Part { first: first + a, steps: b - a, mix: drawn });
        }
        Some(())
    };
    if blended > 0 {
        span(0, blended, PARTS, true)?;
    }
    span(blended, steps, if ramps { PARTS } else { 1 }, false)?;
    Some(parts)
}

/// How spans convert for a batch.
pub(super) fn time(batch: &Batch, end: u64) -> Time {
    Time {
        tokens: Fraction::integer(batch.tokens()),
        sequences: Fraction::integer(batch.sequences),
        end: Fraction::integer(end),
    }
}
