//! The loader against a naive one that works on whole vectors.
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

mod common;

use common::*;
use proptest::prelude::*;
use smolc_data::order::StageOrder;
use smolc_data::{Batch, Loader, Split, Store, dataset_directory, entropy};
use smolc_plan::Ratio;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Three prepared datasets with validation splits: files, lines (many short documents), and one that no stage draws from.
fn stores() -> &'static [Arc<Store>] {
    static STORES: OnceLock<Vec<Arc<Store>>> = OnceLock::new();
    STORES.get_or_init(|| {
        let (root, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write_corpus(root.path());
        let mut datasets = vec![
            dataset("files", files(root.path(), "**/*.md")),
            dataset("lines", text(root.path(), "**/*.md")),
            dataset("unused", files(root.path(), "even/*.md")),
        ];
        datasets.iter_mut().for_each(|d| d.validation_per_million = 150_000);
        prepare(&plan(datasets, 300), dir.path()).unwrap();
        let open = |name| Arc::new(Store::open(&dataset_directory(dir.path(), name)).unwrap());
        ["files", "lines", "unused"].map(open).to_vec()
    })
}

fn stages() -> Vec<StageOrder> {
    let ratio = |n, d| Ratio::new(n, d).unwrap();
    vec![
        StageOrder { samples: 90, mix: vec![(0, ratio(4, 5)), (1, ratio(1, 5))] },
        StageOrder { samples: 301, mix: vec![(1, ratio(7, 10)), (0, ratio(3, 10))] },
    ]
}

fn loader(window: u64, mask: bool) -> Loader {
    let stores: BTreeMap<usize, Arc<Store>> = stores().iter().take(2).cloned().enumerate().collect();
    Loader::new(5, &stages(), stores, 3, window, mask).unwrap()
}

/// One row by the definition, token by token.
fn naive(store: &Store, split: Split, slice: u64, window: u64, mask: bool) -> Batch {
    let view = store.split(split);
    let mut all = vec![0; view.len() as usize];
    assert!(view.copy(0, &mut all));
    // The document of each token.
    let document: Vec<usize> =
        (0..view.len()).map(|t| view.ends().iter().filter(|&&e| e <= t).count()).collect();
    let mut row = Batch::default();
    let start = (slice * window) as usize;
    for t in 0..window as usize {
        let same = document[start + t] == document[start + t + 1];
        let first = (0..=t).find(|&s| document[start + s] == document[start + t]).unwrap();
        row.tokens.push(all[start + t]);
        row.targets.push(all[start + t + 1]);
        row.weights.push(if mask && !same { 0.0 } else { 1.0 });
        row.document_start.push(if mask { first as u32 } else { 0 });
        row.positions.push(if mask { t - first } else { t } as u32);
    }
    row
}

fn append(batch: &mut Batch, row: Batch) {
    batch.tokens.extend(row.tokens);
    batch.targets.extend(row.targets);
    batch.weights.extend(row.weights);
    batch.positions.extend(row.positions);
    batch.document_start.extend(row.document_start);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn agrees_with_the_naive_loader(window in 1u64..80, mask: bool, g in 0u64..390, n in 0usize..6) {
        let loader = loader(window, mask);
        let mut expected = Batch::default();
        for i in 0..n as u64 {
            let s = loader.order().at(g + i);
            append(&mut expected, naive(&stores()[s.dataset], Split::Train, s.slice, window, mask));
        }
        // What an earlier, larger batch left must not show.
        let mut batch = Batch::default();
        loader.fill(0, 7, &mut batch);
        loader.fill(g, n, &mut batch);
        prop_assert_eq!(batch, expected);
    }

    #[test]
    fn validation_agrees_with_the_naive_loader(window in 1u64..80, mask: bool, tokens in 1u64..2000, n in 1usize..5) {
        let loader = loader(window, mask);
        for dataset in 0..2 {
            let all = stores()[dataset].split(Split::Validation).windows(window);
            let windows = loader.validation_windows(dataset, tokens);
            prop_assert_eq!(windows, (tokens / window).clamp(1, all));
            let (mut batch, mut first, mut last) = (Batch::default(), 0, None);
            while first < windows {
                let real = loader.fill_validation(dataset, windows, first, n, &mut batch);
                prop_assert_eq!(real as u64, (windows - first).min(n as u64));
                let mut expected = Batch::default();
                for i in first..first + real as u64 {
                    let slice = i * all / windows;
                    prop_assert!(last < Some(slice), "each window once");
                    last = Some(slice);
                    append(&mut expected, naive(&stores()[dataset], Split::Validation, slice, window, mask));
                }
                let split = real * window as usize;
                prop_assert_eq!(&batch.tokens[..split], &expected.tokens[..]);
                prop_assert_eq!(&batch.weights[..split], &expected.weights[..]);
                prop_assert_eq!(&batch.document_start[..split], &expected.document_start[..]);
                prop_assert!(batch.weights[split..].iter().all(|&w| w == 0.0), "padding counts for nothing");
                prop_assert_eq!(batch.tokens.len(), n * window as usize);
                first += n as u64;
            }
        }
    }

    #[test]
    fn target_counts_are_those_of_the_batches(window in 8u64..60, mask: bool, g in 0u64..391) {
        let loader = loader(window, mask);
        let mut batch = Batch::default();
        loader.fill(0, g as usize, &mut batch);
        let mut expected = vec![0u64; 300];
        for (&t, &w) in batch.targets.iter().zip(&batch.weights) {
            expected[t as usize] += w as u64;
        }
        let counts = loader.target_counts(g);
        prop_assert_eq!(&counts, &expected);
        prop_assert_eq!(counts.iter().sum::<u64>() as f64, batch.weight());
        prop_assert_eq!(loader.unigram_entropy(g), entropy(&expected));
    }
}

#[test]
fn the_last_partial_window_is_dropped_and_counted() {
    let loader = loader(64, true);
    for (index, store) in loader.datasets() {
        let view = store.split(Split::Train);
        let dropped = loader.dropped_tokens(index);
        assert_eq!(view.windows(64) * 64 + dropped, view.len());
        assert!((1..=64).contains(&dropped), "the last target at least");
    }
    assert_eq!(loader.dropped_tokens(2), 0);
    assert_eq!(loader.drawn(391).iter().sum::<u64>(), 391);
    assert_eq!(loader.validation_windows(2, 100), 0);
}

/// The rows of a step are the same however it is cut.
#[test]
fn a_step_can_be_cut_anywhere() {
    let loader = loader(32, true);
    let (mut whole, mut part, mut joined) = (Batch::default(), Batch::default(), Batch::default());
    loader.fill(100, 24, &mut whole);
    for (first, n) in [(100, 5), (105, 1), (106, 18)] {
        loader.fill(first, n, &mut part);
        append(&mut joined, part.clone());
    }
    assert_eq!(whole, joined);
}

#[test]
fn an_order_over_a_dataset_without_a_window_is_refused() {
    let stores: BTreeMap<usize, Arc<Store>> = stores().iter().take(2).cloned().enumerate().collect();
    let error = Loader::new(5, &stages(), stores, 3, 1 << 40, false).unwrap_err();
    assert!(error.to_string().contains("less than one window"), "{error}");
}
