//! Numbers of one row, and comparisons of them.

use super::super::exact::BEYOND;
use super::super::typed::{Compare, Float, FloatOp, Int, IntOp, Slot};
use super::super::DataType;
use super::condition::{Lowering, Mask};
use super::leaf::{Env, Reads};
use super::rows::{At, Dense};
use super::{cost, vector};
use crate::builtins::{BinaryInstruction, Eval, UnaryInstruction};
use crate::jit::symbol;
use crate::{Builtin, JitError};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};

/// A value, and whether it is there (I8; `None`: it is, or nulls are not followed row by row).
#[derive(Clone, Copy)]
pub(super) struct Number {
    pub(super) value: Value,
    pub(super) valid: Option<Value>,
}

impl Lowering<'_, '_> {
    pub(super) fn ints(&mut self, op: Compare, a: &Int, b: &Int, active: Value) -> Result<Mask, JitError> {
        match (a, b) {
            (Int::Length(x), Int::Const(limit)) => return self.length(op, x, *limit, active),
            (Int::Const(limit), Int::Length(x)) => return self.length(op.swapped(), x, *limit, active),
            _ => {}
        }
        let mut reads = Reads::default();
        reads.int(a);
        reads.int(b);
        let dense = match vector::of_ints(op, a, b) {
            Some(test) => Dense::Vector(test),
            None => dense(cost::int(a) + cost::int(b)),
        };
        self.leaf(&reads, active, dense, |this, at, env| {
            let (a, b) = (this.int(a, at, env)?, this.int(b, at, env)?);
            let holds = this.b.ins().icmp(int_condition(op), a.value, b.value);
            Ok((holds, this.both(a.valid, b.valid)))
        })
    }

    pub(super) fn floats(
        &mut self,
        op: Compare,
        a: &Float,
        b: &Float,
        active: Value,
    ) -> Result<Mask, JitError> {
        let mut reads = Reads::default();
        reads.float(a);
        reads.float(b);
        let dense = match vector::of_floats(op, a, b) {
            Some(test) => Dense::Vector(test),
            None => dense(cost::float(a) + cost::float(b)),
        };
        self.leaf(&reads, active, dense, |this, at, env| {
            let (a, b) = (this.float(a, at, env)?, this.float(b, at, env)?);
            let holds = this.b.ins().fcmp(float_condition(op), a.value, b.value);
            Ok((holds, this.both(a.valid, b.valid)))
        })
    }

    pub(super) fn mixed(&mut self, op: Compare, a: &Int, b: &Float, active: Value) -> Result<Mask, JitError> {
        let mut reads = Reads::default();
        reads.int(a);
        reads.float(b);
        self.leaf(&reads, active, dense(cost::int(a) + cost::float(b) + 8), |this, at, env| {
            let (a, b) = (this.int(a, at, env)?, this.float(b, at, env)?);
            Ok((this.exact(op, a.value, b.value), this.both(a.valid, b.valid)))
        })
    }

