//! Texts of one row, and tests of them.

use super::super::DataType;
use super::super::TextMatch;
use super::super::typed::{Compare, Slot, TextNode};
use super::condition::{Lowering, Mask};
use super::leaf::{Env, Reads};
use super::rows::{At, Dense};
use crate::JitError;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};

/// Constants of up to so many bytes are compared by instructions, longer ones by a call.
pub(super) const INLINE: usize = 16;

/// Where a text is and how long, and whether it is there (see [`super::number::Number`]).
pub(super) struct TextAt {
    pub(super) pointer: Value,
    pub(super) bytes: Value,
    pub(super) valid: Option<Value>,
}

/// A place where a short constant may stand in a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Whole,
    Start,
    End,
}

/// When so many of 64 rows matter it is cheaper to look at all, without branches.
const DENSE: Dense = Dense::Loop { unroll: 4, above: 20 };

impl Lowering<'_, '_> {
    pub(super) fn texts(
        &mut self,
        unequal: bool,
        a: &TextNode,
        b: &TextNode,
        active: Value,
    ) -> Result<Mask, JitError> {
        let equal = match (a, b) {
            (TextNode::Column(slot), TextNode::Const(text))
            | (TextNode::Const(text), TextNode::Column(slot))
                if text.len() <= INLINE =>
            {
                self.constant(Place::Whole, slot, text, active)?
            }
            _ => {
                let reads = both(a, b);
                self.leaf(&reads, active, Dense::Never, |this, at, env| {
                    let (a, b) = (this.text(a, at, env)?, this.text(b, at, env)?);
                    let same = this.b.ins().icmp(IntCC::Equal, a.bytes, b.bytes);
                    let holds = this.when(same, |this| this.equal(a.pointer, b.pointer, a.bytes))?;
                    Ok((holds, None))
                })?
            }
        };
        if !unequal {
            return Ok(equal);
        }
        let not = self.b.ins().bor(equal.truth, equal.null);
        Ok(Mask { truth: self.b.ins().band_not(active, not), null: equal.null })
    }

