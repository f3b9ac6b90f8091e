//! `smolc import`: another tool's configuration as a spec.

use crate::cli::{Foreign, ImportArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Console, Style, number};
use smolc_nanotron::Kind;
use std::path::Path;

/// Writes the spec to standard output or `--out`, and what there is to say about the files to standard error.
pub fn execute(args: &ImportArgs, console: &Console) -> Result<Exit, Failure> {
    let Foreign::Nanotron = args.format;
    let mut files = Vec::new();
    for path in &args.files {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Failure::environment(format!("cannot read `{}`: {e}", path.display())))?;
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        files.push((name, text));
    }
    let imported = smolc_nanotron::import(&files).map_err(|e| Failure::of(Exit::Environment, &e))?;
    match &args.out {
        None => console.out.print(&imported.spec)?,
        Some(path) => write_whole(path, &imported.spec)?,
    }
    for finding in &imported.findings {
        let (style, word) = match finding.kind {
            Kind::Wrong => (Style::Error, "wrong:"),
            Kind::Lost => (Style::Warning, "lost:"),
            Kind::Assumed => (Style::Note, "assumed:"),
        };
        console.err.line(&format!("{} {}: {}", console.err.style(style, word), finding.at, finding.text))?;
    }
    let n = imported.findings.len() as u64;
    console.err.line(&number::count(n, "finding", "findings"))?;
    Ok(Exit::Done)
}

/// A file is the old one or the new one, never half of it.
pub(super) fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::environment(format!("cannot write `{}`: {e}", path.display()));
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let temporary = parent.join(format!(".{name}.{}.tmp", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::create(&temporary)?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(|e| {
        // The first error is the one to report.
        let _ = std::fs::remove_file(&temporary);
        failed(e)
    })
}
