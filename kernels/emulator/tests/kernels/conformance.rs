//! The emulator against the definitions of the instructions.

use smolc_kernels_cuda::conformance::cases;
use smolc_kernels_cuda::source::of_kernel;
use smolc_kernels_emulator::{Buffer, Mode, Variant, launch, parameters};

#[test]
fn instructions_do_what_their_definitions_say() {
    for case in cases() {
        for (variant, mode) in Mode::ALL
            .iter()
            .map(|m| (Variant::Plain, *m))
            .chain([(Variant::Race, Mode { race: 1, ..Mode::ALL[1] })])
        {
            let inputs: Vec<Buffer<u16>> = case.inputs.iter().map(|x| Buffer::new(x)).collect();
            let outputs: Vec<Buffer<u8>> = case.expected.iter().map(|x| Buffer::poisoned(x.len())).collect();
            let l = (case.launch)(
                &inputs.iter().map(Buffer::address).collect::<Vec<_>>(),
                &outputs.iter().map(Buffer::address).collect::<Vec<_>>(),
            );
            launch(&l, &variant, mode).unwrap_or_else(|e| panic!("{}: {e}", case.name));
            for (i, (got, want)) in outputs.iter().zip(&case.expected).enumerate() {
                assert!(got.as_slice() == want, "{}: output {i} under {mode:?}", case.name);
            }
        }
    }
}

#[test]
fn parameters_are_known() {
    assert_eq!(parameters("swiglu_bf16", &Variant::Plain), Some(vec![8, 8, 4, 4]));
    assert_eq!(parameters("conformance_hopper", &Variant::Race).map(|p| p[0]), Some(128));
    assert_eq!(parameters("gemm", &Variant::Plain), None);
    assert!(of_kernel("swiglu_bf16").is_some());
}
