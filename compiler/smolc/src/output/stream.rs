//! One output stream: whether it is a terminal, how wide, and whether it takes color.

use super::Color;
use std::io::{self, IsTerminal, Write};

/// Width assumed when the stream is not a terminal and `COLUMNS` does not say.
const DEFAULT_WIDTH: usize = 100;
/// Narrower terminals are laid out for this width and wrap by themselves.
const MIN_WIDTH: usize = 40;

/// A role of a piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A heading.
    Heading,
    /// A name the user gave.
    Name,
    /// Secondary text.
    Dim,
    /// All is well.
    Good,
    /// Look here.
    Warning,
    /// It failed.
    Error,
    /// Advice.
    Note,
}

#[derive(Clone, Copy, Debug)]
enum Target {
    Stdout,
    Stderr,
}

/// An output stream.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    target: Target,
    /// A person is looking.
    pub terminal: bool,
    /// Escape sequences are welcome.
    pub color: bool,
    /// Columns.
    pub width: usize,
}

impl Stream {
    /// Standard output.
    pub fn stdout(color: Color) -> Stream {
        let size = terminal_size::terminal_size_of(io::stdout());
        Stream::new(Target::Stdout, io::stdout().is_terminal(), color, size)
    }

    /// Standard error.
    pub fn stderr(color: Color) -> Stream {
        let size = terminal_size::terminal_size_of(io::stderr());
        Stream::new(Target::Stderr, io::stderr().is_terminal(), color, size)
    }

    /// Neither color nor a terminal: how text for a file is laid out.
    pub fn plain(width: usize) -> Stream {
        Stream { target: Target::Stdout, terminal: false, color: false, width }
    }

    fn new(
        target: Target,
        terminal: bool,
        color: Color,
        size: Option<(terminal_size::Width, terminal_size::Height)>,
    ) -> Stream {
        let variable = |name: &str| std::env::var(name).ok();
        // https://no-color.org: present and not empty.
        let refused = variable("NO_COLOR").is_some_and(|v| !v.is_empty())
            || variable("TERM").is_some_and(|v| v == "dumb");
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !refused,
        };
        let stated = variable("COLUMNS").and_then(|v| v.parse::<usize>().ok()).filter(|w| *w > 0);
        let width = size
            .filter(|_| terminal)
            .map(|(w, _)| usize::from(w.0))
            .filter(|w| *w > 0)
            .or(stated)
            .unwrap_or(DEFAULT_WIDTH);
        Stream { target, terminal, color, width: width.max(MIN_WIDTH) }
    }

    /// Writes `text` whole and flushes.
    pub fn print(&self, text: &str) -> io::Result<()> {
        match self.target {
            Target::Stdout => write(io::stdout().lock(), text),
            Target::Stderr => write(io::stderr().lock(), text),
        }
    }

    /// Writes one line.
    pub fn line(&self, text: &str) -> io::Result<()> {
        self.print(&format!("{text}\n"))
    }

    /// `text` in the given role; unchanged where color is off.
    pub fn style(&self, style: Style, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_string();
        }
        let code = match style {
            Style::Heading => "1;4",
            Style::Name => "1",
            Style::Dim => "2",
            Style::Good => "32",
            Style::Warning => "33",
            Style::Error => "1;31",
            Style::Note => "36",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

fn write(mut stream: impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())?;
    stream.flush()
}
