//! Matrix products by cuBLASLt, planned once a shape.
//!
//! Everything is row-major here; cuBLASLt is column-major, so operands change places and every matrix is read as its
//! transpose. f32 products are true f32 (`CUBLAS_COMPUTE_32F`: no TF32); bf16 products accumulate in f32. Algorithms that
//! add partial results with atomics (`REDUCTION_SCHEME_INPLACE`) are excluded, so a product has the same bits every time.

use super::device::Device;
use super::error::CudaError;
use super::gemm_pins::Pins;
use super::libraries::{Library, Search};
use super::memory::Memory;
use crate::launch::{Address, Dtype, fill_normal};
use cudarc::cublaslt::sys;
use std::collections::HashMap;
use std::ffi::c_void;
use std::path::Path;
use std::rc::Rc;

/// Bytes of scratch memory: what cuBLASLt's guide asks for on Hopper.
const WORKSPACE: u64 = 32 << 20;
/// Candidates that are asked for.
const CANDIDATES: usize = 32;
/// Timed runs of a candidate, after one that is not.
const RUNS: usize = 5;

/// A product of row-major matrices: what it computes and how its operands lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gemm {
    /// Rows and columns of the result, and the length of the sums.
    size: [usize; 3],
    /// Which operands are transposed, in cuBLASLt's terms and order.
    transposed: [bool; 2],
    /// Elements from row to row of the three matrices, in cuBLASLt's order.
    pitch: [usize; 3],
    /// Of the two operands.
    input: Dtype,
    /// Of the result.
    output: Dtype,
    /// Whether a matrix of the result's shape is added.
    add: bool,
    /// Whether a row vector is added.
    bias: bool,
}

impl Gemm {
    /// `out[m, n] = x[m, k] · weight[n, k]ᵀ (+ bias[n]) (+ residual[m, n])`.
    pub fn forward(dtype: Dtype, [m, n, k]: [usize; 3], bias: bool, residual: bool) -> Gemm {
        Gemm {
            size: [n, m, k],
            transposed: [true, false],
            pitch: [k, k, n],
            input: dtype,
            output: dtype,
            add: residual,
            bias,
        }
    }

    /// `dx[m, k] = dout[m, n] · weight[n, k]`.
    pub fn input_gradient(dtype: Dtype, [m, n, k]: [usize; 3]) -> Gemm {
        Gemm {
            size: [k, m, n],
            transposed: [false, false],
            pitch: [k, n, k],
            input: dtype,
            output: dtype,
            add: false,
            bias: false,
        }
    }

    /// `grad[n, k] += dout[m, n]ᵀ · x[m, k]`, in f32 whatever the operands are.
    pub fn weight_gradient(dtype: Dtype, [m, n, k]: [usize; 3]) -> Gemm {
        Gemm {
            size: [k, n, m],
            transposed: [false, true],
            pitch: [k, n, k],
            input: dtype,
            output: Dtype::F32,
            add: true,
            bias: false,
        }
    }

    /// `grad[n] += Σ_m dout[m, n]`, in f32; the second operand is a vector of m ones.
    pub fn bias_gradient(dtype: Dtype, [m, n]: [usize; 2]) -> Gemm {
        Gemm {
            size: [n, 1, m],
            transposed: [false, false],
            pitch: [n, m, n],
            input: dtype,
            output: Dtype::F32,
            add: true,
            bias: false,
        }
    }

    /// The same product with its result in f32.
    #[must_use]
    pub fn in_f32(self) -> Gemm {
        Gemm { output: Dtype::F32, ..self }
    }

    /// The key of its algorithm on disk.
    pub(super) fn key(&self) -> String {
        let letter = |t: bool| if t { 't' } else { 'n' };
        let [m, n, k] = self.size;
        let [a, b, c] = self.pitch;
        format!(
            "{m}x{n}x{k} {}{} ld {a},{b},{c} {}>{}{}{}",
            letter(self.transposed[0]),
            letter(self.transposed[1]),
            self.input.suffix(),
            self.output.suffix(),
            if self.add { " +c" } else { "" },
            if self.bias { " +bias" } else { "" },
        )
    }

    /// Multiply-adds, times two.
    pub fn flops(&self) -> f64 {
        self.size.iter().map(|n| *n as f64).product::<f64>() * 2.0
    }
}

/// Addresses of one product. Which is which: see the constructors of [`Gemm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operands {
    /// The weight (forward, input gradient) or x (weight gradient): cuBLASLt's A.
    pub a: Address,
    /// x (forward) or dout: cuBLASLt's B.
    pub b: Address,
    /// What is added; the result itself for a weight gradient. Any address when nothing is.
    pub c: Address,
    /// The result.
    pub d: Address,
    /// The row vector; 0 when there is none.
    pub bias: Address,
}

