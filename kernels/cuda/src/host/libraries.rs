//! Finds NVIDIA's libraries and loads them by absolute path, before cudarc asks for them by bare name.
//!
//! The loader answers a bare name with an object that is already in the process and has that SONAME, so neither
//! `LD_LIBRARY_PATH` nor a second start is needed. pip's wheels have only versioned names in `nvidia/cu13/lib` and no
//! entries for the loader's cache; libnvrtc opens libnvrtc-builtins by bare name, so that comes first.

use super::error::CudaError;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

/// A library that is opened at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Library {
    /// The driver, `libcuda`.
    Driver,
    /// The run-time compiler.
    Nvrtc,
    /// Matrix products.
    CublasLt,
}

impl Library {
    /// The name a message uses.
    pub fn file(self) -> &'static str {
        match self {
            Library::Driver => "libcuda.so.1",
            Library::Nvrtc => "libnvrtc.so.13",
            Library::CublasLt => "libcublasLt.so.13",
        }
    }

    /// What to do when it is missing.
    pub fn remedy(self) -> &'static str {
        match self {
            Library::Driver => "install the NVIDIA driver, or start the container with --gpus all",
            Library::Nvrtc => {
                "install it with `pip install nvidia-cuda-nvrtc==13.*` or the CUDA toolkit, or set SMOLC_CUDA_LIBS to its folder"
            }
            Library::CublasLt => {
                "install it with `pip install nvidia-cublas==13.*` or the CUDA toolkit, or set SMOLC_CUDA_LIBS to its folder"
            }
        }
    }

    /// File names that do, best first.
    fn names(self) -> &'static [&'static str] {
        match self {
            Library::Driver => &["libcuda.so.1"],
            Library::Nvrtc => &["libnvrtc.so.13", "libnvrtc.so.12"],
            Library::CublasLt => &["libcublasLt.so.13", "libcublasLt.so.12"],
        }
    }

    /// Functions that this crate calls. cudarc panics when it calls one that is missing, so all are looked up first.
    fn symbols(self) -> &'static [&'static str] {
        match self {
            Library::Driver => &[
                "cuInit",
                "cuDriverGetVersion",
                "cuDeviceGetCount",
                "cuDeviceGet",
                "cuDeviceGetName",
                "cuDeviceGetAttribute",
                "cuDeviceTotalMem_v2",
                "cuDevicePrimaryCtxRetain",
                "cuDevicePrimaryCtxRelease_v2",
                "cuCtxSetCurrent",
                "cuMemGetInfo_v2",
                "cuMemAlloc_v2",
                "cuMemFree_v2",
                "cuMemHostAlloc",
                "cuMemFreeHost",
                "cuMemcpyHtoDAsync_v2",
                "cuMemcpyDtoHAsync_v2",
                "cuMemcpyDtoDAsync_v2",
                "cuMemsetD8Async",
                "cuStreamCreate",
                "cuStreamDestroy_v2",
                "cuStreamSynchronize",
                "cuStreamWaitEvent",
                "cuEventCreate",
                "cuEventDestroy_v2",
                "cuEventRecord",
                "cuEventSynchronize",
                "cuEventElapsedTime_v2",
                "cuModuleLoadData",
                "cuModuleUnload",
                "cuModuleGetFunction",
                "cuFuncSetAttribute",
                "cuLaunchKernel",
                "cuTensorMapEncodeTiled",
                "cuStreamBeginCapture_v2",
                "cuStreamEndCapture",
                "cuGraphInstantiateWithFlags",
                "cuGraphLaunch",
                "cuGraphDestroy",
                "cuGraphExecDestroy",
            ],
            Library::Nvrtc => &[
                "nvrtcVersion",
                "nvrtcCreateProgram",
                "nvrtcCompileProgram",
                "nvrtcDestroyProgram",
                "nvrtcGetCUBINSize",
                "nvrtcGetCUBIN",
                "nvrtcGetProgramLogSize",
                "nvrtcGetProgramLog",
            ],
            Library::CublasLt => &[
                "cublasLtCreate",
                "cublasLtDestroy",
                "cublasLtGetVersion",
                "cublasLtMatmul",
                "cublasLtMatmulAlgoCheck",
                "cublasLtMatmulAlgoGetHeuristic",
                "cublasLtMatmulDescCreate",
                "cublasLtMatmulDescDestroy",
                "cublasLtMatmulDescSetAttribute",
                "cublasLtMatmulPreferenceCreate",
                "cublasLtMatmulPreferenceDestroy",
                "cublasLtMatmulPreferenceSetAttribute",
                "cublasLtMatrixLayoutCreate",
                "cublasLtMatrixLayoutDestroy",
            ],
        }
    }

    /// Whether cudarc finds it by bare name.
    fn seen_by_cudarc(self) -> bool {
        // SAFETY: the probes only open libraries; NVIDIA's run no code that depends on the caller when they are opened.
        unsafe {
            match self {
                Library::Driver => cudarc::driver::sys::is_culib_present(),
                Library::Nvrtc => cudarc::nvrtc::sys::is_culib_present(),
                Library::CublasLt => cudarc::cublaslt::sys::is_culib_present(),
            }
        }
    }
}

