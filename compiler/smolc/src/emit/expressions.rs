//! Every expression of a plan that is evaluated while it runs: schedules, guards, and filters of the datasets drawn from.

use smolc_expr::Expr;
use smolc_expr::row::{DataType, Field, Need, RowError, RowExpr};
use smolc_plan::{Objective, Plan, Run, Step, drawn};
use std::borrow::Cow;
use std::fmt::Write;

/// An expression.
pub struct Expression<'a> {
    /// What it is called, `run pretrain.lr`.
    pub name: String,
    /// As the spec wrote it; as it is held for what keeps no text.
    pub source: String,
    /// The expression.
    pub body: Body<'a>,
    /// What it reads, in order.
    pub inputs: Vec<String>,
}

/// What is evaluated.
pub enum Body<'a> {
    /// A number of numbers.
    Number(&'a Expr),
    /// A condition on the columns of each row of a batch.
    Rows(Cow<'a, RowExpr>),
}

/// Those of the runs, in the order of the plan.
pub fn expressions<'a>(plan: &'a Plan, runs: &[&'a Run]) -> Vec<Expression<'a>> {
    let mut list = Vec::new();
    let is_drawn =
        |index: usize| runs.iter().any(|r| r.stages.iter().flat_map(|s| &s.mix).any(|m| m.dataset == index));
    for (_, dataset) in plan.datasets.iter().enumerate().filter(|(i, _)| is_drawn(*i)) {
        for (at, step) in dataset.steps.iter().enumerate() {
            let (word, filter, condition) = match step {
                Step::Where { filter } => ("where", filter, Cow::Borrowed(&filter.expr)),
                Step::Thin { filter, .. } => ("thin", filter, Cow::Owned(drawn(&filter.expr))),
                Step::Dedup { .. } | Step::Decontaminate { .. } | Step::Sample { .. } => continue,
            };
            list.push(Expression {
                name: format!("dataset {}, step {}, {word}", dataset.name, at + 1),
                source: filter.to_string(),
                body: Body::Rows(condition),
                inputs: filter.expr.columns().into_iter().map(str::to_owned).collect(),
            });
        }
    }
    for run in runs {
        let mut schedule = |field: &str, schedule: &'a smolc_plan::Schedule| {
            list.push(Expression {
                name: format!("run {}.{field}", run.name),
                source: schedule.source.clone(),
                body: Body::Number(&schedule.expr),
                inputs: vec!["t".into(), "end".into()],
            });
        };
        schedule("lr", &run.lr);
        if let Some(decay) = &run.weight_decay {
            schedule("optimizer.weight_decay", decay);
        }
        if let Objective::Dpo { beta, .. } = &run.objective {
            schedule("objective.beta", beta);
        }
        for stage in &run.stages {
            if let Some(guard) = &stage.until {
                let mut inputs = vec!["t".to_owned(), "end".to_owned()];
                inputs.extend(guard.signals.iter().map(|s| s.name.clone()));
                list.push(Expression {
                    name: format!("run {}.{}.until", run.name, stage.stage_name()),
                    source: guard.source.clone(),
                    body: Body::Number(&guard.expr),
                    inputs,
                });
            }
        }
    }
    list
}

/// The expressions as trees: one node a line, operands below it.
pub fn trees(expressions: &[Expression<'_>]) -> String {
    let mut text = String::new();
    for e in expressions {
        let _ = writeln!(text, "{}: {}\n  inputs {}", e.name, e.source, e.inputs.join(", "));
        let held = match &e.body {
            Body::Number(expr) => expr.to_string(),
            Body::Rows(expr) => expr.to_string(),
        };
        if held != e.source {
            let _ = writeln!(text, "  {held}");
        }
        match &e.body {
            Body::Number(expr) => node(expr, 1, &mut text),
            Body::Rows(expr) => rows(expr, &mut text),
        }
    }
    text
}

/// The columns that an expression reads, of the most usual type of each kind; a file's own types are known when it is opened.
pub(super) fn usual(expr: &RowExpr) -> Result<Vec<Field>, RowError> {
    let data_type = |need: &Need| match need {
        Need::Number => DataType::F64,
        Need::Truth => DataType::Truth,
        Need::Text | Need::Either | Need::Any => DataType::Text32,
    };
    let needs = expr.needs(Need::Truth)?;
    Ok(needs.iter().map(|(name, need)| Field::new(name, data_type(need))).collect())
}

fn rows(expr: &RowExpr, text: &mut String) {
    match usual(expr).and_then(|fields| expr.bind(&fields)) {
        Ok(bound) => bound.to_string().lines().for_each(|line| {
            let _ = writeln!(text, "    {line}");
        }),
        Err(why) => {
            let _ = writeln!(text, "    no typed form: {why}");
        }
    }
}

fn node(expr: &Expr, depth: usize, text: &mut String) {
    let (what, children): (String, Vec<&Expr>) = match expr {
        Expr::Const(value) => (format!("const {value:e}"), Vec::new()),
        Expr::Var(name) => (format!("var {name}"), Vec::new()),
        Expr::Unary(op, x) => (word(op), vec![&**x]),
        Expr::Binary(op, a, b) => (word(op), vec![&**a, &**b]),
        Expr::Select(c, a, b) => ("select".into(), vec![&**c, &**a, &**b]),
        Expr::Call(f, args) => (f.name().to_owned(), args.iter().collect()),
    };
    let _ = writeln!(text, "{}{what}", "  ".repeat(depth + 1));
    children.into_iter().for_each(|c| node(c, depth + 1, text));
}

fn word(op: &impl std::fmt::Debug) -> String {
    format!("{op:?}").to_lowercase()
}
