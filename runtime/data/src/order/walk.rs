//! A walk over every draw of a stage, in order: what `smolc simulate` counts with.
//!
//! Nothing is multiplied out. Every draw looks up its own place in the stage's table, and three things are looked at
//! there: which dataset it goes to, whether the counter that [`Order::at`] would use equals the number of draws of that
//! dataset visited so far, and how far the two prefixes that end before and after it are from the exact mixture.

use super::{Order, StageOrder};
use crate::order::mixture::Mixture;
use smolc_plan::Run;

impl StageOrder {
    /// The stages of a run as its order sees them.
    pub fn of_run(run: &Run) -> Vec<StageOrder> {
        let stage = |s: &smolc_plan::Stage| StageOrder {
            // Plans whose number of tokens exceeds 2^64 do not load.
            samples: s.steps.saturating_mul(run.batch.sequences),
            mix: s.mix.iter().map(|e| (e.dataset, e.weight)).collect(),
        };
        run.stages.iter().map(stage).collect()
    }
}

impl Order {
    /// A walk over stage number `stage` from its draw number `from` on, or `None` when there is no such stage.
    pub fn walk(&self, stage: usize, from: u64) -> Option<Walk<'_>> {
        let found = self.stages.get(stage)?;
        let mixture = &found.mixture;
        let slots = found.datasets.len();
        Some(Walk {
            order: self,
            mixture,
            datasets: &found.datasets,
            base: &found.base,
            next: from,
            slots: (0..slots)
                .map(|s| Slot { drawn: mixture.count(s, from), count: mixture.counts[s], finished: 0 })
                .collect(),
            low: 0,
            high: 0,
            disagreements: 0,
        })
    }
}

/// State of a walk; see [`Order::walk`].
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    order: &'a Order,
    mixture: &'a Mixture,
    datasets: &'a [usize],
    base: &'a [u64],
    next: u64,
    slots: Vec<Slot>,
    low: i64,
    high: i64,
    disagreements: u64,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Draws since the stage's first.
    drawn: u64,
    /// Draws in a period.
    count: u64,
    /// Counters below this belong to epochs that the run finishes; for [`Walk::visit_slices`].
    finished: u64,
}

/// Sums over the slices drawn in the epochs of a dataset that the run finishes. A permutation makes them `E·Σi` and
/// `E·Σi²` modulo 2^64, over `i` below the number of slices and `E` such epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SliceSums {
    /// Slices visited.
    pub visited: u64,
    /// Their sum.
    pub sum: u64,
    /// The sum of their squares.
    pub squares: u64,
}

impl Walk<'_> {
    /// The dataset of each slot; the other functions speak of slots in this order.
    pub fn datasets(&self) -> &[usize] {
        self.datasets
    }

    /// Draws of each slot since the stage's first draw.
    pub fn drawn(&self) -> impl Iterator<Item = u64> {
        self.slots.iter().map(|s| s.drawn)
    }

    /// Draws whose counter in the table was not the number of draws visited before.
    pub fn disagreements(&self) -> u64 {
        self.disagreements
    }

    /// Largest distance of any prefix visited from the table's exact mixture, below and above, in samples. Between two
    /// draws of a dataset its distance only falls, so the extremes stand right before and right after its draws.
    pub fn deviation(&self) -> (f64, f64) {
        let places = self.mixture.places as f64;
        (self.low as f64 / places, self.high as f64 / places)
    }

    /// Visits the next `draws` draws.
    pub fn visit(&mut self, draws: u64) {
        let places = self.mixture.places;
        let mut left = draws;
        while left > 0 {
            let (turn, place) = (self.next / places, self.next % places);
            let run = left.min(places - place);
            let mut k = self.next;
            let (mut low, mut high, mut wrong) = (self.low, self.high, 0u64);
            for &(slot, rank) in &self.mixture.table[place as usize..(place + run) as usize] {
                let slot = &mut self.slots[usize::from(slot)];
                let m = turn * slot.count + u64::from(rank);
                wrong += u64::from(m != slot.drawn);
                slot.drawn += 1;
                // In units of 1/places. The products may wrap; their difference, which lies within ±places for a
                // table that is right, does not.
                let before = m.wrapping_mul(places).wrapping_sub(slot.count.wrapping_mul(k)) as i64;
                low = low.min(before);
                high = high.max(before.wrapping_add(places as i64 - slot.count as i64));
                k += 1;
            }
            (self.low, self.high) = (low, high);
            self.disagreements += wrong;
            self.next = k;
            left -= run;
        }
    }

    /// Takes the prefix that ends here into [`Walk::deviation`] for every dataset: for a stage's end, after which some
    /// have no further draw.
    pub fn finish(&mut self) {
        for slot in &self.slots {
            let places = self.mixture.places;
            let here =
                slot.drawn.wrapping_mul(places).wrapping_sub(slot.count.wrapping_mul(self.next)) as i64;
            (self.low, self.high) = (self.low.min(here), self.high.max(here));
        }
    }

    /// Visits the next `draws` draws, the permutation evaluated: the slices of epochs that the run finishes go into
    /// `sums`, by dataset. `finished` gives, by dataset, the number of draws that finished epochs hold.
    pub fn visit_slices(&mut self, draws: u64, finished: &[u64], sums: &mut [SliceSums]) {
        for (slot, &dataset) in self.slots.iter_mut().zip(self.datasets) {
            slot.finished = finished[dataset];
        }
        for _ in 0..draws {
            let (slot, m) = self.mixture.at(self.next);
            let (dataset, counter) = (self.datasets[slot], self.base[slot] + m);
            let d = &self.order.datasets[dataset];
            let (epoch, place) = d.divisor.divide(counter);
            let slice = d.forward(epoch, place);
            self.disagreements += u64::from(slice >= d.atoms);
            if counter < self.slots[slot].finished {
                let sums = &mut sums[dataset];
                sums.visited += 1;
                sums.sum = sums.sum.wrapping_add(slice);
                sums.squares = sums.squares.wrapping_add(slice.wrapping_mul(slice));
            }
            self.visit(1);
        }
    }
}

