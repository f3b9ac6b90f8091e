//! Run-time expressions as Cranelift sees them, and as machine code.

use crate::failure::Failure;
use smolc_plan::Run;

/// The listings of a run's expressions.
#[cfg(feature = "jit")]
pub fn render(run: &Run, assembly: bool, text: &mut String) -> Result<(), Failure> {
    use crate::exit::Exit;
    use smolc_expr::Listing;
    use std::fmt::Write;
    for (name, source, expr) in super::expressions(run) {
        let bound = expr
            .bind(&["t", "end"])
            .map_err(|e| Failure::new(Exit::Spec, format!("{name} cannot be compiled: {e}")))?;
        let listing = Listing::new(&bound)
            .map_err(|e| Failure::environment(format!("{name} has no machine code: {e}")))?;
        let body = if assembly { listing.assembly } else { listing.clif };
        let _ = writeln!(text, "; {name}: {source}\n{}", body.trim_end());
    }
    Ok(())
}

/// Without the `jit` feature there is nothing to list.
#[cfg(not(feature = "jit"))]
pub fn render(_: &Run, _: bool, _: &mut String) -> Result<(), Failure> {
    Err(Failure::usage("this smolc was built without machine code (feature `jit`)")
        .help("`--emit ir` prints the expressions"))
}
