//! Commands that use a trained model: generate, score.

use super::{DeviceChoice, Format};
use clap::{Args, ValueEnum, ValueHint};
use std::num::NonZeroUsize;
use std::path::PathBuf;

pub(super) const GENERATE_HELP: &str = "\
MODEL is a model folder, the directory of a run (its model/ is used), or the directory of a spec with one run.
The same seed gives the same text.

Examples:
  smolc generate runs/quickstart --prompt \"# Usage\"
  smolc generate runs/quickstart/pretrain/model --prompt \"fn main() {\" --temperature 0
  smolc generate runs/quickstart --prompt \"The\" --top-p 0.9 --max-tokens 200 --seed 7";

/// `smolc generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// A trained model
    #[arg(value_name = "MODEL", value_hint = ValueHint::DirPath)]
    pub model: PathBuf,
    /// Text to continue
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    pub prompt: String,
    /// Stop after so many tokens
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub max_tokens: u64,
    /// Divide the logits by this before sampling; 0 always takes the most likely token
    #[arg(long, value_name = "T", default_value_t = 0.8, value_parser = temperature)]
    pub temperature: f64,
    /// Sample among the K most likely tokens only
    #[arg(long, value_name = "K")]
    pub top_k: Option<NonZeroUsize>,
    /// Sample among the most likely tokens whose probabilities reach P together
    #[arg(long, value_name = "P", value_parser = share)]
    pub top_p: Option<f64>,
    /// Drop tokens less likely than P times the most likely one
    #[arg(long, value_name = "P", value_parser = share)]
    pub min_p: Option<f64>,
    /// Seed of the sampling
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Threads to compute with [default: all]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// What computes; auto takes a usable GPU
    #[arg(long, value_enum, default_value_t, value_name = "DEVICE")]
    pub device: DeviceChoice,
    /// In what to compute [default: on a GPU as the model was trained, on the CPU f32]
    #[arg(long, value_enum, value_name = "PRECISION")]
    pub precision: Option<PrecisionChoice>,
}

pub(super) const SCORE_HELP: &str = "\
Examples:
  smolc score runs/quickstart --text README.md
  smolc score path/to/hugging-face-model --text book.txt --format json | jq .bits_per_byte";

/// `smolc score`.
#[derive(Debug, Args)]
pub struct ScoreArgs {
    /// A model folder, or the directory of a run
    #[arg(value_name = "MODEL", value_hint = ValueHint::DirPath)]
    pub model: PathBuf,
    /// The text to score, a UTF-8 file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub text: PathBuf,
    /// How to print the result; JSON has every token id and log-probability
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// Threads to compute with [default: all]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// What computes; auto takes a usable GPU
    #[arg(long, value_enum, default_value_t, value_name = "DEVICE")]
    pub device: DeviceChoice,
    /// In what to compute [default: on a GPU as the model was trained, on the CPU f32]
    #[arg(long, value_enum, value_name = "PRECISION")]
    pub precision: Option<PrecisionChoice>,
}

/// `--precision`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PrecisionChoice {
    /// True f32.
    #[default]
    F32,
    /// bf16 with f32 sums; needs a GPU.
    Bf16,
}

impl From<PrecisionChoice> for smolc_plan::Precision {
    fn from(choice: PrecisionChoice) -> Self {
        match choice {
            PrecisionChoice::F32 => smolc_plan::Precision::F32,
            PrecisionChoice::Bf16 => smolc_plan::Precision::Bf16,
        }
    }
}

fn temperature(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(t) if t.is_finite() && (t == 0.0 || t >= 1e-6) => Ok(t),
        _ => Err("a temperature is 0, which takes the most likely token, or a number from 1e-6 on".into()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(p) if p > 0.0 && p <= 1.0 => Ok(p),
        _ => Err("a probability is a number above 0 and up to 1".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_refused() {
        assert!(
            temperature("-1").is_err()
                && temperature("nan").is_err()
                && temperature("1e-9").is_err()
                && temperature("0").is_ok()
        );
        assert!(share("0").is_err() && share("1.5").is_err() && share("1").is_ok());
    }
}
