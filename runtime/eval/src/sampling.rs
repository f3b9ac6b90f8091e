//! From logits to a token: temperature, top-k, top-p and min-p, in this order, as `transformers` applies them.
//!
//! `kernels/cuda/src/sampling.cu` computes the same from the same logits, to the token: weights are integers of 2⁻⁴⁰, so
//! that sums do not depend on their order; the exponential behind them is a fixed sequence of single roundings in f32; and
//! the draw is the same number of Philox.

use crate::error::EvalError;
use crate::random::uniform;

/// How the next token is chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Logits are divided by it; 0 = the most probable token, always (greedy). Otherwise at least 1e-6.
    pub temperature: f64,
    /// Only the `k` most probable tokens; `None` = all.
    pub top_k: Option<usize>,
    /// Only the most probable tokens that together reach this probability, 0 < p ≤ 1; 1 = all.
    pub top_p: f64,
    /// Only tokens at least this fraction as probable as the most probable one, 0 ≤ p ≤ 1; 0 = all.
    pub min_p: f64,
    /// Seed; with the number of the token it decides the draw.
    pub seed: u64,
}

impl Default for Sampling {
    /// Greedy.
    fn default() -> Sampling {
        Sampling { temperature: 0.0, top_k: None, top_p: 1.0, min_p: 0.0, seed: 0 }
    }
}

impl Sampling {
    /// Checks every option against its range.
    pub fn verify(&self) -> Result<(), EvalError> {
        let refuse = |option, value: String, range| Err(EvalError::Option { option, value, range });
        // What follows is computed in f32, and a GPU divides in f32.
        let t = self.temperature;
        if !(t == 0.0 || (t >= 1e-6 && (t as f32).is_finite())) {
            return refuse(
                "temperature",
                t.to_string(),
                "0 (the most likely token) or at least 1e-6, as an f32",
            );
        }
        if self.top_k == Some(0) {
            return refuse("top-k", "0".into(), "at least 1");
        }
        if !(self.top_p as f32 > 0.0 && self.top_p <= 1.0) {
            return refuse("top-p", self.top_p.to_string(), "above 0 and at most 1, as an f32");
        }
        if !(0.0..=1.0).contains(&self.min_p) {
            return refuse("min-p", self.min_p.to_string(), "between 0 and 1");
        }
        Ok(())
    }

    /// The token that follows, number `counter` of the continuation (from 0). `None` when a logit is not finite or
    /// there is none.
    ///
    /// Equal logits are ordered by token id, the lowest first, so that the choice is the same everywhere.
    pub fn choose(&self, logits: &[f32], counter: u64) -> Option<u32> {
        if logits.iter().any(|l| !l.is_finite()) {
            return None;
        }
        if self.temperature == 0.0 {
            return greatest(logits);
        }
        let mut kept = self.candidates(logits);
        kept.sort_unstable_by_key(|c| c.0);
        let total: u64 = kept.iter().map(|c| c.1).sum();
        // Below the total even after rounding.
        let draw = ((uniform(self.seed, counter) * total as f64) as u64).min(total.saturating_sub(1));
        let mut sum = 0;
        kept.into_iter().find_map(|(token, weight)| {
            sum += weight;
            (draw < sum).then_some(token)
        })
    }

    /// Tokens that stay, with weights relative to the most probable one, in no order.
    fn candidates(&self, logits: &[f32]) -> Vec<(u32, u64)> {
        let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let temperature = self.temperature as f32;
        let weight = |l: f32| relative_weight((l - greatest) / temperature);
        let mut all: Vec<(u32, f32)> = (0u32..).zip(logits.iter().copied()).collect();
        // Both zeros are one number.
        let order = |a: &(u32, f32), b: &(u32, f32)| (b.1 + 0.0).total_cmp(&(a.1 + 0.0)).then(a.0.cmp(&b.0));
        let keep = self.top_k.unwrap_or(all.len()).min(all.len());
        if keep < all.len() && keep > 0 {
            all.select_nth_unstable_by(keep - 1, order);
            all.truncate(keep);
        }
        if (self.top_p as f32) < 1.0 {
            all.sort_unstable_by(order);
        }
        let least = self.min_p as f32 * ONE;
        let mut all: Vec<(u32, f32)> = all.into_iter().map(|(token, l)| (token, weight(l))).collect();
        if (self.top_p as f32) < 1.0 {
            let total: u64 = all.iter().map(|c| c.1 as u64).sum();
            let needed = (f64::from(self.top_p as f32) * total as f64).ceil() as u64;
            let needed = needed.clamp(1, total.max(1));
            let mut sum = 0;
            // The token that crosses the line stays.
            let kept = all.iter().take_while(|c| {
                let before = sum;
                sum += c.1 as u64;
                before < needed
            });
            let kept = kept.count();
            all.truncate(kept);
        }
        all.into_iter().filter(|c| c.1 >= least).map(|(token, weight)| (token, weight as u64)).collect()
    }
}

/// The weight of the most probable token: 2⁴⁰.
const ONE: f32 = (1u64 << 40) as f32;

/// 2⁴⁰ times e to the power of x ≤ 0; 0 where that is below 1. Only fused multiply-adds and exact steps, so that every
/// machine has the same bits: x = n·ln 2 + r by Cody and Waite's two constants, then Taylor's polynomial, whose next term
/// is below 2⁻²⁷ of the sum.
fn relative_weight(x: f32) -> f32 {
    if x < -28.0 {
        return 0.0;
    }
    // 1.5·2²³: what is added to it is rounded to an integer.
    const ROUND: f32 = 12_582_912.0;
    const REDUCED: [f32; 2] = [-0.693_145_75, -1.428_606_8e-6];
    const INVERSE: [f32; 7] = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let n = x.mul_add(std::f32::consts::LOG2_E, ROUND) - ROUND;
    let r = n.mul_add(REDUCED[1], n.mul_add(REDUCED[0], x));
    let p = INVERSE.iter().fold(1.0f32 / 5040.0, |p, c| p.mul_add(r, *c));
    p * f32::from_bits(((127 + 40 + n as i32) as u32) << 23)
}

