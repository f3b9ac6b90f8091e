//! How well a classifier predicts labels that it has not seen.

use serde::{Deserialize, Serialize};

/// Most different labels that are taken for classes.
const MOST: usize = 16;

/// What a classifier says of documents that were held out, against their labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Root of the mean squared error.
    pub rmse: f64,
    /// The same of saying the mean of the training labels of every document.
    pub rmse_of_mean: f64,
    /// Where the labels are few whole numbers: scores taken for the nearest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Classes>,
}

/// Scores as classes. Of two labels that are equally near, the lower one is taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classes {
    /// The labels, in ascending order.
    pub labels: Vec<i64>,
    /// Share of documents whose label is found.
    pub accuracy: f64,
    /// Mean over the labels of the harmonic mean of precision and recall; labels that neither occur nor are said are left out.
    pub macro_f1: f64,
    /// Documents by label (rows) and by what was said (columns).
    pub confusion: Vec<Vec<u64>>,
}

/// The quality of `(label, score)` pairs; `labels` are all that there are, the ones trained on included. `None` of no pair.
pub(super) fn quality(pairs: &[(f64, f64)], mean: f64, labels: &[f64]) -> Option<Quality> {
    if pairs.is_empty() {
        return None;
    }
    let n = pairs.len() as f64;
    let root =
        |error: &dyn Fn(&(f64, f64)) -> f64| (pairs.iter().map(|p| error(p).powi(2)).sum::<f64>() / n).sqrt();
    Some(Quality {
        rmse: root(&|(label, score)| label - score),
        rmse_of_mean: root(&|(label, _)| label - mean),
        classes: distinct(labels).map(|labels| classes(pairs, labels)),
    })
}

/// The labels in ascending order, if they are whole and few.
fn distinct(labels: &[f64]) -> Option<Vec<i64>> {
    let mut found: Vec<i64> = Vec::new();
    for label in labels {
        // Exact: beyond 2^53 not every whole number is an f64.
        if label.fract() != 0.0 || label.abs() > 9_007_199_254_740_992.0 {
            return None;
        }
        let label = *label as i64;
        if let Err(place) = found.binary_search(&label) {
            if found.len() == MOST {
                return None;
            }
            found.insert(place, label);
        }
    }
    Some(found)
}

fn classes(pairs: &[(f64, f64)], labels: Vec<i64>) -> Classes {
    let nearest = |score: f64| {
        let mut best = (0, f64::INFINITY);
        for (place, label) in labels.iter().enumerate() {
            let distance = (score - *label as f64).abs();
            if distance < best.1 {
                best = (place, distance);
            }
        }
        best.0
    };
    let mut confusion = vec![vec![0u64; labels.len()]; labels.len()];
    for (label, score) in pairs {
        if let Some(said) = confusion.get_mut(nearest(*label)).and_then(|row| row.get_mut(nearest(*score))) {
            *said += 1;
        }
    }
    let (mut right, mut f1, mut counted) = (0, 0.0, 0u32);
    for (place, row) in confusion.iter().enumerate() {
        let hit = row.get(place).copied().unwrap_or(0);
        let have: u64 = row.iter().sum();
        let said: u64 = confusion.iter().filter_map(|row| row.get(place)).sum();
        right += hit;
        if have + said > 0 {
            f1 += 2.0 * hit as f64 / (have + said) as f64;
            counted += 1;
        }
    }
    let accuracy = right as f64 / (pairs.len() as f64).max(1.0);
    Classes { labels, accuracy, macro_f1: f1 / f64::from(counted.max(1)), confusion }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_figures() {
        let pairs = [(0.0, 0.2), (0.0, 0.9), (1.0, 1.4), (1.0, 0.5), (2.0, 2.5), (2.0, 9.0)];
        let found = quality(&pairs, 1.0, &[0.0, 1.0, 2.0, 5.0]).unwrap();
        // 0.04 + 0.81 + 0.16 + 0.25 + 0.25 + 49 = 50.51; 1 + 1 + 0 + 0 + 1 + 1 = 4.
        assert!((found.rmse - (50.51f64 / 6.0).sqrt()).abs() < 1e-12);
        assert!((found.rmse_of_mean - (4.0f64 / 6.0).sqrt()).abs() < 1e-12);
        let classes = found.classes.unwrap();
        assert_eq!(classes.labels, [0, 1, 2, 5]);
        // 0.5 is as near to 0 as to 1, 9 nearest to 5.
        assert_eq!(classes.confusion, [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]]);
        assert!((classes.accuracy - 0.5).abs() < 1e-12);
        // F1 of 0, 1, 2, 5: 2/4, 2/4, 2/3, 0.
        assert!((classes.macro_f1 - (0.5 + 0.5 + 2.0 / 3.0) / 4.0).abs() < 1e-12);
    }

    #[test]
    fn fractions_and_many_labels_are_no_classes() {
        assert_eq!(quality(&[(0.5, 0.0)], 0.0, &[0.5, 1.0]).unwrap().classes, None);
        let many: Vec<f64> = (0..17).map(f64::from).collect();
        assert_eq!(quality(&[(1.0, 1.0)], 0.0, &many).unwrap().classes, None);
        assert!(quality(&[(1.0, 1.0)], 0.0, &many[..16]).unwrap().classes.is_some());
        assert_eq!(quality(&[], 0.0, &[1.0]), None);
    }
}
