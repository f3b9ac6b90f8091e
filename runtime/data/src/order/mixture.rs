//! The mixture of a stage: a periodic sequence of slots whose every prefix is within one sample of exact.
//!
//! Tijdeman's solution of the chairman assignment problem (Discrete Mathematics 32, 1980): position `k` goes to the slot
//! with the earliest deadline among those whose debt has reached `1/(2n-2)`; no prefix is then off by more than
//! `1 - 1/(2n-2)` samples.

use super::divisor::Divisor;
use super::error::OrderError;
use num_integer::Integer;
use smolc_plan::Ratio;

/// Longest period of a mixture that is kept exactly.
pub const MAX_PERIOD: u64 = 1 << 22;

/// Period to which longer ones are rounded.
const ROUNDED_PERIOD: u64 = 1 << 20;

/// A weight that could not be kept exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deviation {
    /// Index of the dataset.
    pub dataset: usize,
    /// Weight asked for.
    pub asked: Ratio,
    /// Weight drawn.
    pub drawn: Ratio,
}

impl Deviation {
    /// `|drawn - asked| / asked`. For people: it decides nothing.
    pub fn relative(&self) -> f64 {
        (self.drawn.to_f64() / self.asked.to_f64() - 1.0).abs()
    }
}

/// One period of the sequence and its inverse.
#[derive(Clone, Debug)]
pub(super) struct Mixture {
    period: Divisor,
    pub(super) places: u64,
    /// Samples of each slot in a period.
    pub(super) counts: Vec<u64>,
    /// Slot of each place, and how often that slot occurs before it.
    pub(super) table: Vec<(u16, u32)>,
    /// Places of each slot, ascending.
    occurrences: Vec<Vec<u32>>,
    deviation: Option<Deviation>,
}

impl Mixture {
    /// `datasets` and `weights` by slot, in an order that depends on contents only; `stage` and `datasets` name things in
    /// errors.
    pub(super) fn new(stage: usize, datasets: &[usize], weights: &[Ratio]) -> Result<Mixture, OrderError> {
        if weights.len() > 1 << 16 {
            return Err(OrderError::TooManyDatasets { stage, datasets: weights.len() });
        }
        if let Some((_, &dataset)) = weights.iter().zip(datasets).find(|(w, _)| w.is_zero()) {
            return Err(OrderError::ZeroWeight { stage, dataset });
        }
        let sum = weights.iter().try_fold(Ratio::ZERO, |sum, &w| sum.checked_add(w));
        if sum != Some(Ratio::ONE) {
            return Err(OrderError::WeightSum { stage, sum });
        }
        let (counts, deviation) = match exact_period(weights) {
            Some(period) => (weights.iter().map(|w| w.num * (period / w.den)).collect(), None),
            None => apportion(stage, datasets, weights)?,
        };
        let slot = tijdeman(&counts);
        let mut occurrences: Vec<Vec<u32>> = counts.iter().map(|&c| Vec::with_capacity(c as usize)).collect();
        let mut table = Vec::with_capacity(slot.len());
        for (place, &s) in (0u32..).zip(&slot) {
            let places = &mut occurrences[usize::from(s)];
            table.push((s, places.len() as u32));
            places.push(place);
        }
        let places = table.len() as u64;
        Ok(Mixture { period: Divisor::new(places), places, counts, table, occurrences, deviation })
    }

    /// Slot of position `k` and how often that slot occurs before it.
    #[inline]
    pub(super) fn at(&self, k: u64) -> (usize, u64) {
        let (turn, place) = self.period.divide(k);
        let (slot, rank) = self.table[place as usize];
        let slot = usize::from(slot);
        (slot, turn * self.counts[slot] + u64::from(rank))
    }

    /// Position of occurrence number `m` of a slot; `None` beyond 2^64.
    pub(super) fn find(&self, slot: usize, m: u64) -> Option<u64> {
        let (turn, rank) = (m / self.counts[slot], m % self.counts[slot]);
        turn.checked_mul(self.places)?.checked_add(u64::from(self.occurrences[slot][rank as usize]))
    }

