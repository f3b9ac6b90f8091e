use super::*;
use proptest::prelude::*;
use smolc_plan::{Family, Init, Rope, Space};

fn model() -> Model {
    Model {
        name: "small".into(),
        family: Family::Llama,
        layers: 6,
        hidden: 256,
        ffn: 704,
        heads: 8,
        kv_heads: 4,
        head_dim: 32,
        vocab: 4096,
        context: 256,
        tied: true,
        norm_eps: 1e-5,
        rope: Rope { theta: 10_000.0, scaling: None, skip_every: None },
        init: Init { std: 0.02 },
    }
}

fn options(training: bool) -> ProgramOptions {
    ProgramOptions {
        batch: 4,
        window: 256,
        head_chunk: 256,
        decay: Decay::All,
        recompute: Recompute::None,
        training,
    }
}

prop_compose! {
    fn shapes()(
        layers in 1u64..6, hidden in 1u64..40, ffn in 1u64..70, kv_heads in 1u64..4, group in 1u64..4,
        half in 1u64..12, vocab in 1u64..90, window in 1u64..40, batch in 1u64..5, head_chunk in 1u64..100,
        tied in any::<bool>(), qwen in any::<bool>(), training in any::<bool>(), level in 0usize..3,
    ) -> (Model, ProgramOptions) {
        let family = if qwen { Family::Qwen2 } else { Family::Llama };
        let (heads, head_dim, context) = (kv_heads * group, 2 * half, window);
        let model = Model { layers, hidden, ffn, heads, kv_heads, head_dim, vocab, context, tied, family, ..model() };
        let recompute = Recompute::ALL[level];
        (model, ProgramOptions { batch, window, head_chunk, decay: Decay::All, recompute, training })
    }
}

proptest! {
    #[test]
    fn every_shape_has_a_sound_plan((model, options) in shapes()) {
        let (program, parameters) = build(&model, &options).unwrap();
        verify(&program).unwrap();
        let sum = program.parameter_bytes + program.gradient_bytes + program.optimizer_bytes + program.activation_bytes;
        prop_assert_eq!(sum, program.arena_bytes);
        let elements: u64 = parameters.iter().map(|p| p.shape.iter().product::<u64>()).sum();
        prop_assert_eq!(Some(elements), model.parameters());
        prop_assert!(!Text(&program).to_string().is_empty());
        if options.training {
            prop_assert_eq!(program.gradient_bytes * 2, program.optimizer_bytes);
        } else {
            prop_assert!(program.forward.statements.is_empty() && program.backward.statements.is_empty());
        }
    }

    /// In bf16 every parameter has a copy, element for element; everything stored stays f32.
    #[test]
    fn every_shape_has_a_sound_plan_in_bf16((model, options) in shapes()) {
        let (exact, _) = build(&model, &options).unwrap();
        let (half, parameters) = build_in(&model, &options, Precision::Bf16).unwrap();
        verify(&half).unwrap();
        let sum = half.parameter_bytes + half.gradient_bytes + half.optimizer_bytes + half.activation_bytes;
        prop_assert_eq!(sum, half.arena_bytes);
        let find = |name: &str| half.tensors.iter().find(|t| t.name == name).unwrap();
        let base = |space| half.tensors.iter().filter(|t| t.space == space).map(|t| t.offset).min().unwrap();
        for t in half.tensors.iter().filter(|t| t.space == Space::Parameter) {
            let copy = find(&format!("bf16.{}", t.name));
            prop_assert_eq!(2 * (copy.offset - base(Space::Rounded)), t.offset - base(Space::Parameter));
            prop_assert_eq!((2 * copy.stride, copy.slots, &copy.shape), (t.stride, t.slots, &t.shape));
        }
        if options.training {
            // Padding apart, what training stores is what f32 stores, and a copy of half the size.
            prop_assert_eq!(half.gradient_bytes * 3, half.parameter_bytes * 2);
            prop_assert!(half.gradient_bytes >= exact.gradient_bytes);
        }
        prop_assert!(parameters.iter().all(|p| half.tensors[p.tensor.0 as usize].space == Space::Parameter));
    }

    /// A workspace tensor that lies on a gradient is found out.
    #[test]
    fn verification_sees_a_wrong_offset((model, mut options) in shapes(), moved in 0usize..9) {
        options.training = true;
        let (mut program, _) = build(&model, &options).unwrap();
        let work: Vec<usize> =
            (0..program.tensors.len()).filter(|i| program.tensors[*i].space == Space::Workspace).collect();
        let gradient = program.tensors.iter().find(|t| t.space == Space::Gradient).unwrap().offset;
        program.tensors[work[moved % work.len()]].offset = gradient;
        prop_assert!(verify(&program).is_err());
    }

    /// Absurd numbers give an error or a number, never a panic.
    #[test]
    fn absurd_shapes_do_not_panic(numbers in proptest::collection::vec(any::<u64>(), 11), shift in 0u32..64) {
        let n = |i: usize| numbers[i] >> shift;
        let model = Model {
            layers: n(0), hidden: n(1), ffn: n(2), heads: n(3), kv_heads: n(4), head_dim: n(5), vocab: n(6),
            context: n(7), ..model()
        };
        let options =
            ProgramOptions { batch: n(8), window: n(9), head_chunk: n(10), decay: Decay::Matrices, recompute: Recompute::None, training: true };
        if let Ok((program, _)) = build(&model, &options) {
            let _ = Text(&program).to_string();
        }
    }
}

