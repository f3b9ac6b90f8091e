//! Filling batches.

mod window;

use crate::entropy::entropy;
use crate::error::DataError;
use crate::order::{DatasetOrder, Order, StageOrder};
use crate::prepare::dataset_directory;
use crate::store::{Split, Store};
use smolc_plan::Plan;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use window::{Row, fill_row};

/// `n` rows of `window` tokens, row-major, as the engine takes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Input tokens.
    pub tokens: Vec<u32>,
    /// The token that follows each; a valid id everywhere.
    pub targets: Vec<u32>,
    /// Weight of each target in the loss: 1, or 0 where the target begins another document (with a document mask) or the row
    /// is padding.
    pub weights: Vec<f32>,
    /// Position of each token: from the row's start, or from its document's first token in the row (with a document mask).
    pub positions: Vec<u32>,
    /// First token of the row that each token may attend to.
    pub document_start: Vec<u32>,
}

impl Batch {
    /// Makes room for `n` tokens. Every entry is overwritten afterwards.
    fn resize(&mut self, n: usize) {
        self.tokens.resize(n, 0);
        self.targets.resize(n, 0);
        self.weights.resize(n, 0.0);
        self.positions.resize(n, 0);
        self.document_start.resize(n, 0);
    }

    /// Sum of the weights: targets that count. Exact (a whole number of tokens).
    pub fn weight(&self) -> f64 {
        self.weights.iter().map(|&w| f64::from(w)).sum()
    }
}

/// Reads the samples of a run in its order.
#[derive(Clone, Debug)]
pub struct Loader {
    order: Order,
    /// By the plan's dataset index; those that the run does not draw from are absent.
    stores: BTreeMap<usize, Arc<Store>>,
    datasets: usize,
    window: u64,
    document_mask: bool,
}

