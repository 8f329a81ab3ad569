//! Monitors: whatever watches the hardware during a generation.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{CallContext, Result};

/// Watches hardware in a thread of its own.
pub trait Monitor: Send + Sync + 'static {
    /// What can be watched here. Must answer within its context's deadline, even
    /// when a driver hangs.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`] with the reason when there is nothing to watch.
    fn probe(&self, cx: &CallContext) -> Result<MonitorInfo>;

    /// Starts sampling; samples also go to `sink` as they come.
    ///
    /// Returns when every device was read once, so that readings enclose what follows, but waits
    /// two seconds at most: a driver that hangs must not hold up a run. `llmbench_plugin::sampling`
    /// does this for a monitor.
    ///
    /// # Errors
    /// When sampling cannot start, or is already under way.
    fn start(
        &self,
        options: &MonitorOptions,
        sink: std::sync::Arc<dyn SampleSink>,
        cx: &CallContext,
    ) -> Result<()>;

    /// Stops sampling and returns everything since `start`, oldest first.
    ///
    /// Failures while sampling are gaps in the series, not errors.
    ///
    /// # Errors
    /// When sampling was not under way.
    fn stop(&self, cx: &CallContext) -> Result<Series>;
}

/// How to sample.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MonitorOptions {
    /// Time between two samples.
    pub interval_ms: u64,
    /// The process that computes, where it is known.
    pub process_id: Option<u32>,
}

impl MonitorOptions {
    /// Time between two samples.
    pub fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms)
    }
}

/// What kind of thing a device is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// A graphics or compute accelerator.
    Gpu,
    /// The whole machine.
    System,
    /// One process.
    Process,
    /// A processor package.
    Cpu,
    /// A kind that this version does not know.
    #[default]
    #[serde(other)]
    Other,
}

/// A thing that is watched.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Device {
    /// Name of the device in samples, for example `gpu0`, unique in a series.
    pub id: String,
    /// What it is.
    pub kind: DeviceKind,
    /// Product name.
    pub name: String,
    /// Facts that do not change: driver, UUID, memory size, power limit … with units in the keys.
    pub facts: BTreeMap<String, String>,
}

/// What a monitor can watch here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct MonitorInfo {
    /// The devices.
    pub devices: Vec<Device>,
    /// The tool or library behind it, with its version.
    pub source: String,
    /// Remarks for the user.
    pub notes: Vec<String>,
}

/// Names of values in samples. A monitor may add others; keep the unit in the name.
pub mod metric {
    /// Share of time in which the GPU computed, 0..=100.
    pub const GPU_UTILIZATION_PERCENT: &str = "gpu_utilization_percent";
    /// Share of time in which GPU memory was read or written, 0..=100.
    pub const GPU_MEMORY_UTILIZATION_PERCENT: &str = "gpu_memory_utilization_percent";
    /// Memory in use (GPU memory on a GPU, resident memory on a process).
    pub const MEMORY_USED_BYTES: &str = "memory_used_bytes";
    /// Memory there is.
    pub const MEMORY_TOTAL_BYTES: &str = "memory_total_bytes";
    /// Electrical power.
    pub const POWER_WATTS: &str = "power_watts";
    /// Energy since an arbitrary start.
    pub const ENERGY_JOULES: &str = "energy_joules";
    /// Electrical power over the last moment, where [`POWER_WATTS`] is a mean over a longer one.
    pub const POWER_INSTANT_WATTS: &str = "power_instant_watts";
    /// Temperature of the chip.
    pub const TEMPERATURE_CELSIUS: &str = "temperature_celsius";
    /// Clock of the streaming multiprocessors.
    pub const CLOCK_SM_MHZ: &str = "clock_sm_mhz";
    /// Clock of the memory.
    pub const CLOCK_MEMORY_MHZ: &str = "clock_memory_mhz";
    /// 1 when the hardware slowed itself down (heat or power brake), else 0.
    pub const THROTTLED: &str = "throttled";
    /// 1 when the software power limit was in effect, else 0.
    pub const POWER_CAPPED: &str = "power_capped";
    /// Reasons for the clocks as a bit mask, as the driver gives it.
    pub const CLOCK_REASONS_MASK: &str = "clock_reasons_mask";
    /// Temperature of the memory.
    pub const MEMORY_TEMPERATURE_CELSIUS: &str = "memory_temperature_celsius";
    /// Performance state as NVIDIA counts it, 0 (fastest) to 15.
    pub const PERFORMANCE_STATE: &str = "performance_state";
    /// Received over PCIe by the device.
    pub const PCIE_RECEIVED_BYTES_PER_SECOND: &str = "pcie_received_bytes_per_second";
    /// Sent over PCIe by the device.
    pub const PCIE_SENT_BYTES_PER_SECOND: &str = "pcie_sent_bytes_per_second";
    /// Memory of the device that the server's process and what it started hold.
    pub const SERVER_MEMORY_BYTES: &str = "server_memory_bytes";
    /// Memory of the device that all other processes hold.
    pub const OTHER_PROCESSES_MEMORY_BYTES: &str = "other_processes_memory_bytes";
    /// Number of processes that compute on the device and are not the server's.
    pub const OTHER_PROCESSES: &str = "other_processes";
    /// CPU use; 100 is all cores of the machine for the system, one core for a process.
    pub const CPU_PERCENT: &str = "cpu_percent";
}

/// Bits of [`metric::CLOCK_REASONS_MASK`] on NVIDIA GPUs, from `nvmlClocksEventReason*` in
/// NVIDIA's `nvml.h`.
pub mod nvidia_clock_reason {
    use super::metric;

    /// The hardware slowed itself down: hardware slowdown (0x8), software thermal slowdown
    /// (0x20), hardware thermal slowdown (0x40), hardware power brake (0x80).
    pub const THROTTLED_BITS: u64 = 0x8 | 0x20 | 0x40 | 0x80;
    /// The software power limit holds the clocks down: usual under load on many cards, so it
    /// is kept apart from throttling.
    pub const POWER_CAPPED_BIT: u64 = 0x4;

    /// What `mask` says, as values of a sample.
    pub fn values(mask: u64) -> [(&'static str, f64); 3] {
        let flag = |bits: u64| if mask & bits == 0 { 0.0 } else { 1.0 };
        [
            (metric::CLOCK_REASONS_MASK, mask as f64),
            (metric::THROTTLED, flag(THROTTLED_BITS)),
            (metric::POWER_CAPPED, flag(POWER_CAPPED_BIT)),
        ]
    }
}

/// Values of one device at one moment; what could not be read is not in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When it was taken, on the host's clock.
    pub at_ns: u64,
    /// [`Device::id`].
    pub device: String,
    /// Name (see [`metric`]) → value.
    pub values: BTreeMap<String, f64>,
}

/// A stretch without samples.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// Last moment known to be good.
    pub from_ns: u64,
    /// First moment known to be good again.
    pub to_ns: u64,
    /// Why.
    pub reason: String,
}

/// Everything between `start` and `stop`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Series {
    /// The devices that occur in samples.
    pub devices: Vec<Device>,
    /// The interval asked for.
    pub interval_ms: u64,
    /// Oldest first.
    pub samples: Vec<Sample>,
    /// Stretches in which samples should have been and were not.
    pub gaps: Vec<Gap>,
    /// Remarks that bear on validity.
    pub warnings: Vec<String>,
    /// Why there is nothing, when there is nothing.
    pub reason: Option<String>,
}

/// Receives samples as they are taken, for the live display.
pub trait SampleSink: Send + Sync + 'static {
    /// Takes one sample; must not block.
    fn sample(&self, sample: &Sample);
}
