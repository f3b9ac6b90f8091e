//! Algorithms of matrix products, remembered on disk.
//!
//! One file a GPU model, number of multiprocessors and version of cuBLASLt: only there does an algorithm mean the same, and
//! only with the same algorithm does a product have the same bits. Deleting the file only costs the time to measure again.

use super::cubins::write;
use super::error::CudaError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    gpu: String,
    multiprocessors: i32,
    cublaslt: usize,
    products: BTreeMap<String, Pin>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pin {
    algorithm: [u64; 8],
    candidates: usize,
    milliseconds: f32,
}

/// The pins of one device and version.
#[derive(Debug)]
pub(super) struct Pins {
    path: PathBuf,
    file: File,
    changed: bool,
}

impl Pins {
    /// Reads them. A file that is not there, damaged, or of another device is as good as empty: it is measured again.
    pub fn open(cache: &Path, gpu: &str, multiprocessors: i32, cublaslt: usize) -> Pins {
        let mut plain: String =
            gpu.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        plain.truncate(60);
        let path = cache.join("products").join(format!("{plain}-{multiprocessors}-cublaslt{cublaslt}.json"));
        let new =
            File { format: FORMAT, gpu: gpu.into(), multiprocessors, cublaslt, products: BTreeMap::new() };
        let read = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<File>(&bytes).ok());
        let same = |f: &File| {
            (f.format, &f.gpu, f.multiprocessors, f.cublaslt) == (FORMAT, &new.gpu, multiprocessors, cublaslt)
        };
        let file = match read {
            Some(file) if same(&file) => file,
            _ => new,
        };
        Pins { path, file, changed: false }
    }

    pub fn get(&self, key: &str) -> Option<[u64; 8]> {
        self.file.products.get(key).map(|pin| pin.algorithm)
    }

    pub fn insert(&mut self, key: String, algorithm: [u64; 8], candidates: usize, milliseconds: f32) {
        self.file.products.insert(key, Pin { algorithm, candidates, milliseconds });
        self.changed = true;
    }

    pub fn save(&mut self) -> Result<(), CudaError> {
        if !self.changed {
            return Ok(());
        }
        let failed = |source| CudaError::Cache { path: self.path.clone(), source };
        let mut text = serde_json::to_vec_pretty(&self.file).map_err(|e| failed(e.into()))?;
        text.push(b'\n');
        write(&self.path, &text).map_err(failed)?;
        self.changed = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_survive_for_the_same_device_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut pins = Pins::open(folder.path(), "NVIDIA H200", 132, 130_100);
        assert_eq!(pins.get("a"), None);
        pins.insert("a".into(), [1, 2, 3, 4, 5, 6, 7, u64::MAX], 32, 0.5);
        pins.save().unwrap();
        assert_eq!(
            Pins::open(folder.path(), "NVIDIA H200", 132, 130_100).get("a"),
            Some([1, 2, 3, 4, 5, 6, 7, u64::MAX])
        );
        assert_eq!(Pins::open(folder.path(), "NVIDIA H200", 132, 130_200).get("a"), None);
        assert_eq!(Pins::open(folder.path(), "NVIDIA H100", 132, 130_100).get("a"), None);
        std::fs::write(&pins.path, b"{").unwrap();
        assert_eq!(Pins::open(folder.path(), "NVIDIA H200", 132, 130_100).get("a"), None);
    }
}
