//! How far a request is, so that a limit that passes can be told apart by its phase.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use llmbench_api::{Clock, Error, ErrorKind};

/// What a request is for, as far as its limits are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// A question about the server or its models.
    Question,
    /// Making a model ready.
    Load,
    /// An answer of a model.
    Answer,
}

/// Shared between the code that runs a request and the code that gives up on it.
#[derive(Debug)]
pub(crate) struct Watch {
    work: Work,
    /// 0 until the request was handed to the network.
    sent_at_ns: AtomicU64,
    has_first_token: AtomicBool,
    pieces: AtomicUsize,
}

impl Watch {
    pub(crate) fn new(work: Work) -> Self {
        Self {
            work,
            sent_at_ns: AtomicU64::new(0),
            has_first_token: AtomicBool::new(false),
            pieces: AtomicUsize::new(0),
        }
    }

    /// Notes that the connection stands and the request is being written.
    pub(crate) fn sent(&self, clock: Clock) {
        // A clock that reads exactly 0 must not look like “not yet”.
        let now = clock.now_ns().max(1);
        let _ = self.sent_at_ns.compare_exchange(0, now, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// When the request was handed to the network, once it was.
    pub(crate) fn sent_at_ns(&self) -> Option<u64> {
        Some(self.sent_at_ns.load(Ordering::SeqCst)).filter(|at| *at > 0)
    }

    /// Notes how much has arrived.
    pub(crate) fn arrived(&self, pieces: usize) {
        self.has_first_token.store(pieces > 0, Ordering::SeqCst);
        self.pieces.store(pieces, Ordering::SeqCst);
    }

    /// True once a piece of the answer has arrived.
    pub(crate) fn has_first_token(&self) -> bool {
        self.has_first_token.load(Ordering::SeqCst)
    }

    /// `error` with the phase; a bare deadline becomes a message that says how long was waited.
    pub(crate) fn explain(&self, error: Error, what: &str, waited: Duration) -> Error {
        if error.phase.is_some() {
            return error;
        }
        let phase = self.phase();
        match error.kind {
            ErrorKind::Timeout => self.timeout(what, waited, phase),
            ErrorKind::Cancelled => error.with_phase(phase),
            _ => error,
        }
    }

    fn phase(&self) -> &'static str {
        match self.work {
            // A question has no body whose sending would be noticed.
            Work::Question => "answer",
            _ if self.sent_at_ns().is_none() => "connect",
            Work::Load => "load",
            Work::Answer if self.has_first_token() => "answer",
            Work::Answer => "first_token",
        }
    }

    fn timeout(&self, what: &str, waited: Duration, phase: &'static str) -> Error {
        let seconds = waited.as_secs_f64();
        let (message, hint) = match phase {
            "connect" => (
                format!("{what}: no connection within {seconds:.1} s"),
                "check the address (`--url`) and the network, or allow more with `--timeout`",
            ),
            "load" => (
                format!("{what}: not loaded within {seconds:.1} s"),
                "allow more with `--timeout 120s`; a large model on a slow disk takes minutes",
            ),
            "answer" if self.work == Work::Question => (
                format!("{what}: no answer within {seconds:.1} s"),
                "look whether the server hangs, or allow more with `--timeout`",
            ),
            "first_token" => (
                format!("{what}: no token within {seconds:.1} s"),
                "allow more with `--timeout 120s`; loading a large model or reading a long prompt \
                 takes time, and so does a server that is busy with other requests",
            ),
            _ => (
                format!(
                    "{what}: the answer was not complete within {seconds:.1} s ({} pieces had \
                     arrived)",
                    self.pieces.load(Ordering::SeqCst)
                ),
                "allow more with `--timeout 120s`, or ask for less with `--max-tokens`",
            ),
        };
        Error::new(ErrorKind::Timeout, message).with_hint(hint).with_phase(phase)
    }
}
