//! The real binary on the emulated GPU: the same run as on the CPU, and what it says when something is missing.
// Helpers of tests count as code to clippy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod common;

use common::{Project, Ran, run};
use std::path::PathBuf;

/// A project whose model has a shape that the kernels do, and a folder with the fake libraries.
struct Gpu {
    project: Project,
    libraries: PathBuf,
}

/// Tiny, with grouped heads, a document mask, a tied head, micro-batches and a head cut into chunks.
fn spec(precision: &str, heads: usize, head_dim: usize, steps: u64) -> String {
    format!(
        r#"smol 1
use std.models.{{Llama}}
use std.schedules.{{wsd}}
dataset tales = text("tales.txt") |> split(validation: 10%)
tokenizer syllables = bpe {{ vocab: 320, train: [tales], eos: "<|endoftext|>" }}
model tiny = Llama {{ layers: 2, hidden: {hidden}, ffn: 96, heads: {heads}, kv_heads: 1, vocab: 320, context: 48 tokens, tied: true }}
run pretrain {{
  model: tiny
  tokenizer: syllables
  batch: 192 tokens
  micro_batch: 2 sequences
  optimizer: AdamW {{ betas: [0.9, 0.95], weight_decay: 0.1, clip: 0.5, decay: matrices }}
  lr: wsd(peak: 4e-3, warmup: 2 steps, decay: 20%)
  document_mask: true
  precision: {precision}
  validate: at stage end
  validate_on: 96 tokens
  checkpoint: every 3 steps, keep 4
  seed: 42
  stage first for {steps} steps {{ mix: tales }}
}}
"#,
        hidden = heads * head_dim,
    )
}

impl Gpu {
    fn new() -> Option<Gpu> {
        let Some(driver) = smolc_fake_driver::driver_of_this_build() else {
            println!(
                "SKIPPED the emulated GPU: the emulator was not built (it needs Linux and a C++ compiler)"
            );
            return None;
        };
        let project = Project::new(6);
        let libraries = project.path().join("lib");
        smolc_fake_driver::install(&driver, &libraries).unwrap();
        Some(Gpu { project, libraries })
    }

    /// Runs the binary with the fake libraries and a device of this capability.
    fn smolc(&self, device: &str, args: &[&str]) -> Ran {
        self.with(&[("SMOLC_FAKE_GPU", device)], args)
    }

    fn with(&self, variables: &[(&str, &str)], args: &[&str]) -> Ran {
        let mut command = self.project.command(args);
        command.env("SMOLC_CUDA_LIBS", &self.libraries).env("SMOLC_CACHE", self.project.path().join("cache"));
        command.env("SMOLC_FAKE_LOG", self.project.path().join("calls"));
        command.envs(variables.iter().copied());
        run(command)
    }

    /// The calls of the driver since the last time.
    fn calls(&self) -> Vec<String> {
        let path = self.project.path().join("calls");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let _ = std::fs::remove_file(path);
        text.lines().map(str::to_string).collect()
    }

    fn losses(&self, out: &str, event: &str, field: &str) -> Vec<f64> {
        let ledger = self.project.ledger(out);
        ledger.iter().filter(|e| e["event"] == event).map(|e| e[field].as_f64().unwrap()).collect()
    }

    fn weights(&self, out: &str) -> Vec<u8> {
        std::fs::read(self.project.path().join(out).join("pretrain/model/model.safetensors")).unwrap()
    }
}

#[track_caller]
fn close(a: &[f64], b: &[f64], tolerance: f64) {
    assert!(!a.is_empty() && a.len() == b.len(), "{a:?} {b:?}");
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        assert!(((x - y) / y).abs() <= tolerance, "number {i}: {x} and {y}, relative {:e}", (x - y) / y);
    }
}

