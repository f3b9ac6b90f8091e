//! The command line: commands, options and help texts. `docs/cli.md` says the same at more length.

use crate::output::Color;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use smolc_kernels_cuda::host::Arch;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Version line, with the two formats a script may have to know.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (language 1, plan format 1)");

const EXIT_CODES: &str = "\
Exit codes:
  0   done (warnings allowed unless --deny warnings)
  1   the spec is wrong
  2   the command line is wrong
  3   data or environment: a file, a disk, memory
  4   stopped on a numerical fault
  5   the run directory belongs to another plan
  75  interrupted after a checkpoint; the same command continues

Examples:
  smolc check specs/quickstart.smol
  smolc run specs/quickstart.smol
  smolc generate runs/quickstart --prompt \"fn main() {\"";

/// Compiler and runtime for .smol specs: what a language model is trained on, in what proportions, under which
/// schedules, with what shape, checked before a single step runs
#[derive(Debug, Parser)]
#[command(name = "smolc", version = VERSION, after_help = EXIT_CODES, max_term_width = 100)]
#[command(propagate_version = false, arg_required_else_help = true, subcommand_required = true)]
pub struct Cli {
    /// When to color the output
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train the model that a spec declares, or continue where it stopped
    #[command(after_help = RUN_HELP)]
    Run(RunArgs),
    /// Check a spec: names, types, units, mixtures, budgets, schedules
    #[command(after_help = CHECK_HELP)]
    Check(CheckArgs),
    /// Show what a spec will do: steps, tokens and epochs per dataset, memory, learning rate
    #[command(after_help = PLAN_HELP)]
    Plan(PlanArgs),
    /// Continue a text with a trained model
    #[command(after_help = GENERATE_HELP)]
    Generate(GenerateArgs),
    /// Perplexity and bits per byte of a text under a model
    #[command(after_help = SCORE_HELP)]
    Score(ScoreArgs),
    /// Explain a diagnostic code, or say where a value of a spec comes from
    #[command(after_help = EXPLAIN_HELP)]
    Explain(ExplainArgs),
    /// Lay out specs in the one canonical way
    #[command(after_help = FMT_HELP)]
    Fmt(FmtArgs),
    /// Apply the fixes that diagnostics propose
    #[command(after_help = FIX_HELP)]
    Fix(FixArgs),
    /// Start a project: a spec that checks clean and trains on the text beside it
    #[command(after_help = NEW_HELP)]
    New(NewArgs),
    /// Write the reference of a spec, a library or the standard library as one HTML file
    #[command(after_help = DOC_HELP)]
    Doc(DocArgs),
    /// Serve an editor over standard input and output (language server protocol)
    #[command(after_help = LSP_HELP)]
    Lsp(LspArgs),
    /// Say what this machine offers and what is missing
    Doctor(DoctorArgs),
    /// Compile the GPU kernels ahead of time
    #[command(after_help = KERNELS_HELP)]
    Kernels(KernelsArgs),
    /// Measurements and comparisons on a GPU; see tests/gpu
    #[command(hide = true)]
    GpuBench(GpuBenchArgs),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(CompletionsArgs),
    /// Walk every step of a plan without training: count every draw, evaluate every learning rate
    #[command(after_help = SIMULATE_HELP)]
    Simulate(SimulateArgs),
    /// Turn another tool's configuration into a spec, and say what it gets wrong
    #[command(after_help = IMPORT_HELP)]
    Import(ImportArgs),
    /// Write a run as another tool's configuration, where that tool can say it
    #[command(after_help = EXPORT_HELP)]
    Export(ExportArgs),
    /// Say what differs between two specs, or a spec and a run, and from which step on it matters
    #[command(after_help = DIFF_HELP)]
    Diff(DiffArgs),
    /// Give a run under way another plan, if what has already happened is the same under it
    #[command(after_help = AMEND_HELP)]
    Amend(AmendArgs),
}

/// Options that decide what a spec says; the same for every command that reads one.
#[derive(Debug, Args)]
pub struct SpecArgs {
    /// The spec, a .smol file
    #[arg(value_name = "SPEC", value_hint = ValueHint::FilePath)]
    pub spec: PathBuf,
    /// Set a parameter of the spec; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// Turn warnings into failure (exit code 1)
    #[arg(long, value_enum, value_name = "WHAT")]
    pub deny: Option<Deny>,
}

