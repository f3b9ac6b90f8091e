//! Graphs: what streams were told while they were captured, to be done again at every launch.
//!
//! One stream at a time: work of another stream does not join a capture here, as it would on a device; that is refused.
//! What CUDA forbids during a capture is an error with CUDA's number and ends the capture without a graph: waiting for the
//! stream or for an event in it, waiting in it for an event outside, allocating and freeing, the legacy stream. A captured
//! copy from or to memory that is not page-locked is refused too (CUDA takes it, and reads the address at every launch).

use crate::streams::{self, Work};
use std::collections::{HashMap, HashSet};
use std::thread::ThreadId;

/// Results of the driver, with its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    Success = 0,
    Invalid = 1,
    InvalidHandle = 400,
    IllegalState = 401,
    LaunchFailed = 719,
    CaptureUnsupported = 900,
    CaptureInvalidated = 901,
    CaptureIsolation = 905,
    CaptureImplicit = 906,
    CapturedEvent = 907,
    CaptureWrongThread = 908,
}

const GLOBAL: i32 = 0;
const THREAD_LOCAL: i32 = 1;
const RELAXED: i32 = 2;

struct Capture {
    stream: u64,
    mode: i32,
    thread: ThreadId,
    nodes: Vec<Work>,
    events: HashSet<u64>,
    /// Something forbidden was done: no graph comes of it.
    invalid: bool,
}

/// Captures under way, and graphs.
#[derive(Default)]
pub struct Captures {
    open: Vec<Capture>,
    /// Streams that wait for the legacy stream, and it for them.
    blocking: HashSet<u64>,
    next: u64,
    graphs: HashMap<u64, Vec<Work>>,
    executables: HashMap<u64, Vec<Work>>,
}

impl Captures {
    fn of(&mut self, stream: u64) -> Option<&mut Capture> {
        self.open.iter_mut().find(|c| c.stream == stream)
    }

    fn with_event(&mut self, event: u64) -> Option<&mut Capture> {
        self.open.iter_mut().find(|c| c.events.contains(&event))
    }

    /// The status of work on a stream that is none: the legacy stream would wait for the captured ones.
    pub fn unknown_stream(&mut self) -> Status {
        let blocking = &self.blocking;
        let mut found = Status::InvalidHandle;
        for capture in self.open.iter_mut().filter(|c| blocking.contains(&c.stream)) {
            found = spoiled(capture, Status::CaptureImplicit);
        }
        found
    }

    /// A stream that was made without the flag for non-blocking ones.
    pub fn blocks(&mut self, stream: u64) {
        self.blocking.insert(stream);
    }

    /// The status of work that was added to a capture; `None`: the stream is not captured.
    pub fn add(&mut self, stream: u64, work: &Work) -> Option<Status> {
        let capture = self.of(stream)?;
        if capture.invalid {
            return Some(Status::CaptureInvalidated);
        }
        capture.nodes.push(work.clone());
        Some(Status::Success)
    }

    pub fn record(&mut self, stream: u64, event: u64) -> Option<Status> {
        // Recorded again, it marks another point.
        self.open.iter_mut().for_each(|c| _ = c.events.remove(&event));
        let capture = self.of(stream)?;
        capture.events.insert(event);
        Some(if capture.invalid { Status::CaptureInvalidated } else { Status::Success })
    }

    pub fn wait(&mut self, stream: u64, event: u64) -> Option<Status> {
        if let Some(capture) = self.of(stream) {
            let inside = capture.events.contains(&event);
            // What the event marks is before this point of the one stream anyway.
            return Some(if inside { Status::Success } else { spoiled(capture, Status::CaptureIsolation) });
        }
        self.with_event(event).map(|c| spoiled(c, Status::CaptureUnsupported))
    }

    pub fn synchronize(&mut self, stream: u64) -> Option<Status> {
        self.of(stream).map(|c| spoiled(c, Status::CaptureUnsupported))
    }

    pub fn synchronize_event(&mut self, event: u64) -> Option<Status> {
        self.with_event(event).map(|c| spoiled(c, Status::CapturedEvent))
    }

