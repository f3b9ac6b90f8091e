//! What each operator reads and writes.

use smolc_plan::{Op, Ref};

/// How an operator uses a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Read only.
    Read,
    /// Written whole without being read.
    Write,
    /// Read and written in place.
    Update,
}

/// Every tensor of the operator with how it is used.
pub(super) fn accesses(op: &Op) -> Vec<(Ref, Access)> {
    use Access::{Read, Update, Write};
    let optional =
        |list: &mut Vec<(Ref, Access)>, r: Option<Ref>, access| list.extend(r.map(|r| (r, access)));
    match *op {
        Op::Zero { out } => vec![(out, Write)],
        Op::Embed { tokens, weight, out } => vec![(tokens, Read), (weight, Read), (out, Write)],
        Op::EmbedBackward { tokens, dout, grad_weight } => {
            vec![(tokens, Read), (dout, Read), (grad_weight, Update)]
        }
        Op::RmsNorm { x, weight, out, rstd, .. } => {
            vec![(x, Read), (weight, Read), (out, Write), (rstd, Write)]
        }
        Op::RmsNormBackward { x, weight, rstd, dout, dx, grad_weight } => {
            vec![(x, Read), (weight, Read), (rstd, Read), (dout, Read), (dx, Update), (grad_weight, Update)]
        }
        Op::Linear { x, weight, bias, residual, out } => {
            let mut list = vec![(x, Read), (weight, Read), (out, Write)];
            optional(&mut list, bias, Read);
            optional(&mut list, residual, Read);
            list
        }
        Op::LinearBackward { x, weight, dout, dx, grad_weight, grad_bias } => {
            let mut list = vec![(x, Read), (weight, Read), (dout, Read), (dx, Write), (grad_weight, Update)];
            optional(&mut list, grad_bias, Update);
            list
        }
        Op::Rope { qkv, positions, cos, sin, .. } => {
            vec![(qkv, Update), (positions, Read), (cos, Read), (sin, Read)]
        }
        Op::RopeBackward { dqkv, positions, cos, sin, .. } => {
            vec![(dqkv, Update), (positions, Read), (cos, Read), (sin, Read)]
        }
        Op::Attention { qkv, document_start, out, lse, .. } => {
            vec![(qkv, Read), (document_start, Read), (out, Write), (lse, Write)]
        }
        Op::AttentionBackward { qkv, document_start, out, lse, dout, delta, dqkv, .. } => vec![
            (qkv, Read),
            (document_start, Read),
            (out, Read),
            (lse, Read),
            (dout, Read),
            (delta, Write),
            (dqkv, Write),
        ],
        Op::Swiglu { gate_up, out } => vec![(gate_up, Read), (out, Write)],
        Op::SwigluBackward { gate_up, dout, dgate_up } => {
            vec![(gate_up, Read), (dout, Read), (dgate_up, Write)]
        }
        Op::HeadCrossEntropy { x, weight, targets, weights, logits, nll, dx, grad_weight, .. } => {
            let mut list = vec![
                (x, Read),
                (weight, Read),
                (targets, Read),
                (weights, Read),
                (logits, Write),
                (nll, Write),
            ];
            optional(&mut list, dx, Write);
            optional(&mut list, grad_weight, Update);
            list
        }
    }
}
