//! `smolc import`: another tool's configuration as a spec.

use crate::cli::{Foreign, ImportArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::{Console, Style, number};
use smolc_nanotron::Kind;

/// Writes the spec to standard output or `--out`, and what there is to say about the files to standard error.
pub fn execute(args: &ImportArgs, console: &Console) -> Result<Exit, Failure> {
    let Foreign::Nanotron = args.format;
    let mut texts = Vec::new();
    for path in &args.files {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Failure::environment(format!("cannot read `{}`: {e}", path.display())))?;
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        texts.push((name, text));
    }
    let imported = smolc_nanotron::import(&texts).map_err(|e| Failure::of(Exit::Environment, &e))?;
    match &args.out {
        None => console.out.print(&imported.spec)?,
        Some(path) => files::write_whole(path, &imported.spec)?,
    }
    for finding in &imported.findings {
        said(finding.kind, &finding.at, &finding.text, console)?;
    }
    let n = imported.findings.len() as u64;
    console.err.line(&number::count(n, "finding", "findings"))?;
    Ok(Exit::Done)
}

/// A finding on standard error.
pub(super) fn said(kind: Kind, at: &str, text: &str, console: &Console) -> Result<(), Failure> {
    let (style, word) = match kind {
        Kind::Wrong => (Style::Error, "wrong:"),
        Kind::Lost => (Style::Warning, "lost:"),
        Kind::Assumed => (Style::Note, "assumed:"),
    };
    Ok(console.err.line(&format!("{} {at}: {text}", console.err.style(style, word)))?)
}
