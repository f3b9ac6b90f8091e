//! A chart with what is said about it.

use crate::chart::Chart;

/// A figure: a chart, its legend, and a caption in words.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Heading.
    pub heading: &'static str,
    /// What is drawn.
    pub chart: Chart,
    /// Swatch classes and texts.
    pub legend: Vec<(String, String)>,
    /// Below it.
    pub caption: String,
    /// Height at full width, in CSS pixels.
    pub height: f64,
}

/// Class of the color of the `place`-th thing, so that it is the same in every figure. There are 24: eight hues, which
/// [Okabe and Ito's](crate::page) readers can tell apart, in three strengths.
pub fn color(place: usize) -> String {
    match (place % 8, place / 8 % 3) {
        (hue, 0) => format!("c{hue}"),
        (hue, shade) => format!("c{hue} s{shade}"),
    }
}
