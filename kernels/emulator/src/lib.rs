//! Runs the CUDA kernels of `kernels/cuda` on the CPU: the unchanged sources, with every CUDA thread a fiber.
//!
//! It is for tests only and no crate that ships depends on it. What it finds that a GPU would not report: deadlocks,
//! divergent warp collectives, missing waits (asynchronous copies land as late as the rules allow), reads of shared memory
//! that nobody wrote (it starts as NaN), misaligned or stray addresses in every kind of copy, accesses outside every
//! buffer, blocks that wait for a later one, blocks that take turns and write the same memory without an order, and, in the
//! [`Variant::Race`] build with [`Mode::race`], races on shared memory that happen to give the right numbers and proxy fences
//! that are missing before the copy engine or wgmma read it.
//!
//! What it cannot find: bank conflicts, register pressure and speed; the order of ordinary memory operations between blocks;
//! and any mistake in our reading of an instruction, which only a GPU can correct. Arithmetic of the
//! special-function unit and the order of sums inside a tensor-core product are the CPU's: tolerances must be those one
//! would use on a GPU.
#![allow(unsafe_code)]

mod memory;

pub use memory::{Buffer, Element, bf16_to_f32, f32_to_bf16};

#[cfg(emulated)]
use std::ffi::{CStr, CString, c_char, c_void};

use smolc_kernels_cuda::Launch;
#[cfg(emulated)]
use smolc_kernels_cuda::{Arg, TensorMap};

/// Whether the emulator was built: it needs Linux and a C++ compiler. Without, [`launch`] fails and tests skip.
pub const AVAILABLE: bool = cfg!(emulated);

/// In which order the threads of a block run, and when asynchronous operations take effect.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// 0: ascending; 1: descending, blocks too; any other number seeds a shuffle. Of a kernel whose blocks take turns, blocks
    /// always start in ascending order: 0: one at a time; 1: four, the newest first; else three, shuffled.
    pub order: u32,
    /// 1: copies and asynchronous products take effect as late as the rules allow; 0: at once.
    pub lazy: u32,
    /// Threads of the operating system that blocks are spread over.
    pub threads: u32,
    /// 1: under the race detector, in builds that are instrumented.
    pub race: u32,
}

impl Mode {
    /// Four schedules that differ as much as they can.
    pub const ALL: [Mode; 4] = [
        Mode { order: 0, lazy: 1, threads: 1, race: 0 },
        Mode { order: 1, lazy: 1, threads: 1, race: 0 },
        Mode { order: 20_261, lazy: 1, threads: 1, race: 0 },
        Mode { order: 1, lazy: 0, threads: 1, race: 0 },
    ];
}

impl Default for Mode {
    fn default() -> Mode {
        Mode::ALL[0]
    }
}

/// Which build of the kernels runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variant {
    /// As they are.
    Plain,
    /// Instrumented for the race detector.
    Race,
    /// Instrumented, with an injected bug, by the name of its file in `tests/bugs`.
    Bug(String),
}

impl Variant {
    #[cfg(emulated)]
    fn name(&self) -> String {
        match self {
            Variant::Plain => "plain".into(),
            Variant::Race => "race".into(),
            Variant::Bug(name) => format!("bug:{name}"),
        }
    }
}

#[cfg(emulated)]
unsafe extern "C" {
    fn emu_parameters(variant: *const c_char, name: *const c_char, sizes: *mut usize, capacity: usize)
    -> i32;
    fn emu_launch(
        variant: *const c_char,
        name: *const c_char,
        grid: *const u32,
        block: *const u32,
        shared: usize,
        count: usize,
        arguments: *const *const c_void,
        sizes: *const usize,
        mode: *const Mode,
        message: *mut c_char,
        message_bytes: usize,
    ) -> i32;
}

/// Runs a kernel whose arguments lie at these addresses, each as long as [`parameters`] says: what a driver is given.
///
/// # Safety
/// Every pointer is readable for the size of its parameter, and the addresses among the arguments are live memory.
#[cfg(emulated)]
pub unsafe fn launch_raw(
    kernel: &str,
    grid: [u32; 3],
    threads: u32,
    shared: usize,
    arguments: &[*const c_void],
    mode: Mode,
) -> Result<(), String> {
    let name = CString::new(kernel).map_err(|e| e.to_string())?;
    let sizes = parameters(kernel, &Variant::Plain).ok_or_else(|| format!("no kernel {kernel}"))?;
    let mut message = [0 as c_char; 2048];
    // SAFETY: as for `launch`; the caller vouches for the arguments.
    let code = unsafe {
        emu_launch(
            c"plain".as_ptr(),
            name.as_ptr(),
            grid.as_ptr(),
            [threads, 1, 1].as_ptr(),
            shared,
            arguments.len(),
            arguments.as_ptr(),
            sizes.as_ptr(),
            &mode,
            message.as_mut_ptr(),
            message.len(),
        )
    };
    if code == 0 {
        return Ok(());
    }
    // SAFETY: the emulator ends its message with a zero byte inside the array.
    Err(unsafe { CStr::from_ptr(message.as_ptr()) }.to_string_lossy().into_owned())
}

/// `emu::TensorMap` of cpp/emulator.h.
#[cfg(emulated)]
#[repr(C, align(64))]
struct EmulatedMap {
    base: u64,
    columns: i64,
    rows: i64,
    slices: i64,
    row_bytes: i64,
    slice_bytes: i64,
    box_columns: i32,
    box_rows: i32,
    magic: u32,
    pad: u32,
    fill: [u64; 8],
}

