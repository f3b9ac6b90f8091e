//! Compiled kernels: built in, in the cache on disk, or compiled now, in this order.
//!
//! A file of the cache is named `STEM-ARCH-KEY-nvrtcMAJOR.MINOR.cubin`; the key is a hash of the source, the headers, the
//! options and the architecture, so a change of any of them is another file and nothing is ever invalidated. Without NVRTC
//! a file of any version of it will do.

use super::compile::{Compiler, OPTIONS};
use super::error::CudaError;
use super::libraries::Search;
use crate::source::{HEADERS, SOURCES, Source};
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Mutex;

// `EMBEDDED: &[(file, architecture, cubin)]`, empty unless KERNELS_NVCC was set when this was built.
include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// An architecture that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arch {
    /// Compute capability times ten: 90.
    pub number: u32,
    /// With the instructions of this very architecture, `sm_90a`.
    pub specific: bool,
}

impl Arch {
    /// Of a device: Hopper with its own instructions, all others as they are.
    pub fn of((major, minor): (i32, i32)) -> Arch {
        let number = (10 * major.max(0) + minor.max(0)) as u32;
        Arch { number, specific: number == 90 }
    }

    /// Whether the files that need Hopper's instructions are compiled for it.
    pub fn hopper(self) -> bool {
        self == Arch { number: 90, specific: true }
    }

    /// Whether a cubin for `other` runs on it: the same major number, not newer.
    fn runs(self, other: Arch) -> bool {
        self == other
            || (!other.specific && self.number / 10 == other.number / 10 && other.number <= self.number)
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sm_{}{}", self.number, if self.specific { "a" } else { "" })
    }
}

impl FromStr for Arch {
    type Err = String;

    fn from_str(text: &str) -> Result<Arch, String> {
        let wrong = || format!("`{text}` is no architecture; write sm_80, sm_89, sm_90a, sm_100, …");
        let rest = text.strip_prefix("sm_").ok_or_else(wrong)?;
        let (digits, specific) = rest.strip_suffix('a').map_or((rest, false), |d| (d, true));
        let number: u32 = digits.parse().map_err(|_| wrong())?;
        if number < 80 {
            return Err(format!("`{text}` is too old; the kernels need sm_80 or newer"));
        }
        // The attention kernels for Hopper exist only with its own instructions.
        Ok(Arch { number, specific: specific || number == 90 })
    }
}

/// Where a cubin came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built into this program.
    Embedded,
    /// The cache on disk.
    Cache,
    /// Compiled just now.
    Compiled,
}

/// One compiled file.
#[derive(Clone, Debug)]
pub struct Cubin {
    /// File name of the source.
    pub name: &'static str,
    /// The image.
    pub image: Vec<u8>,
    /// Where it came from.
    pub origin: Origin,
}

/// The way to compiled kernels.
#[derive(Clone, Debug)]
pub struct Cubins {
    cache: PathBuf,
    search: Search,
}

impl Cubins {
    /// With the cache in the folder `kernels` of `cache`.
    pub fn new(cache: &Path, search: &Search) -> Cubins {
        Cubins { cache: cache.join("kernels"), search: search.clone() }
    }

    /// The folder of the cache.
    pub fn folder(&self) -> &Path {
        &self.cache
    }