#[test]
fn f32_matches_the_cpu_and_checkpoints_move_between_devices() {
    let Some(gpu) = Gpu::new() else { return };
    gpu.project.write("tiny.smol", spec("f32", 2, 16, 6));
    gpu.smolc("none", &["run", "tiny.smol", "--device", "cpu", "--out", "cpu"])
        .exits(0)
        .says(&["on the CPU, as asked"]);
    let run = ["run", "tiny.smol", "--device", "cuda", "--out", "gpu"];
    gpu.smolc("sm_80", &run).exits(0).says(&["on Emulated GPU (sm_80, 4 GiB), as asked"]);
    for (event, field) in [("step", "loss"), ("step", "grad_norm"), ("validation", "loss")] {
        close(&gpu.losses("gpu", event, field), &gpu.losses("cpu", event, field), 1e-5);
    }

    // One copy back a step, whatever the number of micro-batches, and no wait for the whole stream: the update is queued
    // behind the copy before the host looks at it.
    let calls = gpu.calls();
    assert!(calls.iter().any(|c| c == "compile attention_f32.cu sm_80"), "compiled at the first start");
    assert!(!calls.iter().any(|c| c.contains("hopper")), "nothing of Hopper's on sm_80");
    // The arena is one block of the plan's size, to the byte.
    let plan: serde_json::Value = serde_json::from_str(&gpu.project.read("gpu/pretrain/plan.json")).unwrap();
    let arena = plan["runs"][0]["program"]["arena_bytes"].as_u64().unwrap();
    assert_eq!(calls.iter().filter(|c| **c == format!("alloc {arena}")).count(), 1);
    let updates: Vec<usize> = (0..calls.len()).filter(|i| calls[*i] == "launch adamw").collect();
    assert_eq!(updates.len(), 6);
    let between = &calls[updates[3]..updates[4]];
    assert!(between.iter().all(|c| c != "wait"), "{between:?}");
    assert_eq!(between.iter().filter(|c| c.starts_with("download")).count(), 1);
    assert!(between.iter().all(|c| !c.starts_with("alloc")), "nothing is allocated in a step");

    // What was trained is scored alike on both.
    gpu.project.write("score.txt", "ka lo mi ren tu vash por e stin gal ".repeat(40));
    let score = |device: &str| -> Vec<f64> {
        let args = ["score", "gpu", "--text", "score.txt", "--format", "json", "--device", device];
        let ran = gpu.smolc("sm_80", &args).exits(0);
        let value: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        value["tokens"].as_array().unwrap().iter().filter_map(|t| t["log_probability"].as_f64()).collect()
    };
    close(&score("cuda"), &score("cpu"), 1e-4);
    assert!(gpu.calls().iter().any(|c| c.starts_with("launch attention_forward_f32")));
    // And continued alike: the same tokens, from a prompt of one token and from one that does not fill a tile.
    let continued = |device: &str, prompt: &str, temperature: &str| -> String {
        let args =
            ["generate", "gpu", "--prompt", prompt, "--max-tokens", "12", "--temperature", temperature];
        let ran = gpu.smolc("sm_80", &[&args[..], &["--device", device, "--seed", "5"]].concat());
        ran.exits(0).out
    };
    for (prompt, temperature) in
        [("ka lo mi ren tu vash por", "0"), ("k", "0"), ("stin gal ka lo", "0.8"), ("", "0")]
    {
        assert_eq!(
            continued("cuda", prompt, temperature),
            continued("cpu", prompt, temperature),
            "{prompt:?}"
        );
    }
    assert!(gpu.calls().iter().any(|c| c.starts_with("launch attention_decode_f32")));

    // Again: kernels and algorithms come from the cache, and every bit is the same.
    gpu.smolc("sm_80", &["run", "tiny.smol", "--device", "cuda", "--out", "again"]).exits(0);
    let calls = gpu.calls();
    assert!(!calls.iter().any(|c| c.starts_with("compile") || c == "heuristics"), "all was in the cache");
    assert!(gpu.weights("gpu") == gpu.weights("again"), "two runs differ");

    // Half of it on the GPU, the rest on the CPU, and the other way round.
    for (first, second, out) in [("cuda", "cpu", "there"), ("cpu", "cuda", "back")] {
        gpu.smolc("sm_80", &["run", "tiny.smol", "--device", first, "--out", out]).exits(0);
        let folder = gpu.project.path().join(out).join("pretrain");
        std::fs::remove_dir_all(folder.join("checkpoints/step-000000006")).unwrap();
        std::fs::remove_dir_all(folder.join("model")).unwrap();
        gpu.smolc("sm_80", &["run", "tiny.smol", "--device", second, "--out", out]).exits(0).says(&["3"]);
        let losses = gpu.losses(out, "step", "loss");
        close(&losses, &gpu.losses("cpu", "step", "loss"), 1e-5);
    }
}

