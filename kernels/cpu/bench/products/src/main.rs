//! Our matrix products beside the `gemm` crate's, taking turns on the same threads: the three products of a linear layer
//! (forward, input gradient, weight gradient) at the shapes of training.
//!
//! usage: `cargo run --release --manifest-path kernels/cpu/bench/products/Cargo.toml [threads] [rounds]`

use gemm::Parallelism;
use smolc_kernels_cpu::{Pool, linear, linear_backward};
use std::time::Instant;

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn time(call: impl FnOnce()) -> f64 {
    let start = Instant::now();
    call();
    start.elapsed().as_secs_f64()
}

/// `dst[m, n] (+)= a · b` with the strides of each as (row, column).
#[allow(clippy::too_many_arguments)]
fn product(
    (m, n, k): (usize, usize, usize),
    dst: &mut [f32],
    accumulate: bool,
    a: &[f32],
    (ar, ac): (usize, usize),
    b: &[f32],
    (br, bc): (usize, usize),
    threads: usize,
) {
    // SAFETY: the strides and lengths are those of matrices of these shapes.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            dst.as_mut_ptr(),
            1,
            n as isize,
            accumulate,
            a.as_ptr(),
            ac as isize,
            ar as isize,
            b.as_ptr(),
            bc as isize,
            br as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            if threads == 1 { Parallelism::None } else { Parallelism::Rayon(threads) },
        );
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<usize>().expect("a number"));
    let threads = arguments.next().unwrap_or(2);
    let rounds = arguments.next().unwrap_or(25);
    let pool = Pool::new(threads);
    println!("{threads} threads, medians of {rounds} rounds in turn, GFLOP/s");
    println!("{:>16} {:>9} {:>9} {:>7}   {:>9} {:>9} {:>7}", "m x n x k", "forward", "gemm", "ratio", "backward", "gemm", "ratio");
    let shapes = [
        (2048, 512, 256),
        (2048, 1408, 256),
        (2048, 768, 256),
        (2048, 256, 704),
        (2048, 256, 256),
        (512, 8192, 256),
        (2048, 960, 576),
        (2048, 3072, 576),
        (2048, 576, 1536),
        (2048, 2048, 2048),
    ];
    for (m, n, k) in shapes {
        let fill = |len: usize| (0..len).map(|i| ((i * 7919) % 1013) as f32 / 1013.0 - 0.5).collect::<Vec<f32>>();
        let (x, w, dy) = (fill(m * k), fill(n * k), fill(m * n));
        let (mut y, mut dx, mut dw) = (vec![0.0; m * n], vec![0.0; m * k], vec![0.0; n * k]);
        let mut t: [Vec<f64>; 4] = Default::default();
        for round in 0..=rounds {
            let now = [
                time(|| linear(&pool, &x, &w, None, None, &mut y, m, n, k)),
                time(|| product((m, n, k), &mut y, false, &x, (k, 1), &w, (1, k), threads)),
                time(|| linear_backward(&pool, &x, &w, &dy, &mut dx, &mut dw, None, m, n, k)),
                time(|| {
                    product((m, k, n), &mut dx, false, &dy, (n, 1), &w, (k, 1), threads);
                    product((n, k, m), &mut dw, true, &dy, (1, n), &x, (k, 1), threads);
                }),
            ];
            if round > 0 {
                t.iter_mut().zip(now).for_each(|(t, now)| t.push(now));
            }
        }
        let [of, gf, ob, gb] = t.each_mut().map(|t| median(t));
        let work = 2.0 * (m * n * k) as f64 / 1e9;
        println!(
            "{:>16} {:9.1} {:9.1} {:6.2}x   {:9.1} {:9.1} {:6.2}x",
            format!("{m}x{n}x{k}"),
            work / of,
            work / gf,
            gf / of,
            2.0 * work / ob,
            2.0 * work / gb,
            gb / ob
        );
    }
}
