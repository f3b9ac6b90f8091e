//! Measurements and comparisons on a GPU.

use super::PrecisionChoice;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `smolc gpu-bench`.
#[derive(Debug, Args)]
pub struct GpuBenchArgs {
    #[command(subcommand)]
    pub command: GpuBenchCommand,
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum GpuBenchCommand {
    /// Compare the GPU with the CPU back end on tiny models
    Verify(GpuVerifyArgs),
    /// Write logits, gradients and losses of a Hugging Face folder
    Parity(GpuParityArgs),
    /// Measure tokens a second of optimizer steps
    Train(GpuTrainArgs),
    /// Measure the attention kernels, and what the fixed order of dq's sums costs
    Attention(GpuAttentionArgs),
    /// Measure tokens a second of generation
    Decode(GpuDecodeArgs),
}

/// `smolc gpu-bench verify`.
#[derive(Debug, Args)]
pub struct GpuVerifyArgs {
    /// Models
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_values_t = ["tiny-gqa3", "tiny-mha", "tiny-bias", "tiny-d128"].map(String::from))]
    pub models: Vec<String>,
    /// Windows, in tokens
    #[arg(long, value_name = "T", value_delimiter = ',', default_values_t = [65usize, 192])]
    pub windows: Vec<usize>,
    /// Repeats that must have the same bits
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub repeats: usize,
    /// CSV
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// `smolc gpu-bench parity`.
#[derive(Debug, Args)]
pub struct GpuParityArgs {
    /// A model folder
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// Batches and the optimizer, JSON
    #[arg(long, value_name = "FILE")]
    pub batches: PathBuf,
    /// In what to compute
    #[arg(long, value_enum, default_value_t, value_name = "PRECISION")]
    pub precision: PrecisionChoice,
    /// Folder for the results
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// `smolc gpu-bench train`.
#[derive(Debug, Args)]
pub struct GpuTrainArgs {
    /// Shape: 135m, 360m, 1.7b, or a tiny one
    #[arg(value_name = "SHAPE")]
    pub model: String,
    /// Tokens of a sequence
    #[arg(long, value_name = "T", default_value_t = 2048)]
    pub window: u64,
    /// Sequences of a micro-batch
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub micro: u64,
    /// Micro-batches of a step
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub accumulate: u64,
    /// Tokens whose logits exist at one time
    #[arg(long, value_name = "N", default_value_t = 8192)]
    pub chunk: u64,
    /// In what to compute
    #[arg(long, value_enum, default_value_t = PrecisionChoice::Bf16, value_name = "PRECISION")]
    pub precision: PrecisionChoice,
    /// Rows hold several documents with a mask
    #[arg(long)]
    pub documents: bool,
    /// Steps before the clock starts
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub warmup: u64,
    /// Measure for so long
    #[arg(long, value_name = "S", default_value_t = 12.0)]
    pub seconds: f64,
    /// Write the losses with their bits
    #[arg(long, value_name = "FILE")]
    pub losses: Option<PathBuf>,
    /// Write the time of every operator, CSV
    #[arg(long, value_name = "FILE")]
    pub kernels: Option<PathBuf>,
}

/// `smolc gpu-bench attention`.
#[derive(Debug, Args)]
pub struct GpuAttentionArgs {
    /// Query heads
    #[arg(long, value_name = "H", default_value_t = 32)]
    pub heads: usize,
    /// Key/value heads
    #[arg(long, value_name = "G", default_value_t = 32)]
    pub kv_heads: usize,
    /// Head size
    #[arg(long, value_name = "D", default_value_t = 64)]
    pub head_dim: usize,
    /// Windows, in tokens
    #[arg(long, value_name = "T", value_delimiter = ',', default_values_t = [1024usize, 2048, 4096, 8192])]
    pub windows: Vec<usize>,
    /// Tokens of a batch
    #[arg(long, value_name = "N", default_value_t = 16_384)]
    pub tokens: usize,
    /// Times of which the best counts, and repeats that must have the same bits
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub repeats: usize,
    /// Windows hold eight documents with a mask
    #[arg(long)]
    pub documents: bool,
    /// CSV
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// `smolc gpu-bench decode`.
#[derive(Debug, Args)]
pub struct GpuDecodeArgs {
    /// Shape: 135m, 360m, 1.7b, or a tiny one
    #[arg(value_name = "SHAPE")]
    pub model: String,
    /// Tokens of the prompts
    #[arg(long, value_name = "T", value_delimiter = ',', default_values_t = [128u64, 2048, 8192])]
    pub prompts: Vec<u64>,
    /// Tokens of a continuation
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub tokens: u64,
    /// In what to compute
    #[arg(long, value_enum, default_value_t = PrecisionChoice::Bf16, value_name = "PRECISION")]
    pub precision: PrecisionChoice,
    /// Runs that are measured, after one that is not; the best counts
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub repeats: u64,
    /// Write the table, CSV
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}
