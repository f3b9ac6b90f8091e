//! Run-time expressions as Cranelift is given them, and as machine code.

use super::expressions::{Body, Expression};
use crate::failure::Failure;

/// The listings of expressions.
#[cfg(feature = "jit")]
pub fn render(expressions: &[Expression<'_>], assembly: bool, text: &mut String) -> Result<(), Failure> {
    use smolc_expr::Listing;
    use std::fmt::Write;
    for e in expressions {
        let inputs: Vec<&str> = e.inputs.iter().map(String::as_str).collect();
        let Body::Number(expr) = e.body else {
            let _ = writeln!(
                text,
                "; {}: {}\n; made for the types of each file's columns when it is opened; `--emit ir` shows its form\n",
                e.name, e.source
            );
            continue;
        };
        let listing = Listing::new(expr, &inputs)
            .map_err(|why| Failure::environment(format!("{} has no machine code: {why}", e.name)))?;
        let body = if assembly { listing.assembly } else { listing.clif };
        let _ = writeln!(
            text,
            "; {}: {}\n; inputs {}\n{}\n",
            e.name,
            e.source,
            inputs.join(", "),
            body.trim_end()
        );
    }
    Ok(())
}

/// Without the `jit` feature there is nothing to list.
#[cfg(not(feature = "jit"))]
pub fn render(_: &[Expression<'_>], _: bool, _: &mut String) -> Result<(), Failure> {
    Err(Failure::usage("this smolc was built without machine code (feature `jit`)")
        .help("`--emit ir` prints the expressions"))
}
