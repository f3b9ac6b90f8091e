//! Keeping a fault of another crate's code on strange input from ending the process.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// True while this thread runs a step of another crate's code whose panics become errors; a panic hook should then keep still.
pub fn panics_are_caught() -> bool {
    INSIDE.get()
}

/// Runs a step of code that is not ours on input that may be damaged or that it was not tried on; its error, or its panic, as
/// text. What a panic leaves half done is never used again: every caller drops what it was working with after an error.
pub(crate) fn catch<T, E: std::fmt::Display>(step: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    let outside = INSIDE.replace(true);
    let caught = catch_unwind(AssertUnwindSafe(step));
    INSIDE.set(outside);
    match caught {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(panic) => {
            let said = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no reason given");
            Err(format!("the library gave up: {said}"))
        }
    }
}
