//! Calls into a plugin that may never return.
//!
//! A synchronous hang inside a plugin cannot be stopped from outside. Each long
//! call therefore runs on a thread of its own; when it overstays its deadline
//! by a grace period, the thread is left behind and the call counts as failed.

use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use llmbench_api::{CallContext, Error, ErrorKind, Result};

/// How long a plugin may take to notice its deadline or a cancellation.
const GRACE: Duration = Duration::from_secs(5);

/// Runs `work`, at most until the deadline of `cx` and a grace period have passed.
///
/// # Errors
/// Those of `work`; kind `Timeout` with phase `hang` when it did not come back.
pub fn bounded<T: Send + 'static>(
    what: &str,
    cx: &CallContext,
    work: impl FnOnce(&CallContext) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = channel();
    let inner = cx.clone();
    let thread = std::thread::Builder::new().name(format!("call {what}"));
    let spawned = thread.spawn(move || {
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| work(&inner)));
        let _ = sender.send(
            outcome.unwrap_or_else(|_| Err(Error::new(ErrorKind::Panicked, "the call panicked"))),
        );
    });
    if let Err(error) = spawned {
        return Err(Error::new(ErrorKind::Internal, "cannot start a thread").with_cause(&error));
    }
    loop {
        // A cancellation shortens the wait: look from time to time.
        match receiver.recv_timeout(Duration::from_millis(200)) {
            Ok(outcome) => return outcome,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::new(
                    ErrorKind::Internal,
                    "the call's thread ended without a result",
                ));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        let overdue = cx.deadline().is_some_and(|deadline| deadline.elapsed() > GRACE);
        if overdue {
            return Err(hung(what));
        }
        if cx.is_cancelled() {
            return receiver
                .recv_timeout(GRACE)
                .unwrap_or_else(|_| Err(Error::new(ErrorKind::Cancelled, "cancelled")));
        }
    }
}

fn hung(what: &str) -> Error {
    Error::new(
        ErrorKind::Timeout,
        format!(
            "{what} did not return {} s after its deadline; its thread is left behind",
            GRACE.as_secs()
        ),
    )
    .with_phase("hang")
}
