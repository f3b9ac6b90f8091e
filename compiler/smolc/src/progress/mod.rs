//! What a user sees while something long runs: one display on a terminal, plain lines elsewhere. All of it goes to
//! standard error; losing it never stops the work.

mod lines;
mod prepare;
mod screen;
mod status;
mod train;

pub use prepare::Preparing;
pub use train::Training;

use indicatif::{ProgressBar, ProgressDrawTarget};
use std::sync::Arc;

/// A place for messages: above the display on a terminal, a line of their own elsewhere. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Board {
    bar: Option<Arc<ProgressBar>>,
    err: crate::output::Stream,
}

impl Board {
    /// A board for standard error.
    pub fn new(err: crate::output::Stream) -> Board {
        let bar = err.terminal.then(|| {
            // Ten frames a second: a step of a small model takes less.
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            bar.set_style(screen::style());
            Arc::new(bar)
        });
        Board { bar, err }
    }

    /// Prints a line without disturbing the display.
    pub fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| {
                let _ = self.err.line(text);
            }),
            None => {
                let _ = self.err.line(text);
            }
        }
    }

    /// Shows `lines` as the display, each cut to the terminal's width.
    fn show(&self, lines: &[String]) {
        let Some(bar) = &self.bar else { return };
        if bar.is_finished() {
            // A bar that was cleared draws nothing until it is reset.
            bar.reset();
        }
        bar.set_message(lines.join("\n"));
    }

    /// Takes the display away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn animated(&self) -> bool {
        self.bar.is_some()
    }
}
