//! Writing files whole: temporary name, fsync, rename, so that a crash leaves the old text or the new one.

use crate::failure::Failure;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Replaces a file by a text. A link stays a link; the permissions stay what they were.
pub fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    replace(path, text.as_bytes())
        .map_err(|e| Failure::environment(format!("cannot write `{}`: {e}", path.display())))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = if path.is_symlink() { path.canonicalize()? } else { path.to_path_buf() };
    let parent = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new().prefix(".smolc-").suffix(".tmp").tempfile_in(parent)?;
    temporary.write_all(bytes)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&target).map_or(0o644, |m| m.permissions().mode());
        temporary.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    temporary.as_file().sync_all()?;
    temporary.persist(&target).map_err(|e| e.error)?;
    #[cfg(unix)]
    File::open(parent)?.sync_all()?;
    Ok(())
}

/// The text of a spec.
pub fn read(path: &Path) -> Result<String, Failure> {
    let why = |e: io::Error| Failure::environment(format!("cannot read `{}`: {e}", path.display()));
    let bytes = std::fs::read(path).map_err(why)?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::environment(format!("`{}` is not UTF-8 text", path.display())))
}

/// The specs that paths name: files as they are, and every `.smol` file in a directory, sorted. Hidden directories,
/// `target` and `runs` are passed over.
pub fn specs(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut out = Vec::new();
    for path in paths {
        if !path.is_dir() {
            out.push(path.clone());
            continue;
        }
        let before = out.len();
        collect(path, &mut out)
            .map_err(|e| Failure::environment(format!("cannot read `{}`: {e}", path.display())))?;
        if out.len() == before {
            return Err(Failure::environment(format!("there is no .smol file in `{}`", path.display())));
        }
    }
    Ok(out)
}

fn collect(folder: &Path, out: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries =
        std::fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    for path in entries {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        // A link to a directory may lead back up.
        if path.is_dir() && !path.is_symlink() {
            if !name.starts_with('.') && name != "target" && name != "runs" {
                collect(&path, out)?;
            }
        } else if name.ends_with(".smol") {
            out.push(path);
        }
    }
    Ok(())
}
