//! Device memory that kernels need beside the arena, one block, sized by the operators.

use super::bind::{dtype, path, shape};
use crate::bind::{Kernel, Operator};
use crate::error::EngineError;
use smolc_kernels_cuda::host::{Device, Memory};
use smolc_kernels_cuda::launch::{self, attention};

/// Offsets of what is read back once a step.
pub(super) const LOSS: usize = 0;
pub(super) const NORM: usize = 16;
pub(super) const FAULT: usize = 32;
/// The clip coefficient, the factor of the loss and the number 1, behind what is read back.
const COEFFICIENT: u64 = 64;
const SCALE: u64 = 80;
const ONE: u64 = 96;
/// Partial sums of the norm: at most 1,024 f64.
const NORM_PARTS: u64 = 256;
const SHARED: u64 = NORM_PARTS + 8 * 1024;

/// One block: results, then a part that operators use one after the other, then ones.
pub(super) struct Scratch {
    memory: Memory,
    ones: u64,
    most_ones: usize,
}

impl Scratch {
    pub fn new(device: &Device, operators: &[Operator<'_>]) -> Result<Scratch, EngineError> {
        let (mut shared, mut most_ones) = (0usize, 0usize);
        for operator in operators {
            match operator.kernel {
                Kernel::RmsNormBackward { rstd, d, .. } => {
                    shared = shared.max(4 * launch::rms_norm_parts(rstd.elements()) * d);
                }
                Kernel::EmbedBackward { tokens, d, .. } => {
                    shared = shared.max(launch::embed_backward_scratch(tokens.elements(), *d));
                }
                Kernel::AttentionBackward { qkv, b, t, heads, .. } => {
                    let bytes = attention::backward_scratch(dtype(qkv), path(device), shape(*b, *t, heads));
                    shared = shared.max(bytes);
                }
                Kernel::LinearBackward { grad_bias: Some(_), m, .. } => most_ones = most_ones.max(*m),
                Kernel::Zero { .. }
                | Kernel::Embed { .. }
                | Kernel::RmsNorm { .. }
                | Kernel::Linear { .. }
                | Kernel::LinearBackward { .. }
                | Kernel::Rope { .. }
                | Kernel::Attention { .. }
                | Kernel::Swiglu { .. }
                | Kernel::SwigluBackward { .. }
                | Kernel::HeadCrossEntropy { .. } => {}
            }
        }
        let ones = (SHARED + shared as u64).next_multiple_of(256);
        let memory = device.allocate(ones + 4 * most_ones as u64, "scratch memory of the kernels")?;
        Ok(Scratch { memory, ones, most_ones })
    }

    /// Values that no kernel writes.
    pub fn begin(&self, device: &Device) -> Result<(), EngineError> {
        device.zero(self.memory.address(), self.memory.bytes() as usize)?;
        device.write(self.one(), &1f32.to_le_bytes())?;
        Ok(())
    }

    /// Ones in the element type of the products, for the gradient of a bias.
    pub fn write_ones(&self, device: &Device, half: bool) -> Result<(), EngineError> {
        let bytes: Vec<u8> = match half {
            true => 0x3f80u16.to_le_bytes().repeat(self.most_ones),
            false => 1f32.to_le_bytes().repeat(self.most_ones),
        };
        Ok(device.write(self.ones(), &bytes)?)
    }

    pub fn bytes(&self) -> u64 {
        self.memory.bytes()
    }

    pub fn results(&self) -> u64 {
        self.memory.address()
    }

    pub fn loss(&self) -> u64 {
        self.memory.address() + LOSS as u64
    }

    pub fn norm(&self) -> u64 {
        self.memory.address() + NORM as u64
    }

    pub fn fault(&self) -> u64 {
        self.memory.address() + FAULT as u64
    }

    pub fn coefficient(&self) -> u64 {
        self.memory.address() + COEFFICIENT
    }

    pub fn scale(&self) -> u64 {
        self.memory.address() + SCALE
    }

    pub fn one(&self) -> u64 {
        self.memory.address() + ONE
    }

    pub fn norm_parts(&self) -> u64 {
        self.memory.address() + NORM_PARTS
    }

    /// What operators use one after the other.
    pub fn shared(&self) -> u64 {
        self.memory.address() + SHARED
    }

    pub fn ones(&self) -> u64 {
        self.memory.address() + self.ones
    }
}