    /// Architectures that are built into this program.
    pub fn embedded() -> Vec<String> {
        let mut all: Vec<String> = EMBEDDED.iter().map(|(_, arch, _)| (*arch).to_string()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Every file of kernels for a device's architecture; what must be compiled is compiled on `threads` threads.
    pub fn all(&self, arch: Arch, threads: usize) -> Result<Vec<Cubin>, CudaError> {
        self.collect(arch, threads, true)
    }

    /// As [`Cubins::all`], but never from what is built in: fills the cache.
    pub fn build(&self, arch: Arch, threads: usize) -> Result<Vec<Cubin>, CudaError> {
        self.collect(arch, threads, false)
    }

    fn collect(&self, arch: Arch, threads: usize, embedded: bool) -> Result<Vec<Cubin>, CudaError> {
        let compiler = Compiler::load(&self.search);
        let mut found = Vec::new();
        let mut missing = Vec::new();
        for source in SOURCES.iter().filter(|s| !s.hopper || arch.hopper()) {
            let built_in = embedded.then(|| built_in(source, arch)).flatten();
            let image = built_in.map(|image| (image, Origin::Embedded));
            match image.or_else(|| Some((self.cached(source, arch, compiler.as_ref().ok())?, Origin::Cache)))
            {
                Some((image, origin)) => found.push(Cubin { name: source.name, image, origin }),
                None => missing.push(source),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let compiler = compiler.map_err(|nvrtc| CudaError::NoKernels {
            arch: arch.to_string(),
            cache: self.cache.clone(),
            nvrtc: Box::new(nvrtc),
        })?;
        let (queue, done) = (Mutex::new(missing), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| {
                    loop {
                        let next = queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
                        let Some(source) = next else { return };
                        let made = self.compile(source, arch, &compiler);
                        done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(made);
                    }
                });
            }
        });
        let done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        found.extend(done.into_iter().collect::<Result<Vec<_>, _>>()?);
        found.sort_by_key(|c| c.name);
        Ok(found)
    }

    fn compile(&self, source: &'static Source, arch: Arch, compiler: &Compiler) -> Result<Cubin, CudaError> {
        let image = compiler.compile(source, arch)?;
        let path = self.path(source, arch, compiler.version());
        write(&path, &image).map_err(|source| CudaError::Cache { path, source })?;
        Ok(Cubin { name: source.name, image, origin: Origin::Compiled })
    }

    fn cached(&self, source: &Source, arch: Arch, compiler: Option<&Compiler>) -> Option<Vec<u8>> {
        if let Some(compiler) = compiler {
            return std::fs::read(self.path(source, arch, compiler.version())).ok();
        }
        let prefix = format!("{}-nvrtc", stem(source, arch));
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(&self.cache).ok()?.flatten().map(|e| e.path()).collect();
        files.retain(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&prefix)));
        files.sort();
        std::fs::read(files.pop()?).ok()
    }

    fn path(&self, source: &Source, arch: Arch, (major, minor): (i32, i32)) -> PathBuf {
        self.cache.join(format!("{}-nvrtc{major:02}.{minor}.cubin", stem(source, arch)))
    }
}

fn built_in(source: &Source, arch: Arch) -> Option<Vec<u8>> {
    let usable = EMBEDDED.iter().filter(|(name, _, _)| *name == source.name);
    let usable = usable.filter_map(|(_, made_for, image)| Some((Arch::from_str(made_for).ok()?, image)));
    usable
        .filter(|(made_for, _)| arch.runs(*made_for))
        .max_by_key(|(a, _)| *a)
        .map(|(_, image)| image.to_vec())
}

/// File name up to the compiler's version.
fn stem(source: &Source, arch: Arch) -> String {
    let mut hash = blake3::Hasher::new();
    let arch_text = arch.to_string();
    let parts = [source.name, source.text, arch_text.as_str()].into_iter().chain(OPTIONS.iter().copied());
    for part in parts.chain(HEADERS.iter().flat_map(|(name, text)| [*name, *text])) {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let key = hash.finalize().to_hex();
    let name = source.name.strip_suffix(".cu").unwrap_or(source.name);
    format!("{name}-{arch}-{}", key.get(..20).unwrap_or_default())
}

/// Whole or not at all: another process may read at any time.
pub(super) fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architectures_are_read_and_matched() {
        let arch = |s: &str| Arch::from_str(s).unwrap();
        assert_eq!(Arch::of((9, 0)).to_string(), "sm_90a");
        assert_eq!(Arch::of((8, 9)).to_string(), "sm_89");
        assert_eq!(arch("sm_90"), arch("sm_90a"));
        assert!(arch("sm_89").runs(arch("sm_80")) && !arch("sm_80").runs(arch("sm_89")));
        assert!(!arch("sm_100").runs(arch("sm_90a")) && arch("sm_90a").runs(arch("sm_90a")));
        assert!(Arch::from_str("90").is_err() && Arch::from_str("sm_70").unwrap_err().contains("sm_80"));
    }

    #[test]
    fn every_source_and_architecture_has_a_file_of_its_own_that_is_found_without_the_compiler() {
        let folder = tempfile::tempdir().unwrap();
        let cubins = Cubins::new(folder.path(), &Search::default());
        let (a, b) = (&SOURCES[0], &SOURCES[1]);
        let (hopper, ampere) = (Arch::of((9, 0)), Arch::of((8, 0)));
        write(&cubins.path(a, hopper, (12, 9)), b"old").unwrap();
        write(&cubins.path(a, hopper, (13, 0)), b"new").unwrap();
        write(&cubins.path(b, hopper, (13, 0)), b"other").unwrap();
        assert_eq!(cubins.cached(a, hopper, None).unwrap(), b"new");
        assert_eq!(cubins.cached(b, hopper, None).unwrap(), b"other");
        assert!(cubins.cached(a, ampere, None).is_none());
        assert_eq!(std::fs::read_dir(cubins.folder()).unwrap().count(), 3, "no temporary file is left");
    }
}
