//! Loops over the rows of a block.

use super::condition::Lowering;
use super::vector::VectorTest;
use crate::JitError;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Value, types};

/// A row inside a loop: row `index + ahead` of the chunk, bit `bit + ahead` of the block.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) index: Value,
    pub(super) bit: Value,
    /// A constant, so that it can stand in an address.
    pub(super) ahead: i32,
}

/// How a loop may also look at all 64 rows of a full block.
#[derive(Clone, Copy)]
pub(super) enum Dense {
    /// It may not: the test is dear, or branches.
    Never,
    /// When more than `above` rows matter; `unroll` rows an iteration, a divisor of 64.
    Loop { unroll: i32, above: i64 },
    /// With vectors of a column, whenever any row matters.
    Vector(VectorTest),
}

/// Makes the code of `K` truth values of the row at a place.
type Test<'a, B, const K: usize> = &'a mut dyn FnMut(&mut B, At) -> Result<[Value; K], JitError>;

impl Lowering<'_, '_> {
    /// Makes `K` truth values (I8, 0 or 1) of every row of `active` and gathers each into a word, 0 outside `active`.
    ///
    /// `test` is called once for every place where its code is wanted.
    pub(super) fn rows<const K: usize>(
        &mut self,
        active: Value,
        dense: Dense,
        test: Test<'_, Self, K>,
    ) -> Result<[Value; K], JitError> {
        let exit = self.b.create_block();
        let words: [Value; K] = std::array::from_fn(|_| self.b.append_block_param(exit, types::I64));
        let sparse = self.b.create_block();
        let wide = match dense {
            Dense::Never => None,
            Dense::Loop { above, .. } => {
                let wanted = self.b.ins().popcnt(active);
                Some(self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, wanted, above))
            }
            Dense::Vector(_) => Some(self.b.ins().icmp_imm_u(IntCC::NotEqual, active, 0)),
        };
        match wide {
            None => {
                self.b.ins().jump(sparse, &[]);
            }
            Some(wide) => {
                let block = self.b.create_block();
                let wide = self.b.ins().band(self.full, wide);
                self.b.ins().brif(wide, block, &[], sparse, &[]);
                self.b.switch_to_block(block);
                match dense {
                    Dense::Vector(vector) => {
                        let word = self.vector(&vector)?;
                        let word = self.b.ins().band(word, active);
                        self.b.ins().jump(exit, &[word.into(); K]);
                    }
                    Dense::Loop { unroll, .. } => self.dense(active, unroll, exit, test)?,
                    Dense::Never => {}
                }
            }
        }
        self.b.switch_to_block(sparse);
        self.sparse(active, exit, test)?;
        self.b.switch_to_block(exit);
        Ok(words)
    }

    /// Bit by bit, the lowest first.
    fn sparse<const K: usize>(
        &mut self,
        active: Value,
        exit: Block,
        test: Test<'_, Self, K>,
    ) -> Result<(), JitError> {
        let zero = self.zero();
        let (head, body) = (self.b.create_block(), self.b.create_block());
        let rest = self.b.append_block_param(head, types::I64);
        let words: [Value; K] = std::array::from_fn(|_| self.b.append_block_param(head, types::I64));
        self.b.ins().jump(head, &arguments(Some(active), [zero; K]));

        self.b.switch_to_block(head);
        self.b.ins().brif(rest, body, &[], exit, &arguments(None, words));

        self.b.switch_to_block(body);
        let bit = self.b.ins().ctz(rest);
        let less = self.b.ins().iadd_imm_s(rest, -1);
        let after = self.b.ins().band(rest, less);
        let index = self.b.ins().iadd(self.base, bit);
        let found = test(self, At { index, bit, ahead: 0 })?;
        let mut gathered = words;
        for (word, found) in gathered.iter_mut().zip(found) {
            let found = self.b.ins().uextend(types::I64, found);
            let found = self.b.ins().ishl(found, bit);
            *word = self.b.ins().bor(*word, found);
        }
        self.b.ins().jump(head, &arguments(Some(after), gathered));
        Ok(())
    }

    /// All rows of a full block.
    fn dense<const K: usize>(
        &mut self,
        active: Value,
        unroll: i32,
        exit: Block,
        test: Test<'_, Self, K>,
    ) -> Result<(), JitError> {
        let zero = self.zero();
        let (head, after) = (self.b.create_block(), self.b.create_block());
        let bit = self.b.append_block_param(head, types::I64);
        let words: [Value; K] = std::array::from_fn(|_| self.b.append_block_param(head, types::I64));
        self.b.ins().jump(head, &arguments(Some(zero), [zero; K]));

        self.b.switch_to_block(head);
        let index = self.b.ins().iadd(self.base, bit);
        let mut parts = [None; K];
        for ahead in 0..unroll {
            let found = test(self, At { index, bit, ahead })?;
            for (part, found) in parts.iter_mut().zip(found) {
                let found = self.b.ins().uextend(types::I64, found);
                let found = self.b.ins().ishl_imm_u(found, i64::from(ahead));
                *part = Some(match *part {
                    Some(part) => self.b.ins().bor(part, found),
                    None => found,
                });
            }
        }
        let mut gathered = words;
        for (word, part) in gathered.iter_mut().zip(parts) {
            if let Some(part) = part {
                let part = self.b.ins().ishl(part, bit);
                *word = self.b.ins().bor(*word, part);
            }
        }
        let next = self.b.ins().iadd_imm_s(bit, i64::from(unroll));
        let more = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, next, 64);
        self.b.ins().brif(more, head, &arguments(Some(next), gathered), after, &[]);

        self.b.switch_to_block(after);
        let mut kept = gathered;
        for word in &mut kept {
            *word = self.b.ins().band(*word, active);
        }
        self.b.ins().jump(exit, &arguments(None, kept));
        Ok(())
    }

    /// An I8 that is 0 where `condition` does not hold, and otherwise what `then` computes.
    pub(super) fn when(
        &mut self,
        condition: Value,
        then: impl FnOnce(&mut Self) -> Result<Value, JitError>,
    ) -> Result<Value, JitError> {
        let (yes, join) = (self.b.create_block(), self.b.create_block());
        let result = self.b.append_block_param(join, types::I8);
        let no = self.b.ins().iconst(types::I8, 0);
        self.b.ins().brif(condition, yes, &[], join, &[no.into()]);
        self.b.switch_to_block(yes);
        let value = then(self)?;
        self.b.ins().jump(join, &[value.into()]);
        self.b.switch_to_block(join);
        Ok(result)
    }
}

fn arguments<const K: usize>(first: Option<Value>, rest: [Value; K]) -> Vec<BlockArg> {
    first.into_iter().chain(rest).map(BlockArg::from).collect()
}