    pub(super) fn matches(
        &mut self,
        test: TextMatch,
        a: &TextNode,
        b: &TextNode,
        active: Value,
    ) -> Result<Mask, JitError> {
        match (test, a, b) {
            (TextMatch::StartsWith, TextNode::Column(slot), TextNode::Const(text))
                if text.len() <= INLINE =>
            {
                return self.constant(Place::Start, slot, text, active);
            }
            (TextMatch::EndsWith, TextNode::Column(slot), TextNode::Const(text)) if text.len() <= INLINE => {
                return self.constant(Place::End, slot, text, active);
            }
            _ => {}
        }
        self.leaf(&both(a, b), active, Dense::Never, |this, at, env| {
            let (a, b) = (this.text(a, at, env)?, this.text(b, at, env)?);
            let room = this.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, a.bytes, b.bytes);
            let holds = this.when(room, |this| match test {
                TextMatch::StartsWith => this.equal(a.pointer, b.pointer, b.bytes),
                TextMatch::EndsWith => {
                    let skipped = this.b.ins().isub(a.bytes, b.bytes);
                    let end = this.b.ins().iadd(a.pointer, skipped);
                    this.equal(end, b.pointer, b.bytes)
                }
                TextMatch::Contains => {
                    let [_, contains, ..] = this.helpers;
                    let args = [a.pointer, a.bytes, b.pointer, b.bytes];
                    let call = this.b.ins().call(contains, &args);
                    this.result(call)
                }
            })?;
            Ok((holds, None))
        })
    }

    /// A short constant in a column, without branches: where the text is too short, or for equality of another length,
    /// bytes that differ from the constant everywhere are compared in its stead.
    fn constant(&mut self, place: Place, slot: &Slot, text: &str, active: Value) -> Result<Mask, JitError> {
        let wanted = text.as_bytes();
        let decoy = self.constants.keep(wanted.iter().map(|byte| !byte).collect());
        let length = wanted.len() as i64;
        let mut reads = Reads::default();
        reads.slot(slot);
        self.leaf(&reads, active, DENSE, |this, at, env| {
            let x = this.text(&TextNode::Column(*slot), at, env)?;
            let fits = match place {
                Place::Whole => IntCC::Equal,
                Place::Start | Place::End => IntCC::UnsignedGreaterThanOrEqual,
            };
            let fits = this.b.ins().icmp_imm_u(fits, x.bytes, length);
            let from = match place {
                Place::Whole | Place::Start => x.pointer,
                Place::End => {
                    let end = this.b.ins().iadd(x.pointer, x.bytes);
                    this.b.ins().iadd_imm_s(end, -length)
                }
            };
            let decoy = this.b.ins().iconst(types::I64, decoy);
            let from = this.b.ins().select(fits, from, decoy);
            let mut holds = None;
            for piece in pieces(wanted) {
                let flags = MemFlagsData::new().with_notrap();
                let found = this.b.ins().load(piece.width, flags, from, piece.offset);
                let same = this.b.ins().icmp_imm_u(IntCC::Equal, found, piece.value);
                holds = this.both(holds, Some(same));
            }
            // Of the empty text only the length is left to compare.
            Ok((holds.unwrap_or(fits), None))
        })
    }

    /// `length(column) op limit`. Characters are 1 to 4 bytes, and 1 in rows known to be ASCII, so the number of bytes
    /// decides most rows without a look at them.
    pub(super) fn length(
        &mut self,
        op: Compare,
        text: &TextNode,
        limit: i64,
        active: Value,
    ) -> Result<Mask, JitError> {
        let mut reads = Reads::default();
        reads.text(text);
        let (there, null) = self.there(&reads, active)?;
        // `limit`, as a number of characters that the text must stay below; nothing is as long as the largest i64.
        let (below, negated) = match op {
            Compare::Lt => (limit, false),
            Compare::Le => (limit.saturating_add(1), false),
            Compare::Ge => (limit, true),
            Compare::Gt => (limit.saturating_add(1), true),
            Compare::Eq | Compare::Ne => {
                let equal = self.length_equal(text, limit, there)?;
                let truth = if op == Compare::Eq { equal } else { self.b.ins().band_not(there, equal) };
                return Ok(Mask { truth, null });
            }
        };
        let shorter = if below <= 0 { self.zero() } else { self.length_below(text, below, there)? };
        let truth = if negated { self.b.ins().band_not(there, shorter) } else { shorter };
        Ok(Mask { truth, null })
    }

    /// Rows of `there` with fewer than `below` characters.
    fn length_below(&mut self, text: &TextNode, below: i64, there: Value) -> Result<Value, JitError> {
        let [surely] = self.rows(there, DENSE, &mut |this, at| {
            let x = this.text(text, at, None)?;
            Ok([this.b.ins().icmp_imm_s(IntCC::SignedLessThan, x.bytes, below)])
        })?;
        let ascii = self.ascii(text)?;
        let decided = self.b.ins().bor(surely, ascii);
        let rest = self.b.ins().band_not(there, decided);
        let most = below.saturating_sub(1).saturating_mul(4);
        let [counted] = self.rows(rest, Dense::Never, &mut |this, at| {
            let x = this.text(text, at, None)?;
            let open = this.b.ins().icmp_imm_s(IntCC::SignedLessThanOrEqual, x.bytes, most);
            let holds = this.when(open, |this| {
                let [_, _, _, shorter, _] = this.helpers;
                let below = this.b.ins().iconst(types::I64, below);
                let call = this.b.ins().call(shorter, &[x.pointer, x.bytes, below]);
                this.result(call)
            })?;
            Ok([holds])
        })?;
        Ok(self.b.ins().bor(surely, counted))
    }

    /// Rows of `there` with exactly `length` characters.
    fn length_equal(&mut self, text: &TextNode, length: i64, there: Value) -> Result<Value, JitError> {
        let ascii = self.ascii(text)?;
        let known = self.b.ins().band(there, ascii);
        let [by_bytes] = self.rows(known, DENSE, &mut |this, at| {
            let x = this.text(text, at, None)?;
            Ok([this.b.ins().icmp_imm_s(IntCC::Equal, x.bytes, length)])
        })?;
        let rest = self.b.ins().band_not(there, ascii);
        let [counted] = self.rows(rest, Dense::Never, &mut |this, at| {
            let x = this.text(text, at, None)?;
            let least = this.b.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, x.bytes, length);
            let most = length.saturating_mul(4);
            let most = this.b.ins().icmp_imm_s(IntCC::SignedLessThanOrEqual, x.bytes, most);
            let open = this.b.ins().band(least, most);
            let holds = this.when(open, |this| {
                let [.., exactly] = this.helpers;
                let length = this.b.ins().iconst(types::I64, length);
                let call = this.b.ins().call(exactly, &[x.pointer, x.bytes, length]);
                this.result(call)
            })?;
            Ok([holds])
        })?;
        Ok(self.b.ins().bor(by_bytes, counted))
    }

    pub(super) fn text(&mut self, node: &TextNode, at: At, env: Option<&Env>) -> Result<TextAt, JitError> {
        let slot = match node {
            TextNode::Const(text) => {
                let pointer = self.constants.keep(text.as_bytes().to_vec());
                let pointer = self.b.ins().iconst(types::I64, pointer);
                let bytes = self.b.ins().iconst(types::I64, text.len() as i64);
                return Ok(TextAt { pointer, bytes, valid: None });
            }
            TextNode::Column(slot) => slot,
        };
        let columns = self.pointers(slot)?;
        let size = if slot.data_type == DataType::Text32 { 4 } else { 8 };
        let address = self.element(columns.values, size, at);
        // Offsets are not negative.
        let mut load = |ahead: i32| match size {
            4 => self.b.ins().uload32(MemFlagsData::trusted(), address, ahead * size),
            _ => self.b.ins().load(types::I64, MemFlagsData::trusted(), address, ahead * size),
        };
        let (from, to) = (load(at.ahead), load(at.ahead + 1));
        let bytes = self.b.ins().isub(to, from);
        let pointer = self.b.ins().iadd(columns.bytes, from);
        let valid = self.valid_at(slot, at, env);
        Ok(TextAt { pointer, bytes, valid })
    }

    /// Characters of a text.
    pub(super) fn count(&mut self, pointer: Value, bytes: Value) -> Result<Value, JitError> {
        let [_, _, length, ..] = self.helpers;
        let call = self.b.ins().call(length, &[pointer, bytes]);
        self.result(call)
    }

    fn equal(&mut self, a: Value, b: Value, bytes: Value) -> Result<Value, JitError> {
        let [equal, ..] = self.helpers;
        let call = self.b.ins().call(equal, &[a, b, bytes]);
        self.result(call)
    }
}

