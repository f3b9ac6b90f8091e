//! `transformers` on our checkpoints and our engine on its: runs when `SMOLC_PYTHON` names a Python that has it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // helpers of tests count as code to clippy

mod common;

use common::{CASES, Case, golden};
use safetensors::tensor::TensorView;
use smolc_engine::hf::{self, Special};
use smolc_engine::{Engine, Micro};
use std::path::Path;
use std::process::Command;

const TOKENIZER: &str = r#"{"version":"1.0","truncation":null,"padding":null,
"added_tokens":[{"id":0,"content":"<|endoftext|>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},
"post_processor":null,"decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},
"model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,
"fuse_unk":false,"byte_fallback":false,"ignore_merges":false,"vocab":{"<|endoftext|>":0,"a":1,"b":2},"merges":[]}}"#;

fn python(script: &Path, arguments: &[&Path]) -> Option<std::process::Output> {
    let python = std::env::var_os("SMOLC_PYTHON")?;
    Some(Command::new(python).arg(script).args(arguments).output().unwrap())
}

#[test]
fn both_read_what_the_other_wrote() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transformers/check.py");
    for name in CASES.into_iter().filter(|c| *c != "docmask") {
        let case = Case::load(&golden().join(name));
        let dir = tempfile::tempdir().unwrap();
        let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
        let tokenizer = dir.path().join("tokenizer.json");
        std::fs::write(&tokenizer, TOKENIZER).unwrap();

        // A trained model, so that nothing is at its initial value; plain causal batches, as the script runs them.
        let mut engine = case.engine(case.batch, 2);
        for (k, batch) in case.batches.iter().enumerate() {
            engine.micro_step(&batch.micro(), batch.scale(), true).unwrap();
            engine.update(&case.optimizer, case.lr, k as u64 + 1).unwrap();
        }
        let special = Special { bos: Some(0), eos: vec![0] };
        hf::save(&ours, &case.model, &engine, Some(&tokenizer), &special).unwrap();
        let batch = &case.batches[1];
        let logits = compute(&mut engine, batch.micro(), case.model.vocab as usize);

        let ids: Vec<u8> = batch.tokens.iter().flat_map(|t| i64::from(*t).to_le_bytes()).collect();
        let (b, t, v) = (case.batch as usize, case.window as usize, case.model.vocab as usize);
        let vectors = dir.path().join("logits.safetensors");
        let views = [
            ("input_ids", TensorView::new(safetensors::Dtype::I64, vec![b, t], &ids).unwrap()),
            (
                "logits",
                TensorView::new(safetensors::Dtype::F32, vec![b, t, v], bytemuck::cast_slice(&logits))
                    .unwrap(),
            ),
        ];
        safetensors::serialize_to_file(views, None, &vectors).unwrap();

        let Some(output) = python(&script, &[&ours, &vectors]) else {
            println!("SKIPPED: set SMOLC_PYTHON to a Python with torch and transformers");
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("eos '<|endoftext|>'"), "{name}: {text}");
        print!("{name:10} {text}");

        // And back: what transformers saves is the same model.
        let output = python(&script, &[&ours, Path::new("--write"), &theirs]).unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let read = hf::read_config(&theirs).unwrap();
        let model = smolc_plan::Model { name: case.model.name.clone(), ..read.model };
        assert_eq!(model, case.model, "{name}");
        let (program, parameters) = case.program(case.batch, false);
        let mut other = Engine::new(&program, &model, &parameters, 2).unwrap();
        hf::load(&theirs, &mut other).unwrap();
        assert!(other.parameters() == engine.parameters(), "{name}: weights that transformers saved");
        assert!(compute(&mut other, batch.micro(), v) == logits, "{name}: logits from them");
    }
}

fn compute(engine: &mut Engine, micro: Micro<'_>, vocab: usize) -> Vec<f32> {
    let mut logits = vec![0.0; engine.tokens() * vocab];
    engine.logits(&micro, &mut logits).unwrap();
    logits
}
