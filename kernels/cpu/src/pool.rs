//! A small pool of persistent threads that runs one operator at a time.
//!
//! [`Pool::run`] hands out task numbers `0 .. tasks` through one atomic counter; the calling thread takes part. A task's
//! work is a function of its number only, so results do not depend on how many threads there are or which of them ran
//! what. Workers spin for some tens of microseconds between operators (a training step runs hundreds of them) and then
//! sleep, so that an idle pool costs nothing.
//!
//! The pool also owns the scratch memory that operators need beside their arguments: one buffer a thread and one
//! shared buffer, each as large as the largest request so far. Every operator states its request (`scratch_bytes`).
#![allow(unsafe_code)]

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::buffer::Buffer;

/// Set in [`Shared::gate`] while a job takes participants; the lower bits count those inside.
const OPEN: usize = 1 << (usize::BITS - 1);
/// Rounds of `spin_loop` before a waiting thread begins to yield, and rounds of yielding before it sleeps.
const SPINS: u32 = 4_000;
const YIELDS: u32 = 50;

/// A job as the workers see it: a type-erased closure and the number of its tasks.
#[derive(Clone, Copy)]
struct Job {
    call: unsafe fn(*const (), usize, usize),
    closure: *const (),
    tasks: usize,
}

#[repr(align(128))]
struct Padded<T>(T);

struct Shared {
    job: UnsafeCell<Job>,
    /// Next task to hand out.
    next: Padded<AtomicUsize>,
    /// `OPEN` flag and the number of workers inside the job.
    gate: Padded<AtomicUsize>,
    /// Jobs started so far; what a waiting worker watches.
    generation: Padded<AtomicUsize>,
    sleepers: AtomicUsize,
    sleep: Mutex<()>,
    wake: Condvar,
    stop: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `job` is written only by the thread that holds `Pool::busy`, while the gate is closed and no worker is inside;
// workers read it only after entering through the open gate (acquire), which was opened after the write (release).
unsafe impl Sync for Shared {}
// SAFETY: as above; the raw pointers inside are used only during `Pool::run`, whose caller keeps the closure alive.
unsafe impl Send for Shared {}

/// Persistent threads and their scratch memory; see the module's documentation.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    busy: AtomicBool,
    scratch: Vec<UnsafeCell<Buffer>>,
    common: Mutex<Buffer>,
}

