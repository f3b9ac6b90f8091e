//! Windows of several lengths over one stream.
// Helpers of tests count as code to clippy.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use smolc_data::order::{
    ALGO_VERSION, DatasetOrder, Order, OrderError, StageOrder, WindowSample, WindowStage, WindowedOrder,
};
use smolc_plan::Ratio;
use std::collections::HashMap;

fn ratio(num: u64, den: u64) -> Ratio {
    Ratio::new(num, den).unwrap()
}

/// A mix of datasets with whole weights.
fn mix(weights: &[(usize, u64)]) -> Vec<(usize, Ratio)> {
    let sum = weights.iter().map(|w| w.1).sum();
    weights.iter().map(|&(d, w)| (d, ratio(w, sum))).collect()
}

fn datasets(atoms: &[u64]) -> Vec<DatasetOrder> {
    (0u64..).zip(atoms).map(|(i, &atoms)| DatasetOrder { uid: i * 977 + 5, atoms }).collect()
}

fn samples(order: &WindowedOrder) -> Vec<WindowSample> {
    (0..order.total()).map(|g| order.at(g)).collect()
}

fn arbitrary_stages() -> impl Strategy<Value = Vec<WindowStage>> {
    let stage =
        (1u64..120, prop::sample::select(vec![1u64, 2, 3, 4, 6, 12]), prop::collection::vec(1u64..4, 3))
            .prop_map(|(samples, window, w)| WindowStage {
                samples,
                window,
                mix: mix(&[(0, w[0]), (1, w[1]), (2, w[2])]),
            });
    prop::collection::vec(stage, 1..5).prop_map(|mut stages| {
        // The longest window must be a multiple of all others.
        stages[0].window = 12;
        stages
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// With whole extents as windows: the order of runs with one window, number for number.
    #[test]
    fn one_length_is_the_order_as_it_was(
        counts in prop::collection::vec((1u64..200, 1u64..5, 1u64..5), 1..4),
        atoms in prop::collection::vec(1u64..40, 2),
        spread in 1u64..9,
        seed: u64,
    ) {
        let stages: Vec<WindowStage> = counts
            .iter()
            .map(|&(samples, a, b)| WindowStage { samples, window: 2048, mix: mix(&[(0, a), (1, b)]) })
            .collect();
        let plain: Vec<StageOrder> =
            stages.iter().map(|s| StageOrder { samples: s.samples, mix: s.mix.clone() }).collect();
        let datasets = datasets(&atoms);
        let order = WindowedOrder::new(seed, &stages, &datasets, spread).unwrap();
        let one = Order::new(seed, &plain, &datasets).unwrap();
        prop_assert_eq!(order.skips(), &[]);
        for g in 0..one.total() + 50 {
            let (a, b) = (order.at(g), one.at(g));
            prop_assert_eq!((a.dataset, a.epoch, a.slice, a.window), (b.dataset, b.epoch, b.slice, 2048));
        }
    }

    /// No token is drawn twice in an epoch, whatever the lengths; what was drawn and what was skipped add up; every sample is
    /// found again.
    #[test]
    fn tokens_are_drawn_once_an_epoch(
        stages in arbitrary_stages(),
        atoms in prop::collection::vec(1u64..20, 3),
        spread in 1u64..6,
        seed: u64,
    ) {
        let order = WindowedOrder::new(seed, &stages, &datasets(&atoms), spread).unwrap();
        prop_assert_eq!(order.extent(), 12);
        let mut drawn: HashMap<(usize, u64, u64), u64> = HashMap::new();
        for (g, s) in samples(&order).into_iter().enumerate() {
            prop_assert_eq!(order.find(&s), Some(g as u64));
            prop_assert!((s.slice + 1) * s.window <= atoms[s.dataset] * 12);
            for token in s.slice * s.window..(s.slice + 1) * s.window {
                *drawn.entry((s.dataset, s.epoch, token)).or_default() += 1;
            }
        }
        prop_assert!(drawn.values().all(|&n| n == 1));
        for skip in order.skips() {
            prop_assert!(skip.tokens < spread * 12, "{skip:?}");
        }
        // Epochs follow each other: all but the last are complete but for what was skipped.
        for (dataset, atoms) in atoms.into_iter().enumerate() {
            let epochs = drawn.keys().filter(|k| k.0 == dataset).map(|k| k.1).max().map_or(0, |e| e + 1);
            let missing = |epoch| {
                atoms * 12 - drawn.keys().filter(|k| k.0 == dataset && k.1 == epoch).count() as u64
            };
            let skipped: u64 = order.skips().iter().filter(|s| s.dataset == dataset).map(|s| s.tokens).sum();
            let holes: u64 = (0..epochs.saturating_sub(1)).map(missing).sum();
            prop_assert!(holes <= skipped, "{holes} tokens missing, {skipped} skipped");
        }
    }

    /// The place of a dataset in the lists does not matter, its identity does.
    #[test]
    fn the_order_follows_identities(stages in arbitrary_stages(), seed: u64) {
        let all = datasets(&[7, 11, 13]);
        let order = WindowedOrder::new(seed, &stages, &all, 4).unwrap();
        let turned: Vec<WindowStage> = stages
            .iter()
            .map(|s| WindowStage { mix: s.mix.iter().rev().map(|&(d, w)| (2 - d, w)).collect(), ..s.clone() })
            .collect();
        let reversed: Vec<DatasetOrder> = all.iter().rev().copied().collect();
        let other = WindowedOrder::new(seed, &turned, &reversed, 4).unwrap();
        for g in 0..order.total() {
            let (a, b) = (order.at(g), other.at(g));
            prop_assert_eq!((a.dataset, a.epoch, a.slice), (2 - b.dataset, b.epoch, b.slice));
        }
    }
}

#[test]
fn slices_of_an_extent_are_spread() {
    let stage = |window| WindowStage { samples: 4 * 4096, window, mix: mix(&[(0, 1)]) };
    let long = WindowStage { samples: 1, window: 8192, mix: mix(&[(1, 1)]) };
    let order = WindowedOrder::new(3, &[stage(2048), long], &datasets(&[4096, 9]), 256).unwrap();
    let neighbors = samples(&order).windows(2).filter(|w| w[0].slice / 4 == w[1].slice / 4).count();
    // With 256 extents mixed, three in 1023 neighbors are of one extent by chance: 48 of 16384.
    assert!(neighbors < 100, "{neighbors}");
    let close = WindowedOrder::new(
        3,
        &[stage(2048), WindowStage { samples: 1, window: 8192, mix: mix(&[(1, 1)]) }],
        &datasets(&[4096, 9]),
        1,
    );
    let close = samples(&close.unwrap()).windows(2).filter(|w| w[0].slice / 4 == w[1].slice / 4).count();
    assert!(close > 12_000, "{close}");
}

#[test]
fn skips_are_counted_where_lengths_change() {
    let stage = |samples, window| WindowStage { samples, window, mix: mix(&[(0, 1)]) };
    let order = |stages: &[WindowStage]| WindowedOrder::new(1, stages, &datasets(&[100]), 8).unwrap();
    // 5 slices of a quarter extent: 6.75 extents of the group of eight are left out.
    let found = order(&[stage(5, 2048), stage(10, 8192)]);
    assert_eq!(
        found.skips().iter().map(|s| (s.stage, s.dataset, s.tokens)).collect::<Vec<_>>(),
        [(1, 0, 8 * 8192 - 5 * 2048)]
    );
    // A whole number of groups: nothing is.
    assert!(order(&[stage(32, 2048), stage(10, 8192)]).skips().is_empty());
    // The last group of an epoch of 100 extents has four.
    let found = order(&[stage(4 * 99, 2048), stage(10, 8192)]);
    assert_eq!(found.skips()[0].tokens, 8192);
    // The same length again, after another stage: nothing.
    assert!(order(&[stage(5, 8192), stage(7, 8192)]).skips().is_empty());
}

#[test]
fn windows_that_do_not_divide_are_refused() {
    let stage = |window| WindowStage { samples: 1, window, mix: mix(&[(0, 1)]) };
    let refused = |stages: &[WindowStage]| WindowedOrder::new(1, stages, &datasets(&[5]), 1).unwrap_err();
    let error = refused(&[stage(8192), stage(3000)]);
    assert_eq!(error, OrderError::Window { stage: 1, window: 3000, longest: 8192 });
    assert!(error.to_string().contains("3000") && error.to_string().contains("8192"), "{error}");
    assert!(matches!(refused(&[stage(8192), stage(0)]), OrderError::Window { window: 0, .. }));
    assert_eq!(refused(&[]), OrderError::NoStages);
}

/// Frozen like the vectors of runs with one length: see `tests/order.rs`.
#[test]
fn golden_vectors() {
    let stages = [
        WindowStage { samples: 300, window: 2048, mix: mix(&[(0, 60), (1, 40)]) },
        WindowStage { samples: 100, window: 8192, mix: mix(&[(0, 1), (2, 3)]) },
        WindowStage { samples: 1 << 30, window: 4096, mix: mix(&[(0, 2), (1, 3), (2, 5)]) },
    ];
    let datasets = [(0x0123_4567_89ab_cdef, 61), (17, 23), (u64::MAX, 200_000_001)]
        .map(|(uid, atoms)| DatasetOrder { uid, atoms });
    let order = WindowedOrder::new(42, &stages, &datasets, 16).unwrap();
    let places = (0..450).chain((0..40).map(|i| 450 + i * i * i * 7_919));
    let mut text: String = places
        .map(|g| {
            let s = order.at(g);
            format!("{g} {} {} {} {}\n", s.dataset, s.epoch, s.window, s.slice)
        })
        .collect();
    for s in order.skips() {
        text.push_str(&format!("skip {} {} {}\n", s.stage, s.dataset, s.tokens));
    }
    let path = format!("{}/tests/golden/windows-v{ALGO_VERSION}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("SMOLC_WRITE_GOLDEN").is_some() && !std::path::Path::new(&path).exists() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}
