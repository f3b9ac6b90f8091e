//! From a `run` item to a checked run: fields into numbers, lengths into steps, schedules into expressions.

mod batch;
mod branch;
mod data;
mod events;
mod guard;
mod objective;
mod rate;
mod stages;
mod sweep;
mod target;

pub use stages::PARTS;
use stages::time;

use crate::eval::{Derived, Eval, Layer};
use crate::provenance;
use crate::rules::{optimizer_range, optimizer_unusual, target_precision};
use crate::schema::run::RUN;
use crate::schema::{model, optimizer};
use crate::spec::{ModelSpec, Provenance, Run, Spec};
use crate::value::{ItemId, Node, Object, Value};
use rustc_hash::FxHashMap;
use smolc_diag::{Diagnostic, Span};
use smolc_plan::Objective;
use smolc_syntax::ast::{ExprKind, ItemKind, Member, MemberKind};

/// Builds a [`Spec`]: gives everything that runs use its index, in order of first use.
#[derive(Default)]
pub struct Builder {
    /// The spec so far.
    pub spec: Spec,
    /// Where values of runs come from, if that was asked.
    pub provenance: Option<Vec<Provenance>>,
    datasets: FxHashMap<ItemId, usize>,
    tokenizers: FxHashMap<ItemId, usize>,
    classifiers: FxHashMap<ItemId, usize>,
    evaluations: FxHashMap<ItemId, usize>,
    runs: FxHashMap<ItemId, usize>,
}

impl Builder {
    /// A builder that keeps where values come from.
    pub fn tracing() -> Builder {
        Builder { provenance: Some(Vec::new()), ..Builder::default() }
    }

    /// The run of an item, built when it is first asked for; a run it begins from comes before it.
    pub fn item(&mut self, eval: &mut Eval<'_>, id: ItemId) -> Option<usize> {
        if let Some(index) = self.runs.get(&id) {
            return Some(*index);
        }
        let program = eval.program;
        let Some(ItemKind::Run(run)) = program.item(id).map(|i| &i.kind) else { return None };
        // A ring of runs was reported.
        if eval.poisoned.contains(&id) {
            return None;
        }
        if run.with && run.from.is_none() {
            let d = Diagnostic::error(
                "smol::run::with",
                run.name.span,
                format!("run `{}` changes a run, but not which", run.name.text),
            )
            .help(format!(
                "write `run NAME from {} with {{ … }}`; without `from` it stands in a sweep",
                run.name.text
            ));
            eval.diagnostics.push(d);
            return None;
        }
        if let (true, Some((_, Some(at)))) = (run.with, &run.from) {
            let d = Diagnostic::error(
                "smol::run::with",
                at.span,
                "a run with the settings of another one does not begin at a place of it",
            )
            .help("without `with` it goes on from there; without `at` it is the same run with changes");
            eval.diagnostics.push(d);
        }
        let prefix = program.modules.get(id.module).map_or("", |m| m.prefix.as_str());
        let derived = eval.derived(id, 0);
        let index = self.build(eval, &derived, &format!("{prefix}{}", run.name.text), run.name.span);
        self.runs.insert(id, index);
        Some(index)
    }

