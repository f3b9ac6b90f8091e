//! The registry of codes: each has a page `codes/<area>/<name>.md` that says what, why, and shows a wrong and a right
//! example. The table is made from the folder at build time.

static PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/codes.rs"));

/// The page of a code, `smol::mix::sum`; Markdown.
pub fn page(code: &str) -> Option<&'static str> {
    let at = PAGES.binary_search_by(|(c, _)| (*c).cmp(code)).ok()?;
    PAGES.get(at).map(|(_, page)| *page)
}

/// All codes that have a page, sorted.
pub fn all() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|(code, _)| *code)
}

/// Where a code's page can be read on the web; `None` for a code without a page.
pub fn url(code: &str) -> Option<String> {
    page(code)?;
    let path = code.strip_prefix("smol::")?.replace("::", "/");
    Some(format!("{}/blob/main/compiler/diag/codes/{path}.md", env!("CARGO_PKG_REPOSITORY")))
}

/// A fenced example of a page: the first under `## Wrong` or `## Right`.
pub fn example(page: &str, heading: &str) -> Option<String> {
    let mut lines =
        page.lines().skip_while(|l| l.trim() != heading).skip(1).take_while(|l| !l.starts_with("## "));
    lines.by_ref().find(|l| l.starts_with("```"))?;
    Some(lines.take_while(|l| !l.starts_with("```")).flat_map(|l| [l, "\n"]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_says_what_why_wrong_and_right() {
        assert!(all().count() > 0);
        for code in all() {
            let text = page(code).unwrap();
            assert!(url(code).unwrap().starts_with("https://"), "{:?}", url(code));
            assert_eq!(text.lines().next(), Some(format!("# {code}").as_str()), "{code}: first line");
            for heading in ["## Why", "## Wrong", "## Right"] {
                assert!(text.lines().any(|l| l == heading), "{code}: no `{heading}`");
            }
            for heading in ["## Wrong", "## Right"] {
                assert!(
                    example(text, heading).is_some_and(|e| !e.trim().is_empty()),
                    "{code}: no example under `{heading}`"
                );
            }
            let what = text.lines().nth(2).unwrap_or("");
            assert!(
                !what.is_empty() && !what.starts_with('#'),
                "{code}: the third line says what the code means"
            );
        }
        assert!(PAGES.windows(2).all(|w| w[0].0 < w[1].0));
        assert_eq!(page("smol::no::such"), None);
    }
}
