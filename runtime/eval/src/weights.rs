//! The weights of a model as the decoder reads them: slices of the engine's parameters.

use crate::error::EvalError;
use smolc_engine::Engine;
use smolc_plan::{Program, Space};

/// One layer. Matrices are row-major, a row an output.
pub(crate) struct Layer<'a> {
    pub(crate) norm1: &'a [f32],
    /// q | k | v
    pub(crate) qkv: &'a [f32],
    pub(crate) qkv_bias: Option<&'a [f32]>,
    pub(crate) o: &'a [f32],
    pub(crate) norm2: &'a [f32],
    /// gate | up
    pub(crate) gate_up: &'a [f32],
    pub(crate) down: &'a [f32],
}

/// The weights of a model, borrowed from an engine.
pub struct Weights<'a> {
    pub(crate) embed: &'a [f32],
    pub(crate) layers: Vec<Layer<'a>>,
    pub(crate) norm: &'a [f32],
    /// The embedding, where it is tied.
    pub(crate) head: &'a [f32],
}

impl<'a> Weights<'a> {
    /// Finds the weights of `program` in the engine that was made from it.
    ///
    /// Errors when a weight is missing or the engine belongs to another program.
    pub fn of(engine: &'a Engine, program: &Program) -> Result<Weights<'a>, EvalError> {
        let view = View::new(engine.parameters(), program)?;
        let layers = view.slots("qkv.weight")?;
        let layer = |i: u64| -> Result<Layer<'a>, EvalError> {
            Ok(Layer {
                norm1: view.weight("norm1.weight", i)?,
                qkv: view.weight("qkv.weight", i)?,
                qkv_bias: if view.has("qkv.bias") { Some(view.weight("qkv.bias", i)?) } else { None },
                o: view.weight("o.weight", i)?,
                norm2: view.weight("norm2.weight", i)?,
                gate_up: view.weight("gate_up.weight", i)?,
                down: view.weight("down.weight", i)?,
            })
        };
        let embed = view.weight("embed.weight", 0)?;
        Ok(Weights {
            embed,
            layers: (0..layers).map(layer).collect::<Result<_, _>>()?,
            norm: view.weight("norm.weight", 0)?,
            head: if view.has("head.weight") { view.weight("head.weight", 0)? } else { embed },
        })
    }
}

/// The parameter space of a program.
struct View<'a, 'p> {
    values: &'a [f32],
    program: &'p Program,
    /// Where the space begins in the arena, in bytes.
    base: u64,
}

impl<'a, 'p> View<'a, 'p> {
    fn new(values: &'a [f32], program: &'p Program) -> Result<Self, EvalError> {
        let offsets = program.tensors.iter().filter(|t| t.space == Space::Parameter).map(|t| t.offset);
        let base = offsets.min().ok_or_else(|| EvalError::Program("it has no parameters".into()))?;
        if program.parameter_bytes != values.len() as u64 * 4 {
            return Err(EvalError::Program(format!(
                "it has {} bytes of parameters, the engine {}",
                program.parameter_bytes,
                values.len() * 4
            )));
        }
        Ok(View { values, program, base })
    }

    fn tensor(&self, name: &str) -> Option<&'p smolc_plan::Tensor> {
        self.program.tensors.iter().find(|t| t.space == Space::Parameter && t.name == name)
    }

    fn has(&self, name: &str) -> bool {
        self.tensor(name).is_some()
    }

    fn slots(&self, name: &str) -> Result<u64, EvalError> {
        let missing = || EvalError::Program(format!("it has no `{name}`"));
        self.tensor(name).map(|t| t.slots).ok_or_else(missing)
    }

    fn weight(&self, name: &str, slot: u64) -> Result<&'a [f32], EvalError> {
        let find = || {
            let tensor = self.tensor(name).filter(|t| slot < t.slots)?;
            let start =
                tensor.stride.checked_mul(slot)?.checked_add(tensor.offset)?.checked_sub(self.base)? / 4;
            let len = tensor.shape.iter().try_fold(1u64, |n, d| n.checked_mul(*d))?;
            let start = usize::try_from(start).ok()?;
            self.values.get(start..start.checked_add(usize::try_from(len).ok()?)?)
        };
        find().ok_or_else(|| EvalError::Program(format!("it has no `{name}` of layer {slot}")))
    }
}
