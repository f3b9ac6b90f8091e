//! `smolc simulate`: every step of every run, without training it.

use crate::cli::{Format, SimulateArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Console;
use crate::{simulate, spec, stored, threads};
use serde_json::json;

/// Walks the runs, prints what was counted, and fails where it differs from the plan.
pub fn execute(args: &SimulateArgs, console: &Console) -> Result<Exit, Failure> {
    let plan = if stored::is_plan(&args.spec.spec) {
        stored::read(&args.spec.spec)?.plan
    } else {
        match spec::plan(&args.spec, console)? {
            Ok(plan) => plan,
            Err(exit) => return Ok(exit),
        }
    };
    let threads = threads::count(args.threads);
    let hash = stored::hash(&plan)?;
    let (mut runs, mut mismatches) = (Vec::new(), Vec::new());
    for run in spec::select(&plan, args.run.as_deref())?.into_iter().filter_map(|i| plan.runs.get(i)) {
        let simulated = simulate::of_run(&plan, run, threads, args.full)?;
        match args.format {
            Format::Json => runs.push(simulate::json::run(&plan, &simulated)),
            Format::Text => {
                console.out.print(&simulate::text::render(&plan, &simulated, threads, &console.out))?
            }
        }
        mismatches.extend(simulated.mismatches.into_iter().map(|m| (run.name.clone(), m)));
    }
    if args.format == Format::Json {
        let report =
            json!({ "version": 1, "spec": plan.spec, "plan": hash, "threads": threads, "runs": runs });
        console.out.print(&format!("{report:#}\n"))?;
    }
    let Some((run, first)) = mismatches.first() else { return Ok(Exit::Done) };
    let mut failure = Failure::new(
        Exit::Spec,
        format!("run {run}, {}: planned {}, counted {}", first.what, first.planned, first.counted),
    );
    for (run, m) in mismatches.iter().skip(1) {
        failure =
            failure.help(format!("also run {run}, {}: planned {}, counted {}", m.what, m.planned, m.counted));
    }
    Err(failure)
}
