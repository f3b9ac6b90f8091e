//! When checkpoints are written and validation splits evaluated.

use super::Builder;
use crate::eval::{Eval, Time};
use crate::rules::time_rounds;
use crate::schema::run::default;
use crate::spec::Event;
use crate::value::{CadenceValue, Node, Num, Object, Value};
use smolc_diag::Diagnostic;
use smolc_plan::{Batch, Checkpoints, Validation};

/// An interval in whole steps, the nearest.
fn interval(eval: &mut Eval<'_>, node: &Node, what: &str, time: Time, batch: &Batch) -> Option<u64> {
    if !eval.expect(node, &crate::types::Type::Span, what, None) {
        return None;
    }
    let Value::Number(Num::Exact(f), dim) = node.value else { return None };
    let asked = time.to_steps(f, dim)?;
    let steps = u64::try_from(asked.round()).ok().filter(|n| *n > 0);
    match steps {
        Some(steps) => {
            time_rounds::check(what, node.span, asked, steps, batch.tokens(), &mut eval.diagnostics);
            Some(steps)
        }
        None => {
            let d = Diagnostic::error("smol::time::interval", node.span, format!("{what} comes to no step"))
                .help(format!("a step is {} tokens", crate::units::grouped(i128::from(batch.tokens()))));
            eval.diagnostics.push(d);
            None
        }
    }
}

impl Builder {
    /// The evaluations of a run: `eval: suite every 500B tokens and at stage end`, or a list of such.
    pub(super) fn events(
        &mut self,
        eval: &mut Eval<'_>,
        block: &Object,
        time: Time,
        batch: &Batch,
    ) -> Vec<Event> {
        let mut out = Vec::new();
        let Some(node) = block.get("eval").cloned() else { return out };
        let nodes = match &node.value {
            Value::List(items) => items.clone(),
            _ => vec![node],
        };
        for node in nodes {
            let Value::Cadence(c) = &node.value else { continue };
            if let Some(keep) = &c.keep {
                let d = Diagnostic::error("smol::type::mismatch", keep.span, "an evaluation keeps nothing")
                    .help("`keep` belongs to `checkpoint`");
                eval.diagnostics.push(d);
                continue;
            }
            let every = match &c.every {
                Some(n) => match interval(eval, n, "the evaluation interval", time, batch) {
                    Some(every) => Some(every),
                    None => continue,
                },
                None => None,
            };
            let evaluations = c.what.as_ref().map(|w| self.indices(w)).unwrap_or_default();
            out.push(Event {
                evaluations,
                every,
                stage_end: c.stage_end.is_some(),
                end: c.end.is_some(),
                span: node.span,
            });
        }
        out
    }
}

fn cadence<'o>(block: &'o Object, field: &str) -> Option<&'o CadenceValue> {
    match &block.get(field)?.value {
        Value::Cadence(c) => Some(c),
        _ => None,
    }
}

/// Checkpoints of a run.
pub(super) fn checkpoints(
    eval: &mut Eval<'_>,
    block: &Object,
    time: Time,
    batch: &Batch,
) -> Option<Checkpoints> {
    let defaults =
        Checkpoints { every: default::CHECKPOINT_EVERY, keep: default::CHECKPOINT_KEEP, pinned: Vec::new() };
    let Some(c) = cadence(block, "checkpoint") else {
        return (!block.broken("checkpoint")).then_some(defaults);
    };
    no_suite(eval, c, "a checkpoint")?;
    let keep = match &c.keep {
        None => defaults.keep,
        Some(node) => {
            if !eval.expect(node, &crate::types::Type::Int, "`keep`", None) {
                return None;
            }
            match node.value {
                Value::Number(Num::Exact(f), _) => f.to_u64()?,
                _ => return None,
            }
        }
    };
    if keep == 0 {
        let at = c.keep.as_ref().map_or(block.at("checkpoint"), |n| n.span);
        let d = Diagnostic::error("smol::time::interval", at, "`keep 0` would keep no checkpoint")
            .help("a run that is interrupted goes on from the newest one: keep 1 at least");
        eval.diagnostics.push(d);
        return None;
    }
    let every = match &c.every {
        Some(node) => interval(eval, node, "the checkpoint interval", time, batch)?,
        // At stage ends and the run's end one is written in any case.
        None => time.end.to_u64()?,
    };
    Some(Checkpoints { every, keep, pinned: Vec::new() })
}

/// Validation of a run.
pub(super) fn validation(
    eval: &mut Eval<'_>,
    block: &Object,
    time: Time,
    batch: &Batch,
) -> Option<Validation> {
    if block.broken("validate") || block.broken("validate_on") {
        return None;
    }
    let tokens = block.u64("validate_on").unwrap_or(default::VALIDATE_ON.max(batch.window));
    if tokens < batch.window {
        let d = Diagnostic::error(
            "smol::time::interval",
            block.at("validate_on"),
            format!("{tokens} tokens are less than one window of {}", batch.window),
        );
        eval.diagnostics.push(d);
        return None;
    }
    let Some(c) = cadence(block, "validate") else {
        return Some(Validation { every: None, stage_end: false, end: false, tokens });
    };
    no_suite(eval, c, "a validation")?;
    if let Some(keep) = &c.keep {
        let d = Diagnostic::error("smol::type::mismatch", keep.span, "a validation keeps nothing")
            .help("`keep` belongs to `checkpoint`");
        eval.diagnostics.push(d);
        return None;
    }
    let every = match &c.every {
        Some(node) => Some(interval(eval, node, "the validation interval", time, batch)?),
        None => None,
    };
    Some(Validation { every, stage_end: c.stage_end.is_some(), end: c.end.is_some(), tokens })
}

/// Reports an evaluation in front of a cadence that has no use for one.
fn no_suite(eval: &mut Eval<'_>, c: &CadenceValue, what: &str) -> Option<()> {
    match &c.what {
        None => Some(()),
        Some(node) => {
            let d = Diagnostic::error(
                "smol::type::mismatch",
                node.span,
                format!("{what} evaluates nothing by name"),
            )
            .help("benchmarks go into `eval: suite every 2B tokens`");
            eval.diagnostics.push(d);
            None
        }
    }
}
