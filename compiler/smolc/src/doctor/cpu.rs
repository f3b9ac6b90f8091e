//! CPU model, cores, threads and the vector units that kernels use.

use super::{Finding, Level, Machine};
use crate::output::number;
use crate::threads;
use std::collections::HashSet;

pub(super) fn findings(machine: &Machine) -> Vec<Finding> {
    let info = machine.read("proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        info.lines()
            .filter_map(|l| l.split_once(':'))
            .find(|(key, _)| key.trim() == name)
            .map(|(_, value)| value.trim().to_string())
    };
    let logical = info.lines().filter(|l| l.starts_with("processor")).count();
    let cores = cores(&info);
    let model = field("model name").unwrap_or_else(|| "model unknown".into());
    let count = match (cores, logical) {
        (0, 0) => String::new(),
        (0, l) => format!(", {l} logical CPUs"),
        (c, l) => format!(", {}, {l} logical CPUs", number::count(c as u64, "core", "cores")),
    };
    let mut out = vec![Finding::new("CPU", Level::Ok, format!("{model}{count}"))];

    let allowed = threads::count(None);
    out.push(if logical > allowed {
        Finding::new(
            "threads",
            Level::Info,
            format!(
                "{allowed} by default: an affinity mask or a container limit hides {}",
                logical - allowed
            ),
        )
    } else {
        Finding::new("threads", Level::Ok, format!("{allowed} by default; --threads N changes it"))
    });

    let flags = field("flags").or_else(|| field("Features")).unwrap_or_default();
    out.push(vector_units(&flags.split_whitespace().collect()));
    out
}

/// Physical cores: distinct (package, core) pairs; 0 when the file does not say.
fn cores(info: &str) -> usize {
    let (mut package, mut seen) = ("", HashSet::new());
    for line in info.lines() {
        match line.split_once(':').map(|(k, v)| (k.trim(), v.trim())) {
            Some(("physical id", v)) => package = v,
            Some(("core id", v)) => {
                seen.insert((package, v));
            }
            _ => {}
        }
    }
    seen.len()
}

fn vector_units(flags: &HashSet<&str>) -> Finding {
    let known = [
        ("avx2", "AVX2"),
        ("fma", "FMA"),
        ("avx512f", "AVX-512"),
        ("avx512_bf16", "AVX-512 bf16"),
        ("amx_tile", "AMX"),
        ("amx_bf16", "AMX bf16"),
        ("asimd", "NEON"),
        ("sve", "SVE"),
    ];
    let found: Vec<&str> = known.iter().filter(|(flag, _)| flags.contains(flag)).map(|(_, n)| *n).collect();
    let what = "vector units";
    if flags.is_empty() {
        return Finding::new(what, Level::Info, "unknown: /proc/cpuinfo lists no flags");
    }
    let fast = (flags.contains("avx2") && flags.contains("fma")) || flags.contains("asimd");
    if !fast {
        return Finding::new(
            what,
            Level::Warn,
            "no AVX2 with FMA: matrix products will be several times slower",
        )
        .fix("use a CPU of the last ten years, or let the virtual machine pass the host's features through");
    }
    let mut text = found.join(", ");
    if flags.contains("amx_bf16") {
        text.push_str(" (AMX is not used yet; f32 kernels use AVX-512)");
    }
    Finding::new(what, Level::Ok, text)
}
