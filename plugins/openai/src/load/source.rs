//! The orders in which requests are handed out.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Control, Job, Offsets, Source};

/// Makes the exchange of a request, by its index and the instant at which it was due.
pub(crate) type Make<'a, E> = &'a (dyn Fn(usize, Instant) -> Job<E> + Sync);

/// Hands out one request.
pub(crate) struct Single<E>(pub(crate) Mutex<Option<Job<E>>>);

impl<E: Send> Source<E> for Single<E> {
    fn take(&self, _: Instant) -> Option<Job<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn is_exhausted(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

/// Hands out the next request to whoever has room; it is due since that place is free, so that what
/// the client itself needs in between is part of its delay.
pub(crate) struct ClosedLoop<'a, E> {
    make: Make<'a, E>,
    count: usize,
    next: AtomicUsize,
}

impl<'a, E> ClosedLoop<'a, E> {
    pub(crate) fn new(count: usize, make: Make<'a, E>) -> Self {
        Self { make, count, next: AtomicUsize::new(0) }
    }
}

impl<E> Source<E> for ClosedLoop<'_, E> {
    fn take(&self, free_since: Instant) -> Option<Job<E>> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        if index >= self.count {
            // Must not wrap around, however often it is asked.
            self.next.store(self.count, Ordering::Relaxed);
            return None;
        }
        Some((self.make)(index, free_since))
    }

    fn is_exhausted(&self) -> bool {
        self.next.load(Ordering::Relaxed) >= self.count
    }
}

/// Hands out requests at the times of a schedule, however many are under way.
pub(crate) struct OpenLoop<'a, E> {
    make: Make<'a, E>,
    queue: Mutex<VecDeque<(usize, Instant)>>,
    is_over: AtomicBool,
}

impl<'a, E> OpenLoop<'a, E> {
    pub(crate) fn new(make: Make<'a, E>) -> Self {
        Self { make, queue: Mutex::default(), is_over: AtomicBool::new(false) }
    }

    /// Waits for each request's time and hands it to whichever worker has room.
    ///
    /// Returns when the last one was given out, the load was halted, or `until` has
    /// come. Then the rest is handed out at once with the times at which it would have
    /// been due, so that the workers tell its end.
    pub(crate) fn dispatch(
        &self,
        count: usize,
        offsets: Offsets,
        start: Instant,
        until: Option<Instant>,
        control: &Control,
    ) {
        let mut is_late = false;
        for (index, offset) in (0..count).zip(offsets) {
            let far = start + Duration::from_secs(365 * 24 * 3600);
            let due = start.checked_add(offset).unwrap_or(far).min(far);
            let wait_until = until.map_or(due, |until| until.min(due));
            is_late = is_late
                || !control.sleep_until(wait_until)
                || until.is_some_and(|until| due > until);
            self.queue().push_back((index, due));
            if !is_late {
                control.wake_one(index);
            }
        }
        self.is_over.store(true, Ordering::SeqCst);
        control.wake_all();
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, VecDeque<(usize, Instant)>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E> Source<E> for OpenLoop<'_, E> {
    fn take(&self, _: Instant) -> Option<Job<E>> {
        let (index, due) = self.queue().pop_front()?;
        Some((self.make)(index, due))
    }

    fn is_exhausted(&self) -> bool {
        self.is_over.load(Ordering::SeqCst) && self.queue().is_empty()
    }
}
