//! cuBLASLt in plain loops: column-major products with f32 sums, in an order that depends on the algorithm.

use crate::capture::Status;
use crate::streams;
use smolc_kernels_emulator::{bf16_to_f32, f32_to_bf16};
use std::ffi::c_void;
use std::sync::Arc;

const NOT_SUPPORTED: i32 = 15;
const ALLOCATION_FAILED: i32 = 3;
const INVALID: i32 = 7;
const EXECUTION_FAILED: i32 = 13;
const F32: i32 = 0;
const BF16: i32 = 14;
/// Adds partial sums with atomics: offered only to those who do not exclude it.
const ATOMIC: u64 = 99;

#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Descriptor {
    compute: i32,
    scale: i32,
    transposed: [i32; 2],
    epilogue: u32,
    bias: u64,
}
#[derive(Clone, Copy)]
pub struct Layout {
    dtype: i32,
    rows: usize,
    columns: usize,
    pitch: usize,
}
pub struct Preference {
    workspace: u64,
    schemes: u32,
}
#[repr(C)]
pub struct Heuristic {
    algorithm: [u64; 8],
    workspace: usize,
    state: i32,
    waves: f32,
    reserved: [i32; 4],
}

unsafe fn made<T>(to: *mut *mut T, value: T) -> i32 {
    // SAFETY: a place of the caller's.
    unsafe { *to = Box::into_raw(Box::new(value)) };
    0
}
unsafe fn gone<T>(p: *mut T) -> i32 {
    // SAFETY: made by `made`, destroyed once.
    drop(unsafe { Box::from_raw(p) });
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasLtCreate(handle: *mut *mut u64) -> i32 {
    // It allocates on the device.
    if streams::captures(|c| c.unsafe_call()).is_some() {
        return ALLOCATION_FAILED;
    }
    unsafe { made(handle, 1) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasLtDestroy(handle: *mut u64) -> i32 {
    unsafe { gone(handle) }
}
#[unsafe(no_mangle)]
pub extern "C" fn cublasLtGetVersion() -> usize {
    130_100
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasLtMatmulDescCreate(d: *mut *mut Descriptor, compute: i32, scale: i32) -> i32 {
    // 68: CUBLAS_COMPUTE_32F. Anything faster would not be true f32.
    if compute != 68 || scale != F32 {
        return NOT_SUPPORTED;
    }
    unsafe { made(d, Descriptor { compute, scale, epilogue: 1, ..Descriptor::default() }) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasLtMatmulDescDestroy(d: *mut Descriptor) -> i32 {
    unsafe { gone(d) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasLtMatmulDescSetAttribute(
    d: *mut Descriptor,
    which: i32,
    value: *const c_void,
    bytes: usize,
) -> i32 {
    // SAFETY: a live descriptor, a value of `bytes` bytes.
    unsafe {
        match (which, bytes) {
            (3, 4) => (*d).transposed[0] = *value.cast(),
            (4, 4) => (*d).transposed[1] = *value.cast(),
            (7, 4) => (*d).epilogue = *value.cast(),
            (8, 8) => (*d).bias = *value.cast(),
            _ => return INVALID,
        }
    }
    0
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasLtMatrixLayoutCreate(
    layout: *mut *mut Layout,
    dtype: i32,
    rows: u64,
    columns: u64,
    pitch: i64,
) -> i32 {
    if ![F32, BF16].contains(&dtype) || pitch < rows as i64 || rows == 0 || columns == 0 {
        return INVALID;
    }
    let value = Layout { dtype, rows: rows as usize, columns: columns as usize, pitch: pitch as usize };
    unsafe { made(layout, value) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasLtMatrixLayoutDestroy(layout: *mut Layout) -> i32 {
    unsafe { gone(layout) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasLtMatmulPreferenceCreate(p: *mut *mut Preference) -> i32 {
    unsafe { made(p, Preference { workspace: 0, schemes: 7 }) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasLtMatmulPreferenceDestroy(p: *mut Preference) -> i32 {
    unsafe { gone(p) }
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasLtMatmulPreferenceSetAttribute(
    p: *mut Preference,
    which: i32,
    value: *const c_void,
    bytes: usize,
) -> i32 {
    // SAFETY: a live preference, a value of `bytes` bytes.
    unsafe {
        match (which, bytes) {
            (1, 8) => (*p).workspace = *value.cast(),
            (3, 4) => (*p).schemes = *value.cast(),
            _ => return INVALID,
        }
    }
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasLtMatmulAlgoGetHeuristic(
    _: *const u64,
    d: *const Descriptor,
    a: *const Layout,
    b: *const Layout,
    c: *const Layout,
    to: *const Layout,
    p: *const Preference,
    asked: i32,
    results: *mut Heuristic,
    found: *mut i32,
) -> i32 {
    // SAFETY: live objects; `results` has room for `asked`.
    unsafe {
        if shape(&*d, &*a, &*b, &*c, &*to).is_none() {
            return INVALID;
        }
        let all: &[u64] = if (*p).schemes & 1 == 1 { &[ATOMIC, 1, 2] } else { &[1, 2] };
        let count = all.len().min(asked as usize);
        for (i, id) in all.iter().take(count).enumerate() {
            let algorithm = [*id, 0, 0, 0, 0, 0, 0, 0];
            results.add(i).write(Heuristic {
                algorithm,
                workspace: 0,
                state: 0,
                waves: 1.0,
                reserved: [0; 4],
            });
        }
        *found = count as i32;
        crate::log("heuristics");
    }
    0
}
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasLtMatmulAlgoCheck(
    _: *const u64,
    d: *const Descriptor,
    a: *const Layout,
    b: *const Layout,
    c: *const Layout,
    to: *const Layout,
    algorithm: *const [u64; 8],
    result: *mut Heuristic,
) -> i32 {
    // SAFETY: live objects.
    unsafe {
        if ![1, 2].contains(&(*algorithm)[0]) || shape(&*d, &*a, &*b, &*c, &*to).is_none() {
            return NOT_SUPPORTED;
        }
        result.write(Heuristic {
            algorithm: *algorithm,
            workspace: 0,
            state: 0,
            waves: 1.0,
            reserved: [0; 4],
        });
    }
    0
}

/// m, n and k, if everything fits together.
fn shape(d: &Descriptor, a: &Layout, b: &Layout, c: &Layout, to: &Layout) -> Option<[usize; 3]> {
    let turned = |l: &Layout, t: i32| if t == 1 { (l.columns, l.rows) } else { (l.rows, l.columns) };
    let ((m, k), (k2, n)) = (turned(a, d.transposed[0]), turned(b, d.transposed[1]));
    let same = (c.rows, c.columns, c.dtype) == (to.rows, to.columns, to.dtype) && a.dtype == b.dtype;
    let types = (a.dtype, to.dtype) != (F32, BF16);
    (k == k2 && (to.rows, to.columns) == (m, n) && same && types).then_some([m, n, k])
}

/// # Safety
/// The element lies in live memory.
unsafe fn get(base: u64, dtype: i32, i: usize) -> f32 {
    // SAFETY: the caller's.
    unsafe {
        match dtype {
            F32 => *(base as *const f32).add(i),
            _ => bf16_to_f32(*(base as *const u16).add(i)),
        }
    }
}

/// A matrix as f32, row by row of what the product sees: `[rows, columns]`.
unsafe fn dense(base: u64, l: &Layout, transposed: bool) -> Vec<f32> {
    let (rows, columns) = if transposed { (l.columns, l.rows) } else { (l.rows, l.columns) };
    let mut out = Vec::with_capacity(rows * columns);
    for r in 0..rows {
        for c in 0..columns {
            let at = if transposed { r * l.pitch + c } else { c * l.pitch + r };
            // SAFETY: inside the layout.
            out.push(unsafe { get(base, l.dtype, at) });
        }
    }
    out
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cublasLtMatmul(
    _: *const u64,
    d: *const Descriptor,
    alpha: *const f32,
    a: u64,
    a_layout: *const Layout,
    b: u64,
    b_layout: *const Layout,
    beta: *const f32,
    c: u64,
    c_layout: *const Layout,
    to: u64,
    to_layout: *const Layout,
    algorithm: *const [u64; 8],
    _workspace: u64,
    _workspace_bytes: usize,
    stream: u64,
) -> i32 {
    // SAFETY: live objects; everything is copied before the call returns.
    let (d, alpha, beta, la, lb, lc, lt, id) =
        unsafe { (*d, *alpha, *beta, *a_layout, *b_layout, *c_layout, *to_layout, (*algorithm)[0]) };
    let Some([m, n, k]) = shape(&d, &la, &lb, &lc, &lt) else { return INVALID };
    if ![1, 2].contains(&id)
        || ![1, 4].contains(&d.epilogue)
        || [a, b, c, to].iter().any(|p| !p.is_multiple_of(16))
    {
        return NOT_SUPPORTED;
    }
    crate::log("product");
    let work = Arc::new(move || {
        // SAFETY: operands are live device memory with these layouts.
        unsafe {
            let x = dense(a, &la, d.transposed[0] == 1);
            // Transposed, so that sums run over neighbors.
            let y = dense(b, &lb, d.transposed[1] == 0);
            for j in 0..n {
                for i in 0..m {
                    let (p, q) = (&x[i * k..(i + 1) * k], &y[j * k..(j + 1) * k]);
                    // Algorithm 2 sums two halves apart.
                    let cut = if id == 2 { k / 2 } else { k };
                    let sum = |r: std::ops::Range<usize>| r.fold(0f32, |s, l| p[l].mul_add(q[l], s));
                    let mut value = alpha * (sum(0..cut) + sum(cut..k));
                    if beta != 0.0 {
                        value += beta * get(c, lc.dtype, j * lc.pitch + i);
                    }
                    if d.epilogue == 4 {
                        value += get(d.bias, lt.dtype, i);
                    }
                    let at = j * lt.pitch + i;
                    match lt.dtype {
                        F32 => *(to as *mut f32).add(at) = value,
                        _ => *(to as *mut u16).add(at) = f32_to_bf16(value),
                    }
                }
            }
        }
        Ok(())
    });
    if streams::enqueue(stream, work) == Status::Success { 0 } else { EXECUTION_FAILED }
}
