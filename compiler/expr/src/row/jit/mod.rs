//! The Cranelift back end: a condition as a loop over the rows of a batch.
//!
//! The code works on blocks of 64 rows, a word of the selection each. Inside a block a truth value is two words, the
//! rows where it is true and those where it is null, so `and`, `or`, `not` and nulls cost a few instructions for 64 rows
//! (`condition.rs`). A test that has to look at values is a loop over the rows that still matter (`rows.rs`): all 64
//! without branches when most do, vectors of them where a column is compared with a constant (`vector.rs`), or bit by
//! bit. `and` and `or` take cheap operands first: nothing in a row expression can fail, so any order means the same.
//!
//! There is one function a filter, `extern "C" fn(columns, rows, words) -> count`. It calls nothing but the builtins'
//! `smol_*` functions and those of `host.rs`, and no name or text of a spec ever becomes a symbol. Bitmaps reach it
//! shifted to whole words, at most [`CHUNK`] rows at a time, so the code knows no bit offsets.
#![allow(unsafe_code)]

mod condition;
mod cost;
mod host;
mod leaf;
mod number;
mod rows;
mod textual;
mod vector;

use super::typed::{Node, Truth};
use super::{Batch, Bits, BoundRow, Column, Field, Offsets, RowExpr, Values};
use crate::jit::{Code, Imports, module};
use crate::{JitError, Listing, Optimization};
use condition::{Lowering, Pointers};
use cranelift_codegen::Context;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{AbiParam, InstBuilder, MemFlagsData, UserFuncName, types};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::JITModule;
use cranelift_module::{FuncId, Linkage, Module};

/// Rows a call; a multiple of 64.
const CHUNK: usize = 16_384;

/// Words that bitmaps of a chunk fill.
const WORDS: usize = CHUNK / 64;

/// Stands for the validity of a column without nulls.
static ALL_VALID: [u64; WORDS] = [u64::MAX; WORDS];
static NONE_VALID: [u64; WORDS] = [0; WORDS];

/// Machine code of a condition. The memory is given back when this is dropped.
pub(super) struct CompiledFilter {
    entry: Entry,
    /// Owns the memory `entry` points into.
    _code: Code,
    /// Texts whose addresses stand in the code.
    _constants: Constants,
    /// Columns the code reads.
    used: Vec<bool>,
}

type Entry = unsafe extern "C" fn(columns: *const RawColumn, rows: usize, words: *mut u64) -> usize;

/// A column as the code sees it, from the first row of a chunk on.
#[repr(C)]
struct RawColumn {
    /// Numbers, offsets, or words of truth values.
    values: *const u8,
    /// Where offset 0 of a text column points.
    bytes: *const u8,
    /// A bit a row.
    validity: *const u64,
    /// A bit a row of a text column: known to be ASCII.
    ascii: *const u64,
}

/// Bytes of text constants, at addresses that do not change.
#[derive(Default)]
pub(super) struct Constants(Vec<Box<[u8]>>);

impl Constants {
    /// Keeps `bytes` as long as the code lives, and says where.
    pub(super) fn keep(&mut self, bytes: Vec<u8>) -> i64 {
        let bytes = bytes.into_boxed_slice();
        let address = bytes.as_ptr() as i64;
        self.0.push(bytes);
        address
    }
}

impl CompiledFilter {
    /// Compiles a condition.
    ///
    /// Errors: the host has no back end, or refuses memory or executable pages; `bound` is no condition.
    pub(super) fn new(bound: &BoundRow, optimization: Optimization) -> Result<CompiledFilter, JitError> {
        let root = match &bound.root {
            Node::Truth(root) => root,
            Node::Int(_) | Node::Float(_) | Node::Text(_) => {
                return Err(JitError::Refused("only conditions become machine code".into()));
            }
        };
        let mut code = module(optimization, &host::symbols())?;
        let used = used(root, bound.fields.len());
        let mut constants = Constants::default();
        let (entry, mut context) = build(&mut code.0, root, &used, &mut constants)?;
        code.0.define_function(entry, &mut context)?;
        code.0.finalize_definitions()?;
        let address = code.0.get_finalized_function(entry);
        // SAFETY: `address` is the finalized code of a function that was declared with exactly this signature in the
        // host's default calling convention, which is what `extern "C"` means here.
        let entry = unsafe { std::mem::transmute::<*const u8, Entry>(address) };
        Ok(CompiledFilter { entry, _code: code, _constants: constants, used })
    }