#[test]
fn residual_gradients_may_not_share_with_a_branch() {
    let (mut program, _) = build(&model(), &options(true)).unwrap();
    let place = |p: &Program, name: &str| p.tensors.iter().position(|t| t.name == name).unwrap();
    let (dx, dqkv) = (place(&program, "dx"), place(&program, "dqkv"));
    program.tensors[dqkv].offset = program.tensors[dx].offset;
    assert!(verify(&program).is_err());
}

#[test]
fn workspace_is_shared() {
    let (program, _) = build(&model(), &options(true)).unwrap();
    let bytes: u64 = program.tensors.iter().filter(|t| t.space == Space::Workspace).map(|t| t.stride).sum();
    let rest: u64 =
        program.tensors.iter().filter(|t| t.space != Space::Workspace).map(|t| t.stride * t.slots).sum();
    assert!(program.arena_bytes - rest < bytes * 7 / 10, "{} of {bytes}", program.arena_bytes - rest);
}

#[test]
fn evaluation_needs_one_layer_of_activations() {
    let (one, _) = build(&Model { layers: 1, ..model() }, &options(false)).unwrap();
    let (many, _) = build(&Model { layers: 60, ..model() }, &options(false)).unwrap();
    assert_eq!(one.activation_bytes, many.activation_bytes);
    assert_eq!(many.gradient_bytes + many.optimizer_bytes, 0);
}

#[test]
fn smollm2_1b7_is_planned() {
    let model = Model {
        layers: 24,
        hidden: 2048,
        ffn: 8192,
        heads: 32,
        kv_heads: 32,
        head_dim: 64,
        vocab: 49_152,
        context: 2048,
        ..model()
    };
    let options = ProgramOptions {
        batch: 2,
        window: 2048,
        head_chunk: 512,
        decay: Decay::All,
        recompute: Recompute::None,
        training: true,
    };
    let (program, parameters) = build(&model, &options).unwrap();
    assert_eq!(program.parameter_bytes, 1_711_376_384 * 4);
    assert_eq!(parameters.len(), 24 * 9 + 2);
    // 6 flops a parameter and token, plus attention.
    assert!(program.flops > 6 * 1_711_376_384 * 4096 && program.flops < 7 * 1_711_376_384 * 4096);
}

#[test]
fn errors_name_the_numbers() {
    let cases: Vec<(Model, &str)> = vec![
        (Model { layers: 0, ..model() }, "`layers` is zero"),
        (Model { kv_heads: 3, ..model() }, "8 heads do not divide into 3 key/value heads"),
        (Model { head_dim: 31, ..model() }, "a head of size 31"),
        (Model { context: 128, ..model() }, "a window of 256 tokens exceeds the model's context of 128"),
        (Model { hidden: u64::MAX / 2, ..model() }, "exceeds 2^64 bytes"),
        (Model { layers: 20_000, ..model() }, "20000 layers"),
    ];
    for (model, text) in cases {
        let error = build(&model, &options(true)).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn decay_follows_the_option() {
    let names = |decay| {
        let options = ProgramOptions { decay, ..options(true) };
        let (_, parameters) = build(&Model { layers: 1, ..model() }, &options).unwrap();
        parameters.into_iter().filter(|p| !p.decay).map(|p| p.name).collect::<Vec<_>>()
    };
    assert!(names(Decay::All).is_empty());
    assert_eq!(names(Decay::NoEmbedding), ["model.embed_tokens.weight"]);
    assert_eq!(
        names(Decay::Matrices),
        [
            "model.layers.0.input_layernorm.weight",
            "model.layers.0.post_attention_layernorm.weight",
            "model.norm.weight"
        ]
    );
}

#[test]
fn text_reads_like_the_program() {
    let (program, _) = build(&Model { layers: 2, ..model() }, &options(true)).unwrap();
    let text = Text(&program).to_string();
    for line in [
        "    qkv[layer] = linear(n1[layer], qkv.weight[layer])",
        "    x[layer+1] = linear(h[layer], down.weight[layer]) + y[layer]",
        "  repeat layer in 2..0 {",
        "  dx = 0",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}
