//! The private runtime ends work when the call is cancelled or its deadline passes.
#![cfg(feature = "runtime")]
#![allow(missing_docs, reason = "a test program")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use llmbench_plugin::guard::guard;
use llmbench_plugin::runtime::block_on;
use llmbench_plugin::{CallContext, CancelGuard, Control, Error, ErrorKind, Result};

/// A host that cancels at the first report of progress.
struct Host {
    started: Instant,
    deadline_ns: Option<u64>,
    cancelled: AtomicBool,
    callback: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Host {
    fn new(deadline_ns: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            deadline_ns,
            cancelled: AtomicBool::new(false),
            callback: Mutex::default(),
        })
    }

    fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        let callback = self.callback.lock().unwrap().take();
        if let Some(callback) = callback {
            callback();
        }
    }
}

impl Control for Host {
    fn now_ns(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.deadline_ns
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// A report from the future is the sign that it runs, and so the moment to cancel.
    fn progress(&self, _: Option<f64>, _: &str) {
        self.cancel();
    }

    fn on_cancel(&self, wake: Box<dyn FnOnce() + Send>) -> CancelGuard {
        if self.is_cancelled() {
            wake();
        } else {
            *self.callback.lock().unwrap() = Some(wake);
        }
        CancelGuard::noop()
    }
}

/// Sets its flag when the future that holds it is dropped.
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

async fn for_ever() -> Result<()> {
    std::future::pending().await
}

fn kind(result: Result<()>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

#[test]
fn a_result_and_an_error_come_back_as_they_are() {
    let cx = CallContext::new(Host::new(None));
    assert_eq!(block_on(&cx, async { Ok(7) }), Ok(7));
    let sleep = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok("slept")
    };
    assert_eq!(block_on(&cx, sleep), Ok("slept"), "time works inside");
    let error = Error::new(ErrorKind::Busy, "try later").with_phase("connect");
    assert_eq!(block_on::<()>(&cx, async { Err(error.clone()) }), Err(error));
}

#[test]
fn cancelling_drops_the_future() {
    let host = Host::new(None);
    let cx = CallContext::new(host);
    let dropped = Arc::new(AtomicBool::new(false));
    let held = Dropped(Arc::clone(&dropped));
    let result = block_on(&cx, async {
        let _held = held;
        cx.progress(None, "under way");
        for_ever().await
    });
    assert_eq!(kind(result), Some(ErrorKind::Cancelled));
    assert!(dropped.load(Ordering::SeqCst));
}

#[test]
fn a_call_that_is_cancelled_before_it_begins_ends_at_once() {
    let host = Host::new(None);
    host.cancel();
    assert_eq!(kind(block_on(&CallContext::new(host), for_ever())), Some(ErrorKind::Cancelled));
}

#[test]
fn a_deadline_ends_the_future() {
    for deadline_ns in [0, 1_000_000] {
        let cx = CallContext::new(Host::new(Some(deadline_ns)));
        assert_eq!(kind(block_on(&cx, for_ever())), Some(ErrorKind::Timeout), "{deadline_ns}");
    }
    let cx = CallContext::new(Host::new(Some(0)));
    assert_eq!(block_on(&cx, async { Ok(1) }), Ok(1), "what is ready at once still counts");
}

#[test]
fn a_panic_in_the_future_leaves_the_runtime_usable() {
    let cx = CallContext::new(Host::new(None));
    let error = guard(|| block_on::<()>(&cx, async { panic!("boom") })).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Panicked);
    assert_eq!(block_on(&cx, async { Ok(1) }), Ok(1));
}