#[test]
fn bf16_stays_near_f32_on_both_paths() {
    let Some(gpu) = Gpu::new() else { return };
    // The bf16 kernels do heads of 64 and 128.
    gpu.project.write("exact.smol", spec("f32", 2, 64, 4));
    gpu.project.write("half.smol", spec("bf16", 2, 64, 4));
    gpu.smolc("none", &["run", "exact.smol", "--device", "cpu", "--out", "cpu"]).exits(0);
    for (device, out) in [("sm_80", "ampere"), ("sm_90", "hopper")] {
        gpu.smolc(device, &["run", "half.smol", "--device", "cuda", "--out", out]).exits(0);
        // Eight bits of mantissa in every activation: the loss of a step is within half a percent, its gradient within 5%.
        close(&gpu.losses(out, "step", "loss"), &gpu.losses("cpu", "step", "loss"), 5e-3);
        close(&gpu.losses(out, "step", "grad_norm"), &gpu.losses("cpu", "step", "grad_norm"), 5e-2);
        let calls = gpu.calls();
        // Layers computed again: less memory, every bit the same.
        let target = "target gpu { device: h200, recompute: layers }\nrun pretrain {\n  target: gpu";
        let spec = spec("bf16", 2, 64, 4).replace("run pretrain {", target);
        gpu.project.write(
            "again.smol",
            spec.replace("use std.schedules", "use std.targets.{h200}\nuse std.schedules"),
        );
        let again = format!("{out}-again");
        gpu.smolc(device, &["run", "again.smol", "--device", "cuda", "--out", &again]).exits(0);
        assert!(gpu.weights(out) == gpu.weights(&again), "recomputation changes bits on {device}");
        let arena = |out: &str| {
            let plan: serde_json::Value =
                serde_json::from_str(&gpu.project.read(&format!("{out}/pretrain/plan.json"))).unwrap();
            plan["runs"][0]["program"]["arena_bytes"].as_u64().unwrap()
        };
        assert!(arena(&again) < arena(out));
        gpu.calls();
        assert_eq!(calls.iter().any(|c| c.starts_with("launch attention_forward_hopper")), device == "sm_90");
        assert!(!calls.iter().any(|c| c.starts_with("launch attention_forward_f32")));
    }
    // What was trained in bf16 is scored in bf16, unless told otherwise.
    gpu.project.write("score.txt", "ka lo mi ren tu vash por e stin gal ".repeat(20));
    let score = ["score", "hopper", "--text", "score.txt"];
    gpu.smolc("sm_90", &score).exits(0).says(&["found usable, in bf16"]);
    assert!(gpu.calls().iter().any(|c| c.starts_with("launch attention_forward_hopper")));
    gpu.smolc("sm_90", &[&score[..], &["--precision", "f32"]].concat()).exits(0).says(&["in f32"]);
    gpu.smolc("none", &score).exits(0);
    gpu.smolc("none", &["run", "half.smol", "--device", "auto", "--out", "no"]).exits(3).says(&[
        "precision: bf16",
        "needs a GPU",
        "no device",
    ]);
}

