//! Floating-point operations of a micro-batch.

use super::ProgramError;
use smolc_plan::flops::of_block;
use smolc_plan::{Block, Op, Program};

/// Operations of the forward and the backward pass (of the evaluation when there is no training): two per multiply-add
/// of a matrix product, and attention's causal half.
pub(super) fn of(program: &Program) -> Result<u64, ProgramError> {
    if program.forward.statements.is_empty() {
        return sum(program, &program.evaluate, |_| true);
    }
    let forward = sum(program, &program.forward, |_| true)?;
    let backward = sum(program, &program.backward, |op| !repeated(op))?;
    forward.checked_add(backward).ok_or_else(overflow)
}

/// Operations that the backward pass repeats of the forward pass.
pub(super) fn recomputed(program: &Program) -> Result<u64, ProgramError> {
    sum(program, &program.backward, repeated)
}

/// In the backward pass, a product of the forward pass.
fn repeated(op: &Op) -> bool {
    matches!(op, Op::Linear { .. } | Op::Attention { .. })
}

fn overflow() -> ProgramError {
    ProgramError::overflow("the operations of a micro-batch")
}

fn sum(program: &Program, block: &Block, counts: impl Fn(&Op) -> bool) -> Result<u64, ProgramError> {
    of_block(program, block, counts).ok_or_else(overflow)
}