    /// Occurrences of a slot in the first `k` positions.
    pub(super) fn count(&self, slot: usize, k: u64) -> u64 {
        let (turn, place) = self.period.divide(k);
        turn * self.counts[slot] + self.occurrences[slot].partition_point(|&p| u64::from(p) < place) as u64
    }

    pub(super) fn deviation(&self) -> Option<Deviation> {
        self.deviation
    }
}

/// Least common multiple of the denominators, or `None` above [`MAX_PERIOD`].
fn exact_period(weights: &[Ratio]) -> Option<u64> {
    weights.iter().try_fold(1u64, |period, w| {
        if w.den > MAX_PERIOD {
            return None;
        }
        Some(period.lcm(&w.den)).filter(|&p| p <= MAX_PERIOD)
    })
}

/// Rounds weights to [`ROUNDED_PERIOD`] samples by largest remainder, ties to the earlier slot.
fn apportion(
    stage: usize,
    datasets: &[usize],
    weights: &[Ratio],
) -> Result<(Vec<u64>, Option<Deviation>), OrderError> {
    let scaled = |w: &Ratio| u128::from(w.num) * u128::from(ROUNDED_PERIOD);
    let mut counts: Vec<u64> = weights.iter().map(|w| (scaled(w) / u128::from(w.den)) as u64).collect();
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.sort_by(|&a, &b| {
        let (wa, wb) = (&weights[a], &weights[b]);
        let (ra, rb) = (scaled(wa) % u128::from(wa.den), scaled(wb) % u128::from(wb.den));
        (rb * u128::from(wa.den)).cmp(&(ra * u128::from(wb.den))).then(a.cmp(&b))
    });
    let missing = ROUNDED_PERIOD - counts.iter().sum::<u64>();
    for &slot in by_remainder.iter().take(missing as usize) {
        counts[slot] += 1;
    }
    let mut largest: Option<Deviation> = None;
    for ((&count, &asked), &dataset) in counts.iter().zip(weights).zip(datasets) {
        let Some(drawn) = Ratio::new(count, ROUNDED_PERIOD).filter(|d| !d.is_zero()) else {
            return Err(OrderError::WeightVanishes { stage, dataset, weight: asked, period: ROUNDED_PERIOD });
        };
        let deviation = Deviation { dataset, asked, drawn };
        if largest.is_none_or(|l| deviation.relative() > l.relative()) {
            largest = Some(deviation);
        }
    }
    Ok((counts, largest))
}

/// One period: slot `i` occurs `counts[i]` times.
///
/// All in integers scaled by the period `D` and by `q = 2n - 2`. A debt lies in (-D, D), so with `D ≤ 2^22` and `n ≤ 2^16`
/// the products below stay under 2^62.
fn tijdeman(counts: &[u64]) -> Vec<u16> {
    let counts: Vec<i64> = counts.iter().map(|&c| c as i64).collect();
    let period: i64 = counts.iter().sum();
    if counts.len() == 1 {
        return vec![0; period as usize];
    }
    let q = 2 * counts.len() as i64 - 2;
    let mut debt = vec![0i64; counts.len()];
    let mut sequence = Vec::with_capacity(period as usize);
    for _ in 0..period {
        // (slot, deadline's numerator, deadline's denominator)
        let mut best: Option<(usize, i64, i64)> = None;
        for (slot, (debt, &count)) in debt.iter_mut().zip(&counts).enumerate() {
            *debt += count;
            if *debt * q < period {
                continue;
            }
            let deadline = period * q - period - *debt * q;
            if best.is_none_or(|(_, d, c)| deadline * c < d * count) {
                best = Some((slot, deadline, count));
            }
        }
        // The debts sum to one period before each choice, so some debt is at least D/n ≥ D/q.
        let slot = best.map_or(0, |(slot, _, _)| slot);
        debt[slot] -= period;
        sequence.push(slot as u16);
    }
    debug_assert!(debt.iter().all(|&d| d == 0));
    sequence
}