    /// An i64 against an f64 as real numbers: the f64 is rounded up for `>=` and down for `<=`, which loses nothing
    /// against an integer. Saturation and NaN are set right by comparing the f64 with the bounds of i64.
    fn exact(&mut self, op: Compare, integer: Value, number: Value) -> Value {
        let b = &mut *self.b;
        let whole = b.ins().fcvt_to_sint_sat(types::I64, number);
        let back = b.ins().fcvt_from_sint(types::F64, whole);
        let mut at_least = || {
            let cut = b.ins().fcmp(FloatCC::LessThan, back, number);
            let cut = b.ins().uextend(types::I64, cut);
            let up = b.ins().iadd(whole, cut);
            let holds = b.ins().icmp(IntCC::SignedGreaterThanOrEqual, integer, up);
            let beyond = b.ins().f64const(BEYOND);
            let inside = b.ins().fcmp(FloatCC::LessThan, number, beyond);
            b.ins().band(holds, inside)
        };
        let ge = matches!(op, Compare::Ge | Compare::Lt | Compare::Eq | Compare::Ne).then(&mut at_least);
        let mut at_most = || {
            let cut = b.ins().fcmp(FloatCC::GreaterThan, back, number);
            let cut = b.ins().uextend(types::I64, cut);
            let down = b.ins().isub(whole, cut);
            let holds = b.ins().icmp(IntCC::SignedLessThanOrEqual, integer, down);
            let beyond = b.ins().f64const(-BEYOND);
            let inside = b.ins().fcmp(FloatCC::GreaterThanOrEqual, number, beyond);
            b.ins().band(holds, inside)
        };
        let le = matches!(op, Compare::Le | Compare::Gt | Compare::Eq | Compare::Ne).then(&mut at_most);
        // `<` is not `>=`, but for NaN, of which neither holds.
        let ordered = b.ins().fcmp(FloatCC::Equal, number, number);
        match (op, ge, le) {
            (Compare::Eq, Some(ge), Some(le)) => b.ins().band(ge, le),
            (_, Some(ge), Some(le)) => {
                let equal = b.ins().band(ge, le);
                b.ins().bxor_imm_u(equal, 1)
            }
            (Compare::Ge, Some(holds), _) | (Compare::Le, _, Some(holds)) => holds,
            (_, Some(opposite), _) | (_, _, Some(opposite)) => b.ins().band_not(ordered, opposite),
            (_, None, None) => ordered,
        }
    }

    pub(super) fn int(&mut self, node: &Int, at: At, env: Option<&Env>) -> Result<Number, JitError> {
        Ok(match node {
            Int::Const(value) => Number { value: self.b.ins().iconst(types::I64, *value), valid: None },
            Int::Column(slot) => self.column(slot, at, env)?,
            Int::Two { op, a, b, checked } => {
                let (a, b) = (self.int(a, at, env)?, self.int(b, at, env)?);
                let valid = self.both(a.valid, b.valid);
                let (x, y) = (a.value, b.value);
                let (value, overflow) = match (op, checked) {
                    (IntOp::Min, _) => (self.b.ins().smin(x, y), None),
                    (IntOp::Max, _) => (self.b.ins().smax(x, y), None),
                    (IntOp::Add, false) => (self.b.ins().iadd(x, y), None),
                    (IntOp::Sub, false) => (self.b.ins().isub(x, y), None),
                    (IntOp::Mul, false) => (self.b.ins().imul(x, y), None),
                    (IntOp::Add, true) => some(self.b.ins().sadd_overflow(x, y)),
                    (IntOp::Sub, true) => some(self.b.ins().ssub_overflow(x, y)),
                    (IntOp::Mul, true) => some(self.b.ins().smul_overflow(x, y)),
                };
                let fits = overflow.map(|overflow| self.b.ins().icmp_imm_u(IntCC::Equal, overflow, 0));
                Number { value, valid: self.both(valid, fits) }
            }
            Int::Abs { x, checked } => {
                let x = self.int(x, at, env)?;
                let value = self.b.ins().iabs(x.value);
                let fits = checked.then(|| self.b.ins().icmp_imm_s(IntCC::NotEqual, x.value, i64::MIN));
                Number { value, valid: self.both(x.valid, fits) }
            }
            Int::Length(x) => {
                let x = self.text(x, at, env)?;
                Number { value: self.count(x.pointer, x.bytes)?, valid: x.valid }
            }
            Int::Select(c, a, b) => {
                let c = self.decided(c, at, env)?;
                let (a, b) = (self.int(a, at, env)?, self.int(b, at, env)?);
                self.chosen(c, a, b)
            }
        })
    }

