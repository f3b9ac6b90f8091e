//! Size of a row expression, and the names of its columns.

use super::{Field, RowError, RowExpr, RowKind};
use crate::{MAX_DEPTH, MAX_NODES};

impl RowExpr {
    /// Checks the expression against the columns and says what it yields.
    ///
    /// Errors: every variant of [`RowError`]; the first one met from left to right.
    pub fn verify(&self, fields: &[Field]) -> Result<RowKind, RowError> {
        self.bind(fields).map(|bound| bound.kind())
    }

    /// Counts nodes and refuses what is too deep or too large.
    pub(super) fn size(&self, depth: usize, nodes: &mut usize) -> Result<(), RowError> {
        if depth > MAX_DEPTH {
            return Err(RowError::TooDeep);
        }
        *nodes += 1;
        if *nodes > MAX_NODES {
            return Err(RowError::TooLarge);
        }
        self.children().try_for_each(|child| child.size(depth + 1, nodes))
    }

    pub(super) fn children(&self) -> impl Iterator<Item = &RowExpr> {
        let (boxed, listed): ([Option<&RowExpr>; 3], &[RowExpr]) = match self {
            RowExpr::Int(_)
            | RowExpr::Float(_)
            | RowExpr::Truth(_)
            | RowExpr::Text(_)
            | RowExpr::Column(_) => ([None; 3], &[]),
            RowExpr::Unary(_, x) | RowExpr::Length(x) | RowExpr::IsNull(x) => ([Some(x), None, None], &[]),
            RowExpr::Binary(_, a, b) | RowExpr::Match(_, a, b) => ([Some(a), Some(b), None], &[]),
            RowExpr::Select(c, a, b) => ([Some(c), Some(a), Some(b)], &[]),
            RowExpr::Call(_, args) => ([None; 3], args),
        };
        boxed.into_iter().flatten().chain(listed)
    }

    /// The columns it reads, each once, in the order they are met.
    pub fn columns(&self) -> Vec<&str> {
        let mut names = Vec::new();
        // An expression that was not verified may be deep, so its nodes wait on the heap.
        let mut waiting = vec![self];
        while let Some(expr) = waiting.pop() {
            if let RowExpr::Column(name) = expr
                && !names.contains(&name.as_str())
            {
                names.push(name.as_str());
            }
            let children: Vec<&RowExpr> = expr.children().collect();
            waiting.extend(children.into_iter().rev());
        }
        names
    }
}

pub(super) fn fields_are_unique(fields: &[Field]) -> Result<(), RowError> {
    for (i, field) in fields.iter().enumerate() {
        if fields.iter().take(i).any(|other| other.name == field.name) {
            return Err(RowError::DuplicateColumn { name: field.name.clone() });
        }
    }
    Ok(())
}
