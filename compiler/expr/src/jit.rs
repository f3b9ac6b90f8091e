//! The Cranelift back end: an expression as machine code.
//!
//! One function an expression, `extern "C" fn(*const f64) -> f64`, that reads its inputs from an array. It has no
//! loops, no integers that could trap, and calls nothing but the `smol_*` functions of the closed table of builtins: no
//! name of a spec ever becomes a symbol, because Cranelift's JIT looks unknown symbols up in the whole process.
#![allow(unsafe_code)]

use crate::bound::Node;
use crate::builtins::{BinaryInstruction, Eval, UnaryInstruction};
use crate::{Binary, Bound, Builtin, Expr, ExprError, Unary};
use cranelift_codegen::Context;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{AbiParam, FuncRef, InstBuilder, MemFlagsData, UserFuncName, Value, types};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, ModuleError, default_libcall_names};
use std::mem::ManuallyDrop;

/// Why there is no machine code. The interpreter can always run instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JitError {
    /// Cranelift has no back end for this processor, or does not know the settings asked of it.
    #[error("no machine code for this processor: {0}")]
    Host(String),
    /// Code could not be generated or put into memory; a hardened host that refuses executable pages ends here.
    #[error("machine code was refused: {0}")]
    Refused(String),
}

impl From<ModuleError> for JitError {
    fn from(error: ModuleError) -> JitError {
        JitError::Refused(error.to_string())
    }
}

/// How hard the code generator tries. The bits are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optimization {
    /// Quickest to compile.
    None,
    /// Quickest to run.
    Speed,
}

/// Machine code of a [`Bound`] expression. The memory is given back when this is dropped.
pub struct Compiled<const N: usize> {
    entry: extern "C" fn(*const f64) -> f64,
    /// Owns the memory `entry` points into.
    _code: Code,
}

/// A JIT module whose memory is freed with it; `JITModule` itself leaks its memory on purpose (wasmtime issue 9280).
pub(crate) struct Code(pub(crate) ManuallyDrop<JITModule>);

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: taken once, here, and `self.0` is not touched afterwards.
        let module = unsafe { ManuallyDrop::take(&mut self.0) };
        // SAFETY: the only pointer into this memory is the `entry` of a `Compiled` or a `CompiledFilter`, which is private,
        // is called only while its owner is borrowed, and is dropped together with this.
        unsafe { module.free_memory() };
    }
}

// SAFETY: after construction nothing reads or writes the module until it is dropped, which takes exclusive access. The
// code itself reads its argument and calls pure functions.
unsafe impl Sync for Code {}

impl<const N: usize> Compiled<N> {
    /// Compiles an expression.
    ///
    /// Errors: the host has no back end, or refuses memory or executable pages.
    pub fn new(bound: &Bound<N>, optimization: Optimization) -> Result<Compiled<N>, JitError> {
        let mut code = module(optimization, &[])?;
        let (entry, mut context) = build(&bound.root, N, &mut code)?;
        code.0.define_function(entry, &mut context)?;
        code.0.clear_context(&mut context);
        code.0.finalize_definitions()?;
        let address = code.0.get_finalized_function(entry);
        // SAFETY: `address` is the finalized code of a function that was declared with exactly this signature in the
        // host's default calling convention, which is what `extern "C"` means here.
        let entry = unsafe { std::mem::transmute::<*const u8, extern "C" fn(*const f64) -> f64>(address) };
        Ok(Compiled { entry, _code: code })
    }

    /// The value for these inputs: the same bits as [`Bound::eval`], NaN folded.
    pub fn call(&self, inputs: &[f64; N]) -> f64 {
        // The code reads exactly `N` values, and the array has them.
        (self.entry)(inputs.as_ptr())
    }
}

/// The function of an expression of so many inputs, not yet compiled.
fn build(root: &Node, slots: usize, code: &mut Code) -> Result<(FuncId, Context), JitError> {
    let imports = Imports::declare(&mut code.0)?;
    let mut context = code.0.make_context();
    context.func.signature.params.push(AbiParam::new(code.0.target_config().pointer_type()));
    context.func.signature.returns.push(AbiParam::new(types::F64));
    let entry = code.0.declare_function("expression", Linkage::Local, &context.func.signature)?;
    context.func.name = UserFuncName::user(0, entry.as_u32());

    let mut frontend = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut context.func, &mut frontend);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    builder.seal_block(block);
    let pointer = builder.block_params(block).first().copied();
    let pointer = pointer.ok_or_else(|| JitError::Refused("the entry block has no parameter".into()))?;
    // Every input is loaded once, in front of all uses.
    let mut inputs = Vec::with_capacity(slots);
    for slot in 0..slots {
        let offset = i32::try_from(slot * size_of::<f64>())
            .map_err(|_| JitError::Refused(format!("{slots} inputs are too many")))?;
        inputs.push(builder.ins().load(types::F64, MemFlagsData::trusted(), pointer, offset));
    }
    let functions = imports.0.map(|id| id.map(|id| code.0.declare_func_in_func(id, builder.func)));
    let value = Lowering { builder: &mut builder, inputs: &inputs, functions }.value(root)?;
    builder.ins().return_(&[value]);
    builder.finalize(code.0.target_config());

    Ok((entry, context))
}