/// A library in this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Where it was found; a bare name when the loader's own search found it.
    pub path: PathBuf,
}

/// Where to look: folders in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    folders: Vec<PathBuf>,
}

impl Search {
    /// The folders that the environment and the usual places give: `SMOLC_CUDA_LIBS`, `CUDA_HOME` and `CUDA_PATH`, the
    /// site-packages of the virtual environment and of each `python3` on `PATH`, of `/opt/*/.venv`, and the toolkit.
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<OsString>) -> Search {
        let mut folders: Vec<PathBuf> = Vec::new();
        if let Some(paths) = variable("SMOLC_CUDA_LIBS") {
            folders.extend(std::env::split_paths(&paths));
        }
        for name in ["CUDA_HOME", "CUDA_PATH"] {
            if let Some(root) = variable(name).map(PathBuf::from) {
                folders.extend(["lib64", "targets/x86_64-linux/lib", "lib"].map(|sub| root.join(sub)));
            }
        }
        folders.push("/usr/local/nvidia/lib64".into());
        let mut prefixes: Vec<PathBuf> = variable("VIRTUAL_ENV").map(PathBuf::from).into_iter().collect();
        for folder in variable("PATH").iter().flat_map(std::env::split_paths) {
            if folder.join("python3").exists() {
                prefixes.extend(folder.parent().map(Path::to_path_buf));
            }
        }
        prefixes.extend(entries(Path::new("/opt")).into_iter().map(|p| p.join(".venv")));
        prefixes.extend(["/usr/local".into(), "/usr".into()]);
        for prefix in prefixes {
            for lib in ["lib", "lib64"] {
                for python in entries(&prefix.join(lib)) {
                    if python.file_name().is_some_and(|n| n.to_string_lossy().starts_with("python3")) {
                        for packages in ["site-packages", "dist-packages"] {
                            let packages = entries(&python.join(packages).join("nvidia"));
                            folders.extend(packages.into_iter().map(|p| p.join("lib")));
                        }
                    }
                }
            }
        }
        folders.extend(
            [
                "/usr/local/cuda/lib64",
                "/usr/local/cuda/targets/x86_64-linux/lib",
                "/opt/cuda/lib64",
                "/usr/lib/wsl/lib",
            ]
            .map(PathBuf::from),
        );
        folders.retain(|f| f.is_dir());
        let mut seen = std::collections::HashSet::new();
        folders.retain(|f| seen.insert(f.clone()));
        Search { folders }
    }

    /// Only these folders.
    pub fn only(folders: Vec<PathBuf>) -> Search {
        Search { folders }
    }

    /// The folders, in order.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// The file of a library without loading it: for reports.
    pub fn find(&self, library: Library) -> Option<PathBuf> {
        self.candidates(library).next()
    }

    fn candidates(&self, library: Library) -> impl Iterator<Item = PathBuf> + '_ {
        let names = library.names();
        self.folders.iter().flat_map(move |f| names.iter().map(move |n| f.join(n))).filter(|p| p.exists())
    }

    /// Loads a library, once a process, and makes sure that cudarc finds it and that it has every function called here.
    pub fn load(&self, library: Library) -> Result<Loaded, CudaError> {
        static LOADED: OnceLock<Mutex<HashMap<Library, Loaded>>> = OnceLock::new();
        let table = LOADED.get_or_init(Mutex::default);
        let mut table = table.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(loaded) = table.get(&library) {
            return Ok(loaded.clone());
        }
        let loaded = self.load_now(library)?;
        table.insert(library, loaded.clone());
        Ok(loaded)
    }

    fn load_now(&self, library: Library) -> Result<Loaded, CudaError> {
        let mut refused: Option<CudaError> = None;
        let bare = library.names().iter().map(PathBuf::from);
        for path in self.candidates(library).chain(bare) {
            if library == Library::Nvrtc {
                open_builtins(&path);
            }
            match open(&path) {
                Ok(opened) => {
                    if let Some(name) = library.symbols().iter().find(|s| !has(&opened, s)) {
                        let problem =
                            format!("it has no function {name}; it is older than this program needs");
                        refused.get_or_insert(CudaError::Unusable { library, path, problem });
                        continue;
                    }
                    // Never closed: the driver and cuBLAS keep threads and state of the process.
                    std::mem::forget(opened);
                    if !library.seen_by_cudarc() {
                        let problem =
                            format!("it is loaded, but the loader does not answer to {}", library.file());
                        return Err(CudaError::Unusable { library, path, problem });
                    }
                    return Ok(Loaded { path });
                }
                Err(problem) if path.is_absolute() => {
                    refused.get_or_insert(CudaError::Unusable { library, path, problem });
                }
                // A bare name that the system's search does not know.
                Err(_) => {}
            }
        }
        Err(refused.unwrap_or_else(|| CudaError::Missing {
            library,
            searched: match self.folders.len() {
                0 => "in the system's folders".into(),
                n => format!("in {n} folders and the system's"),
            },
        }))
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(list) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut all: Vec<PathBuf> = list.flatten().map(|e| e.path()).collect();
    all.sort();
    all
}

