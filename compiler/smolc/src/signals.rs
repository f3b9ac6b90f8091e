//! Ctrl-C and `SIGTERM`: the first asks to stop after the current step, the second stops at once.

use crate::exit::Exit;
use crate::failure::Failure;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

type Notice = Box<dyn Fn() + Send>;

/// What the signal handler and the command share.
#[derive(Default)]
pub struct Interrupts {
    /// Set by the first signal while training.
    pub stop: AtomicBool,
    training: AtomicBool,
    notice: Mutex<Option<Notice>>,
}

impl Interrupts {
    /// Starts to listen, on a thread of its own.
    ///
    /// Before [`Interrupts::training`] a signal ends the process with 75: preparing data leaves nothing half-written,
    /// and the same command continues. While training, a second signal exits with 130 (interrupt) or 143 (terminate),
    /// as a shell reports a process that the signal ended; the newest checkpoint stays.
    pub fn listen() -> Result<Arc<Interrupts>, Failure> {
        let cannot =
            |e: std::io::Error| Failure::environment(format!("cannot install a signal handler: {e}"));
        let shared = Arc::new(Interrupts::default());
        let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(cannot)?;
        let own = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("smolc-signals".into())
            .spawn(move || {
                for signal in signals.forever() {
                    let training = own.training.load(Ordering::SeqCst);
                    if training && own.stop.swap(true, Ordering::SeqCst) {
                        std::process::exit(128 + signal);
                    }
                    if let Some(notice) = &*own.notice.lock().unwrap_or_else(PoisonError::into_inner) {
                        notice();
                    }
                    if !training {
                        std::process::exit(Exit::Interrupted as i32);
                    }
                }
            })
            .map_err(cannot)?;
        Ok(shared)
    }

    /// From now on the first signal only sets [`Interrupts::stop`].
    pub fn training(&self) {
        self.training.store(true, Ordering::SeqCst);
    }

    /// What to do on the first signal, on the listener's thread.
    pub fn on_first(&self, notice: impl Fn() + Send + 'static) {
        *self.notice.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(notice));
    }
}
