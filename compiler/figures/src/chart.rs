//! One chart as SVG: curves, stacked areas, stage bands, reference lines, axes. No script, no external resource; colors
//! come from the page's style sheet, so that light and dark are the reader's choice.

use crate::axis;
use crate::page::escape;
use std::fmt::Write;

/// A curve over x.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Points in order of x.
    pub points: Vec<(f64, f64)>,
    /// CSS classes.
    pub class: String,
    /// Draw a dot at every point.
    pub dots: bool,
}

/// The area between two curves over the same x.
#[derive(Clone, Debug)]
pub struct Area {
    /// x, lower y, upper y.
    pub points: Vec<(f64, f64, f64)>,
    /// CSS classes.
    pub class: String,
}

/// A horizontal reference line.
#[derive(Clone, Debug)]
pub struct Level {
    /// Where.
    pub y: f64,
    /// What it is.
    pub label: String,
}

/// A word inside a chart, centered at a point.
#[derive(Clone, Debug)]
pub struct Mark {
    /// x.
    pub x: f64,
    /// y.
    pub y: f64,
    /// What is written.
    pub text: String,
    /// Room it has, in units of x; it is left out of a drawing where it does not fit.
    pub room: f64,
}

/// A chart over tokens.
#[derive(Clone, Debug)]
pub struct Chart {
    /// For screen readers.
    pub title: String,
    /// Label of the y axis, with its unit.
    pub y_label: String,
    /// Range of x, in tokens.
    pub x: (f64, f64),
    /// Range of y.
    pub y: (f64, f64),
    /// Stages: first x, last x, name.
    pub bands: Vec<(f64, f64, String)>,
    /// Below everything else.
    pub areas: Vec<Area>,
    /// In order of drawing.
    pub curves: Vec<Curve>,
    /// Reference lines.
    pub levels: Vec<Level>,
    /// Words, above everything else.
    pub marks: Vec<Mark>,
}

const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 44.0;
/// Width of a character of the labels, about.
const CHARACTER: f64 = 6.6;

