//! The filters of a pipeline, asked together while a source is indexed.
//!
//! A filter looks at a row alone, so all of them are evaluated when the row is read for the first time. Those before any
//! other step drop the row there and then, and the text of a row that is dropped is not looked at; what the others say is
//! kept as a mark, for their turn. They run as machine code where the `jit` feature is on and the host lets it: a probability
//! too, as the condition that the row's draw is below it.

use super::bounds::{Bounds, may_be_true};
use super::cells;
use super::{Asking, Scoring, Step};
use crate::error::DataError;
use crate::source::parquet::TextColumn;
use arrow_array::{ArrayRef, Float64Array};
use smolc_expr::row::{
    Batch, Column, DataType, Field, Filter as Condition, Need, RowError, RowKind, Selection, Values,
};
use smolc_plan::{DRAW, drawn};
use std::sync::{Arc, Mutex, PoisonError};

/// Most filters in a pipeline: marks are bits of one word.
const MOST: usize = 64;

/// Filters by their place among the filters of the pipeline.
#[derive(Default)]
pub(crate) struct Filters {
    /// Every column that some filter reads, once, and what it is taken for.
    columns: Vec<(String, Need)>,
    /// Every score that some filter reads, once, and the place of its text among the columns.
    scores: Vec<(Scoring, usize)>,
    each: Vec<Asked>,
    /// So many come before any other step.
    first: usize,
    /// By the types of the columns, which differ from file to file.
    bound: Mutex<Vec<Arc<Bound>>>,
}

struct Asked {
    asking: Asking,
    /// Places of its scores.
    scores: Vec<usize>,
    /// Keeps a row with the expression's value as probability, by this seed.
    thin: Option<u64>,
}

/// The filters on columns of certain types.
pub(crate) struct Bound {
    /// Columns, then scores.
    fields: Vec<Field>,
    scores: Vec<(Scoring, usize)>,
    each: Vec<(Means, Vec<usize>)>,
    /// So many come before any other step.
    first: usize,
}

enum Means {
    Where(Condition),
    /// Of the columns and, behind them, the draws of a seed.
    Thin(Condition, u64),
}

impl Filters {
    pub(crate) fn new(dataset: &str, steps: &[Step]) -> Result<Filters, DataError> {
        let mut filters = Filters::default();
        let mut only_filters = true;
        for step in steps {
            let (asking, thin) = match step {
                Step::Where(asking) => (asking, None),
                Step::Thin { probability, seed } => (probability, Some(*seed)),
                Step::DedupExact
                | Step::DedupMinHash(_)
                | Step::Decontaminate(_)
                | Step::Sample { .. }
                | Step::SampleTokens { .. } => {
                    only_filters = false;
                    continue;
                }
            };
            let failed = |reason: String| DataError::Filter {
                place: format!("dataset `{dataset}`"),
                filter: asking.shown.clone(),
                reason,
            };
            let yields = if thin.is_some() { Need::Number } else { Need::Truth };
            let mut scores = Vec::new();
            for (name, need) in asking.expr.needs(yields).map_err(|e| failed(e.to_string()))? {
                match asking.scores.iter().find(|score| score.name == name) {
                    Some(score) => scores.push(filters.score(score).map_err(failed)?),
                    None => _ = filters.column(name, need).map_err(failed)?,
                }
            }
            filters.each.push(Asked { asking: asking.clone(), scores, thin });
            filters.first += usize::from(only_filters);
        }
        if filters.each.len() > MOST {
            return Err(DataError::Unsupported {
                dataset: dataset.to_string(),
                what: format!("a pipeline with {} filters", filters.each.len()),
                instead: "join conditions with `and`; 64 filters are the most",
            });
        }
        Ok(filters)
    }

    /// The place of a score.
    fn score(&mut self, score: &Scoring) -> Result<usize, String> {
        if let Some(place) = self.scores.iter().position(|(known, _)| known.name == score.name) {
            return Ok(place);
        }
        let column = self.column(score.column.clone(), Need::Text)?;
        self.scores.push((score.clone(), column));
        Ok(self.scores.len() - 1)
    }

