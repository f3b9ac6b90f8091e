//! With `KERNELS_NVCC=/path/to/nvcc`, compiles every kernel and embeds the cubins, for `KERNELS_ARCHS` (default
//! `sm_90a`, separated by commas or spaces). Without it, embeds nothing and needs nothing.
// A build script may panic, and speaks to cargo by printing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=KERNELS_NVCC");
    println!("cargo:rerun-if-env-changed=KERNELS_ARCHS");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let source = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("src");
    let mut table = String::new();
    if let Some(nvcc) = env::var_os("KERNELS_NVCC") {
        let archs = env::var("KERNELS_ARCHS").unwrap_or_else(|_| "sm_90a".into());
        for arch in archs.split([',', ' ']).filter(|a| !a.is_empty()) {
            for file in files(&source) {
                let name = file.file_name().unwrap().to_str().unwrap().to_string();
                if name.ends_with("_hopper.cu") && arch != "sm_90a" {
                    continue;
                }
                let cubin = out.join(format!("{name}.{arch}.cubin"));
                compile(Path::new(&nvcc), arch, &source, &file, &cubin);
                table += &format!(
                    "    ({name:?}, {arch:?}, include_bytes!({:?})),\n",
                    cubin.display().to_string()
                );
            }
        }
    }
    let text = format!("static EMBEDDED: &[(&str, &str, &[u8])] = &[\n{table}];\n");
    fs::write(out.join("embedded.rs"), text).unwrap();
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    all.retain(|p| p.extension().is_some_and(|e| e == "cu"));
    all.sort();
    all
}

fn compile(nvcc: &Path, arch: &str, include: &Path, file: &Path, cubin: &Path) {
    // The short form `-arch=sm_90a` makes another pass for compute_90, which refuses Hopper's own instructions.
    let code = format!("-gencode=arch={},code={arch}", arch.replace("sm_", "compute_"));
    let run = Command::new(nvcc)
        .args(["-std=c++17", "-O3", &code, "-Xptxas", "-v", "-cubin", "-o"])
        .arg(cubin)
        .arg("-I")
        .arg(include)
        .arg(file)
        .output()
        .unwrap_or_else(|e| panic!("KERNELS_NVCC={}: {e}", nvcc.display()));
    let log = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{} does not compile for {arch}:\n{log}", file.display());
    let spills = |l: &str| {
        l.contains("bytes spill stores") && !l.contains("0 bytes spill stores, 0 bytes spill loads")
    };
    for line in log.lines().filter(|l| spills(l) || l.contains("C7508") || l.contains("serialized")) {
        println!("cargo:warning={} for {arch}: {line}", file.file_name().unwrap().to_string_lossy());
    }
}
