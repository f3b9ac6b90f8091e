//! Floating-point operations of a step program: two per multiply-add of a matrix product, and attention's causal half.

use crate::{Block, Op, Program, Ref, Statement};

/// Operations of the operators of a block that `counts` takes; `None` on overflow.
pub fn of_block(program: &Program, block: &Block, counts: impl Fn(&Op) -> bool) -> Option<u64> {
    let mut total = 0u64;
    for statement in &block.statements {
        let (times, body) = match statement {
            Statement::Op(op) => (1, std::slice::from_ref(op)),
            Statement::Repeat { layers, body, .. } => (*layers, body.as_slice()),
        };
        for op in body.iter().filter(|op| counts(op)) {
            total = of_op(program, op)?.checked_mul(times)?.checked_add(total)?;
        }
    }
    Some(total)
}

/// Operations of one execution of an operator; 0 for those that are not matrix products, `None` on overflow.
///
/// Attention has two products of B·H·T²·d multiply-adds forward and five backward (it recomputes the scores); the causal
/// mask halves each.
pub fn of_op(program: &Program, op: &Op) -> Option<u64> {
    let size = |r: Ref| {
        program
            .tensors
            .get(r.tensor.0 as usize)
            .and_then(|t| t.shape.iter().try_fold(1u64, |n, d| n.checked_mul(*d)))
    };
    let rows = |r: Ref| program.tensors.get(r.tensor.0 as usize).and_then(|t| t.shape.first().copied());
    let attention = |heads: u64, head_dim: u64, products: u64| {
        let square = program.window.checked_mul(program.window)?;
        program.batch.checked_mul(heads)?.checked_mul(square)?.checked_mul(head_dim)?.checked_mul(products)
    };
    match *op {
        Op::Linear { x, weight, .. } => rows(x)?.checked_mul(size(weight)?)?.checked_mul(2),
        Op::LinearBackward { x, weight, .. } => rows(x)?.checked_mul(size(weight)?)?.checked_mul(4),
        Op::HeadCrossEntropy { x, weight, dx, grad_weight, .. } => {
            let products = 1 + u64::from(dx.is_some()) + u64::from(grad_weight.is_some());
            rows(x)?.checked_mul(size(weight)?)?.checked_mul(2 * products)
        }
        Op::Attention { heads, head_dim, .. } => attention(heads, head_dim, 2),
        Op::AttentionBackward { heads, head_dim, .. } => attention(heads, head_dim, 5),
        Op::Zero { .. }
        | Op::Embed { .. }
        | Op::EmbedBackward { .. }
        | Op::RmsNorm { .. }
        | Op::RmsNormBackward { .. }
        | Op::Rope { .. }
        | Op::RopeBackward { .. }
        | Op::Swiglu { .. }
        | Op::SwigluBackward { .. } => Some(0),
    }
}
