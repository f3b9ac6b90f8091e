//! What can go wrong between this process and a GPU.

use super::libraries::Library;
use crate::launch::LaunchError;
use std::path::PathBuf;
use thiserror::Error;

/// Why a GPU cannot be used, or why it stopped.
#[derive(Debug, Error)]
pub enum CudaError {
    /// A library is not on this machine.
    #[error("{} not found ({}); {}", library.file(), searched, library.remedy())]
    Missing {
        /// Which.
        library: Library,
        /// Where it was looked for, in few words.
        searched: String,
    },
    /// A library is there and does not do.
    #[error("{} cannot be used: {problem}; {}", path.display(), library.remedy())]
    Unusable {
        /// Which.
        library: Library,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The driver runs and sees no GPU.
    #[error(
        "the NVIDIA driver reports no device; check `nvidia-smi`, CUDA_VISIBLE_DEVICES, or start the container with --gpus all"
    )]
    NoDevice,
    /// The GPU is older than the kernels.
    #[error("{name} has compute capability {}.{}; the kernels need 8.0 or newer", capability.0, capability.1)]
    TooOld {
        /// Its name.
        name: String,
        /// Its capability.
        capability: (i32, i32),
    },
    /// A call of the driver failed.
    #[error("{call}: {status}{}", hint(status))]
    Driver {
        /// The function, with what it was for.
        call: String,
        /// The driver's name of the error.
        status: String,
    },
    /// A call of cuBLASLt failed.
    #[error("cuBLASLt, {what}: {status}")]
    Blas {
        /// The function, with the shape.
        what: String,
        /// The library's name of the error.
        status: String,
    },
    /// NVRTC refused a source.
    #[error("NVRTC does not compile {source_name} for {arch}: {status}\n{log}")]
    Compile {
        /// File.
        source_name: &'static str,
        /// Architecture.
        arch: String,
        /// The library's name of the error.
        status: String,
        /// Its log.
        log: String,
    },
    /// There is no compiled form of a kernel and no way to make one.
    #[error("no kernels for {arch}: none are built in, none are in {}, and {nvrtc}", cache.display())]
    NoKernels {
        /// Architecture.
        arch: String,
        /// The cache.
        cache: PathBuf,
        /// Why there is no NVRTC.
        nvrtc: Box<CudaError>,
    },
    /// No module has a kernel of this name.
    #[error("the kernels of this build have no `{0}` for this device")]
    NoKernel(String),
    /// A launch with shapes that the kernels do not do.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// Not enough device memory.
    #[error("{what} needs {needed} bytes of device memory; {free} of {total} are free")]
    Memory {
        /// What it is for.
        what: String,
        /// Bytes.
        needed: u64,
        /// Free now.
        free: u64,
        /// In all.
        total: u64,
    },
    /// The cache of compiled kernels or of algorithms cannot be written or read.
    #[error("{}: {source}", path.display())]
    Cache {
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What helps against the errors that users meet.
fn hint(status: &str) -> &'static str {
    match status {
        "CUDA_ERROR_NO_BINARY_FOR_GPU" | "CUDA_ERROR_INVALID_IMAGE" => {
            " (the compiled kernels are for another GPU or another driver: `smolc kernels build` makes new ones)"
        }
        "CUDA_ERROR_UNSUPPORTED_PTX_VERSION" | "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH" => {
            " (the driver is older than the libraries: install a newer driver)"
        }
        "CUDA_ERROR_ILLEGAL_ADDRESS" | "CUDA_ERROR_MISALIGNED_ADDRESS" | "CUDA_ERROR_LAUNCH_FAILED" => {
            " (a kernel went wrong: this is a bug; `compute-sanitizer smolc run …` names the kernel)"
        }
        "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"
        | "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"
        | "CUDA_ERROR_STREAM_CAPTURE_ISOLATION"
        | "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT"
        | "CUDA_ERROR_CAPTURED_EVENT" => {
            " (something that a captured graph may not hold: this is a bug; please report it with `smolc doctor`)"
        }
        "CUDA_ERROR_OUT_OF_MEMORY" => {
            " (make the micro-batch smaller, or end the other processes on the GPU)"
        }
        _ => "",
    }
}
