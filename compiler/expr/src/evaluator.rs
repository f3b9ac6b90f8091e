//! An expression ready to run, by the fastest means there is.

use crate::{Bound, Expr, ExprError};

/// A verified expression of `N` inputs: machine code if the `jit` feature is on and the host lets it, the interpreter
/// otherwise. Both give the same bits, NaN folded.
pub struct Evaluator<const N: usize> {
    bound: Bound<N>,
    means: Means<N>,
}

enum Means<const N: usize> {
    #[cfg(feature = "jit")]
    MachineCode(Box<crate::Compiled<N>>),
    Interpreter {
        reason: String,
    },
}

impl<const N: usize> Evaluator<N> {
    /// Verifies and compiles. Input `i` of [`Evaluator::eval`] is the variable `inputs[i]`.
    ///
    /// Errors: see [`Expr::verify`]. That there is no machine code is no error, see
    /// [`Evaluator::interpreter_reason`].
    pub fn new(expr: &Expr, inputs: &[&str; N]) -> Result<Evaluator<N>, ExprError> {
        let bound = expr.bind(inputs)?;
        #[cfg(feature = "jit")]
        let means = match crate::Compiled::new(&bound, crate::Optimization::Speed) {
            Ok(compiled) => Means::MachineCode(Box::new(compiled)),
            Err(error) => Means::Interpreter { reason: error.to_string() },
        };
        #[cfg(not(feature = "jit"))]
        let means = Means::Interpreter { reason: "built without the `jit` feature".to_owned() };
        Ok(Evaluator { bound, means })
    }

    /// The value for these inputs.
    pub fn eval(&self, inputs: &[f64; N]) -> f64 {
        match &self.means {
            #[cfg(feature = "jit")]
            Means::MachineCode(compiled) => compiled.call(inputs),
            Means::Interpreter { .. } => self.bound.eval(inputs),
        }
    }

    /// Why the interpreter runs; `None` when machine code does.
    pub fn interpreter_reason(&self) -> Option<&str> {
        match &self.means {
            #[cfg(feature = "jit")]
            Means::MachineCode(_) => None,
            Means::Interpreter { reason } => Some(reason),
        }
    }
}
