//! Tests that look at values: which columns they read, and where nulls come from.

use super::super::typed::{Float, Int, Slot, TextNode, Truth};
use super::condition::{Lowering, Mask};
use super::rows::{At, Dense};
use crate::JitError;
use cranelift_codegen::ir::{InstBuilder, Value, types};

/// What a test reads. Most tests are null exactly where one of their columns is, and then nulls never enter the loop.
#[derive(Default)]
pub(super) struct Reads<'n> {
    slots: Vec<Slot>,
    /// Conditions of `if`s inside numbers; they are decided before the loop.
    conditions: Vec<&'n Truth>,
    /// Whether nulls must be followed row by row: an `if` or checked arithmetic.
    by_row: bool,
}

impl<'n> Reads<'n> {
    pub(super) fn slot(&mut self, slot: &Slot) {
        if !self.slots.contains(slot) {
            self.slots.push(*slot);
        }
    }

    pub(super) fn text(&mut self, node: &TextNode) {
        match node {
            TextNode::Const(_) => {}
            TextNode::Column(slot) => self.slot(slot),
        }
    }

    pub(super) fn int(&mut self, node: &'n Int) {
        match node {
            Int::Const(_) => {}
            Int::Column(slot) => self.slot(slot),
            Int::Two { a, b, checked, .. } => {
                self.by_row |= *checked;
                self.int(a);
                self.int(b);
            }
            Int::Abs { x, checked } => {
                self.by_row |= *checked;
                self.int(x);
            }
            Int::Length(x) => self.text(x),
            Int::Select(c, a, b) => {
                self.select(c);
                self.int(a);
                self.int(b);
            }
        }
    }

    pub(super) fn float(&mut self, node: &'n Float) {
        match node {
            Float::Const(_) => {}
            Float::Column(slot) => self.slot(slot),
            Float::Int(x) => self.int(x),
            Float::Neg(x) | Float::CallOne(_, x) => self.float(x),
            Float::Two(_, a, b) | Float::CallTwo(_, a, b) => {
                self.float(a);
                self.float(b);
            }
            Float::Select(c, a, b) => {
                self.select(c);
                self.float(a);
                self.float(b);
            }
        }
    }

    fn select(&mut self, condition: &'n Truth) {
        self.by_row = true;
        self.conditions.push(condition);
    }
}

/// Words of a block that a test with nulls row by row looks bits up in.
pub(super) struct Env {
    valid: Vec<(Slot, Value)>,
    /// By the address of the condition in the typed form.
    conditions: Vec<(*const Truth, Mask)>,
}

impl Lowering<'_, '_> {
    /// A test of the rows of `active`. `test` yields whether it holds of a row, and, where there is an [`Env`], whether
    /// it is not null there (`None`: it is not).
    pub(super) fn leaf(
        &mut self,
        reads: &Reads<'_>,
        active: Value,
        dense: Dense,
        test: impl Fn(&mut Self, At, Option<&Env>) -> Result<(Value, Option<Value>), JitError>,
    ) -> Result<Mask, JitError> {
        if reads.by_row {
            let mut env = Env { valid: Vec::new(), conditions: Vec::new() };
            for slot in &reads.slots {
                env.valid.push((*slot, self.valid(slot)?));
            }
            for condition in &reads.conditions {
                env.conditions.push((*condition, self.condition(condition, active, true)?));
            }
            let [truth, known] = self.rows(active, dense, &mut |this, at| {
                let (holds, valid) = test(this, at, Some(&env))?;
                Ok(match valid {
                    Some(valid) => [this.b.ins().band(holds, valid), valid],
                    None => [holds, this.b.ins().iconst(types::I8, 1)],
                })
            })?;
            return Ok(Mask { truth, null: self.b.ins().band_not(active, known) });
        }
        let (there, null) = self.there(reads, active)?;
        let [truth] = self.rows(there, dense, &mut |this, at| Ok([test(this, at, None)?.0]))?;
        Ok(Mask { truth, null })
    }

    /// The rows of `active` that are null in no column read, and those that are in one.
    pub(super) fn there(&mut self, reads: &Reads<'_>, active: Value) -> Result<(Value, Value), JitError> {
        let mut there = active;
        for slot in &reads.slots {
            let valid = self.valid(slot)?;
            there = self.b.ins().band(there, valid);
        }
        Ok((there, self.b.ins().band_not(active, there)))
    }

    /// Whether a column is not null in a row, where that is followed row by row.
    pub(super) fn valid_at(&mut self, slot: &Slot, at: At, env: Option<&Env>) -> Option<Value> {
        let (_, word) = env?.valid.iter().find(|(found, _)| found == slot)?;
        Some(self.bit(*word, at))
    }

    /// Whether the condition of an `if` is true of a row, and whether it is null.
    pub(super) fn decided(&mut self, c: &Truth, at: At, env: Option<&Env>) -> Result<(Value, Value), JitError> {
        let found = env.and_then(|env| env.conditions.iter().find(|(found, _)| std::ptr::eq(*found, c)));
        let mask = match found {
            Some((_, mask)) => *mask,
            None => return Err(JitError::Refused("an `if` was not decided before its loop".into())),
        };
        Ok((self.bit(mask.truth, at), self.bit(mask.null, at)))
    }

    fn bit(&mut self, word: Value, at: At) -> Value {
        let bit = self.b.ins().iadd_imm_s(at.bit, i64::from(at.ahead));
        let shifted = self.b.ins().ushr(word, bit);
        let bit = self.b.ins().ireduce(types::I8, shifted);
        self.b.ins().band_imm_u(bit, 1)
    }
}
