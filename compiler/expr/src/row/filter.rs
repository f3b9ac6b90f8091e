//! A condition over whole batches, by the fastest means there is.

use super::eval::Row;
use super::typed::{Node, Truth};
use super::{Batch, BatchError, BoundRow, Field, RowError, RowExpr, Selection};

/// A verified condition: machine code if the `jit` feature is on and the host lets it, the interpreter otherwise. Both
/// keep the same rows. It may be shared between threads, each with a [`Selection`] of its own.
pub struct Filter {
    bound: BoundRow,
    means: Means,
}

enum Means {
    #[cfg(feature = "jit")]
    MachineCode(Box<super::jit::CompiledFilter>),
    Interpreter {
        reason: String,
    },
}

impl Filter {
    /// Verifies, folds constants and compiles. Column `i` of a batch is `fields[i]`.
    ///
    /// Errors: see [`RowExpr::verify`]; [`RowError::Mismatch`] if the expression is no condition. That there is no
    /// machine code is no error, see [`Filter::interpreter_reason`].
    pub fn new(expr: &RowExpr, fields: &[Field]) -> Result<Filter, RowError> {
        let bound = condition(expr, fields)?;
        #[cfg(feature = "jit")]
        let means = match super::jit::CompiledFilter::new(&bound, crate::Optimization::Speed) {
            Ok(compiled) => Means::MachineCode(Box::new(compiled)),
            Err(error) => Means::Interpreter { reason: error.to_string() },
        };
        #[cfg(not(feature = "jit"))]
        let means = Means::Interpreter { reason: "built without the `jit` feature".to_owned() };
        Ok(Filter { bound, means })
    }

    /// Machine code of a certain optimization, or why there is none.
    ///
    /// Errors: as [`Filter::new`].
    #[cfg(feature = "jit")]
    pub fn optimized(
        expr: &RowExpr,
        fields: &[Field],
        optimization: crate::Optimization,
    ) -> Result<Result<Filter, crate::JitError>, RowError> {
        let bound = condition(expr, fields)?;
        let compiled = super::jit::CompiledFilter::new(&bound, optimization);
        Ok(compiled.map(|compiled| Filter { bound, means: Means::MachineCode(Box::new(compiled)) }))
    }

    /// The same filter without machine code.
    ///
    /// Errors: as [`Filter::new`].
    pub fn interpreted(expr: &RowExpr, fields: &[Field]) -> Result<Filter, RowError> {
        let reason = "the interpreter was asked for".to_owned();
        Ok(Filter { bound: condition(expr, fields)?, means: Means::Interpreter { reason } })
    }

    /// Why the interpreter runs; `None` when machine code does.
    pub fn interpreter_reason(&self) -> Option<&str> {
        match &self.means {
            #[cfg(feature = "jit")]
            Means::MachineCode(_) => None,
            Means::Interpreter { reason } => Some(reason),
        }
    }

    /// The typed form that runs.
    pub fn bound(&self) -> &BoundRow {
        &self.bound
    }

    /// Writes into `selection` which rows of `batch` the condition is true of, and says how many.
    ///
    /// Errors: [`BatchError::Columns`], [`BatchError::Type`].
    pub fn select(&self, batch: &Batch<'_>, selection: &mut Selection) -> Result<usize, BatchError> {
        batch.check(&self.bound.fields)?;
        let words = selection.reset(batch.rows());
        let count = match &self.means {
            #[cfg(feature = "jit")]
            Means::MachineCode(compiled) => compiled.select(batch, words),
            Means::Interpreter { .. } => interpret(&self.bound, batch, words),
        };
        selection.set_count(count);
        Ok(count)
    }
}

fn condition(expr: &RowExpr, fields: &[Field]) -> Result<BoundRow, RowError> {
    let folded = expr.fold(fields)?;
    let bound = folded.bind(fields)?;
    match &bound.root {
        Node::Truth(_) => Ok(bound),
        other @ (Node::Int(_) | Node::Float(_) | Node::Text(_)) => {
            Err(expr.mismatch("a filter", "a truth value", other))
        }
    }
}

fn interpret(bound: &BoundRow, batch: &Batch<'_>, words: &mut [u64]) -> usize {
    let no = Truth::Const(false);
    let root = match &bound.root {
        Node::Truth(root) => root,
        // `condition` makes no such filter.
        Node::Int(_) | Node::Float(_) | Node::Text(_) => &no,
    };
    let mut count = 0;
    for (block, word) in words.iter_mut().enumerate() {
        for bit in 0..64.min(batch.rows() - block * 64) {
            let at = Row { columns: batch.columns(), row: block * 64 + bit };
            let kept = at.truth(root) == Some(true);
            *word |= u64::from(kept) << bit;
            count += usize::from(kept);
        }
    }
    count
}
