//! What a run and the runs it begins from have read, by dataset.

use crate::spec::{Run, Spec};

/// Tokens that the first `until` steps of a run draw from each dataset of the spec (`None` = all of them).
pub fn drawn(spec: &Spec, run: &Run, until: Option<u64>) -> Vec<f64> {
    let mut out = vec![0.0; spec.datasets.len()];
    let Some(batch) = &run.batch else { return out };
    for part in run.stages.iter().flat_map(|s| &s.parts) {
        let end = (part.first + part.steps).min(until.unwrap_or(u64::MAX));
        let steps = end.saturating_sub(part.first);
        for d in &part.mix {
            if let Some(sum) = out.get_mut(d.dataset) {
                *sum += d.weight.to_f64() * steps as f64 * batch.tokens() as f64;
            }
        }
    }
    out
}

/// Tokens drawn before a run begins, by all it begins from, and their names.
pub fn before<'s>(spec: &'s Spec, run: &Run) -> (Vec<f64>, Vec<&'s str>) {
    let mut out = vec![0.0; spec.datasets.len()];
    let mut names = Vec::new();
    let mut parent = run.parent.clone();
    // A parent stands earlier in the spec, so this ends.
    while let Some(p) = parent {
        let Some(base) = spec.runs.get(p.run) else { break };
        for (sum, more) in out.iter_mut().zip(drawn(spec, base, p.step)) {
            *sum += more;
        }
        names.push(base.name.as_str());
        parent = base.parent.clone();
    }
    (out, names)
}
