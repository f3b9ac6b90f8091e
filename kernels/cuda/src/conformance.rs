//! Instructions with known answers: what the emulator takes them to do, to be checked on every new kind of GPU.
//!
//! A [`Case`] has inputs, the launch, and the expected bytes of every output, computed here from the definition of the
//! instruction. All values are small integers, so sums are exact in any order. The tests run the cases on the emulator; a
//! host runtime runs the same ones on a device and compares bytes. A difference there means that the emulator, and with it
//! everything it proved, has misread an instruction.

use crate::launch::{Address, Arg, Launch, TensorMap};

/// One launch with known results.
pub struct Case {
    /// What is tried.
    pub name: &'static str,
    /// Whether it needs `sm_90a`.
    pub hopper: bool,
    /// Input tensors, bf16.
    pub inputs: Vec<Vec<u16>>,
    /// Output tensors as bytes.
    pub expected: Vec<Vec<u8>>,
    /// From the addresses of inputs and outputs to the launch.
    pub launch: fn(&[Address], &[Address]) -> Launch,
}

/// Every case.
pub fn cases() -> Vec<Case> {
    vec![mma(), hopper(), engine()]
}

/// Integers from -3 to 3 that depend on the place.
fn integers(n: usize, salt: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 37 + i / 7 * 11 + salt * 5 + i / 64) % 7) as f32 - 3.0).collect()
}

fn bf16(x: &[f32]) -> Vec<u16> {
    x.iter().map(|x| (x.to_bits() >> 16) as u16).collect()
}

