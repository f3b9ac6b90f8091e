//! The events of a run, by the [rule](Run::due) of the training loop asked at every step.

use smolc_plan::Run;

/// Events of a stretch of steps. Stretches that follow each other [add up](Events::then).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// Steps made.
    pub steps: u64,
    /// Stages that began, by index, and the step before which they did.
    pub stages: Vec<(usize, u64)>,
    /// Times that the validation splits are evaluated.
    pub validations: u64,
    /// Checkpoints written, the last one included.
    pub checkpoints: u64,
    /// The newest checkpoints, as many as are kept: updates made.
    pub kept: Vec<u64>,
}

impl Events {
    /// What happens before and after step number `step` (0-based).
    pub fn step(&mut self, run: &Run, step: u64) {
        for (index, _) in run.stages.iter().enumerate().filter(|(_, s)| s.first_step == step) {
            self.stages.push((index, step));
        }
        self.steps += 1;
        let done = step + 1;
        let due = run.due(done);
        if due.validation {
            self.validations += 1;
        }
        if due.checkpoint {
            self.checkpoints += 1;
            self.kept.push(done);
            let keep = usize::try_from(run.checkpoints.keep.max(1)).unwrap_or(usize::MAX);
            if self.kept.len() > keep {
                self.kept.remove(0);
            }
        }
    }

    /// These and those of the steps that follow.
    pub fn then(mut self, next: Events, keep: u64) -> Events {
        self.stages.extend(next.stages);
        self.kept.extend(next.kept);
        let keep = usize::try_from(keep.max(1)).unwrap_or(usize::MAX);
        self.kept.drain(..self.kept.len().saturating_sub(keep));
        Events {
            steps: self.steps + next.steps,
            stages: self.stages,
            validations: self.validations + next.validations,
            checkpoints: self.checkpoints + next.checkpoints,
            kept: self.kept,
        }
    }

    /// The same numbers without looking at every step: multiples of the interval, and the stage ends that are none.
    pub fn expected(run: &Run) -> (u64, u64) {
        let whole = run.stages.iter().filter(|s| s.ends_stage());
        let mut ends: Vec<u64> = whole.map(|s| s.first_step + s.steps).collect();
        ends.dedup();
        let at = |every: Option<u64>, ends: &[u64]| {
            let n = every.filter(|n| *n > 0);
            let others = ends.iter().filter(|e| n.is_none_or(|n| !e.is_multiple_of(n))).count() as u64;
            n.map_or(0, |n| run.steps / n) + others
        };
        let last = [run.steps];
        let validated: &[u64] = match (run.validation.stage_end, run.validation.end) {
            // The last stage ends with the run.
            (true, _) => &ends,
            (false, true) => &last,
            (false, false) => &[],
        };
        let validations = at(run.validation.every, validated);
        (validations, at(Some(run.checkpoints.every), &ends))
    }
}
