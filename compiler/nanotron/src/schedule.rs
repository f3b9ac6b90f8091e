//! The learning rate: nanotron's `lr_scheduler_builder`, said as an expression.
//!
//! Update i (0-based) has, with warm-up W, decay start D and decay length N: `peak·i/W` below W, `peak` below D, then from
//! peak to the floor over N updates by the style, then the floor.

use crate::config::Config;
use crate::{Finding, ImportError, Kind};

const SECTION: &str = "optimizer.learning_rate_scheduler";

/// The schedule of a run of `end` updates as an expression of the language.
pub fn expression(config: &Config, end: u64, findings: &mut Vec<Finding>) -> Result<String, ImportError> {
    let key = |name: &str| format!("{SECTION}.{name}");
    let peak = config.number(&key("learning_rate"))?.ok_or_else(|| ImportError::Key {
        file: config.file.clone(),
        key: key("learning_rate"),
        reason: "is missing".into(),
    })?;
    let warmup = config.maybe_integer(&key("lr_warmup_steps"))?.unwrap_or(0);
    if let Some(style) = config.text(&key("lr_warmup_style")).filter(|s| *s != "linear" && warmup > 0) {
        findings.push(config.finding(
            Kind::Lost,
            &key("lr_warmup_style"),
            format!("a warm-up of style `{style}` is written as a linear one"),
        ));
    }
    let style = config.text(&key("lr_decay_style")).unwrap_or("linear");
    let floor = match config.number(&key("min_decay_lr"))? {
        Some(floor) => floor,
        None => {
            findings.push(config.finding(
                Kind::Wrong,
                &key("min_decay_lr"),
                format!("is missing, and then it is the peak, {peak:e}: the rate never decays"),
            ));
            peak
        }
    };
    let start = config.maybe_integer(&key("lr_decay_starting_step"))?;
    let steps = match config.maybe_integer(&key("lr_decay_steps"))? {
        Some(steps) => steps,
        None => {
            let steps = end.saturating_sub(warmup);
            if start.is_some_and(|s| s != warmup) {
                findings.push(config.finding(
                    Kind::Wrong,
                    &key("lr_decay_steps"),
                    format!(
                        "is missing, and then it is train_steps less the warm-up, {steps}, wherever the decay begins"
                    ),
                ));
            }
            steps
        }
    };
    let start = start.unwrap_or(warmup);
    let stop = start.saturating_add(steps);
    let share = |n: u64| 100.0 * n as f64 / end.max(1) as f64;
    if floor >= peak {
        // A rate that stays where it is has no decay to come too late or too early.
    } else if start >= end {
        findings.push(config.finding(
            Kind::Wrong,
            &key("lr_decay_starting_step"),
            format!(
                "the decay would begin at step {start}, but the run ends at step {end}: it never happens"
            ),
        ));
    } else if stop > end {
        findings.push(config.finding(
            Kind::Wrong,
            &key("lr_decay_steps"),
            format!(
                "the decay would end at step {stop}, the run ends at step {end}: its last {} cut off",
                if stop - end == 1 { "step is".into() } else { format!("{} steps are", stop - end) }
            ),
        ));
    } else if stop < end {
        findings.push(config.finding(
            Kind::Wrong,
            &key("lr_decay_steps"),
            format!(
                "the decay ends at step {stop}: the last {} of {end} steps, {:.1}% of the run, are made at {floor:e}",
                end - stop,
                share(end - stop)
            ),
        ));
    }
    let library = |name: &str| {
        let floor = if floor == 0.0 { String::new() } else { format!(", floor: {}", rate(floor)) };
        format!("{name}(peak: {}, warmup: {warmup} steps, decay: {steps} steps{floor})", rate(peak))
    };
    if floor == peak || start >= end {
        return Ok(format!("constant(peak: {}, warmup: {warmup} steps)", rate(peak)));
    }
    if style == "cosine" && start == warmup && stop == end {
        return Ok(library("cosine").replace(&format!(", decay: {steps} steps"), ""));
    }
    let whole = stop == end && steps > 0 && start >= warmup;
    match style {
        "linear" if whole => return Ok(library("wsd")),
        "1-sqrt" if whole => return Ok(library("one_minus_sqrt")),
        "linear" | "1-sqrt" | "cosine" => {}
        other => {
            findings.push(config.finding(
                Kind::Lost,
                &key("lr_decay_style"),
                format!("style `{other}` is not known; written as a linear decay"),
            ));
        }
    }
    let (p, f) = (rate(peak), rate(floor));
    let mut text = String::from("at t =>\n");
    let mut word = "    if";
    if warmup > 0 {
        text.push_str(&format!("{word} t < {warmup} steps then {p} * (t / ({warmup} steps))\n"));
        word = "    else if";
    }
    if start > warmup || steps == 0 {
        let until = if steps == 0 { end } else { start };
        text.push_str(&format!("{word} t < {until} steps then {p}\n"));
        word = "    else if";
    }
    if steps > 0 {
        let x = format!("((t - {start} steps) / ({steps} steps))");
        let shape = match style {
            "cosine" => format!("((1 + cos(pi * {x})) / 2)"),
            "1-sqrt" => format!("(1 - sqrt({x}))"),
            _ => format!("(1 - {x})"),
        };
        text.push_str(&format!("{word} t < {stop} steps then {f} + ({p} - {f}) * {shape}\n"));
    }
    text.push_str(&format!("    else {f}"));
    Ok(text)
}

/// `5e-4`, `0.02`: as short as it reads back.
pub fn rate(value: f64) -> String {
    if value == 0.0 || (1e-2..1e6).contains(&value) { format!("{value}") } else { format!("{value:e}") }
}
