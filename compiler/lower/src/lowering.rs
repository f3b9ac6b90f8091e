//! The plan of a spec.

use crate::program::{self, ProgramOptions};
use smolc_check::rational::Fraction;
use smolc_check::spec::{self, Spec};
use smolc_diag::{Diagnostic, Span};
use smolc_plan::{
    Dataset, EvaluationEvent, Guard, MixEntry, Model, PLAN_VERSION, Parameter, Parent, Part, Plan, Precision,
    Program, Recompute, Run, Schedule, Stage, Tokenizer,
};
use std::sync::Arc;

/// Lowers a complete spec.
///
/// Errors: the spec is not complete (its own diagnostics say why), it has no run, or a model has no step program, which
/// the checks leave no room for.
pub fn lower(spec: &Spec) -> Result<Plan, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let at = spec.runs.first().map(|r| r.span).unwrap_or_default();
    if spec.runs.is_empty() {
        errors.push(
            Diagnostic::error("smol::lower::no_run", at, "the spec has no run, so there is nothing to plan")
                .help("write `run NAME { … }`"),
        );
    }
    let mut runs = Vec::new();
    let mut programs = Programs::default();
    for run in &spec.runs {
        match lower_run(run, &mut programs) {
            Ok(Some(run)) => runs.push(run),
            Ok(None) => errors.push(incomplete(run.span, &run.name)),
            Err(d) => errors.push(*d),
        }
    }
    let tokenizers: Vec<Tokenizer> = spec
        .tokenizers
        .iter()
        .filter_map(|t| {
            Some(Tokenizer {
                name: t.name.clone(),
                source: t.source.clone(),
                eos: t.eos.clone(),
                bos: t.bos.clone(),
                vocab: t.vocab?,
            })
        })
        .collect();
    if errors.is_empty() && (!spec.complete || tokenizers.len() != spec.tokenizers.len()) {
        errors.push(incomplete(at, &spec.name));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let plan = Plan {
        version: PLAN_VERSION,
        spec: spec.name.clone(),
        language: spec.language,
        compiler: env!("CARGO_PKG_VERSION").into(),
        tokenizers,
        datasets: spec.datasets.iter().map(lower_dataset).collect(),
        classifiers: spec.classifiers.iter().map(|c| c.plan.clone()).collect(),
        evaluations: spec.evaluations.iter().map(|e| e.plan.clone()).collect(),
        sweeps: spec.sweeps.iter().map(|s| s.plan.clone()).collect(),
        runs,
    };
    match plan.validate() {
        Ok(()) => Ok(plan),
        Err(error) => Err(vec![bug(at, &error.to_string())]),
    }
}

fn lower_dataset(d: &spec::Dataset) -> Dataset {
    Dataset {
        name: d.name.clone(),
        source: d.source.clone(),
        take: d.take.clone(),
        validation_per_million: d.validation_per_million,
        stated_tokens: d.stated_tokens,
        stated_documents: d.stated_documents,
        columns: d.columns.clone(),
        steps: d.steps.iter().map(|(step, _)| step.clone()).collect(),
        limit: d.limit.and_then(|(f, _)| f.to_ratio()),
        measured: None,
    }
}

type Built = (Arc<Program>, Arc<[Parameter]>);

/// Programs built so far. Runs of one spec mostly share model and batch, and a program depends on nothing else.
#[derive(Default)]
struct Programs<'s> {
    built: Vec<(&'s Model, ProgramOptions, Precision, Built)>,
}

impl<'s> Programs<'s> {
    fn of(
        &mut self,
        model: &'s Model,
        options: ProgramOptions,
        precision: Precision,
    ) -> Result<Built, program::ProgramError> {
        let known = self.built.iter().find(|(m, o, p, _)| *m == model && *o == options && *p == precision);
        if let Some((.., built)) = known {
            return Ok(built.clone());
        }
        let (program, parameters) = program::build_in(model, &options, precision)?;
        let built: Built = (Arc::new(program), parameters.into());
        self.built.push((model, options, precision, built.clone()));
        Ok(built)
    }
}

