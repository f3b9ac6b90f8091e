//! `smolc new`: a project to begin with.

use crate::cli::NewArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::{Console, Style};
use smolc_diag::codes;
use std::path::Path;

const SPEC: &str = include_str!("../../templates/spec.smol");
const README: &str = include_str!("../../templates/README.md");

/// Writes a directory with a spec that checks clean and trains at once, on text that is put beside it.
pub fn execute(args: &NewArgs, console: &Console) -> Result<Exit, Failure> {
    let folder = &args.path;
    let name = folder
        .file_name()
        .and_then(|n| n.to_str())
        .filter(|n| !n.starts_with(['.', '-']) && !n.contains(char::is_control))
        .ok_or_else(|| {
            Failure::usage(format!("`{}` cannot be the name of a project", folder.display()))
                .help("give the path of a new directory, such as `my-model`")
        })?;
    if folder.exists() {
        let empty = folder.is_dir() && std::fs::read_dir(folder).is_ok_and(|mut d| d.next().is_none());
        if !empty {
            return Err(Failure::environment(format!("`{}` is there already", folder.display()))
                .help("nothing was written; give the path of a new or an empty directory"));
        }
    }
    let spec = format!("{name}.smol");
    let text = folder.join("text");
    std::fs::create_dir_all(&text)
        .map_err(|e| Failure::environment(format!("cannot create `{}`: {e}", text.display())))?;
    for code in codes::all() {
        let page = codes::page(code).unwrap_or("");
        files::write_whole(&text.join(format!("{}.md", code.replace("::", "-"))), page)?;
    }
    files::write_whole(&folder.join(&spec), &SPEC.replace("{name}", name))?;
    files::write_whole(&folder.join("README.md"), &README.replace("{name}", name))?;
    files::write_whole(&folder.join(".gitignore"), "/runs\n")?;
    let out = &console.out;
    out.line(&format!("{} {}", out.style(Style::Good, "created"), folder.display()))?;
    for command in ["check", "plan", "run"] {
        out.line(&format!("  smolc {command} {}", shown(&folder.join(&spec))))?;
    }
    Ok(Exit::Done)
}

/// A path as one would type it.
fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    if text.contains(char::is_whitespace) { format!("'{text}'") } else { text }
}
