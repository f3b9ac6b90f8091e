//! The filters of a pipeline, asked together while a source is indexed.
//!
//! A filter looks at a row alone, so all of them are evaluated when the row is read for the first time. Those before any
//! other step drop the row there and then, and the text of a row that is dropped is not looked at; what the others say is
//! kept as a mark, for their turn. Conditions run as machine code where the `jit` feature is on and the host lets it;
//! probabilities are few and are interpreted.

use super::Step;
use super::bounds::{Bounds, may_be_true};
use super::cells;
use crate::error::DataError;
use arrow_array::ArrayRef;
use smolc_expr::row::{
    Batch, BoundRow, DataType, Field, Filter as Condition, Need, RowError, RowExpr, RowKind, RowValue,
    Selection,
};
use std::sync::{Arc, Mutex, PoisonError};

/// Most filters in a pipeline: marks are bits of one word.
const MOST: usize = 64;

/// Filters by their place among the filters of the pipeline.
#[derive(Default)]
pub(crate) struct Filters {
    /// Every column that some filter reads, once, and what it is taken for.
    columns: Vec<(String, Need)>,
    each: Vec<Asked>,
    /// So many come before any other step.
    first: usize,
    /// By the types of the columns, which differ from file to file.
    bound: Mutex<Vec<Arc<Bound>>>,
}

struct Asked {
    expr: RowExpr,
    /// Keeps a row with the expression's value as probability, by this seed.
    thin: Option<u64>,
}

/// The filters on columns of certain types.
pub(crate) struct Bound {
    fields: Vec<Field>,
    each: Vec<Means>,
}

enum Means {
    Where(Condition),
    Thin(BoundRow, u64),
}

impl Filters {
    pub(crate) fn new(dataset: &str, steps: &[Step]) -> Result<Filters, DataError> {
        let mut filters = Filters::default();
        let mut only_filters = true;
        for step in steps {
            let (expr, thin) = match step {
                Step::Where(expr) => (expr, None),
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
                filter: expr.to_string(),
                reason,
            };
            let yields = if thin.is_some() { Need::Number } else { Need::Truth };
            for (name, need) in expr.needs(yields).map_err(|e| failed(e.to_string()))? {
                filters.column(name, need).map_err(failed)?;
            }
            filters.each.push(Asked { expr: expr.clone(), thin });
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

    fn column(&mut self, name: String, need: Need) -> Result<(), String> {
        let Some((_, known)) = self.columns.iter_mut().find(|(n, _)| *n == name) else {
            self.columns.push((name, need));
            return Ok(());
        };
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
        Ok(())
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
        let same = |b: &&Arc<Bound>| b.fields.iter().map(|f| f.data_type).eq(types.iter().copied());
        if let Some(bound) = known.iter().find(same) {
            return Ok(bound.clone());
        }
        let names = self.columns.iter().map(|(name, _)| name);
        let fields: Vec<Field> = names.zip(types).map(|(n, t)| Field::new(n.clone(), *t)).collect();
        let means = |asked: &Asked| {
            let failed = |e: RowError| DataError::Filter {
                place: place.to_string(),
                filter: asked.expr.to_string(),
                reason: e.to_string(),
            };
            Ok(match asked.thin {
                None => Means::Where(Condition::new(&asked.expr, &fields).map_err(failed)?),
                Some(seed) => {
                    let bound = asked.expr.bind(&fields).map_err(failed)?;
                    if !matches!(bound.kind(), RowKind::Int | RowKind::Float) {
                        return Err(DataError::Filter {
                            place: place.to_string(),
                            filter: asked.expr.to_string(),
                            reason: format!("it is {}, and a probability is a number", bound.kind()),
                        });
                    }
                    Means::Thin(bound, seed)
                }
            })
        };
        let each = self.each.iter().map(means).collect::<Result<_, DataError>>()?;
        let bound = Arc::new(Bound { fields, each });
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
        first.is_none_or(|filter| may_be_true(&filter.expr, bounds))
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
        let batch = Batch::new(rows, columns).map_err(|e| e.to_string())?;
        let mut marks = vec![0u64; rows];
        let mut selection = Selection::new();
        for (bit, means) in self.each.iter().enumerate() {
            match means {
                Means::Where(condition) => {
                    condition.select(&batch, &mut selection).map_err(|e| e.to_string())?;
                    for row in selection.indices() {
                        if let Some(mark) = marks.get_mut(row) {
                            *mark |= 1 << bit;
                        }
                    }
                }
                Means::Thin(bound, seed) => {
                    let on = bound.on(&batch).map_err(|e| e.to_string())?;
                    for (row, mark) in marks.iter_mut().enumerate() {
                        let probability = match on.value(row) {
                            RowValue::Int(x) => x as f64,
                            RowValue::Float(x) => x,
                            RowValue::Null | RowValue::Truth(_) | RowValue::Text(_) => 0.0,
                        };
                        *mark |= u64::from(below(draw(*seed, row), probability)) << bit;
                    }
                }
            }
        }
        Ok(marks)
    }
}

/// Whether a number drawn evenly from 64 bits is below a probability.
fn below(number: u64, probability: f64) -> bool {
    // 53 bits are all that a number in [0, 1) has.
    ((number >> 11) as f64) / ((1u64 << 53) as f64) < probability
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities() {
        assert!(!below(0, 0.0) && !below(0, f64::NAN) && !below(0, -1.0));
        assert!(below(u64::MAX, 1.0) && below(0, 1e-300));
        let kept = (0..100_000u64).filter(|i| below(i.wrapping_mul(0x9e37_79b9_7f4a_7c15), 0.3)).count();
        assert!((kept as i64 - 30_000).abs() < 700, "{kept}");
    }
}
