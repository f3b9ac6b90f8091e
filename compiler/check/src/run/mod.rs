//! From a `run` item to a checked run: fields into numbers, lengths into steps, schedules into expressions.

mod batch;
mod events;
mod rate;

use crate::eval::{Eval, Time};
use crate::rational::Fraction;
use crate::rules::{optimizer_range, stage_empty, time_rounds};
use crate::schema::run::RUN;
use crate::schema::stage::STAGE;
use crate::schema::{model, optimizer};
use crate::spec::{Dataset, Entry, Run, Spec, Stage, Tokenizer};
use crate::units::Dim;
use crate::value::{
    DatasetValue, ItemId, Mix, MixTerm, Node, Num, Object, TokenizerKind, TokenizerValue, Value,
};
use smolc_diag::{Diagnostic, Span};
use smolc_plan::{Batch, TokenizerSource};
use smolc_syntax::ast::{self, ExprKind, MemberKind};
use std::collections::HashMap;
use std::rc::Rc;

/// Builds a [`Spec`]: gives datasets and tokenizers their indices in order of first use.
#[derive(Default)]
pub struct Builder {
    /// The spec so far.
    pub spec: Spec,
    datasets: HashMap<ItemId, usize>,
    tokenizers: HashMap<ItemId, usize>,
}

impl Builder {
    fn dataset(&mut self, value: &DatasetValue) -> Option<usize> {
        let id = value.id?;
        let next = self.spec.datasets.len();
        let index = *self.datasets.entry(id).or_insert(next);
        if index == next {
            self.spec.datasets.push(Dataset {
                name: value.name.clone(),
                span: value.span,
                source: value.source.clone(),
                pattern_spans: value.pattern_spans.clone(),
                take: value.take.clone(),
                validation_per_million: value.validation_per_million,
                stated_tokens: value.stated_tokens,
            });
        }
        Some(index)
    }

    fn tokenizer(&mut self, value: &TokenizerValue) -> Option<usize> {
        let id = value.id?;
        if let Some(index) = self.tokenizers.get(&id) {
            return Some(*index);
        }
        let source = match &value.source {
            TokenizerKind::Hf(path) => TokenizerSource::Hf { path: path.clone() },
            TokenizerKind::Bpe { train, bytes, seed, split_digits } => TokenizerSource::Bpe {
                train: train.iter().filter_map(|d| self.dataset(d)).collect(),
                bytes: *bytes,
                seed: *seed,
                split_digits: *split_digits,
            },
        };
        self.spec.tokenizers.push(Tokenizer {
            name: value.name.clone(),
            span: value.span,
            source,
            eos: value.eos.clone(),
            bos: value.bos.clone(),
            vocab: value.vocab,
        });
        let index = self.spec.tokenizers.len() - 1;
        self.tokenizers.insert(id, index);
        Some(index)
    }