/// The lowest id among the greatest logits.
fn greatest(logits: &[f32]) -> Option<u32> {
    let mut best: Option<(u32, f32)> = None;
    for (token, &logit) in (0u32..).zip(logits) {
        if best.is_none_or(|(_, b)| logit > b) {
            best = Some((token, logit));
        }
    }
    best.map(|b| b.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampling(temperature: f64) -> Sampling {
        Sampling { temperature, ..Sampling::default() }
    }

    #[test]
    fn greedy_takes_the_first_of_equals() {
        assert_eq!(sampling(0.0).choose(&[1.0, 3.0, 3.0, 2.0], 0), Some(1));
        assert_eq!(sampling(0.0).choose(&[], 0), None);
        assert_eq!(sampling(1.0).choose(&[1.0, f32::NAN], 0), None);
    }

    #[test]
    fn frequencies_follow_the_probabilities() {
        // p = 0.5, 0.25, 0.25
        let logits = [2f32.ln(), 0.0, 0.0];
        let mut seen = [0u32; 3];
        for i in 0..20_000 {
            seen[sampling(1.0).choose(&logits, i).unwrap() as usize] += 1;
        }
        assert!((9_600..10_400).contains(&seen[0]) && (4_600..5_400).contains(&seen[1]), "{seen:?}");
        // At temperature 1/2 the odds are squared: 4 : 1 : 1.
        let hot = (0..20_000).filter(|&i| sampling(0.5).choose(&logits, i) == Some(0)).count();
        assert!((12_900..13_760).contains(&hot), "{hot}");
    }

    #[test]
    fn filters_keep_what_they_say() {
        let logits: Vec<f32> = [0.4f32, 0.3, 0.2, 0.1].iter().map(|p| p.ln()).collect();
        let kept = |s: Sampling| s.candidates(&logits).iter().map(|c| c.0).collect::<Vec<_>>();
        assert_eq!(kept(Sampling { top_k: Some(2), ..sampling(1.0) }), [0, 1]);
        assert_eq!(kept(Sampling { top_k: Some(9), ..sampling(1.0) }), [0, 1, 2, 3]);
        assert_eq!(kept(Sampling { top_p: 0.65, ..sampling(1.0) }), [0, 1]);
        assert_eq!(kept(Sampling { top_p: 0.75, ..sampling(1.0) }), [0, 1, 2]);
        assert_eq!(kept(Sampling { top_p: 1e-9, ..sampling(1.0) }), [0]);
        assert_eq!(kept(Sampling { min_p: 0.6, ..sampling(1.0) }), [0, 1]);
        assert_eq!(kept(Sampling { min_p: 1.0, ..sampling(1.0) }), [0]);
        // top-p works on what top-k left: 0.4 of 0.7.
        assert_eq!(kept(Sampling { top_k: Some(2), top_p: 0.55, ..sampling(1.0) }), [0]);
    }

    #[test]
    fn same_seed_same_tokens() {
        let logits = vec![0.0; 1000];
        let draw = |seed| {
            let s = Sampling { seed, ..sampling(1.0) };
            (0..20).map(|i| s.choose(&logits, i)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn options_out_of_range_are_refused() {
        for bad in [
            sampling(-1.0),
            sampling(f64::NAN),
            sampling(1e-9),
            sampling(1e39),
            Sampling { top_k: Some(0), ..sampling(1.0) },
            Sampling { top_p: 0.0, ..sampling(1.0) },
            Sampling { top_p: 1.5, ..sampling(1.0) },
            Sampling { min_p: -0.1, ..sampling(1.0) },
            Sampling { min_p: f64::NAN, ..sampling(1.0) },
        ] {
            assert!(bad.verify().is_err(), "{bad:?}");
        }
        assert!(Sampling::default().verify().is_ok());
    }

    #[test]
    fn tiny_temperatures_do_not_overflow() {
        assert_eq!(sampling(1e-6).choose(&[1.0, 2.0, -1e30], 3), Some(1));
        assert_eq!(sampling(1e-6).choose(&[1.0, f32::MAX, f32::MIN], 3), Some(1));
    }

    #[test]
    fn weights_are_exponentials() {
        assert_eq!(relative_weight(0.0), ONE);
        for i in 0..28_000 {
            let x = -i as f32 * 1e-3;
            let want = f64::from(x).exp() * f64::from(ONE);
            let error = (f64::from(relative_weight(x)) - want).abs() / want;
            assert!(error < 2e-7, "e^{x}: {error:e}");
        }
        assert_eq!((relative_weight(-28.1), relative_weight(f32::NEG_INFINITY)), (0.0, 0.0));
    }

    /// Continuations that people have noted down must not change.
    #[test]
    fn frozen() {
        let logits: Vec<f32> = (0..300).map(|i| ((i * 37 % 101) as f32) / 16.0).collect();
        let s = Sampling { temperature: 0.9, top_k: Some(60), top_p: 0.95, min_p: 0.01, seed: 42 };
        let draws: Vec<u32> = (0..12).filter_map(|i| s.choose(&logits, i)).collect();
        assert_eq!(draws, [180, 292, 240, 221, 90, 90, 60, 109, 161, 79, 150, 90]);
    }
}
