//! `smol::data::repeats`: a run needs more tokens than a dataset has, and nothing says that it may read it again.
//!
//! nanotron wraps around without a word (`item % len(self)`); a user learned from the loss that training had gone on after the
//! data ended (nanotron#233). Reading data again is common and up to four passes harmless, so this asks for one word:
//! `limit: 3 epochs`. Beyond four passes `smol::data::epochs` speaks.

use super::data_epochs::{LIMIT, MARGIN, rows};
use crate::lineage;
use crate::spec::{Run, Spec};
use crate::units::tokens;
use smolc_diag::Diagnostic;

/// Reports datasets without a limit that a run, with what it begins from, reads more than once.
pub fn check(run: &Run, spec: &Spec, out: &mut Vec<Diagnostic>) {
    if rows(run) || run.stages.iter().any(|s| s.mix.is_none() || s.steps.is_none()) {
        return;
    }
    let own = lineage::drawn(spec, run, None);
    let (before, names) = lineage::before(spec, run);
    for ((dataset, mine), theirs) in spec.datasets.iter().zip(own).zip(before) {
        let Some(size) = dataset.stated_tokens.filter(|_| dataset.limit.is_none()).map(|n| n as f64) else {
            continue;
        };
        let (epochs, inherited) = ((mine + theirs) / size, theirs / size);
        let once = 1.0 + MARGIN;
        // What a run took over was reported where it began.
        if mine == 0.0 || inherited > once || !(once..LIMIT + MARGIN).contains(&epochs) {
            continue;
        }
        let with = match theirs > 0.0 {
            true => format!(" together with {}", crate::load::list(names.iter().map(|n| format!("`{n}`")))),
            false => String::new(),
        };
        out.push(
            Diagnostic::warning(
                "smol::data::repeats",
                dataset.span,
                format!("run `{}`{with} reads `{}` {epochs:.1} times over", run.name, dataset.name),
            )
            .label(format!("{} in all", tokens(size)))
            .also(run.span, format!("draws {} of it", tokens(mine + theirs)))
            .help(format!(
                "if it is meant, say so: `limit: {} epochs`; else lower its shares or shorten the stages",
                epochs.ceil()
            )),
        );
    }
}
