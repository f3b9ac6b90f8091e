//! The mixture of a stage: folders and weights, in exact decimals.

use crate::config::Config;
use crate::{Finding, ImportError, Kind};
use serde_json::Value;

/// A decimal: `digits · 10^-places`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Decimal {
    digits: u128,
    places: u32,
}

/// A folder of a stage and its weight, written as a share of the language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// As the configuration names it.
    pub folder: String,
    /// The source of the language: `tokens("…") { format: datatrove }`.
    pub source: String,
    /// `33.3%`, or `(33.3% / 1.00565)`.
    pub weight: String,
}

/// Folders and weights of `stage`, the value of `data.dataset`; `at` is its key.
pub fn parts(
    config: &Config,
    stage: &Value,
    at: &str,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Part>, ImportError> {
    let bad = |key: &str, reason: String| ImportError::Key {
        file: config.file.clone(),
        key: format!("{at}.{key}"),
        reason,
    };
    let hub = stage.get("hf_dataset_or_datasets").filter(|v| !v.is_null());
    let folders = stage.get("dataset_folder").filter(|v| !v.is_null()).or(hub);
    let mut pairs: Vec<(String, Option<Decimal>)> = match folders {
        Some(Value::String(folder)) => vec![(folder.clone(), None)],
        Some(Value::Array(list)) => list
            .iter()
            .map(|v| match v.as_str() {
                Some(folder) => Ok((folder.to_owned(), None)),
                None => Err(bad("dataset_folder", format!("has {v}, not a folder"))),
            })
            .collect::<Result<_, _>>()?,
        Some(Value::Object(map)) => map
            .iter()
            .map(|(k, v)| match decimal(v) {
                Some(weight) => Ok((k.clone(), Some(weight))),
                None => Err(bad("dataset_folder", format!("has {v} for `{k}`, not a weight"))),
            })
            .collect::<Result<_, _>>()?,
        Some(other) => return Err(bad("dataset_folder", format!("is {other}, not folders"))),
        None => return Err(bad("dataset_folder", "is missing".into())),
    };
    let list = |key: &str| stage.get(key).and_then(Value::as_array);
    for other in ["dataset_weights", "dataset_read_path"] {
        if let Some(n) = list(other).map(Vec::len).filter(|n| *n != pairs.len()) {
            findings.push(config.finding(
                Kind::Wrong,
                &format!("{at}.{other}"),
                format!("has {n} entries for {} folders; they are matched by place", pairs.len()),
            ));
        }
    }
    if let Some(weights) = list("dataset_weights") {
        for ((_, weight), value) in pairs.iter_mut().zip(weights) {
            *weight = Some(
                decimal(value).ok_or_else(|| bad("dataset_weights", format!("has {value}, not a weight")))?,
            );
        }
    }
    if pairs.len() > 1 && pairs.iter().all(|p| p.1.is_none()) {
        findings.push(config.finding(
            Kind::Assumed,
            &format!("{at}.dataset_weights"),
            format!("is missing: nanotron mixes the {} folders by their sizes, which are not here; written as equal shares", pairs.len()),
        ));
    }
    pairs.iter_mut().for_each(|p| p.1 = p.1.or(Some(Decimal { digits: 1, places: 0 })));
    let before = pairs.len();
    pairs.retain(|(_, w)| w.is_some_and(|w| w.digits > 0));
    if pairs.len() < before {
        findings.push(config.finding(
            Kind::Wrong,
            &format!("{at}.dataset_weights"),
            format!(
                "{} folders have a weight of 0 and are never read; they are left out",
                before - pairs.len()
            ),
        ));
    }
    if pairs.is_empty() {
        return Err(bad("dataset_folder", "names nothing that is read".into()));
    }
    merge(config, at, &mut pairs, findings);
    let weights = shares(config, at, &pairs, findings);
    let source =
        |folder: &str| if folders == hub { hub_source(folder, stage) } else { folder_source(folder) };
    Ok(pairs
        .into_iter()
        .zip(weights)
        .map(|((folder, _), weight)| Part { source: source(&folder), folder, weight })
        .collect())
}

/// A folder of datatrove's shards: one of a bucket is looked for under `root` by its key, as a relative one is.
fn folder_source(folder: &str) -> String {
    let key = folder
        .split_once("://")
        .map_or(folder, |(_, rest)| rest.split_once('/').map_or(rest, |(_, key)| key));
    let root = if folder.starts_with('/') { "" } else { "{root}/" };
    format!("tokens(\"{root}{}/*.ds\") {{ format: datatrove }}", escaped(key.trim_end_matches('/')))
}

fn hub_source(repository: &str, stage: &Value) -> String {
    let text = |key: &str| stage.get(key).and_then(Value::as_str).filter(|t| !t.is_empty());
    let config =
        text("hf_dataset_config_name").map_or_else(String::new, |c| format!("config: \"{}\", ", escaped(c)));
    let split = text("hf_dataset_splits").unwrap_or("train");
    let column = text("text_column_name").unwrap_or("text");
    format!("hub(\"{}\") {{ {config}split: \"{}\", text: .{column} }}", escaped(repository), escaped(split))
}

/// A text as it stands between quotes in the language.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '{' | '}') {
            out.push('\\');
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
    out
}

