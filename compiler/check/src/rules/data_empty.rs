//! `smol::data::empty`: sources that match nothing.
//!
//! A warning here, since a plan for a cluster is made on a laptop; `smolc run` stops on it. What is missing for one
//! reason is reported once: patterns that fail because the same directory is not there are one diagnostic.

use crate::spec::Dataset;
use crate::world::{World, is_url};
use smolc_diag::{Diagnostic, Span};
use smolc_plan::{Source, TokenFormat};
use std::collections::BTreeMap;

/// Datasets called by name; of dozens that lie in one missing directory a few tell which it is.
const NAMED: usize = 5;

/// Reports patterns that match no file, by the place where they fail.
pub fn check(datasets: &[Dataset], world: &dyn World, out: &mut Vec<Diagnostic>) {
    let mut missing: BTreeMap<String, Vec<(&str, &str, Span)>> = BTreeMap::new();
    for dataset in datasets {
        for (pattern, span) in dataset.source.patterns().iter().zip(&dataset.pattern_spans) {
            // A directory of our own shards is one by its manifest.
            let looked_for = match &dataset.source {
                Source::Tokens { format: TokenFormat::Smolc, .. } => {
                    format!("{}/manifest.json", pattern.trim_end_matches('/'))
                }
                Source::Tokens { .. }
                | Source::Files { .. }
                | Source::Text { .. }
                | Source::Jsonl { .. }
                | Source::Parquet { .. }
                | Source::Hub { .. } => pattern.clone(),
            };
            if !is_url(pattern) && world.matches(&looked_for) == Some(false) {
                let place = absent_directory(pattern, world).unwrap_or_else(|| pattern.clone());
                missing.entry(place).or_default().push((&dataset.name, pattern, *span));
            }
        }
    }
    for (place, patterns) in missing {
        let Some((name, pattern, span)) = patterns.first() else { continue };
        let message = if patterns.len() == 1 {
            format!("no file matches the source of `{name}`")
        } else {
            let shown = if patterns.len() > NAMED + 1 { NAMED } else { patterns.len() };
            let names = patterns.iter().take(shown).map(|(n, ..)| format!("`{n}`"));
            let others = patterns.len() - shown;
            let names = crate::load::list(names.chain((others > 0).then(|| format!("{others} others"))));
            format!("no file matches the sources of {names}")
        };
        let mut d = Diagnostic::warning("smol::data::empty", *span, message);
        d = if place == **pattern {
            d.label(format!("looked for `{pattern}`"))
        } else {
            d.label(format!("looked for `{pattern}`")).help(format!("`{place}` is not there"))
        };
        out.push(d.help("`smolc check` and `smolc plan` go on without the files; `smolc run` needs them"));
    }
}

/// The topmost directory of a pattern's fixed part that does not exist.
fn absent_directory(pattern: &str, world: &dyn World) -> Option<String> {
    let fixed = pattern.split(['*', '?', '[']).next().unwrap_or("");
    let directory = fixed.rfind('/').and_then(|i| fixed.get(..i))?;
    let mut path = String::new();
    for (i, part) in directory.split('/').enumerate() {
        if i > 0 {
            path.push('/');
        }
        path.push_str(part);
        if !path.is_empty() && world.exists(&path) == Some(false) {
            return Some(path);
        }
    }
    None
}
