//! Configurations read: a right one, one mistake at a time, and the published files where they are at hand.

// A test fails by panicking; helpers are outside of `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

use smolc_nanotron::{Imported, Kind, import};
use std::path::{Path, PathBuf};

const RIGHT: &str = include_str!("fixtures/stage1.yaml");

fn read(texts: &[&str]) -> Imported {
    let files: Vec<(String, String)> =
        texts.iter().enumerate().map(|(i, t)| (format!("stage{}.yaml", i + 1), (*t).to_owned())).collect();
    import(&files).unwrap_or_else(|e| panic!("{e}"))
}

fn wrong(imported: &Imported) -> Vec<String> {
    imported.findings.iter().filter(|f| f.kind != Kind::Assumed).map(ToString::to_string).collect()
}

#[test]
fn a_right_file_is_a_spec_without_complaint() {
    let imported = read(&[RIGHT]);
    assert_eq!(wrong(&imported), [""; 0]);
    for part in [
        "dataset web = tokens(\"{root}/data/web/*.ds\") { format: datatrove }",
        "tokenizer words = hf(\"{root}/small/words/tokenizer.json\") { vocab: 2048, eos: \"<|endoftext|>\" }",
        "precision: bf16",
        "lr: wsd(peak: 5e-4, warmup: 20 steps, decay: 100 steps)",
        "mix: 87.5% web\n      + 12.5% code",
        "batch: 16 sequences",
        "micro_batch: 2 sequences",
        "layers: 4, hidden: 128, ffn: 256, heads: 4, kv_heads: 2",
        "stage stable_phase for 1000 steps",
        "checkpoint: every 50 steps",
        "seed: 42",
        "rope: { theta: 10000 }, init: { std: 0.02 }",
        "weight_decay: 0.01, clip: 1 }",
    ] {
        assert!(imported.spec.contains(part), "no `{part}` in\n{}", imported.spec);
    }
}

/// One change of the right file, and what is said of it.
#[test]
fn each_mistake_is_named_with_its_numbers() {
    let cases: [(&str, &str, &str); 30] = [
        (
            "name: stable phase",
            "name: stable phase\n  sequence_length: 64",
            "sequence_length: is 64; the window",
        ),
        ("    seed: 42", "    seed: 8", "is 8, general.seed 42; a run of a spec has one seed, 42"),
        ("    seed: 42", "    sead: 42\n    seed: 42", "data_stages[0].data.sead: is not a key"),
        (
            "      dataset_weights:",
            "      vocab_size: 4096\n      dataset_weights:",
            "is 4096, the model has 2048 rows",
        ),
        (
            "      dataset_weights:",
            "      token_size_in_bytes: 1\n      dataset_weights:",
            "is 1, too few for 2048 ids",
        ),
        (
            "checkpoints_path: checkpoints",
            "checkpoints_path: a\n  resume_checkpoint_path: b/9\n  load_optimizer: false",
            "begins with the weights of `b/9`",
        ),
        ("init_method: {std: 0.02}", "init_method: {path: c}", "begins with the weights of `c`"),
        ("rope_interleaved: false", "interleaved_rotary: true", "q and k are rotated in neighboring pairs"),
        (
            "is_llama_config: true",
            "attention_bias: true\n    is_llama_config: true",
            "nanotron's Llama has no biases",
        ),
        ("dtype: bfloat16", "dtype: float16", "is `float16`; written as bf16"),
        (
            "checkpoint_interval: 50",
            "checkpoint_interval: 50\n  checkpoint_intervall: 5",
            "checkpoints.checkpoint_intervall: is not a key",
        ),
        (
            "lr_decay_starting_step: 900\n    lr_decay_steps: 100",
            "lr_decay_starting_step: 901\n    lr_decay_steps: 100",
            "its last step is cut off",
        ),
        ("[0.875, 0.125]", "[0.875, 0.13065]", "sum to 1.00565, not 1"),
        ("[0.875, 0.125]", "[0.875]", "has 1 entries for 2 folders"),
        ("[0.875, 0.125]", "[1.0, 0.0]", "have a weight of 0"),
        ("[data/web/, data/code/]", "[data/web/, data/web/]", "names `data/web/` twice"),
        ("lr_decay_starting_step: 900", "lr_decay_starting_step: 1000", "it never happens"),
        ("lr_decay_steps: 100", "lr_decay_steps: 200", "its last 100 steps are cut off"),
        (
            "lr_decay_starting_step: 900",
            "lr_decay_starting_step: 600",
            "the last 300 of 1000 steps, 30.0% of the run",
        ),
        ("    min_decay_lr: 0\n", "", "the rate never decays"),
        ("    lr_decay_steps: 100\n", "", "is train_steps less the warm-up, 980"),
        ("rope_interleaved: false", "rope_interleaved: true", "the conversion to Hugging Face forgets it"),
        (
            "initializer_range: 0.02",
            "initializer_range: 0.04",
            "the initialization used is model.init_method.std, 0.02",
        ),
        ("run: small-1M", "run: small-1700M", "the model has "),
        (
            "weight_decay: 0.01",
            "weight_decay: 0.01\n  wieght_decay: 0.1",
            "optimizer.wieght_decay: is not a key",
        ),
        ("start_training_step: 1\n", "start_training_step: 5\n", "begins at step 5, not at step 1"),
        ("hidden_act: silu", "hidden_act: gelu", "is `gelu`"),
        ("name: adamW", "name: sgd", "is `sgd`; written as AdamW"),
        ("rope_scaling: null", "rope_scaling: {type: yarn, factor: 2.0}", "of type `yarn` cannot be said"),
        ("lr_warmup_style: linear", "lr_warmup_style: constant", "a warm-up of style `constant`"),
    ];
    for (from, to, said) in cases {
        let text = RIGHT.replace(from, to);
        assert_ne!(text, RIGHT, "{from}");
        let found = wrong(&read(&[&text]));
        assert!(found.iter().any(|f| f.contains(said)), "{to}: {found:#?}");
        assert!(found.len() <= 2, "{to}: one mistake, {found:#?}");
    }
    let twice = format!("{}\n", RIGHT.replace("[0.875, 0.125]", "[0.4, 0.6, 0.1]"));
    assert!(wrong(&read(&[&twice])).iter().any(|f| f.contains("has 3 entries for 2 folders")));
}

