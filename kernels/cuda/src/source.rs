//! The CUDA sources as text.
//!
//! Every file includes headers by their path from `src/` (`"common/vec.cuh"`), which is the name NVRTC is to be given for
//! the in-memory header. The files named `*_hopper.cu` need `sm_90a`; all others compile for `sm_80` and later. Options that
//! the kernels expect: `--std=c++17`, and neither `--use_fast_math` nor another relaxed arithmetic.

/// A file of kernels.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// File name, `swiglu.cu`.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
    /// Whether it needs the Hopper instructions (`sm_90a`): the files named `*_hopper.cu`.
    pub hopper: bool,
}

macro_rules! sources {
    (portable: $($name:literal)* hopper: $($hopper:literal)*) => {
        &[
            $(Source { name: concat!($name, ".cu"), text: include_str!(concat!($name, ".cu")), hopper: false },)*
            $(Source { name: concat!($hopper, ".cu"), text: include_str!(concat!($hopper, ".cu")), hopper: true },)*
        ]
    };
}

macro_rules! headers {
    ($($name:literal)*) => { &[$(($name, include_str!($name))),*] };
}

/// Every file of kernels.
pub const SOURCES: &[Source] = sources! {
    portable:
    "adamw" "attention_backward" "attention_decode" "attention_dq_finish" "attention_f32" "attention_forward" "bias" "conformance"
    "cross_entropy" "embed" "grad_norm" "rms_norm" "rope" "sampling" "swiglu" "utility"
    hopper:
    "attention_backward_hopper" "attention_backward_unordered_hopper" "attention_forward_hopper" "conformance_hopper"
};

/// Every header, by the name it is included by.
pub const HEADERS: &[(&str, &str)] = headers! {
    "attention_backward_hopper.cuh" "attention_hopper.cuh" "attention_mma.cuh" "attention_tile.cuh"
    "common/atomic.cuh" "common/barrier.cuh" "common/bulk.cuh" "common/cp_async.cuh" "common/math.cuh" "common/mbar.cuh" "common/mma.cuh"
    "common/philox.cuh" "common/reduce.cuh" "common/tma.cuh" "common/turn.cuh" "common/types.cuh" "common/vec.cuh" "common/warp.cuh"
    "common/wgmma.cuh"
};

/// The file that holds a kernel of this name: what to compile for a launch.
pub fn of_kernel(name: &str) -> Option<&'static Source> {
    let (_, file) = KERNELS.iter().find(|(prefix, _)| name.starts_with(prefix))?;
    SOURCES.iter().find(|s| s.name == *file)
}

/// Beginnings of kernel names and their files; the first that fits counts.
const KERNELS: &[(&str, &str)] = &[
    ("attention_forward_hopper", "attention_forward_hopper.cu"),
    ("attention_backward_hopper", "attention_backward_hopper.cu"),
    ("attention_backward_unordered_hopper", "attention_backward_unordered_hopper.cu"),
    ("attention_dq_finish", "attention_dq_finish.cu"),
    ("attention_forward_f32", "attention_f32.cu"),
    ("attention_dkdv_f32", "attention_f32.cu"),
    ("attention_dq_f32", "attention_f32.cu"),
    ("attention_forward", "attention_forward.cu"),
    ("attention_dkdv", "attention_backward.cu"),
    ("attention_dq", "attention_backward.cu"),
    ("attention_delta", "attention_backward.cu"),
    ("attention_decode", "attention_decode.cu"),
    ("cache_append", "attention_decode.cu"),
    ("adamw", "adamw.cu"),
    ("bias", "bias.cu"),
    ("conformance_mma", "conformance.cu"),
    ("conformance_hopper", "conformance_hopper.cu"),
    ("cross_entropy", "cross_entropy.cu"),
    ("weighted_loss", "cross_entropy.cu"),
    ("embed", "embed.cu"),
    ("sort", "embed.cu"),
    ("grad_norm", "grad_norm.cu"),
    ("rms_norm", "rms_norm.cu"),
    ("rope", "rope.cu"),
    ("sample", "sampling.cu"),
    ("swiglu", "swiglu.cu"),
    ("cast", "utility.cu"),
    ("fill_normal", "utility.cu"),
    ("count_nonfinite", "utility.cu"),
    ("checksum", "utility.cu"),
    ("document_starts", "utility.cu"),
    ("philox", "utility.cu"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What the sources include is among the headers, and every file on disk is listed.
    #[test]
    fn includes_resolve_and_nothing_is_forgotten() {
        let names: Vec<&str> = HEADERS.iter().map(|h| h.0).collect();
        for (file, text) in SOURCES.iter().map(|s| (s.name, s.text)).chain(HEADERS.iter().copied()) {
            for line in text.lines().filter(|l| l.trim_start().starts_with("#include")) {
                let name =
                    line.split('"').nth(1).unwrap_or_else(|| panic!("{file}: {line}: no system headers"));
                assert!(names.contains(&name), "{file} includes {name}, which is not embedded");
            }
        }
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for (folder, prefix, end) in [("", "", ".cu"), ("", "", ".cuh"), ("common", "common/", ".cuh")] {
            for entry in std::fs::read_dir(root.join(folder)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if name.ends_with(end) {
                    let name = format!("{prefix}{name}");
                    assert!(
                        names.contains(&name.as_str()) || SOURCES.iter().any(|s| s.name == name),
                        "{name} is not listed in source.rs"
                    );
                }
            }
        }
    }

    #[test]
    fn hopper_files_are_named_so() {
        assert!(SOURCES.iter().all(|s| s.hopper == s.name.ends_with("_hopper.cu")));
    }

    /// Every kernel a file makes known is found in that file, and in no other.
    #[test]
    fn kernels_are_found_by_name() {
        for source in SOURCES {
            for line in source.text.lines().filter(|l| l.trim_start().starts_with("EMULATE")) {
                let name = line.split(['(', ')', '#']).nth(1).unwrap();
                assert_eq!(of_kernel(name).map(|s| s.name), Some(source.name), "{name}");
            }
        }
        assert!(of_kernel("gemm").is_none());
    }
}
