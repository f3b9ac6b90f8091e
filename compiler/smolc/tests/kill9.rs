//! `kill -9` at random moments, 20 times over one run, with the real binary: the final weights are those of a run that
//! was never touched, bit for bit, and every step stands in the ledger once.
// Helpers of tests count as code to clippy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::wildcard_enum_match_arm
)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const KILLS: u32 = 20;
const STEPS: u64 = 480;

const SPEC: &str = r#"smol 1
use std.models.{Llama}
use std.schedules.{wsd}
dataset tales = text("tales.txt") |> split(validation: 10%)
dataset lists = text("lists.txt") |> split(validation: 10%)
tokenizer words = bpe { vocab: 320, train: [tales, lists], eos: "<|endoftext|>" }
model tiny = Llama { layers: 2, hidden: 32, ffn: 64, heads: 4, kv_heads: 2, vocab: 320, context: 32 tokens, tied: true }
run pretrain {
  model: tiny
  tokenizer: words
  batch: 256 tokens
  micro_batch: 4 sequences
  optimizer: AdamW { betas: [0.9, 0.95], weight_decay: 0.1, clip: 1.0 }
  lr: wsd(peak: 2e-3, warmup: 10 steps, decay: 20%)
  document_mask: true
  validate: every 50 steps and at stage end
  checkpoint: every 3 steps, keep 2
  seed: 42
  stage first for 76_800 tokens { mix: 80% tales + 20% lists }
  stage second for 46_080 tokens { mix: 30% tales + 70% lists }
}
"#;

/// SplitMix64 (Steele et al., 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

fn write_project(dir: &Path) {
    let mut random = Random(1);
    let mut text = |lines: usize, words: usize| {
        let mut out = String::new();
        for _ in 0..lines {
            for _ in 0..words {
                let syllables = ["ka", "lo", "mi", "ren", "tu", "vash", "por", "e", "stin", "gal"];
                for _ in 0..=random.below(3) {
                    out.push_str(syllables[random.below(10) as usize]);
                }
                out.push(' ');
            }
            out.push('\n');
        }
        out
    };
    fs::write(dir.join("tales.txt"), text(400, 20)).unwrap();
    fs::write(dir.join("lists.txt"), text(800, 8)).unwrap();
    fs::write(dir.join("tiny.smol"), SPEC).unwrap();
}

fn spawn(dir: &Path, out: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_smolc"))
        .args(["run", "tiny.smol", "--out", out])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(dir.join("stderr.txt")).unwrap())
        .spawn()
        .unwrap()
}

fn ledger(dir: &Path, out: &str) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(dir.join(out).join("pretrain/ledger.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn steps(dir: &Path, out: &str) -> Vec<(u64, String)> {
    let of = |v: &serde_json::Value| (v["step"].as_u64().unwrap(), v["loss"].to_string());
    ledger(dir, out).iter().filter(|v| v["event"] == "step").map(of).collect()
}

fn finish(dir: &Path, out: &str) {
    let status = spawn(dir, out).wait().unwrap();
    let said = fs::read_to_string(dir.join("stderr.txt")).unwrap();
    assert!(status.success(), "{status}: {said}");
}

#[test]
fn killed_twenty_times_and_not_a_bit_different() {
    let dir = tempfile::tempdir().unwrap();
    write_project(dir.path());
    finish(dir.path(), "whole");

    let mut random = Random(std::process::id().into());
    let (mut kills, mut while_training) = (0, 0);
    // A run usually outlives twenty kills. One that a fast machine finishes before is compared, and another begun.
    let mut runs = vec!["killed".to_owned()];
    while kills < KILLS {
        let out = runs.last().unwrap().clone();
        let before = steps(dir.path(), &out).last().map_or(0, |s| s.0);
        let mut child = spawn(dir.path(), &out);
        // The first few die at any time, while data are prepared as well; the others once they have trained a little.
        let wanted = if kills < 4 { 0 } else { before + 1 + random.below(6) };
        let patience = Instant::now();
        while steps(dir.path(), &out).last().map_or(0, |s| s.0) < wanted
            && patience.elapsed() < Duration::from_secs(60)
            && child.try_wait().unwrap().is_none()
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(random.below(if kills < 4 { 400_000 } else { 20_000 })));
        if child.try_wait().unwrap().is_some() {
            let said = fs::read_to_string(dir.path().join("stderr.txt")).unwrap();
            let last = ledger(dir.path(), &out).last().cloned();
            // It may only have ended by having finished.
            assert!(last.is_some_and(|v| v["status"] == "finished"), "it ended by itself: {said}");
            runs.push(format!("killed-{}", runs.len()));
            continue;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        while_training += u32::from(before > 0);
    }
    assert!(while_training >= KILLS / 2);

    let weights =
        |out: &str| fs::read(dir.path().join(out).join("pretrain/model/model.safetensors")).unwrap();
    let whole = steps(dir.path(), "whole");
    assert_eq!(whole.len() as u64, STEPS);
    for out in &runs {
        finish(dir.path(), out);
        assert!(weights("whole") == weights(out), "the weights of {out} differ");
        assert_eq!(steps(dir.path(), out), whole);
    }
}
