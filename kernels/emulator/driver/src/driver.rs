//! The functions of the driver that the project calls.

use crate::streams;
use smolc_kernels_cuda::TensorMap;
use smolc_kernels_emulator::{Buffer, Mode, Variant, encode_tensor_map, launch_raw, parameters};
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_void};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

const INVALID: i32 = 1;
const OUT_OF_MEMORY: i32 = 2;
const NO_DEVICE: i32 = 100;
const INVALID_IMAGE: i32 = 200;
const NOT_FOUND: i32 = 500;

/// Magic in front of an image of the fake NVRTC.
pub const IMAGE: &[u8] = b"\x7fELF fake ";

struct Block(Buffer<u8>);
// SAFETY: a block of plain memory, behind a lock.
unsafe impl Send for Block {}

#[derive(Default)]
struct State {
    blocks: HashMap<u64, Block>,
    used: u64,
    hosts: HashMap<usize, usize>,
    functions: Vec<&'static Function>,
    modules: Vec<&'static str>,
}

struct Function {
    name: String,
    sizes: Vec<usize>,
    shared: Mutex<usize>,
}

fn state() -> MutexGuard<'static, State> {
    static STATE: OnceLock<Mutex<State>> = OnceLock::new();
    STATE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

fn capability() -> Option<(i32, i32)> {
    let text = std::env::var("SMOLC_FAKE_GPU").unwrap_or_else(|_| "sm_90".into());
    let number: i32 = text.strip_prefix("sm_")?.parse().ok()?;
    Some((number / 10, number % 10))
}

fn memory() -> u64 {
    std::env::var("SMOLC_FAKE_MEMORY").ok().and_then(|n| n.parse().ok()).unwrap_or(4 << 30)
}

/// What keeps a call from being made while a graph is captured.
fn forbidden() -> Option<i32> {
    streams::captures(|c| c.unsafe_call()).map(|status| status as i32)
}