    /// Sets the bits of the rows that the condition is true of, and says how many. `words` has a bit a row; `batch` was
    /// checked against the fields.
    pub(super) fn select(&self, batch: &Batch<'_>, words: &mut [u64]) -> usize {
        let mut shifted = vec![[0u64; WORDS]; self.used.iter().filter(|used| **used).count() * 2];
        let mut columns = Vec::with_capacity(batch.columns().len());
        let mut count = 0;
        for (chunk, words) in words.chunks_mut(WORDS).enumerate() {
            let from = chunk * CHUNK;
            let rows = CHUNK.min(batch.rows() - from);
            let mut room = shifted.iter_mut();
            columns.clear();
            for (column, used) in batch.columns().iter().zip(&self.used) {
                columns.push(if *used { raw(column, from, rows, &mut room) } else { RawColumn::NOTHING });
            }
            // SAFETY: the code reads `rows` rows of the columns that `used` names, of the types that the batch was
            // checked to have, and texts by offsets that `Text` has checked; rows beyond the last are masked out and
            // not read, but for whole words of bitmaps, which hold `WORDS`. It writes one word for every 64 rows begun,
            // which is what `words` has.
            count += unsafe { (self.entry)(columns.as_ptr(), rows, words.as_mut_ptr()) };
        }
        count
    }
}

impl RawColumn {
    const NOTHING: RawColumn = RawColumn {
        values: std::ptr::null(),
        bytes: std::ptr::null(),
        validity: std::ptr::null(),
        ascii: std::ptr::null(),
    };
}

fn raw<'w>(
    column: &Column<'_>,
    from: usize,
    rows: usize,
    room: &mut impl Iterator<Item = &'w mut [u64; WORDS]>,
) -> RawColumn {
    // `select` made room for two bitmaps a column; were there none, no row would be kept.
    let mut shift = |bits: &Bits<'_>| match room.next() {
        Some(words) => {
            for (at, word) in words.iter_mut().take(rows.div_ceil(64)).enumerate() {
                *word = bits.word(from + at * 64);
            }
            words.as_ptr()
        }
        None => NONE_VALID.as_ptr(),
    };
    let validity = column.validity().map_or(ALL_VALID.as_ptr(), &mut shift);
    fn at<T>(values: &[T], from: usize) -> *const u8 {
        values.get(from..).unwrap_or(&[]).as_ptr().cast()
    }
    let (values, bytes) = match column.values() {
        Values::F64(values) => (at(values, from), std::ptr::null()),
        Values::F32(values) => (at(values, from), std::ptr::null()),
        Values::I64(values) => (at(values, from), std::ptr::null()),
        Values::I32(values) => (at(values, from), std::ptr::null()),
        Values::I16(values) => (at(values, from), std::ptr::null()),
        Values::I8(values) => (at(values, from), std::ptr::null()),
        Values::U32(values) => (at(values, from), std::ptr::null()),
        Values::U16(values) => (at(values, from), std::ptr::null()),
        Values::U8(values) => (at(values, from), std::ptr::null()),
        Values::Truth(bits) => (shift(bits).cast(), std::ptr::null()),
        Values::Text(text) => match text.offsets() {
            Offsets::I32(offsets) => (at(offsets, from), text.origin()),
            Offsets::I64(offsets) => (at(offsets, from), text.origin()),
        },
    };
    let ascii = match column.values() {
        // Chunks begin at whole words.
        Values::Text(text) => text.ascii().map_or(NONE_VALID.as_ptr(), |words| at(words, from / 64).cast()),
        _ => NONE_VALID.as_ptr(),
    };
    RawColumn { values, bytes, validity, ascii }
}

/// Signatures of `host.rs`.
fn helpers(module: &mut JITModule) -> Result<[FuncId; 5], JitError> {
    #[allow(clippy::result_large_err)] // Cranelift's own error, once a compilation
    let mut declare = |symbol: &str, params: usize, result| {
        let mut signature = module.make_signature();
        signature.params.extend((0..params).map(|_| AbiParam::new(types::I64)));
        signature.returns.push(AbiParam::new(result));
        module.declare_function(symbol, Linkage::Import, &signature)
    };
    Ok([
        declare(host::EQUAL, 3, types::I8)?,
        declare(host::CONTAINS, 4, types::I8)?,
        declare(host::LENGTH, 2, types::I64)?,
        declare(host::SHORTER, 3, types::I8)?,
        declare(host::EXACTLY, 3, types::I8)?,
    ])
}

/// Which of so many columns a condition reads.
fn used(root: &Truth, columns: usize) -> Vec<bool> {
    let mut used = vec![false; columns];
    cost::slots_of_truth(root, &mut |slot| {
        if let Some(used) = used.get_mut(slot.index) {
            *used = true;
        }
    });
    used
}

