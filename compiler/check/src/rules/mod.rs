//! The static checks, one file a rule. Each says in its first lines what it catches and why that matters.
//!
//! Rules of mixtures and batches run where the value is made, so that a wrong one is never used; rules of runs see the
//! finished run. Whatever is missing was reported before: a rule that lacks what it needs says nothing.

pub mod batch_micro;
pub mod batch_window;
pub mod data_alias;
pub mod data_classifier;
pub mod data_column;
pub mod data_contamination;
pub mod data_empty;
pub mod data_epochs;
pub mod data_filter;
pub mod data_held_out;
pub mod data_repeats;
pub mod data_validation;
pub mod mix_duplicate;
pub mod mix_rest;
pub mod mix_sum;
pub mod mix_vanishes;
pub mod mix_zero;
pub mod model_context;
pub mod model_head_size;
pub mod model_heads;
pub mod model_init;
pub mod model_shape;
pub mod model_theta;
pub mod model_vocab;
pub mod name_twice;
pub mod objective_data;
pub mod objective_packing;
pub mod objective_parent;
pub mod optimizer_range;
pub mod optimizer_unusual;
pub mod run_branch;
pub mod run_parent;
pub mod schedule_anneal;
pub mod schedule_continued;
pub mod schedule_floor;
pub mod schedule_jump;
pub mod schedule_peak;
pub mod schedule_unfinished;
pub mod schedule_unproven;
pub mod schedule_value;
pub mod schedule_warmup;
pub mod stage_at_once;
pub mod stage_bounds;
pub mod stage_empty;
pub mod stage_enter;
pub mod stage_guard;
pub mod target_divide;
pub mod target_memory;
pub mod target_precision;
pub mod time_interval;
pub mod time_rounds;
pub mod tokenizer_text;

use crate::run_time::Curves;
use crate::spec::{Run, Spec};
use crate::world::World;
use smolc_diag::Diagnostic;

/// Runs the rules of datasets and classifiers.
pub fn check_data(spec: &Spec, world: &dyn World, out: &mut Vec<Diagnostic>) {
    data_empty::check(&spec.datasets, world, out);
    data_column::check(&spec.datasets, world, out);
    data_filter::check(&spec.datasets, out);
    data_classifier::check(&spec.classifiers, &spec.datasets, world, out);
}

/// Runs every rule that needs the finished spec.
pub fn check(spec: &Spec, out: &mut Vec<Diagnostic>) {
    let mut curves = Curves::default();
    for run in &spec.runs {
        if let Some(model) = &run.model
            && model_shape::check(model, out)
        {
            let before = out.len();
            model_heads::check(model, out);
            if out.len() == before {
                model_head_size::check(model, out);
            }
            model_init::check(run, out);
        }
        model_vocab::check(run, spec, out);
        model_context::check(run, out);
        model_theta::check(run, spec, out);
        run_parent::check(run, spec, out);
        objective_data::check(run, spec, out);
        objective_parent::check(run, out);
        objective_packing::check(run, out);
        stage_at_once::check(run, out);
        stage_guard::check(run, spec, out);
        time_interval::check(run, out);
        data_validation::check(run, spec, out);
        data_epochs::check(run, spec, out);
        data_repeats::check(run, spec, out);
        data_alias::check(run, spec, out);
        data_held_out::check(run, spec, out);
        data_contamination::check(run, spec, out);
        check_schedule(run, spec, &mut curves, out);
        if target_divide::check(run, out) {
            target_memory::check(run, out);
        }
    }
}

/// One mistake of a schedule is reported once: what follows from it is not.
fn check_schedule<'s>(run: &'s Run, spec: &Spec, curves: &mut Curves<'s>, out: &mut Vec<Diagnostic>) {
    if !schedule_continued::check(run, spec, out) {
        return;
    }
    let (Some(lr), Some(end)) = (&run.lr, run.steps) else { return };
    let curve = curves.of(&lr.expr, end);
    if schedule_value::check(run, lr, &curve, out) && schedule_warmup::check(run, lr, end, out) {
        if schedule_unproven::check(run, lr, &curve, out) {
            schedule_peak::check(run, lr, &curve, out);
        }
        optimizer_unusual::rate(run, lr, &curve, out);
        schedule_jump::check(run, lr, &curve, out);
        schedule_floor::check(run, lr, &curve, end, out);
        schedule_anneal::check(run, lr, end, out);
        schedule_unfinished::check(run, lr, &curve, end, out);
    }
    for course in [run.weight_decay.as_ref()].into_iter().flatten() {
        schedule_value::check(run, course, &curves.of(&course.expr, end), out);
    }
}
