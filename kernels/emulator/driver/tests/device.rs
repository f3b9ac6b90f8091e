//! The host's side of graphs and products, in this process, against this driver.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may panic

use smolc_kernels_cuda::host::{Blas, Cubins, CudaError, Device, Gemm, Operands, Search};
use smolc_kernels_cuda::launch::Dtype;

fn floats(device: &Device, at: u64, n: usize) -> Vec<f32> {
    let mut bytes = vec![0; 4 * n];
    device.read(at, &mut bytes).unwrap();
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn write(device: &Device, at: u64, values: &[f32]) {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    device.write(at, &bytes).unwrap();
}

/// A number of the values' own, with a small denominator: sums of products of them are exact.
fn values(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7 + seed * 13) % 17) as f32 / 4.0 - 2.0).collect()
}

#[test]
fn graphs_hold_products_and_their_mistakes_are_errors() {
    let Some(driver) = smolc_fake_driver::driver_of_this_build() else {
        println!("SKIPPED the emulated GPU: the emulator was not built");
        return;
    };
    let folder = std::env::temp_dir().join(format!("smolc-fake-device-{}", std::process::id()));
    smolc_fake_driver::install(&driver, &folder).unwrap();
    let libraries = folder.clone();
    let search =
        Search::from_environment(&|name| (name == "SMOLC_CUDA_LIBS").then(|| libraries.clone().into()));
    let cubins = Cubins::new(&folder.join("cache"), &search);
    let mut device = Device::open(&search, &cubins, 2).unwrap();
    let mut blas = Blas::new(&device, &search, &folder.join("cache")).unwrap();

    // Two products of one plan with different biases, the second of the first's result.
    let (rows, n) = (3, 8);
    let memory = device.allocate(9 * 512, "a test").unwrap();
    let place = |i: u64| memory.address() + 512 * i;
    let gemm = Gemm::forward(Dtype::F32, [rows, n, n], true, false);
    let spare = Operands { a: place(5), b: place(6), c: place(7), d: place(7), bias: place(3) };
    let plan = blas.plan(&mut device, gemm, &spare).unwrap();
    let weight = values(n * n, 1);
    let biases = [values(n, 2), values(n, 3)];
    write(&device, place(0), &weight);
    write(&device, place(3), &biases[0]);
    write(&device, place(4), &biases[1]);
    let product = |x: &[f32], bias: &[f32]| -> Vec<f32> {
        let row =
            |r: usize, j: usize| (0..n).map(|k| x[r * n + k] * weight[j * n + k]).sum::<f32>() + bias[j];
        (0..rows).flat_map(|r| (0..n).map(move |j| (r, j))).map(|(r, j)| row(r, j)).collect()
    };
    let first = Operands { a: place(0), b: place(1), c: place(2), d: place(2), bias: place(3) };
    let second = Operands { b: place(2), c: place(8), d: place(8), bias: place(4), ..first };
    let graph = device
        .capture(|device| {
            blas.run(device, &plan, &first, false)?;
            blas.run(device, &plan, &second, false)?;
            device.copy(place(1), place(8), 4 * rows * n)
        })
        .unwrap();
    // Nothing ran; then each launch goes on from the one before.
    assert!(floats(&device, place(2), 1)[0].is_nan());
    let mut x = values(rows * n, 5);
    write(&device, place(1), &x);
    for _ in 0..2 {
        device.replay(&graph).unwrap();
        x = product(&product(&x, &biases[0]), &biases[1]);
        assert_eq!(floats(&device, place(1), rows * n), x);
    }
    drop(graph);

    // What may not be captured is the error, and the device goes on.
    let said = |result: Result<_, CudaError>| {
        result.map(|_: smolc_kernels_cuda::host::Graph| ()).unwrap_err().to_string()
    };
    let waits = said(device.capture(|device| device.wait()));
    assert!(waits.contains("CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED") && waits.contains("a bug"), "{waits}");
    let allocates = said(device.capture(|device| device.allocate(16, "x").map(drop)));
    assert!(allocates.contains("CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"), "{allocates}");
    // An error that was swallowed leaves no graph all the same.
    let swallows = said(device.capture(|device| {
        let _ = device.wait();
        Ok(())
    }));
    assert!(swallows.contains("CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"), "{swallows}");
    let event = device.event().unwrap();
    let times = said(device.capture(|device| {
        device.record(&event)?;
        event.wait()
    }));
    assert!(times.contains("CUDA_ERROR_CAPTURED_EVENT"), "{times}");
    let graph = device.capture(|device| device.zero(place(1), 4)).unwrap();
    device.replay(&graph).unwrap();
    assert_eq!(floats(&device, place(1), 1), [0.0]);
    drop((graph, event, memory));
    let _ = std::fs::remove_dir_all(folder);
}
