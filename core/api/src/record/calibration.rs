//! How exact this machine's own measuring is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What `llmbench doctor --calibrate` found: the client's own error and capacity, on
/// one machine, against a loopback server with an exact schedule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Calibration {
    /// When it was measured, UTC, RFC 3339.
    pub measured_at: String,
    /// Version of llmbench that was measured.
    pub llmbench_version: String,
    /// Processor that it was measured on.
    pub cpu: Option<String>,
    /// Logical processors.
    pub logical_cpus: Option<u64>,
    /// Load average over one minute when it began: a busy machine measures worse.
    pub load_average_1min: Option<f64>,
    /// Errors, by the number of streams at a time.
    pub streams: Vec<StreamCalibration>,
    /// Most of these streams at which the first token's error kept within
    /// [`Calibration::MOST_MEAN_ERROR_MS`] on average and [`Calibration::MOST_P99_ERROR_MS`]
    /// for 99 of 100.
    pub certified_streams: Option<u64>,
    /// Pieces of streams that the client takes in a second, at 32 streams.
    pub chunks_per_sec: Option<f64>,
    /// Processor time of the client for each of these pieces.
    pub cpu_us_per_chunk: Option<f64>,
    /// Requests with an answer of one token that the client makes in a second, at 32 streams.
    pub requests_per_sec: Option<f64>,
    /// Field name → why it is absent.
    pub missing: BTreeMap<String, String>,
}

impl Calibration {
    /// Mean error of the first token up to which a number of streams is certified.
    pub const MOST_MEAN_ERROR_MS: f64 = 0.5;
    /// Error of the first token, for 99 of 100, up to which a number of streams is certified.
    pub const MOST_P99_ERROR_MS: f64 = 1.0;
}

/// The client's error at one number of streams.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct StreamCalibration {
    /// Streams at a time.
    pub streams: u64,
    /// Answers that were measured.
    pub answers: u64,
    /// The client's instant of a first token, less the instant at which it was sent.
    pub ttft_error_ms: ErrorFigures,
    /// Difference between a gap as the client saw it and as it was sent, without its sign.
    pub itl_error_us: ErrorFigures,
    /// Mean gap as the client saw it, less the mean gap as it was sent.
    pub mean_itl_error_us: f64,
}

/// How large errors are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ErrorFigures {
    /// Arithmetic mean.
    pub mean: f64,
    /// Half of the errors are at most this.
    pub median: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}
