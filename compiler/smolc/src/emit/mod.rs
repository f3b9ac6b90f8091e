//! The layers a spec passes through, printed: tree, checked spec, run-time expressions, what Cranelift is given, machine
//! code, step program.

mod expressions;
mod machine;
mod tree;
mod typed;

use crate::cli::Emit;
use crate::exit::Exit;
use crate::failure::Failure;
use smolc_check::Checked;
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
    let runs: Vec<&Run> = plan.runs.iter().enumerate().filter(|(i, _)| chosen(i)).map(|(_, r)| r).collect();
    let mut text = String::new();
    match layer {
        Emit::Step => {
            for run in &runs {
                if plan.runs.len() > 1 {
                    let _ = writeln!(text, "# run {}", run.name);
                }
                let _ = write!(text, "{}", Text(&run.program));
            }
        }
        Emit::Ir => text = expressions::trees(&expressions::expressions(plan, &runs)),
        Emit::Clif | Emit::Asm => {
            machine::render(&expressions::expressions(plan, &runs), layer == Emit::Asm, &mut text)?;
        }
        Emit::Tree | Emit::Typed => {}
    }
    Ok(text)
}