impl Loader {
    /// The loader of run number `run`, over the datasets prepared under `dir`, which are opened and verified.
    pub fn for_run(plan: &Plan, run: usize, dir: &Path) -> Result<Loader, DataError> {
        let found = plan.runs.get(run).ok_or(DataError::NoSuch { what: "run", index: run })?;
        let mut stores = BTreeMap::new();
        for entry in found.stages.iter().flat_map(|s| &s.mix) {
            let index = entry.dataset;
            let dataset = plan.datasets.get(index).ok_or(DataError::NoSuch { what: "dataset", index })?;
            if let std::collections::btree_map::Entry::Vacant(place) = stores.entry(index) {
                place.insert(Arc::new(Store::open(&dataset_directory(dir, &dataset.name))?));
            }
        }
        let stages = StageOrder::of_run(found);
        let validating = found.validation.every.is_some() || found.validation.stage_end;
        let needed: Vec<usize> = stores.keys().copied().collect();
        for index in needed {
            let (Some(dataset), Some(store)) = (plan.datasets.get(index), stores.get(&index)) else {
                continue;
            };
            let check = |split: Split, what, fix| {
                let view = store.split(split);
                if view.windows(found.batch.window) > 0 {
                    return Ok(());
                }
                let (dataset, window) = (dataset.name.clone(), found.batch.window);
                Err(DataError::TooSmall { dataset, split: what, tokens: view.len(), window, fix })
            };
            check(Split::Train, "training", "give it more text or shorten the window")?;
            if validating && dataset.validation_per_million > 0 {
                let fix = "raise its validation share, give it more text, or remove the split";
                check(Split::Validation, "validation", fix)?;
            }
        }
        Loader::new(found.seed, &stages, stores, plan.datasets.len(), found.batch.window, found.document_mask)
            .map_err(|source| DataError::Order {
                run: found.name.clone(),
                source,
                names: plan
                    .datasets
                    .iter()
                    .enumerate()
                    .map(|(i, d)| format!("dataset {i} is `{}`", d.name))
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }

    /// A loader over opened stores. `datasets` is the number of datasets that the stages' indices count.
    pub fn new(
        seed: u64,
        stages: &[StageOrder],
        stores: BTreeMap<usize, Arc<Store>>,
        datasets: usize,
        window: u64,
        document_mask: bool,
    ) -> Result<Loader, crate::order::OrderError> {
        let sizes: Vec<DatasetOrder> = (0..datasets)
            .map(|i| match stores.get(&i) {
                Some(s) => {
                    DatasetOrder { uid: s.manifest_of().uid, atoms: s.split(Split::Train).windows(window) }
                }
                None => DatasetOrder { uid: 0, atoms: 0 },
            })
            .collect();
        let order = Order::new(seed, stages, &sizes)?;
        Ok(Loader { order, stores, datasets, window, document_mask })
    }

    /// The order of the run's samples.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Tokens in a row.
    pub fn window(&self) -> u64 {
        self.window
    }

    /// Datasets the run draws from, by the plan's index.
    pub fn datasets(&self) -> impl Iterator<Item = (usize, &Store)> {
        self.stores.iter().map(|(&i, s)| (i, s.as_ref()))
    }

    /// Tokens at the end of a dataset's training split that fill no window and are never drawn.
    pub fn dropped_tokens(&self, dataset: usize) -> u64 {
        self.stores.get(&dataset).map_or(0, |s| {
            let view = s.split(Split::Train);
            view.len() - view.windows(self.window) * self.window
        })
    }

    /// Fills the batch with samples `g .. g + n`, one row each.
    pub fn fill(&self, g: u64, n: usize, batch: &mut Batch) {
        let rows = (0..n as u64).map(|i| {
            let sample = self.order.at(g + i);
            Some((sample.dataset, Split::Train, sample.slice))
        });
        self.fill_rows(rows, n, batch);
    }

    /// Windows of a dataset's validation split that fit `tokens` tokens: at least one, at most all; 0 without a split.
    pub fn validation_windows(&self, dataset: usize, tokens: u64) -> u64 {
        let all = self.stores.get(&dataset).map_or(0, |s| s.split(Split::Validation).windows(self.window));
        (tokens / self.window.max(1)).max(1).min(all)
    }

    /// Fills the batch with validation windows `first .. first + n` of the `windows` that are evaluated, which are spread
    /// evenly over the split. Rows beyond the last window are padding of weight 0. Returns the number of real rows.
    pub fn fill_validation(
        &self,
        dataset: usize,
        windows: u64,
        first: u64,
        n: usize,
        batch: &mut Batch,
    ) -> usize {
        let all = self.stores.get(&dataset).map_or(0, |s| s.split(Split::Validation).windows(self.window));
        let windows = windows.min(all);
        let real = usize::try_from(windows.saturating_sub(first)).map_or(n, |r| r.min(n));
        let rows = (0..n).map(|i| {
            let window = u128::from(first + i as u64) * u128::from(all) / u128::from(windows.max(1));
            (i < real).then_some((dataset, Split::Validation, window as u64))
        });
        self.fill_rows(rows, n, batch);
        real
    }

    /// How often each token is a target with weight in samples `0 .. g`, drawn epochs counted as often as they are drawn. Its
    /// [`entropy`] is what a model of single tokens would lose on the same stream.
    pub fn target_counts(&self, g: u64) -> Vec<u64> {
        let vocabulary = self.stores.values().map(|s| s.vocabulary()).max().unwrap_or(0);
        let mut counts = vec![0; vocabulary as usize];
        for (dataset, drawn) in self.order.counts(g).into_iter().enumerate() {
            let Some(store) = self.stores.get(&dataset) else { continue };
            let view = store.split(Split::Train);
            let windows = view.windows(self.window);
            // A target that begins a document is masked; document ends are the offsets of such targets.
            let keep = |offset: u64| !self.document_mask || view.ends().binary_search(&offset).is_err();
            let (epochs, rest) = (drawn / windows.max(1), drawn % windows.max(1));
            if epochs > 0 {
                let mut once = vec![0; counts.len()];
                view.count(1, windows * self.window, &mut once, keep);
                counts.iter_mut().zip(&once).for_each(|(c, o)| *c += o * epochs);
            }
            for place in 0..rest {
                let slice = self.order.slice(dataset, epochs, place);
                view.count(slice * self.window + 1, self.window, &mut counts, keep);
            }
        }
        counts
    }

    /// Unigram entropy, in nats, of the targets of samples `0 .. g`.
    pub fn unigram_entropy(&self, g: u64) -> f64 {
        entropy(&self.target_counts(g))
    }

    /// Samples drawn from each dataset of the plan by the first `g`: the mixture as it really was.
    pub fn drawn(&self, g: u64) -> Vec<u64> {
        let counts = self.order.counts(g);
        debug_assert_eq!(counts.len(), self.datasets);
        counts
    }

    fn fill_rows(
        &self,
        rows: impl Iterator<Item = Option<(usize, Split, u64)>>,
        n: usize,
        batch: &mut Batch,
    ) {
        let window = self.window as usize;
        batch.resize(n * window);
        let chunks = batch
            .tokens
            .chunks_mut(window)
            .zip(batch.targets.chunks_mut(window))
            .zip(batch.weights.chunks_mut(window))
            .zip(batch.positions.chunks_mut(window))
            .zip(batch.document_start.chunks_mut(window));
        for (source, ((((tokens, targets), weights), positions), document_start)) in rows.zip(chunks) {
            let mut row = Row { tokens, targets, weights, positions, document_start };
            match source.and_then(|(d, split, slice)| Some((self.stores.get(&d)?, split, slice))) {
                Some((store, split, slice)) => {
                    fill_row(&store.split(split), slice * self.window, self.document_mask, &mut row);
                }
                None => row.pad(),
            }
        }
    }
}
