//! Stops a load from any thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use mio::Waker;

/// Shared by the workers of one load, its dispatcher, and the host's cancellation.
#[derive(Debug, Default)]
pub(crate) struct Control {
    is_halted: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
    asleep: Mutex<()>,
    woken: Condvar,
}

impl Control {
    /// Ends the load early.
    pub(crate) fn halt(&self) {
        self.is_halted.store(true, Ordering::SeqCst);
        for waker in lock(&self.wakers).iter() {
            let _ = waker.wake();
        }
        // The lock makes sure that a sleeper has either seen the flag or sleeps by now.
        drop(lock(&self.asleep));
        self.woken.notify_all();
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.is_halted.load(Ordering::SeqCst)
    }

    /// Adds a worker; workers are woken by the order in which they were added.
    pub(crate) fn add(&self, waker: Waker) {
        lock(&self.wakers).push(waker);
    }

    /// Wakes a worker that has something new to do.
    pub(crate) fn wake(&self, worker: usize) {
        if let Some(waker) = lock(&self.wakers).get(worker) {
            let _ = waker.wake();
        }
    }

    /// Sleeps until `due`, to some 60 µs; false when the load was ended meanwhile.
    pub(crate) fn sleep_until(&self, due: Instant) -> bool {
        let mut guard = lock(&self.asleep);
        loop {
            if self.is_halted() {
                return false;
            }
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            guard = self.woken.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