    /// Evaluates a run and adds it, as far as it could be worked out.
    pub(crate) fn build(
        &mut self,
        eval: &mut Eval<'_>,
        derived: &Derived<'_>,
        name: &str,
        span: Span,
    ) -> usize {
        let layers = &derived.layers;
        let short = layers.last().map_or(name, |l| l.name.text.as_str());
        let owner = format!("run `{short}`");
        let fields = eval.run_fields(layers);
        let block = Object { schema: Some(&RUN), fields, span };
        if !derived.broken {
            eval.missing(&block, span, &owner);
        }
        let parent = self.parent(eval, derived, &block);

        let model = block.object("model").and_then(|o| {
            let called = model_name(layers).unwrap_or_else(|| name.to_string());
            let mut spec = model::build(&called, o)?;
            spec.span = block.at("model");
            Some(spec)
        });
        let tokenizer = self.run_tokenizer(eval, &block);
        let (window, window_span) = window(&block, model.as_ref(), span);
        let batch = window.and_then(|w| batch::batch(eval, &block, w, window_span));
        let mut run = Run {
            name: name.to_string(),
            span,
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
            parent: None,
            objective: None,
            events: Vec::new(),
            target: None,
            weight_decay: None,
            target_spans: Vec::new(),
        };
        let broken_parent = parent.is_err();
        run.parent = parent.ok().flatten();
        if let Some(optimizer) = block.object("optimizer") {
            optimizer_unusual::betas(optimizer, &mut eval.diagnostics);
        }
        run.optimizer = block
            .object("optimizer")
            .filter(|o| optimizer_range::check(o, &mut eval.diagnostics))
            .and_then(optimizer::build);
        run.objective = match block.object("objective") {
            Some(o) => objective::objective(eval, o, None).map(|found| (found, block.at("objective"))),
            None => (!block.broken("objective")).then_some((Objective::NextToken, span)),
        };
        if let Some(o) = block.object("target") {
            let called = name_of(layers, "target").unwrap_or_else(|| "target".into());
            if let Some((target, spans)) = target::target(eval, o, &called) {
                run.target = Some((target, block.at("target")));
                run.target_spans = spans;
                let written = block.text("precision").map(|_| block.at("precision"));
                target_precision::settle(&mut run, written, &mut eval.diagnostics);
            }
        }
        if let Some(batch) = run.batch.clone() {
            run.events = self.events(eval, &block, time(&batch, 0), &batch);
        }
        let stages = eval.run_stages(layers);
        let unread = layers.iter().flat_map(|l| &l.body).any(|m| matches!(m.kind, MemberKind::Error { .. }));
        if stages.is_empty() && !unread && !derived.broken {
            let d = Diagnostic::error("smol::stage::none", span, format!("{owner} has no stage"))
                .help("write `stage NAME for 1M tokens { mix: … }` in it");
            eval.diagnostics.push(d);
        }
        self.stages(eval, &stages, &mut run);
        if let Some(batch) = run.batch.clone() {
            // Intervals need no more than the batch, so that a mistake in a stage does not hide one in them.
            let time = time(&batch, run.steps.unwrap_or(0));
            run.checkpoints = events::checkpoints(eval, &block, time, &batch);
            run.validation = events::validation(eval, &block, time, &batch);
            if run.steps.is_some() {
                run.lr = match &run.parent {
                    Some(parent) if parent.continues => self.continued(&run, parent),
                    // Without its base nobody knows which schedule it would continue.
                    _ if broken_parent && !block.fields.contains_key("lr") => None,
                    _ => block.get("lr").and_then(|node| rate::schedule(eval, node, time)),
                };
                self.courses(eval, &block, time, &mut run);
            }
        }
        if let Some(all) = &mut self.provenance {
            all.extend(provenance::run(eval, name, layers, &block, &stages));
        }
        self.spec.runs.push(run);
        self.spec.runs.len() - 1
    }

    /// What may change over the run besides the learning rate.
    fn courses(&mut self, eval: &mut Eval<'_>, block: &Object, time: crate::eval::Time, run: &mut Run) {
        if let Some(node) = block.object("optimizer").and_then(|o| o.get("weight_decay")).cloned()
            && !matches!(node.value, Value::Number(..))
        {
            run.weight_decay = rate::course(eval, &node, time);
        }
        if let (Some(o), Some((Objective::Dpo { .. }, at))) = (block.object("objective"), &run.objective) {
            let at = *at;
            run.objective = objective::objective(eval, o, Some(time)).map(|found| (found, at));
        }
    }

    fn run_tokenizer(&mut self, eval: &mut Eval<'_>, block: &Object) -> Option<(usize, Span)> {
        let (Value::Tokenizer(t), span) = block.get("tokenizer").map(|n| (&n.value, n.span))? else {
            return None;
        };
        match self.tokenizer(t) {
            Some(index) => Some((index, span)),
            None => {
                let d = Diagnostic::error("smol::type::mismatch", span, "this tokenizer has no name")
                    .help("define it: `tokenizer NAME = …`");
                eval.diagnostics.push(d);
                None
            }
        }
    }

    /// The indices of evaluations.
    pub(crate) fn indices(&mut self, node: &Node) -> Vec<usize> {
        let mut list = Vec::new();
        crate::eval::evaluations(&node.value, &mut list);
        list.iter().filter_map(|e| self.evaluation(e)).collect()
    }
}

fn window(block: &Object, model: Option<&ModelSpec>, span: Span) -> (Option<u64>, Span) {
    match (block.u64("window"), model) {
        (Some(w), _) => (Some(w), block.at("window")),
        (None, Some(m)) if !block.broken("window") => (Some(m.model.context), m.at("context")),
        _ => (None, span),
    }
}

/// The name a field's value has in the spec, from the last layer that names one.
fn name_of(layers: &[Layer<'_>], field: &str) -> Option<String> {
    let named = |m: &Member| match &m.kind {
        MemberKind::Field { name, value } if name.text == field => match &value.kind {
            ExprKind::Name(n) => Some(n.text.clone()),
            ExprKind::Member(_, n) => Some(n.text.clone()),
            _ => None,
        },
        _ => None,
    };
    layers.iter().rev().find_map(|l| l.body.iter().find_map(|m| named(m)))
}

fn model_name(layers: &[Layer<'_>]) -> Option<String> {
    name_of(layers, "model")
}
