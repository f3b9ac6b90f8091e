//! Starts `smolc lsp` for Zed: from the settings (`lsp.smolc.binary`), else from the PATH.

use zed_extension_api::{self as zed, settings::LspSettings, Command, LanguageServerId, Result, Worktree};

struct Smol;

impl zed::Extension for Smol {
    fn new() -> Smol {
        Smol
    }

    fn language_server_command(&mut self, id: &LanguageServerId, worktree: &Worktree) -> Result<Command> {
        let set = LspSettings::for_worktree(id.as_ref(), worktree).ok().and_then(|s| s.binary).and_then(|b| b.path);
        let command = set
            .or_else(|| worktree.which("smolc"))
            .ok_or("`smolc` is not on the PATH; install it with `cargo install --path compiler/smolc`")?;
        Ok(Command { command, args: vec!["lsp".into()], env: worktree.shell_env() })
    }
}

zed::register_extension!(Smol);
