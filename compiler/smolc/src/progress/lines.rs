//! How often a line is printed where there is no display: soon at first, then ever more rarely, so that the log of a
//! minute and that of a month are both readable.

use std::time::Duration;

/// Shortest time between lines.
const SHORTEST: Duration = Duration::from_secs(2);
/// Longest time between lines.
const LONGEST: Duration = Duration::from_secs(60);

/// When the last line was printed.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<Duration>,
}

impl Pace {
    /// Whether a line is due `elapsed` after the start; `must` = it is due in any case.
    pub fn due(&mut self, elapsed: Duration, must: bool) -> bool {
        // A twentieth of the time so far: five lines in the first ten seconds, sixty in the first hour.
        let gap = (elapsed / 20).clamp(SHORTEST, LONGEST);
        let due = must || self.last.is_none_or(|last| elapsed.saturating_sub(last) >= gap);
        if due {
            self.last = Some(elapsed);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_more_rarely_with_time() {
        let mut pace = Pace::default();
        let seconds = |s| Duration::from_secs(s);
        let first: Vec<u64> = (0..10).filter(|s| pace.due(seconds(*s), false)).collect();
        assert_eq!(first, [0, 2, 4, 6, 8]);
        let hour = (10..3600).filter(|s| pace.due(seconds(*s), false)).count();
        assert!((100..250).contains(&hour), "{hour}");
        assert!(pace.due(seconds(3600), true));
    }
}
