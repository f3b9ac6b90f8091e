//! Data being read, tokenized and checked.

use super::lines::Pace;
use super::{Board, screen};
use crate::output::table::truncate;
use crate::output::{Stream, Style, number};
use smolc_data::Progress;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Tasks that took fewer seconds are not worth a line.
const NOTICEABLE: f64 = 0.2;

/// Shows preparation on the board.
#[derive(Debug)]
pub struct Preparing {
    board: Board,
    err: Stream,
    done: AtomicU64,
    task: Mutex<Option<Task>>,
}

#[derive(Debug)]
struct Task {
    what: String,
    total: Option<u64>,
    bytes: bool,
    unit: String,
    began: Instant,
    drawn: Duration,
    pace: Pace,
}

impl Preparing {
    /// On a board.
    pub fn new(board: Board, err: Stream) -> Preparing {
        Preparing { board, err, done: AtomicU64::new(0), task: Mutex::new(None) }
    }

    fn draw(&self, task: &Task, done: u64) {
        let room = self.err.width.saturating_sub(1);
        let total = task.total.filter(|t| *t > 0);
        let amount = match total {
            Some(t) => format!("{} of {}", task.amount(done), task.amount(t)),
            None => task.amount(done),
        };
        let left = total.filter(|_| done > 0).and_then(|t| {
            let pace = task.began.elapsed().as_secs_f64() / done as f64;
            Duration::try_from_secs_f64(pace * t.saturating_sub(done) as f64).ok()
        });
        let left = left.map_or_else(String::new, |d| format!("  {} left", number::duration(d)));
        let bar = total.map_or_else(String::new, |t| {
            let columns = room.saturating_sub(task.what.chars().count() + 40).min(40);
            if columns < 8 {
                String::new()
            } else {
                screen::bar(done as f64 / t as f64, columns, &self.err) + "  "
            }
        });
        let name = self.err.style(Style::Name, &truncate(&task.what, 32));
        self.board.show(&[format!("  {name}  {bar}{amount}{left}")]);
    }
}

impl Task {
    fn amount(&self, n: u64) -> String {
        if self.bytes { number::bytes(n) } else { format!("{} {}", number::thousands(n), self.unit) }
    }
}

impl Progress for Preparing {
    fn begin(&self, what: &str, total: Option<u64>, unit: &str) {
        self.done.store(0, Ordering::Relaxed);
        let task = Task {
            what: what.to_string(),
            total,
            bytes: unit == "bytes",
            unit: unit.to_string(),
            began: Instant::now(),
            drawn: Duration::ZERO,
            pace: Pace::default(),
        };
        if self.board.animated() {
            self.draw(&task, 0);
        }
        if let Ok(mut slot) = self.task.lock() {
            *slot = Some(task);
        }
    }

    fn advance(&self, by: u64) {
        let done = self.done.fetch_add(by, Ordering::Relaxed) + by;
        // Whoever finds the lock taken leaves the drawing to its holder.
        let Ok(mut slot) = self.task.try_lock() else { return };
        let Some(task) = slot.as_mut() else { return };
        let elapsed = task.began.elapsed();
        if self.board.animated() {
            if elapsed.saturating_sub(task.drawn) >= Duration::from_millis(100) {
                task.drawn = elapsed;
                self.draw(task, done);
            }
        } else if elapsed >= Duration::from_secs(2) && task.pace.due(elapsed, false) {
            let of = task.total.map_or_else(String::new, |t| format!(" of {}", task.amount(t)));
            self.board.say(&format!("  {}: {}{of}", task.what, task.amount(done)));
        }
    }

    fn end(&self) {
        let Ok(mut slot) = self.task.lock() else { return };
        let Some(task) = slot.take() else { return };
        if self.board.animated() {
            self.board.clear();
        }
        let done = self.done.load(Ordering::Relaxed);
        let seconds = task.began.elapsed().as_secs_f64();
        if seconds < NOTICEABLE {
            return;
        }
        let mark = self.err.style(Style::Good, "✓");
        self.board.say(&format!("  {mark} {}: {} in {seconds:.1}s", task.what, task.amount(done)));
    }

    fn note(&self, text: &str) {
        self.board.say(&format!("  {} {text}", self.err.style(Style::Note, "note:")));
    }
}
