//! Memory of the device, and memory of the host that the device copies from while the host goes on.

use super::device::check;
use super::error::CudaError;
use cudarc::driver::sys;

/// A block of device memory. Addresses inside it are plain numbers: the plan laid them out.
#[derive(Debug)]
pub struct Memory {
    address: u64,
    bytes: u64,
}

impl Memory {
    /// Allocates; what it holds is undefined. `what` is for the message.
    pub(super) fn new(bytes: u64, what: &str) -> Result<Memory, CudaError> {
        let (mut free, mut total, mut address) = (0usize, 0usize, 0u64);
        let size = usize::try_from(bytes.max(16)).unwrap_or(usize::MAX);
        // SAFETY: a context is current on this thread (`Device` made it), and the pointers are live.
        let status = unsafe {
            check("cuMemGetInfo", sys::cuMemGetInfo_v2(&mut free, &mut total))?;
            sys::cuMemAlloc_v2(&mut address, size)
        };
        if status == sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY {
            let (free, total) = (free as u64, total as u64);
            return Err(CudaError::Memory { what: what.into(), needed: bytes, free, total });
        }
        check("cuMemAlloc", status)?;
        Ok(Memory { address, bytes })
    }

    /// Address of its first byte, a multiple of 256.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated in `new`, freed once. The driver waits for work that uses it.
        unsafe { sys::cuMemFree_v2(self.address) };
    }
}

/// Page-locked memory of the host.
#[derive(Debug)]
pub struct Pinned {
    at: *mut u8,
    bytes: usize,
}

impl Pinned {
    pub(super) fn new(bytes: usize) -> Result<Pinned, CudaError> {
        let mut at = std::ptr::null_mut();
        // SAFETY: a context is current; the pointer is live.
        check("cuMemHostAlloc", unsafe { sys::cuMemHostAlloc(&mut at, bytes.max(16), 0) })?;
        // SAFETY: a fresh block of at least `bytes` bytes.
        unsafe { std::ptr::write_bytes(at.cast::<u8>(), 0, bytes) };
        Ok(Pinned { at: at.cast(), bytes })
    }

    /// The bytes. The caller has waited for every copy that reads or writes them.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `bytes` initialized bytes of our own block.
        unsafe { std::slice::from_raw_parts(self.at, self.bytes) }
    }

    /// The bytes, to change; as above.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.at, self.bytes) }
    }

    pub(super) fn pointer(&self) -> *mut u8 {
        self.at
    }

    /// Its size.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: allocated in `new`, freed once.
        unsafe { sys::cuMemFreeHost(self.at.cast()) };
    }
}
