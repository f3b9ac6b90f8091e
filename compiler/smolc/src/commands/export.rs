//! `smolc export`: a spec as another tool's configuration, where that tool can say it.

use super::import::said;
use crate::cli::{ExportArgs, Foreign};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::Console;
use crate::spec;

/// Writes the configuration of one run, or names everything it cannot say.
pub fn execute(args: &ExportArgs, console: &Console) -> Result<Exit, Failure> {
    let Foreign::Nanotron = args.format;
    let plan = match spec::plan(&args.spec, console)? {
        Ok(plan) => plan,
        Err(exit) => return Ok(exit),
    };
    let runs = spec::select(&plan, args.run.as_deref())?;
    let (Some(run), 1) = (runs.first().and_then(|i| plan.runs.get(*i)), runs.len()) else {
        let names: Vec<&str> = plan.runs.iter().map(|r| r.name.as_str()).collect();
        return Err(Failure::usage(format!(
            "a nanotron file is of one run, the spec has {}",
            names.join(", ")
        ))
        .help("choose one with --run"));
    };
    match smolc_nanotron::export(&plan, run) {
        Ok(exported) => {
            match &args.out {
                None => console.out.print(&exported.text)?,
                Some(path) => files::write_whole(path, &exported.text)?,
            }
            for note in &exported.notes {
                said(note.kind, &note.at, &note.reason, console)?;
            }
            Ok(Exit::Done)
        }
        Err(refused) => {
            let mut failure = Failure::new(Exit::Spec, format!("nanotron cannot say run `{}`", run.name));
            for refusal in refused {
                failure = failure.help(refusal.to_string());
            }
            Err(failure)
        }
    }
}
