//! What text looks like on standard output and standard error: color, width, numbers and tables.

pub mod number;
mod stream;
pub mod table;

pub use stream::{Stream, Style};

/// When to color.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Both output streams.
#[derive(Debug)]
pub struct Console {
    /// Standard output: what was asked for.
    pub out: Stream,
    /// Standard error: progress, and what went wrong.
    pub err: Stream,
}

impl Console {
    /// Looks at both streams and at the environment.
    pub fn new(color: Color) -> Console {
        Console { out: Stream::stdout(color), err: Stream::stderr(color) }
    }
}
