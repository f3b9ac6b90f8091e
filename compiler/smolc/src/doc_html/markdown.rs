//! As much of Markdown as doc comments use: paragraphs, lists, `code`, fenced code, **bold** and *emphasis*.

/// Text that means itself in HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Text of one line.
pub fn inline(text: &str) -> String {
    let mut out = String::new();
    for (i, piece) in text.split('`').enumerate() {
        match i % 2 {
            1 => out.push_str(&format!("<code>{}</code>", escape(piece))),
            _ => out.push_str(&emphasis(&escape(piece))),
        }
    }
    out
}

fn emphasis(text: &str) -> String {
    let mut out = String::new();
    for (i, piece) in text.split("**").enumerate() {
        match i % 2 {
            1 => out.push_str(&format!("<strong>{piece}</strong>")),
            _ => out.push_str(piece),
        }
    }
    out
}

/// Several lines.
pub fn markdown(text: &str) -> String {
    let mut out = String::new();
    let mut paragraph: Vec<&str> = Vec::new();
    let mut list: Vec<String> = Vec::new();
    let mut fence: Option<Vec<&str>> = None;
    let flush = |out: &mut String, paragraph: &mut Vec<&str>, list: &mut Vec<String>| {
        if !paragraph.is_empty() {
            out.push_str(&format!("<p>{}</p>\n", inline(&paragraph.join(" "))));
            paragraph.clear();
        }
        if !list.is_empty() {
            let items: String = list.iter().map(|l| format!("<li>{}</li>", inline(l))).collect();
            out.push_str(&format!("<ul>{items}</ul>\n"));
            list.clear();
        }
    };
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            match fence.take() {
                Some(lines) => out.push_str(&format!("<pre>{}</pre>\n", escape(&lines.join("\n")))),
                None => {
                    flush(&mut out, &mut paragraph, &mut list);
                    fence = Some(Vec::new());
                }
            }
        } else if let Some(lines) = &mut fence {
            lines.push(line);
        } else if trimmed.is_empty() {
            flush(&mut out, &mut paragraph, &mut list);
        } else if let Some(item) = trimmed.strip_prefix("- ") {
            if list.is_empty() {
                flush(&mut out, &mut paragraph, &mut list);
            }
            list.push(item.to_owned());
        } else if let Some(last) = list.last_mut() {
            last.push(' ');
            last.push_str(trimmed);
        } else {
            paragraph.push(trimmed);
        }
    }
    if let Some(lines) = fence {
        out.push_str(&format!("<pre>{}</pre>\n", escape(&lines.join("\n"))));
    }
    flush(&mut out, &mut paragraph, &mut list);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doc_comments_become_paragraphs_lists_and_code() {
        assert_eq!(
            markdown("a `b<c`\nd\n\n**e**"),
            "<p>a <code>b&lt;c</code> d</p>\n<p><strong>e</strong></p>\n"
        );
        assert_eq!(markdown("x\n- a\n  b\n- c"), "<p>x</p>\n<ul><li>a b</li><li>c</li></ul>\n");
        assert_eq!(markdown("```smol\nlet a = 1 < 2\n```"), "<pre>let a = 1 &lt; 2</pre>\n");
        assert_eq!(markdown("```\nopen"), "<pre>open</pre>\n");
        assert_eq!(markdown(""), "");
    }
}