/// An expression below the level of the language: what Cranelift is given, and what it makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Cranelift's intermediate form, before any optimization.
    pub clif: String,
    /// Machine code of this host, as text.
    pub assembly: String,
}

impl Listing {
    /// Compiles an expression over these inputs for reading.
    ///
    /// Errors: as [`Compiled::new`]; [`JitError::Refused`] for an expression that does not verify.
    pub fn new(expr: &Expr, inputs: &[&str]) -> Result<Listing, JitError> {
        let refused = |e: ExprError| JitError::Refused(e.to_string());
        expr.verify(inputs).map_err(refused)?;
        let root = expr.resolve(inputs).map_err(refused)?;
        let mut code = module(Optimization::Speed, &[])?;
        let (entry, context) = build(&root, inputs.len(), &mut code)?;
        Listing::of(&mut code, entry, context)
    }

    /// Of a function that was declared and not yet defined.
    pub(crate) fn of(code: &mut Code, entry: FuncId, mut context: Context) -> Result<Listing, JitError> {
        let clif = context.func.display().to_string();
        context.set_disasm(true);
        code.0.define_function(entry, &mut context)?;
        let assembly = context.compiled_code().and_then(|c| c.vcode.clone());
        let assembly =
            assembly.ok_or_else(|| JitError::Host("this back end prints no machine code".into()))?;
        Ok(Listing { clif, assembly })
    }
}

