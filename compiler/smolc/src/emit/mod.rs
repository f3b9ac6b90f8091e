//! The layers a spec passes through, printed: tree, checked spec, run-time expressions, what Cranelift is given, machine
//! code, step program.

mod machine;
mod tree;
mod typed;

use crate::cli::Emit;
use crate::exit::Exit;
use crate::failure::Failure;
use smolc_check::Checked;
use smolc_expr::Expr;
use smolc_lower::program::Text;
use smolc_plan::{Plan, Run};
use std::fmt::Write;

/// A layer of a spec. Tree and checked spec need no plan; the others need one, and print the runs of the given indices,
/// all of them when there are none.
pub fn render(
    layer: Emit,
    checked: &Checked,
    plan: Option<&Plan>,
    runs: Option<&[usize]>,
) -> Result<String, Failure> {
    match layer {
        Emit::Tree => return Ok(tree::render(checked)),
        Emit::Typed => return Ok(typed::render(checked)),
        Emit::Ir | Emit::Clif | Emit::Asm | Emit::Step => {}
    }
    let Some(plan) = plan else {
        return Err(Failure::new(Exit::Spec, "the spec has errors: only `tree` and `typed` can be printed"));
    };
    let chosen = |index: &usize| runs.is_none_or(|runs| runs.contains(index));
    let mut text = String::new();
    for run in plan.runs.iter().enumerate().filter(|(i, _)| chosen(i)).map(|(_, r)| r) {
        if plan.runs.len() > 1 && layer == Emit::Step {
            let _ = writeln!(text, "# run {}", run.name);
        }
        match layer {
            Emit::Step => {
                let _ = write!(text, "{}", Text(&run.program));
            }
            Emit::Ir => ir(run, &mut text),
            Emit::Clif | Emit::Asm => machine::render(run, layer == Emit::Asm, &mut text)?,
            Emit::Tree | Emit::Typed => {}
        }
    }
    Ok(text)
}

/// The expressions of a run with what they are called and how the spec wrote them.
fn expressions(run: &Run) -> Vec<(String, &str, &Expr)> {
    vec![(format!("run {}.lr", run.name), run.lr.source.as_str(), &run.lr.expr)]
}

fn ir(run: &Run, text: &mut String) {
    for (name, source, expr) in expressions(run) {
        let _ = writeln!(text, "{name}: {source}\n  inputs t, end\n  {expr}");
        node(expr, 1, text);
    }
}

/// One node a line, operands below it.
fn node(expr: &Expr, depth: usize, text: &mut String) {
    let (what, children): (String, Vec<&Expr>) = match expr {
        Expr::Const(value) => (format!("const {value:e}"), Vec::new()),
        Expr::Var(name) => (format!("var {name}"), Vec::new()),
        Expr::Unary(op, x) => (word(op), vec![&**x]),
        Expr::Binary(op, a, b) => (word(op), vec![&**a, &**b]),
        Expr::Select(c, a, b) => ("select".into(), vec![&**c, &**a, &**b]),
        Expr::Call(f, args) => (word(f), args.iter().collect()),
    };
    let _ = writeln!(text, "{}{what}", "  ".repeat(depth + 1));
    children.into_iter().for_each(|c| node(c, depth + 1, text));
}

fn word(op: &impl std::fmt::Debug) -> String {
    format!("{op:?}").to_lowercase()
}
