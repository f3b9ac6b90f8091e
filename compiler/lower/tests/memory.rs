//! What the checker says a run takes on one device is what the step program takes.
// Helpers of tests count as code to clippy.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use smolc_lower::program::{Decay, ProgramOptions, build_in};
use smolc_plan::memory::memory;
use smolc_plan::{Batch, Device, Family, Init, Model, Precision, Recompute, Rope, Target};

/// layers, hidden, ffn, heads, key/value heads, head size, vocabulary
const SHAPES: [[u64; 7]; 6] = [
    [24, 2048, 8192, 32, 32, 64, 49_152],
    [32, 960, 2560, 15, 5, 64, 49_152],
    [30, 576, 1536, 9, 3, 64, 49_152],
    [36, 2048, 11_008, 16, 4, 128, 128_256],
    [28, 1536, 8960, 12, 2, 128, 151_936],
    [6, 256, 704, 8, 4, 32, 4096],
];

fn model([layers, hidden, ffn, heads, kv_heads, head_dim, vocab]: [u64; 7]) -> Model {
    Model {
        name: "m".into(),
        family: Family::Llama,
        layers,
        hidden,
        ffn,
        heads,
        kv_heads,
        head_dim,
        vocab,
        context: 8192,
        tied: true,
        norm_eps: 1e-5,
        rope: Rope { theta: 10_000.0, scaling: None, skip_every: None },
        init: Init { std: 0.02 },
    }
}

fn target(precision: Precision, recompute: Recompute) -> Target {
    Target {
        name: "t".into(),
        device: Device { name: "d".into(), memory: 80 << 30, bandwidth: 1e12, peak: 1e15 },
        count: 1,
        data_parallel: 1,
        tensor_parallel: 1,
        pipeline_parallel: 1,
        zero: 0,
        precision,
        recompute,
        head_chunk: precision.head_chunk(),
        utilization: 0.4,
        price: None,
    }
}

#[test]
fn the_checker_and_the_program_agree_within_two_percent() {
    let mut worst = 0f64;
    for shape in SHAPES {
        for precision in [Precision::F32, Precision::Bf16] {
            for recompute in Recompute::ALL {
                for (micro, window) in [(1, 512), (1, 2048), (4, 2048), (16, 2048), (2, 8192)] {
                    let model = model(shape);
                    let options = ProgramOptions {
                        batch: micro,
                        window,
                        head_chunk: target(precision, recompute).head_chunk,
                        decay: Decay::All,
                        recompute,
                        training: true,
                    };
                    let (program, _) = build_in(&model, &options, precision).unwrap();
                    let batch = Batch { sequences: micro, window, micro };
                    let said = memory(&model, &batch, &target(precision, recompute), false).unwrap();
                    let off = said.peak() / program.arena_bytes as f64 - 1.0;
                    worst = worst.max(off.abs());
                    assert!(
                        off.abs() <= 0.02,
                        "{shape:?} {precision:?} {recompute:?} {micro} of {window}: {:.1}% off: {said:?}, the program {} \
                         parameters, {} gradients, {} optimizer, {} activations",
                        100.0 * off,
                        program.parameter_bytes,
                        program.gradient_bytes,
                        program.optimizer_bytes,
                        program.activation_bytes,
                    );
                }
            }
        }
    }
    println!("at most {:.2}% off", 100.0 * worst);
}

/// Less memory for more computation, level by level; what is computed again is not counted as the model's.
#[test]
fn every_level_of_recomputation_takes_less() {
    let program = |recompute| {
        let options = ProgramOptions {
            batch: 4,
            window: 2048,
            head_chunk: Precision::Bf16.head_chunk(),
            decay: Decay::All,
            recompute,
            training: true,
        };
        build_in(&model(SHAPES[0]), &options, Precision::Bf16).unwrap().0
    };
    let [none, elementwise, layers] = Recompute::ALL.map(program);
    let activations = [&none, &elementwise, &layers].map(|p| p.activation_bytes as f64);
    assert!(
        activations[1] < 0.75 * activations[0] && activations[2] < 0.15 * activations[0],
        "{activations:?}"
    );
    assert_eq!([none.flops, elementwise.flops], [layers.flops; 2]);
    assert_eq!([none.recomputed_flops, elementwise.recomputed_flops], [0; 2]);
    // The forward pass but for the down projection and the head.
    let share = layers.recomputed_flops as f64 / layers.flops as f64;
    assert!((0.2..0.33).contains(&share), "{share}");
}
