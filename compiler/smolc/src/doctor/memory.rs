//! Memory and huge pages.

use super::{Finding, Level, Machine};
use crate::output::number::bytes;

pub(super) fn findings(machine: &Machine) -> Vec<Finding> {
    vec![memory(machine), huge_pages(machine)]
}

fn memory(machine: &Machine) -> Finding {
    let info = machine.read("proc/meminfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?.checked_mul(1024)
    };
    let (Some(total), Some(available)) = (field("MemTotal"), field("MemAvailable")) else {
        return Finding::new("memory", Level::Info, "unknown: /proc/meminfo cannot be read");
    };
    // cgroup v2; "max" means no limit.
    let limit = machine.read("sys/fs/cgroup/memory.max").and_then(|t| t.trim().parse::<u64>().ok());
    let mut text = format!("{} in all, {} available", bytes(total), bytes(available));
    let mut usable = available;
    if let Some(limit) = limit.filter(|l| *l < total) {
        text.push_str(&format!(", limited to {} by the container", bytes(limit)));
        usable = usable.min(limit);
    }
    if usable < 1 << 30 {
        return Finding::new("memory", Level::Warn, text)
            .fix("free some: the quickstart needs about 1 GiB; `smolc plan` shows what a spec needs");
    }
    Finding::new("memory", Level::Ok, text)
}

fn huge_pages(machine: &Machine) -> Finding {
    let what = "huge pages";
    let Some(text) = machine.read("sys/kernel/mm/transparent_hugepage/enabled") else {
        return Finding::new(what, Level::Info, "unknown: the kernel shows no transparent huge page setting");
    };
    let mode = text.split('[').nth(1).and_then(|t| t.split(']').next()).unwrap_or("").to_string();
    match mode.as_str() {
        "always" | "madvise" => Finding::new(what, Level::Ok, format!("transparent huge pages: {mode}")),
        _ => {
            Finding::new(what, Level::Warn, format!("transparent huge pages: {mode}; memory is read slower"))
                .fix("as root: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled")
        }
    }
}
