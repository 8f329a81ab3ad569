//! What the monitors saw while an attempt was answered, as far as reports need it.

use llmbench_api::metric;
use llmbench_api::record::{MonitorStats, RunManifest};

use crate::Attempt;

/// Device of a monitor that is the whole machine.
const SYSTEM: &str = "system";
/// Device of a monitor that is the process that computes.
const PROCESS: &str = "process";

/// Share of the processors from which on other programs make speeds doubtful.
pub(crate) const BUSY_SHARE: f64 = 0.2;

/// Use of the processors during an attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CpuUse {
    /// Of the whole machine, 0–1.
    pub machine_share: f64,
    /// Cores that the process that computes kept busy, with everything it started.
    pub process_cores: f64,
}

impl CpuUse {
    /// The share of `cpus` processors that neither idled nor worked for the model, 0–1.
    pub fn others_share(self, cpus: u64) -> f64 {
        (self.machine_share - self.process_cores / cpus.max(1) as f64).clamp(0.0, 1.0)
    }
}

/// What is kept of the monitors.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Watched {
    /// The worst GPU's share of throttled samples.
    pub(crate) throttled_share: Option<f64>,
    /// Most memory that the process that computes had in use.
    pub(crate) process_peak_bytes: Option<f64>,
    pub(crate) cpu: Option<CpuUse>,
}

impl From<&[MonitorStats]> for Watched {
    fn from(monitors: &[MonitorStats]) -> Self {
        let devices = || monitors.iter().flat_map(|monitor| &monitor.devices);
        let of = |device: &'static str, name: &'static str| {
            let own = devices().filter(move |(found, _)| *found == device);
            own.filter_map(move |(_, stats)| stats.get(name))
        };
        let shares = devices().filter_map(|(_, stats)| Some(stats.get(metric::THROTTLED)?.mean));
        let peaks = of(PROCESS, metric::MEMORY_USED_BYTES).map(|stats| stats.max);
        let cpu = |device| of(device, metric::CPU_PERCENT).next().map(|stats| stats.mean / 100.0);
        Self {
            throttled_share: shares.filter(|share| share.is_finite()).reduce(f64::max),
            process_peak_bytes: peaks.filter(|peak| peak.is_finite()).reduce(f64::max),
            cpu: cpu(SYSTEM)
                .zip(cpu(PROCESS))
                .map(|(machine_share, process_cores)| CpuUse { machine_share, process_cores }),
        }
    }
}

/// The mean share of the processors that other programs used during `attempts`; `None` where no
/// monitor told both the machine's use and that of the process that computes.
pub(crate) fn others_share<'a>(
    manifest: &RunManifest,
    attempts: impl IntoIterator<Item = &'a Attempt>,
) -> Option<f64> {
    let cpus = manifest.environment.logical_cpus?;
    let shares = attempts.into_iter().filter_map(|attempt| Some(attempt.cpu?.others_share(cpus)));
    crate::stats::mean(&shares.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use llmbench_api::record::MetricStats;

    use super::*;
    use crate::testing::{manifest, scored};
    use crate::{attempts, summarise};

    fn warnings(machine_percent: f64, process_percent: f64) -> Vec<String> {
        let mut record = scored("m", "f", 1, 5.0);
        let stats = |percent: f64| {
            let stats = MetricStats { n: 4, mean: percent, min: percent, max: percent };
            BTreeMap::from([(metric::CPU_PERCENT.to_owned(), stats)])
        };
        record.monitors = vec![MonitorStats {
            devices: BTreeMap::from([
                (SYSTEM.to_owned(), stats(machine_percent)),
                (PROCESS.to_owned(), stats(process_percent)),
            ]),
            ..MonitorStats::default()
        }];
        summarise(&manifest(&["m"], &["f"], 1), &attempts(&[record])).warnings
    }

    #[test]
    fn a_machine_that_works_for_others_is_told() {
        // Of 16 processors the model has 8 and others have 4.
        let found = warnings(75.0, 800.0);
        assert!(found.iter().any(|text| text.contains("25 % of the processors")), "{found:?}");
        assert_eq!(warnings(69.0, 800.0), Vec::<String>::new());
    }

    #[test]
    fn a_reading_that_lags_behind_is_no_negative_share() {
        let lagging = CpuUse { machine_share: 0.2, process_cores: 8.0 };
        assert_eq!(lagging.others_share(16), 0.0);
    }
}
