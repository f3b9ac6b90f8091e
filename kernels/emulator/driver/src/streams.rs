//! Streams whose work waits until somebody waits for it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

pub type Work = Box<dyn FnOnce() -> Result<(), String> + Send>;

enum Entry {
    Work(Work),
    /// The event reaches this version when the stream gets here.
    Record(u64, u64),
    /// What follows waits until the event has reached this version.
    Wait(u64, u64),
}

#[derive(Default)]
struct Event {
    /// Versions asked for, and reached.
    recorded: u64,
    reached: u64,
    /// The stream of the newest record.
    stream: u64,
    at: Option<Instant>,
}

#[derive(Default)]
struct State {
    next: u64,
    streams: HashMap<u64, VecDeque<Entry>>,
    events: HashMap<u64, Event>,
    /// The first failure: from then on every wait fails, as on a device.
    failure: Option<String>,
}

fn state() -> MutexGuard<'static, State> {
    static STATE: OnceLock<Mutex<State>> = OnceLock::new();
    STATE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn new_stream() -> u64 {
    let mut s = state();
    s.next += 16;
    let id = s.next;
    s.streams.insert(id, VecDeque::new());
    id
}

pub fn new_event() -> u64 {
    let mut s = state();
    s.next += 16;
    let id = s.next;
    s.events.insert(id, Event::default());
    id
}

pub fn enqueue(stream: u64, work: Work) -> bool {
    let mut s = state();
    let Some(queue) = s.streams.get_mut(&stream) else { return false };
    queue.push_back(Entry::Work(work));
    true
}

pub fn record(event: u64, stream: u64) -> bool {
    let mut s = state();
    let Some(e) = s.events.get_mut(&event) else { return false };
    e.recorded += 1;
    e.stream = stream;
    let version = e.recorded;
    let Some(queue) = s.streams.get_mut(&stream) else { return false };
    queue.push_back(Entry::Record(event, version));
    true
}

pub fn wait_event(stream: u64, event: u64) -> bool {
    let mut s = state();
    let Some(version) = s.events.get(&event).map(|e| e.recorded) else { return false };
    let Some(queue) = s.streams.get_mut(&stream) else { return false };
    queue.push_back(Entry::Wait(event, version));
    true
}

/// Does what the stream holds until it is empty, or until `event` has reached `version`.
fn drain(s: &mut State, stream: u64, until: Option<(u64, u64)>) {
    loop {
        if let Some((event, version)) = until
            && s.events.get(&event).is_none_or(|e| e.reached >= version)
        {
            return;
        }
        let Some(entry) = s.streams.get_mut(&stream).and_then(VecDeque::pop_front) else { return };
        match entry {
            Entry::Work(work) => {
                if s.failure.is_none()
                    && let Err(message) = work()
                {
                    crate::log(&format!("failure {message}"));
                    s.failure = Some(message);
                }
            }
            Entry::Record(event, version) => {
                if let Some(e) = s.events.get_mut(&event) {
                    e.reached = e.reached.max(version);
                    e.at = Some(Instant::now());
                }
            }
            Entry::Wait(event, version) => {
                let other = s.events.get(&event).map(|e| e.stream);
                if let Some(other) = other.filter(|o| *o != stream) {
                    drain(s, other, Some((event, version)));
                }
            }
        }
    }
}

/// The failure so far, if any.
pub fn synchronize(stream: u64) -> Option<String> {
    let mut s = state();
    drain(&mut s, stream, None);
    s.failure.clone()
}

pub fn synchronize_event(event: u64) -> Option<String> {
    let mut s = state();
    if let Some((stream, version)) = s.events.get(&event).map(|e| (e.stream, e.recorded)) {
        drain(&mut s, stream, Some((event, version)));
    }
    s.failure.clone()
}

pub fn milliseconds(start: u64, end: u64) -> Option<f32> {
    let s = state();
    let at = |e: u64| s.events.get(&e)?.at;
    Some(at(end)?.checked_duration_since(at(start)?)?.as_secs_f32() * 1e3)
}

pub fn forget_event(event: u64) {
    state().events.remove(&event);
}
