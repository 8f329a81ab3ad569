//! Exit codes, a documented one for each cause.

/// How the program ends. The numbers are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Everything was done. A low score is a result, not an error.
    Done = 0,
    /// Something unexpected: a fault of llmbench itself.
    Unexpected = 1,
    /// Wrong arguments or settings.
    Usage = 2,
    /// Server, model, toolchain, fixture or output folder is not ready.
    NotReady = 3,
    /// The run finished, but attempts have no score (infrastructure, time-out, invalid).
    AttemptsLost = 4,
    /// A score is below `--fail-under`, or a comparison shows a regression.
    BelowThreshold = 5,
    /// A plugin was refused or failed.
    Plugin = 6,
    /// Interrupted by the user; finished attempts are kept.
    Interrupted = 130,
}

impl From<ExitCode> for i32 {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
