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
    /// Whether it needs the Hopper instructions (`sm_90a`).
    pub hopper: bool,
}

macro_rules! sources {
    ($($name:literal)*) => {
        &[$(Source { name: concat!($name, ".cu"), text: include_str!(concat!($name, ".cu")), hopper: is_hopper($name) }),*]
    };
}

macro_rules! headers {
    ($($name:literal)*) => { &[$(($name, include_str!($name))),*] };
}

/// Every file of kernels.
pub const SOURCES: &[Source] = sources! {
    "adamw" "attention_backward" "attention_backward_hopper" "attention_decode" "attention_f32" "attention_forward"
    "attention_forward_hopper" "cross_entropy" "embed" "grad_norm" "rms_norm" "rope" "sampling" "swiglu" "utility"
};

/// Every header, by the name it is included by.
pub const HEADERS: &[(&str, &str)] = headers! {
    "attention_hopper.cuh" "attention_mma.cuh" "attention_tile.cuh"
    "common/atomic.cuh" "common/barrier.cuh" "common/cp_async.cuh" "common/math.cuh" "common/mbar.cuh" "common/mma.cuh"
    "common/philox.cuh" "common/reduce.cuh" "common/tma.cuh" "common/types.cuh" "common/vec.cuh" "common/warp.cuh"
    "common/wgmma.cuh"
};

const fn is_hopper(name: &str) -> bool {
    let (name, end) = (name.as_bytes(), b"_hopper");
    if name.len() < end.len() {
        return false;
    }
    let mut i = 0;
    while i < end.len() {
        if name[name.len() - end.len() + i] != end[i] {
            return false;
        }
        i += 1;
    }
    true
}

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
    fn hopper_files_are_known_by_name() {
        assert!(is_hopper("attention_forward_hopper") && !is_hopper("swiglu") && !is_hopper("hop"));
    }
}
