//! The driver's graphs by its own functions.

use super::*;
use crate::driver::*;

fn stream() -> u64 {
    let mut id = 0;
    // SAFETY: a live place.
    assert_eq!(unsafe { cuStreamCreate(&mut id, 1) }, 0);
    id
}

fn memory(bytes: usize) -> u64 {
    let mut at = 0;
    // SAFETY: a live place.
    assert_eq!(unsafe { cuMemAlloc_v2(&mut at, bytes) }, 0);
    at
}

fn read(from: u64, stream: u64) -> [u8; 4] {
    let mut out = [0; 4];
    assert_eq!(cuMemcpyDtoHAsync_v2(out.as_mut_ptr().cast(), from, 4, stream), 0);
    assert_eq!(cuStreamSynchronize(stream), 0);
    out
}

fn ended(stream: u64) -> (i32, u64) {
    let mut graph = 7;
    // SAFETY: a live place.
    (unsafe { cuStreamEndCapture(stream, &mut graph) }, graph)
}

/// One test: a capture in the global mode forbids what other tests do meanwhile.
#[test]
fn graphs_replay_and_refuse_what_cuda_refuses() {
    let (s, other) = (stream(), stream());
    let [a, b] = [memory(4), memory(4)];
    assert_eq!(cuMemsetD8Async(a, 1, 4, s), 0);
    assert_eq!(cuStreamBeginCapture_v2(s, THREAD_LOCAL), 0);
    assert_eq!(cuStreamBeginCapture_v2(s, THREAD_LOCAL), Status::IllegalState as i32);
    assert_eq!(cuMemcpyDtoDAsync_v2(b, a, 4, s) + cuMemsetD8Async(a, 9, 4, s), 0);
    let (status, graph) = ended(s);
    assert_eq!(status, 0);
    // Nothing was done while it was captured, and what was queued before it is.
    assert_eq!((read(a, s), read(b, s)), ([1; 4], [0xff; 4]));
    let mut executable = 0;
    // SAFETY: a live place.
    assert_eq!(unsafe { cuGraphInstantiateWithFlags(&mut executable, graph, 0) }, 0);
    assert_eq!(cuGraphDestroy(graph), 0);
    for want in [1, 9] {
        assert_eq!(cuGraphLaunch(executable, s), 0);
        assert_eq!((read(a, s), read(b, s)), ([9; 4], [want; 4]));
    }
    assert_eq!(cuGraphExecDestroy(executable), 0);
    assert_eq!(cuGraphLaunch(executable, s), Status::Invalid as i32);
    assert_eq!(ended(s), (Status::IllegalState as i32, 0));
    assert_eq!(cuStreamBeginCapture_v2(0, THREAD_LOCAL), Status::CaptureUnsupported as i32);

    // Each in a capture of its own, which it ends without a graph.
    let (mut inside, mut outside) = (0, 0);
    // SAFETY: live places.
    unsafe { assert_eq!(cuEventCreate(&mut inside, 0) + cuEventCreate(&mut outside, 0), 0) };
    assert_eq!(cuEventRecord(outside, other), 0);
    let spoils = |mode: i32, what: &dyn Fn() -> i32, status: Status| {
        assert_eq!(cuStreamBeginCapture_v2(s, mode), 0);
        assert_eq!(cuEventRecord(inside, s) + cuStreamWaitEvent(s, inside, 0), 0);
        assert_eq!(what(), status as i32);
        assert_eq!(cuMemsetD8Async(a, 1, 4, s), Status::CaptureInvalidated as i32);
        assert_eq!(ended(s), (Status::CaptureInvalidated as i32, 0));
    };
    let allocation = || {
        let mut at = 0;
        // SAFETY: a live place.
        unsafe { cuMemAlloc_v2(&mut at, 4) }
    };
    let mut place = [0u8; 4];
    let place = place.as_mut_ptr() as u64;
    spoils(THREAD_LOCAL, &|| cuStreamSynchronize(s), Status::CaptureUnsupported);
    spoils(THREAD_LOCAL, &allocation, Status::CaptureUnsupported);
    spoils(THREAD_LOCAL, &|| cuMemFree_v2(a), Status::CaptureUnsupported);
    spoils(THREAD_LOCAL, &|| cuEventSynchronize(inside), Status::CapturedEvent);
    spoils(THREAD_LOCAL, &|| cuStreamWaitEvent(s, outside, 0), Status::CaptureIsolation);
    spoils(THREAD_LOCAL, &|| cuStreamWaitEvent(other, inside, 0), Status::CaptureUnsupported);
    let pageable = || cuMemcpyDtoHAsync_v2(place as *mut _, a, 4, s);
    spoils(THREAD_LOCAL, &pageable, Status::CaptureUnsupported);
    let elsewhere = || std::thread::scope(|scope| scope.spawn(allocation).join().unwrap());
    spoils(GLOBAL, &elsewhere, Status::CaptureUnsupported);
    // The legacy stream waits for blocking streams, and only for those.
    assert_eq!(cuStreamBeginCapture_v2(s, RELAXED), 0);
    assert_eq!(cuMemsetD8Async(a, 1, 4, 0), Status::InvalidHandle as i32);
    assert_eq!(allocation() + cuEventSynchronize(outside), 0);
    assert_eq!(std::thread::scope(|scope| scope.spawn(elsewhere).join().unwrap()), 0);
    let (status, graph) = ended(s);
    assert_eq!((status, cuGraphDestroy(graph)), (0, 0));
    let mut blocking = 0;
    // SAFETY: a live place.
    assert_eq!(unsafe { cuStreamCreate(&mut blocking, 0) }, 0);
    assert_eq!(cuStreamBeginCapture_v2(blocking, RELAXED), 0);
    assert_eq!(cuMemsetD8Async(a, 1, 4, 0), Status::CaptureImplicit as i32);
    assert_eq!(ended(blocking), (Status::CaptureInvalidated as i32, 0));
    // Only the thread that began ends it.
    assert_eq!(cuStreamBeginCapture_v2(s, THREAD_LOCAL), 0);
    let there = std::thread::scope(|scope| scope.spawn(|| ended(s)).join().unwrap());
    assert_eq!(there, (Status::CaptureWrongThread as i32, 0));
    assert_eq!((ended(s).0, read(a, s)), (0, [9; 4]));
}
