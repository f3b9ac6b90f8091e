//! Filters: what `where` and `thin` ask of a document.

use serde::{Deserialize, Serialize};
use smolc_expr::Binary;
use smolc_expr::row::{Need, RowError, RowExpr};
use std::fmt;

/// An expression over the columns of a document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The expression. A missing value is null: see [`smolc_expr::row`] for what follows from that.
    pub expr: RowExpr,
    /// What it asks of classifiers: each is a column of numbers of the name that [`Score`] is shown by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<Score>,
}

/// The column of a row's draw, a number in [0, 1), in what [`drawn`] yields. No spec can read a column of this name.
pub const DRAW: &str = "draw()";

/// What a classifier of the plan says of a column of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Name of the classifier.
    pub classifier: String,
    /// The column.
    pub column: String,
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(.{})", self.classifier, self.column)
    }
}

/// The condition by which a row is kept with a probability: its draw is below it. Null, NaN and what is below zero keep nothing;
/// one, and what is above, everything.
pub fn drawn(probability: &RowExpr) -> RowExpr {
    let draw = RowExpr::Column(DRAW.to_owned());
    RowExpr::Binary(Binary::Lt, Box::new(draw), Box::new(probability.clone()))
}

impl Filter {
    /// What each column is taken for, scores included. `yields` is [`Need::Truth`] for `where`, [`Need::Number`] for `thin`.
    ///
    /// Errors: see [`RowExpr::needs`].
    pub fn needs(&self, yields: Need) -> Result<Vec<(String, Need)>, RowError> {
        self.expr.needs(yields)
    }

    /// A text about its expression, with classifiers called as the spec calls them.
    pub fn as_written(&self, text: &str) -> String {
        self.scores
            .iter()
            .fold(text.to_owned(), |t, score| t.replace(&format!(".{score}"), &score.to_string()))
    }
}

/// As the spec writes it.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_written(&self.expr.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_the_spec_writes_it_and_comes_back_from_json() {
        let score = Score { classifier: "edu".into(), column: "content".into() };
        let expr = RowExpr::Binary(
            Binary::Ge,
            Box::new(RowExpr::Column(score.to_string())),
            Box::new(RowExpr::Int(3)),
        );
        let filter = Filter { expr, scores: vec![score] };
        assert_eq!(filter.to_string(), "edu(.content) >= 3");
        assert_eq!(filter.needs(Need::Truth).unwrap(), [("edu(.content)".to_string(), Need::Number)]);
        let json = serde_json::to_string(&filter).unwrap();
        assert_eq!(serde_json::from_str::<Filter>(&json).unwrap(), filter);
    }
}
