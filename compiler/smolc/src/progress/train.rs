//! A run under way: its events become the display, or lines.

use super::Board;
use super::lines::Pace;
use super::screen;
use super::status::{Status, validation};
use crate::output::table::{truncate, width};
use crate::output::{Stream, Style, number};
use smolc_plan::Run;
use smolc_train::{Event, Observer};
use std::time::Instant;

/// Observes one run and shows it.
#[derive(Debug)]
pub struct Training {
    board: Board,
    err: Stream,
    status: Status,
    began: Instant,
    pace: Pace,
}

impl Training {
    /// For one run.
    pub fn new(run: &Run, board: Board, err: Stream) -> Training {
        Training { status: Status::new(run), board, err, began: Instant::now(), pace: Pace::default() }
    }

    fn started(&mut self, e: &smolc_train::event::Start) {
        self.status.start(e);
        let at = match e.resumed_from {
            Some(step) => format!(", continuing after step {}", number::thousands(step)),
            None => String::new(),
        };
        self.board.say(&format!(
            "{} {}{at}: {} parameters, {} steps, {} tokens, {} of memory, {}",
            self.err.style(Style::Dim, "train"),
            self.err.style(Style::Name, &e.run),
            number::thousands(e.parameters),
            number::thousands(e.steps),
            number::thousands(e.total_tokens),
            number::bytes(e.arena_bytes),
            number::count(e.threads as u64, "thread", "threads"),
        ));
    }

    /// A line above the display, or among the lines.
    fn line(&self, step: u64, text: &str) {
        let wide = number::thousands(self.status.steps).len();
        let at = self.err.style(Style::Dim, &format!("  step {:>wide$}", number::thousands(step)));
        self.board.say(&format!("{at}  {text}"));
    }

    fn draw(&self) {
        let Some(step) = &self.status.last else { return };
        let s = &self.status;
        let room = self.err.width.saturating_sub(1);
        let fit = |line: String| truncate(&line, room);
        let left = s.left().map_or_else(String::new, |d| format!("  {} left", number::duration(d)));
        let place = format!(
            "{:>3.0}%  step {} of {}{left}",
            // 100% only when it is.
            (100.0 * s.share()).floor(),
            number::thousands(step.step),
            number::thousands(s.steps),
        );
        let name = truncate(&s.run, 16);
        let columns = room.saturating_sub(width(&name) + width(&place) + 6).min(60);
        let bar = if columns >= 8 { screen::bar(s.share(), columns, &self.err) } else { String::new() };
        let (number_, of) = s.stage_number();
        let checkpoint = s
            .checkpoint
            .map_or_else(String::new, |n| format!("   checkpoint at step {}", number::thousands(n)));
        let speed = s
            .tokens_per_second()
            .map_or_else(String::new, |v| format!("{} tokens/s", number::thousands(v as u64)));
        let shares: Vec<String> = s
            .shares()
            .into_iter()
            .filter(|(_, share)| *share >= 0.005)
            .map(|(name, share)| format!("{name} {:.0}%", 100.0 * share))
            .collect();
        let name_styled = self.err.style(Style::Name, &name);
        self.board.show(&[
            String::new(),
            format!("  {name_styled}  {bar}  {place}"),
            fit(format!(
                "  stage {} ({number_} of {of})   {} of {} tokens   {speed}",
                s.stage,
                number::thousands(step.tokens),
                number::si(s.total_tokens as f64),
            )),
            fit(format!(
                "  loss {:.4}   mean of the last steps {:.4}   lr {}   gradient norm {:.2}{checkpoint}",
                step.loss,
                s.mean_loss().unwrap_or(step.loss),
                number::rate(step.lr),
                step.grad_norm,
            )),
            self.err.style(Style::Dim, &fit(format!("  {}", shares.join("   ")))),
        ]);
    }

    fn report(&mut self) {
        let Some(step) = self.status.last.clone() else { return };
        let elapsed = self.began.elapsed();
        if !self.pace.due(elapsed, step.step == self.status.steps) {
            return;
        }
        let left = self.status.left().map_or_else(String::new, |d| format!(", {} left", number::duration(d)));
        self.line(
            step.step,
            &format!(
                "of {}  {}  loss {:.4}  lr {}  {} tokens/s{left}",
                number::thousands(self.status.steps),
                step.stage,
                self.status.mean_loss().unwrap_or(step.loss),
                number::rate(step.lr),
                number::thousands(self.status.tokens_per_second().unwrap_or(0.0) as u64),
            ),
        );
    }
}

impl Observer for Training {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Start(e) => self.started(e),
            Event::Step(e) => {
                self.status.step(e, self.began.elapsed());
                if self.board.animated() { self.draw() } else { self.report() }
            }
            Event::Stage(e) => {
                self.status.stage(e);
                let mix: Vec<String> =
                    e.mix.iter().map(|(name, w)| format!("{:.4}% {name}", 100.0 * w)).collect();
                let mix = mix.join(" + ").replace(".0000%", "%");
                self.line(
                    e.step,
                    &format!("stage {} begins: {} steps of {mix}", e.stage, number::thousands(e.steps)),
                );
            }
            Event::Validation(e) => self.line(e.step, &format!("validation  {}", validation(e))),
            Event::Checkpoint(e) => {
                self.status.checkpoint = Some(e.step);
                // The display has a place for it; among lines it is one.
                if !self.board.animated() {
                    self.line(
                        e.step,
                        &format!("checkpoint  {} in {:.1}s", number::bytes(e.bytes), e.seconds),
                    );
                }
            }
            Event::Warning(e) => {
                self.board.say(&format!("{} {}", self.err.style(Style::Warning, "warning:"), e.message));
            }
            // Told while the data were prepared.
            Event::Prepared(_) => {}
            // Told by `smolc amend` itself, never while training.
            Event::Amendment(_) => {}
            Event::End(_) => self.board.clear(),
        }
    }
}
