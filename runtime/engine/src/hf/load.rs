//! Weights from `model.safetensors`, in one file or in shards.

use super::HfError;
use crate::backend::Backend;
use crate::engine::Engine;
use fs_err::File;
use safetensors::tensor::{Dtype, Metadata};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The format's own limit on a header.
const LARGEST_HEADER: u64 = 100_000_000;

/// Reads every parameter of the engine from a folder; F32 as it is, BF16 and F16 widened exactly.
///
/// Errors when a tensor is missing, has another shape, or belongs to no parameter, and when a file is not what its header
/// says. Parameters read before the error are already replaced.
pub fn load<B: Backend>(dir: &Path, engine: &mut Engine<B>) -> Result<(), HfError> {
    let single = dir.join("model.safetensors");
    let index = dir.join("model.safetensors.index.json");
    let sharded = !single.exists() && index.exists();
    let files = if sharded { shards(dir, &index)? } else { vec![single.clone()] };

    let wanted: HashMap<String, Vec<u64>> =
        engine.parameter_table().iter().map(|p| (p.name.clone(), p.shape.clone())).collect();
    let tied = !wanted.contains_key("lm_head.weight");
    let mut found = HashSet::new();
    let mut values = Vec::new();
    for path in files {
        let mut shard = Shard::open(path)?;
        let mut names: Vec<String> = shard.metadata.tensors().into_keys().collect();
        names.sort_unstable();
        for name in names {
            match wanted.get(&name) {
                Some(shape) => {
                    shard.read(&name, shape, &mut values)?;
                    engine.set_parameter(&name, &values)?;
                    found.insert(name);
                }
                // A tied model's head is the embedding again; old files store RoPE's frequencies, which are computed.
                None if tied && name == "lm_head.weight" || name.ends_with("rotary_emb.inv_freq") => {}
                None => return Err(HfError::Unknown { path: shard.path, name }),
            }
        }
    }
    match engine.parameter_table().iter().find(|p| !found.contains(&p.name)) {
        Some(p) => Err(HfError::Missing { path: if sharded { index } else { single }, name: p.name.clone() }),
        None => Ok(()),
    }
}

fn shards(dir: &Path, index: &Path) -> Result<Vec<PathBuf>, HfError> {
    let json: Value = serde_json::from_slice(&fs_err::read(index)?)
        .map_err(|source| HfError::Json { path: index.to_path_buf(), source })?;
    let bad = |problem: &str| HfError::Field {
        path: index.to_path_buf(),
        field: "weight_map".into(),
        problem: problem.into(),
    };
    let map = json.get("weight_map").and_then(Value::as_object).ok_or_else(|| bad("is missing"))?;
    let mut files = BTreeSet::new();
    for file in map.values() {
        let file = file.as_str().ok_or_else(|| bad("holds something that is not a file name"))?;
        if Path::new(file).file_name() != Some(std::ffi::OsStr::new(file)) {
            return Err(bad("names a file outside the folder"));
        }
        files.insert(dir.join(file));
    }
    Ok(files.into_iter().collect())
}

/// An open file whose header has been read and matches its size.
struct Shard {
    path: PathBuf,
    file: File,
    metadata: Metadata,
    data: u64,
}

impl Shard {
    fn open(path: PathBuf) -> Result<Shard, HfError> {
        let header = |problem: String| HfError::Header { path: path.clone(), problem };
        let mut file = File::open(&path)?;
        let size = file.metadata()?.len();
        let mut length = [0u8; 8];
        if size < 8 {
            return Err(header(format!("{size} bytes")));
        }
        file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > LARGEST_HEADER {
            return Err(header(format!("it claims a header of {length} bytes")));
        }
        if length + 8 > size {
            return Err(HfError::Truncated { path, found: size, expected: length + 8 });
        }
        let mut bytes = vec![0u8; usize::try_from(length).map_err(|e| header(e.to_string()))?];
        file.read_exact(&mut bytes)?;
        let metadata: Metadata = serde_json::from_slice(&bytes).map_err(|e| header(e.to_string()))?;
        let expected = metadata.data_len() as u64 + 8 + length;
        if expected != size {
            return Err(HfError::Truncated { path, found: size, expected });
        }
        Ok(Shard { path, file, metadata, data: 8 + length })
    }

    fn read(&mut self, name: &str, expected: &[u64], out: &mut Vec<f32>) -> Result<(), HfError> {
        let (path, name) = (self.path.clone(), name.to_string());
        let Some(info) = self.metadata.info(&name) else {
            return Err(HfError::Missing { path, name });
        };
        let found: Vec<u64> = info.shape.iter().map(|n| *n as u64).collect();
        if found != expected {
            return Err(HfError::Shape { path, name, found, expected: expected.to_vec() });
        }
        let (begin, end) = info.data_offsets;
        let mut bytes = vec![0u8; end - begin];
        self.file.seek(SeekFrom::Start(self.data + begin as u64))?;
        self.file.read_exact(&mut bytes)?;
        out.clear();
        #[allow(clippy::wildcard_enum_match_arm)] // the format may grow types; all others are refused
        match info.dtype {
            Dtype::F32 => out.extend(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b))),
            Dtype::BF16 => {
                let widen = |b: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16);
                out.extend(bytes.as_chunks::<2>().0.iter().map(widen));
            }
            Dtype::F16 => out.extend(bytes.as_chunks::<2>().0.iter().map(|b| half(u16::from_le_bytes(*b)))),
            ref other => return Err(HfError::Dtype { path, name, found: format!("{other:?}") }),
        }
        Ok(())
    }
}

/// IEEE half precision, exactly.
fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (bits >> 15, (bits >> 10) & 0x1f, bits & 0x3ff);
    let magnitude = match exponent {
        0 => f32::from(fraction) * f32::from_bits(0x3380_0000), // 2^-24
        31 => f32::from_bits(0x7f80_0000 | u32::from(fraction) << 13),
        _ => f32::from_bits((u32::from(exponent) + 112) << 23 | u32::from(fraction) << 13),
    };
    if sign == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::half;

    #[test]
    fn half_precision_is_exact() {
        let cases = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x0400, 6.103_515_6e-5),
        ];
        for (bits, value) in cases {
            assert_eq!(half(bits), value);
        }
        assert_eq!(half(0x7c00), f32::INFINITY);
        assert!(half(0x7e00).is_nan());
        assert_eq!(half(0x8000).to_bits(), (-0f32).to_bits());
    }
}