/// A product with its algorithm.
#[derive(Debug)]
pub struct Plan {
    gemm: Gemm,
    descriptor: Descriptor,
    layouts: [Layout; 3],
    algorithm: sys::cublasLtMatmulAlgo_t,
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.gemm.key())
    }
}

impl Plan {
    /// The product.
    pub fn gemm(&self) -> Gemm {
        self.gemm
    }
}

macro_rules! owned {
    ($name:ident, $raw:ty, $destroy:path) => {
        #[derive(Debug)]
        struct $name($raw);
        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: made by the library, destroyed once.
                unsafe { $destroy(self.0) };
            }
        }
    };
}
owned!(Descriptor, sys::cublasLtMatmulDesc_t, sys::cublasLtMatmulDescDestroy);
owned!(Layout, sys::cublasLtMatrixLayout_t, sys::cublasLtMatrixLayoutDestroy);
owned!(Preference, sys::cublasLtMatmulPreference_t, sys::cublasLtMatmulPreferenceDestroy);
owned!(Handle, sys::cublasLtHandle_t, sys::cublasLtDestroy);

/// cuBLASLt on one device, with every plan made so far.
#[derive(Debug)]
pub struct Blas {
    handle: Handle,
    workspace: Memory,
    plans: HashMap<Gemm, Rc<Plan>>,
    pins: Pins,
    timed: usize,
}

fn ok(what: impl FnOnce() -> String, status: sys::cublasStatus_t) -> Result<(), CudaError> {
    if status == sys::cublasStatus_t::CUBLAS_STATUS_SUCCESS {
        return Ok(());
    }
    Err(CudaError::Blas { what: what(), status: format!("{status:?}") })
}

impl Blas {
    /// Loads the library and the algorithms pinned in `cache` for this GPU and this version.
    pub fn new(device: &Device, search: &Search, cache: &Path) -> Result<Blas, CudaError> {
        search.load(Library::CublasLt)?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: the library is loaded and has its functions; the context is current; the pointer is live.
        let version = unsafe {
            ok(|| "cublasLtCreate".into(), sys::cublasLtCreate(&mut handle))?;
            sys::cublasLtGetVersion()
        };
        let handle = Handle(handle);
        let info = device.info();
        Ok(Blas {
            handle,
            workspace: device.allocate(WORKSPACE, "the workspace of matrix products")?,
            plans: HashMap::new(),
            pins: Pins::open(cache, &info.name, info.multiprocessors, version),
            timed: 0,
        })
    }

    /// Bytes of device memory beside the arena.
    pub fn bytes(&self) -> u64 {
        self.workspace.bytes()
    }

    /// Shapes whose algorithms were timed by this process, not read from the cache.
    pub fn timed(&self) -> usize {
        self.timed
    }

    /// The plan of a product. The first time a shape is seen on this GPU its candidates are timed on `operands`, which are
    /// **overwritten with random numbers**: plan before anything is stored there.
    pub fn plan(
        &mut self,
        device: &mut Device,
        gemm: Gemm,
        operands: &Operands,
    ) -> Result<Rc<Plan>, CudaError> {
        if let Some(plan) = self.plans.get(&gemm) {
            return Ok(plan.clone());
        }
        let mut plan = describe(gemm)?;
        match self.pinned(&plan) {
            Some(algorithm) => plan.algorithm = algorithm,
            None => self.choose(device, &mut plan, operands)?,
        }
        let plan = Rc::new(plan);
        self.plans.insert(gemm, plan.clone());
        Ok(plan)
    }

    /// Writes newly timed algorithms to the cache.
    pub fn save(&mut self) -> Result<(), CudaError> {
        self.pins.save()
    }

    /// Issues a product in the computing stream. What it adds to is taken as zero if it `overwrites`.
    pub fn run(
        &self,
        device: &Device,
        plan: &Plan,
        operands: &Operands,
        overwrites: bool,
    ) -> Result<(), CudaError> {
        let what = || format!("product {}", plan.gemm.key());
        if plan.gemm.bias {
            let bias = operands.bias;
            attribute(
                &plan.descriptor,
                sys::cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                &bias,
            )?;
        }
        let (alpha, beta) = (1f32, if plan.gemm.add && !overwrites { 1f32 } else { 0f32 });
        let pointer = |address: u64| address as *const c_void;
        let c = if plan.gemm.add { operands.c } else { operands.d };
        let [a, b, d] = &plan.layouts;
        // SAFETY: descriptors are live, scales are f32 as the descriptor says, the workspace has its size, and operands have
        // the layouts that the caller planned.
        let status = unsafe {
            sys::cublasLtMatmul(
                self.handle.0,
                plan.descriptor.0,
                std::ptr::from_ref(&alpha).cast(),
                pointer(operands.a),
                a.0,
                pointer(operands.b),
                b.0,
                std::ptr::from_ref(&beta).cast(),
                pointer(c),
                d.0,
                operands.d as *mut c_void,
                d.0,
                &plan.algorithm,
                self.workspace.address() as *mut c_void,
                WORKSPACE as usize,
                device.stream().cast(),
            )
        };
        ok(what, status)
    }