#[cfg(emulated)]
const MAP_MAGIC: u32 = 0x746d_6170;

#[cfg(emulated)]
impl EmulatedMap {
    fn new(map: &TensorMap) -> EmulatedMap {
        EmulatedMap {
            base: map.address,
            columns: map.columns as i64,
            rows: map.rows as i64,
            slices: map.slices as i64,
            row_bytes: map.row_bytes as i64,
            slice_bytes: map.slice_bytes as i64,
            box_columns: 64,
            box_rows: map.box_rows as i32,
            magic: MAP_MAGIC,
            pad: 0,
            fill: [0; 8],
        }
    }
}

/// Bytes of each parameter of a kernel, or `None` if there is no such kernel: what a stand-in for the driver needs to turn
/// `kernelParams` into arguments.
#[cfg(emulated)]
pub fn parameters(kernel: &str, variant: &Variant) -> Option<Vec<usize>> {
    let (variant, name) = (CString::new(variant.name()).ok()?, CString::new(kernel).ok()?);
    let mut sizes = [0usize; 64];
    // SAFETY: both texts end with a zero byte, and at most 64 sizes are written.
    let count = unsafe { emu_parameters(variant.as_ptr(), name.as_ptr(), sizes.as_mut_ptr(), sizes.len()) };
    sizes.get(..usize::try_from(count).ok()?).map(<[usize]>::to_vec)
}

/// The 128 bytes that the emulator takes for a tensor map: what a stand-in for `cuTensorMapEncodeTiled` writes.
#[cfg(emulated)]
pub fn encode_tensor_map(map: &TensorMap) -> [u8; 128] {
    // SAFETY: the struct is 128 bytes of integers without padding; the emulator asserts its size.
    unsafe { std::mem::transmute(EmulatedMap::new(map)) }
}

/// Runs a launch to its end. The error is what the emulator found: a deadlock, a race, a stray access, a wrong argument.
///
/// The addresses in the launch must be those of live [`Buffer`]s. A kernel that accesses memory outside every buffer, but
/// inside some other memory of this process, is not caught; the pages around buffers are never accessible, so small
/// excesses are.
#[cfg(emulated)]
pub fn launch(launch: &Launch, variant: &Variant, mode: Mode) -> Result<(), String> {
    let text = |s: &str| CString::new(s).map_err(|e| e.to_string());
    let (variant, name) = (text(&variant.name())?, text(&launch.kernel)?);
    let maps: Vec<Option<EmulatedMap>> = launch
        .args
        .iter()
        .map(|a| if let Arg::Map(map) = a { Some(EmulatedMap::new(map)) } else { None })
        .collect();
    let (pointers, sizes): (Vec<*const c_void>, Vec<usize>) = launch
        .args
        .iter()
        .zip(&maps)
        .map(|(arg, map)| match (arg, map) {
            (_, Some(map)) => (std::ptr::from_ref(map).cast(), size_of::<EmulatedMap>()),
            (Arg::Pointer(x) | Arg::U64(x), _) => (std::ptr::from_ref(x).cast(), 8),
            (Arg::I64(x), _) => (std::ptr::from_ref(x).cast(), 8),
            (Arg::I32(x), _) => (std::ptr::from_ref(x).cast(), 4),
            (Arg::U32(x), _) => (std::ptr::from_ref(x).cast(), 4),
            (Arg::F32(x), _) => (std::ptr::from_ref(x).cast(), 4),
            (Arg::F64(x), _) => (std::ptr::from_ref(x).cast(), 8),
            (Arg::Map(_), None) => (std::ptr::null(), 0), // every map was encoded above
        })
        .unzip();
    let mut message = [0 as c_char; 2048];
    // SAFETY: every pointer is live for the call, counts are those of the arrays, and the emulator writes at most
    // `message_bytes`. That the kernel accesses only its buffers is what is being tested; see above.
    let code = unsafe {
        emu_launch(
            variant.as_ptr(),
            name.as_ptr(),
            launch.grid.as_ptr(),
            [launch.threads, 1, 1].as_ptr(),
            launch.shared as usize,
            pointers.len(),
            pointers.as_ptr(),
            sizes.as_ptr(),
            &mode,
            message.as_mut_ptr(),
            message.len(),
        )
    };
    if code == 0 {
        return Ok(());
    }
    // SAFETY: the emulator ends its message with a zero byte inside the array.
    Err(unsafe { CStr::from_ptr(message.as_ptr()) }.to_string_lossy().into_owned())
}

/// Not built here: see the warning of the build.
#[cfg(not(emulated))]
pub fn launch(launch: &Launch, _: &Variant, _: Mode) -> Result<(), String> {
    Err(format!("{}: the emulator was not built; it needs Linux and a C++ compiler", launch.kernel))
}

/// Not built here.
#[cfg(not(emulated))]
pub fn parameters(_: &str, _: &Variant) -> Option<Vec<usize>> {
    None
}

/// Not built here.
#[cfg(not(emulated))]
pub fn encode_tensor_map(_: &smolc_kernels_cuda::TensorMap) -> [u8; 128] {
    [0; 128]
}

/// Not built here.
///
/// # Safety
/// It does nothing.
#[cfg(not(emulated))]
pub unsafe fn launch_raw(
    kernel: &str,
    _: [u32; 3],
    _: u32,
    _: usize,
    _: &[*const std::ffi::c_void],
    _: Mode,
) -> Result<(), String> {
    Err(format!("{kernel}: the emulator was not built; it needs Linux and a C++ compiler"))
}
