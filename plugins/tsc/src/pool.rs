//! Warm workers that are shared between checks.

use std::sync::{Condvar, Mutex, MutexGuard};

use llmbench_api::{CallContext, Result};
use llmbench_plugin::node_tools::POLL;

/// Kinds of workers of which idle ones are kept.
const KINDS_KEPT: usize = 4;

/// At most `limit` workers at work, and those that wait for more of it.
pub(crate) struct Pool<W> {
    limit: usize,
    state: Mutex<State<W>>,
    freed: Condvar,
}

struct State<W> {
    busy: usize,
    /// Kind and worker; the one that worked last is last.
    idle: Vec<(String, W)>,
}

/// The right to have one worker at work, given back on drop.
pub(crate) struct Lease<'a, W> {
    pool: &'a Pool<W>,
    kind: String,
}

impl<W> Pool<W> {
    pub(crate) fn new(limit: usize) -> Self {
        let state = Mutex::new(State { busy: 0, idle: Vec::new() });
        Self { limit: limit.max(1), state, freed: Condvar::new() }
    }

    /// Waits for its turn; the worker of that kind that worked last, if one waits.
    ///
    /// # Errors
    /// `Cancelled` or `Timeout` of the call.
    pub(crate) fn take(&self, kind: &str, cx: &CallContext) -> Result<(Lease<'_, W>, Option<W>)> {
        let mut state = self.state();
        while state.busy >= self.limit {
            cx.check().map_err(|error| error.with_phase("queue"))?;
            let waited = self.freed.wait_timeout(state, POLL);
            state = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        state.busy += 1;
        let place = state.idle.iter().rposition(|(of, _)| of == kind);
        let worker = place.map(|place| state.idle.remove(place).1);
        Ok((Lease { pool: self, kind: kind.to_owned() }, worker))
    }

    /// What `look` says about the idle worker that worked last.
    pub(crate) fn peek<T>(&self, look: impl FnOnce(&W) -> T) -> Option<T> {
        self.state().idle.last().map(|(_, worker)| look(worker))
    }

    fn state(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl<W> Lease<'_, W> {
    /// Lets the worker wait for the next check.
    pub(crate) fn keep(self, worker: W) {
        let mut gone = Vec::new();
        let mut state = self.pool.state();
        state.idle.push((self.kind.clone(), worker));
        let mut kinds: Vec<&str> = Vec::new();
        for (kind, _) in state.idle.iter().rev() {
            if !kinds.contains(&kind.as_str()) {
                kinds.push(kind);
            }
        }
        if let Some(oldest) = kinds.get(KINDS_KEPT).map(|kind| (*kind).to_owned()) {
            gone.extend(state.idle.extract_if(.., |(kind, _)| *kind == oldest));
        }
        // Ending workers takes a while and needs no lock.
        drop(state);
    }
}

impl<W> Drop for Lease<'_, W> {
    fn drop(&mut self) {
        self.pool.state().busy -= 1;
        self.pool.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use llmbench_api::{CancelGuard, Control};

    use super::*;

    struct Host;

    impl Control for Host {
        fn now_ns(&self) -> u64 {
            0
        }

        fn deadline_ns(&self) -> Option<u64> {
            None
        }

        fn is_cancelled(&self) -> bool {
            true
        }

        fn progress(&self, _fraction: Option<f64>, _message: &str) {}

        fn on_cancel(&self, _wake: Box<dyn FnOnce() + Send>) -> CancelGuard {
            CancelGuard::noop()
        }
    }

    fn cancelled() -> CallContext {
        CallContext::new(Arc::new(Host))
    }

    #[test]
    fn a_worker_is_handed_out_once_and_again_when_it_is_kept() {
        let (pool, cx) = (Pool::new(2), cancelled());
        let (first, none) = pool.take("a", &cx).unwrap();
        assert_eq!(none, None);
        let (second, none) = pool.take("a", &cx).unwrap();
        assert_eq!(none, None);
        assert!(pool.take("a", &cx).is_err(), "a third one has to wait");
        first.keep(1);
        assert_eq!(pool.peek(|worker| *worker), Some(1));
        let (first, one) = pool.take("a", &cx).unwrap();
        assert_eq!(one, Some(1));
        drop((first, second));
        assert_eq!(pool.take("a", &cx).unwrap().1, None, "one that was not kept is gone");
    }

    #[test]
    fn a_worker_of_another_kind_is_of_no_use() {
        let (pool, cx) = (Pool::new(1), cancelled());
        for (number, kind) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
            let (lease, worker) = pool.take(kind, &cx).unwrap();
            assert_eq!(worker, None);
            lease.keep(number);
        }
        assert_eq!(pool.take("a", &cx).unwrap().1, None, "the oldest kind is given up");
        assert_eq!(pool.take("b", &cx).unwrap().1, Some(1));
    }
}
