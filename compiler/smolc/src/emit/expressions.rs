//! Every expression of a plan that is evaluated while it runs: schedules, guards, and filters of the datasets drawn from.

use smolc_expr::Expr;
use smolc_plan::{Objective, Plan, Run, Step};
use std::fmt::Write;

/// An expression.
pub struct Expression<'a> {
    /// What it is called, `run pretrain.lr`.
    pub name: String,
    /// As the spec wrote it; as it is held for what keeps no text.
    pub source: String,
    /// The expression.
    pub expr: &'a Expr,
    /// What it reads, in order.
    pub inputs: Vec<String>,
}

/// Those of the runs, in the order of the plan.
pub fn expressions<'a>(plan: &'a Plan, runs: &[&'a Run]) -> Vec<Expression<'a>> {
    let mut list = Vec::new();
    let drawn =
        |index: usize| runs.iter().any(|r| r.stages.iter().flat_map(|s| &s.mix).any(|m| m.dataset == index));
    for (_, dataset) in plan.datasets.iter().enumerate().filter(|(i, _)| drawn(*i)) {
        for (at, step) in dataset.steps.iter().enumerate() {
            let (word, filter) = match step {
                Step::Where { filter } => ("where", filter),
                Step::Thin { filter, .. } => ("sample", filter),
                Step::Dedup { .. } | Step::Decontaminate { .. } | Step::Sample { .. } => continue,
            };
            list.push(Expression {
                name: format!("dataset {}, step {}, {word}", dataset.name, at + 1),
                source: filter.expr.to_string(),
                expr: &filter.expr,
                inputs: filter.names(),
            });
        }
    }
    for run in runs {
        let mut schedule = |field: &str, schedule: &'a smolc_plan::Schedule| {
            list.push(Expression {
                name: format!("run {}.{field}", run.name),
                source: schedule.source.clone(),
                expr: &schedule.expr,
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
                    expr: &guard.expr,
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
        let held = e.expr.to_string();
        if held != e.source {
            let _ = writeln!(text, "  {held}");
        }
        node(e.expr, 1, &mut text);
    }
    text
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