/// The update is queued before the host has seen the loss: the device must leave everything alone by itself, or the search
/// for the guilty samples would run on other weights.
#[test]
fn a_loss_that_is_not_a_number_stops_as_on_the_cpu() {
    let Some(gpu) = Gpu::new() else { return };
    let wild = spec("f32", 2, 16, 6).replace("clip: 0.5", "clip: 1e30").replace("peak: 4e-3", "peak: 1e30");
    gpu.project.write("tiny.smol", wild);
    let said = |device: &str| {
        let run = ["run", "tiny.smol", "--device", device, "--out", device];
        let ran = gpu.smolc("sm_80", &run).exits(4).says(&["step 3", "stage", "step-000000002"]);
        let error = ran.err.lines().find(|l| l.starts_with("error: ")).unwrap().to_owned();
        error.split(". The state before").next().unwrap().to_owned()
    };
    assert_eq!(said("cuda"), said("cpu"));
    // No moment of the checkpoint has seen the gradient that is not a number. (A safetensors file: the header's length, the
    // header, then f32.)
    let state = gpu.project.path().join("cuda/pretrain/checkpoints/step-000000002/state.safetensors");
    let bytes = std::fs::read(state).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let values = bytes[header..].chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
    assert!(values.clone().count() > 100_000 && values.filter(|v| v.is_nan()).count() == 0);
    close(&gpu.losses("cuda", "step", "loss"), &gpu.losses("cpu", "step", "loss"), 1e-5);
}

#[test]
fn what_is_missing_is_one_line_with_a_fix() {
    let Some(gpu) = Gpu::new() else { return };
    gpu.project.write("tiny.smol", spec("f32", 2, 16, 3));
    let cuda = ["run", "tiny.smol", "--device", "cuda", "--out", "x"];
    gpu.smolc("none", &cuda).exits(3).says(&["reports no device", "nvidia-smi", "smolc doctor"]);
    gpu.smolc("sm_75", &cuda).exits(3).says(&["compute capability 7.5", "8.0"]);
    // Too small a device: the breakdown, and what would make it fit.
    gpu.with(&[("SMOLC_FAKE_MEMORY", "268435456")], &cuda).exits(3).says(&[
        "256 MiB free",
        "activations",
        "gradients",
    ]);
    // Enough for a layer at a time, not for all of them.
    let deep = spec("f32", 2, 16, 3)
        .replace("layers: 2", "layers: 60")
        .replace("micro_batch: 2 sequences", "micro_batch: 64 sequences")
        .replace("batch: 192 tokens", "batch: 3072 tokens");
    gpu.project.write("deep.smol", deep);
    gpu.with(&[("SMOLC_FAKE_MEMORY", "419430400")], &["run", "deep.smol", "--device", "cuda", "--out", "y"])
        .exits(3)
        .says(&["400 MiB free", "micro_batch:", "recompute: layers", "the same bits"]);
    std::fs::remove_file(gpu.libraries.join("libcublasLt.so.13")).unwrap();
    gpu.smolc("sm_90", &cuda).exits(3).says(&["libcublasLt.so.13 not found", "pip install nvidia-cublas"]);
    gpu.smolc("sm_90", &["run", "tiny.smol", "--out", "auto"])
        .exits(0)
        .says(&["on the CPU: libcublasLt.so.13 not found"]);
    std::fs::write(gpu.libraries.join("libcuda.so.1"), "not a library").unwrap();
    gpu.smolc("sm_90", &cuda).exits(3).says(&["libcuda.so.1 cannot be used", "driver"]);
}