/// What `--deny` denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Deny {
    /// Every warning.
    Warnings,
}

const RUN_HELP: &str = "\
For each run NAME of the spec, DIR/NAME receives plan.json, ledger.jsonl (every event, one JSON object a line),
report.html, checkpoints/ and, at the end, model/: a Hugging Face folder that other software loads.

Ctrl-C stops after the current step with a checkpoint (exit code 75); the same command continues. A second Ctrl-C
stops at once; nothing but the steps since the newest checkpoint is lost. A directory that holds a run of another
plan is left untouched (exit code 5).

Examples:
  smolc run specs/quickstart.smol
  smolc run my.smol --out /mnt/runs/a --set root=/mnt/corpora --threads 8
  smolc run my.smol --deny warnings 2> log.txt
  smolc run my.smol --device cuda";

/// `smolc run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    /// Where to write [default: runs/<spec name>]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Threads to compute with; results do not depend on it [default: all]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Only this run of the spec
    #[arg(long, value_name = "NAME")]
    pub run: Option<String>,
    /// What computes; auto takes a usable GPU and says why it took what it took
    #[arg(long, value_enum, default_value_t, value_name = "DEVICE")]
    pub device: DeviceChoice,
}

/// Devices that `--device` names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DeviceChoice {
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
    /// A usable GPU if there is one, else the CPU.
    #[default]
    Auto,
}

const CHECK_HELP: &str = "\
Examples:
  smolc check my.smol
  smolc check my.smol --format json | jq '.diagnostics[].code'
  smolc check my.smol --format short          # FILE:LINE:COLUMN: severity: message [code]";

/// `smolc check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    /// How to print the diagnostics
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: CheckFormat,
    /// Also check that every run fits this device
    #[arg(long, value_enum, value_name = "DEVICE")]
    pub device: Option<DeviceChoice>,
    /// Print a layer of the compiler instead; the diagnostics go to standard error
    #[arg(long, value_enum, value_name = "LAYER", conflicts_with = "format")]
    pub emit: Option<Emit>,
}

/// Formats of `smolc check`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// With source and labels, for people
    #[default]
    Text,
    /// One JSON object, for tools
    Json,
    /// One line a diagnostic, for editors
    Short,
}

const PLAN_HELP: &str = "\
Examples:
  smolc plan specs/smollm2-1.7b.smol
  smolc plan my.smol --format json --out plan.json
  smolc plan my.smol --format html --out plan.html
  smolc plan my.smol --emit clif              # the schedules as Cranelift sees them
  smolc plan my.smol --emit step | less       # the operators with shapes, bytes, FLOPs and offsets";

/// `smolc plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    /// How to print the plan
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", conflicts_with = "emit")]
    pub format: PlanFormat,
    /// Print a layer of the compiler instead
    #[arg(long, value_enum, value_name = "LAYER")]
    pub emit: Option<Emit>,
    /// Only this run of the spec (not for JSON)
    #[arg(long, value_name = "NAME")]
    pub run: Option<String>,
    /// Write to a file instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}

/// Formats of `smolc plan`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people
    #[default]
    Text,
    /// The plan itself, for tools
    Json,
    /// One self-contained page with figures
    Html,
}

/// Text or JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For tools
    Json,
}

/// Layers of the compiler that `--emit` prints, from the text down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Emit {
    /// The syntax tree, with the place of every node
    Tree,
    /// The checked spec: every value that was worked out, with its place
    Typed,
    /// The run-time expressions of each run
    Ir,
    /// The same as Cranelift is given them
    Clif,
    /// The same as machine code of this host
    Asm,
    /// The step program of each run
    Step,
}

const GENERATE_HELP: &str = "\
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
}

const SCORE_HELP: &str = "\
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
}

const EXPLAIN_HELP: &str = "\
Examples:
  smolc explain smol::mix::sum
  smolc explain mix::sum
  smolc explain --list
  smolc explain my.smol pretrain.lr           # the value, the place that won, every other place that set it
  smolc explain my.smol                       # every path there is";

/// `smolc explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The code that a diagnostic shows, with or without `smol::`; or a spec
    #[arg(value_name = "CODE|SPEC", required_unless_present = "list")]
    pub code: Option<String>,
    /// A value of the spec: pretrain.lr, pretrain.model.rope.theta, pretrain.anneal.mix
    #[arg(value_name = "PATH")]
    pub path: Option<String>,
    /// Give a parameter of the spec a value
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// List every code
    #[arg(long, conflicts_with = "code")]
    pub list: bool,
}

