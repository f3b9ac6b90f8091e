//! The plan of a spec.

use crate::program::{self, ProgramOptions};
use smolc_check::spec::{self, Spec};
use smolc_diag::{Diagnostic, Span};
use smolc_plan::{Dataset, MixEntry, PLAN_VERSION, Plan, Run, Schedule, Stage, Tokenizer};

/// Tokens whose logits exist at one time, at most. 512 rows of a 49,152-token vocabulary are 96 MiB, and the matrix
/// products of a chunk are still large enough to run at full speed.
pub const HEAD_CHUNK: u64 = 512;

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
    for run in &spec.runs {
        match lower_run(run) {
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
        measured: None,
    }
}

/// `Ok(None)`: some part of the run is missing, and was reported by the checks.
fn lower_run(run: &spec::Run) -> Result<Option<Run>, Box<Diagnostic>> {
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
    let Some(stages) =
        run.stages.iter().map(|s| lower_stage(s, batch.tokens())).collect::<Option<Vec<Stage>>>()
    else {
        return Ok(None);
    };
    let options = ProgramOptions {
        batch: batch.micro,
        window: batch.window,
        head_chunk: HEAD_CHUNK,
        decay: match decay {
            spec::Decay::All => program::Decay::All,
            spec::Decay::Matrices => program::Decay::Matrices,
            spec::Decay::NoEmbedding => program::Decay::NoEmbedding,
        },
        training: true,
    };
    let (program, parameters) =
        program::build_in(&model.model, &options, run.precision).map_err(|error| {
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
        lr: Schedule { expr: lr.expr.clone(), source: lr.source.clone() },
        stages,
        checkpoints: checkpoints.clone(),
        validation: validation.clone(),
        document_mask: run.document_mask,
        precision: run.precision,
        parameters,
        program,
    }))
}

fn lower_stage(stage: &spec::Stage, batch_tokens: u64) -> Option<Stage> {
    let (first_step, steps) = stage.steps?;
    let tokens = stage.asked_steps?.mul(smolc_check::rational::Fraction::integer(batch_tokens))?;
    let mix = stage
        .mix
        .as_ref()?
        .iter()
        .map(|e| Some(MixEntry { dataset: e.dataset, weight: e.weight.to_ratio()? }));
    Some(Stage {
        name: stage.name.clone(),
        first_step,
        steps,
        asked_tokens: u64::try_from(tokens.round()).ok()?,
        mix: mix.collect::<Option<Vec<MixEntry>>>()?,
    })
}

fn incomplete(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("smol::lower::incomplete", at, format!("`{name}` has errors and cannot be planned"))
        .help("correct what `smolc check` reports")
}

fn bug(at: Span, what: &str) -> Diagnostic {
    Diagnostic::error("smol::lower::bug", at, format!("the compiler made a plan that does not hold: {what}"))
        .help(format!("this is a bug in smolc {}; please report it with the spec", env!("CARGO_PKG_VERSION")))
}