    /// The status of a call that may wait for the device, as allocating does; `None`: nothing forbids it.
    pub fn unsafe_call(&mut self) -> Option<Status> {
        let here = std::thread::current().id();
        let forbids = |c: &&mut Capture| c.mode == GLOBAL || (c.mode == THREAD_LOCAL && c.thread == here);
        let mut found = None;
        for capture in self.open.iter_mut().filter(forbids) {
            found = Some(spoiled(capture, Status::CaptureUnsupported));
        }
        found
    }

    /// The status of a copy between the device and memory of the host that is not page-locked.
    pub fn pageable(&mut self, stream: u64) -> Option<Status> {
        self.of(stream).map(|c| spoiled(c, Status::CaptureUnsupported))
    }

    fn begin(&mut self, stream: u64, mode: i32) -> Status {
        if ![GLOBAL, THREAD_LOCAL, RELAXED].contains(&mode) {
            return Status::Invalid;
        }
        if self.of(stream).is_some() {
            return Status::IllegalState;
        }
        self.open.push(Capture {
            stream,
            mode,
            thread: std::thread::current().id(),
            nodes: Vec::new(),
            events: HashSet::new(),
            invalid: false,
        });
        Status::Success
    }

    /// The number of the graph.
    fn end(&mut self, stream: u64) -> Result<u64, Status> {
        let at = self.open.iter().position(|c| c.stream == stream).ok_or(Status::IllegalState)?;
        let capture = &self.open[at];
        if capture.mode != RELAXED && capture.thread != std::thread::current().id() {
            return Err(Status::CaptureWrongThread);
        }
        let capture = self.open.remove(at);
        if capture.invalid {
            return Err(Status::CaptureInvalidated);
        }
        crate::log(&format!("captured {}", capture.nodes.len()));
        let id = self.number();
        self.graphs.insert(id, capture.nodes);
        Ok(id)
    }

    fn number(&mut self) -> u64 {
        self.next += 16;
        self.next
    }
}

fn spoiled(capture: &mut Capture, status: Status) -> Status {
    crate::log(&format!("capture spoiled: {status:?}"));
    capture.invalid = true;
    status
}

#[unsafe(no_mangle)]
pub extern "C" fn cuStreamBeginCapture_v2(stream: u64, mode: i32) -> i32 {
    // The legacy stream cannot be captured.
    if !streams::exists(stream) {
        return Status::CaptureUnsupported as i32;
    }
    streams::captures(|c| c.begin(stream, mode)) as i32
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamEndCapture(stream: u64, graph: *mut u64) -> i32 {
    let (id, status) = match streams::captures(|c| c.end(stream)) {
        Ok(id) => (id, Status::Success),
        Err(status) => (0, status),
    };
    // SAFETY: a place of the caller's.
    unsafe { graph.write(id) };
    status as i32
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGraphInstantiateWithFlags(executable: *mut u64, graph: u64, flags: u64) -> i32 {
    let made = streams::captures(|c| {
        let nodes = c.graphs.get(&graph)?.clone();
        let id = c.number();
        c.executables.insert(id, nodes);
        Some(id)
    });
    match made {
        Some(id) if flags == 0 => {
            // SAFETY: a place of the caller's.
            unsafe { executable.write(id) };
            0
        }
        _ => Status::Invalid as i32,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn cuGraphLaunch(executable: u64, stream: u64) -> i32 {
    let Some(nodes) = streams::captures(|c| c.executables.get(&executable).cloned()) else {
        return Status::Invalid as i32;
    };
    crate::log("graph");
    // A launch is one thing to the stream; into another capture it would be a child graph, which is not done here.
    let all: Work = std::sync::Arc::new(move || nodes.iter().try_for_each(|work| work()));
    if streams::captures(|c| c.of(stream).is_some()) {
        return streams::captures(|c| c.synchronize(stream)).unwrap_or(Status::Invalid) as i32;
    }
    streams::enqueue(stream, all) as i32
}

#[unsafe(no_mangle)]
pub extern "C" fn cuGraphDestroy(graph: u64) -> i32 {
    let known = streams::captures(|c| c.graphs.remove(&graph).is_some());
    if known { 0 } else { Status::Invalid as i32 }
}

/// What was launched goes on.
#[unsafe(no_mangle)]
pub extern "C" fn cuGraphExecDestroy(executable: u64) -> i32 {
    let known = streams::captures(|c| c.executables.remove(&executable).is_some());
    if known { 0 } else { Status::Invalid as i32 }
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