    /// Evaluates a run and adds it, as far as it could be worked out.
    pub fn run(&mut self, eval: &mut Eval<'_>, ast: &ast::Run) {
        let name = &ast.name;
        if let Some((base, _)) = &ast.from {
            eval.unsupported(base.span, "a run that branches off another one (`from`)");
        }
        let owner = format!("run `{}`", name.text);
        let locals = Rc::default();
        let fields = eval.fields(&ast.body, Some(&RUN), &owner, &locals);
        let block = Object { schema: Some(&RUN), fields, span: name.span };
        eval.missing(&block, name.span, &owner);

        let model = block.object("model").and_then(|o| {
            let called = model_name(&ast.body).unwrap_or_else(|| name.text.clone());
            let mut spec = model::build(&called, o)?;
            spec.span = block.at("model");
            Some(spec)
        });
        let tokenizer = match block.get("tokenizer").map(|n| (&n.value, n.span)) {
            Some((Value::Tokenizer(t), span)) => match self.tokenizer(t) {
                Some(index) => Some((index, span)),
                None => {
                    let d = Diagnostic::error("smol::type::mismatch", span, "this tokenizer has no name")
                        .help("define it: `tokenizer NAME = …`");
                    eval.diagnostics.push(d);
                    None
                }
            },
            _ => None,
        };
        let (window, window_span) = match (block.u64("window"), &model) {
            (Some(w), _) => (Some(w), block.at("window")),
            (None, Some(m)) if !block.broken("window") => (Some(m.model.context), m.at("context")),
            _ => (None, name.span),
        };
        let batch = window.and_then(|w| batch::batch(eval, &block, w, window_span));
        let mut run = Run {
            name: name.text.clone(),
            span: name.span,
            model,
            tokenizer,
            batch,
            batch_span: block.at("batch"),
            window_span,
            validate_span: block.get("validate").map(|n| n.span),
            optimizer: None,
            lr: None,
            stages: Vec::new(),
            steps: None,
            checkpoints: None,
            validation: None,
            document_mask: block.bool("document_mask").unwrap_or(false),
            precision: match block.text("precision") {
                Some("bf16") => smolc_plan::Precision::Bf16,
                _ => smolc_plan::Precision::F32,
            },
            seed: block.u64("seed").unwrap_or(0),
        };
        run.optimizer = block
            .object("optimizer")
            .filter(|o| optimizer_range::check(o, &mut eval.diagnostics))
            .and_then(optimizer::build);
        self.stages(eval, ast, &mut run);
        if let Some(batch) = run.batch.clone() {
            // Intervals need no more than the batch, so that a mistake in a stage does not hide one in them.
            let time = Time {
                tokens: Fraction::integer(batch.tokens()),
                sequences: Fraction::integer(batch.sequences),
                end: Fraction::integer(run.steps.unwrap_or(0)),
            };
            run.checkpoints = events::checkpoints(eval, &block, time, &batch);
            run.validation = events::validation(eval, &block, time, &batch);
            if run.steps.is_some() {
                run.lr = block.get("lr").and_then(|node| rate::schedule(eval, node, time));
            }
        }
        self.spec.runs.push(run);
    }

    fn stages(&mut self, eval: &mut Eval<'_>, ast: &ast::Run, run: &mut Run) {
        let mut names: HashMap<&str, Span> = HashMap::new();
        for member in &ast.body {
            let MemberKind::Stage(stage) = &member.kind else { continue };
            if let Some(first) = names.insert(&stage.name.text, stage.name.span) {
                let d = Diagnostic::error(
                    "smol::name::duplicate",
                    stage.name.span,
                    format!("run `{}` has two stages called `{}`", run.name, stage.name.text),
                )
                .label("again here")
                .also(first, "first here")
                .help("rename one of them");
                eval.diagnostics.push(d);
            }
            let built = self.stage(eval, stage, run.batch.as_ref());
            run.stages.push(built);
        }
        if run.stages.is_empty() {
            if !ast.body.iter().any(|m| matches!(m.kind, MemberKind::Error { .. })) {
                let d = Diagnostic::error(
                    "smol::stage::none",
                    run.span,
                    format!("run `{}` has no stage", run.name),
                )
                .help("write `stage NAME for 1M tokens { mix: … }` in it");
                eval.diagnostics.push(d);
            }
            return;
        }
        timeline(run, &mut eval.diagnostics);
    }