#[test]
fn layers_without_rotation_are_said() {
    let imported = read(&[&RIGHT.replace("vocab_size: 2048", "vocab_size: 2048\n    no_rope_layer: 4")]);
    assert_eq!(wrong(&imported), [""; 0]);
    assert!(imported.spec.contains("rope: { theta: 10000, skip_every: 4 }"), "{}", imported.spec);
}

#[test]
fn weights_that_do_not_sum_keep_their_proportions_exactly() {
    let imported = read(&[&RIGHT.replace("[0.875, 0.125]", "[0.875, 0.13065]")]);
    assert!(
        imported.spec.contains("(87.5% / 1.00565) web\n      + (13.065% / 1.00565) code"),
        "{}",
        imported.spec
    );
}

#[test]
fn files_of_one_run_become_one_spec() {
    let stage = "- name: decay\n  start_training_step: 901\n  data: {dataset: {dataset_folder: {data/math/: 0.25, \
                 data/web/: 0.75}}}\ngeneral:";
    let second = RIGHT.replace("general:", stage);
    let both = read(&[RIGHT, &second]);
    assert_eq!(wrong(&both), [""; 0]);
    assert!(
        both.spec.contains("stage stable_phase for 900 steps")
            && both.spec.contains("stage decay for 100 steps")
    );
    assert!(both.spec.contains("mix: 25% math\n      + 75% web"));
    let found = wrong(&read(&[RIGHT, &second.replace("[0.875, 0.125]", "[0.5, 0.5]")]));
    assert!(found.iter().any(|f| f.contains("the past of the run is told in two ways")), "{found:#?}");
    let found = wrong(&read(&[&RIGHT.replace("train_steps: 1000", "train_steps: 950"), &second]));
    assert!(found.iter().any(|f| f.contains("train_steps: is 950, in `stage2.yaml` 1000")), "{found:#?}");
    let late = RIGHT.replace("general:", &stage.replace("901", "2000"));
    assert!(
        wrong(&read(&[&late]))
            .iter()
            .any(|f| f.contains("begins at step 2000, the run has 1000: it never happens"))
    );
}