fn both<'n>(a: &TextNode, b: &TextNode) -> Reads<'n> {
    let mut reads = Reads::default();
    reads.text(a);
    reads.text(b);
    reads
}

/// Bytes of a constant that one load compares.
struct Piece {
    offset: i32,
    width: cranelift_codegen::ir::Type,
    value: i64,
}

/// At most two loads that cover the constant between them, overlapping where its length is no power of two.
fn pieces(bytes: &[u8]) -> Vec<Piece> {
    let (size, width) = match bytes.len() {
        0 => return Vec::new(),
        1 => (1, types::I8),
        2..=3 => (2, types::I16),
        4..=7 => (4, types::I32),
        _ => (8, types::I64),
    };
    let mut offsets = vec![0];
    if bytes.len() > size {
        offsets.push(bytes.len() - size);
    }
    let piece = |offset: usize| {
        let mut value = [0u8; 8];
        // Loads are of the host's byte order, so the constant is put together in memory as well.
        value.iter_mut().zip(bytes.iter().skip(offset).take(size)).for_each(|(to, from)| *to = *from);
        let value = if cfg!(target_endian = "big") {
            i64::from_be_bytes(value) >> (64 - 8 * size)
        } else {
            i64::from_le_bytes(value)
        };
        Piece { offset: offset as i32, width, value }
    };
    offsets.into_iter().map(piece).collect()
}
