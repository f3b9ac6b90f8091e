//! A project in a temporary directory and the real binary to run on it.

#![allow(dead_code)] // each test file uses a part of it

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A directory with a tiny spec and its text.
pub struct Project {
    dir: TempDir,
}

/// Exit code, standard output and standard error of a command.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Parses standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("not JSON ({e}): {self:?}"))
    }

    /// Asserts the exit code, and that nothing panicked.
    #[track_caller]
    pub fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        assert!(!self.err.contains("bug in smolc"), "{}", self.err);
        self
    }

    /// Asserts that standard error has every text.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Ran {
        for text in texts {
            assert!(self.err.contains(text), "no `{text}` in:\n{}", self.err);
        }
        self
    }

    /// Asserts that standard output has every text.
    #[track_caller]
    pub fn prints(self, texts: &[&str]) -> Ran {
        for text in texts {
            assert!(self.out.contains(text), "no `{text}` in:\n{}", self.out);
        }
        self
    }
}

/// The binary, in a directory, with nothing of the caller's terminal.
pub fn smolc(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smolc"));
    command.args(args).current_dir(dir).stdin(Stdio::null());
    for name in ["NO_COLOR", "COLUMNS", "CLICOLOR_FORCE", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    command
}

/// Runs a command to its end.
pub fn run(mut command: Command) -> Ran {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Lines of made-up words, the same for the same seed.
pub fn words(seed: u64, lines: usize, words: usize) -> String {
    let mut state = seed;
    // A linear congruential generator (Knuth's MMIX constants) is random enough for syllables.
    let mut next = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let syllables = ["ka", "lo", "mi", "ren", "tu", "vash", "por", "e", "stin", "gal"];
    let mut text = String::new();
    for _ in 0..lines {
        for _ in 0..words {
            for _ in 0..=next(3) {
                text.push_str(syllables[next(10) as usize]);
            }
            text.push(' ');
        }
        text.push('\n');
    }
    text
}

/// A spec of a model with a few thousand parameters, `steps` steps in two stages.
pub fn spec(steps: u64) -> String {
    format!(
        r#"smol 1
use std.models.{{Llama}}
use std.schedules.{{wsd}}
param peak: Rate = 4e-3
dataset tales = text("tales.txt") |> split(validation: 10%)
dataset lists = text("lists.txt") |> split(validation: 10%)
tokenizer syllables = bpe {{ vocab: 320, train: [tales, lists], eos: "<|endoftext|>" }}
model tiny = Llama {{ layers: 2, hidden: 32, ffn: 64, heads: 4, kv_heads: 2, vocab: 320, context: 32 tokens, tied: true }}
run pretrain {{
  model: tiny
  tokenizer: syllables
  batch: 256 tokens
  micro_batch: 4 sequences
  optimizer: AdamW {{ betas: [0.9, 0.95], weight_decay: 0.1, clip: 1.0 }}
  lr: wsd(peak: peak, warmup: 10 steps, decay: 20%)
  document_mask: true
  validate: every 50 steps and at stage end
  checkpoint: every 20 steps, keep 2
  seed: 42
  stage first for {first} steps {{ mix: 80% tales + 20% lists }}
  stage second for {second} steps {{ mix: 30% tales + 70% lists }}
}}
"#,
        first = steps - steps / 3,
        second = steps / 3,
    )
}

impl Project {
    /// A project with `tiny.smol` of that many steps.
    pub fn new(steps: u64) -> Project {
        let project = Project { dir: tempfile::tempdir().unwrap() };
        project.write("tales.txt", words(1, 400, 20));
        project.write("lists.txt", words(2, 800, 8));
        project.write("tiny.smol", spec(steps));
        project
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path().join(name).exists()
    }

    /// The command, not yet run.
    pub fn command(&self, args: &[&str]) -> Command {
        smolc(self.path(), args)
    }

    /// Runs it.
    pub fn smolc(&self, args: &[&str]) -> Ran {
        run(self.command(args))
    }

    /// The ledger of the run.
    pub fn ledger(&self, out: &str) -> Vec<serde_json::Value> {
        let path = self.path().join(out).join("pretrain/ledger.jsonl");
        // The last line may be half written while the run is under way.
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}
