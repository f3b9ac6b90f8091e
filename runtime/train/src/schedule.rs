//! The learning rate of each update.

use crate::error::TrainError;
use smolc_expr::Evaluator;
use smolc_plan::Schedule;

/// A schedule bound to a run's length.
pub struct LearningRate {
    evaluator: Evaluator<2>,
    end: f64,
    source: String,
}

impl LearningRate {
    /// Binds `schedule` to a run of `steps` steps.
    pub fn new(schedule: &Schedule, steps: u64) -> Result<LearningRate, TrainError> {
        let evaluator = Evaluator::new(&schedule.expr, &["t", "end"]).map_err(|e| TrainError::Schedule {
            source_text: schedule.source.clone(),
            reason: e.to_string(),
        })?;
        Ok(LearningRate { evaluator, end: steps as f64, source: schedule.source.clone() })
    }

    /// Rate of the update that comes after `done` updates: the first sees t = 0.
    pub fn at(&self, done: u64) -> Result<f64, TrainError> {
        let value = self.evaluator.eval(&[done as f64, self.end]);
        if value.is_finite() && value >= 0.0 {
            Ok(value)
        } else {
            Err(TrainError::LearningRate { step: done + 1, value, source_text: self.source.clone() })
        }
    }
}
