//! `smolc lsp`: the language server, on standard input and output.

use crate::cli::LspArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::lsp::{Log, serve};
use crate::output::Console;
use lsp_server::Connection;

/// Serves one editor until it says goodbye or goes away.
pub fn execute(args: &LspArgs, _console: &Console) -> Result<Exit, Failure> {
    let log = Log::open(args.log.as_deref())
        .map_err(|e| Failure::environment(format!("cannot open the log: {e}")))?;
    let (connection, threads) = Connection::stdio();
    let ended = serve(&connection, log);
    // The threads end when the channels do.
    drop(connection);
    threads.join().map_err(|e| Failure::environment(format!("the connection to the editor broke: {e}")))?;
    ended.map_err(Failure::environment)?;
    Ok(Exit::Done)
}