unsafe fn put<T>(to: *mut T, value: T) -> i32 {
    if to.is_null() {
        return INVALID;
    }
    // SAFETY: the caller's pointer to a place for a value, as the interface says.
    unsafe { to.write(value) };
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn cuInit(_: u32) -> i32 {
    if capability().is_some() { 0 } else { NO_DEVICE }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDriverGetVersion(v: *mut i32) -> i32 {
    unsafe { put(v, 13_000) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetCount(n: *mut i32) -> i32 {
    unsafe { put(n, 1) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGet(d: *mut i32, _: i32) -> i32 {
    unsafe { put(d, 0) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetName(name: *mut c_char, length: i32, _: i32) -> i32 {
    let text = b"Emulated GPU\0";
    if (length as usize) < text.len() {
        return INVALID;
    }
    // SAFETY: the caller's array has `length` bytes.
    unsafe { std::ptr::copy_nonoverlapping(text.as_ptr().cast(), name, text.len()) };
    0
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetAttribute(value: *mut i32, attribute: i32, _: i32) -> i32 {
    let (major, minor) = capability().unwrap_or((0, 0));
    // 75 and 76: compute capability; 16: multiprocessors.
    unsafe {
        match attribute {
            75 => put(value, major),
            76 => put(value, minor),
            16 => put(value, 4),
            _ => INVALID,
        }
    }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceTotalMem_v2(bytes: *mut usize, _: i32) -> i32 {
    unsafe { put(bytes, memory() as usize) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDevicePrimaryCtxRetain(context: *mut u64, _: i32) -> i32 {
    unsafe { put(context, 16) }
}
#[unsafe(no_mangle)]
pub extern "C" fn cuDevicePrimaryCtxRelease_v2(_: i32) -> i32 {
    0
}
#[unsafe(no_mangle)]
pub extern "C" fn cuCtxSetCurrent(_: u64) -> i32 {
    0
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> i32 {
    let used = state().used;
    unsafe { put(free, memory().saturating_sub(used) as usize) | put(total, memory() as usize) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemAlloc_v2(address: *mut u64, bytes: usize) -> i32 {
    if let Some(status) = forbidden() {
        return status;
    }
    let mut s = state();
    if bytes == 0 {
        return INVALID;
    }
    if s.used + bytes as u64 > memory() {
        return OUT_OF_MEMORY;
    }
    // A device's blocks begin at multiples of 256; a NaN in every type is what nobody has written.
    let mut block = Buffer::<u8>::poisoned(bytes.next_multiple_of(256));
    block.as_mut_slice().fill(0xff);
    let at = block.address();
    s.used += bytes as u64;
    s.blocks.insert(at, Block(block));
    crate::log(&format!("alloc {bytes}"));
    unsafe { put(address, at) }
}
#[unsafe(no_mangle)]
pub extern "C" fn cuMemFree_v2(address: u64) -> i32 {
    if let Some(status) = forbidden() {
        return status;
    }
    let mut s = state();
    match s.blocks.remove(&address) {
        Some(block) => {
            s.used = s.used.saturating_sub(block.0.as_slice().len() as u64);
            0
        }
        None => INVALID,
    }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemHostAlloc(at: *mut *mut c_void, bytes: usize, _: u32) -> i32 {
    if let Some(status) = forbidden() {
        return status;
    }
    let block: &'static mut [u64] = Box::leak(vec![u64::MAX; bytes.div_ceil(8).max(1)].into_boxed_slice());
    state().hosts.insert(block.as_ptr() as usize, block.len());
    unsafe { put(at, block.as_mut_ptr().cast()) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemFreeHost(at: *mut c_void) -> i32 {
    if let Some(status) = forbidden() {
        return status;
    }
    let Some(words) = state().hosts.remove(&(at as usize)) else { return INVALID };
    // SAFETY: leaked above with this length, given back once.
    drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(at.cast::<u64>(), words)) });
    0
}

/// Whether a range lies in one device block.
fn inside(address: u64, bytes: usize) -> bool {
    let s = state();
    s.blocks
        .iter()
        .any(|(at, block)| address >= *at && address + bytes as u64 <= *at + block.0.as_slice().len() as u64)
}

/// Whether a range lies in one page-locked block.
fn locked(address: u64, bytes: usize) -> bool {
    let (from, to) = (address as usize, address as usize + bytes);
    state().hosts.iter().any(|(at, words)| from >= *at && to <= *at + 8 * words)
}

fn copy(to: u64, from: u64, bytes: usize, stream: u64, device: [bool; 2]) -> i32 {
    if (device[0] && !inside(to, bytes)) || (device[1] && !inside(from, bytes)) {
        return INVALID;
    }
    let pageable = (!device[0] && !locked(to, bytes)) || (!device[1] && !locked(from, bytes));
    if pageable && let Some(status) = streams::captures(|c| c.pageable(stream)) {
        return status as i32;
    }
    let work = Arc::new(move || {
        // SAFETY: device ranges were checked; host ranges are the caller's until it has waited.
        unsafe { std::ptr::copy(from as *const u8, to as *mut u8, bytes) };
        Ok(())
    });
    streams::enqueue(stream, work) as i32
}

#[unsafe(no_mangle)]
pub extern "C" fn cuMemcpyHtoDAsync_v2(to: u64, from: *const c_void, bytes: usize, stream: u64) -> i32 {
    copy(to, from as u64, bytes, stream, [true, false])
}
#[unsafe(no_mangle)]
pub extern "C" fn cuMemcpyDtoHAsync_v2(to: *mut c_void, from: u64, bytes: usize, stream: u64) -> i32 {
    crate::log(&format!("download {bytes}"));
    copy(to as u64, from, bytes, stream, [false, true])
}
#[unsafe(no_mangle)]
pub extern "C" fn cuMemcpyDtoDAsync_v2(to: u64, from: u64, bytes: usize, stream: u64) -> i32 {
    copy(to, from, bytes, stream, [true, true])
}
#[unsafe(no_mangle)]
pub extern "C" fn cuMemsetD8Async(at: u64, value: u8, bytes: usize, stream: u64) -> i32 {
    if !inside(at, bytes) {
        return INVALID;
    }
    let work = Arc::new(move || {
        // SAFETY: checked above.
        unsafe { std::ptr::write_bytes(at as *mut u8, value, bytes) };
        Ok(())
    });
    streams::enqueue(stream, work) as i32
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamCreate(stream: *mut u64, flags: u32) -> i32 {
    let id = streams::new_stream();
    if flags & 1 == 0 {
        streams::captures(|c| c.blocks(id));
    }
    unsafe { put(stream, id) }
}
#[unsafe(no_mangle)]
pub extern "C" fn cuStreamDestroy_v2(stream: u64) -> i32 {
    streams::synchronize(stream) as i32
}
#[unsafe(no_mangle)]
pub extern "C" fn cuStreamSynchronize(stream: u64) -> i32 {
    crate::log("wait");
    streams::synchronize(stream) as i32
}
#[unsafe(no_mangle)]
pub extern "C" fn cuStreamWaitEvent(stream: u64, event: u64, _: u32) -> i32 {
    streams::wait_event(stream, event) as i32
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventCreate(event: *mut u64, _: u32) -> i32 {
    unsafe { put(event, streams::new_event()) }
}
#[unsafe(no_mangle)]
pub extern "C" fn cuEventDestroy_v2(event: u64) -> i32 {
    streams::forget_event(event);
    0
}
#[unsafe(no_mangle)]
pub extern "C" fn cuEventRecord(event: u64, stream: u64) -> i32 {
    streams::record(event, stream) as i32
}
#[unsafe(no_mangle)]
pub extern "C" fn cuEventSynchronize(event: u64) -> i32 {
    streams::synchronize_event(event) as i32
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventElapsedTime_v2(time: *mut f32, start: u64, end: u64) -> i32 {
    match streams::milliseconds(start, end) {
        Some(ms) => unsafe { put(time, ms) },
        None => INVALID,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleLoadData(module: *mut u64, image: *const u8) -> i32 {
    // SAFETY: an image is at least as long as its magic number; ours ends with a zero byte.
    let text = unsafe { std::slice::from_raw_parts(image, IMAGE.len()) };
    if text != IMAGE {
        return INVALID_IMAGE;
    }
    // SAFETY: as above.
    let name = unsafe { CStr::from_ptr(image.add(IMAGE.len()).cast()) }.to_string_lossy().into_owned();
    let mut s = state();
    s.modules.push(Box::leak(name.into_boxed_str()));
    let id = s.modules.len() as u64;
    unsafe { put(module, id) }
}
#[unsafe(no_mangle)]
pub extern "C" fn cuModuleUnload(_: u64) -> i32 {
    0
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleGetFunction(function: *mut u64, module: u64, name: *const c_char) -> i32 {
    // SAFETY: the caller's string.
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
    let mut s = state();
    let Some(file) = s.modules.get((module as usize).wrapping_sub(1)) else { return INVALID };
    // Names do not say their file, but Hopper's kernels are in files of their own.
    if name.contains("_hopper") != file.contains("_hopper") {
        return NOT_FOUND;
    }
    let Some(sizes) = parameters(&name, &Variant::Plain) else { return NOT_FOUND };
    let made: &'static Function =
        Box::leak(Box::new(Function { name, sizes, shared: Mutex::new(48 * 1024) }));
    s.functions.push(made);
    unsafe { put(function, std::ptr::from_ref(made) as u64) }
}

fn function(handle: u64) -> Option<&'static Function> {
    state().functions.iter().copied().find(|f| std::ptr::from_ref(*f) as u64 == handle)
}

#[unsafe(no_mangle)]
pub extern "C" fn cuFuncSetAttribute(handle: u64, attribute: i32, value: i32) -> i32 {
    // 8: dynamic shared memory; 227 KiB is the most of Hopper, 163 of Ampere.
    let most = if capability().is_some_and(|c| c >= (9, 0)) { 232_448 } else { 166_912 };
    match function(handle) {
        Some(f) if attribute == 8 && (0..=most).contains(&value) => {
            *f.shared.lock().unwrap_or_else(PoisonError::into_inner) = value as usize;
            0
        }
        _ => INVALID,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuLaunchKernel(
    handle: u64,
    gx: u32,
    gy: u32,
    gz: u32,
    bx: u32,
    by: u32,
    bz: u32,
    shared: u32,
    stream: u64,
    arguments: *const *const c_void,
    _: *const c_void,
) -> i32 {
    let Some(f) = function(handle) else { return INVALID };
    let allowed = *f.shared.lock().unwrap_or_else(PoisonError::into_inner);
    if by != 1 || bz != 1 || shared as usize > allowed {
        return INVALID;
    }
    // The driver copies the arguments before it returns. Sixteen words hold any of them, aligned as a tensor map is.
    #[repr(C, align(64))]
    struct Value([u64; 16]);
    let mut values = Vec::with_capacity(f.sizes.len());
    for (i, size) in f.sizes.iter().enumerate() {
        let mut value = Value([0; 16]);
        // SAFETY: the caller's array has a pointer to each parameter's value.
        unsafe {
            std::ptr::copy_nonoverlapping(
                (*arguments.add(i)).cast::<u8>(),
                value.0.as_mut_ptr().cast::<u8>(),
                (*size).min(128),
            );
        }
        values.push(value);
    }
    crate::log(&format!("launch {}", f.name));
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(8)) as u32;
    let work = Arc::new(move || {
        let pointers: Vec<*const c_void> = values.iter().map(|v| v.0.as_ptr().cast()).collect();
        let mode = Mode { order: 0, lazy: 1, threads, race: 0 };
        // SAFETY: values live for the call; addresses are the caller's device memory.
        unsafe { launch_raw(&f.name, [gx, gy, gz], bx, shared as usize, &pointers, mode) }
    });
    streams::enqueue(stream, work) as i32
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuTensorMapEncodeTiled(
    map: *mut [u8; 128],
    dtype: i32,
    rank: u32,
    base: u64,
    dims: *const u64,
    strides: *const u64,
    boxes: *const u32,
    elements: *const u32,
    interleave: i32,
    swizzle: i32,
    _promotion: i32,
    fill: i32,
) -> i32 {
    // 9: bf16; 3: the 128-byte swizzle.
    if rank != 3 || dtype != 9 || swizzle != 3 || interleave != 0 || fill != 0 || !base.is_multiple_of(16) {
        return INVALID;
    }
    // SAFETY: arrays of the rank's length, one less for strides.
    let (dims, strides, boxes, elements) = unsafe {
        (
            *dims.cast::<[u64; 3]>(),
            *strides.cast::<[u64; 2]>(),
            *boxes.cast::<[u32; 3]>(),
            *elements.cast::<[u32; 3]>(),
        )
    };
    let [columns, rows, slices] = dims;
    let [row_bytes, slice_bytes] = strides;
    if elements != [1, 1, 1]
        || boxes[0] != 64
        || boxes[1] > 256
        || boxes[2] != 1
        || !row_bytes.is_multiple_of(16)
        || !slice_bytes.is_multiple_of(16)
    {
        return INVALID;
    }
    let described =
        TensorMap { address: base, columns, rows, slices, row_bytes, slice_bytes, box_rows: boxes[1] };
    unsafe { put(map, encode_tensor_map(&described)) }
}
