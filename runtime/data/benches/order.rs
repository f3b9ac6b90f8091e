//! Nanoseconds per lookup of the order function on one thread: `cargo bench -p smolc-data --bench order`.
//!
//! Two figures each: `throughput` looks up samples that do not depend on each other, as a loader does; `latency` makes each
//! lookup wait for the one before it. Median, fastest and slowest of 15 repetitions of two million lookups, in nanoseconds of
//! processor time of this thread where the system tells it (Linux), so that a busy machine does not count; wall time
//! elsewhere.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use smolc_data::order::{DatasetOrder, Order, StageOrder};
use smolc_plan::Ratio;
use std::hint::black_box;
use std::time::Instant;

const LOOKUPS: u64 = 2_000_000;

fn mix(parts: &[u64]) -> Vec<(usize, Ratio)> {
    let sum = parts.iter().sum();
    parts.iter().enumerate().map(|(i, &p)| (i, Ratio::new(p, sum).unwrap())).collect()
}

/// Processor time of this thread, or wall time, in nanoseconds.
fn clock(start: Instant) -> u64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .unwrap_or_else(|| start.elapsed().as_nanos() as u64)
}

fn measure(what: &str, lookup: impl Fn(u64) -> u64) {
    let mut nanoseconds: Vec<f64> = (0..15u64)
        .map(|repetition| {
            let start = Instant::now();
            let before = clock(start);
            black_box(lookup(repetition * LOOKUPS));
            (clock(start) - before) as f64 / LOOKUPS as f64
        })
        .collect();
    nanoseconds.sort_by(f64::total_cmp);
    println!(
        "{what:<58} {:6.1} ns (fastest {:.1}, slowest {:.1})",
        nanoseconds[7], nanoseconds[0], nanoseconds[14]
    );
}

fn bench(name: &str, order: &Order, slices: u64) {
    let first = order.total() / 3;
    measure(&format!("{name}, throughput"), |from| {
        (0..LOOKUPS).fold(0, |sum, i| {
            let s = order.at(first + from + i);
            sum ^ s.slice.wrapping_add(s.dataset as u64)
        })
    });
    measure(&format!("{name}, latency"), |from| {
        (0..LOOKUPS).fold(0, |last, i| order.at(first + from + i + (last & 1)).slice)
    });
    let spread = order.total() / LOOKUPS / 16;
    measure(&format!("{name}, throughput, scattered"), |from| {
        (0..LOOKUPS).fold(0, |sum, i| sum ^ order.at((from + i) * spread).slice)
    });
    measure(&format!("{name}, inverse"), |from| {
        (0..LOOKUPS).fold(0, |sum, i| sum ^ order.find(0, 0, (from + i) % slices).unwrap_or(1))
    });
}

fn main() {
    let dataset = |uid, atoms| DatasetOrder { uid, atoms };
    let quickstart = Order::new(
        42,
        &[
            StageOrder { samples: 30_000_000, mix: mix(&[80, 20]) },
            StageOrder { samples: 30_000_000, mix: mix(&[30, 70]) },
        ],
        &[dataset(7, 12_000), dataset(8, 24_000)],
    )
    .unwrap();
    bench("2 datasets, 2 stages, many epochs", &quickstart, 12_000);

    // 11T tokens in windows of 2048 from ten datasets, four stages, weights of five digits; sizes as bad as they can be
    // for a network that walks (just above powers of four).
    let sizes: Vec<DatasetOrder> = (0..10u64).map(|i| dataset(i * i + 3, (1 << 28) + 1 + i)).collect();
    let weights = [37_001, 20_999, 14_000, 10_000, 8_003, 4_997, 2_500, 1_500, 980, 20];
    let stage = |samples| StageOrder { samples, mix: mix(&weights) };
    let large = Order::new(
        1,
        &[stage(2_929_687_500), stage(976_562_500), stage(976_562_500), stage(488_281_250)],
        &sizes,
    )
    .unwrap();
    bench("10 datasets, 4 stages, 5.37e9 samples", &large, 1 << 28);
}
