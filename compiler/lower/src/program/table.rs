//! The growing list of tensors, before they have places.

use super::ProgramError;
use smolc_plan::program::{Dtype, Slot};
use smolc_plan::{Precision, Ref, Space, Tensor, TensorId};

/// Alignment of every slot, in bytes: one cache line, one AVX-512 register.
pub(super) const ALIGN: u64 = 64;

/// The tensors declared so far. Offsets are zero until `layout` runs; strides are final.
#[derive(Default)]
pub(super) struct Table {
    tensors: Vec<Tensor>,
    precision: Precision,
}

impl Table {
    pub fn new(precision: Precision) -> Table {
        Table { tensors: Vec::new(), precision }
    }

    /// In what the program computes.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The element type of activations.
    pub fn activation(&self) -> Dtype {
        match self.precision {
            Precision::F32 => Dtype::F32,
            Precision::Bf16 => Dtype::Bf16,
        }
    }

    pub fn add(
        &mut self,
        name: &str,
        shape: &[u64],
        dtype: Dtype,
        space: Space,
        slots: u64,
    ) -> Result<TensorId, ProgramError> {
        let too_big = || ProgramError::overflow(format!("tensor `{name}`"));
        // In bf16 a parameter's place is twice its copy's, and both are multiples of ALIGN.
        let align = match (self.precision, space) {
            (Precision::Bf16, Space::Parameter | Space::Gradient | Space::Moment1 | Space::Moment2) => {
                2 * ALIGN
            }
            _ => ALIGN,
        };
        let stride =
            bytes(shape, dtype).and_then(|b| b.checked_next_multiple_of(align)).ok_or_else(too_big)?;
        stride.checked_mul(slots).ok_or_else(too_big)?;
        let id =
            u32::try_from(self.tensors.len()).map_err(|_| ProgramError::overflow("the list of tensors"))?;
        let (name, shape) = (name.to_string(), shape.to_vec());
        self.tensors.push(Tensor { name, shape, dtype, space, slots, offset: 0, stride });
        Ok(TensorId(id))
    }

    /// A tensor like `of`, in another space and under a prefixed name.
    pub fn shadow(&mut self, prefix: &str, of: TensorId, space: Space) -> Result<TensorId, ProgramError> {
        let Some(t) = self.tensors.get(of.0 as usize).cloned() else {
            return Err(ProgramError::overflow("the list of tensors"));
        };
        self.add(&format!("{prefix}{}", t.name), &t.shape, t.dtype, space, t.slots)
    }

    /// The bf16 copy of a parameter: half its stride, so that element i of one space is element i of the other.
    pub fn rounded(&mut self, of: TensorId) -> Result<TensorId, ProgramError> {
        let Some(t) = self.tensors.get(of.0 as usize).cloned() else {
            return Err(ProgramError::overflow("the list of tensors"));
        };
        let id = self.add(&format!("bf16.{}", t.name), &t.shape, Dtype::Bf16, Space::Rounded, t.slots)?;
        if let Some(copy) = self.tensors.get_mut(id.0 as usize) {
            copy.stride = t.stride / 2;
        }
        Ok(id)
    }

    pub fn into_tensors(self) -> Vec<Tensor> {
        self.tensors
    }
}

/// Bytes of one slot of this shape.
pub(super) fn bytes(shape: &[u64], dtype: Dtype) -> Option<u64> {
    shape.iter().try_fold(dtype.bytes(), |n, d| n.checked_mul(*d))
}

/// A use of a fixed slot.
pub(super) fn at(tensor: TensorId, slot: u64) -> Ref {
    Ref { tensor, slot: Slot::At(slot) }
}

/// A use of the enclosing repeat's slot.
pub(super) fn layer(tensor: TensorId) -> Ref {
    Ref { tensor, slot: Slot::Layer }
}
