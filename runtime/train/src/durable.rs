//! Writing files so that a crash leaves either the old state or the new one: temporary name, fsync, rename, fsync of
//! the directory.

use crate::error::TrainError;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Replaces `path` by `bytes`, whole.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new()
        .prefix(".smolc-")
        .suffix(".tmp")
        .tempfile_in(parent)
        .map_err(TrainError::io("create a temporary file in", parent))?;
    temporary.write_all(bytes).map_err(TrainError::io("write", path))?;
    temporary.as_file().sync_all().map_err(TrainError::io("sync", path))?;
    // A temporary file is private to its owner; what it becomes is an ordinary file.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map_or(0o644, |m| m.permissions().mode());
        temporary
            .as_file()
            .set_permissions(std::fs::Permissions::from_mode(mode))
            .map_err(TrainError::io("set the permissions of", path))?;
    }
    temporary.persist(path).map_err(|e| TrainError::Io {
        action: "write",
        path: path.to_owned(),
        source: e.error,
    })?;
    sync_directory(parent)
}

/// Makes the entries of a directory durable.
pub fn sync_directory(path: &Path) -> Result<(), TrainError> {
    #[cfg(unix)]
    File::open(path).and_then(|d| d.sync_all()).map_err(TrainError::io("sync", path))?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
