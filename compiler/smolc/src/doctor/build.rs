//! How this binary was built.

use super::{Finding, Level};

pub(super) fn findings() -> Vec<Finding> {
    let version = env!("CARGO_PKG_VERSION");
    let jit = if cfg!(feature = "jit") { "schedules compiled by Cranelift" } else { "schedules interpreted" };
    let what = format!("smolc {version}, {} {}, {jit}", std::env::consts::OS, std::env::consts::ARCH);
    let finding = if cfg!(debug_assertions) {
        Finding::new("build", Level::Warn, format!("{what}, built without optimization"))
            .fix("train with a release build: cargo build --release")
    } else {
        Finding::new("build", Level::Ok, what)
    };
    vec![finding]
}
