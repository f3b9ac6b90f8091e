//! One GPU: its context, a stream that computes, a stream that copies, its kernels and their launches.
//!
//! The primary context is used through the driver's own functions, so cudarc's tracking of events at every allocation
//! does not exist here: order is that of one stream, and the copy stream is ordered by events that the caller places.

use super::cubins::{Arch, Cubin, Cubins, Origin};
use super::error::CudaError;
use super::libraries::{Library, Search};
use super::memory::{Memory, Pinned};
use crate::launch::{Arg, Launch, TensorMap};
use cudarc::driver::sys;
use std::collections::HashMap;
use std::ffi::{CString, c_void};

/// The driver's result as ours.
pub(super) fn check(call: impl Into<String>, status: sys::CUresult) -> Result<(), CudaError> {
    if status == sys::CUresult::CUDA_SUCCESS {
        return Ok(());
    }
    Err(CudaError::Driver { call: call.into(), status: format!("{status:?}") })
}

/// What is known of a GPU before anything is allocated on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Number, as CUDA counts.
    pub ordinal: i32,
    /// Its name.
    pub name: String,
    /// Compute capability.
    pub capability: (i32, i32),
    /// Multiprocessors.
    pub multiprocessors: i32,
    /// Bytes of memory in all.
    pub memory: u64,
    /// Version of the driver's interface: 13000 is 13.0.
    pub driver: i32,
}

