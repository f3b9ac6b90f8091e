//! Charts over tokens, tables, bars and the page around them: what a run's report and a plan's page are made of.
//!
//! Everything is text: SVG and HTML in one file, no script, nothing fetched. Colors come from the page's style sheet, so
//! that light and dark are the reader's choice.
//!
//! What does not live here: plans, ledgers, anything that knows what is drawn.

pub mod axis;
mod chart;
mod figure;
pub mod page;
mod table;

pub use chart::{Area, Chart, Curve, Level, Mark};
pub use figure::{Figure, color};
pub use page::escape;
pub use table::{Bar, bars, facts, table, words};
