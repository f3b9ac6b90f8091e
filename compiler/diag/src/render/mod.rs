//! Diagnostics as text: with the source drawn around them, or one to a line.

mod excerpt;
mod graphical;
mod short;

pub use graphical::graphical;
pub use short::short;
