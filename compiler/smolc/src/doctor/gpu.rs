//! NVIDIA devices, their driver and the libraries the CUDA back end loads. A plain search of files.

use super::{Finding, Level, Machine, names};
use std::path::{Path, PathBuf};

/// Where distributions, containers and WSL put libraries, besides `LD_LIBRARY_PATH` and `/etc/ld.so.conf.d`.
const LIBRARY_FOLDERS: [&str; 10] = [
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "usr/lib64",
    "usr/lib",
    "lib64",
    "usr/local/cuda/lib64",
    "usr/local/cuda/targets/x86_64-linux/lib",
    "usr/local/nvidia/lib64",
    "usr/lib/wsl/lib",
    "opt/cuda/lib64",
];

pub(super) fn findings(machine: &Machine) -> Vec<Finding> {
    let (gpu, present) = devices(machine);
    let mut out = vec![gpu];
    if machine.own {
        out.extend(super::cuda::findings(present));
        return out;
    }
    for (what, file, why, fix) in [
        (
            "libcuda",
            "libcuda.so",
            "it comes with the driver",
            "install the NVIDIA driver, or start the container with --gpus all",
        ),
        (
            "libcublasLt",
            "libcublasLt.so",
            "it comes with the CUDA toolkit",
            "install the CUDA toolkit's libcublas package, or set LD_LIBRARY_PATH",
        ),
    ] {
        out.push(match library(machine, file) {
            Some(found) => Finding::new(what, Level::Ok, found),
            None if present => Finding::new(what, Level::Warn, format!("not found; {why}")).fix(fix),
            None => Finding::new(
                what,
                Level::Info,
                format!("not found, and there is no GPU that needs it; {why}"),
            ),
        });
    }
    out
}

fn devices(machine: &Machine) -> (Finding, bool) {
    let what = "GPU";
    let driver = machine.read("proc/driver/nvidia/version").map(|text| driver_version(&text));
    let models: Vec<String> = machine
        .list("proc/driver/nvidia/gpus")
        .iter()
        .filter_map(|id| machine.read(&format!("proc/driver/nvidia/gpus/{id}/information")))
        .filter_map(|text| text.lines().find_map(|l| l.strip_prefix("Model:").map(|m| m.trim().to_string())))
        .collect();
    let nodes = machine
        .list("dev")
        .iter()
        .filter(|n| {
            n.strip_prefix("nvidia").is_some_and(|r| !r.is_empty() && r.bytes().all(|b| b.is_ascii_digit()))
        })
        .count();
    // 0x10de is NVIDIA's PCI vendor id, 0x03 the class of display and 3D controllers.
    let pci = machine
        .list("sys/bus/pci/devices")
        .iter()
        .filter(|id| {
            let read = |f: &str| machine.read(&format!("sys/bus/pci/devices/{id}/{f}")).unwrap_or_default();
            read("vendor").trim() == "0x10de" && read("class").trim().starts_with("0x03")
        })
        .count();
    match (driver, models.is_empty(), nodes, pci) {
        (Some(driver), false, n, _) if n > 0 => {
            let text = format!("{} (driver {driver})", models.join(", "));
            (Finding::new(what, Level::Ok, text), true)
        }
        (Some(driver), _, 0, _) => {
            let text = format!("driver {driver} is loaded, but there is no /dev/nvidia0");
            let fix = "run nvidia-smi once as root, or start the container with --gpus all";
            (Finding::new(what, Level::Warn, text).fix(fix), true)
        }
        (None, _, 0, 0) => {
            (Finding::new(what, Level::Info, "no NVIDIA GPU; this machine trains on the CPU"), false)
        }
        (None, _, 0, n) => {
            let text = format!("{n} NVIDIA device(s) on the PCI bus, but no driver is loaded");
            (Finding::new(what, Level::Warn, text).fix("install the NVIDIA driver"), true)
        }
        (_, _, n, _) => {
            (Finding::new(what, Level::Ok, format!("{n} NVIDIA device(s) of unknown model")), true)
        }
    }
}

/// `NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  …` → `580.65.06`.
fn driver_version(text: &str) -> String {
    let words = text.lines().next().unwrap_or("").split_whitespace();
    let version = |w: &&str| w.contains('.') && w.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    words.into_iter().find(version).unwrap_or("of unknown version").to_string()
}

/// The first library whose name begins with `prefix`: its path, and the version its real name carries.
fn library(machine: &Machine, prefix: &str) -> Option<String> {
    for folder in folders(machine) {
        // The shortest name is the link that a loader asks for.
        let found = names(&folder)
            .into_iter()
            .filter(|n| n.strip_prefix(prefix).is_some_and(|r| r.is_empty() || r.starts_with('.')))
            .min_by_key(String::len);
        if let Some(name) = found {
            let path = folder.join(&name);
            let real = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            let version = real
                .file_name()
                .and_then(|n| n.to_str())
                .and_then(|n| n.strip_prefix(prefix)?.strip_prefix('.'))
                .map_or_else(String::new, |v| format!(" (version {v})"));
            return Some(format!("{}{version}", path.display()));
        }
    }
    None
}

fn folders(machine: &Machine) -> Vec<PathBuf> {
    let mut out = machine.library_path.clone();
    for name in machine.list("etc/ld.so.conf.d") {
        let text = machine.read(&format!("etc/ld.so.conf.d/{name}")).unwrap_or_default();
        let lines = text.lines().map(str::trim).filter(|l| l.starts_with('/'));
        out.extend(lines.map(|l| machine.path(l)));
    }
    out.extend(LIBRARY_FOLDERS.iter().map(|f| machine.path(f)));
    out.retain(|p| Path::is_dir(p));
    out
}