/// `Ok(None)`: some part of the run is missing, and was reported by the checks.
fn lower_run<'s>(run: &'s spec::Run, programs: &mut Programs<'s>) -> Result<Option<Run>, Box<Diagnostic>> {
    let (Some(model), Some(batch), Some((adamw, decay)), Some(lr), Some(steps)) =
        (&run.model, &run.batch, &run.optimizer, &run.lr, run.steps)
    else {
        return Ok(None);
    };
    let (Some((tokenizer, _)), Some(checkpoints), Some(validation)) =
        (run.tokenizer, &run.checkpoints, &run.validation)
    else {
        return Ok(None);
    };
    let stages = run.stages.iter().map(|s| lower_stage(s, batch.tokens())).collect::<Option<Vec<_>>>();
    let (Some(stages), Some((objective, _))) = (stages, &run.objective) else {
        return Ok(None);
    };
    let parent = match &run.parent {
        None => None,
        Some(p) => match p.step {
            Some(step) => Some(Parent { run: p.run, step, carry: p.carry }),
            None => return Ok(None),
        },
    };
    let schedule = |s: &spec::Schedule| Schedule { expr: s.expr.clone(), source: s.source.clone() };
    let options = ProgramOptions {
        batch: batch.micro,
        window: batch.window,
        head_chunk: run.target.as_ref().map_or(run.precision.head_chunk(), |(target, _)| target.head_chunk),
        decay: match decay {
            spec::Decay::All => program::Decay::All,
            spec::Decay::Matrices => program::Decay::Matrices,
            spec::Decay::NoEmbedding => program::Decay::NoEmbedding,
        },
        recompute: run.target.as_ref().map_or(Recompute::None, |(target, _)| target.recompute),
        training: true,
    };
    let (program, parameters) = programs.of(&model.model, options, run.precision).map_err(|error| {
        Box::new(
            Diagnostic::error(
                "smol::lower::program",
                model.span,
                format!("run `{}` has no step program: {error}", run.name),
            )
            .also(run.batch_span, "with this batch"),
        )
    })?;
    Ok(Some(Run {
        name: run.name.clone(),
        model: model.model.clone(),
        tokenizer,
        batch: batch.clone(),
        steps,
        seed: run.seed,
        optimizer: adamw.clone(),
        lr: schedule(lr),
        stages: stages.concat(),
        checkpoints: checkpoints.clone(),
        validation: validation.clone(),
        document_mask: run.document_mask,
        precision: run.precision,
        parent,
        objective: objective.clone(),
        evaluations: run
            .events
            .iter()
            .map(|e| EvaluationEvent {
                evaluations: e.evaluations.clone(),
                every: e.every,
                stage_end: e.stage_end,
                end: e.end,
            })
            .collect(),
        target: run.target.as_ref().map(|(target, _)| target.clone()),
        weight_decay: run.weight_decay.as_ref().map(schedule),
        parameters,
        program,
    }))
}

/// A stage, in parts where its mixture changes.
fn lower_stage(stage: &spec::Stage, batch_tokens: u64) -> Option<Vec<Stage>> {
    stage.steps?;
    let tokens = stage.asked_steps?.mul(Fraction::integer(batch_tokens))?;
    let asked = u64::try_from(tokens.round()).ok()?;
    let of = stage.parts.len() as u64;
    let until = match (&stage.guard, &stage.least_steps) {
        (Some(guard), Some(least)) => Some(Guard {
            expr: guard.expr.clone(),
            source: guard.source.clone(),
            signals: guard.signals.iter().map(|(s, _)| s.clone()).collect(),
            least_steps: u64::try_from(least.round()).ok()?,
        }),
        _ => None,
    };
    let mut stages = Vec::new();
    for (part, index) in stage.parts.iter().zip(0u64..) {
        let mix = part
            .mix
            .iter()
            .map(|d| Some(MixEntry { dataset: d.dataset, weight: d.weight.to_ratio()? }))
            .collect::<Option<Vec<MixEntry>>>()?;
        let whole = of == 1;
        stages.push(Stage {
            name: if whole { stage.name.clone() } else { format!("{}[{}/{of}]", stage.name, index + 1) },
            first_step: part.first,
            steps: part.steps,
            // Parts are whole steps; the deviation of the stage is in its last.
            asked_tokens: if whole { asked } else { part.steps.checked_mul(batch_tokens)? },
            mix,
            part: (!whole).then(|| Part { stage: stage.name.clone(), index, of }),
            until: if index == 0 { until.clone() } else { None },
        });
    }
    (!stages.is_empty()).then_some(stages)
}

fn incomplete(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("smol::lower::incomplete", at, format!("`{name}` has errors and cannot be planned"))
        .help("correct what `smolc check` reports")
}

fn bug(at: Span, what: &str) -> Diagnostic {
    Diagnostic::error("smol::lower::bug", at, format!("the compiler made a plan that does not hold: {what}"))
        .help(format!("this is a bug in smolc {}; please report it with the spec", env!("CARGO_PKG_VERSION")))
}