    pub(super) fn float(&mut self, node: &Float, at: At, env: Option<&Env>) -> Result<Number, JitError> {
        Ok(match node {
            Float::Const(value) => Number { value: self.b.ins().f64const(*value), valid: None },
            Float::Column(slot) => self.column(slot, at, env)?,
            Float::Int(x) => {
                let x = self.int(x, at, env)?;
                Number { value: self.b.ins().fcvt_from_sint(types::F64, x.value), valid: x.valid }
            }
            Float::Neg(x) => {
                let x = self.float(x, at, env)?;
                Number { value: self.b.ins().fneg(x.value), valid: x.valid }
            }
            Float::Two(op, a, b) => {
                let (a, b) = (self.float(a, at, env)?, self.float(b, at, env)?);
                let value = match op {
                    FloatOp::Add => self.b.ins().fadd(a.value, b.value),
                    FloatOp::Sub => self.b.ins().fsub(a.value, b.value),
                    FloatOp::Mul => self.b.ins().fmul(a.value, b.value),
                    FloatOp::Div => self.b.ins().fdiv(a.value, b.value),
                };
                Number { value, valid: self.both(a.valid, b.valid) }
            }
            Float::CallOne(eval, x) => {
                let x = self.float(x, at, env)?;
                let value = match eval {
                    Eval::One { instruction: UnaryInstruction::Abs, .. } => self.b.ins().fabs(x.value),
                    Eval::One { instruction: UnaryInstruction::Sqrt, .. } => self.b.ins().sqrt(x.value),
                    Eval::HostOne { .. } | Eval::HostTwo { .. } | Eval::Two { .. } => {
                        self.builtin(eval, &[x.value])?
                    }
                };
                Number { value, valid: x.valid }
            }
            Float::CallTwo(eval, a, b) => {
                let (a, b) = (self.float(a, at, env)?, self.float(b, at, env)?);
                let value = match eval {
                    Eval::Two { instruction: BinaryInstruction::Min, .. } => {
                        self.b.ins().fmin(a.value, b.value)
                    }
                    Eval::Two { instruction: BinaryInstruction::Max, .. } => {
                        self.b.ins().fmax(a.value, b.value)
                    }
                    Eval::HostOne { .. } | Eval::HostTwo { .. } | Eval::One { .. } => {
                        self.builtin(eval, &[a.value, b.value])?
                    }
                };
                Number { value, valid: self.both(a.valid, b.valid) }
            }
            Float::Select(c, a, b) => {
                let c = self.decided(c, at, env)?;
                let (a, b) = (self.float(a, at, env)?, self.float(b, at, env)?);
                self.chosen(c, a, b)
            }
        })
    }

    /// `if`: both sides are computed, they are pure and cannot trap.
    fn chosen(&mut self, (truth, null): (Value, Value), a: Number, b: Number) -> Number {
        let value = self.b.ins().select(truth, a.value, b.value);
        let known = self.b.ins().bxor_imm_u(null, 1);
        let yes = self.b.ins().iconst(types::I8, 1);
        let valid = match (a.valid, b.valid) {
            (None, None) => None,
            (a, b) => Some(self.b.ins().select(truth, a.unwrap_or(yes), b.unwrap_or(yes))),
        };
        Number { value, valid: self.both(Some(known), valid) }
    }

    /// A number of a column, widened.
    fn column(&mut self, slot: &Slot, at: At, env: Option<&Env>) -> Result<Number, JitError> {
        let values = self.pointers(slot)?.values;
        let size = width(slot.data_type)?;
        let address = self.element(values, size, at);
        let offset = at.ahead * size;
        let flags = MemFlagsData::trusted();
        let b = &mut *self.b;
        let value = match slot.data_type {
            DataType::F64 => b.ins().load(types::F64, flags, address, offset),
            DataType::F32 => {
                let value = b.ins().load(types::F32, flags, address, offset);
                b.ins().fpromote(types::F64, value)
            }
            DataType::I64 => b.ins().load(types::I64, flags, address, offset),
            DataType::I32 => b.ins().sload32(flags, address, offset),
            DataType::I16 => b.ins().sload16(types::I64, flags, address, offset),
            DataType::I8 => b.ins().sload8(types::I64, flags, address, offset),
            DataType::U32 => b.ins().uload32(flags, address, offset),
            DataType::U16 => b.ins().uload16(types::I64, flags, address, offset),
            DataType::U8 => b.ins().uload8(types::I64, flags, address, offset),
            DataType::Truth | DataType::Text32 | DataType::Text64 => {
                return Err(JitError::Refused(format!("a column of {} is no number", slot.data_type)));
            }
        };
        let valid = self.valid_at(slot, at, env);
        Ok(Number { value, valid })
    }