#[test]
fn kernels_are_built_ahead_of_time() {
    let Some(gpu) = Gpu::new() else { return };
    gpu.smolc("sm_90", &["kernels", "build", "--arch", "sm_80,sm_90"])
        .exits(0)
        .prints(&["sm_80:", "sm_90a:", "compiled"]);
    assert!(gpu.calls().iter().any(|c| c.starts_with("compile attention_forward_hopper.cu sm_90a")));
    gpu.smolc("none", &["kernels", "build", "--arch", "sm_80"]).exits(0).prints(&["0 compiled"]);
    gpu.smolc("none", &["kernels", "build"]).exits(3).says(&["--arch sm_90a"]);
    gpu.smolc("sm_90", &["kernels", "build", "--arch", "sm_70"]).exits(2).says(&["too old"]);
    // A machine without the compiler uses what was built elsewhere.
    gpu.project.write("tiny.smol", spec("f32", 2, 16, 3));
    std::fs::remove_file(gpu.libraries.join("libnvrtc.so.13")).unwrap();
    gpu.smolc("sm_90", &["run", "tiny.smol", "--device", "cuda", "--out", "a"]).exits(0);
    std::fs::remove_dir_all(gpu.project.path().join("cache")).unwrap();
    gpu.smolc("sm_90", &["run", "tiny.smol", "--device", "cuda", "--out", "b"]).exits(3).says(&[
        "no kernels for sm_90a",
        "libnvrtc.so.13 not found",
        "pip install",
    ]);
}

