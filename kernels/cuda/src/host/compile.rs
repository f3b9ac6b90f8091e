//! NVRTC: source to cubin, with the headers in memory.

use super::cubins::Arch;
use super::error::CudaError;
use super::libraries::{Library, Search};
use crate::source::{HEADERS, Source};
use cudarc::nvrtc::sys;
use std::ffi::CString;
use std::ptr;

/// Options beside the architecture; part of the cache's key.
pub(super) const OPTIONS: &[&str] = &["--std=c++17"];

/// The run-time compiler, loaded.
#[derive(Clone, Copy, Debug)]
pub struct Compiler {
    version: (i32, i32),
}

impl Compiler {
    /// Loads NVRTC.
    pub fn load(search: &Search) -> Result<Compiler, CudaError> {
        let loaded = search.load(Library::Nvrtc)?;
        let (mut major, mut minor) = (0, 0);
        // SAFETY: the library is loaded and has the function; both pointers are live.
        let status = unsafe { sys::nvrtcVersion(&mut major, &mut minor) };
        if status != sys::nvrtcResult::NVRTC_SUCCESS {
            let problem = format!("nvrtcVersion: {status:?}");
            return Err(CudaError::Unusable { library: Library::Nvrtc, path: loaded.path, problem });
        }
        Ok(Compiler { version: (major, minor) })
    }

    /// Major and minor version.
    pub fn version(&self) -> (i32, i32) {
        self.version
    }

    /// Compiles one file of kernels to a cubin.
    pub fn compile(&self, source: &Source, arch: Arch) -> Result<Vec<u8>, CudaError> {
        let fail = |status: String, log: String| CudaError::Compile {
            source_name: source.name,
            arch: arch.to_string(),
            status,
            log: log.trim().to_string(),
        };
        let text = |s: &str| CString::new(s).map_err(|e| fail(e.to_string(), String::new()));
        let (body, name) = (text(source.text)?, text(source.name)?);
        let names = HEADERS.iter().map(|(n, _)| text(n)).collect::<Result<Vec<_>, _>>()?;
        let bodies = HEADERS.iter().map(|(_, b)| text(b)).collect::<Result<Vec<_>, _>>()?;
        let name_pointers: Vec<_> = names.iter().map(|s| s.as_ptr()).collect();
        let body_pointers: Vec<_> = bodies.iter().map(|s| s.as_ptr()).collect();
        let options = std::iter::once(format!("--gpu-architecture={arch}"))
            .chain(OPTIONS.iter().map(ToString::to_string))
            .map(|o| text(&o))
            .collect::<Result<Vec<_>, _>>()?;
        let option_pointers: Vec<_> = options.iter().map(|s| s.as_ptr()).collect();

        let mut program: sys::nvrtcProgram = ptr::null_mut();
        // SAFETY: counts are those of the arrays, and every string outlives the program.
        let status = unsafe {
            sys::nvrtcCreateProgram(
                &mut program,
                body.as_ptr(),
                name.as_ptr(),
                names.len() as i32,
                body_pointers.as_ptr(),
                name_pointers.as_ptr(),
            )
        };
        if status != sys::nvrtcResult::NVRTC_SUCCESS {
            return Err(fail(format!("{status:?}"), String::new()));
        }
        // SAFETY: the program was made above and is destroyed once, after its last use.
        unsafe {
            let status =
                sys::nvrtcCompileProgram(program, option_pointers.len() as i32, option_pointers.as_ptr());
            let result = if status == sys::nvrtcResult::NVRTC_SUCCESS {
                cubin(program).map_err(|status| fail(status, log(program)))
            } else {
                Err(fail(format!("{status:?}"), log(program)))
            };
            sys::nvrtcDestroyProgram(&mut program);
            result
        }
    }
}

/// # Safety
/// `program` is one that was compiled.
unsafe fn cubin(program: sys::nvrtcProgram) -> Result<Vec<u8>, String> {
    let mut bytes = 0usize;
    // SAFETY: the size is asked for first, and the buffer has it.
    unsafe {
        let status = sys::nvrtcGetCUBINSize(program, &mut bytes);
        if status != sys::nvrtcResult::NVRTC_SUCCESS || bytes == 0 {
            return Err(format!("nvrtcGetCUBINSize: {status:?}, {bytes} bytes"));
        }
        let mut out = vec![0u8; bytes];
        let status = sys::nvrtcGetCUBIN(program, out.as_mut_ptr().cast());
        if status == sys::nvrtcResult::NVRTC_SUCCESS {
            Ok(out)
        } else {
            Err(format!("nvrtcGetCUBIN: {status:?}"))
        }
    }
}

/// # Safety
/// `program` is one that was created.
unsafe fn log(program: sys::nvrtcProgram) -> String {
    let mut bytes = 0usize;
    // SAFETY: as above.
    unsafe {
        if sys::nvrtcGetProgramLogSize(program, &mut bytes) != sys::nvrtcResult::NVRTC_SUCCESS {
            return String::new();
        }
        let mut out = vec![0u8; bytes];
        if sys::nvrtcGetProgramLog(program, out.as_mut_ptr().cast()) != sys::nvrtcResult::NVRTC_SUCCESS {
            return String::new();
        }
        let end = out.iter().position(|b| *b == 0).unwrap_or(out.len());
        String::from_utf8_lossy(out.get(..end).unwrap_or_default()).into_owned()
    }
}