const FMT_HELP: &str = "\
A file with a syntax error is left alone and its diagnostics are shown (exit code 1).

Examples:
  smolc fmt my.smol
  smolc fmt specs                       # every .smol file in the directory
  smolc fmt --check specs               # exit code 1 if something would change
  smolc fmt - < my.smol                 # standard input to standard output";

/// `smolc fmt`.
#[derive(Debug, Args)]
pub struct FmtArgs {
    /// Files, directories, or `-` for standard input
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Write nothing; say what would change
    #[arg(long)]
    pub check: bool,
}

const FIX_HELP: &str = "\
Applies fixes to the spec and to the files it imports until none is left, and shows each. Safe fixes restore what was
evidently meant; --unsafe also applies guesses, such as the nearest known name. Exit code 1 if errors remain.

Examples:
  smolc fix my.smol
  smolc fix my.smol --unsafe --dry-run";

/// `smolc fix`.
#[derive(Debug, Args)]
pub struct FixArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    /// Apply guesses too
    #[arg(long)]
    pub r#unsafe: bool,
    /// Write nothing; show what would be done
    #[arg(long)]
    pub dry_run: bool,
}

const NEW_HELP: &str = "\
Examples:
  smolc new my-model
  smolc run my-model/my-model.smol";

/// `smolc new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The directory to create; its name is the spec's
    #[arg(value_name = "NAME", value_hint = ValueHint::DirPath)]
    pub path: PathBuf,
}

const DOC_HELP: &str = "\
Examples:
  smolc doc my.smol --out my.html
  smolc doc std --out std.html          # the standard library, records, functions and types";

/// `smolc doc`.
#[derive(Debug, Args)]
pub struct DocArgs {
    /// A .smol file, or `std`
    #[arg(value_name = "SPEC", value_hint = ValueHint::FilePath)]
    pub spec: PathBuf,
    /// Document the files it imports too
    #[arg(long)]
    pub imports: bool,
    /// Write to a file instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}

const LSP_HELP: &str = "\
Editors start this themselves; docs/editors.md says how to set up VS Code, Neovim, Helix, Zed and Emacs.

Examples:
  smolc lsp
  smolc lsp --log smolc-lsp.log";

/// `smolc lsp`.
#[derive(Debug, Args)]
pub struct LspArgs {
    /// Append what goes wrong to a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub log: Option<PathBuf>,
    /// Accepted because editors pass it: standard input and output are used in any case
    #[arg(long, hide = true)]
    pub stdio: bool,
}

/// `smolc doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// How to print the findings
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

const KERNELS_HELP: &str = "\
A run compiles what it needs at its first start, which takes seconds; this does it before. The cache is SMOLC_CACHE, or
smolc in the user's cache. It needs NVRTC (pip install nvidia-cuda-nvrtc==13.*) and no GPU.

Examples:
  smolc kernels build                           # for the GPU of this machine
  smolc kernels build --arch sm_90a,sm_80";

/// `smolc kernels`.
#[derive(Debug, Args)]
pub struct KernelsArgs {
    #[command(subcommand)]
    pub command: KernelsCommand,
}

/// What to do about the kernels.
#[derive(Debug, Subcommand)]
pub enum KernelsCommand {
    /// Compile every kernel into the cache
    #[command(after_help = KERNELS_HELP)]
    Build {
        /// Architectures; may be given several times or separated by commas [default: that of this machine's GPU]
        #[arg(long, value_name = "ARCH", value_delimiter = ',', value_parser = architecture)]
        arch: Vec<Arch>,
        /// Threads to compile with [default: all]
        #[arg(long, value_name = "N")]
        threads: Option<NonZeroUsize>,
    },
}

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

/// `--precision`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PrecisionChoice {
    /// True f32.
    #[default]
    F32,
    /// bf16 with f32 sums and master weights.
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

fn architecture(text: &str) -> Result<Arch, String> {
    text.parse()
}

const COMPLETIONS_HELP: &str = "\
Examples:
  smolc completions bash > ~/.local/share/bash-completion/completions/smolc
  smolc completions zsh > ~/.zfunc/_smolc
  smolc completions fish > ~/.config/fish/completions/smolc.fish";

/// `smolc completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

const SIMULATE_HELP: &str = "\
SPEC may also be a plan.json or the directory of a run; with prepared data the order is that of the run.
What is counted is compared with the plan's token ledger; a difference is an error (exit code 1) with both numbers.

Examples:
  smolc simulate specs/smollm2-1.7b.smol      # 5.24 million steps, 5.37 billion draws
  smolc simulate runs/quickstart --full
  smolc simulate my.smol --format json | jq '.runs[].datasets'";

/// `smolc simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    /// Evaluate the permutation of every draw too: which window of the dataset it is
    #[arg(long)]
    pub full: bool,
    /// How to print the counts
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// Only this run of the spec
    #[arg(long, value_name = "NAME")]
    pub run: Option<String>,
    /// Threads to walk on [default: all]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}

/// Tools whose configurations are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Foreign {
    /// nanotron's YAML
    Nanotron,
}