impl SliceSums {
    /// What the slices of `epochs` whole epochs over `atoms` slices add up to, modulo 2^64.
    pub fn of_epochs(epochs: u64, atoms: u64) -> SliceSums {
        let n = u128::from(atoms);
        // n(n-1)/2 fits 128 bits; n(n-1)(2n-1)/6 may not, so the division is done before the multiplication.
        let sum = n * n.saturating_sub(1) / 2;
        let (mut a, mut b, mut c) = (n, n.saturating_sub(1), (2 * n).saturating_sub(1));
        for p in [2u128, 3] {
            for factor in [&mut a, &mut b, &mut c] {
                if factor.is_multiple_of(p) {
                    *factor /= p;
                    break;
                }
            }
        }
        let squares = (a as u64).wrapping_mul(b as u64).wrapping_mul(c as u64);
        SliceSums {
            visited: epochs.wrapping_mul(atoms),
            sum: epochs.wrapping_mul(sum as u64),
            squares: epochs.wrapping_mul(squares),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DatasetOrder, Order, StageOrder};
    use super::SliceSums;
    use smolc_plan::Ratio;

    fn order() -> Order {
        let ratio = |n, d| Ratio::new(n, d).unwrap();
        let stage = |samples, mix: &[(usize, Ratio)]| StageOrder { samples, mix: mix.to_vec() };
        Order::new(
            7,
            &[
                stage(1003, &[(0, ratio(3, 5)), (1, ratio(1, 3)), (2, ratio(1, 15))]),
                stage(517, &[(2, ratio(1, 7)), (0, ratio(6, 7))]),
            ],
            &[
                DatasetOrder { uid: 5, atoms: 97 },
                DatasetOrder { uid: 3, atoms: 1000 },
                DatasetOrder { uid: 9, atoms: 31 },
            ],
        )
        .unwrap()
    }

    #[test]
    fn a_walk_counts_what_the_order_draws_from_any_place_on() {
        let order = order();
        for (stage, first, samples) in [(0, 0, 1003), (1, 1003, 517)] {
            for from in [0, 1, 250, 516] {
                let mut walk = order.walk(stage, from).unwrap();
                walk.visit(samples - from);
                walk.finish();
                assert_eq!(walk.disagreements(), 0);
                let (before, after) = (order.counts(first), order.counts(first + samples));
                let mut by_hand = [0u64; 3];
                (first..first + samples).for_each(|g| by_hand[order.at(g).dataset] += 1);
                for (dataset, drawn) in walk.datasets().to_vec().into_iter().zip(walk.drawn()) {
                    assert_eq!(drawn, after[dataset] - before[dataset]);
                    assert_eq!(drawn, by_hand[dataset]);
                }
                let (low, high) = walk.deviation();
                assert!(low > -1.0 && high < 1.0 && high > 0.0, "{low} {high}");
            }
        }
        assert!(order.walk(2, 0).is_none());
    }

    /// Against every prefix of every dataset, in floating point.
    #[test]
    fn the_deviation_is_the_worst_of_all_prefixes() {
        let order = order();
        let weights = [3.0 / 5.0, 1.0 / 3.0, 1.0 / 15.0];
        let (mut counts, mut low, mut high) = ([0.0f64; 3], 0.0f64, 0.0f64);
        for k in 0..1003u64 {
            counts[order.at(k).dataset] += 1.0;
            for (c, w) in counts.iter().zip(weights) {
                let deviation = c - w * (k + 1) as f64;
                (low, high) = (low.min(deviation), high.max(deviation));
            }
        }
        let mut walk = order.walk(0, 0).unwrap();
        (0..1003).for_each(|_| walk.visit(1));
        walk.finish();
        let found = walk.deviation();
        assert!((found.0 - low).abs() < 1e-9 && (found.1 - high).abs() < 1e-9, "{found:?} {low} {high}");
    }

    #[test]
    fn slices_of_finished_epochs_add_up() {
        let order = order();
        let counts = order.counts(order.total());
        let atoms = [97, 1000, 31];
        let finished: Vec<u64> = counts.iter().zip(atoms).map(|(c, a)| c / a * a).collect();
        let mut sums = vec![SliceSums::default(); 3];
        for (stage, samples) in [(0, 1003), (1, 517)] {
            let mut walk = order.walk(stage, 0).unwrap();
            walk.visit_slices(samples, &finished, &mut sums);
            assert_eq!(walk.disagreements(), 0);
        }
        for ((sums, finished), atoms) in sums.iter().zip(&finished).zip(atoms) {
            assert_eq!(*sums, SliceSums::of_epochs(finished / atoms, atoms));
        }
        assert!(finished[0] > 97);
    }

    #[test]
    fn sums_of_squares_are_those_of_the_formula() {
        for n in 1..200u64 {
            let squares: u64 = (0..n).map(|i| i * i).sum();
            assert_eq!(SliceSums::of_epochs(1, n).squares, squares, "{n}");
            assert_eq!(SliceSums::of_epochs(3, n).sum, 3 * (0..n).sum::<u64>());
        }
    }
}
