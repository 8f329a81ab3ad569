//! Stops a load from any thread, and finds a worker for a request that is due.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use mio::Waker;

/// Shared by the workers of one load, its dispatcher, and the host's cancellation.
#[derive(Debug, Default)]
pub(crate) struct Control {
    is_halted: AtomicBool,
    seats: Mutex<Vec<Arc<Seat>>>,
    asleep: Mutex<()>,
    woken: Condvar,
}

/// One worker, as the others see it.
#[derive(Debug)]
pub(crate) struct Seat {
    waker: Waker,
    /// Requests that it could take beside those under way.
    room: AtomicUsize,
    /// Whether it waits for its sockets, and nobody has woken it yet.
    is_waiting: AtomicBool,
}

impl Seat {
    /// To be told before the next request is asked for: whoever adds one then sees the room.
    pub(crate) fn set_room(&self, room: usize) {
        self.room.store(room, Ordering::SeqCst);
    }

    pub(crate) fn set_waiting(&self, is_waiting: bool) {
        self.is_waiting.store(is_waiting, Ordering::SeqCst);
    }

    fn room(&self) -> usize {
        self.room.load(Ordering::SeqCst)
    }

    fn wake(&self) {
        self.set_waiting(false);
        let _ = self.waker.wake();
    }
}

impl Control {
    /// Ends the load early.
    pub(crate) fn halt(&self) {
        self.is_halted.store(true, Ordering::SeqCst);
        self.wake_all();
        // The lock makes sure that a sleeper has either seen the flag or sleeps by now.
        drop(lock(&self.asleep));
        self.woken.notify_all();
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.is_halted.load(Ordering::SeqCst)
    }

    /// Adds a worker with room for so many requests.
    pub(crate) fn add(&self, waker: Waker, room: usize) -> Arc<Seat> {
        let (room, is_waiting) = (AtomicUsize::new(room), AtomicBool::new(false));
        let seat = Arc::new(Seat { waker, room, is_waiting });
        lock(&self.seats).push(Arc::clone(&seat));
        seat
    }

    /// Wakes a worker for a request that was just added: one that waits and has the most room,
    /// the workers taking turns by `turn`. Without any, all that have room: the first to
    /// come by takes the request. One without room looks for requests when it has.
    pub(crate) fn wake_one(&self, turn: usize) {
        let seats = lock(&self.seats);
        let (after, before) = seats.split_at(turn % seats.len().max(1));
        let mut best: Option<&Arc<Seat>> = None;
        for seat in before.iter().chain(after) {
            let is_better = seat.room() > best.map_or(0, |best| best.room());
            if is_better && seat.is_waiting.load(Ordering::SeqCst) {
                best = Some(seat);
            }
        }
        match best {
            Some(seat) => seat.wake(),
            None => seats.iter().filter(|seat| seat.room() > 0).for_each(|seat| seat.wake()),
        }
    }

    pub(crate) fn wake_all(&self) {
        lock(&self.seats).iter().for_each(|seat| seat.wake());
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
