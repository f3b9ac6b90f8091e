//! The static checks, one file a rule. Each says in its first lines what it catches and why that matters.
//!
//! Rules of mixtures and batches run where the value is made, so that a wrong one is never used; rules of runs see the
//! finished run. Whatever is missing was reported before: a rule that lacks what it needs says nothing.

pub mod batch_micro;
pub mod batch_window;
pub mod data_empty;
pub mod data_epochs;
pub mod data_validation;
pub mod mix_duplicate;
pub mod mix_rest;
pub mod mix_sum;
pub mod mix_zero;
pub mod model_context;
pub mod model_heads;
pub mod model_shape;
pub mod model_vocab;
pub mod optimizer_range;
pub mod schedule_floor;
pub mod schedule_jump;
pub mod schedule_peak;
pub mod schedule_value;
pub mod schedule_warmup;
pub mod stage_empty;
pub mod time_rounds;

use crate::run_time::Curve;
use crate::spec::{Run, Spec};
use crate::world::World;
use smolc_diag::Diagnostic;

/// Runs every rule that needs the finished spec.
pub fn check(spec: &Spec, world: &dyn World, out: &mut Vec<Diagnostic>) {
    data_empty::check(&spec.datasets, world, out);
    for run in &spec.runs {
        if let Some(model) = &run.model
            && model_shape::check(model, out)
        {
            model_heads::check(model, out);
        }
        model_vocab::check(run, spec, out);
        model_context::check(run, out);
        data_validation::check(run, spec, out);
        data_epochs::check(run, spec, out);
        check_schedule(run, out);
    }
}

/// One mistake of a schedule is reported once: what follows from it is not.
fn check_schedule(run: &Run, out: &mut Vec<Diagnostic>) {
    let (Some(lr), Some(end)) = (&run.lr, run.steps) else { return };
    let curve = Curve::sample(&lr.expr, end);
    if schedule_value::check(run, lr, &curve, out) && schedule_warmup::check(run, lr, end, out) {
        schedule_peak::check(run, lr, &curve, out);
        schedule_jump::check(run, lr, &curve, out);
        schedule_floor::check(run, lr, &curve, end, out);
    }
}
