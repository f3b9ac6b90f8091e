//! The backward pass on Hopper, whose blocks take turns at the sums of dq.

use smolc_kernels_cuda::Launch;
use smolc_kernels_cuda::launch::attention::{self, Path, Shape};
use smolc_kernels_emulator::{Mode, Variant};

use crate::attention::{Documents, Inputs};
use crate::common::*;

/// Blocks that take turns: seven tiles of keys, with documents across them, batches and a group, so that many are in progress
/// and most tiles of queries have several blocks. The bits are those of any other schedule and of any repeat.
#[test]
fn turns_have_one_order() {
    for (d, heads, kv_heads, documents) in
        [(64, 2, 1, Documents::Random(400)), (64, 1, 1, Documents::Whole), (128, 2, 1, Documents::At(513))]
    {
        let shape = Shape { batch: 2, window: 780, heads, kv_heads, head_dim: d };
        let inputs = Inputs::<u16>::new(shape, documents, 1.0);
        let first = run(&|r| inputs.run(Path::Hopper, false, r), &Variant::Plain, Mode::ALL[0]);
        inputs.check(&format!("{shape:?} {documents:?}"), &first, false);
        for order in [1, 7, 8, 9] {
            let mode = Mode { order, ..Mode::ALL[0] };
            let again = run(&|r| inputs.run(Path::Hopper, false, r), &Variant::Plain, mode);
            assert!(again == first, "bits differ under {mode:?}");
        }
    }
}

/// The kernel without an order, which only measurements use, is right too.
#[test]
fn unordered_sums() {
    for (d, documents) in [(64, Documents::At(65)), (128, Documents::Whole)] {
        let shape = Shape { batch: 2, window: 300, heads: 2, kv_heads: 1, head_dim: d };
        let inputs = Inputs::<u16>::new(shape, documents, 1.0);
        let case = |r: &mut dyn FnMut(&Launch)| {
            inputs.run_with(Path::Hopper, true, attention::backward_unordered, r)
        };
        for mode in Mode::ALL {
            inputs.check(&format!("{shape:?} {mode:?}"), &run(&case, &Variant::Plain, mode), true);
        }
        without_races(&case);
    }
}

/// Scratch memory is f32 dq in whole tiles and a counter for each; paths without it say so.
#[test]
fn scratch_of_the_backward_pass() {
    let shape = Shape { batch: 2, window: 129, heads: 3, kv_heads: 1, head_dim: 64 };
    let bytes = |dtype, path| attention::backward_scratch(dtype, path, shape);
    assert_eq!(bytes(u16::DTYPE, Path::Hopper), 2 * 3 * 2 * (128 * 64 * 4) + 48);
    assert_eq!((bytes(u16::DTYPE, Path::Portable), bytes(f32::DTYPE, Path::Hopper)), (0, 0));
}
