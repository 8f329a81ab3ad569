//! A private tokio runtime for plugins that speak to servers.
//!
//! No future, waker or handle ever crosses the border: the host calls from a
//! blocking thread, and the plugin's async code runs here, in its own library.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use llmbench_api::{CallContext, Error, ErrorKind, Result};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

/// The library's runtime, started at the first use.
///
/// # Panics
/// If the system refuses to start threads; the panic guard turns it into an error.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("llmbench-plugin")
            .enable_all()
            .build()
            .expect("the system can start the runtime's threads")
    })
}

/// Runs `work` to its end on this thread, or drops it when the call is
/// cancelled or its deadline passes.
///
/// # Errors
/// Those of `work`; [`ErrorKind::Cancelled`] or [`ErrorKind::Timeout`] otherwise.
pub fn block_on<T>(cx: &CallContext, work: impl Future<Output = Result<T>>) -> Result<T> {
    let woken = Arc::new(Notify::new());
    let waker = Arc::clone(&woken);
    let _registered = cx.on_cancel(move || waker.notify_one());
    runtime().block_on(async {
        let expired = async {
            match cx.deadline() {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            result = work => result,
            () = woken.notified() => Err(Error::new(ErrorKind::Cancelled, "cancelled")),
            () = expired => Err(Error::new(ErrorKind::Timeout, "the deadline has passed")),
        }
    })
}
