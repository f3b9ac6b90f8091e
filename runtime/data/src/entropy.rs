//! Unigram entropy.

/// Entropy in nats of the distribution with these counts: `-Σ p ln p`, the loss of a model that knows nothing but how often
/// each token occurs. Zero when all counts are.
pub fn entropy(counts: &[u64]) -> f64 {
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return 0.0;
    }
    let total = total as f64;
    // ln(total) - Σ c ln(c) / total: one division, no small probabilities.
    let sum: f64 = counts.iter().filter(|&&c| c > 0).map(|&c| c as f64 * (c as f64).ln()).sum();
    total.ln() - sum / total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!(entropy(&[]), 0.0);
        assert_eq!(entropy(&[0, 0]), 0.0);
        assert_eq!(entropy(&[5, 0]), 0.0);
        assert!((entropy(&[7; 4096]) - 4096f64.ln()).abs() < 1e-12);
        assert!((entropy(&[3, 1]) - (0.75 * (4f64 / 3.0).ln() + 0.25 * 4f64.ln())).abs() < 1e-15);
    }
}
