//! A GPU for tests that is not there: `libcuda.so.1`, with NVRTC and cuBLASLt in the same object.
//!
//! The real binary loads it as it would load NVIDIA's and does everything it does on a GPU: it compiles its kernels (the
//! image is a token), loads modules, allocates, copies, plans products and launches. Launches run the unchanged CUDA
//! sources on the emulator. Work of a stream is done as late as the rules allow: when somebody waits for it, so that a
//! missing wait or an event in the wrong place gives wrong numbers here and not only on a GPU. Graphs are captured and
//! launched, and what CUDA forbids meanwhile is an error.
//!
//! `SMOLC_FAKE_GPU` chooses the device: `sm_90` (default) or another capability from 8.0, `none` for a driver without one.
//! `SMOLC_FAKE_MEMORY` is its memory in bytes. `SMOLC_FAKE_LOG` is a file that gets a line a call worth counting.
//! What it cannot show: speed, and everything that the emulator cannot.
#![allow(unsafe_code, non_snake_case, missing_docs)] // the interface is NVIDIA's, and documented there
#![allow(clippy::missing_safety_doc, clippy::not_unsafe_ptr_arg_deref, clippy::too_many_arguments)]
#![allow(clippy::indexing_slicing)] // for tests only: a panic is a failed test

mod blas;
mod capture;
mod driver;
mod nvrtc;
mod streams;

use std::path::{Path, PathBuf};

/// Folder of the libraries that stand beside the driver.
const STUBS: &str = env!("SMOLC_FAKE_STUBS");

/// Makes `folder` one that holds the driver and the libraries under NVIDIA's names. `driver` is this crate's shared object.
pub fn install(driver: &Path, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for name in ["libcublasLt.so.13", "libnvrtc.so.13"] {
        std::fs::copy(PathBuf::from(STUBS).join(name), folder.join(name))?;
    }
    std::fs::copy(driver, folder.join("libcuda.so.1"))?;
    Ok(())
}

/// The shared object of this crate, beside the executable of a test; `None` where the emulator was not built.
pub fn driver_of_this_build() -> Option<PathBuf> {
    if !smolc_kernels_emulator::AVAILABLE {
        return None;
    }
    let deps = std::env::current_exe().ok()?.parent()?.to_path_buf();
    let name = format!("{}smolc_fake_driver{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    [deps.join(&name), deps.parent()?.join(&name)].into_iter().find(|p| p.exists())
}

/// One line to the log, if there is one.
fn log(line: &str) {
    use std::io::Write;
    if let Some(path) = std::env::var_os("SMOLC_FAKE_LOG")
        && let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(path)
    {
        // A log that cannot be written makes the test that reads it fail.
        let _ = writeln!(file, "{line}");
    }
}