impl DeviceInfo {
    /// The first GPU that the driver shows. Loads the driver; makes no context.
    pub fn first(search: &Search) -> Result<DeviceInfo, CudaError> {
        let loaded = search.load(Library::Driver)?;
        let (mut driver, mut count, mut device) = (0, 0, 0);
        // SAFETY: the library is loaded and has every function; pointers are live and arrays as long as stated.
        unsafe {
            match sys::cuInit(0) {
                sys::CUresult::CUDA_ERROR_NO_DEVICE => return Err(CudaError::NoDevice),
                status => check("cuInit", status)?,
            }
            check("cuDriverGetVersion", sys::cuDriverGetVersion(&mut driver))?;
            if driver < 12_080 {
                let problem = format!(
                    "it is the driver of CUDA {}.{}; 12.8 or newer is needed",
                    driver / 1000,
                    driver % 1000 / 10
                );
                return Err(CudaError::Unusable { library: Library::Driver, path: loaded.path, problem });
            }
            check("cuDeviceGetCount", sys::cuDeviceGetCount(&mut count))?;
            if count == 0 {
                return Err(CudaError::NoDevice);
            }
            check("cuDeviceGet", sys::cuDeviceGet(&mut device, 0))?;
            let mut name = [0u8; 256];
            check("cuDeviceGetName", sys::cuDeviceGetName(name.as_mut_ptr().cast(), 256, device))?;
            let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
            let name = String::from_utf8_lossy(name.get(..end).unwrap_or_default()).into_owned();
            let attribute = |which| {
                let mut value = 0;
                check("cuDeviceGetAttribute", sys::cuDeviceGetAttribute(&mut value, which, device))
                    .map(|()| value)
            };
            use sys::CUdevice_attribute as A;
            let capability = (
                attribute(A::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
                attribute(A::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
            );
            if capability.0 < 8 {
                return Err(CudaError::TooOld { name, capability });
            }
            let mut memory = 0usize;
            check("cuDeviceTotalMem", sys::cuDeviceTotalMem_v2(&mut memory, device))?;
            Ok(DeviceInfo {
                ordinal: 0,
                name,
                capability,
                multiprocessors: attribute(A::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?,
                memory: memory as u64,
                driver,
            })
        }
    }

    /// The architecture that its kernels are compiled for.
    pub fn arch(&self) -> Arch {
        Arch::of(self.capability)
    }
}

/// A point in a stream.
#[derive(Debug)]
pub struct Event(sys::CUevent);

impl Event {
    fn new() -> Result<Event, CudaError> {
        let mut event = std::ptr::null_mut();
        // SAFETY: a context is current; the pointer is live. Flags 0: the event keeps its time.
        check("cuEventCreate", unsafe { sys::cuEventCreate(&mut event, 0) })?;
        Ok(Event(event))
    }

    /// Waits until the work before it is done.
    pub fn wait(&self) -> Result<(), CudaError> {
        // SAFETY: a live event.
        check("cuEventSynchronize", unsafe { sys::cuEventSynchronize(self.0) })
    }

    /// Milliseconds from `earlier` to this one; both are done.
    pub fn milliseconds_since(&self, earlier: &Event) -> Result<f32, CudaError> {
        let mut time = 0f32;
        // SAFETY: two live events.
        check("cuEventElapsedTime", unsafe { sys::cuEventElapsedTime_v2(&mut time, earlier.0, self.0) })?;
        Ok(time)
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: made in `new`, destroyed once.
        unsafe { sys::cuEventDestroy_v2(self.0) };
    }
}

/// A launch with its function found and its arguments encoded: issuing it allocates nothing.
#[derive(Debug)]
pub struct Prepared {
    name: String,
    function: sys::CUfunction,
    grid: [u32; 3],
    threads: u32,
    shared: u32,
    values: Vec<Value>,
}

impl Prepared {
    /// The kernel's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Room for any argument; a tensor map fills it.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Value([u64; 16]);

/// Most arguments of a kernel.
const ARGUMENTS: usize = 32;

/// A GPU in use by one thread.
#[derive(Debug)]
pub struct Device {
    info: DeviceInfo,
    device: sys::CUdevice,
    context: sys::CUcontext,
    compute: sys::CUstream,
    copies: sys::CUstream,
    modules: Vec<(&'static str, sys::CUmodule)>,
    functions: HashMap<String, sys::CUfunction>,
    origins: Vec<(&'static str, Origin)>,
}

impl Device {
    /// Opens the first GPU with its kernels. What must be compiled is compiled on `threads` threads.
    pub fn open(search: &Search, cubins: &Cubins, threads: usize) -> Result<Device, CudaError> {
        let info = DeviceInfo::first(search)?;
        // Before the context: nothing is held on the device when kernels are missing.
        let images = cubins.all(info.arch(), threads)?;
        Device::with_images(info, &images)
    }

    /// Opens the first GPU without kernels: to ask about its memory.
    pub fn open_bare(search: &Search) -> Result<Device, CudaError> {
        Device::with_images(DeviceInfo::first(search)?, &[])
    }

    fn with_images(info: DeviceInfo, images: &[Cubin]) -> Result<Device, CudaError> {
        let mut device = Device {
            device: 0,
            context: std::ptr::null_mut(),
            compute: std::ptr::null_mut(),
            copies: std::ptr::null_mut(),
            modules: Vec::new(),
            functions: HashMap::new(),
            origins: images.iter().map(|c| (c.name, c.origin.clone())).collect(),
            info,
        };
        // SAFETY: the driver is loaded and initialized; pointers are live; the context becomes current on this thread.
        unsafe {
            check("cuDeviceGet", sys::cuDeviceGet(&mut device.device, device.info.ordinal))?;
            check(
                "cuDevicePrimaryCtxRetain",
                sys::cuDevicePrimaryCtxRetain(&mut device.context, device.device),
            )?;
            check("cuCtxSetCurrent", sys::cuCtxSetCurrent(device.context))?;
            const NON_BLOCKING: u32 = 1;
            check("cuStreamCreate", sys::cuStreamCreate(&mut device.compute, NON_BLOCKING))?;
            check("cuStreamCreate", sys::cuStreamCreate(&mut device.copies, NON_BLOCKING))?;
            for Cubin { name, image, .. } in images {
                let mut module = std::ptr::null_mut();
                check(
                    format!("cuModuleLoadData of {name}"),
                    sys::cuModuleLoadData(&mut module, image.as_ptr().cast()),
                )?;
                device.modules.push((name, module));
            }
        }
        Ok(device)
    }

    /// What is known of it.
    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// Where each file of kernels came from.
    pub fn origins(&self) -> &[(&'static str, Origin)] {
        &self.origins
    }

    /// The stream that computes, for libraries that launch on it.
    pub(super) fn stream(&self) -> sys::CUstream {
        self.compute
    }

    /// Bytes of memory that are free now.
    pub fn free_memory(&self) -> Result<u64, CudaError> {
        let (mut free, mut total) = (0usize, 0usize);
        // SAFETY: pointers are live, the context is current.
        check("cuMemGetInfo", unsafe { sys::cuMemGetInfo_v2(&mut free, &mut total) })?;
        Ok(free as u64)
    }

    /// Allocates device memory; `what` is for the message when there is not enough.
    pub fn allocate(&self, bytes: u64, what: &str) -> Result<Memory, CudaError> {
        Memory::new(bytes, what)
    }

    /// Allocates page-locked memory of the host, zeroed.
    pub fn pinned(&self, bytes: usize) -> Result<Pinned, CudaError> {
        Pinned::new(bytes)
    }

    /// A new event.
    pub fn event(&self) -> Result<Event, CudaError> {
        Event::new()
    }

    /// Marks this point of the computing stream.
    pub fn record(&self, event: &Event) -> Result<(), CudaError> {
        // SAFETY: a live event and a live stream.
        check("cuEventRecord", unsafe { sys::cuEventRecord(event.0, self.compute) })
    }

    /// Marks this point of the copying stream.
    pub fn record_copy(&self, event: &Event) -> Result<(), CudaError> {
        // SAFETY: as above.
        check("cuEventRecord", unsafe { sys::cuEventRecord(event.0, self.copies) })
    }

    /// What follows in the computing stream begins after `event`.
    pub fn compute_after(&self, event: &Event) -> Result<(), CudaError> {
        // SAFETY: as above.
        check("cuStreamWaitEvent", unsafe { sys::cuStreamWaitEvent(self.compute, event.0, 0) })
    }

    /// What follows in the copying stream begins after `event`.
    pub fn copy_after(&self, event: &Event) -> Result<(), CudaError> {
        // SAFETY: as above.
        check("cuStreamWaitEvent", unsafe { sys::cuStreamWaitEvent(self.copies, event.0, 0) })
    }

    /// Waits for everything in the computing stream.
    pub fn wait(&self) -> Result<(), CudaError> {
        // SAFETY: a live stream.
        check("waiting for the device", unsafe { sys::cuStreamSynchronize(self.compute) })
    }

    /// Copies pinned bytes to the device, on the copying stream; the host goes on.
    ///
    /// The caller leaves `from` alone until an event recorded after this is done, and `to` has room.
    pub fn upload(&self, to: u64, from: &Pinned, bytes: usize) -> Result<(), CudaError> {
        let bytes = bytes.min(from.len());
        // SAFETY: the block has `bytes` bytes and stays; the address is the caller's.
        check("copy to the device", unsafe {
            sys::cuMemcpyHtoDAsync_v2(to, from.pointer().cast::<c_void>(), bytes, self.copies)
        })
    }

    /// Copies device bytes into pinned ones, in the computing stream; the caller waits before reading them.
    pub fn download(&self, to: &mut Pinned, from: u64, bytes: usize) -> Result<(), CudaError> {
        let bytes = bytes.min(to.len());
        // SAFETY: as above.
        check("copy from the device", unsafe {
            sys::cuMemcpyDtoHAsync_v2(to.pointer().cast(), from, bytes, self.compute)
        })
    }

    /// Copies to the device in the computing stream and waits.
    pub fn write(&self, to: u64, from: &[u8]) -> Result<(), CudaError> {
        // SAFETY: the slice lives until the copy is done.
        check("copy to the device", unsafe {
            sys::cuMemcpyHtoDAsync_v2(to, from.as_ptr().cast(), from.len(), self.compute)
        })?;
        self.wait()
    }

    /// Copies from the device in the computing stream and waits.
    pub fn read(&self, from: u64, to: &mut [u8]) -> Result<(), CudaError> {
        // SAFETY: as above.
        check("copy from the device", unsafe {
            sys::cuMemcpyDtoHAsync_v2(to.as_mut_ptr().cast(), from, to.len(), self.compute)
        })?;
        self.wait()
    }

    /// Copies within the device, in the computing stream.
    pub fn copy(&self, to: u64, from: u64, bytes: usize) -> Result<(), CudaError> {
        // SAFETY: both ranges are the caller's.
        check("copy within the device", unsafe { sys::cuMemcpyDtoDAsync_v2(to, from, bytes, self.compute) })
    }

    /// Sets bytes to zero, in the computing stream.
    pub fn zero(&self, at: u64, bytes: usize) -> Result<(), CudaError> {
        if bytes == 0 {
            return Ok(());
        }
        // SAFETY: the range is the caller's.
        check("set device memory to zero", unsafe { sys::cuMemsetD8Async(at, 0, bytes, self.compute) })
    }

    /// Finds the function of a launch, allows it its shared memory, and encodes its arguments.
    pub fn prepare(&mut self, launch: &Launch) -> Result<Prepared, CudaError> {
        let function = self.function(&launch.kernel)?;
        if launch.shared > 48 * 1024 {
            let attribute = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            let bytes = i32::try_from(launch.shared).unwrap_or(i32::MAX);
            // SAFETY: a live function.
            check(format!("{bytes} bytes of shared memory for {}", launch.kernel), unsafe {
                sys::cuFuncSetAttribute(function, attribute, bytes)
            })?;
        }
        if launch.args.len() > ARGUMENTS {
            return Err(CudaError::NoKernel(format!(
                "{} with {} arguments",
                launch.kernel,
                launch.args.len()
            )));
        }
        Ok(Prepared {
            name: launch.kernel.clone(),
            function,
            grid: launch.grid,
            threads: launch.threads,
            shared: launch.shared,
            values: launch.args.iter().map(encode).collect::<Result<_, _>>()?,
        })
    }

    /// Issues a launch in the computing stream.
    pub fn launch(&self, prepared: &Prepared) -> Result<(), CudaError> {
        let mut pointers = [std::ptr::null_mut::<c_void>(); ARGUMENTS];
        for (pointer, value) in pointers.iter_mut().zip(&prepared.values) {
            *pointer = std::ptr::from_ref(value).cast_mut().cast();
        }
        let [x, y, z] = prepared.grid;
        // SAFETY: one pointer a parameter, each to a live value of the parameter's type: `launch` tests run every launch
        // function against the kernels' own signatures. The driver copies the values before it returns.
        let status = unsafe {
            sys::cuLaunchKernel(
                prepared.function,
                x,
                y,
                z,
                prepared.threads,
                1,
                1,
                prepared.shared,
                self.compute,
                pointers.as_mut_ptr(),
                std::ptr::null_mut(),
            )
        };
        if status == sys::CUresult::CUDA_SUCCESS {
            return Ok(());
        }
        let call = format!("launch of {} ({x} x {y} x {z} blocks of {})", prepared.name, prepared.threads);
        check(call, status)
    }

    /// [`Device::prepare`] and [`Device::launch`], for what is not in a step.
    pub fn run(&mut self, launch: &Launch) -> Result<(), CudaError> {
        let prepared = self.prepare(launch)?;
        self.launch(&prepared)
    }

    fn function(&mut self, name: &str) -> Result<sys::CUfunction, CudaError> {
        if let Some(function) = self.functions.get(name) {
            return Ok(*function);
        }
        let missing = || CudaError::NoKernel(name.to_string());
        let text = CString::new(name).map_err(|_| missing())?;
        // A kernel is in the file that its name begins with, or in another: names are unique.
        for (_, module) in &self.modules {
            let mut function = std::ptr::null_mut();
            // SAFETY: a live module and a live string.
            match unsafe { sys::cuModuleGetFunction(&mut function, *module, text.as_ptr()) } {
                sys::CUresult::CUDA_ERROR_NOT_FOUND => {}
                status => {
                    check(format!("cuModuleGetFunction of {name}"), status)?;
                    self.functions.insert(name.to_string(), function);
                    return Ok(function);
                }
            }
        }
        Err(missing())
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: everything was made in `open`, is destroyed once, and nothing uses it afterwards. Errors have nobody to
        // go to; after a fault of the device every call fails.
        unsafe {
            sys::cuCtxSetCurrent(self.context);
            for stream in [self.compute, self.copies].into_iter().filter(|s| !s.is_null()) {
                sys::cuStreamSynchronize(stream);
                sys::cuStreamDestroy_v2(stream);
            }
            for (_, module) in &self.modules {
                sys::cuModuleUnload(*module);
            }
            if !self.context.is_null() {
                sys::cuDevicePrimaryCtxRelease_v2(self.device);
            }
        }
    }
}

/// The bytes of an argument where the driver reads them.
fn encode(arg: &Arg) -> Result<Value, CudaError> {
    let low = |bits: u64| {
        let mut value = Value([0; 16]);
        value.0[0] = bits;
        value
    };
    Ok(match arg {
        Arg::Pointer(x) | Arg::U64(x) => low(*x),
        Arg::I64(x) => low(*x as u64),
        // The lower half comes first: CUDA's hosts are little-endian.
        Arg::I32(x) => low(u64::from(*x as u32)),
        Arg::U32(x) => low(u64::from(*x)),
        Arg::F32(x) => low(u64::from(x.to_bits())),
        Arg::F64(x) => low(x.to_bits()),
        Arg::Map(map) => encode_map(map)?,
    })
}

fn encode_map(map: &TensorMap) -> Result<Value, CudaError> {
    use sys::{
        CUtensorMapDataType as Type, CUtensorMapFloatOOBfill as Fill, CUtensorMapInterleave as Interleave,
        CUtensorMapL2promotion as Promotion, CUtensorMapSwizzle as Swizzle,
    };
    let mut value = Value([0; 16]);
    const { assert!(size_of::<sys::CUtensorMap>() == size_of::<Value>()) };
    // SAFETY: `value` has the size and the alignment of a tensor map; the arrays have one entry a dimension.
    check(format!("cuTensorMapEncodeTiled of {map:?}"), unsafe {
        sys::cuTensorMapEncodeTiled(
            std::ptr::from_mut(&mut value).cast(),
            Type::CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
            3,
            map.address as *mut c_void,
            [map.columns, map.rows, map.slices].as_ptr(),
            [map.row_bytes, map.slice_bytes].as_ptr(),
            [64, map.box_rows, 1].as_ptr(),
            [1, 1, 1].as_ptr(),
            Interleave::CU_TENSOR_MAP_INTERLEAVE_NONE,
            Swizzle::CU_TENSOR_MAP_SWIZZLE_128B,
            Promotion::CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
            Fill::CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE,
        )
    })?;
    Ok(value)
}
