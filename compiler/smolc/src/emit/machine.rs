//! Run-time expressions as Cranelift is given them, and as machine code.

use super::expressions::Expression;
#[cfg(feature = "jit")]
use super::expressions::{Body, usual};
use crate::failure::Failure;

/// The listings of expressions.
#[cfg(feature = "jit")]
pub fn render(expressions: &[Expression<'_>], assembly: bool, text: &mut String) -> Result<(), Failure> {
    use smolc_expr::Listing;
    use std::fmt::Write;
    for e in expressions {
        let inputs: Vec<&str> = e.inputs.iter().map(String::as_str).collect();
        let mut reads = format!("inputs {}", inputs.join(", "));
        let listing = match &e.body {
            Body::Number(expr) => Listing::new(expr, &inputs),
            Body::Rows(expr) => {
                let fields = usual(expr).map_err(|why| Failure::environment(why.to_string()))?;
                let columns: Vec<String> =
                    fields.iter().map(|f| format!("{} {}", f.name, f.data_type)).collect();
                reads = format!(
                    "columns {}; made for the types of a file's columns when it is opened, and these are the usual ones\n\
                     ; addresses of constants are those of this process",
                    columns.join(", ")
                );
                Listing::filter(expr, &fields)
            }
        };
        let listing =
            listing.map_err(|why| Failure::environment(format!("{} has no machine code: {why}", e.name)))?;
        let body = if assembly { listing.assembly } else { listing.clif };
        let _ = writeln!(text, "; {}: {}\n; {reads}\n{}\n", e.name, e.source, body.trim_end());
    }
    Ok(())
}

/// Without the `jit` feature there is nothing to list.
#[cfg(not(feature = "jit"))]
pub fn render(_: &[Expression<'_>], _: bool, _: &mut String) -> Result<(), Failure> {
    Err(Failure::usage("this smolc was built without machine code (feature `jit`)")
        .help("`--emit ir` prints the expressions"))
}
