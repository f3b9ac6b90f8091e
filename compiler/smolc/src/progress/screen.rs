//! Pieces of the terminal display.

use crate::output::{Stream, Style};
use indicatif::ProgressStyle;

/// The display is one message of several lines; the bar inside is ours, so that it fits the terminal.
pub(super) fn style() -> ProgressStyle {
    ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// `━━━━━╸─────` of `width` columns.
pub(super) fn bar(share: f64, width: usize, err: &Stream) -> String {
    let halves = (share.clamp(0.0, 1.0) * (2 * width) as f64).round() as usize;
    let (full, half) = (halves / 2, halves % 2);
    let done = format!("{}{}", "━".repeat(full), if half == 1 { "╸" } else { "" });
    let rest = "─".repeat(width.saturating_sub(full + half));
    format!("{}{}", err.style(Style::Good, &done), err.style(Style::Dim, &rest))
}
