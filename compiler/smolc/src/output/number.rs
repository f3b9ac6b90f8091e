//! Numbers for people.

use std::time::Duration;

/// `1711376384` → `1,711,376,384`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Powers of 1000 to three significant digits: `1.6M`, `11T`; below 1000 the number itself, `1.21e23` beyond. Only for reading: the exact
/// number belongs beside it wherever it matters.
pub fn si(n: f64) -> String {
    if !n.is_finite() {
        return n.to_string();
    }
    let mut value = n;
    for unit in ["", "k", "M", "B", "T", "P"] {
        // 999.5 would print as 1000.
        if value.abs() < 999.5 {
            return format!("{}{unit}", three_digits(value));
        }
        value /= 1000.0;
    }
    format!("{n:.2e}")
}

/// Powers of 1024 to three significant digits: `27.2 MiB`.
pub fn bytes(n: u64) -> String {
    let mut value = n as f64;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] {
        if value < 1023.5 {
            return format!("{} {unit}", three_digits(value));
        }
        value /= 1024.0;
    }
    format!("{} EiB", three_digits(value))
}

fn three_digits(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 99.95 || v == 0.0 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}

/// `8s`, `1m 32s`, `2h 05m`, `3d 04h`.
pub fn duration(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m {:02}s", s / 60, s % 60),
        3600..86_400 => format!("{}h {:02}m", s / 3600, s % 3600 / 60),
        _ => format!("{}d {:02}h", s / 86_400, s % 86_400 / 3600),
    }
}

/// A learning rate: `2e-3`, `4.88e-4`, `0`.
pub fn rate(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let text = format!("{value:.2e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if mantissa.contains('.') => {
            format!("{}e{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

/// `1 error`, `2 errors`.
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(n), if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (n, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_711_376_384, "1,711,376,384")] {
            assert_eq!(thousands(n), text);
        }
        for (n, text) in [
            (0.0, "0"),
            (512.0, "512"),
            (999.7, "1k"),
            (1_601_536.0, "1.6M"),
            (1.1e13, "11T"),
            (12_345.0, "12.3k"),
            (1.205_75e23, "1.21e23"),
        ] {
            assert_eq!(si(n), text);
        }
        for (n, text) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (28_521_472, "27.2 MiB"), (u64::MAX, "16 EiB")]
        {
            assert_eq!(bytes(n), text);
        }
        for (s, text) in [(0, "0s"), (92, "1m 32s"), (7500, "2h 05m"), (273_600, "3d 04h")] {
            assert_eq!(duration(Duration::from_secs(s)), text);
        }
        for (r, text) in [(0.0, "0"), (2e-3, "2e-3"), (4.876e-4, "4.88e-4"), (1.0, "1e0")] {
            assert_eq!(rate(r), text);
        }
        assert_eq!(count(1, "error", "errors"), "1 error");
        assert_eq!(count(2000, "error", "errors"), "2,000 errors");
    }
}
