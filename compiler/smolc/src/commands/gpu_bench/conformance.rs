//! Instructions with known answers on the device: a difference means that the emulator, and with it everything it proved,
//! has misread an instruction.

use super::failed;
use crate::device;
use crate::failure::Failure;
use smolc_kernels_cuda::conformance::{Case, cases};
use smolc_kernels_cuda::host::{Cubins, Device};

/// Runs every case that the device can run: its name, and the bytes that differ from the definition.
pub fn run() -> Result<Vec<(&'static str, usize)>, Failure> {
    let search = device::search();
    let cubins = Cubins::new(&device::cache(), &search);
    let mut gpu = Device::open(&search, &cubins, crate::threads::count(None)).map_err(|e| failed(&e))?;
    let hopper = gpu.info().arch().hopper();
    let mut found = Vec::new();
    for case in cases().iter().filter(|case| hopper || !case.hopper) {
        found.push((case.name, differing(&mut gpu, case)?));
    }
    Ok(found)
}

fn differing(gpu: &mut Device, case: &Case) -> Result<usize, Failure> {
    let mut inputs = Vec::new();
    for values in &case.inputs {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let memory = gpu.allocate(bytes.len() as u64, "an input").map_err(|e| failed(&e))?;
        gpu.write(memory.address(), &bytes).map_err(|e| failed(&e))?;
        inputs.push(memory);
    }
    let mut outputs = Vec::new();
    for bytes in &case.expected {
        let memory = gpu.allocate(bytes.len() as u64, "an output").map_err(|e| failed(&e))?;
        // NaN in every type, so that what is not written differs.
        gpu.write(memory.address(), &vec![0xff; bytes.len()]).map_err(|e| failed(&e))?;
        outputs.push(memory);
    }
    let addresses = |list: &[smolc_kernels_cuda::host::Memory]| -> Vec<u64> {
        list.iter().map(smolc_kernels_cuda::host::Memory::address).collect()
    };
    gpu.run(&(case.launch)(&addresses(&inputs), &addresses(&outputs))).map_err(|e| failed(&e))?;
    gpu.wait().map_err(|e| failed(&e))?;
    let mut different = 0;
    for (memory, want) in outputs.iter().zip(&case.expected) {
        let mut got = vec![0; want.len()];
        gpu.read(memory.address(), &mut got).map_err(|e| failed(&e))?;
        different += got.iter().zip(want).filter(|(a, b)| a != b).count();
    }
    Ok(different)
}
