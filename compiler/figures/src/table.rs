//! Tables, bars, and lists of facts as HTML.

use crate::page::escape;
use std::fmt::Write;

/// A table from its heading and rows; every cell is HTML. The first column is text, the others are numbers.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut s = String::from(r#"<div class="scroll"><table><thead><tr>"#);
    for h in head {
        let _ = write!(s, "<th>{h}</th>");
    }
    s.push_str("</tr></thead><tbody>");
    for row in rows {
        s.push_str("<tr>");
        for cell in row {
            let _ = write!(s, "<td>{cell}</td>");
        }
        s.push_str("</tr>");
    }
    s.push_str("</tbody></table></div>");
    s
}

/// A cell or a head of words: set from the left, and broken into lines. `html` is HTML.
pub fn words(html: &str) -> String {
    format!(r#"<div class="words">{html}</div>"#)
}

/// One bar, made of parts that lie end to end.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Before it; text.
    pub name: String,
    /// Class of the color (empty = the page's first) and size of each part.
    pub parts: Vec<(String, f64)>,
    /// Behind it; text.
    pub value: String,
}

/// Bars on one scale: the longest fills the width. Sizes that are not finite, or below zero, are drawn as nothing.
pub fn bars(bars: &[Bar]) -> String {
    let clean = |x: f64| if x.is_finite() { x.max(0.0) } else { 0.0 };
    let size = |bar: &Bar| bar.parts.iter().map(|p| clean(p.1)).sum::<f64>();
    let largest = bars.iter().map(size).fold(0.0, f64::max);
    let scale = if largest > 0.0 { 100.0 / largest } else { 0.0 };
    let mut s = String::from(r#"<div class="bars">"#);
    for bar in bars {
        let _ = write!(s, "<span>{}</span><b>", escape(&bar.name));
        for (class, part) in &bar.parts {
            let _ = write!(s, r#"<i class="{class}" style="width:{:.2}%"></i>"#, clean(*part) * scale);
        }
        let _ = write!(s, "</b><span>{}</span>", escape(&bar.value));
    }
    s.push_str("</div>");
    s
}

/// Name and value pairs; values are HTML.
pub fn facts(rows: &[(&str, String)]) -> String {
    let mut s = String::from("<dl>");
    for (name, value) in rows {
        let _ = write!(s, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    s.push_str("</dl>");
    s
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_share_a_scale_and_escape_their_texts() {
        let bar = |name: &str, parts: &[f64]| Bar {
            name: name.into(),
            parts: parts.iter().map(|p| (String::new(), *p)).collect(),
            value: "v".into(),
        };
        let html = bars(&[bar("<a>", &[1.0, 1.0]), bar("b", &[1.0, f64::NAN])]);
        assert_eq!(html.matches("width:50.00%").count(), 3);
        assert!(html.contains("&lt;a&gt;") && html.contains("width:0.00%"));
        assert!(!bars(&[bar("a", &[0.0])]).contains("NaN"));
    }
}
