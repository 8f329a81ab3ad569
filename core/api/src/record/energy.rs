//! Energy in records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How an energy was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EnergySource {
    /// Difference of the device's own energy counter.
    Counter,
    /// Area under power samples (trapezoid rule): peaks between them are not seen.
    Estimated,
}

impl EnergySource {
    /// The word as it stands in the files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Estimated => "estimated",
        }
    }
}

/// Energy of one device during the generations of an attempt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct EnergyStats {
    /// The energy.
    pub joules: Option<f64>,
    /// How it was found.
    pub source: Option<EnergySource>,
    /// What the device drew before the run.
    pub idle_watts: Option<f64>,
    /// `joules` − `idle_watts` × seconds of generation; below 0 where the device drew less than before.
    pub above_idle_joules: Option<f64>,
    /// Why `joules` is absent, or why it is an estimate although there is a counter.
    pub reason: Option<String>,
}

/// What the devices of a monitor drew before the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct IdleRecord {
    /// For how long it was measured.
    pub measured_sec: f64,
    /// Device → its idle draw, where it tells energy or power.
    pub devices: BTreeMap<String, IdleDevice>,
    /// Why nothing was measured.
    pub reason: Option<String>,
}

/// The idle draw of one device.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct IdleDevice {
    /// Mean power.
    pub power_watts: Option<f64>,
    /// From the counter, or from power samples.
    pub source: Option<EnergySource>,
    /// Mean utilisation meanwhile; above 5 % the device is not taken for idle.
    pub utilization_percent: Option<f64>,
    /// Why `power_watts` is absent.
    pub reason: Option<String>,
}
