//! Conditions on a block of 64 rows, as words of bits.

use super::super::typed::{Node, Slot, TextNode, Truth};
use super::leaf::Reads;
use super::rows::Dense;
use super::{Constants, cost};
use crate::{Builtin, JitError};
use cranelift_codegen::ir::{FuncRef, InstBuilder, MemFlagsData, Value, types};
use cranelift_frontend::FunctionBuilder;

/// Addresses of a column, from the first row of a chunk on; see [`super::RawColumn`].
#[derive(Clone, Copy)]
pub(super) struct Pointers {
    pub(super) values: Value,
    pub(super) bytes: Value,
    pub(super) validity: Value,
    pub(super) ascii: Value,
}

/// Which rows of a block a condition is true of, and which it is null of: never both, and never outside the rows that
/// were asked for. It is false of the rest.
#[derive(Clone, Copy)]
pub(super) struct Mask {
    pub(super) truth: Value,
    /// 0 where the asker did not want to know.
    pub(super) null: Value,
}

pub(super) struct Lowering<'a, 'f> {
    pub(super) b: &'a mut FunctionBuilder<'f>,
    /// Of the columns that are read.
    pub(super) columns: Vec<Option<Pointers>>,
    pub(super) builtins: [Option<FuncRef>; Builtin::ALL.len()],
    /// In the order of `host::symbols`.
    pub(super) helpers: [FuncRef; 5],
    pub(super) constants: &'a mut Constants,
    /// First row of the block in its chunk, a multiple of 64.
    pub(super) base: Value,
    /// `base / 8`: where the block's word is in a bitmap.
    pub(super) word: Value,
    /// Whether the block has all 64 rows.
    pub(super) full: Value,
}

impl Lowering<'_, '_> {
    /// The condition on the rows of `active`. Recursion is bounded by [`crate::MAX_DEPTH`].
    ///
    /// `nulls`: whether [`Mask::null`] is wanted; without it, rows known not to be true are dropped as soon as can be.
    pub(super) fn condition(&mut self, node: &Truth, active: Value, nulls: bool) -> Result<Mask, JitError> {
        Ok(match node {
            Truth::Const(value) => {
                let zero = self.zero();
                Mask { truth: if *value { active } else { zero }, null: zero }
            }
            Truth::Column(slot) => {
                let valid = self.valid(slot)?;
                let values = self.pointers(slot)?.values;
                let values = self.bitmap(values);
                let there = self.b.ins().band(active, valid);
                let truth = self.b.ins().band(there, values);
                Mask { truth, null: self.b.ins().band_not(active, valid) }
            }
            Truth::Not(x) => {
                let x = self.condition(x, active, true)?;
                let known = self.b.ins().bor(x.truth, x.null);
                Mask { truth: self.b.ins().band_not(active, known), null: x.null }
            }
            Truth::And(..) => self.all(&operands(node), active, nulls)?,
            Truth::Or(..) => self.any(&operands(node), active, nulls)?,
            Truth::Truths { unequal, a, b } => {
                let (a, b) = (self.condition(a, active, true)?, self.condition(b, active, true)?);
                let null = self.b.ins().bor(a.null, b.null);
                let known = self.b.ins().band_not(active, null);
                let differ = self.b.ins().bxor(a.truth, b.truth);
                let truth = match unequal {
                    true => self.b.ins().band(known, differ),
                    false => self.b.ins().band_not(known, differ),
                };
                Mask { truth, null }
            }
            Truth::Select(c, a, b) => {
                let c = self.condition(c, active, true)?;
                let known = self.b.ins().bor(c.truth, c.null);
                let otherwise = self.b.ins().band_not(active, known);
                let a = self.condition(a, c.truth, nulls)?;
                let b = self.condition(b, otherwise, nulls)?;
                let truth = self.b.ins().bor(a.truth, b.truth);
                let null = self.b.ins().bor(a.null, b.null);
                Mask { truth, null: self.b.ins().bor(null, c.null) }
            }
            Truth::IsNull(x) => {
                let truth = self.nulls(x, active)?;
                Mask { truth, null: self.zero() }
            }
            Truth::Ints(op, a, b) => self.ints(*op, a, b, active)?,
            Truth::Floats(op, a, b) => self.floats(*op, a, b, active)?,
            Truth::Mixed(op, a, b) => self.mixed(*op, a, b, active)?,
            Truth::Texts { unequal, a, b } => self.texts(*unequal, a, b, active)?,
            Truth::Match(test, a, b) => self.matches(*test, a, b, active)?,
        })
    }

