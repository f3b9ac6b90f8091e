//! Hugging Face folders: round trips, both spellings, and everything that can be wrong with one.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // helpers of tests count as code to clippy

mod common;

use common::{CASES, Case, golden};
use serde_json::{Value, json};
use smolc_engine::hf::{self, HfError, Special};
use smolc_engine::{Engine, EngineError, Micro};
use std::path::Path;

fn special() -> Special {
    Special { bos: None, eos: vec![0] }
}

/// A copy of a case's folder with its config changed.
fn folder(case: &str, change: impl FnOnce(&mut Value)) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let source = golden().join(case).join("hf");
    std::fs::copy(source.join("model.safetensors"), dir.path().join("model.safetensors")).unwrap();
    let mut config: Value =
        serde_json::from_slice(&std::fs::read(source.join("config.json")).unwrap()).unwrap();
    change(&mut config);
    std::fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
    dir
}

fn config_error(change: impl FnOnce(&mut Value)) -> String {
    hf::read_config(folder("base", change).path()).unwrap_err().to_string()
}

fn load_error(dir: &Path) -> HfError {
    let mut engine = Case::load(&golden().join("base")).engine(1, 1);
    hf::load(dir, &mut engine).unwrap_err()
}

#[test]
fn both_spellings_say_the_same() {
    for case in CASES {
        let source = golden().join(case).join("hf");
        let new = hf::read_config(&source).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let old = dir.path().join("hf");
        std::fs::create_dir(&old).unwrap();
        std::fs::copy(source.join("config.v4.json"), old.join("config.json")).unwrap();
        assert_eq!(new, hf::read_config(&old).unwrap(), "{case}");
    }
}

#[test]
fn a_saved_model_loads_bit_for_bit() {
    for case in CASES {
        let case = Case::load(&golden().join(case));
        let engine = case.engine(case.batch, 1);
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("hf");
        // Twice: the second time it replaces a folder.
        for _ in 0..2 {
            hf::save(&target, &case.model, &engine, None, &special()).unwrap();
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing temporary is left");
        let read = hf::read_config(&target).unwrap();
        assert_eq!(read.model, case.model);
        assert_eq!(read.special, special());
        let (program, parameters) = case.program(1, true);
        let mut other = Engine::new(&program, &case.model, &parameters, 1).unwrap();
        hf::load(&target, &mut other).unwrap();
        assert!(engine.parameters() == other.parameters());
    }
}

#[test]
fn a_failed_save_leaves_the_old_folder() {
    let case = Case::load(&golden().join("base"));
    let engine = case.engine(1, 1);
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("hf");
    hf::save(&target, &case.model, &engine, None, &special()).unwrap();
    let missing = dir.path().join("no-tokenizer.json");
    let error = hf::save(&target, &case.model, &engine, Some(&missing), &special()).unwrap_err();
    assert!(error.to_string().contains("no-tokenizer.json"), "{error}");
    assert!(target.join("model.safetensors").exists());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn what_is_not_computed_is_refused() {
    let cases: Vec<(&str, Value, &str)> = vec![
        ("model_type", json!("gpt2"), "`model_type` is gpt2"),
        ("hidden_act", json!("gelu"), "`hidden_act`"),
        ("attention_bias", json!(true), "`attention_bias` is true"),
        ("mlp_bias", json!(true), "`mlp_bias` is true"),
        ("rope_interleaved", json!(true), "`rope_interleaved` is true"),
        ("sliding_window", json!(4096), "`sliding_window` is 4096"),
        (
            "rope_parameters",
            json!({"rope_type": "yarn", "factor": 2.0}),
            "`rope_parameters.rope_type` is yarn",
        ),
        ("partial_rotary_factor", json!(0.5), "`partial_rotary_factor`"),
        ("quantization_config", json!({"bits": 4}), "`quantization_config`"),
        ("layer_types", json!(["sliding_attention"]), "`layer_types`"),
        ("hidden_size", json!(-1), "`hidden_size` is -1"),
        ("hidden_size", json!(null), "`hidden_size` is missing"),
        ("num_key_value_heads", json!(3), "does not divide 4 heads"),
        ("head_dim", json!(7), "`head_dim` is 7"),
        ("rms_norm_eps", json!("small"), "`rms_norm_eps`"),
    ];
    for (field, value, text) in cases {
        let error = config_error(|c| c[field] = value);
        assert!(error.contains(text) && error.contains("config.json"), "{field}: {error}");
    }
}

#[test]
fn damaged_weights_are_told_apart() {
    let dir = folder("base", |_| {});
    let path = dir.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    for cut in [whole.len() - 1, whole.len() / 2, 100] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        assert!(matches!(load_error(dir.path()), HfError::Truncated { found, .. } if found == cut as u64));
    }
    for bytes in [&b""[..], b"abc", b"\xff\xff\xff\xff\xff\xff\xff\xff", b"\x02\0\0\0\0\0\0\0[]"] {
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(load_error(dir.path()), HfError::Header { .. }));
    }
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(load_error(dir.path()), HfError::Io(_)));
}

#[test]
fn missing_foreign_and_misshapen_tensors_are_named() {
    // Another case's folder is a model of another shape.
    let other = golden().join("mha/hf");
    let error = load_error(&other);
    assert!(matches!(error, HfError::Shape { .. }), "{error}");
    assert!(error.to_string().contains("[32, 32]") && error.to_string().contains("[16, 32]"), "{error}");
    let error = load_error(&golden().join("qwen2/hf"));
    assert!(matches!(&error, HfError::Unknown { name, .. } if name.ends_with("proj.bias")), "{error}");
    let case = Case::load(&golden().join("untied"));
    let mut untied = case.engine(1, 1);
    let error = hf::load(&golden().join("base/hf"), &mut untied).unwrap_err();
    assert!(matches!(&error, HfError::Missing { name, .. } if name == "lm_head.weight"), "{error}");
}

