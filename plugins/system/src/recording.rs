//! What has been seen since sampling began. No I/O and no clock of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use llmbench_api::{Device, Gap, Sample, Series};

use crate::schedule::is_gap;

/// Collects what one sampling thread sees.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    started_ns: u64,
    asked_ms: u64,
    interval: Duration,
    devices: Vec<Device>,
    samples: Vec<Sample>,
    gaps: Vec<Gap>,
    last_ns: BTreeMap<String, u64>,
    ended: BTreeMap<String, String>,
    warnings: Vec<String>,
}

impl Recording {
    /// An empty recording that begins at `started_ns`; `asked_ms` is the
    /// interval asked for, `interval` the one in use.
    pub(crate) fn new(started_ns: u64, asked_ms: u64, interval: Duration) -> Self {
        Self { started_ns, asked_ms, interval, ..Self::default() }
    }

    /// Adds a device; its samples may follow.
    pub(crate) fn add_device(&mut self, device: Device) {
        self.devices.push(device);
    }

    /// Takes a sample, and notes a gap before it when it is late.
    pub(crate) fn keep(&mut self, sample: Sample) {
        if let Some(from_ns) = self.last_ns.insert(sample.device.clone(), sample.at_ns)
            && is_gap(from_ns, sample.at_ns, self.interval)
        {
            self.gaps.push(Gap {
                from_ns,
                to_ns: sample.at_ns,
                reason: format!(
                    "{}: no sample for {} ms, one was due every {} ms",
                    sample.device,
                    (sample.at_ns - from_ns) / 1_000_000,
                    self.interval.as_millis()
                ),
            });
        }
        self.samples.push(sample);
    }

    /// Notes that `device` will give no more samples; the gap lasts until the end.
    pub(crate) fn end_device(&mut self, device: &str, reason: String) {
        self.ended.entry(device.to_owned()).or_insert(reason);
    }

    /// Adds a remark.
    pub(crate) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Everything, as the series that ends at `stopped_ns`.
    pub(crate) fn finish(mut self, stopped_ns: u64) -> Series {
        for (device, reason) in std::mem::take(&mut self.ended) {
            let from_ns = self.last_ns.remove(&device).unwrap_or(self.started_ns);
            self.gaps.push(Gap { from_ns, to_ns: stopped_ns, reason });
        }
        for (device, from_ns) in std::mem::take(&mut self.last_ns) {
            if is_gap(from_ns, stopped_ns, self.interval) {
                let reason = format!("{device}: no sample came any more");
                self.gaps.push(Gap { from_ns, to_ns: stopped_ns, reason });
            }
        }
        self.gaps.sort_by_key(|gap| (gap.from_ns, gap.to_ns));
        let reason = self.samples.is_empty().then(|| "stopped before the first sample".to_owned());
        Series {
            devices: self.devices,
            interval_ms: self.asked_ms,
            samples: self.samples,
            gaps: self.gaps,
            warnings: self.warnings,
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn check(samples_ms: &[(&str, u64)], ended: Option<&str>, expected_ms: &[(u64, u64)]) {
        let mut recording = Recording::new(0, 100, Duration::from_millis(100));
        for (device, at_ms) in samples_ms {
            let device = (*device).to_owned();
            recording.keep(Sample { at_ns: at_ms * MS, device, ..Sample::default() });
        }
        if let Some(device) = ended {
            recording.end_device(device, "it ended".to_owned());
        }
        let series = recording.finish(1_000 * MS);
        let found: Vec<(u64, u64)> =
            series.gaps.iter().map(|gap| (gap.from_ns / MS, gap.to_ns / MS)).collect();
        assert_eq!(found, expected_ms);
        assert_eq!(series.reason.is_some(), samples_ms.is_empty());
    }

    #[test]
    fn late_samples_leave_gaps_for_each_device() {
        check(&[], None, &[]);
        check(&[("system", 800), ("system", 1_000)], None, &[]);
        check(
            &[("system", 0), ("process", 500), ("system", 900), ("process", 900)],
            None,
            &[(0, 900), (500, 900)],
        );
        check(&[("system", 700)], None, &[(700, 1_000)]);
    }

    #[test]
    fn an_ended_device_is_a_gap_until_the_end() {
        check(&[("system", 900), ("process", 900)], Some("process"), &[(900, 1_000)]);
        check(&[("system", 900)], Some("process"), &[(0, 1_000)]);
    }
}