    /// Conjunction: an operand is asked only about rows that none before it is false of; without nulls, about those that
    /// all before it are true of.
    fn all(&mut self, operands: &[&Truth], active: Value, nulls: bool) -> Result<Mask, JitError> {
        let mut so_far = Mask { truth: active, null: self.zero() };
        for operand in operands {
            if !nulls {
                so_far.truth = self.condition(operand, so_far.truth, false)?.truth;
                continue;
            }
            let asked = self.b.ins().bor(so_far.truth, so_far.null);
            let x = self.condition(operand, asked, true)?;
            let not_false = self.b.ins().bor(x.truth, x.null);
            so_far.truth = self.b.ins().band(so_far.truth, x.truth);
            so_far.null = self.b.ins().band_not(not_false, so_far.truth);
        }
        Ok(so_far)
    }

    /// Disjunction: an operand is asked only about rows that none before it is true of.
    fn any(&mut self, operands: &[&Truth], active: Value, nulls: bool) -> Result<Mask, JitError> {
        let mut so_far = Mask { truth: self.zero(), null: self.zero() };
        for operand in operands {
            let asked = self.b.ins().band_not(active, so_far.truth);
            let x = self.condition(operand, asked, nulls)?;
            so_far.truth = self.b.ins().bor(so_far.truth, x.truth);
            let null = self.b.ins().bor(so_far.null, x.null);
            so_far.null = self.b.ins().band_not(null, so_far.truth);
        }
        Ok(so_far)
    }

    /// The rows of `active` where `node` is null.
    fn nulls(&mut self, node: &Node, active: Value) -> Result<Value, JitError> {
        let mut reads = Reads::default();
        match node {
            Node::Truth(x) => return Ok(self.condition(x, active, true)?.null),
            Node::Int(x) => reads.int(x),
            Node::Float(x) => reads.float(x),
            Node::Text(TextNode::Const(_)) => {}
            Node::Text(TextNode::Column(slot)) => reads.slot(slot),
        }
        // Where nulls come from columns alone nothing is computed.
        let valid = self.leaf(&reads, active, Dense::Never, |this, at, env| {
            let yes = this.b.ins().iconst(types::I8, 1);
            let valid = match (env, node) {
                (None, _) | (_, Node::Text(_) | Node::Truth(_)) => None,
                (_, Node::Int(x)) => this.int(x, at, env)?.valid,
                (_, Node::Float(x)) => this.float(x, at, env)?.valid,
            };
            Ok((yes, valid))
        })?;
        Ok(valid.null)
    }

    pub(super) fn zero(&mut self) -> Value {
        self.b.ins().iconst(types::I64, 0)
    }

    pub(super) fn pointers(&self, slot: &Slot) -> Result<Pointers, JitError> {
        let found = self.columns.get(slot.index).copied().flatten();
        found.ok_or_else(|| JitError::Refused(format!("column {} is not there", slot.index)))
    }

    /// Which rows of the block are not null in a column.
    pub(super) fn valid(&mut self, slot: &Slot) -> Result<Value, JitError> {
        let validity = self.pointers(slot)?.validity;
        Ok(self.bitmap(validity))
    }

    /// Which rows of the block are known to be ASCII in a text.
    pub(super) fn ascii(&mut self, text: &TextNode) -> Result<Value, JitError> {
        Ok(match text {
            TextNode::Const(text) => self.b.ins().iconst(types::I64, if text.is_ascii() { -1 } else { 0 }),
            TextNode::Column(slot) => {
                let words = self.pointers(slot)?.ascii;
                self.bitmap(words)
            }
        })
    }

    fn bitmap(&mut self, words: Value) -> Value {
        let at = self.b.ins().iadd(words, self.word);
        self.b.ins().load(types::I64, MemFlagsData::trusted(), at, 0)
    }
}

/// The operands of a chain of one operator, cheap ones first, otherwise as they stand.
fn operands(node: &Truth) -> Vec<&Truth> {
    let mut flat = Vec::new();
    let mut waiting = vec![node];
    while let Some(operand) = waiting.pop() {
        match (node, operand) {
            (Truth::And(..), Truth::And(a, b)) | (Truth::Or(..), Truth::Or(a, b)) => {
                waiting.extend([&**b, &**a]);
            }
            _ => flat.push(operand),
        }
    }
    flat.sort_by_key(|operand| cost::truth(operand));
    flat
}
