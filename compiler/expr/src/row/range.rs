//! Bounds of integer expressions, so that arithmetic that cannot leave 64 bits is not checked at run time.

use super::DataType;
use super::typed::{Int, IntOp};

/// Smallest and largest value; of i64s, so that nothing computed from two of them leaves i128.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range(i128, i128);

const ALL: Range = Range(i64::MIN as i128, i64::MAX as i128);

/// Whether `a op b` may leave 64 bits.
pub(super) fn may_overflow(op: IntOp, a: &Int, b: &Int) -> bool {
    !inside(two(op, of(a), of(b)))
}

/// Whether the magnitude of `x` may leave 64 bits.
pub(super) fn abs_may_overflow(x: &Int) -> bool {
    !inside(abs(of(x)))
}

fn inside(range: Range) -> bool {
    range.0 >= ALL.0 && range.1 <= ALL.1
}

fn of(node: &Int) -> Range {
    match node {
        Int::Const(value) => Range(i128::from(*value), i128::from(*value)),
        Int::Column(slot) => match slot.data_type {
            DataType::I32 => Range(i128::from(i32::MIN), i128::from(i32::MAX)),
            DataType::I16 => Range(i128::from(i16::MIN), i128::from(i16::MAX)),
            DataType::I8 => Range(i128::from(i8::MIN), i128::from(i8::MAX)),
            DataType::U32 => Range(0, i128::from(u32::MAX)),
            DataType::U16 => Range(0, i128::from(u16::MAX)),
            DataType::U8 => Range(0, i128::from(u8::MAX)),
            DataType::I64
            | DataType::F64
            | DataType::F32
            | DataType::Truth
            | DataType::Text32
            | DataType::Text64 => ALL,
        },
        Int::Two { op, a, b, .. } => clamp(two(*op, of(a), of(b))),
        Int::Abs { x, .. } => clamp(abs(of(x))),
        // No slice is longer than `isize::MAX` bytes.
        Int::Length(_) => Range(0, i128::from(i64::MAX)),
        Int::Select(_, a, b) => {
            let (a, b) = (of(a), of(b));
            Range(a.0.min(b.0), a.1.max(b.1))
        }
    }
}

/// What leaves 64 bits is null, so what is left is inside.
fn clamp(range: Range) -> Range {
    Range(range.0.max(ALL.0), range.1.min(ALL.1))
}

fn two(op: IntOp, a: Range, b: Range) -> Range {
    match op {
        IntOp::Add => Range(a.0 + b.0, a.1 + b.1),
        IntOp::Sub => Range(a.0 - b.1, a.1 - b.0),
        IntOp::Mul => {
            let corners = [a.0 * b.0, a.0 * b.1, a.1 * b.0, a.1 * b.1];
            corners.iter().fold(Range(i128::MAX, i128::MIN), |r, c| Range(r.0.min(*c), r.1.max(*c)))
        }
        IntOp::Min => Range(a.0.min(b.0), a.1.min(b.1)),
        IntOp::Max => Range(a.0.max(b.0), a.1.max(b.1)),
    }
}

fn abs(x: Range) -> Range {
    let least = if x.0 <= 0 && x.1 >= 0 { 0 } else { x.0.abs().min(x.1.abs()) };
    Range(least, x.0.abs().max(x.1.abs()))
}
