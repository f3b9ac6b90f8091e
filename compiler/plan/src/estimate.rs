//! What a run takes on its target: floating-point operations, time, device hours, and what they cost where the spec says
//! what an hour costs.

use crate::flops::of_block;
use crate::{Objective, Run};

/// An estimate of some tokens of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Floating-point operations of the matrix products and of attention, forward and backward: the model's.
    pub flops: f64,
    /// Those done once more for the backward pass, because the target keeps less for it.
    pub recomputed: f64,
    /// Those of the forward pass of a frozen model that the objective compares with.
    pub reference: f64,
    /// Seconds on the target for all of these, at the share of its devices' peak that the target assumes.
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

    /// Operations a token of what the backward pass computes again.
    fn recomputed_per_token(&self) -> f64 {
        self.program.recomputed_flops as f64
            / self.batch.micro.saturating_mul(self.batch.window).max(1) as f64
    }

    /// Operations a token of the frozen model that the objective compares with: a forward pass over the same sequences.
    fn reference_per_token(&self) -> f64 {
        match self.objective {
            Objective::Dpo { .. } => {
                // A program whose operations could be counted has an evaluation that can.
                let forward = of_block(&self.program, &self.program.evaluate, |_| true).unwrap_or(0);
                forward as f64 / self.batch.micro.saturating_mul(self.batch.window).max(1) as f64
            }
            Objective::NextToken | Objective::Sft { .. } => 0.0,
        }
    }

    /// What so many steps take on the target; `None` without a target.
    pub fn estimate(&self, steps: u64) -> Option<Estimate> {
        let target = self.target.as_ref()?;
        let tokens = steps as f64 * self.batch.tokens() as f64;
        let flops = self.flops_per_token() * tokens;
        let recomputed = self.recomputed_per_token() * tokens;
        let reference = self.reference_per_token() * tokens;
        let seconds = (flops + recomputed + reference)
            / (target.device.peak * target.utilization * target.count as f64);
        let device_hours = seconds / 3600.0 * target.count as f64;
        let cost = target.price.map(|p| p * device_hours);
        Some(Estimate { flops, recomputed, reference, seconds, device_hours, cost })
    }
}
