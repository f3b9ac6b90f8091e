//! Streams whose work waits until somebody waits for it, or is recorded into a graph.

use crate::capture::{Captures, Status};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

/// What a stream does; a graph does it again and again.
pub type Work = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

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
    captures: Captures,
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

/// Queues work, or adds it to the graph that the stream is captured into.
pub fn enqueue(stream: u64, work: Work) -> Status {
    let mut s = state();
    let State { streams, captures, .. } = &mut *s;
    let Some(queue) = streams.get_mut(&stream) else { return captures.unknown_stream() };
    match captures.add(stream, &work) {
        Some(status) => status,
        None => {
            queue.push_back(Entry::Work(work));
            Status::Success
        }
    }
}

pub fn record(event: u64, stream: u64) -> Status {
    let mut s = state();
    let State { streams, events, captures, .. } = &mut *s;
    let (Some(e), Some(queue)) = (events.get_mut(&event), streams.get_mut(&stream)) else {
        return captures.unknown_stream();
    };
    if let Some(status) = captures.record(stream, event) {
        return status;
    }
    e.recorded += 1;
    e.stream = stream;
    queue.push_back(Entry::Record(event, e.recorded));
    Status::Success
}

pub fn wait_event(stream: u64, event: u64) -> Status {
    let mut s = state();
    let State { streams, events, captures, .. } = &mut *s;
    let (Some(e), Some(queue)) = (events.get(&event), streams.get_mut(&stream)) else {
        return captures.unknown_stream();
    };
    if let Some(status) = captures.wait(stream, event) {
        return status;
    }
    queue.push_back(Entry::Wait(event, e.recorded));
    Status::Success
}

/// What is captured, for the calls that concern it alone.
pub fn captures<T>(with: impl FnOnce(&mut Captures) -> T) -> T {
    with(&mut state().captures)
}

pub fn exists(stream: u64) -> bool {
    state().streams.contains_key(&stream)
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

fn outcome(s: &State) -> Status {
    if s.failure.is_none() { Status::Success } else { Status::LaunchFailed }
}

pub fn synchronize(stream: u64) -> Status {
    let mut s = state();
    if let Some(status) = s.captures.synchronize(stream) {
        return status;
    }
    drain(&mut s, stream, None);
    outcome(&s)
}

pub fn synchronize_event(event: u64) -> Status {
    let mut s = state();
    if let Some(status) = s.captures.synchronize_event(event) {
        return status;
    }
    if let Some((stream, version)) = s.events.get(&event).map(|e| (e.stream, e.recorded)) {
        drain(&mut s, stream, Some((event, version)));
    }
    outcome(&s)
}

pub fn milliseconds(start: u64, end: u64) -> Option<f32> {
    let s = state();
    let at = |e: u64| s.events.get(&e)?.at;
    Some(at(end)?.checked_duration_since(at(start)?)?.as_secs_f32() * 1e3)
}

pub fn forget_event(event: u64) {
    state().events.remove(&event);
}