#[test]
fn shards_are_read() {
    let case = Case::load(&golden().join("base"));
    let bytes = std::fs::read(case.folder.join("hf/model.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (mut first, mut second, mut map) = (Vec::new(), Vec::new(), serde_json::Map::new());
    for (i, (name, view)) in file.tensors().into_iter().enumerate() {
        let (list, shard) =
            if i % 2 == 0 { (&mut first, "a.safetensors") } else { (&mut second, "b.safetensors") };
        map.insert(name.clone(), json!(shard));
        list.push((name, view));
    }
    safetensors::serialize_to_file(first, None, &dir.path().join("a.safetensors")).unwrap();
    safetensors::serialize_to_file(second, None, &dir.path().join("b.safetensors")).unwrap();
    let index = dir.path().join("model.safetensors.index.json");
    std::fs::write(&index, json!({ "weight_map": map }).to_string()).unwrap();
    let (program, parameters) = case.program(1, false);
    let mut engine = Engine::new(&program, &case.model, &parameters, 1).unwrap();
    hf::load(dir.path(), &mut engine).unwrap();
    assert!(engine.parameters() == case.engine(1, 1).parameters());
    std::fs::write(&index, json!({ "weight_map": {"x": "../a.safetensors"} }).to_string()).unwrap();
    assert!(matches!(hf::load(dir.path(), &mut engine), Err(HfError::Field { .. })));
}

#[test]
fn half_precision_weights_are_widened() {
    let case = Case::load(&golden().join("base"));
    let mut engine = case.engine(1, 1);
    let wanted: Vec<f32> =
        engine.parameters().iter().map(|v| f32::from_bits(v.to_bits() & 0xffff_0000)).collect();
    let table = engine.parameter_table().to_vec();
    let data: Vec<Vec<u8>> = table
        .iter()
        .map(|p| {
            engine
                .parameter(&p.name)
                .unwrap()
                .iter()
                .flat_map(|v| ((v.to_bits() >> 16) as u16).to_le_bytes())
                .collect()
        })
        .collect();
    let views = table.iter().zip(&data).map(|(p, bytes)| {
        let shape = p.shape.iter().map(|n| *n as usize).collect();
        (
            p.name.as_str(),
            safetensors::tensor::TensorView::new(safetensors::Dtype::BF16, shape, bytes).unwrap(),
        )
    });
    let dir = tempfile::tempdir().unwrap();
    safetensors::serialize_to_file(views, None, &dir.path().join("model.safetensors")).unwrap();
    hf::load(dir.path(), &mut engine).unwrap();
    assert!(engine.parameters() == wanted);
}

#[test]
fn initialization_follows_the_table_and_nothing_else() {
    let case = Case::load(&golden().join("base"));
    let (mut one, mut two) = (case.engine(1, 1), case.engine(2, 3));
    one.initialize(42).unwrap();
    two.initialize(42).unwrap();
    assert!(one.parameters() == two.parameters(), "batch shape and threads change nothing");
    assert!(one.parameter("model.norm.weight").unwrap().iter().all(|v| *v == 1.0));
    two.initialize(43).unwrap();
    assert!(one.parameters() != two.parameters());
}

#[test]
fn bad_batches_are_refused() {
    let case = Case::load(&golden().join("base"));
    let mut engine = case.engine(case.batch, 1);
    let good = &case.batches[0];
    let n = good.tokens.len();
    let (mut bad, mut late, mut far) =
        (good.tokens.clone(), good.document_start.clone(), good.positions.clone());
    (bad[3], late[5], far[n - 1]) = (64, 6, case.window as u32);
    let nan = vec![f32::NAN; n];
    let micro = good.micro();
    let cases = [
        (Micro { tokens: &bad, ..micro }, "`tokens` holds 64 at index 3; it must be at most 63"),
        (Micro { targets: &bad, ..micro }, "`targets` holds 64"),
        (
            Micro { document_start: &late, ..micro },
            "`document_start` holds 6 at index 5; it must be at most 5",
        ),
        (Micro { positions: &far, ..micro }, "`positions` holds 20"),
        (Micro { weights: &nan, ..micro }, "`weights` holds NaN"),
        (Micro { tokens: &bad[1..], ..micro }, "`tokens` has 39 values"),
        (Micro { weights: &nan[1..], ..micro }, "`weights` has 39 values"),
    ];
    for (micro, text) in cases {
        let error = engine.micro_step(&micro, 1.0, true).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    assert!(matches!(engine.set_parameter("x", &[]), Err(EngineError::UnknownParameter(_))));
    assert!(matches!(
        engine.set_parameter("model.norm.weight", &[1.0]),
        Err(EngineError::ParameterLength { expected: 32, .. })
    ));
}

#[test]
fn a_fault_in_the_gradients_changes_nothing() {
    let case = Case::load(&golden().join("base"));
    let mut engine = case.engine(case.batch, 1);
    let embedding = engine.parameter("model.embed_tokens.weight").unwrap().to_vec();
    engine.set_parameter("model.embed_tokens.weight", &vec![f32::INFINITY; embedding.len()]).unwrap();
    let batch = &case.batches[0];
    engine.micro_step(&batch.micro(), batch.scale(), true).unwrap();
    let before = engine.moments1().to_vec();
    let norm = engine.update(&case.optimizer, case.lr, 1).unwrap();
    assert!(!norm.norm.is_finite());
    assert!(engine.moments1() == before);
}