fn open(path: &Path) -> Result<libloading::Library, String> {
    // SAFETY: initializers of NVIDIA's libraries have no preconditions; a file of that name that is something else is the
    // user's own choice of what to load.
    unsafe { libloading::Library::new(path) }.map_err(|e| {
        // "PATH: reason" from dlopen, as the cause: the path stands in our own message.
        let text = std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string);
        text.strip_prefix(&format!("{}: ", path.display())).map_or(text.clone(), str::to_string)
    })
}

fn has(library: &libloading::Library, symbol: &str) -> bool {
    // SAFETY: only the address is asked for; it is not called through this type.
    unsafe { library.get::<*const ()>(symbol.as_bytes()) }.is_ok()
}

/// libnvrtc has no run path and opens its builtins by bare name.
fn open_builtins(nvrtc: &Path) {
    let Some(folder) = nvrtc.parent().filter(|p| !p.as_os_str().is_empty()) else { return };
    for path in entries(folder) {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with("libnvrtc-builtins.so.")
            && let Ok(library) = open(&path)
        {
            std::mem::forget(library);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(list: &'static [(&'static str, String)]) -> impl Fn(&str) -> Option<OsString> {
        move |name| list.iter().find(|(n, _)| *n == name).map(|(_, v)| v.into())
    }

    #[test]
    fn folders_come_in_order_and_once() {
        let root = tempfile::tempdir().unwrap();
        let venv = root.path().join("venv");
        for folder in
            ["venv/lib/python3.12/site-packages/nvidia/cu13/lib", "venv/bin", "own", "toolkit/lib64"]
        {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        std::fs::write(venv.join("bin/python3"), "").unwrap();
        let text = |p: PathBuf| p.display().to_string();
        let list: &'static [(&'static str, String)] = Box::leak(Box::new([
            ("SMOLC_CUDA_LIBS", text(root.path().join("own"))),
            ("CUDA_HOME", text(root.path().join("toolkit"))),
            ("VIRTUAL_ENV", text(venv.clone())),
            ("PATH", format!("{}:/nowhere", text(venv.join("bin")))),
        ]));
        let search = Search::from_environment(&variables(list));
        let wheels = venv.join("lib/python3.12/site-packages/nvidia/cu13/lib");
        let own: Vec<&PathBuf> = search.folders().iter().filter(|f| f.starts_with(root.path())).collect();
        assert_eq!(own, [&root.path().join("own"), &root.path().join("toolkit/lib64"), &wheels]);
        assert_eq!(search.find(Library::Nvrtc), None);
        std::fs::write(wheels.join("libnvrtc.so.13"), "no library").unwrap();
        assert_eq!(search.find(Library::Nvrtc), Some(wheels.join("libnvrtc.so.13")));
    }

    #[test]
    fn a_file_that_is_no_library_is_named_with_the_fix() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("libcublasLt.so.13");
        std::fs::write(&file, "no library").unwrap();
        let text =
            Search::only(vec![folder.path().into()]).load_now(Library::CublasLt).unwrap_err().to_string();
        assert!(text.contains("libcublasLt.so.13 cannot be used") && text.contains("pip install"), "{text}");
        assert!(!text.contains('\n'), "one line: {text}");
    }
}