/// A folder named twice is drawn from two positions at once; its weights are added.
fn merge(config: &Config, at: &str, pairs: &mut Vec<(String, Option<Decimal>)>, findings: &mut Vec<Finding>) {
    let mut merged: Vec<(String, Option<Decimal>)> = Vec::new();
    for (folder, weight) in pairs.drain(..) {
        match merged.iter_mut().find(|(f, _)| *f == folder) {
            Some((_, sum)) => {
                findings.push(config.finding(
                    Kind::Wrong,
                    &format!("{at}.dataset_folder"),
                    format!("names `{folder}` twice; its weights are added"),
                ));
                *sum = sum.zip(weight).map(|(a, b)| add(a, b));
            }
            None => merged.push((folder, weight)),
        }
    }
    *pairs = merged;
}

fn shares(
    config: &Config,
    at: &str,
    pairs: &[(String, Option<Decimal>)],
    findings: &mut Vec<Finding>,
) -> Vec<String> {
    let weights: Vec<Decimal> = pairs.iter().filter_map(|p| p.1).collect();
    let sum = weights.iter().copied().fold(Decimal { digits: 0, places: 0 }, add);
    let one = sum == Decimal { digits: 1, places: 0 };
    // Equal shares stand for weights that are not there; they are no mistake.
    if !one && weights.iter().any(|w| *w != Decimal { digits: 1, places: 0 }) {
        findings.push(config.finding(
            Kind::Wrong,
            &format!("{at}.dataset_weights"),
            format!(
                "sum to {}, not 1; nanotron divides by the sum in silence, and so does the spec, in sight",
                text(sum)
            ),
        ));
    }
    weights
        .into_iter()
        .map(|w| if one { percent(w) } else { format!("({} / {})", percent(w), text(sum)) })
        .collect()
}

/// A JSON number as the decimal it was written as: the shortest that reads back as the same double.
fn decimal(value: &Value) -> Option<Decimal> {
    let number = value.as_f64().filter(|v| v.is_finite() && *v >= 0.0 && *v < 1e15)?;
    let written = format!("{number}");
    let (whole, fraction) = written.split_once('.').unwrap_or((&written, ""));
    let digits = format!("{whole}{fraction}").parse::<u128>().ok()?;
    Some(reduce(Decimal { digits, places: u32::try_from(fraction.len()).ok()? }))
}

fn reduce(mut d: Decimal) -> Decimal {
    while d.places > 0 && d.digits.is_multiple_of(10) {
        d = Decimal { digits: d.digits / 10, places: d.places - 1 };
    }
    d
}

fn add(a: Decimal, b: Decimal) -> Decimal {
    let places = a.places.max(b.places);
    let scaled = |d: Decimal| d.digits.saturating_mul(10u128.saturating_pow(places - d.places));
    reduce(Decimal { digits: scaled(a).saturating_add(scaled(b)), places })
}

fn text(d: Decimal) -> String {
    let digits = format!("{:0>width$}", d.digits, width = d.places as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - d.places as usize);
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

fn percent(d: Decimal) -> String {
    let hundredfold = reduce(Decimal { digits: d.digits.saturating_mul(100), places: d.places });
    format!("{}%", text(hundredfold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        let of = |v: f64| decimal(&serde_json::json!(v)).unwrap();
        assert_eq!(
            (text(of(0.00325)), percent(of(0.00325)), percent(of(1.0))),
            ("0.00325".into(), "0.325%".into(), "100%".into())
        );
        let sum = [0.1, 0.2, 0.7].into_iter().map(of).fold(Decimal { digits: 0, places: 0 }, add);
        assert_eq!(text(sum), "1");
        assert_eq!(percent(of(0.00005)), "0.005%");
        assert!(decimal(&serde_json::json!(-0.1)).is_none());
    }
}
