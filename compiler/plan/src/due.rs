//! What happens when: the one rule that the training loop follows and a simulation counts by.

use crate::Run;

/// What is due after an update. Validation comes before the checkpoint, so that a checkpoint's ledger is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// A stage of the spec ends.
    pub stage_end: bool,
    /// The validation splits are evaluated.
    pub validation: bool,
    /// A checkpoint is written: at its interval, where a stage ends, and at the end of the run.
    pub checkpoint: bool,
}

impl Run {
    /// What is due after `done` updates.
    pub fn due(&self, done: u64) -> Due {
        let stage_end = self.stages.iter().any(|s| s.ends_stage() && s.first_step + s.steps == done);
        let every = self.checkpoints.every;
        Due {
            stage_end,
            validation: self.validation.is_due(done, self.steps, stage_end),
            checkpoint: every > 0 && done.is_multiple_of(every) || stage_end || done == self.steps,
        }
    }
}