    /// The algorithm of the cache, if the library still accepts it for this shape.
    fn pinned(&self, plan: &Plan) -> Option<sys::cublasLtMatmulAlgo_t> {
        let algorithm = sys::cublasLtMatmulAlgo_t { data: self.pins.get(&plan.gemm.key())? };
        let mut result = empty();
        let [a, b, d] = &plan.layouts;
        // SAFETY: live descriptors and pointers.
        let status = unsafe {
            sys::cublasLtMatmulAlgoCheck(
                self.handle.0,
                plan.descriptor.0,
                a.0,
                b.0,
                d.0,
                d.0,
                &algorithm,
                &mut result,
            )
        };
        let fits = status == sys::cublasStatus_t::CUBLAS_STATUS_SUCCESS
            && result.workspaceSize <= WORKSPACE as usize;
        fits.then_some(algorithm)
    }

    fn candidates(&self, plan: &Plan) -> Result<Vec<sys::cublasLtMatmulHeuristicResult_t>, CudaError> {
        use sys::cublasLtMatmulPreferenceAttributes_t as P;
        let what = || format!("algorithms of {}", plan.gemm.key());
        let mut raw = std::ptr::null_mut();
        // SAFETY: the pointer is live.
        ok(what, unsafe { sys::cublasLtMatmulPreferenceCreate(&mut raw) })?;
        let preference = Preference(raw);
        let set = |which, value: *const c_void, bytes| {
            // SAFETY: a live preference and a value of `bytes` bytes.
            ok(what, unsafe { sys::cublasLtMatmulPreferenceSetAttribute(preference.0, which, value, bytes) })
        };
        let bytes = WORKSPACE;
        set(P::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::ptr::from_ref(&bytes).cast(), 8)?;
        let schemes = sys::cublasLtReductionScheme_t::CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE as u32
            | sys::cublasLtReductionScheme_t::CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE as u32;
        set(P::CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, std::ptr::from_ref(&schemes).cast(), 4)?;
        let mut results = vec![empty(); CANDIDATES];
        let mut found = 0;
        let [a, b, d] = &plan.layouts;
        // SAFETY: live descriptors; the array has CANDIDATES entries.
        ok(what, unsafe {
            sys::cublasLtMatmulAlgoGetHeuristic(
                self.handle.0,
                plan.descriptor.0,
                a.0,
                b.0,
                d.0,
                d.0,
                preference.0,
                CANDIDATES as i32,
                results.as_mut_ptr(),
                &mut found,
            )
        })?;
        results.truncate(usize::try_from(found).unwrap_or(0));
        results.retain(|r| r.state == sys::cublasStatus_t::CUBLAS_STATUS_SUCCESS);
        if results.is_empty() {
            let status = "no deterministic algorithm for this shape".to_string();
            return Err(CudaError::Blas { what: what(), status });
        }
        Ok(results)
    }