// SAFETY: `scratch[i]` is touched only by participant i of the one running job, or by the thread that holds `busy` while
// no job runs.
unsafe impl Sync for Pool {}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// A pool of `threads` threads (at least one), the caller of [`Pool::run`] being one of them. Where the system
    /// refuses a thread, the pool has fewer; results are the same.
    pub fn new(threads: usize) -> Pool {
        let shared = Arc::new(Shared {
            job: UnsafeCell::new(Job { call: |_, _, _| {}, closure: std::ptr::null(), tasks: 0 }),
            next: Padded(AtomicUsize::new(0)),
            gate: Padded(AtomicUsize::new(0)),
            generation: Padded(AtomicUsize::new(0)),
            sleepers: AtomicUsize::new(0),
            sleep: Mutex::new(()),
            wake: Condvar::new(),
            stop: AtomicBool::new(false),
            panic: Mutex::new(None),
        });
        let mut workers = Vec::new();
        for participant in 1..threads.max(1) {
            let shared = Arc::clone(&shared);
            let named = std::thread::Builder::new().name(format!("smolc-cpu-{participant}"));
            match named.spawn(move || work(&shared, participant)) {
                Ok(handle) => workers.push(handle),
                Err(_) => break,
            }
        }
        let participants = workers.len() + 1;
        Pool {
            shared,
            workers,
            busy: AtomicBool::new(false),
            scratch: (0..participants).map(|_| UnsafeCell::new(Buffer::new())).collect(),
            common: Mutex::new(Buffer::new()),
        }
    }

    /// Threads that take part in a job, the caller included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Bytes of scratch memory held now, of all threads together.
    pub fn scratch_bytes(&self) -> usize {
        let _busy = Busy::take(&self.busy);
        // SAFETY: `busy` is held, so no job runs.
        let own: usize = self.scratch.iter().map(|b| unsafe { (*b.get()).bytes() }).sum();
        own + lock(&self.common).bytes()
    }

    /// Runs `task(0) … task(tasks - 1)`, each once, in any order, on all threads; returns when all have ended.
    ///
    /// # Panics
    /// With the panic of a task, if one panics (tasks not yet begun are then skipped); when called from inside a task or
    /// from two threads at a time.
    pub fn run<F: Fn(usize) + Sync>(&self, tasks: usize, task: F) {
        let _busy = Busy::take(&self.busy);
        self.launch(tasks, &|number, _| task(number));
    }

    /// As [`Pool::run`], giving every task `floats` elements of its thread's scratch memory, 64-byte aligned, with
    /// arbitrary contents.
    pub fn run_with_scratch<F: Fn(usize, &mut [f32]) + Sync>(&self, tasks: usize, floats: usize, task: F) {
        let _busy = Busy::take(&self.busy);
        for buffer in &self.scratch {
            // SAFETY: `busy` is held, so no job runs and nothing borrows a buffer.
            unsafe { (*buffer.get()).reserve(floats) };
        }
        let scratch = Scratches(&self.scratch);
        self.launch(tasks, &|number, participant| {
            // SAFETY: participant numbers are unique among the threads inside the job, and a thread runs one task at a
            // time, so this is the only borrow of that buffer.
            let buffer = unsafe { scratch.get(participant) };
            task(number, buffer.floats(floats));
        });
    }

    /// Calls `body` with `floats` elements of the shared scratch buffer, 64-byte aligned, with arbitrary contents.
    pub fn with_shared<R>(&self, floats: usize, body: impl FnOnce(&mut [f32]) -> R) -> R {
        let mut buffer = lock(&self.common);
        buffer.reserve(floats);
        body(buffer.floats(floats))
    }

    /// The caller holds `busy`.
    fn launch<F: Fn(usize, usize) + Sync>(&self, tasks: usize, body: &F) {
        unsafe fn call<F: Fn(usize, usize) + Sync>(closure: *const (), number: usize, participant: usize) {
            // SAFETY: `closure` is the `&F` that `launch` erased; `launch` does not return while a participant is inside.
            unsafe { (*closure.cast::<F>())(number, participant) }
        }
        if self.workers.is_empty() || tasks <= 1 {
            (0..tasks).for_each(|number| body(number, 0));
            return;
        }
        let shared = &*self.shared;
        let job = Job { call: call::<F>, closure: std::ptr::from_ref(body).cast(), tasks };
        // SAFETY: the gate is closed and nobody is inside: the previous `launch` waited for that.
        unsafe { *shared.job.get() = job };
        shared.next.0.store(0, Ordering::Relaxed);
        shared.gate.0.store(OPEN, Ordering::Release);
        shared.generation.0.fetch_add(1, Ordering::SeqCst);
        if shared.sleepers.load(Ordering::SeqCst) > 0 {
            drop(lock(&shared.sleep));
            shared.wake.notify_all();
        }
        participate(shared, job, 0);
        // A worker that has not come in by now is not waited for.
        shared.gate.0.fetch_and(!OPEN, Ordering::AcqRel);
        let mut rounds = 0;
        while shared.gate.0.load(Ordering::Acquire) != 0 {
            pause(&mut rounds);
        }
        if let Some(payload) = lock(&shared.panic).take() {
            resume_unwind(payload);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.generation.0.fetch_add(1, Ordering::SeqCst);
        drop(lock(&self.shared.sleep));
        self.shared.wake.notify_all();
        for worker in self.workers.drain(..) {
            // A worker never panics: tasks' panics are caught and sent to the caller.
            let _ = worker.join();
        }
    }
}

struct Scratches<'a>(&'a [UnsafeCell<Buffer>]);

// SAFETY: access goes through `get`, whose caller promises a participant of its own.
unsafe impl Sync for Scratches<'_> {}