impl Chart {
    /// The chart in a view box of `width` × `height`, one unit a CSS pixel at full size.
    pub fn svg(&self, width: f64, height: f64, class: &str) -> String {
        let (w, h) = (width - LEFT - RIGHT, height - TOP - BOTTOM);
        let span = |(a, b): (f64, f64)| if b > a { b - a } else { 1.0 };
        let x = |v: f64| LEFT + (v - self.x.0) / span(self.x) * w;
        let y = |v: f64| TOP + h - (v - self.y.0) / span(self.y) * h;
        let mut s = String::new();
        // Writing to a String cannot fail.
        let _ = write!(
            s,
            r#"<svg class="{class}" viewBox="0 0 {width:.0} {height:.0}" role="img" aria-label="{}">"#,
            escape(&self.title)
        );
        for (i, (from, to, name)) in self.bands.iter().enumerate() {
            let (a, b) = (x(*from), x(*to));
            let shade = if i % 2 == 1 { "band odd" } else { "band" };
            let _ = write!(
                s,
                r#"<rect class="{shade}" x="{a:.1}" y="{TOP}" width="{:.1}" height="{h:.1}"/>"#,
                b - a
            );
            if i > 0 {
                let _ = write!(
                    s,
                    r#"<line class="boundary" x1="{a:.1}" y1="{TOP}" x2="{a:.1}" y2="{:.1}"/>"#,
                    TOP + h
                );
            }
            if name.chars().count() as f64 * CHARACTER < b - a {
                let _ = write!(
                    s,
                    r#"<text class="stage" x="{:.1}" y="{:.1}">{}</text>"#,
                    (a + b) / 2.0,
                    TOP - 8.0,
                    escape(name)
                );
            }
        }
        let marks = axis::ticks(self.y.0, self.y.1, (h / 38.0) as usize);
        for (value, label) in marks.iter().zip(axis::labels(&marks)) {
            let at = y(*value);
            let _ = write!(
                s,
                r#"<line class="grid" x1="{LEFT}" y1="{at:.1}" x2="{:.1}" y2="{at:.1}"/>"#,
                LEFT + w
            );
            let _ =
                write!(s, r#"<text class="tick y" x="{:.1}" y="{:.1}">{label}</text>"#, LEFT - 7.0, at + 4.0);
        }
        let marks = axis::ticks(self.x.0, self.x.1, ((w / 90.0) as usize).max(3));
        for (value, label) in marks.iter().zip(axis::labels(&marks)) {
            let at = x(*value);
            let base = TOP + h;
            let _ = write!(
                s,
                r#"<line class="axis" x1="{at:.1}" y1="{base:.1}" x2="{at:.1}" y2="{:.1}"/>"#,
                base + 4.0
            );
            let _ = write!(s, r#"<text class="tick x" x="{at:.1}" y="{:.1}">{label}</text>"#, base + 17.0);
        }
        for area in &self.areas {
            self.area(&mut s, area, x, y);
        }
        for curve in &self.curves {
            curve_path(&mut s, curve, x, y);
        }
        for level in &self.levels {
            let at = y(level.y);
            let _ = write!(
                s,
                r#"<line class="level" x1="{LEFT}" y1="{at:.1}" x2="{:.1}" y2="{at:.1}"/>"#,
                LEFT + w
            );
            let _ = write!(
                s,
                r#"<text class="level" x="{:.1}" y="{:.1}">{}</text>"#,
                LEFT + w - 4.0,
                at - 5.0,
                escape(&level.label)
            );
        }
        for mark in &self.marks {
            // With the height of a line above and below, marks of neighboring areas cannot meet.
            if mark.text.chars().count() as f64 * CHARACTER + 6.0 < mark.room / span(self.x) * w {
                let _ = write!(
                    s,
                    r#"<text class="mark" x="{:.1}" y="{:.1}">{}</text>"#,
                    x(mark.x),
                    y(mark.y) + 4.0,
                    escape(&mark.text)
                );
            }
        }
        let base = TOP + h;
        let _ = write!(
            s,
            r#"<line class="axis" x1="{LEFT}" y1="{base:.1}" x2="{:.1}" y2="{base:.1}"/>"#,
            LEFT + w
        );
        let _ = write!(
            s,
            r#"<text class="label" x="{:.1}" y="{:.1}">tokens</text>"#,
            LEFT + w / 2.0,
            height - 8.0
        );
        let middle = TOP + h / 2.0;
        let _ = write!(
            s,
            r#"<text class="label" x="13" y="{middle:.1}" transform="rotate(-90 13 {middle:.1})">{}</text></svg>"#,
            escape(&self.y_label)
        );
        s
    }

    fn area(&self, s: &mut String, area: &Area, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) {
        if area.points.is_empty() {
            return;
        }
        let _ = write!(s, r#"<path class="{}" d=""#, area.class);
        for (i, (at, _, high)) in area.points.iter().enumerate() {
            let _ = write!(s, "{}{:.1} {:.1}", if i == 0 { "M" } else { "L" }, x(*at), y(*high));
        }
        for (at, low, _) in area.points.iter().rev() {
            let _ = write!(s, "L{:.1} {:.1}", x(*at), y(*low));
        }
        s.push_str("Z\"/>");
    }
}

fn curve_path(s: &mut String, curve: &Curve, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) {
    let _ = write!(s, r#"<path class="curve {}" d=""#, curve.class);
    let mut pen_down = false;
    for (at, value) in &curve.points {
        // A gap, not a line to nowhere.
        if !value.is_finite() {
            pen_down = false;
            continue;
        }
        let _ = write!(s, "{}{:.1} {:.1}", if pen_down { "L" } else { "M" }, x(*at), y(*value));
        pen_down = true;
    }
    s.push_str("\"/>");
    if curve.dots {
        for (at, value) in curve.points.iter().filter(|(_, v)| v.is_finite()) {
            let _ = write!(
                s,
                r#"<circle class="{}" cx="{:.1}" cy="{:.1}" r="2.6"/>"#,
                curve.class,
                x(*at),
                y(*value)
            );
        }
    }
}
