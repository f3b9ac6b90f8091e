//! The standard library as files, so that an editor can open what a name leads to.

use crate::files;
use smolc_check::load::STD;
use std::path::PathBuf;

/// Where the library of this version is put: the cache directory of the user, else the temporary one.
fn folder() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME")
        .or_else(|| std::env::home_dir().map(|h| h.join(".cache")))
        .unwrap_or_else(std::env::temp_dir);
    cache.join("smolc").join(env!("CARGO_PKG_VERSION")).join("std")
}

/// The file that holds a module of the library, written if it is not there or is another text.
pub fn file(module: &str) -> Option<String> {
    let (name, text) = STD.iter().find(|(name, _)| module.strip_prefix("std.") == Some(name))?;
    let path = folder().join(format!("{name}.smol"));
    if std::fs::read_to_string(&path).ok().as_deref() != Some(text) {
        std::fs::create_dir_all(path.parent()?).ok()?;
        files::write_whole(&path, text).ok()?;
    }
    path.to_str().map(str::to_owned)
}

/// The module that a file of the library holds.
pub fn module(path: &str) -> Option<String> {
    let inside = PathBuf::from(path);
    let name = inside.strip_prefix(folder()).ok()?.to_str()?.strip_suffix(".smol")?.to_owned();
    STD.iter().any(|(n, _)| *n == name).then(|| format!("std.{name}"))
}