    fn stage(&mut self, eval: &mut Eval<'_>, stage: &ast::Stage, batch: Option<&Batch>) -> Stage {
        let locals = Rc::default();
        let owner = format!("stage `{}`", stage.name.text);
        eval.owner.clone_from(&owner);
        let fields = eval.fields(&stage.body, Some(&STAGE), &owner, &locals);
        eval.owner.clear();
        let block = Object { schema: Some(&STAGE), fields, span: stage.name.span };
        eval.missing(&block, stage.name.span, &owner);
        if let Some(guard) = &stage.until {
            eval.unsupported(guard.span, "a guard (`until`)");
        }
        let mix = match block.get("mix").map(|n| (&n.value, n.span)) {
            Some((Value::Mix(mix), _)) => self.entries(mix),
            Some((Value::Dataset(d), span)) => self
                .entries(&Mix { terms: vec![MixTerm { dataset: d.clone(), weight: Fraction::ONE, span }] }),
            _ => None,
        };
        let length_span = stage.length.as_ref().map_or(stage.name.span, |e| e.span);
        let asked_steps = match &stage.length {
            None => {
                let d = Diagnostic::error(
                    "smol::record::missing",
                    stage.name.span,
                    format!("{owner} has no length"),
                )
                .help(format!("write `stage {} for 1M tokens {{ … }}`", stage.name.text));
                eval.diagnostics.push(d);
                None
            }
            Some(length) => {
                let node = eval.expr(length, &locals);
                self.length(eval, &node, &owner, mix.as_deref(), batch)
            }
        };
        Stage {
            name: stage.name.text.clone(),
            span: stage.name.span,
            length_span,
            asked_steps,
            steps: None,
            mix,
        }
    }

    fn length(
        &self,
        eval: &mut Eval<'_>,
        node: &Node,
        owner: &str,
        mix: Option<&[Entry]>,
        batch: Option<&Batch>,
    ) -> Option<Fraction> {
        if node.is_error()
            || !eval.expect(node, &crate::types::Type::Length, &format!("the length of {owner}"), None)
        {
            return None;
        }
        let Value::Number(Num::Exact(f), dim) = node.value else { return None };
        let batch = batch?;
        let steps = match dim {
            Dim::Epochs => {
                // An epoch is one pass over one dataset; of a mixture there is no such thing.
                let entry = match mix? {
                    [one] => Some(one),
                    _ => None,
                };
                let size =
                    entry.and_then(|e| self.spec.datasets.get(e.dataset)).and_then(|d| d.stated_tokens);
                let Some(size) = size else {
                    let d = Diagnostic::error(
                        "smol::stage::epochs",
                        node.span,
                        format!("how long an epoch of {owner} is cannot be known"),
                    )
                    .help("epochs count passes over one dataset that states its `tokens:`; give the length in tokens");
                    eval.diagnostics.push(d);
                    return None;
                };
                f.mul(Fraction::integer(size))?.div(Fraction::integer(batch.tokens()))
            }
            _ => Time {
                tokens: Fraction::integer(batch.tokens()),
                sequences: Fraction::integer(batch.sequences),
                end: Fraction::ZERO,
            }
            .to_steps(f, dim),
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

    fn entries(&mut self, mix: &Mix) -> Option<Vec<Entry>> {
        mix.terms
            .iter()
            .map(|t| Some(Entry { dataset: self.dataset(&t.dataset)?, weight: t.weight, span: t.span }))
            .collect()
    }
}

/// Places stages on the run's time. A boundary is the exact sum of the lengths before it, rounded to the nearest whole
/// step (a half goes up), so that rounding never accumulates: each boundary is within half a step of what was asked.
fn timeline(run: &mut Run, out: &mut Vec<Diagnostic>) {
    let Some(batch) = run.batch.clone() else { return };
    let (mut exact, mut first) = (Fraction::ZERO, 0u64);
    let mut whole = true;
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
            let what = format!("stage `{}`", stage.name);
            time_rounds::check(&what, stage.length_span, asked, steps, batch.tokens(), out);
        }
        stage.steps = Some((first, steps));
        first = boundary;
    }
    if whole {
        run.steps = Some(first);
    }
}

fn model_name(body: &[ast::Member]) -> Option<String> {
    body.iter().find_map(|m| match &m.kind {
        MemberKind::Field { name, value } if name.text == "model" => match &value.kind {
            ExprKind::Name(n) => Some(n.text.clone()),
            ExprKind::Member(_, n) => Some(n.text.clone()),
            _ => None,
        },
        _ => None,
    })
}
