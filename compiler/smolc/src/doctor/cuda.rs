//! What a GPU needs, by trying it: the libraries are loaded and the device is asked, as a run would.

use super::{Finding, Level};
use crate::device;
use crate::output::number;
use smolc_kernels_cuda::host::{Compiler, Cubins, DeviceInfo, Library};

/// `present`: there is hardware, so that what is missing is worth a warning.
pub(super) fn findings(present: bool) -> Vec<Finding> {
    let search = device::search();
    let mut out = Vec::new();
    for (what, library) in
        [("libcuda", Library::Driver), ("libcublasLt", Library::CublasLt), ("libnvrtc", Library::Nvrtc)]
    {
        out.push(match search.load(library) {
            Ok(loaded) if library == Library::Nvrtc => {
                let version = Compiler::load(&search)
                    .map_or_else(|e| e.to_string(), |c| format!("{}.{}", c.version().0, c.version().1));
                Finding::new(what, Level::Ok, format!("{} (version {version})", loaded.path.display()))
            }
            Ok(loaded) => Finding::new(what, Level::Ok, loaded.path.display().to_string()),
            Err(error) if present => Finding::new(what, Level::Warn, error.to_string()).fix(library.remedy()),
            Err(_) => Finding::new(what, Level::Info, "not found, and there is no GPU that needs it"),
        });
    }
    out.push(match DeviceInfo::first(&search) {
        Ok(info) => Finding::new(
            "CUDA",
            Level::Ok,
            format!(
                "{} ({}, {} multiprocessors, {}), driver for CUDA {}.{}",
                info.name,
                info.arch(),
                info.multiprocessors,
                number::bytes(info.memory),
                info.driver / 1000,
                info.driver % 1000 / 10
            ),
        ),
        Err(error) if present => {
            Finding::new("CUDA", Level::Warn, error.to_string()).fix("see the lines above")
        }
        Err(_) => Finding::new("CUDA", Level::Info, "no device; this machine trains on the CPU"),
    });
    let cubins = device::cubins();
    let cached = std::fs::read_dir(cubins.folder()).map_or(0, |list| list.flatten().count());
    let built_in = match Cubins::embedded().as_slice() {
        [] => "none built in".to_string(),
        list => format!("built in for {}", list.join(", ")),
    };
    let text = format!(
        "{built_in}; {} in {}",
        number::count(cached as u64, "file", "files"),
        cubins.folder().display()
    );
    out.push(Finding::new("GPU kernels", Level::Info, text));
    out
}