    /// Times every candidate on random numbers: zeros draw less power and run faster than a step will.
    fn choose(&mut self, device: &mut Device, plan: &mut Plan, at: &Operands) -> Result<(), CudaError> {
        let candidates = self.candidates(plan)?;
        let Gemm { size: [m, n, k], input, output, .. } = plan.gemm;
        device.run(&fill_normal(input, at.a, m * k, 1.0, 1, 0)?)?;
        device.run(&fill_normal(input, at.b, n * k, 1.0, 2, 0)?)?;
        device.run(&fill_normal(output, at.d, m * n, 1.0, 3, 0)?)?;
        if plan.gemm.add && at.c != at.d {
            device.run(&fill_normal(output, at.c, m * n, 1.0, 4, 0)?)?;
        }
        let (begin, end) = (device.event()?, device.event()?);
        let mut best: Option<(f32, sys::cublasLtMatmulAlgo_t)> = None;
        let mut refused = None;
        for candidate in &candidates {
            plan.algorithm = candidate.algo;
            let time = || -> Result<f32, CudaError> {
                self.run(device, plan, at, false)?;
                let mut times = [0f32; RUNS];
                for time in &mut times {
                    device.record(&begin)?;
                    self.run(device, plan, at, false)?;
                    device.record(&end)?;
                    end.wait()?;
                    *time = end.milliseconds_since(&begin)?;
                }
                times.sort_by(f32::total_cmp);
                Ok(times[RUNS / 2])
            };
            match time() {
                Ok(time) if best.is_none_or(|(least, _)| time < least) => best = Some((time, candidate.algo)),
                Ok(_) => {}
                // A candidate that the library offers and then refuses is no reason to fail; none that works is.
                Err(error @ CudaError::Blas { .. }) => refused = Some(error),
                Err(error) => return Err(error),
            }
        }
        let Some((milliseconds, algorithm)) = best else {
            return Err(
                refused.unwrap_or(CudaError::Blas { what: plan.gemm.key(), status: "no algorithm".into() })
            );
        };
        plan.algorithm = algorithm;
        self.timed += 1;
        self.pins.insert(plan.gemm.key(), algorithm.data, candidates.len(), milliseconds);
        Ok(())
    }
}

fn empty() -> sys::cublasLtMatmulHeuristicResult_t {
    sys::cublasLtMatmulHeuristicResult_t {
        algo: sys::cublasLtMatmulAlgo_t { data: [0; 8] },
        workspaceSize: 0,
        state: sys::cublasStatus_t::CUBLAS_STATUS_SUCCESS,
        wavesCount: 0.0,
        reserved: [0; 4],
    }
}

fn data_type(dtype: Dtype) -> sys::cudaDataType {
    match dtype {
        Dtype::F32 => sys::cudaDataType_t::CUDA_R_32F,
        Dtype::Bf16 => sys::cudaDataType_t::CUDA_R_16BF,
    }
}

fn attribute<T>(
    d: &Descriptor,
    which: sys::cublasLtMatmulDescAttributes_t,
    value: &T,
) -> Result<(), CudaError> {
    // SAFETY: a live descriptor and a live value of its size.
    let status = unsafe {
        sys::cublasLtMatmulDescSetAttribute(d.0, which, std::ptr::from_ref(value).cast(), size_of::<T>())
    };
    ok(|| format!("descriptor, {which:?}"), status)
}

fn describe(gemm: Gemm) -> Result<Plan, CudaError> {
    use sys::cublasLtMatmulDescAttributes_t as D;
    let what = || format!("layout of {}", gemm.key());
    let mut raw = std::ptr::null_mut();
    let (compute, scale) = (sys::cublasComputeType_t::CUBLAS_COMPUTE_32F, sys::cudaDataType_t::CUDA_R_32F);
    // SAFETY: the pointer is live.
    ok(what, unsafe { sys::cublasLtMatmulDescCreate(&mut raw, compute, scale) })?;
    let descriptor = Descriptor(raw);
    for (which, transposed) in
        [D::CUBLASLT_MATMUL_DESC_TRANSA, D::CUBLASLT_MATMUL_DESC_TRANSB].into_iter().zip(gemm.transposed)
    {
        let operation = i32::from(transposed); // CUBLAS_OP_N = 0, CUBLAS_OP_T = 1
        attribute(&descriptor, which, &operation)?;
    }
    if gemm.bias {
        let epilogue = sys::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_BIAS as u32;
        attribute(&descriptor, D::CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue)?;
    }
    let [m, n, k] = gemm.size;
    let layout = |dtype, rows: usize, columns: usize, pitch: usize| -> Result<Layout, CudaError> {
        let mut raw = std::ptr::null_mut();
        // SAFETY: the pointer is live.
        ok(what, unsafe {
            sys::cublasLtMatrixLayoutCreate(
                &mut raw,
                data_type(dtype),
                rows as u64,
                columns as u64,
                pitch as i64,
            )
        })?;
        Ok(Layout(raw))
    };
    let either = |transposed: bool, rows, columns| if transposed { (columns, rows) } else { (rows, columns) };
    let (a, b) = (either(gemm.transposed[0], m, k), either(gemm.transposed[1], k, n));
    let [pitch_a, pitch_b, pitch_d] = gemm.pitch;
    Ok(Plan {
        descriptor,
        layouts: [
            layout(gemm.input, a.0, a.1, pitch_a)?,
            layout(gemm.input, b.0, b.1, pitch_b)?,
            layout(gemm.output, m, n, pitch_d)?,
        ],
        algorithm: sys::cublasLtMatmulAlgo_t { data: [0; 8] },
        gemm,
    })
}
