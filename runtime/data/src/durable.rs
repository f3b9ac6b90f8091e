//! Writing whole: temporary name, fsync, rename, fsync of the directory.

use crate::error::DataError;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A directory that appears under its name complete or not at all.
///
/// Work goes to `NAME.partial`, which a killed process leaves behind and the next one removes.
pub(crate) struct PartialDirectory {
    partial: PathBuf,
    target: PathBuf,
    committed: bool,
}

impl PartialDirectory {
    /// Starts afresh; what an interrupted attempt left is removed.
    pub(crate) fn create(target: &Path) -> Result<PartialDirectory, DataError> {
        let mut name = target.file_name().unwrap_or_default().to_os_string();
        name.push(".partial");
        let partial = target.with_file_name(name);
        if partial.exists() {
            std::fs::remove_dir_all(&partial).map_err(|e| DataError::io("remove", &partial, e))?;
        }
        std::fs::create_dir_all(&partial).map_err(|e| DataError::write(&partial, 0, e))?;
        Ok(PartialDirectory { partial, target: target.to_path_buf(), committed: false })
    }

    /// Path of a file in the directory, for writing.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.partial.join(name)
    }

    /// Gives the directory its name. Every file in it must have been synced.
    pub(crate) fn commit(mut self) -> Result<(), DataError> {
        sync_directory(&self.partial)?;
        std::fs::rename(&self.partial, &self.target).map_err(|e| DataError::write(&self.target, 0, e))?;
        self.committed = true;
        self.target.parent().map_or(Ok(()), sync_directory)
    }
}

impl Drop for PartialDirectory {
    fn drop(&mut self) {
        if !self.committed {
            // Best effort: the next attempt removes it anyway.
            let _ = std::fs::remove_dir_all(&self.partial);
        }
    }
}

/// Writes a small file and syncs it.
pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let needed = bytes.len() as u64;
    File::create(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(|e| DataError::write(path, needed, e))
}

fn sync_directory(path: &Path) -> Result<(), DataError> {
    File::open(path).and_then(|d| d.sync_all()).map_err(|e| DataError::io("sync", path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appears_whole_or_not_at_all() {
        let base = tempfile::tempdir().unwrap();
        let target = base.path().join("a").join("set");
        let partial = PartialDirectory::create(&target).unwrap();
        write_synced(&partial.file("x"), b"1").unwrap();
        drop(partial);
        assert_eq!(std::fs::read_dir(base.path().join("a")).unwrap().count(), 0);

        std::fs::create_dir_all(base.path().join("a/set.partial/left-over")).unwrap();
        let partial = PartialDirectory::create(&target).unwrap();
        write_synced(&partial.file("x"), b"1").unwrap();
        partial.commit().unwrap();
        assert_eq!(std::fs::read_dir(&target).unwrap().count(), 1);
        assert_eq!(std::fs::read_dir(base.path().join("a")).unwrap().count(), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_named() {
        let error = write_synced(Path::new("/dev/full"), b"1234").unwrap_err();
        assert!(matches!(error, DataError::DiskFull { needed: 4, .. }), "{error}");
        assert!(error.to_string().contains("/dev/full"));
    }
}
