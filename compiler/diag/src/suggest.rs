//! Did-you-mean.

/// The candidate nearest to `name`, if one is near enough to be what was meant: equal but for case, or within a third
/// of its length in edits (insertion, deletion, substitution, transposition of neighbors). Ties go to the first.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let d = if candidate.eq_ignore_ascii_case(name) { 0 } else { distance(name, candidate) };
        // A one-letter name is one edit from every other; only case may differ there.
        let near = d == 0 || (d <= limit && d < candidate.chars().count().min(name.chars().count()));
        if near && best.is_none_or(|(b, _)| d < b) {
            best = Some((d, candidate));
        }
    }
    best.map(|(_, c)| c)
}

/// Damerau–Levenshtein distance, optimal string alignment.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous: Option<char> = None;
    for (i, ca) in a.chars().enumerate() {
        let mut row = vec![i + 1];
        for (j, &cb) in b.iter().enumerate() {
            let get = |v: &[usize], k: usize| v.get(k).copied().unwrap_or(usize::MAX - 1);
            let mut d =
                (get(&last, j) + usize::from(ca != cb)).min(get(&last, j + 1) + 1).min(get(&row, j) + 1);
            let swapped = j > 0 && previous == Some(cb) && b.get(j - 1) == Some(&ca);
            if swapped {
                d = d.min(get(&before, j - 1) + 1);
            }
            row.push(d);
        }
        before = std::mem::replace(&mut last, row);
        previous = Some(ca);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_suggested() {
        let names = ["layers", "hidden", "heads", "kv_heads", "lr", "k"];
        assert_eq!(nearest("layer", names), Some("layers"));
        assert_eq!(nearest("heasd", names), Some("heads"));
        assert_eq!(nearest("Hidden", names), Some("hidden"));
        assert_eq!(nearest("width", names), None);
        assert_eq!(nearest("x", names), None);
        assert_eq!(nearest("rl", names), Some("lr"));
    }
}
