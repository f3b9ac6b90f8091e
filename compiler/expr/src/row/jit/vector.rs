//! A column against a constant, 16 bytes of the column at a time.

use super::super::DataType;
use super::super::typed::{Compare, Float, Int, Slot};
use super::condition::Lowering;
use super::number::{float_condition, int_condition, lanes, width};
use crate::JitError;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, types};

/// A comparison of a column with a constant of its own type.
#[derive(Clone, Copy)]
pub(super) struct VectorTest {
    slot: Slot,
    op: Compare,
    constant: Constant,
}

#[derive(Clone, Copy)]
enum Constant {
    F64(f64),
    F32(f32),
    I64(i64),
    I32(i32),
}

/// The vector form of a comparison of numbers, if it has one.
#[allow(clippy::wildcard_enum_match_arm)] // whatever is not listed has no vector form
pub(super) fn of_floats(op: Compare, a: &Float, b: &Float) -> Option<VectorTest> {
    let (slot, op, value) = match (a, b) {
        (Float::Column(slot), Float::Const(value)) => (*slot, op, *value),
        (Float::Const(value), Float::Column(slot)) => (*slot, op.swapped(), *value),
        _ => return None,
    };
    let constant = match slot.data_type {
        DataType::F64 => Constant::F64(value),
        DataType::F32 => Constant::F32(threshold(op, value)?),
        _ => return None,
    };
    Some(VectorTest { slot, op, constant })
}

/// The vector form of a comparison of integers, if it has one.
#[allow(clippy::wildcard_enum_match_arm)] // whatever is not listed has no vector form
pub(super) fn of_ints(op: Compare, a: &Int, b: &Int) -> Option<VectorTest> {
    let (slot, op, value) = match (a, b) {
        (Int::Column(slot), Int::Const(value)) => (*slot, op, *value),
        (Int::Const(value), Int::Column(slot)) => (*slot, op.swapped(), *value),
        _ => return None,
    };
    let constant = match slot.data_type {
        DataType::I64 => Constant::I64(value),
        // A constant that no i32 equals is compared in 64 bits instead.
        DataType::I32 => Constant::I32(i32::try_from(value).ok()?),
        _ => return None,
    };
    Some(VectorTest { slot, op, constant })
}

/// The f32 that an f32 compares with as with `value`: the next one above for `>=` and `<`, the next one below for `>`
/// and `<=`, none for `==` and `!=` with what is no f32.
fn threshold(op: Compare, value: f64) -> Option<f32> {
    let near = value as f32;
    let (up, down) = match f64::from(near).partial_cmp(&value)? {
        std::cmp::Ordering::Equal => return Some(near),
        std::cmp::Ordering::Less => (near.next_up(), near),
        std::cmp::Ordering::Greater => (near, near.next_down()),
    };
    match op {
        Compare::Ge | Compare::Lt => Some(up),
        Compare::Gt | Compare::Le => Some(down),
        Compare::Eq | Compare::Ne => None,
    }
}

/// Rows an iteration.
const STEP: i32 = 32;

impl Lowering<'_, '_> {
    /// The word of all 64 rows of a full block.
    pub(super) fn vector(&mut self, test: &VectorTest) -> Result<cranelift_codegen::ir::Value, JitError> {
        let values = self.pointers(&test.slot)?.values;
        let size = width(test.slot.data_type)?;
        let b = &mut *self.b;
        let scalar = match test.constant {
            Constant::F64(value) => b.ins().f64const(value),
            Constant::F32(value) => b.ins().f32const(value),
            Constant::I64(value) => b.ins().iconst(types::I64, value),
            Constant::I32(value) => b.ins().iconst(types::I32, i64::from(value)),
        };
        let vector = lanes(b.func.dfg.value_type(scalar));
        let constant = b.ins().splat(vector, scalar);
        // Columns are aligned to their elements, not to vectors.
        let flags = MemFlagsData::new().with_notrap();

        let zero = b.ins().iconst(types::I64, 0);
        let (head, exit) = (b.create_block(), b.create_block());
        let bit = b.append_block_param(head, types::I64);
        let word = b.append_block_param(head, types::I64);
        b.ins().jump(head, &[zero.into(), zero.into()]);

        b.switch_to_block(head);
        let index = b.ins().iadd(self.base, bit);
        let scaled = b.ins().ishl_imm_u(index, i64::from(size.trailing_zeros()));
        let address = b.ins().iadd(values, scaled);
        let per_vector = 16 / size;
        let mut part = zero;
        for ahead in (0..STEP).step_by(per_vector as usize) {
            let loaded = b.ins().load(vector, flags, address, ahead * size);
            let holds = match test.constant {
                Constant::F64(_) | Constant::F32(_) => {
                    b.ins().fcmp(float_condition(test.op), loaded, constant)
                }
                Constant::I64(_) | Constant::I32(_) => b.ins().icmp(int_condition(test.op), loaded, constant),
            };
            let bits = b.ins().vhigh_bits(types::I64, holds);
            let bits = b.ins().ishl_imm_u(bits, i64::from(ahead));
            part = b.ins().bor(part, bits);
        }
        let part = b.ins().ishl(part, bit);
        let gathered = b.ins().bor(word, part);
        let next = b.ins().iadd_imm_s(bit, i64::from(STEP));
        let more = b.ins().icmp_imm_u(IntCC::UnsignedLessThan, next, 64);
        b.ins().brif(more, head, &[next.into(), gathered.into()], exit, &[]);
        b.switch_to_block(exit);
        Ok(gathered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_decide_as_the_f64_does() {
        let around = |value: f64| {
            let near = value as f32;
            [near, near.next_up(), near.next_down(), f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 0.0, -0.0]
        };
        for value in
            [0.1, 3.0, -0.1, 1e300, -1e300, 1e-300, -1e-300, f64::from(f32::MAX) * 1.0000001, 16_777_217.0]
        {
            for op in [Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge, Compare::Eq, Compare::Ne] {
                let Some(threshold) = threshold(op, value) else { continue };
                for x in around(value) {
                    let expected = op.holds(f64::from(x).partial_cmp(&value));
                    assert_eq!(op.holds(x.partial_cmp(&threshold)), expected, "{x:e} {op:?} {value:e}");
                }
            }
        }
    }
}
