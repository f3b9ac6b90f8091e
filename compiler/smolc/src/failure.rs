//! Why a command could not do its work, for problems that are not in a spec's text.

use crate::exit::Exit;
use crate::output::{Console, Style};
use std::io;

/// An error to print and the code to exit with.
#[derive(Debug)]
pub enum Failure {
    /// Standard output is gone or full.
    Output(io::Error),
    /// Anything else.
    Because {
        /// The code to exit with.
        exit: Exit,
        /// What went wrong, with the place and the numbers; causes on further lines.
        message: String,
        /// What to do about it, one a line.
        help: Vec<String>,
    },
}

impl Failure {
    /// A problem of data or environment.
    pub fn environment(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Environment, message)
    }

    /// A problem with the command line.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, message)
    }

    /// A problem that ends with `exit`.
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure::Because { exit, message: message.into(), help: Vec::new() }
    }

    /// The message of `error` and of everything that caused it, each cause once.
    pub fn of(exit: Exit, error: &dyn std::error::Error) -> Failure {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(c) = cause {
            let text = c.to_string();
            // Many error types repeat their cause in their own message.
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = c.source();
        }
        Failure::new(exit, message)
    }

    /// Adds what to do about it.
    pub fn help(mut self, text: impl Into<String>) -> Failure {
        if let Failure::Because { help, .. } = &mut self {
            help.push(text.into());
        }
        self
    }

    /// Prints it to standard error and gives the exit code.
    pub fn report(self, console: &Console) -> Exit {
        match self {
            // `smolc plan … | head`: the reader has what it wanted.
            Failure::Output(e) if e.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Failure::Output(e) => {
                Failure::environment(format!("cannot write to standard output: {e}")).report(console)
            }
            Failure::Because { exit, message, help } => {
                let err = &console.err;
                let mut text = format!("{} {message}\n", err.style(Style::Error, "error:"));
                for line in help {
                    text.push_str(&format!("{} {line}\n", err.style(Style::Note, " help:")));
                }
                // Nobody is left to tell when standard error is gone too.
                let _ = err.print(&text);
                exit
            }
        }
    }
}

/// Every `?` on a write to standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}