#[test]
fn what_is_no_configuration_is_refused_by_name() {
    let refuse = |text: &str| import(&[("x.yaml".into(), text.into())]).unwrap_err().to_string();
    assert!(refuse("a: [").starts_with("`x.yaml` is not YAML"));
    assert!(refuse("- 1").contains("it is not a mapping"));
    assert!(refuse("tokens: {train_steps: 3}").contains("data_stages is missing"));
    assert!(
        refuse(&RIGHT.replace("[data/web/, data/code/]", "[data/web/, 7]")).contains("has 7, not a folder")
    );
    assert!(refuse(&RIGHT.replace("[0.875, 0.125]", "[0, 0]")).contains("names nothing that is read"));
    assert!(
        refuse(&RIGHT.replace("hidden_size: 128", "hidden_size: big")).contains("hidden_size is \"big\"")
    );
    assert!(refuse(&RIGHT.replace("learning_rate: 0.0005\n", "\n")).contains("learning_rate is missing"));
    assert!(import(&[]).is_err());
}

/// Texts of a configuration end where they end, whatever they hold.
#[test]
fn names_cannot_write_specs() {
    let hostile = "  - \"a\\\"}\\n{b\"\n        - data/code/";
    let imported = read(&[&RIGHT.replace("[data/web/, data/code/]", &format!("\n      {hostile}"))]);
    assert!(imported.spec.contains("tokens(\"{root}/a\\\"\\} \\{b/*.ds\")"), "{}", imported.spec);
    let hub = RIGHT.replace(
        "dataset_folder: [data/web/, data/code/]",
        "hf_dataset_or_datasets: {stas/pile: 0.5, x/y: 0.5}\n      hf_dataset_splits: train",
    );
    let imported = read(&[&hub.replace("      dataset_weights: [0.875, 0.125]\n", "")]);
    assert!(
        imported.spec.contains("dataset pile = hub(\"stas/pile\") { split: \"train\", text: .text }"),
        "{}",
        imported.spec
    );
}

fn published(name: &str) -> Option<(String, String)> {
    let path: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data/configs").join(name);
    let path = if path.exists() {
        path
    } else {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/configs").join(name)
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => Some((name.rsplit('/').next().unwrap().to_owned(), text)),
        Err(e) => {
            eprintln!("SKIPPED: {}: {e}", path.display());
            None
        }
    }
}

/// What is wrong with the published files, as far as a person has found (and more).
#[test]
fn the_published_files_say_what_is_wrong_with_them() {
    let base = "smollm/text/pretraining";
    let cases: [(&[&str], &[&str]); 5] = [
        (
            &["continual-pretraining/finemath/160B-runs/fwedu-finemath-infiwebmath-3plus.yaml"],
            &[
                "begins with the weights of `checkpoints/nanotron_pretrained_checkpoints/Nanotron-Llama-3.2-3B`",
            ],
        ),
        (&["smollm2/config_smollm2_1B.yaml"], &["rope_interleaved"]),
        (
            &["smollm2/config_smollm2_360M.yaml"],
            &["is `smollm2-1700M`, the model has 361821120", "initializer_range"],
        ),
        (
            &["smollm3/stage1_8T.yaml", "smollm3/stage2_8T_9T.yaml", "smollm3/stage3_9T_11T.yaml"],
            &["sum to 1.00565, not 1", "sum to 1.00005, not 1", "its last step is cut off"],
        ),
        (&["smollm1/config_smollm1_1B.yaml"], &[]),
    ];
    for (names, said) in cases {
        let files: Option<Vec<_>> = names.iter().map(|n| published(&format!("{base}/{n}"))).collect();
        let Some(files) = files else { return };
        let imported = import(&files).unwrap_or_else(|e| panic!("{names:?}: {e}"));
        let found: Vec<String> = imported.findings.iter().map(ToString::to_string).collect();
        for text in said {
            assert!(found.iter().any(|f| f.contains(text)), "{names:?}: no `{text}` in {found:#?}");
        }
    }
}
