//! Where the server says what went wrong: standard error, and a file if one was named.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// The log.
#[derive(Debug, Default)]
pub struct Log {
    file: Option<File>,
}

impl Log {
    /// A log that appends to a file, if one is named.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: Option<&Path>) -> io::Result<Log> {
        let file = path.map(|p| File::options().create(true).append(true).open(p)).transpose()?;
        Ok(Log { file })
    }

    /// Writes a line. A log that cannot be written does not stop the server.
    pub fn line(&mut self, text: &str) {
        let _ = writeln!(io::stderr(), "smolc lsp: {text}");
        if let Some(file) = &mut self.file {
            let _ = writeln!(file, "{text}");
        }
    }
}