/// Text on the GPU: the same as the CPU's in f32, however it ends; one graph a token; in bf16 on request or as trained.
#[test]
fn generation_is_one_graph_a_token() {
    let Some(gpu) = Gpu::new() else { return };
    // Two query heads share one of keys and values; the context holds 48 tokens.
    gpu.project.write("tiny.smol", spec("f32", 2, 64, 4));
    gpu.smolc("none", &["run", "tiny.smol", "--device", "cpu", "--out", "wide"]).exits(0);
    let generate = |device: &str, more: &[&str]| {
        let ran = gpu.smolc("sm_90", &[&["generate", "wide", "--device", device][..], more].concat());
        ran.exits(0).out
    };
    let both = |more: &[&str]| {
        let (cpu, cuda) = (generate("cpu", more), generate("cuda", more));
        assert_eq!(cuda, cpu, "{more:?}");
        cuda
    };
    // Until the context is full, from one token and from more than a tile; every filter; another seed.
    let long = "ka lo mi ren tu vash por e stin gal ka lo mi ren tu vash por e stin gal ka lo mi ren";
    both(&["--prompt", "k", "--temperature", "0", "--max-tokens", "100"]);
    both(&["--prompt", long, "--temperature", "0.7", "--max-tokens", "100"]);
    let filters =
        ["--temperature", "1.4", "--top-k", "40", "--top-p", "0.9", "--min-p", "0.02", "--max-tokens", "20"];
    let one = both(&[&["--prompt", "ka lo", "--seed", "3"][..], &filters].concat());
    let other = both(&[&["--prompt", "ka lo", "--seed", "4"][..], &filters].concat());
    assert_ne!(one, other);
    both(&["--prompt", "ka lo", "--max-tokens", "1"]);
    both(&["--prompt", "ka lo", "--max-tokens", "0"]);

    // A token that is drawn costs a graph and four bytes; the host waits for those, never for the whole stream.
    gpu.calls();
    generate("cuda", &["--prompt", "k", "--temperature", "0", "--max-tokens", "12"]);
    let calls = gpu.calls();
    assert_eq!(calls.iter().filter(|c| c.starts_with("captured ")).count(), 1);
    assert!(!calls.iter().any(|c| c.starts_with("capture spoiled")));
    let steps: Vec<&String> = calls.iter().skip_while(|c| *c != "graph").collect();
    let drawn = steps.iter().filter(|c| **c == "graph").count();
    assert_eq!((drawn, steps.iter().filter(|c| **c == "download 4").count()), (12, 12));
    let last = steps.iter().rposition(|c| *c == "graph").unwrap();
    assert!(steps[..last].iter().all(|c| ["graph", "download 4"].contains(&c.as_str())), "{steps:?}");

    // Any of a list of tokens ends the text; one step was queued behind it in vain.
    let config = gpu.project.path().join("wide/pretrain/model/config.json");
    let mut changed: serde_json::Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
    let _ = std::fs::remove_file(config.with_file_name("generation_config.json"));
    changed["eos_token_id"] = (100..320).collect();
    std::fs::write(&config, changed.to_string()).unwrap();
    gpu.calls();
    let hot = ["--prompt", "ka lo mi", "--temperature", "5", "--max-tokens", "40"];
    let ended = both(&hot);
    let graphs = gpu.calls().iter().filter(|c| **c == "graph").count();
    assert!((1..40).contains(&graphs), "{ended:?} in {graphs} steps");

    // bf16 on request, on both paths, and only there.
    for device in ["sm_80", "sm_90"] {
        let half = [&["generate", "wide", "--device", "cuda", "--precision", "bf16"][..], &hot].concat();
        gpu.smolc(device, &half).exits(0);
        let calls = gpu.calls();
        assert!(calls.iter().any(|c| c == "launch attention_decode_bf16"));
        assert!(calls.iter().any(|c| c == "launch sample_f32"));
        assert!(!calls.iter().any(|c| c == "launch attention_decode_f32"));
        assert_eq!(calls.iter().any(|c| c.starts_with("launch attention_forward_hopper")), device == "sm_90");
    }
    let refused = ["generate", "wide", "--prompt", "k", "--precision", "bf16", "--device"];
    gpu.smolc("none", &[&refused[..], &["cpu"]].concat()).exits(3).says(&["needs a GPU", "--precision f32"]);
    gpu.smolc("none", &[&refused[..], &["auto"]].concat()).exits(3).says(&["needs a GPU", "no device"]);

    // As the folder says, unless told otherwise.
    gpu.project.write("score.txt", "ka lo mi ren tu vash por e stin gal ".repeat(30));
    let score = |more: &[&str]| -> Vec<f64> {
        let args = ["score", "wide", "--text", "score.txt", "--format", "json"];
        let ran = gpu.smolc("sm_90", &[&args[..], more].concat()).exits(0);
        let value: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        value["tokens"].as_array().unwrap().iter().filter_map(|t| t["log_probability"].as_f64()).collect()
    };
    let exact = score(&["--device", "cuda"]);
    changed["torch_dtype"] = "bfloat16".into();
    std::fs::rename(
        gpu.project.path().join("wide/pretrain/plan.json"),
        gpu.project.path().join("plan.aside"),
    )
    .unwrap();
    std::fs::write(&config, changed.to_string()).unwrap();
    gpu.calls();
    let half = score(&[]);
    assert!(gpu.calls().iter().any(|c| c.starts_with("launch attention_forward_hopper")));
    close(&half, &exact, 2e-2);
    assert!(half != exact && score(&["--precision", "f32"]) == exact);
    gpu.calls();
    gpu.smolc("sm_90", &[&["generate", "wide"][..], &hot].concat()).exits(0);
    assert!(gpu.calls().iter().any(|c| c == "launch attention_decode_bf16"));

    // Weights that are not numbers: the device says so through the token, in the words of the CPU.
    let weights = gpu.project.path().join("wide/pretrain/model/model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let table: serde_json::Value = serde_json::from_slice(&bytes[8..header]).unwrap();
    let at = header + table["model.norm.weight"]["data_offsets"][0].as_u64().unwrap() as usize;
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&weights, bytes).unwrap();
    let damaged = |device: &str| {
        let args = ["generate", "wide", "--prompt", "ka lo", "--precision", "f32", "--device", device];
        gpu.smolc("sm_90", &args).exits(3).says(&["not finite", "damaged"]).err
    };
    assert_eq!(damaged("cuda").lines().last(), damaged("cpu").lines().last());
}

