//! Collects the pages of `codes/<area>/<name>.md` into one table: adding a code is adding a file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=codes");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("codes");
    let mut pages = Vec::new();
    for area in sorted(&root)?.into_iter().filter(|p| p.is_dir()) {
        println!("cargo::rerun-if-changed={}", area.display());
        for page in sorted(&area)?.into_iter().filter(|p| p.extension().is_some_and(|e| e == "md")) {
            let (Some(a), Some(n)) = (area.file_name(), page.file_stem()) else { continue };
            pages.push((format!("smol::{}::{}", a.to_string_lossy(), n.to_string_lossy()), page));
        }
    }
    pages.sort();
    let mut table = String::from("&[\n");
    for (code, path) in &pages {
        writeln!(table, "    ({code:?}, include_str!({:?})),", path.display().to_string())
            .map_err(io::Error::other)?;
    }
    table.push_str("]\n");
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    fs::write(out.join("codes.rs"), table)
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    Ok(entries)
}
