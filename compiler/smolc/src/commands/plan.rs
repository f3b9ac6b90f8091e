//! `smolc plan`: what a spec will do, for people, for tools, or as one of the compiler's layers.

use crate::cli::{PlanArgs, PlanFormat};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Console, Stream};
use crate::{emit, files, plan_html, plan_text, spec};

/// Prints the plan, or writes it to `--out`.
pub fn execute(args: &PlanArgs, console: &Console) -> Result<Exit, Failure> {
    let plan = match spec::plan(&args.spec, console)? {
        Ok(plan) => plan,
        Err(exit) => return Ok(exit),
    };
    let runs = spec::select(&plan, args.run.as_deref())?;
    let text = match (args.emit, args.format) {
        (Some(layer), _) => {
            let checked = spec::check(&args.spec)?;
            emit::render(layer, &checked, Some(&plan), Some(&runs))?
        }
        (None, PlanFormat::Json) => {
            plan.to_json().map_err(|e| Failure::environment(format!("cannot write the plan: {e}")))?
        }
        (None, PlanFormat::Html) => plan_html::render(&plan, &runs)?,
        (None, PlanFormat::Text) => {
            // A file has neither color nor the terminal's width.
            let file = Stream::plain(100);
            plan_text::render(&plan, &runs, if args.out.is_some() { &file } else { &console.out })?
        }
    };
    match &args.out {
        None => console.out.print(&text)?,
        Some(path) => files::write_whole(path, &text)?,
    }
    Ok(Exit::Done)
}
