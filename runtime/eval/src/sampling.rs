//! From logits to a token: temperature, top-k, top-p and min-p, in this order, as `transformers` applies them.

use crate::error::EvalError;
use crate::random::uniform;

/// How the next token is chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Logits are divided by it; 0 = the most probable token, always (greedy).
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
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            return refuse("temperature", self.temperature.to_string(), "a number of at least 0");
        }
        if self.top_k == Some(0) {
            return refuse("top-k", "0".into(), "at least 1");
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return refuse("top-p", self.top_p.to_string(), "above 0 and at most 1");
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
        let candidates = self.candidates(logits);
        let total: f64 = candidates.iter().map(|c| c.1).sum();
        let mut left = uniform(self.seed, counter) * total;
        for &(token, p) in &candidates {
            left -= p;
            if left < 0.0 {
                return Some(token);
            }
        }
        // Rounding can leave a last crumb: it belongs to the most probable token.
        candidates.first().map(|c| c.0)
    }

    /// Tokens that stay, with probabilities relative to the most probable one, most probable first.
    fn candidates(&self, logits: &[f32]) -> Vec<(u32, f64)> {
        let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |l: f32| (f64::from(l - greatest) / self.temperature).exp();
        let mut all: Vec<(u32, f64)> = (0u32..).zip(logits).map(|(token, &l)| (token, weight(l))).collect();
        let order = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        let keep = self.top_k.unwrap_or(all.len()).min(all.len());
        if keep < all.len() && keep > 0 {
            all.select_nth_unstable_by(keep - 1, order);
            all.truncate(keep);
        }
        all.sort_unstable_by(order);
        if self.top_p < 1.0 {
            let needed = self.top_p * all.iter().map(|c| c.1).sum::<f64>();
            let mut sum = 0.0;
            // The token that crosses the line stays.
            let kept = all.iter().take_while(|c| {
                let before = sum;
                sum += c.1;
                before < needed
            });
            let kept = kept.count();
            all.truncate(kept.max(1));
        }
        if self.min_p > 0.0 {
            let kept = all.iter().take_while(|c| c.1 >= self.min_p).count();
            all.truncate(kept.max(1));
        }
        all
    }
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
        assert_eq!(sampling(1e-300).choose(&[1.0, 2.0, -1e30], 3), Some(1));
    }
}
