//! `smolc run`: check, plan, prepare the data, train each run, and say where everything is.

use crate::cli::RunArgs;
use crate::device::Choice;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Console, Style, number};
use crate::progress::{Board, Preparing, Training};
use crate::signals::Interrupts;
use crate::{device, plan_text, spec, threads};
use smolc_plan::Plan;
use smolc_train::event::End;
use smolc_train::{Options, Outcome, TrainError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Trains what the spec declares, or continues where it stopped.
pub fn execute(args: &RunArgs, console: &Console) -> Result<Exit, Failure> {
    let plan = match spec::plan(&args.spec, console)? {
        Ok(plan) => plan,
        Err(exit) => return Ok(exit),
    };
    let runs = spec::select(&plan, args.run.as_deref())?;
    for run in runs.iter().filter_map(|i| plan.runs.get(*i)) {
        smolc_train::supported(&plan, run).map_err(failure)?;
    }
    let dir = args.out.clone().unwrap_or_else(|| Path::new("runs").join(&plan.spec));
    let threads = threads::count(args.threads);
    let choice = device::choose(args.device)?;
    for run in runs.iter().filter_map(|i| plan.runs.get(*i)) {
        device::check(&choice, run)?;
    }
    let interrupts = Interrupts::listen()?;
    let board = Board::new(console.err);

    let plan = prepare(&plan, &dir, &board, console, &interrupts)?;
    for index in runs {
        let exit = train(&plan, index, &dir, threads, &choice, &board, console, &interrupts)?;
        if exit != Exit::Done {
            return Ok(exit);
        }
    }
    Ok(Exit::Done)
}

fn prepare(
    plan: &Plan,
    dir: &Path,
    board: &Board,
    console: &Console,
    interrupts: &Arc<Interrupts>,
) -> Result<Plan, Failure> {
    let notice = board.clone();
    interrupts.on_first(move || {
        notice.clear();
        notice.say("interrupted while preparing data; what is prepared stays, run again to continue");
    });
    let prepared = smolc_train::prepare(plan, dir, &Preparing::new(board.clone(), console.err));
    board.clear();
    prepared.map_err(failure)
}

#[allow(clippy::too_many_arguments)] // what a run is told, named once
fn train(
    plan: &Plan,
    index: usize,
    dir: &Path,
    threads: usize,
    choice: &Choice,
    board: &Board,
    console: &Console,
    interrupts: &Arc<Interrupts>,
) -> Result<Exit, Failure> {
    let Some(run) = plan.runs.get(index) else {
        return Err(Failure::usage(format!("the plan has no run number {index}")));
    };
    let notice = board.clone();
    interrupts.on_first(move || {
        notice.say("stopping after this step, with a checkpoint; once more to stop at once");
    });
    interrupts.training();
    board.say(&choice.why);
    board.say(plan_text::measured(plan, run, &console.err).trim_end());
    let mut observer = Training::new(run, board.clone(), console.err);
    let backend = device::backend(choice.device.clone(), threads);
    let options = Options { threads, backend: &backend, stop: &interrupts.stop, tokenizer: None };
    let outcome = smolc_train::train(plan, index, dir, &options, &mut observer);
    board.clear();
    let path = dir.join(&run.name);
    match outcome.map_err(failure)? {
        Outcome::Finished(end) => {
            console.out.print(&summary("finished", &end, dir, &path, plan, console))?;
            Ok(Exit::Done)
        }
        Outcome::AlreadyFinished(end) => {
            console.out.print(&summary(
                "had finished before, nothing to do",
                &end,
                dir,
                &path,
                plan,
                console,
            ))?;
            Ok(Exit::Done)
        }
        Outcome::Interrupted(end) => {
            console.out.line(&format!(
                "{} {} after step {} of {}: the checkpoint is in {}\n  run the same command again to continue",
                console.out.style(Style::Name, &run.name),
                console.out.style(Style::Warning, "interrupted"),
                number::thousands(end.step),
                number::thousands(run.steps),
                path.join("checkpoints").display(),
            ))?;
            Ok(Exit::Interrupted)
        }
    }
}

/// What a run came to, where it is, and what to do next.
fn summary(how: &str, end: &End, dir: &Path, path: &Path, plan: &Plan, console: &Console) -> String {
    let out = &console.out;
    let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let mut text = format!(
        "\n{} {}: {} steps, {} tokens in {}\n",
        out.style(Style::Name, &name),
        out.style(Style::Good, how),
        number::thousands(end.step),
        number::thousands(end.tokens),
        number::duration(std::time::Duration::try_from_secs_f64(end.seconds).unwrap_or_default()),
    );
    if let (Some(loss), Some(entropy)) = (end.final_loss, end.unigram_entropy) {
        text.push_str(&format!(
            "  loss     {loss:.4} nats a token (mean of the last {}); unigram entropy {entropy:.4}\n",
            number::count(end.final_loss_steps, "step", "steps"),
        ));
    }
    // The shortest name that `generate` understands.
    let model: PathBuf = if plan.runs.len() == 1 { dir.to_path_buf() } else { path.to_path_buf() };
    let model = quote(&model.display().to_string());
    let next = format!("smolc generate {model} --prompt \"The\"");
    text.push_str(&format!(
        "  model    {}\n  report   {}\n  next     {}\n",
        path.join("model").display(),
        path.join("report.html").display(),
        out.style(Style::Note, &next),
    ));
    text
}

/// A word for a shell.
fn quote(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+@:,".contains(c);
    if text.chars().all(plain) { text.to_string() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

pub(super) fn failure(error: TrainError) -> Failure {
    let exit = match error.exit_code() {
        4 => Exit::Numerics,
        5 => Exit::OtherPlan,
        _ => Exit::Environment,
    };
    Failure::of(exit, &error)
}