impl Listing {
    /// Compiles a condition over these columns for reading. Constant texts stand in it by their addresses in this process.
    ///
    /// Errors: as [`Listing::new`]; [`JitError::Refused`] for an expression that does not verify or is no condition.
    pub fn filter(expr: &RowExpr, fields: &[Field]) -> Result<Listing, JitError> {
        let bound = expr.fold(fields).and_then(|folded| folded.bind(fields));
        let bound = bound.map_err(|e| JitError::Refused(e.to_string()))?;
        let Node::Truth(root) = &bound.root else {
            return Err(JitError::Refused("only conditions become machine code".into()));
        };
        let mut code = module(Optimization::Speed, &host::symbols())?;
        let mut constants = Constants::default();
        let (entry, context) = build(&mut code.0, root, &used(root, fields.len()), &mut constants)?;
        Listing::of(&mut code, entry, context)
    }
}

fn build(
    module: &mut JITModule,
    root: &Truth,
    used: &[bool],
    constants: &mut Constants,
) -> Result<(FuncId, Context), JitError> {
    if module.target_config().pointer_type() != types::I64 {
        return Err(JitError::Host("filters need 64-bit addresses".into()));
    }
    let imports = Imports::declare(module)?;
    let helpers = helpers(module)?;
    let mut context = module.make_context();
    context.func.signature.params.extend([AbiParam::new(types::I64); 3]);
    context.func.signature.returns.push(AbiParam::new(types::I64));
    let entry = module.declare_function("filter", Linkage::Local, &context.func.signature)?;
    context.func.name = UserFuncName::user(0, entry.as_u32());

    let mut frontend = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut context.func, &mut frontend);
    let b = &mut builder;
    let builtins = imports.0.map(|id| id.map(|id| module.declare_func_in_func(id, b.func)));
    let helpers = helpers.map(|id| module.declare_func_in_func(id, b.func));

    let start = b.create_block();
    b.append_block_params_for_function_params(start);
    b.switch_to_block(start);
    let &[columns, rows, words] = b.block_params(start) else {
        return Err(JitError::Refused("the entry block has other parameters".into()));
    };
    let mut pointers = Vec::with_capacity(used.len());
    for (index, used) in used.iter().enumerate() {
        let offset = i32::try_from(index * size_of::<RawColumn>())
            .map_err(|_| JitError::Refused(format!("{index} columns are too many")))?;
        let mut load =
            |at: usize| b.ins().load(types::I64, MemFlagsData::trusted(), columns, offset + at as i32);
        pointers.push(used.then(|| Pointers {
            values: load(std::mem::offset_of!(RawColumn, values)),
            bytes: load(std::mem::offset_of!(RawColumn, bytes)),
            validity: load(std::mem::offset_of!(RawColumn, validity)),
            ascii: load(std::mem::offset_of!(RawColumn, ascii)),
        }));
    }
    let zero = b.ins().iconst(types::I64, 0);
    let (head, body, exit) = (b.create_block(), b.create_block(), b.create_block());
    let base = b.append_block_param(head, types::I64);
    let count = b.append_block_param(head, types::I64);
    b.ins().jump(head, &[zero.into(), zero.into()]);

    b.switch_to_block(head);
    let more = b.ins().icmp(IntCC::UnsignedLessThan, base, rows);
    b.ins().brif(more, body, &[], exit, &[]);

    b.switch_to_block(body);
    let rest = b.ins().isub(rows, base);
    let full = b.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, rest, 64);
    let ones = b.ins().iconst(types::I64, -1);
    // Shifts take their amount modulo 64.
    let none = b.ins().ineg(rest);
    let some = b.ins().ushr(ones, none);
    let active = b.ins().select(full, ones, some);
    let word = b.ins().ushr_imm_u(base, 3);
    let mut lowering = Lowering { b, columns: pointers, builtins, helpers, constants, base, word, full };
    let kept = lowering.condition(root, active, false)?.truth;
    let b = &mut *lowering.b;
    let to = b.ins().iadd(words, word);
    b.ins().store(MemFlagsData::trusted(), kept, to, 0);
    let kept = b.ins().popcnt(kept);
    let count_after = b.ins().iadd(count, kept);
    let next = b.ins().iadd_imm_s(base, 64);
    b.ins().jump(head, &[next.into(), count_after.into()]);

    b.switch_to_block(exit);
    b.ins().return_(&[count]);
    b.seal_all_blocks();
    builder.finalize(module.target_config());
    Ok((entry, context))
}