/// A module in which the builtins and `symbols` can be imported.
pub(crate) fn module(
    optimization: Optimization,
    symbols: &[(&'static str, *const u8)],
) -> Result<Code, JitError> {
    let host = |error: &dyn std::fmt::Display| JitError::Host(error.to_string());
    let mut flags = settings::builder();
    let level = match optimization {
        Optimization::None => "none",
        Optimization::Speed => "speed",
    };
    let verifier = if cfg!(debug_assertions) { "true" } else { "false" };
    for (name, value) in [
        ("is_pic", "false"),
        ("use_colocated_libcalls", "false"),
        ("opt_level", level),
        ("enable_verifier", verifier),
    ] {
        flags.set(name, value).map_err(|e| host(&e))?;
    }
    let isa = cranelift_native::builder().map_err(|e| host(&e))?;
    let isa = isa.finish(settings::Flags::new(flags)).map_err(|e| host(&e))?;
    let mut builder = JITBuilder::with_isa(isa, default_libcall_names());
    for builtin in Builtin::ALL {
        match builtin.definition().eval {
            Eval::HostOne { symbol, call } => {
                builder.symbol(symbol, call as *const u8);
            }
            Eval::HostTwo { symbol, call } => {
                builder.symbol(symbol, call as *const u8);
            }
            Eval::One { .. } | Eval::Two { .. } => {}
        }
    }
    for (symbol, address) in symbols {
        builder.symbol(*symbol, *address);
    }
    Ok(Code(ManuallyDrop::new(JITModule::new(builder))))
}

/// The host functions, in the order of [`Builtin::ALL`]; none for a builtin that is an instruction.
pub(crate) struct Imports(pub(crate) [Option<FuncId>; Builtin::ALL.len()]);

impl Imports {
    pub(crate) fn declare(module: &mut JITModule) -> Result<Imports, JitError> {
        let mut ids = [None; Builtin::ALL.len()];
        for (builtin, id) in Builtin::ALL.into_iter().zip(&mut ids) {
            let Some((symbol, arity)) = symbol(&builtin.definition().eval) else { continue };
            let mut signature = module.make_signature();
            signature.params.extend((0..arity).map(|_| AbiParam::new(types::F64)));
            signature.returns.push(AbiParam::new(types::F64));
            *id = Some(module.declare_function(symbol, Linkage::Import, &signature)?);
        }
        Ok(Imports(ids))
    }
}

pub(crate) fn symbol(eval: &Eval) -> Option<(&'static str, usize)> {
    match eval {
        Eval::HostOne { symbol, .. } => Some((symbol, 1)),
        Eval::HostTwo { symbol, .. } => Some((symbol, 2)),
        Eval::One { .. } | Eval::Two { .. } => None,
    }
}

struct Lowering<'a, 'f> {
    builder: &'a mut FunctionBuilder<'f>,
    inputs: &'a [Value],
    functions: [Option<FuncRef>; Builtin::ALL.len()],
}

impl Lowering<'_, '_> {
    /// The f64 of a node. Recursion is bounded by [`crate::MAX_DEPTH`].
    fn value(&mut self, node: &Node) -> Result<Value, JitError> {
        Ok(match node {
            Node::Const(value) => self.builder.ins().f64const(*value),
            Node::Slot(slot) => self
                .inputs
                .get(*slot)
                .copied()
                .ok_or_else(|| JitError::Refused(format!("input {slot} is not there")))?,
            Node::Unary(Unary::Neg, x) => {
                let x = self.value(x)?;
                self.builder.ins().fneg(x)
            }
            Node::Binary(Binary::Add, a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                self.builder.ins().fadd(a, b)
            }
            Node::Binary(Binary::Sub, a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                self.builder.ins().fsub(a, b)
            }
            Node::Binary(Binary::Mul, a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                self.builder.ins().fmul(a, b)
            }
            Node::Binary(Binary::Div, a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                self.builder.ins().fdiv(a, b)
            }
            Node::Unary(Unary::Not, _) | Node::Binary(..) => {
                let condition = self.condition(node)?;
                let (one, zero) = (self.builder.ins().f64const(1.0), self.builder.ins().f64const(0.0));
                self.builder.ins().select(condition, one, zero)
            }
            Node::Select(c, a, b) => {
                // Both sides are computed: they are pure and cannot trap.
                let condition = self.condition(c)?;
                let (a, b) = (self.value(a)?, self.value(b)?);
                self.builder.ins().select(condition, a, b)
            }
            Node::One(Eval::One { instruction, .. }, x) => {
                let x = self.value(x)?;
                match instruction {
                    UnaryInstruction::Abs => self.builder.ins().fabs(x),
                    UnaryInstruction::Sqrt => self.builder.ins().sqrt(x),
                }
            }
            Node::Two(Eval::Two { instruction, .. }, a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                match instruction {
                    BinaryInstruction::Min => self.builder.ins().fmin(a, b),
                    BinaryInstruction::Max => self.builder.ins().fmax(a, b),
                }
            }
            Node::One(eval, x) => {
                let x = self.value(x)?;
                self.host(eval, &[x])?
            }
            Node::Two(eval, a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                self.host(eval, &[a, b])?
            }
        })
    }

    /// Whether a node holds, as an i8: comparisons stay in flags instead of becoming 0 or 1 first.
    fn condition(&mut self, node: &Node) -> Result<Value, JitError> {
        let compare = match node {
            Node::Unary(Unary::Not, x) => {
                let x = self.condition(x)?;
                return Ok(self.builder.ins().icmp_imm_s(IntCC::Equal, x, 0));
            }
            Node::Binary(op, a, b) => match op {
                Binary::And => {
                    let (a, b) = (self.condition(a)?, self.condition(b)?);
                    return Ok(self.builder.ins().band(a, b));
                }
                Binary::Or => {
                    let (a, b) = (self.condition(a)?, self.condition(b)?);
                    return Ok(self.builder.ins().bor(a, b));
                }
                Binary::Lt => Some((FloatCC::LessThan, a, b)),
                Binary::Le => Some((FloatCC::LessThanOrEqual, a, b)),
                Binary::Gt => Some((FloatCC::GreaterThan, a, b)),
                Binary::Ge => Some((FloatCC::GreaterThanOrEqual, a, b)),
                Binary::Eq => Some((FloatCC::Equal, a, b)),
                Binary::Ne => Some((FloatCC::NotEqual, a, b)),
                Binary::Add | Binary::Sub | Binary::Mul | Binary::Div => None,
            },
            Node::Unary(Unary::Neg, _)
            | Node::Const(_)
            | Node::Slot(_)
            | Node::Select(..)
            | Node::One(..)
            | Node::Two(..) => None,
        };
        Ok(match compare {
            Some((code, a, b)) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                self.builder.ins().fcmp(code, a, b)
            }
            None => {
                // `NotEqual` is true of NaN, as `!=` is.
                let (x, zero) = (self.value(node)?, self.builder.ins().f64const(0.0));
                self.builder.ins().fcmp(FloatCC::NotEqual, x, zero)
            }
        })
    }

    fn host(&mut self, eval: &Eval, args: &[Value]) -> Result<Value, JitError> {
        let found = Builtin::ALL
            .into_iter()
            .zip(self.functions)
            .find(|(builtin, _)| symbol(&builtin.definition().eval) == symbol(eval));
        let function = found.and_then(|(_, function)| function);
        let function = function.ok_or_else(|| JitError::Refused("a builtin has no symbol".into()))?;
        let call = self.builder.ins().call(function, args);
        let result = self.builder.inst_results(call).first().copied();
        result.ok_or_else(|| JitError::Refused("a builtin has no result".into()))
    }
}
