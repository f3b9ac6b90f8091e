//! "Did you mean": the name among some that is nearest to one that is not there.

/// The candidate with the smallest edit distance to `name`, if it is a plausible slip of it: at most a third of its
/// characters wrong. Ties go to the earlier candidate.
pub(crate) fn similar<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a String>,
) -> Option<&'a String> {
    let wanted = name.to_lowercase();
    let allowed = wanted.chars().count().max(3) / 3;
    candidates
        .into_iter()
        .map(|candidate| (distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|&(d, _)| d <= allowed)
        .min_by_key(|&(d, _)| d)
        .map(|(_, candidate)| candidate)
}

/// "; did you mean `x`?", or nothing.
pub(crate) fn did_you_mean(name: &str, candidates: &[String]) -> String {
    similar(name, candidates).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

/// Levenshtein's edit distance, in characters, by the usual table kept one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (above, y) in row.iter_mut().skip(1).zip(&b) {
            let best = (diagonal + usize::from(x != *y)).min(left + 1).min(*above + 1);
            diagonal = std::mem::replace(above, best);
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, d) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("text", "test", 1),
            ("été", "ete", 2),
        ] {
            assert_eq!(distance(a, b), d, "{a} {b}");
            assert_eq!(distance(b, a), d, "{b} {a}");
        }
    }

    #[test]
    fn only_plausible_slips() {
        let names: Vec<String> = ["content", "language", "score", "id"].map(String::from).to_vec();
        let found = |name: &str| similar(name, &names).map(String::as_str);
        assert_eq!(found("contents"), Some("content"));
        assert_eq!(found("Score"), Some("score"));
        assert_eq!(found("langauge"), Some("language"));
        assert_eq!(found("text"), None);
        assert_eq!(found("zz"), None);
    }
}
