//! Axes: round ticks and short labels.

/// Round values from `min` to `max`, about `count` of them, with a step of 1, 2, 2.5 or 5 times a power of ten.
pub fn ticks(min: f64, max: f64, count: usize) -> Vec<f64> {
    let span = max - min;
    if !span.is_finite() || span <= 0.0 {
        return vec![min];
    }
    let rough = span / count.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= rough * 0.999);
    let step = step.unwrap_or(rough);
    let first = (min / step - 1e-9).ceil() as i64;
    let last = (max / step + 1e-9).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

/// A range around `values` whose ends are ticks. Not finite values are left out; `zero` includes 0.
pub fn range(values: impl Iterator<Item = f64>, zero: bool, count: usize) -> (f64, f64) {
    let (mut min, mut max) = if zero { (0.0, 0.0) } else { (f64::INFINITY, f64::NEG_INFINITY) };
    for value in values.filter(|v| v.is_finite()) {
        min = min.min(value);
        max = max.max(value);
    }
    if min > max {
        return (0.0, 1.0);
    }
    if max - min <= max.abs() * 1e-9 {
        let pad = if max == 0.0 { 1.0 } else { max.abs() * 0.1 };
        return if zero && min >= 0.0 { (0.0, max + pad) } else { (min - pad, max + pad) };
    }
    let marks = ticks(min, max, count);
    let step = match marks.as_slice() {
        [a, b, ..] => b - a,
        _ => max - min,
    };
    ((min / step + 1e-9).floor() * step, (max / step - 1e-9).ceil() * step)
}

/// Labels of ticks, all with the decimals that tell them apart; large ones in k, M, B and T.
pub fn labels(values: &[f64]) -> Vec<String> {
    let max = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let (unit, suffix) = si(max);
    let step = match values {
        [a, b, ..] => (b - a).abs() / unit,
        _ => max / unit,
    };
    let decimals = (0..9).find(|d| {
        let scaled = step * 10f64.powi(*d);
        (scaled - scaled.round()).abs() < 1e-6
    });
    let decimals = decimals.unwrap_or(2) as usize;
    let one = |v: f64| if v == 0.0 { "0".to_owned() } else { format!("{:.decimals$}{suffix}", v / unit) };
    values.iter().map(|v| one(*v)).collect()
}

fn si(max: f64) -> (f64, &'static str) {
    [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")]
        .into_iter()
        .find(|(unit, _)| max >= *unit)
        .map_or((1.0, ""), |(unit, suffix)| (if unit == 1e4 { 1e3 } else { unit }, suffix))
}

/// A count for people: `1.60M`, `812`.
pub fn count(n: u64) -> String {
    let (unit, suffix) = si(n as f64);
    if unit == 1.0 { n.to_string() } else { format!("{:.2}{suffix}", n as f64 / unit) }
}

/// A count with its digits in groups of three: `1 600 000`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A duration: `3 min 12 s`.
pub fn duration(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match (s / 86_400, s / 3600 % 24, s / 60 % 60, s % 60) {
        (0, 0, 0, _) if seconds < 10.0 => format!("{seconds:.1} s"),
        (0, 0, 0, s) => format!("{s} s"),
        (0, 0, m, s) => format!("{m} min {s} s"),
        (0, h, m, _) => format!("{h} h {m} min"),
        (d, h, _, _) => format!("{d} d {h} h"),
    }
}

/// The power of ten by which an axis of small values is scaled, and how its label says so: 2e-3 gives (1e-3, "10⁻³").
pub fn small_scale(max: f64) -> (f64, Option<String>) {
    if max <= 0.0 || max >= 0.05 || !max.is_finite() {
        return (1.0, None);
    }
    let power = max.log10().floor() as i32;
    let digits: String = power
        .to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            '0'..='9' => char::from_u32(0x2070 + c.to_digit(10).unwrap_or(0)).unwrap_or(c),
            other => other,
        })
        .collect();
    (10f64.powi(power), Some(format!("10{digits}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 10.0, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(2.1, 8.3, 4), [4.0, 6.0, 8.0]);
        assert_eq!(ticks(3.0, 3.0, 4), [3.0]);
        assert_eq!(range([2.1, 8.3].into_iter(), false, 5), (2.0, 10.0));
        assert_eq!(range([f64::NAN].into_iter(), false, 5), (0.0, 1.0));
        assert_eq!(range([3.0, 3.0].into_iter(), true, 5), (0.0, 3.0));
    }

    #[test]
    fn labels_are_short_and_tell_ticks_apart() {
        assert_eq!(labels(&[0.0, 500_000.0, 1_000_000.0, 1_500_000.0]), ["0", "0.5M", "1.0M", "1.5M"]);
        assert_eq!(labels(&[0.0, 50_000.0]), ["0", "50k"]);
        assert_eq!(labels(&[0.25, 0.5]), ["0.25", "0.50"]);
        assert_eq!(labels(&[2.0, 4.0]), ["2", "4"]);
    }

    #[test]
    fn figures_read_well() {
        assert_eq!(grouped(1_711_376_384), "1\u{202f}711\u{202f}376\u{202f}384");
        assert_eq!(duration(192.0), "3 min 12 s");
        assert_eq!(count(1_600_000), "1.60M");
        assert_eq!(small_scale(2e-3), (1e-3, Some("10⁻³".into())));
        assert_eq!(small_scale(0.5), (1.0, None));
    }
}
