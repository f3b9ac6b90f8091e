//! Rotary position embedding tables, computed in f64.

use smolc_plan::Rope;
use std::f64::consts::PI;

/// The angle that pair `i` turns by from one position to the next: `theta^(-2i/d)`, for `i` in `0..d/2`.
///
/// With scaling (Llama 3.1, as in transformers' `_compute_llama3_parameters`): pairs whose wavelength exceeds
/// `original_context / low_freq_factor` turn `factor` times slower, those below `original_context / high_freq_factor`
/// stay, and between the two the frequency is interpolated.
pub fn inverse_frequencies(rope: &Rope, head_dim: usize) -> Vec<f64> {
    (0..head_dim / 2)
        .map(|i| {
            let f = libm::pow(rope.theta, -((2 * i) as f64) / head_dim as f64);
            let Some(s) = &rope.scaling else { return f };
            let turns = s.original_context as f64 * f / (2.0 * PI);
            let kept =
                ((turns - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor)).clamp(0.0, 1.0);
            kept * f + (1.0 - kept) * f / s.factor
        })
        .collect()
}

/// Fills `cos` and `sin`, both `[positions, d/2]`. `libm` and not the system's functions: same bits everywhere.
pub fn fill(rope: &Rope, head_dim: usize, cos: &mut [f32], sin: &mut [f32]) {
    let frequencies = inverse_frequencies(rope, head_dim);
    let half = frequencies.len().max(1);
    for (position, (cos, sin)) in cos.chunks_mut(half).zip(sin.chunks_mut(half)).enumerate() {
        for ((f, cos), sin) in frequencies.iter().zip(cos).zip(sin) {
            let angle = position as f64 * f;
            (*cos, *sin) = (libm::cos(angle) as f32, libm::sin(angle) as f32);
        }
    }
}
