//! Gives the driver its SONAME, and makes the two libraries that stand beside it: empty objects of the right names that
//! depend on it, so that a function asked of them is found there.
// A build script may panic, and speaks to cargo by printing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-env=SMOLC_FAKE_STUBS=");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libcuda.so.1");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let stubs = out.join("stubs");
    let dummy = out.join("dummy");
    fs::create_dir_all(&stubs).unwrap();
    fs::create_dir_all(&dummy).unwrap();
    fs::write(out.join("empty.c"), "").unwrap();
    // Only its name is needed to link against; the real one is found at run time by that name.
    link(&out, &dummy.join("libcuda.so.1"), "libcuda.so.1", None);
    for name in ["libcublasLt.so.13", "libnvrtc.so.13"] {
        link(&out, &stubs.join(name), name, Some(&dummy));
    }
    println!("cargo:rustc-env=SMOLC_FAKE_STUBS={}", stubs.display());
}

fn link(out: &Path, to: &Path, soname: &str, needs: Option<&Path>) {
    let mut command = cc::Build::new().get_compiler().to_command();
    command.args(["-shared", "-fPIC", "-nostdlib", "-o"]).arg(to).arg(out.join("empty.c"));
    command.arg(format!("-Wl,-soname,{soname}"));
    if let Some(folder) = needs {
        command.args(["-Wl,--no-as-needed", "-l:libcuda.so.1", "-Wl,-rpath,$ORIGIN", "-L"]).arg(folder);
    }
    let status = command.status().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(status.success(), "{command:?}");
}