    /// The place of a column.
    fn column(&mut self, name: String, need: Need) -> Result<usize, String> {
        let Some(place) = self.columns.iter().position(|(n, _)| *n == name) else {
            self.columns.push((name, need));
            return Ok(self.columns.len() - 1);
        };
        let Some((_, known)) = self.columns.get_mut(place) else { return Ok(place) };
        match (*known, need) {
            (a, b) if a == b => {}
            (_, Need::Any) | (Need::Number | Need::Truth | Need::Text, Need::Either) => {}
            (Need::Any | Need::Either, other) => *known = other,
            (one, other) => {
                return Err(format!(
                    "the column `{name}` is taken for {other}, and by another filter for {one}"
                ));
            }
        }
        Ok(place)
    }

    /// Columns that must be read, and what they are taken for.
    pub(crate) fn columns(&self) -> &[(String, Need)] {
        &self.columns
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    /// Filters before any other step.
    pub(crate) fn first(&self) -> usize {
        self.first
    }

    /// The filters on columns of these types, those of [`Filters::columns`] in their order; compiled once for each.
    ///
    /// Errors: a filter does not fit the types; `place` is named.
    pub(crate) fn bind(&self, types: &[DataType], place: &str) -> Result<Arc<Bound>, DataError> {
        let mut known = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        let scores = self.scores.iter().map(|(score, _)| (&score.name, DataType::F64));
        let names = self.columns.iter().map(|(name, _)| name);
        let fields: Vec<Field> = names
            .zip(types.iter().copied())
            .chain(scores)
            .map(|(name, data_type)| Field::new(name.clone(), data_type))
            .collect();
        let same = |b: &&Arc<Bound>| b.fields == fields;
        if let Some(bound) = known.iter().find(same) {
            return Ok(bound.clone());
        }
        let means = |asked: &Asked| {
            let failed = |e: RowError| DataError::Filter {
                place: place.to_string(),
                filter: asked.asking.shown.clone(),
                reason: e.to_string(),
            };
            let expr = &asked.asking.expr;
            let means = match asked.thin {
                None => Means::Where(Condition::new(expr, &fields).map_err(failed)?),
                Some(seed) => {
                    let bound = expr.bind(&fields).map_err(failed)?;
                    if !matches!(bound.kind(), RowKind::Int | RowKind::Float) {
                        return Err(DataError::Filter {
                            place: place.to_string(),
                            filter: asked.asking.shown.clone(),
                            reason: format!("it is {}, and a probability is a number", bound.kind()),
                        });
                    }
                    let mut fields = fields.clone();
                    fields.push(Field::new(DRAW, DataType::F64));
                    Means::Thin(Condition::new(&drawn(expr), &fields).map_err(failed)?, seed)
                }
            };
            Ok((means, asked.scores.clone()))
        };
        let each = self.each.iter().map(means).collect::<Result<_, DataError>>()?;
        let bound = Arc::new(Bound { fields, scores: self.scores.clone(), each, first: self.first });
        known.push(bound.clone());
        Ok(bound)
    }

    /// Whether the filters before any other step all keep a row with these marks.
    pub(crate) fn passes(&self, marks: u64) -> bool {
        self.passed(marks) == self.first
    }

    /// How many of the filters before any other step keep a row with these marks, until the first that does not.
    pub(crate) fn passed(&self, marks: u64) -> usize {
        ((!marks).trailing_zeros() as usize).min(self.first)
    }

    /// Whether filter number `filter` keeps a row with these marks.
    pub(crate) fn keeps(marks: u64, filter: usize) -> bool {
        marks >> filter.min(MOST - 1) & 1 == 1
    }

    /// `false` if the first filter, with no step before it, drops every row within the bounds. The others are not asked,
    /// so that it is known how many rows each of them was shown.
    pub(crate) fn may_pass(&self, bounds: &dyn Fn(&str) -> Bounds) -> bool {
        let first = self.each.first().filter(|f| self.first > 0 && f.thin.is_none());
        first.is_none_or(|filter| may_be_true(&filter.asking.expr, bounds))
    }
}

impl Bound {
    /// What the filters say of each row: bit `i` is set if filter `i` keeps it. `arrays` are the columns; `draw` gives a
    /// row's number for a seed. In words what is wrong with the arrays.
    pub(crate) fn marks(
        &self,
        rows: usize,
        arrays: &[ArrayRef],
        draw: impl Fn(u64, usize) -> u64,
    ) -> Result<Vec<u64>, String> {
        let mut readable = Vec::with_capacity(arrays.len());
        for (array, field) in arrays.iter().zip(&self.fields) {
            readable.push(cells::readable(array).map_err(|(row, number)| {
                let name = &field.name;
                format!("the column `{name}` is {number} in row {row} of these, and filters read integers of 64 bits with a sign")
            })?);
        }
        let columns = readable.iter().map(cells::column).collect::<Result<Vec<_>, _>>()?;
        let unscored: ArrayRef = Arc::new(Float64Array::new_null(rows));
        let mut scores: Vec<Option<ArrayRef>> = vec![None; self.scores.len()];
        let mut marks = vec![0u64; rows];
        let mut selection = Selection::new();
        for (filter, (means, read)) in self.each.iter().enumerate() {
            // Scoring is dear: a row is scored when the first filter asks that it is shown to.
            let before = filter.min(self.first);
            for &place in read {
                if let (Some((scoring, text)), Some(score)) = (self.scores.get(place), scores.get_mut(place))
                    && score.is_none()
                {
                    let texts = readable.get(*text).and_then(TextColumn::new);
                    let texts = texts.ok_or_else(|| format!("the column `{}` is no text", scoring.column))?;
                    let of = |(row, mark): (usize, &u64)| {
                        let shown = (!mark).trailing_zeros() as usize >= before;
                        shown.then(|| texts.get(row)).flatten().map(|text| scoring.model.score(text))
                    };
                    *score = Some(Arc::new(marks.iter().enumerate().map(of).collect::<Float64Array>()));
                }
            }
            let mut all = columns.clone();
            for score in &scores {
                all.push(cells::column(score.as_ref().unwrap_or(&unscored))?);
            }
            let draws: Vec<f64>;
            let condition = match means {
                Means::Where(condition) => condition,
                Means::Thin(condition, seed) => {
                    draws = (0..rows).map(|row| unit(draw(*seed, row))).collect();
                    all.push(Column::new(Values::F64(&draws), None).map_err(|e| e.to_string())?);
                    condition
                }
            };
            let batch = Batch::new(rows, all).map_err(|e| e.to_string())?;
            condition.select(&batch, &mut selection).map_err(|e| e.to_string())?;
            for row in selection.indices() {
                if let Some(mark) = marks.get_mut(row) {
                    *mark |= 1 << filter;
                }
            }
        }
        Ok(marks)
    }
}

/// A number drawn evenly from 64 bits as one in [0, 1), which has 53.
fn unit(number: u64) -> f64 {
    ((number >> 11) as f64) / ((1u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use smolc_expr::row::RowExpr;

    #[test]
    fn probabilities() {
        let fields = [Field::new("p", DataType::F64), Field::new(DRAW, DataType::F64)];
        let condition = Condition::new(&drawn(&RowExpr::Column("p".into())), &fields).unwrap();
        let kept = |rows: &[(f64, u64)]| {
            let (p, draws): (Vec<f64>, Vec<f64>) = rows.iter().map(|(p, n)| (*p, unit(*n))).unzip();
            let columns = [&p, &draws].map(|v| Column::new(Values::F64(v), None).unwrap());
            let batch = Batch::new(rows.len(), columns.to_vec()).unwrap();
            let mut selection = Selection::new();
            condition.select(&batch, &mut selection).unwrap();
            selection.indices().collect::<Vec<_>>()
        };
        assert_eq!(kept(&[(0.0, 0), (f64::NAN, 0), (-1.0, 0), (1.0, u64::MAX), (1e-300, 0)]), [3, 4]);
        let many: Vec<(f64, u64)> =
            (0..100_000u64).map(|i| (0.3, i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
        let kept = kept(&many).len();
        assert!((kept as i64 - 30_000).abs() < 700, "{kept}");
    }
}
