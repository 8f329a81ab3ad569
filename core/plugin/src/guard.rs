//! The panic guard and the JSON ends of every raw call.
//!
//! Every entry of a plugin, and every callback into the host, runs inside
//! [`guard`]. It only works when the code unwinds; the handshake refuses
//! plugins built with `panic = "abort"`.

use std::any::Any;
use std::cell::RefCell;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

use abi_stable::std_types::{RErr, ROk, RString};
use llmbench_abi::{RawError, RawResult};
use llmbench_api::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Where the latest panic of this thread happened, for the error that reports it.
#[derive(Default)]
struct PanicPlace {
    location: String,
    backtrace: Option<String>,
}

thread_local! {
    static LAST_PANIC: RefCell<Option<PanicPlace>> = const { RefCell::new(None) };
}

/// Makes panics of this library report through errors and the log instead of stderr.
///
/// Each dynamic library has a standard library and so a panic hook of its own.
pub(crate) fn install_panic_hook() {
    std::panic::set_hook(Box::new(remember_panic));
}

fn remember_panic(info: &PanicHookInfo<'_>) {
    let location = info
        .location()
        .map(|place| format!("{}:{}", place.file(), place.line()))
        .unwrap_or_else(|| "an unknown place".into());
    let wanted = std::env::var("RUST_BACKTRACE").is_ok_and(|value| value != "0");
    let backtrace = wanted.then(|| std::backtrace::Backtrace::force_capture().to_string());
    tracing::debug!(location, "panic: {}", info.payload_as_str().unwrap_or("(no message)"));
    let _ =
        LAST_PANIC.try_with(|last| *last.borrow_mut() = Some(PanicPlace { location, backtrace }));
}

/// Runs `work`; a panic inside it becomes an error of kind `Panicked`.
pub fn guard<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(panic_error(payload)))
}

/// Runs `work`; a panic inside it yields `fallback`.
pub fn guard_or<T>(fallback: T, work: impl FnOnce() -> T) -> T {
    guard(|| Ok(work())).unwrap_or(fallback)
}

/// Keeps a value whose destructor is foreign code, and runs that inside [`guard`].
///
/// Raw objects are dropped by the other side of the border, through a function
/// that must not unwind.
pub(crate) struct Guarded<T>(Option<T>);

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }
}

impl<T> Deref for Guarded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("taken out only by drop")
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        guard_or((), || drop(value));
    }
}

fn panic_error(payload: Box<dyn Any + Send>) -> Error {
    // First of all: whatever runs below may panic itself and overwrite it.
    let place = LAST_PANIC.try_with(|last| last.borrow_mut().take()).ok().flatten();
    let place = place.unwrap_or_default();
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "(no message)".into());
    // Dropping a payload runs foreign code once more, which may panic again;
    // what it throws is leaked, because dropping that could go on for ever.
    if let Err(thrown) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        std::mem::forget(thrown);
    }
    let at =
        if place.location.is_empty() { String::new() } else { format!(" at {}", place.location) };
    let mut error = Error::new(ErrorKind::Panicked, format!("panicked{at}: {message}"));
    error.backtrace = place.backtrace;
    error
}

/// A raw result without a value.
pub(crate) fn to_raw<T>(work: impl FnOnce() -> Result<T>) -> RawResult<T> {
    match guard(work) {
        Ok(value) => ROk(value),
        Err(error) => {
            let json = serde_json::to_string(&error).unwrap_or_else(|_| error.message.clone());
            RErr(RawError { json: json.into() })
        }
    }
}

/// A raw result with a value as JSON.
pub(crate) fn to_raw_json<T: Serialize>(work: impl FnOnce() -> Result<T>) -> RawResult<RString> {
    to_raw(|| encode(&work()?).map(RString::from))
}

/// A raw result of plugin `plugin` as a plain one; names the plugin in the error.
pub(crate) fn from_raw<T>(plugin: &str, result: RawResult<T>) -> Result<T> {
    match result {
        ROk(value) => Ok(value),
        RErr(raw) => {
            let mut error: Error = serde_json::from_str(&raw.json)
                .unwrap_or_else(|_| Error::new(ErrorKind::Internal, raw.json.to_string()));
            error.plugin.get_or_insert_with(|| plugin.to_owned());
            Err(error)
        }
    }
}

/// As [`from_raw`], with the value parsed.
pub(crate) fn from_raw_json<T: DeserializeOwned>(
    plugin: &str,
    result: RawResult<RString>,
) -> Result<T> {
    let text = from_raw(plugin, result)?;
    decode(&text).map_err(|mut error| {
        error.plugin = Some(plugin.to_owned());
        error
    })
}

/// `value` as JSON text.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        Error::new(ErrorKind::Internal, "a value cannot be written as JSON").with_cause(&error)
    })
}

/// JSON text from the other side as a value.
pub(crate) fn decode<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        Error::new(
            ErrorKind::Protocol,
            format!(
                "the other side of the plugin border sent unexpected JSON for {}",
                std::any::type_name::<T>()
            ),
        )
        .with_cause(&error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let error = guard::<()>(|| panic!("boom {}", 7)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Panicked);
        assert!(error.message.contains("boom 7"), "{}", error.message);
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_contained() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("second");
            }
        }
        let error = guard::<()>(|| std::panic::panic_any(Bomb)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Panicked);
    }

    #[test]
    fn a_payload_that_throws_its_like_when_dropped_is_contained() {
        struct Chain(u32);
        impl Drop for Chain {
            fn drop(&mut self) {
                if self.0 > 0 {
                    std::panic::panic_any(Chain(self.0 - 1));
                }
            }
        }
        let error = guard::<()>(|| std::panic::panic_any(Chain(3))).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Panicked);
    }

    #[test]
    fn a_guarded_value_may_panic_when_dropped() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("boom");
            }
        }
        drop(Guarded::new(Bomb));
    }
}
