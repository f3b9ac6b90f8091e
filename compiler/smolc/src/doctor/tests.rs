use super::*;

fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Machine) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let machine = Machine { root: dir.path().to_path_buf(), library_path: Vec::new(), own: false };
    (dir, machine)
}

fn find<'a>(findings: &'a [Finding], what: &str) -> &'a Finding {
    findings.iter().find(|f| f.what == what).unwrap()
}

const CPU: &str = "processor\t: 0\nmodel name\t: Some CPU\nphysical id\t: 0\ncore id\t\t: 0\nflags\t\t: fpu avx2 fma avx512f\n\n\
                   processor\t: 1\nmodel name\t: Some CPU\nphysical id\t: 0\ncore id\t\t: 0\nflags\t\t: fpu avx2 fma avx512f\n";

#[test]
fn an_empty_machine_is_described_without_failing() {
    let (_dir, m) = machine(&[]);
    let findings = examine(&m);
    assert_eq!(find(&findings, "GPU").level, Level::Info);
    assert_eq!(find(&findings, "memory").level, Level::Info);
    assert_eq!(find(&findings, "vector units").level, Level::Info);
}

#[test]
fn cores_features_memory_and_huge_pages_are_read() {
    let (_dir, m) = machine(&[
        ("proc/cpuinfo", CPU),
        ("proc/meminfo", "MemTotal:       16777216 kB\nMemFree: 1 kB\nMemAvailable:    8388608 kB\n"),
        ("sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n"),
    ]);
    let findings = examine(&m);
    assert_eq!(find(&findings, "CPU").found, "Some CPU, 1 core, 2 logical CPUs");
    assert_eq!(find(&findings, "vector units").found, "AVX2, FMA, AVX-512");
    assert_eq!(find(&findings, "memory").found, "16 GiB in all, 8 GiB available");
    let pages = find(&findings, "huge pages");
    assert!(pages.level == Level::Warn && pages.fix.as_deref().unwrap().contains("madvise"));
}

#[test]
fn a_gpu_without_its_libraries_says_which_is_missing() {
    let (_dir, m) = machine(&[
        (
            "proc/driver/nvidia/version",
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun\nGCC version: gcc 12.2.0\n",
        ),
        ("proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: \t\t NVIDIA H200\nIRQ: 1\n"),
        ("dev/nvidia0", ""),
        ("dev/nvidiactl", ""),
        ("usr/lib64/libcuda.so.580.65.06", ""),
    ]);
    let findings = examine(&m);
    assert!(find(&findings, "GPU").found.starts_with("NVIDIA H200 (driver 580.65.06)"));
    assert!(find(&findings, "libcuda").found.ends_with("(version 580.65.06)"));
    assert_eq!(find(&findings, "libcublasLt").level, Level::Warn);
}

#[test]
fn a_device_without_a_driver_is_named() {
    let (_dir, m) = machine(&[
        ("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n"),
        ("sys/bus/pci/devices/0000:01:00.0/class", "0x030200\n"),
    ]);
    let gpu = find(&examine(&m), "GPU").clone();
    assert_eq!(gpu.level, Level::Warn);
    assert!(gpu.found.contains("no driver"));
}
