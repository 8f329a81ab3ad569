//! What a run tells whoever watches it.

use llmbench_api::Sample;
use llmbench_api::record::AttemptRecord;

/// Something that happened, for a live display. Borrowed: copy what is needed.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunEvent<'a> {
    /// Work before the first attempt: a message and, where known, a fraction.
    Preparing {
        /// What is being done.
        message: &'a str,
        /// 0..=1.
        fraction: Option<f64>,
    },
    /// What will be attempted; comes before [`Self::Started`].
    Planned {
        /// Model and fixture of each attempt, in order.
        attempts: &'a [(&'a str, &'a str)],
    },
    /// The plan is made.
    Started {
        /// Attempts in it.
        attempts: usize,
    },
    /// The plan grew on the way.
    Extended {
        /// Attempts in it now.
        attempts: usize,
        /// Model and fixture of those that are new.
        added: &'a [(&'a str, &'a str)],
    },
    /// A model is being loaded and warmed up.
    Warming {
        /// Its name.
        model: &'a str,
    },
    /// An attempt starts.
    AttemptStarted {
        /// Counted from 0.
        index: usize,
        /// Model name.
        model: &'a str,
        /// Fixture name.
        fixture: &'a str,
        /// Counted from 1.
        run_number: u32,
    },
    /// A piece of the answer arrived.
    Chunk {
        /// Its size.
        bytes: usize,
        /// When, on the host's clock.
        at_ns: u64,
    },
    /// A monitor took a sample.
    Sampled {
        /// Name of the monitor.
        monitor: &'a str,
        /// The sample.
        sample: &'a Sample,
    },
    /// The answer is being judged.
    Judging {
        /// In which role.
        role: &'a str,
    },
    /// A request failed and is sent again.
    Retrying {
        /// Why.
        reason: &'a str,
    },
    /// An attempt's record is on disk.
    AttemptFinished {
        /// Counted from 0.
        index: usize,
        /// The record.
        record: &'a AttemptRecord,
    },
    /// Something that the user should know.
    Warning {
        /// What.
        message: &'a str,
    },
}

/// Receives events from several threads; must not block.
pub trait Observer: Send + Sync {
    /// Takes one event.
    fn event(&self, event: &RunEvent<'_>);
}

/// An observer that looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: &RunEvent<'_>) {}
}
