//! The plan's hash: equal for equal results.

use crate::Plan;
use std::fmt;

/// BLAKE3 of the plan's canonical JSON, with what does not change a result left out: the compiler's version, measured
/// sizes, and how a schedule was written.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlanHash([u8; 32]);

impl PlanHash {
    /// The first 16 hex digits: enough to tell plans apart, short enough to read.
    pub fn short(&self) -> String {
        self.to_string().chars().take(16).collect()
    }
}

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Plan {
    /// The plan's hash. Errors only where JSON cannot say a number (NaN, infinity), which `check` rules out.
    pub fn hash(&self) -> Result<PlanHash, serde_json::Error> {
        let mut plan = self.clone();
        plan.compiler = String::new();
        for dataset in &mut plan.datasets {
            dataset.measured = None;
        }
        for run in &mut plan.runs {
            run.lr.source = String::new();
        }
        Ok(PlanHash(*blake3::hash(&serde_json::to_vec(&plan)?).as_bytes()))
    }
}