impl Scratches<'_> {
    /// # Safety
    /// No other borrow of this participant's buffer may exist.
    #[allow(clippy::mut_from_ref)]
    unsafe fn get(&self, participant: usize) -> &mut Buffer {
        // SAFETY: promised by the caller.
        unsafe { &mut *self.0[participant].get() }
    }
}

/// Exclusive use of the pool for one call.
struct Busy<'a>(&'a AtomicBool);

impl<'a> Busy<'a> {
    fn take(flag: &'a AtomicBool) -> Busy<'a> {
        assert!(
            !flag.swap(true, Ordering::Acquire),
            "a pool runs one operator at a time: called from inside a task?"
        );
        Busy(flag)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn pause(rounds: &mut u32) {
    *rounds = rounds.saturating_add(1);
    if *rounds < SPINS {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
}

fn participate(shared: &Shared, job: Job, participant: usize) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        loop {
            let number = shared.next.0.fetch_add(1, Ordering::Relaxed);
            if number >= job.tasks {
                break;
            }
            // SAFETY: the closure lives until `launch` returns, which waits for everyone inside.
            unsafe { (job.call)(job.closure, number, participant) };
        }
    }));
    if let Err(payload) = outcome {
        shared.next.0.store(job.tasks, Ordering::Relaxed);
        lock(&shared.panic).get_or_insert(payload);
    }
}

fn work(shared: &Shared, participant: usize) {
    let mut seen = 0;
    loop {
        seen = wait(shared, seen);
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        let gate = &shared.gate.0;
        let entered =
            gate.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |g| (g & OPEN != 0).then_some(g + 1));
        if entered.is_ok() {
            // SAFETY: inside the open gate the job is not written.
            let job = unsafe { *shared.job.get() };
            participate(shared, job, participant);
            gate.fetch_sub(1, Ordering::Release);
        }
    }
}

/// Waits until a job after number `seen` has been started and returns its number.
fn wait(shared: &Shared, seen: usize) -> usize {
    let mut rounds = 0;
    loop {
        let now = shared.generation.0.load(Ordering::Acquire);
        if now != seen {
            return now;
        }
        if rounds < SPINS + YIELDS {
            pause(&mut rounds);
            continue;
        }
        let mut guard = lock(&shared.sleep);
        shared.sleepers.fetch_add(1, Ordering::SeqCst);
        while shared.generation.0.load(Ordering::SeqCst) == seen {
            guard = shared.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        shared.sleepers.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once_for_any_number_of_threads() {
        for threads in [0, 1, 2, 3, 8] {
            let pool = Pool::new(threads);
            for tasks in [0, 1, 2, 7, 1000] {
                let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                pool.run(tasks, |i| {
                    counts[i].fetch_add(1, Ordering::Relaxed);
                });
                assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn scratch_is_private_and_aligned() {
        let pool = Pool::new(4);
        pool.run_with_scratch(500, 333, |task, scratch| {
            assert_eq!(scratch.len(), 333);
            assert_eq!(scratch.as_ptr() as usize % 64, 0);
            scratch.fill(task as f32);
            std::thread::yield_now();
            assert!(scratch.iter().all(|&x| x == task as f32));
        });
        assert!(pool.scratch_bytes() >= pool.threads() * 333 * 4);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_survives() {
        let pool = Pool::new(3);
        for _ in 0..20 {
            let result = catch_unwind(AssertUnwindSafe(|| pool.run(100, |i| assert_ne!(i, 57, "task 57"))));
            assert!(result.is_err());
            pool.run(10, |_| {});
        }
    }

    #[test]
    fn nested_use_is_refused() {
        let pool = Pool::new(2);
        let result = catch_unwind(AssertUnwindSafe(|| pool.run(2, |_| pool.run(2, |_| {}))));
        assert!(result.is_err());
        pool.run(2, |_| {});
    }

    #[test]
    fn workers_wake_after_sleeping() {
        let pool = Pool::new(2);
        for _ in 0..3 {
            std::thread::sleep(std::time::Duration::from_millis(20));
            let both = std::sync::Barrier::new(2);
            // Both tasks must be in progress at once to pass the barrier.
            pool.run(2, |_| {
                both.wait();
            });
        }
    }
}
