//! What a run takes on its target: floating-point operations, time, device hours, and what they cost where the spec says
//! what an hour costs.

use crate::Run;

/// An estimate of some tokens of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Floating-point operations of the matrix products and of attention, forward and backward.
    pub flops: f64,
    /// Seconds on the target, at the share of its devices' peak that the target assumes.
    pub seconds: f64,
    /// Hours of all devices together.
    pub device_hours: f64,
    /// In the currency of the target's price; `None` when it states none.
    pub cost: Option<f64>,
}

impl Run {
    /// Floating-point operations a token, by the step program.
    pub fn flops_per_token(&self) -> f64 {
        // The program's count is that of one micro-batch.
        self.program.flops as f64 / self.batch.micro.saturating_mul(self.batch.window).max(1) as f64
    }

    /// What so many steps take on the target; `None` without a target.
    pub fn estimate(&self, steps: u64) -> Option<Estimate> {
        let target = self.target.as_ref()?;
        let flops = self.flops_per_token() * steps as f64 * self.batch.tokens() as f64;
        let seconds = flops / (target.device.peak * target.utilization * target.count as f64);
        let device_hours = seconds / 3600.0 * target.count as f64;
        Some(Estimate { flops, seconds, device_hours, cost: target.price.map(|p| p * device_hours) })
    }
}