/// `auto` takes the CPU for a model whose head size no kernel does, and says so; asked for the GPU, it is an error.
#[test]
fn a_model_that_the_kernels_do_not_do() {
    let Some(gpu) = Gpu::new() else { return };
    gpu.project.write("odd.smol", spec("f32", 2, 24, 3));
    gpu.smolc("none", &["run", "odd.smol", "--device", "cpu", "--out", "odd"]).exits(0);
    gpu.project.write("score.txt", "ka lo mi ren tu vash por e stin gal ".repeat(9));
    let score = ["score", "odd", "--text", "score.txt"];
    gpu.smolc("sm_80", &score)
        .exits(0)
        .says(&["on the CPU: ", "half the head size is 12"])
        .prints(&["perplexity"]);
    gpu.smolc("sm_80", &[&score[..], &["--device", "cuda"]].concat())
        .exits(3)
        .says(&["half the head size is 12"]);
    let generate = ["generate", "odd", "--prompt", "ka lo", "--max-tokens", "4"];
    let out = gpu.smolc("sm_80", &generate).exits(0).says(&["on the CPU: ", "half the head size is 12"]).out;
    assert_eq!(out, gpu.smolc("none", &generate).exits(0).out);
    gpu.smolc("sm_80", &[&generate[..], &["--device", "cuda"]].concat())
        .exits(3)
        .says(&["half the head size is 12"]);
}

/// The script for machines with a GPU, its tiny form on the emulated one: nobody should meet its mistakes on a paid machine.
#[test]
fn the_script_for_gpus_runs() {
    let Some(gpu) = Gpu::new() else { return };
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/gpu/run.sh");
    let out = gpu.project.path().join("results");
    for (stage, parts) in [
        ("1", &["verify"][..]),
        ("2", &["end-to-end"]),
        ("3", &["profile", "attention-order", "soak", "decode"]),
    ] {
        let ran = std::process::Command::new("bash")
            .arg(&script)
            .args([stage, "--tiny"])
            .env("SMOLC", env!("CARGO_BIN_EXE_smolc"))
            .env("SMOLC_CUDA_LIBS", &gpu.libraries)
            .env("SMOLC_CACHE", gpu.project.path().join("cache"))
            .env("OUT", &out)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        let logs = parts.iter().map(|part| std::fs::read_to_string(out.join(format!("{part}.log"))));
        let logs: Vec<String> = logs.map(Result::unwrap_or_default).collect();
        assert!(ran.status.success(), "stage {stage}: {said}\n{}", logs.join("\n"));
        for part in parts {
            assert!(said.contains(&format!("ok       {part} (")), "{said}");
        }
    }
    let verified = std::fs::read_to_string(out.join("verify.csv")).unwrap();
    assert!(verified.lines().count() > 20 && !verified.contains("FAILED"), "{verified}");
    assert!(verified.contains("wgmma"), "the instructions were tried");
    // What `check` says that a device holds is what the engine allocates.
    let trained = std::fs::read_to_string(out.join("end-to-end.log")).unwrap();
    let row: Vec<&str> = trained.lines().find(|l| l.starts_with("smolc,")).unwrap().split(',').collect();
    let [allocated, planned] = [row[12], row[13]].map(|n| n.parse::<f64>().unwrap());
    assert!((allocated / planned - 1.0).abs() <= 0.02, "allocated {allocated}, planned {planned}");
    let order = std::fs::read_to_string(out.join("attention-order.csv")).unwrap();
    assert!(order.contains(",backward unordered,") && order.contains("attention_dq_finish_d64"), "{order}");
    assert!(verified.contains("tiny-d128,bf16,,tokens behind 255"), "generation was compared");
    let decoded = std::fs::read_to_string(out.join("decode.csv")).unwrap();
    let columns: Vec<Vec<&str>> = decoded.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(columns.len(), 4, "two prompts, with and without a graph: {decoded}");
    for row in columns {
        let [.., step, launches, _, _, rate, bytes, _] = row.as_slice() else { panic!("{row:?}") };
        assert_eq!(*step == "graph", *launches == "1");
        assert!(rate.parse::<f64>().unwrap() > 0.0 && bytes.parse::<u64>().unwrap() > 1_000_000);
    }
}
