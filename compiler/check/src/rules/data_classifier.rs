//! `smol::data::column`: a classifier's columns of text and labels are there, and hold texts and numbers.

use super::data_column::{list, looked_at, nearest_or, numeric, others, said};
use crate::spec::{Classifier, Dataset};
use crate::world::{Column, Holds, World};
use smolc_diag::{Diagnostic, Span};

/// Reports columns that the first file of a classifier's documents does not have, or has as something else; silent when
/// nobody can look.
pub fn check(classifiers: &[Classifier], datasets: &[Dataset], world: &dyn World, out: &mut Vec<Diagnostic>) {
    for classifier in classifiers {
        let Some(dataset) = datasets.get(classifier.plan.train) else { continue };
        let Some(columns) = looked_at(dataset, world) else { continue };
        let texts = |holds: &Holds| *holds == Holds::Texts;
        one(classifier, dataset, &columns, (&classifier.plan.text, classifier.text), "texts", &texts, out);
        one(
            classifier,
            dataset,
            &columns,
            (&classifier.plan.label, classifier.label),
            "numbers",
            &numeric,
            out,
        );
    }
}

fn one(
    classifier: &Classifier,
    dataset: &Dataset,
    columns: &[Column],
    (name, at): (&str, Span),
    what: &str,
    right: &dyn Fn(&Holds) -> bool,
    out: &mut Vec<Diagnostic>,
) {
    let trained = &dataset.name;
    let wrong = |message: String| {
        Diagnostic::error("smol::data::column", at, message)
            .also(dataset.span, format!("`{}` learns from this dataset", classifier.plan.name))
    };
    match columns.iter().find(|c| c.name == name) {
        None => {
            let d = wrong(format!("the files of `{trained}` have no column `{name}`"));
            let d =
                nearest_or(d, name, at, columns, |d| d.help(format!("they have {}", list(columns.iter()))));
            out.push(d);
        }
        Some(column) if right(&column.holds) || column.holds == Holds::Unknown => {}
        Some(column) => {
            let d = wrong(format!(
                "the column `{name}` of `{trained}` holds {}, not {what}",
                said(&column.holds)
            ));
            out.push(others(d, what, columns, right));
        }
    }
}
