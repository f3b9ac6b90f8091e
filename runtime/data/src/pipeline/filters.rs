//! The filters of a pipeline, asked together while a source is indexed.
//!
//! A filter looks at a row alone, so all of them are evaluated when the row is read for the first time. Those before any
//! other step drop the row there and then, and the text of a row that is dropped is not looked at; what the others say is
//! kept as a mark, for their turn.

use super::Step;
use super::rows::{Bounds, Column, ColumnUse, RowExpression};
use crate::error::DataError;
use std::sync::Arc;

/// Most filters in a pipeline: marks are bits of one word.
const MOST: usize = 64;

/// Filters by their place among the filters of the pipeline.
#[derive(Default)]
pub(crate) struct Filters {
    /// Every column that some filter reads, once.
    columns: Vec<ColumnUse>,
    each: Vec<Filter>,
    /// So many come before any other step.
    first: usize,
}

struct Filter {
    expression: Arc<dyn RowExpression>,
    /// Keeps a row with the expression's value as probability, by this seed.
    thin: Option<u64>,
    /// Its columns, as indices into all.
    uses: Vec<usize>,
}

impl Filters {
    pub(crate) fn new(dataset: &str, steps: &[Step]) -> Result<Filters, DataError> {
        let mut filters = Filters::default();
        let mut only_filters = true;
        for step in steps {
            let (expression, thin) = match step {
                Step::Where(expression) => (expression, None),
                Step::Thin { probability, seed } => (probability, Some(*seed)),
                Step::DedupExact | Step::DedupMinHash(_) | Step::Decontaminate(_) | Step::Sample { .. } => {
                    only_filters = false;
                    continue;
                }
            };
            let uses = expression.columns().iter().map(|column| filters.column(column)).collect();
            filters.each.push(Filter { expression: expression.clone(), thin, uses });
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

    fn column(&mut self, column: &ColumnUse) -> usize {
        self.columns.iter().position(|c| c == column).unwrap_or_else(|| {
            self.columns.push(column.clone());
            self.columns.len() - 1
        })
    }

    /// Columns that must be read.
    pub(crate) fn columns(&self) -> &[ColumnUse] {
        &self.columns
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    /// What the filters say of each row: bit `i` is set if filter `i` keeps it. `columns` are those of
    /// [`Filters::columns`]; `draw` gives a row's number for a seed.
    pub(crate) fn marks(
        &self,
        rows: usize,
        columns: &[Column<'_>],
        draw: impl Fn(u64, usize) -> u64,
    ) -> Result<Vec<u64>, DataError> {
        let mut marks = vec![0u64; rows];
        let mut values = vec![0.0; rows];
        for (bit, filter) in self.each.iter().enumerate() {
            let columns: Vec<&Column<'_>> = filter.uses.iter().filter_map(|&i| columns.get(i)).collect();
            let evaluated = filter.expression.eval(&columns, &mut values);
            evaluated.map_err(|e| DataError::Filter { reason: e.to_string() })?;
            for (row, (mark, &value)) in marks.iter_mut().zip(&values).enumerate() {
                let kept = match filter.thin {
                    None => value != 0.0 && !value.is_nan(),
                    Some(seed) => below(draw(seed, row), value),
                };
                *mark |= u64::from(kept) << bit;
            }
        }
        Ok(marks)
    }

    /// Whether the filters before any other step all keep a row with these marks.
    pub(crate) fn passes(&self, marks: u64) -> bool {
        let wanted = if self.first >= MOST { u64::MAX } else { (1 << self.first) - 1 };
        marks & wanted == wanted
    }

    /// Whether filter number `filter` keeps a row with these marks.
    pub(crate) fn keeps(marks: u64, filter: usize) -> bool {
        marks >> filter.min(MOST - 1) & 1 == 1
    }

    /// `false` if the filters before any other step drop every row within the bounds of [`Filters::columns`].
    pub(crate) fn may_pass(&self, bounds: &[Bounds]) -> bool {
        self.each.iter().take(self.first).all(|filter| {
            let bounds: Vec<&Bounds> = filter.uses.iter().filter_map(|&i| bounds.get(i)).collect();
            // A thinned row may be kept wherever the probability is not zero, which is what truth is.
            filter.expression.may_be_true(&bounds)
        })
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
