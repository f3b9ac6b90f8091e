//! A learning rate as nanotron's warm-up, plateau and decay.

use smolc_plan::Run;

/// A schedule as nanotron has it.
pub(super) struct Decay {
    pub peak: f64,
    pub floor: f64,
    pub warmup: u64,
    pub start: u64,
    pub steps: u64,
    pub style: &'static str,
}

/// Finds the warm-up, the plateau and the decay of a schedule, and holds every update against nanotron's formula.
pub(super) fn decay(run: &Run) -> Result<Decay, String> {
    let at = |t: u64| {
        run.lr
            .expr
            .eval(&[("t", t as f64), ("end", run.steps as f64)])
            .map_err(|e| format!("cannot be evaluated: {e}"))
    };
    let mut rates = Vec::new();
    // Long runs are looked at in so many places; the edges are then found by bisection.
    let stride = (run.steps / 65_536).max(1);
    for t in (0..run.steps).step_by(usize::try_from(stride).unwrap_or(1)).chain([run.steps.saturating_sub(1)])
    {
        rates.push((t, at(t)?));
    }
    let peak = rates.iter().map(|r| r.1).fold(0.0, f64::max);
    // A plateau is one number; a cosine leaves it so slowly that a wider margin would miss its first steps.
    let near = |v: f64| (v - peak).abs() <= peak * 4.0 * f64::EPSILON;
    let Some(&(inside, _)) = rates.iter().find(|r| near(r.1)) else {
        return Err("has no highest rate".into());
    };
    let Some(&(last_inside, _)) = rates.iter().rev().find(|r| near(r.1)) else {
        return Err("has no highest rate".into());
    };
    let (mut low, mut warmup) = (inside.saturating_sub(stride), inside);
    if near(at(low)?) {
        warmup = low;
    }
    while warmup - low > 1 {
        let middle = low + (warmup - low) / 2;
        if near(at(middle)?) { warmup = middle } else { low = middle }
    }
    let (mut start, mut out) = (last_inside, (last_inside + stride).min(run.steps));
    while out - start > 1 {
        let middle = start + (out - start) / 2;
        if near(at(middle)?) { start = middle } else { out = middle }
    }
    let end = run.steps;
    if start + 1 >= end {
        let found = Decay { peak, floor: peak, warmup, start: end, steps: 0, style: "linear" };
        // There is no decay to blame for a difference: a plateau follows the warm-up.
        return verified(found, &rates);
    }
    let last = at(end - 1)?;
    // Where the floor is reached, if that is before the end.
    let (mut above, mut level) = (start, end - 1);
    while level - above > 1 {
        let middle = above + (level - above) / 2;
        if (at(middle)? - last).abs() <= peak * 4.0 * f64::EPSILON { level = middle } else { above = middle }
    }
    for style in ["linear", "cosine", "1-sqrt"] {
        for steps in [end - start, level - start] {
            // The floor is what the formula would reach at the end of the decay; each style gives another.
            let y = shape(style, ((end - 1 - start) as f64 / steps as f64).min(1.0));
            let floor = (last - peak * y) / (1.0 - y);
            let floor = if floor.abs() < peak * 1e-9 { 0.0 } else { floor };
            if let Ok(found) = verified(Decay { peak, floor, warmup, start, steps, style }, &rates) {
                return Ok(found);
            }
        }
    }
    Err("is no linear, cosine or 1-sqrt decay after a linear warm-up and a plateau".to_owned())
}

/// What is left of the way from floor to peak.
fn shape(style: &str, x: f64) -> f64 {
    match style {
        "cosine" => (1.0 + (std::f64::consts::PI * x).cos()) / 2.0,
        "1-sqrt" => 1.0 - x.sqrt(),
        _ => 1.0 - x,
    }
}

fn verified(d: Decay, rates: &[(u64, f64)]) -> Result<Decay, String> {
    for &(t, rate) in rates {
        let said = if t < d.warmup {
            d.peak * t as f64 / d.warmup as f64
        } else if t < d.start || d.steps == 0 {
            d.peak
        } else {
            d.floor + (d.peak - d.floor) * shape(d.style, ((t - d.start) as f64 / d.steps as f64).min(1.0))
        };
        if (said - rate).abs() > d.peak * 1e-6 {
            let part = if t < d.warmup { "linear warm-up" } else { d.style };
            return Err(format!("at update {} it is {rate:e}; nanotron's {part} has {said:e}", t + 1));
        }
    }
    Ok(d)
}