    /// The address of element `at.index`; `at.ahead` is left to the offset of the load.
    pub(super) fn element(&mut self, values: Value, size: i32, at: At) -> Value {
        let scaled = self.b.ins().ishl_imm_u(at.index, i64::from(size.trailing_zeros()));
        self.b.ins().iadd(values, scaled)
    }

    pub(super) fn both(&mut self, a: Option<Value>, b: Option<Value>) -> Option<Value> {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.b.ins().band(a, b)),
            (one, None) | (None, one) => one,
        }
    }

    fn builtin(&mut self, eval: &Eval, args: &[Value]) -> Result<Value, JitError> {
        let found = Builtin::ALL
            .into_iter()
            .zip(self.builtins)
            .find(|(builtin, _)| symbol(&builtin.definition().eval) == symbol(eval));
        let function = found.and_then(|(_, function)| function);
        let function = function.ok_or_else(|| JitError::Refused("a builtin has no symbol".into()))?;
        let call = self.b.ins().call(function, args);
        self.result(call)
    }

    pub(super) fn result(&mut self, call: cranelift_codegen::ir::Inst) -> Result<Value, JitError> {
        let result = self.b.inst_results(call).first().copied();
        result.ok_or_else(|| JitError::Refused("a function has no result".into()))
    }
}

fn some((value, overflow): (Value, Value)) -> (Value, Option<Value>) {
    (value, Some(overflow))
}

/// Bytes of a number.
pub(super) fn width(data_type: DataType) -> Result<i32, JitError> {
    match data_type {
        DataType::F64 | DataType::I64 => Ok(8),
        DataType::F32 | DataType::I32 | DataType::U32 => Ok(4),
        DataType::I16 | DataType::U16 => Ok(2),
        DataType::I8 | DataType::U8 => Ok(1),
        DataType::Truth | DataType::Text32 | DataType::Text64 => {
            Err(JitError::Refused(format!("a column of {data_type} is no number")))
        }
    }
}

/// Tests that cost little are made for all rows; what calls a function is not.
fn dense(cost: u32) -> Dense {
    match cost {
        0..=4 => Dense::Loop { unroll: 4, above: 12 },
        5..=20 => Dense::Loop { unroll: 1, above: 20 },
        _ => Dense::Never,
    }
}

pub(super) fn int_condition(op: Compare) -> IntCC {
    match op {
        Compare::Lt => IntCC::SignedLessThan,
        Compare::Le => IntCC::SignedLessThanOrEqual,
        Compare::Gt => IntCC::SignedGreaterThan,
        Compare::Ge => IntCC::SignedGreaterThanOrEqual,
        Compare::Eq => IntCC::Equal,
        Compare::Ne => IntCC::NotEqual,
    }
}

/// `NotEqual` is true of NaN, as `!=` is; the others are false of it.
pub(super) fn float_condition(op: Compare) -> FloatCC {
    match op {
        Compare::Lt => FloatCC::LessThan,
        Compare::Le => FloatCC::LessThanOrEqual,
        Compare::Gt => FloatCC::GreaterThan,
        Compare::Ge => FloatCC::GreaterThanOrEqual,
        Compare::Eq => FloatCC::Equal,
        Compare::Ne => FloatCC::NotEqual,
    }
}

/// The type of `lanes` lanes of a number.
pub(super) fn lanes(scalar: Type) -> Type {
    match scalar {
        types::F64 => types::F64X2,
        types::F32 => types::F32X4,
        types::I32 => types::I32X4,
        _ => types::I64X2,
    }
}
