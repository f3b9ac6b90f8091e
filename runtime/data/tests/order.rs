//! Properties of the order function, on arbitrary runs.
// Helpers of tests count as code to clippy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::wildcard_enum_match_arm
)]

use proptest::prelude::*;
use smolc_data::order::{ALGO_VERSION, DatasetOrder, Order, OrderError, Sample, Share, StageOrder};
use smolc_plan::Ratio;
use std::collections::{HashMap, HashSet};

fn ratio(num: u64, den: u64) -> Ratio {
    Ratio::new(num, den).unwrap()
}

fn mix(parts: &[(usize, u64)]) -> Vec<(usize, Ratio)> {
    let sum = parts.iter().map(|&(_, p)| p).sum();
    parts.iter().map(|&(d, p)| (d, ratio(p, sum))).collect()
}

#[derive(Clone, Debug)]
struct Case {
    seed: u64,
    stages: Vec<StageOrder>,
    datasets: Vec<DatasetOrder>,
}

impl Case {
    fn order(&self) -> Order {
        Order::new(self.seed, &self.stages, &self.datasets).unwrap()
    }
}

/// One to five small datasets, one to four stages that each draw from some of them.
fn case() -> impl Strategy<Value = Case> {
    (1usize..=5, any::<u64>()).prop_flat_map(|(n, seed)| {
        let datasets = prop::collection::vec(1u64..60, n);
        let stage = (1u64..250, prop::collection::vec(0u64..12, n));
        (datasets, prop::collection::vec(stage, 1..=4)).prop_map(move |(atoms, stages)| Case {
            seed,
            datasets: (0u64..)
                .zip(&atoms)
                .map(|(i, &a)| DatasetOrder { uid: seed ^ (i * 977), atoms: a })
                .collect(),
            stages: stages
                .into_iter()
                .map(|(samples, mut parts)| {
                    if parts.iter().all(|&p| p == 0) {
                        parts[0] = 1;
                    }
                    let parts: Vec<(usize, u64)> =
                        parts.into_iter().enumerate().filter(|&(_, p)| p > 0).collect();
                    StageOrder { samples, mix: mix(&parts) }
                })
                .collect(),
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn find_inverts_at_and_counts_agree(case in case()) {
        let order = case.order();
        let mut counts = vec![0u64; case.datasets.len()];
        for g in 0..order.total() {
            prop_assert_eq!(&order.counts(g), &counts);
            let s = order.at(g);
            prop_assert!(s.slice < case.datasets[s.dataset].atoms);
            prop_assert_eq!(order.find(s.dataset, s.epoch, s.slice), Some(g));
            counts[s.dataset] += 1;
        }
        prop_assert_eq!(&order.counts(order.total()), &counts);
    }

    /// Each (dataset, epoch) covers every slice at most once, and exactly once when the epoch is complete, across stages:
    /// a dataset kept by the next stage continues where it was.
    #[test]
    fn epochs_cover_their_dataset_across_stages(case in case()) {
        let order = case.order();
        let mut seen: HashMap<(usize, u64), HashSet<u64>> = HashMap::new();
        for g in 0..order.total() {
            let s = order.at(g);
            prop_assert!(seen.entry((s.dataset, s.epoch)).or_default().insert(s.slice), "{:?} twice", s);
        }
        for (d, drawn) in order.counts(order.total()).into_iter().enumerate() {
            let atoms = case.datasets[d].atoms;
            for epoch in 0..drawn / atoms {
                prop_assert_eq!(seen[&(d, epoch)].len() as u64, atoms);
            }
            prop_assert_eq!(seen.get(&(d, drawn / atoms)).map_or(0, |s| s.len() as u64), drawn % atoms);
            prop_assert!(!seen.contains_key(&(d, drawn / atoms + 1)));
        }
    }

    /// Exact rational arithmetic: |count − k·w| < 1 for every prefix of a stage, < 2 for every window in it.
    #[test]
    fn prefixes_are_within_one_sample_and_windows_within_two(case in case()) {
        let order = case.order();
        let mut first = 0;
        for stage in &case.stages {
            let before = order.counts(first);
            let drawn: Vec<Vec<u64>> = (0..=stage.samples).map(|k| order.counts(first + k)).collect();
            for &(d, w) in &stage.mix {
                // Error times the denominator, an integer.
                let errors: Vec<i128> = (0i128..)
                    .zip(&drawn)
                    .map(|(k, c)| i128::from(c[d] - before[d]) * i128::from(w.den) - k * i128::from(w.num))
                    .collect();
                let (low, high) = (errors.iter().min().unwrap(), errors.iter().max().unwrap());
                prop_assert!(high < &i128::from(w.den) && -low < i128::from(w.den), "{} {}", low, high);
                prop_assert!(high - low < 2 * i128::from(w.den));
            }
            first += stage.samples;
        }
    }

    /// Reordering the datasets, or the entries of a mix, changes nothing.
    #[test]
    fn order_does_not_depend_on_places_in_lists(case in case(), rotation in 0usize..5) {
        let n = case.datasets.len();
        let moved = |d: usize| (d + rotation) % n;
        let mut other = case.clone();
        for (d, dataset) in case.datasets.iter().enumerate() {
            other.datasets[moved(d)] = *dataset;
        }
        for stage in &mut other.stages {
            stage.mix.iter_mut().for_each(|(d, _)| *d = moved(*d));
            stage.mix.reverse();
        }
        let (a, b) = (case.order(), other.order());
        for g in 0..a.total() {
            let (s, t) = (a.at(g), b.at(g));
            prop_assert_eq!(Sample { dataset: moved(s.dataset), ..s }, t);
        }
    }

    /// The samples of a step do not depend on how many ranks share it, nor on the size of the steps.
    #[test]
    fn world_size_and_batch_split_are_views(case in case(), world in 1u64..9, batch in 1u64..40) {
        let order = case.order();
        let all: Vec<Sample> = (0..order.total()).map(|g| order.at(g)).collect();
        let mut split = Vec::new();
        let mut first = 0;
        while first < order.total() {
            let samples = batch.min(order.total() - first);
            let mut step: Vec<(u64, u64)> = (0..world)
                .flat_map(|rank| Share { rank, world }.samples(first, samples).map(move |g| (g, rank)))
                .collect();
            step.sort();
            for (j, &(g, rank)) in (0u64..).zip(&step) {
                prop_assert_eq!((g, rank), (first + j, j % world));
            }
            split.extend(step.into_iter().map(|(g, _)| order.at(g)));
            first += samples;
        }
        prop_assert_eq!(all, split);
    }

    /// The only state is g: an order built afresh goes on anywhere; and a run cut off before a later stage, or with a later
    /// stage changed, is the same up to there.
    #[test]
    fn resumes_anywhere_and_the_past_does_not_depend_on_the_future(case in case(), at in any::<prop::sample::Index>()) {
        let order = case.order();
        let g = at.index(order.total() as usize) as u64;
        prop_assert_eq!(case.order().at(g), order.at(g));
        if case.stages.len() > 1 {
            let mut shorter = case.clone();
            shorter.stages.pop();
            let shorter = shorter.order();
            for g in 0..shorter.total() {
                prop_assert_eq!(shorter.at(g), order.at(g));
            }
        }
    }

    #[test]
    fn epochs_and_seeds_shuffle_afresh(seed: u64, uid: u64) {
        let stages = [StageOrder { samples: 200, mix: mix(&[(0, 1)]) }];
        let build = |seed, uid| Order::new(seed, &stages, &[DatasetOrder { uid, atoms: 100 }]).unwrap();
        let slices = |o: &Order, from: u64| (from..from + 100).map(|g| o.at(g).slice).collect::<Vec<_>>();
        let order = build(seed, uid);
        prop_assert_ne!(slices(&order, 0), slices(&order, 100));
        prop_assert_ne!(slices(&order, 0), slices(&build(seed.wrapping_add(1), uid), 0));
        prop_assert_ne!(slices(&order, 0), slices(&build(seed, uid.wrapping_add(1)), 0));
    }
}

/// Real scale: four stages, 5.37e9 samples, ten datasets; the inverse and the counters at random places.
#[test]
fn billions_of_samples() {
    let parts: Vec<(usize, u64)> = [37_001, 20_999, 14_000, 10_000, 8_003, 4_997, 2_500, 1_500, 980, 20]
        .into_iter()
        .enumerate()
        .collect();
    let stages: Vec<StageOrder> = [2_929_687_500u64, 976_562_500, 976_562_500, 488_281_250]
        .into_iter()
        .map(|samples| StageOrder { samples, mix: mix(&parts) })
        .collect();
    let datasets: Vec<DatasetOrder> =
        (0..10u64).map(|i| DatasetOrder { uid: i + 1, atoms: 1_000_003 << i }).collect();
    let order = Order::new(9, &stages, &datasets).unwrap();
    let mut g = 1u64;
    for _ in 0..20_000 {
        g = g.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (g >> 11) % order.total();
        let s = order.at(at);
        assert_eq!(order.find(s.dataset, s.epoch, s.slice), Some(at));
        assert_eq!(order.counts(at)[s.dataset] / datasets[s.dataset].atoms, s.epoch);
        assert_eq!(order.counts(at).iter().sum::<u64>(), at);
    }
}

#[test]
fn find_knows_what_is_not_drawn() {
    let order = Order::new(
        1,
        &[StageOrder { samples: 10, mix: mix(&[(0, 1)]) }],
        &[DatasetOrder { uid: 1, atoms: 4 }, DatasetOrder { uid: 2, atoms: 4 }],
    )
    .unwrap();
    assert_eq!(order.find(1, 0, 0), None, "a dataset that no stage draws from");
    assert_eq!(order.find(7, 0, 0), None, "no such dataset");
    assert_eq!(order.find(0, 0, 4), None, "no such slice");
    assert_eq!(order.find(0, u64::MAX, 3), None, "an epoch beyond counting");
    let drawn = (0..4).filter(|&s| order.find(0, 2, s).is_some()).count();
    assert_eq!(drawn, 2, "ten samples are two epochs and a half");
}

#[test]
fn a_dataset_left_out_of_a_stage_waits() {
    let stages = [
        StageOrder { samples: 6, mix: mix(&[(0, 1), (1, 1)]) },
        StageOrder { samples: 5, mix: mix(&[(1, 1)]) },
        StageOrder { samples: 8, mix: mix(&[(0, 1)]) },
    ];
    let datasets = [DatasetOrder { uid: 5, atoms: 10 }, DatasetOrder { uid: 6, atoms: 10 }];
    let order = Order::new(3, &stages, &datasets).unwrap();
    assert_eq!(order.counts(order.total()), vec![11, 8]);
    let first: HashSet<u64> =
        (0..18).map(|g| order.at(g)).filter(|s| s.dataset == 0).map(|s| s.slice).collect();
    assert_eq!(first.len(), 10, "the third stage continues the first one's epoch");
    for g in 0..order.total() {
        let s = order.at(g);
        assert_eq!(order.find(s.dataset, s.epoch, s.slice), Some(g));
    }
}

#[test]
fn weights_with_a_long_period_are_apportioned_and_reported() {
    let weights = [ratio(1_234_567, 10_000_000), ratio(8_765_333, 10_000_000), ratio(100, 10_000_000)];
    let stage = StageOrder { samples: 1 << 20, mix: weights.into_iter().enumerate().collect() };
    let datasets = [1, 2, 3].map(|uid| DatasetOrder { uid, atoms: 1000 });
    let order = Order::new(1, &[stage], &datasets).unwrap();
    let deviation = order.deviations()[0].unwrap();
    assert_eq!(deviation.dataset, 2);
    // 10.48576 samples of 2^20 became 10.
    assert_eq!(deviation.drawn, ratio(10, 1 << 20));
    assert!((deviation.relative() - 0.046_325_7).abs() < 1e-6, "{}", deviation.relative());
    assert_eq!(order.counts(1 << 20)[2], 10);

    let weights = [ratio(1, 30_000_000), ratio(29_999_999, 30_000_000)];
    let stage = StageOrder { samples: 10, mix: weights.into_iter().enumerate().collect() };
    let error = Order::new(1, &[stage], &datasets).unwrap_err();
    assert_eq!(
        error,
        OrderError::WeightVanishes { stage: 0, dataset: 0, weight: ratio(1, 30_000_000), period: 1 << 20 }
    );
    assert!(
        Order::new(1, &[StageOrder { samples: 1, mix: mix(&[(0, 1), (1, (1 << 22) - 1)]) }], &datasets)
            .unwrap()
            .deviations()
            .iter()
            .all(Option::is_none)
    );
}

#[test]
fn nonsense_is_refused() {
    let datasets = [
        DatasetOrder { uid: 1, atoms: 4 },
        DatasetOrder { uid: 2, atoms: 0 },
        DatasetOrder { uid: 1, atoms: 4 },
    ];
    let new = |stages: &[StageOrder]| Order::new(0, stages, &datasets).map(|_| ()).unwrap_err();
    let stage = |samples, mix: &[(usize, Ratio)]| StageOrder { samples, mix: mix.to_vec() };
    let half = ratio(1, 2);
    assert_eq!(new(&[]), OrderError::NoStages);
    assert_eq!(new(&[stage(0, &[(0, Ratio::ONE)])]), OrderError::EmptyStage { stage: 0 });
    assert_eq!(new(&[stage(u64::MAX, &[(0, Ratio::ONE)])]), OrderError::TooManySamples);
    assert_eq!(
        new(&[stage(1, &[(3, Ratio::ONE)])]),
        OrderError::UnknownDataset { stage: 0, dataset: 3, datasets: 3 }
    );
    assert_eq!(new(&[stage(1, &[(1, Ratio::ONE)])]), OrderError::EmptyDataset { stage: 0, dataset: 1 });
    assert_eq!(
        new(&[stage(1, &[(0, half), (0, half)])]),
        OrderError::DuplicateDataset { stage: 0, dataset: 0 }
    );
    assert_eq!(new(&[stage(1, &[(0, half), (2, half)])]), OrderError::SameContent { first: 0, second: 2 });
    assert_eq!(new(&[stage(1, &[(0, half)])]), OrderError::WeightSum { stage: 0, sum: Some(half) });
    assert_eq!(new(&[stage(1, &[])]), OrderError::WeightSum { stage: 0, sum: Some(Ratio::ZERO) });
    let datasets = [DatasetOrder { uid: 1, atoms: 4 }, DatasetOrder { uid: 2, atoms: 3 }];
    let zero = [stage(1, &[(0, Ratio::ONE), (1, Ratio::ZERO)])];
    assert_eq!(
        Order::new(0, &zero, &datasets).map(|_| ()).unwrap_err(),
        OrderError::ZeroWeight { stage: 0, dataset: 1 }
    );
}

/// The run whose order is frozen: three stages, a dataset that waits, one of a single slice, one seen many times, a large
/// one, and weights that have to be rounded.
fn golden_order() -> Order {
    let stages = [
        StageOrder { samples: 400, mix: mix(&[(0, 60), (1, 30), (2, 10)]) },
        StageOrder { samples: 300, mix: mix(&[(3, 1), (4, 2)]) },
        StageOrder {
            samples: 1 << 40,
            mix: vec![
                (0, ratio(10, 1_999_993)),
                (1, ratio(1, 3)),
                (4, ratio(2 * 1_999_993 - 40, 3 * 1_999_993)),
                (3, ratio(10, 3 * 1_999_993)),
            ],
        },
    ];
    let datasets = [
        (0x0123_4567_89ab_cdef, 101),
        (17, 53),
        (u64::MAX, 17),
        (0, 1),
        (0xfeed_f00d_dead_beef, 200_000_001),
    ]
    .map(|(uid, atoms)| DatasetOrder { uid, atoms });
    Order::new(42, &stages, &datasets).unwrap()
}

/// `ALGO_VERSION` names these lines. A change that breaks this test changes the order of every run ever planned: give it a
/// new version and a new file, and keep this one.
#[test]
fn golden_vectors() {
    let order = golden_order();
    let places = (0..720).chain((0..40).map(|i| 700 + i * i * i * 16_777_259));
    let text: String = places
        .map(|g| {
            let s = order.at(g);
            assert_eq!(order.find(s.dataset, s.epoch, s.slice), Some(g));
            format!("{g} {} {} {}\n", s.dataset, s.epoch, s.slice)
        })
        .collect();
    let path = format!("{}/tests/golden/order-v{ALGO_VERSION}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("SMOLC_WRITE_GOLDEN").is_some() && !std::path::Path::new(&path).exists() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}