fn bytes_of_f32(x: &[f32]) -> Vec<u8> {
    x.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn bytes_of_u16(x: &[u16]) -> Vec<u8> {
    x.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn at(x: &[f32], i: usize) -> f32 {
    x.get(i).copied().unwrap_or(0.0)
}

/// `[m, n] = a[m, k]·b[n, k]ᵀ`
fn product(a: &[f32], b: &[f32], k: usize) -> Vec<f32> {
    a.chunks(k).flat_map(|a| b.chunks(k).map(|b| a.iter().zip(b).map(|(a, b)| a * b).sum())).collect()
}

const ROWS: usize = 13;

fn mma() -> Case {
    let (a, b) = (integers(256, 1), integers(128, 2));
    let kept: Vec<f32> = a.iter().enumerate().map(|(i, &x)| if i / 16 < ROWS { x } else { 0.0 }).collect();
    let bits = bf16(&kept);
    let word = |first: usize, second: usize| {
        let half = |i: usize| u32::from(bits.get(i).copied().unwrap_or(0));
        half(first) | half(second) << 16
    };
    // Matrix i of a lies at rows 8·(i % 2), columns 8·(i / 2): its row r, column c.
    let element = |i: usize, r: usize, c: usize| (r + i % 2 * 8) * 16 + c + i / 2 * 8;
    let mut fragments = Vec::new();
    for transposed in [false, true] {
        for lane in 0..32 {
            for i in 0..4 {
                let (g, t) = (lane / 4, lane % 4 * 2);
                fragments.push(if transposed {
                    word(element(i, t, g), element(i, t + 1, g))
                } else {
                    word(element(i, g, t), element(i, g, t + 1))
                });
            }
        }
    }
    Case {
        name: "cp.async, ldmatrix, ldmatrix.trans, mma.m16n8k16",
        hopper: false,
        inputs: vec![bf16(&a), bf16(&b)],
        expected: vec![
            bytes_of_f32(&product(&kept, &b, 16)),
            fragments.iter().flat_map(|w: &u32| w.to_le_bytes()).collect(),
        ],
        launch: |inputs, outputs| Launch {
            kernel: "conformance_mma".into(),
            grid: [1, 1, 1],
            threads: 32,
            shared: 0,
            args: inputs
                .iter()
                .chain(outputs)
                .map(|a| Arg::Pointer(*a))
                .chain([Arg::I32(ROWS as i32)])
                .collect(),
        },
    }
}

/// Rows of a slice, and the first row of the box that reaches beyond its end.
const SLICE_ROWS: usize = 150;
const FIRST_ROW: usize = 100;

/// The first input as two slices of rows of 128.
fn slices(inputs: &[Address]) -> TensorMap {
    TensorMap {
        address: inputs.first().copied().unwrap_or(0),
        columns: 128,
        rows: SLICE_ROWS as u64,
        slices: 2,
        row_bytes: 256,
        slice_bytes: 256 * SLICE_ROWS as u64,
        box_rows: 64,
    }
}

fn engine() -> Case {
    let (x, p) = (integers(2 * SLICE_ROWS * 128, 5), integers(64 * 64, 6));
    // Columns 64 … of slice 1 and 0 … of slice 0, turned: a row a column of the map.
    let a: Vec<f32> = (0..64 * 128).map(|i| at(&x, (SLICE_ROWS + i % 128) * 128 + 64 + i / 128)).collect();
    let b: Vec<f32> = (0..64 * 128).map(|i| at(&x, i % 128 * 128 + i / 128)).collect();
    let twice: Vec<f32> = (0..128).map(|t| 2.0 * ((t % 7) as f32 - 3.0)).collect();
    Case {
        name: "wgmma of two MN-major operands, stmatrix, bulk store and addition",
        hopper: true,
        inputs: vec![bf16(&x), bf16(&p)],
        expected: vec![bytes_of_f32(&product(&a, &b, 128)), bytes_of_u16(&bf16(&p)), bytes_of_f32(&twice)],
        launch: |inputs, outputs| Launch {
            kernel: "conformance_hopper_engine".into(),
            grid: [1, 1, 1],
            threads: 128,
            shared: (128 + 128 + 64) * 128 + 128 * 4,
            args: [Arg::Map(slices(inputs))]
                .into_iter()
                .chain(inputs.iter().skip(1).chain(outputs).map(|a| Arg::Pointer(*a)))
                .collect(),
        },
    }
}

fn hopper() -> Case {
    let (x, p) = (integers(2 * SLICE_ROWS * 128, 3), integers(64 * 128, 4));
    let element = |slice: usize, row: usize, column: usize| {
        if row < SLICE_ROWS { at(&x, (slice * SLICE_ROWS + row) * 128 + column) } else { 0.0 }
    };
    let a: Vec<f32> = (0..64 * 64).map(|i| element(1, FIRST_ROW + i / 64, 64 + i % 64)).collect();
    let b: Vec<f32> = (0..128 * 64).map(|i| element(0, i / 64, i % 64)).collect();
    let b_columns: Vec<f32> = (0..64 * 128).map(|i| at(&b, i % 128 * 64 + i / 128)).collect();
    // 16-byte chunk c of row r lies at chunk c ^ (r % 8).
    let swizzled: Vec<f32> = (0..64 * 64)
        .map(|i| {
            let (row, chunk) = (i / 64, i % 64 / 8);
            at(&a, row * 64 + (chunk ^ (row % 8)) * 8 + i % 8)
        })
        .collect();
    let twice: Vec<f32> =
        product(&a, b.get(..64 * 64).unwrap_or_default(), 64).iter().map(|x| 2.0 * x).collect();
    Case {
        name: "TMA with swizzle and zero fill, mbarrier, wgmma from shared memory and from registers",
        hopper: true,
        inputs: vec![bf16(&x), bf16(&p)],
        expected: vec![
            bytes_of_u16(&bf16(&swizzled)),
            bytes_of_f32(&product(&a, &b, 64)),
            bytes_of_f32(&twice),
            bytes_of_f32(&product(&p, &b_columns, 128)),
        ],
        launch: |inputs, outputs| Launch {
            kernel: "conformance_hopper".into(),
            grid: [1, 1, 1],
            threads: 128,
            shared: (64 + 128) * 128,
            args: [Arg::Map(slices(inputs))]
                .into_iter()
                .chain(inputs.iter().skip(1).chain(outputs).map(|a| Arg::Pointer(*a)))
                .chain([Arg::I32(FIRST_ROW as i32)])
                .collect(),
        },
    }
}