const IMPORT_HELP: &str = "\
Several files are the stages of one run, in order. Findings go to standard error: `wrong` is what the configuration does
not do as it says, `lost` what a spec cannot say, `assumed` what had to be chosen.

Examples:
  smolc import nanotron config_smollm2_1B.yaml --out smollm2.smol && smolc check smollm2.smol
  smolc import nanotron stage1.yaml stage2.yaml stage3.yaml > smollm3.smol";

/// `smolc import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Whose configuration
    #[arg(value_enum, value_name = "TOOL")]
    pub format: Foreign,
    /// Its files
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Write the spec to a file instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}

const EXPORT_HELP: &str = "\
What the tool cannot say is an error (exit code 1) that names every such field.

Examples:
  smolc export nanotron specs/smollm2-1.7b.smol --out config.yaml
  smolc export nanotron my.smol --run pretrain";

/// `smolc export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// For which tool
    #[arg(value_enum, value_name = "TOOL")]
    pub format: Foreign,
    #[command(flatten)]
    pub spec: SpecArgs,
    /// The run, if the spec has several
    #[arg(long, value_name = "NAME")]
    pub run: Option<String>,
    /// Write to a file instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}

const DIFF_HELP: &str = "\
Either side may be a spec, a plan.json or the directory of a run.

Examples:
  smolc diff old.smol new.smol
  smolc diff runs/quickstart specs/quickstart.smol
  smolc diff a.smol b.smol --format json | jq '.runs[].changes[0].from_token'";

/// `smolc diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The old one
    #[arg(value_name = "OLD", value_hint = ValueHint::AnyPath)]
    pub old: PathBuf,
    /// The new one
    #[arg(value_name = "NEW", value_hint = ValueHint::AnyPath)]
    pub new: PathBuf,
    /// Set a parameter of both specs; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// How to print the differences
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

const AMEND_HELP: &str = "\
Without --apply nothing is written. A plan that changes a step already made is refused (exit code 5), with what of the
past differs. A run has made the steps of its newest checkpoint; later steps of a killed process are made again.

Examples:
  smolc amend runs/my my.smol                 # after a change to a later stage: what would happen?
  smolc amend runs/my my.smol --apply && smolc run my.smol";

/// `smolc amend`.
#[derive(Debug, Args)]
pub struct AmendArgs {
    /// The directory of the spec's runs, or of one of them
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub run: PathBuf,
    /// The new spec
    #[arg(value_name = "NEW", value_hint = ValueHint::FilePath)]
    pub new: PathBuf,
    /// Set a parameter of the new spec; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// Accept the new plan, so that `smolc run` goes on under it
    #[arg(long)]
    pub apply: bool,
    /// How to print what changes
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_string(), value.to_string())),
        _ => Err("write it as NAME=VALUE, for example root=/mnt/corpora".into()),
    }
}

fn temperature(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(t) if t.is_finite() && t >= 0.0 => Ok(t),
        _ => Err("a temperature is a finite number, 0 or more".into()),
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
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_out_of_range_are_refused() {
        assert_eq!(assignment("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(assignment("a").is_err() && assignment("=b").is_err());
        assert!(temperature("-1").is_err() && temperature("nan").is_err() && temperature("0").is_ok());
        assert!(share("0").is_err() && share("1.5").is_err() && share("1").is_ok());
    }
}
