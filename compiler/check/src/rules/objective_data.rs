//! `smol::objective::data`: documents have the form the objective learns from.

use crate::spec::{Run, Spec};
use smolc_diag::Diagnostic;
use smolc_plan::{Columns, Objective};

/// Reports datasets of another form, once a stage.
pub fn check(run: &Run, spec: &Spec, out: &mut Vec<Diagnostic>) {
    let Some((objective, at)) = &run.objective else { return };
    let (name, needs) = match objective {
        Objective::NextToken => ("NextToken", "a `text`"),
        Objective::Sft { .. } => ("Sft", "`messages`"),
        Objective::Dpo { .. } => ("Dpo", "`chosen` and `rejected`"),
    };
    for stage in &run.stages {
        for entry in stage.mix.iter().flatten() {
            let Some(dataset) = spec.datasets.get(entry.dataset) else { continue };
            let has = match (&dataset.columns, objective) {
                (None, Objective::NextToken)
                | (Some(Columns::Messages { .. }), Objective::Sft { .. })
                | (Some(Columns::Preference { .. }), Objective::Dpo { .. }) => continue,
                (None, _) => "a `text`",
                (Some(Columns::Messages { .. }), _) => "`messages`",
                (Some(Columns::Preference { .. }), _) => "`chosen` and `rejected`",
            };
            out.push(
                Diagnostic::error(
                    "smol::objective::data",
                    entry.span,
                    format!("stage `{}` learns by `{name}`, which needs {needs}", stage.name),
                )
                .label(format!("`{}` has {has}", dataset.name))
                .also(*at, format!("the objective: `{name}`"))
                .also(dataset.span, "the dataset")
                .help(match dataset.columns {
                    None => format!(
                        "name the columns: {}",
                        match objective {
                            Objective::Dpo { .. } => "`{ chosen: .chosen, rejected: .rejected }`",
                            _ => "`{ messages: .messages }`",
                        }
                    ),
                    Some(Columns::Messages { .. }) => "set `objective: Sft { … }`".into(),
                    Some(Columns::Preference { .. }) => "set `objective: Dpo { … }`".into(),
                }),
            );
            break;
        }
    }
}
