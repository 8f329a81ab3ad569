//! What has been seen since sampling began. No I/O and no clock of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use llmbench_api::{Device, Gap, Sample, Series, metric};

use super::gaps::is_gap;

/// Collects what one sampling thread sees: samples, gaps, remarks.
#[derive(Debug, Default)]
pub struct Recording {
    started_ns: u64,
    asked_ms: u64,
    interval_ms: u64,
    first_dropped_by: Option<&'static str>,
    devices: Vec<Device>,
    samples: Vec<Sample>,
    last_ns: BTreeMap<String, u64>,
    /// Device, or `None` for all, and a gap that is over.
    gaps: Vec<(Option<String>, Gap)>,
    /// Device, or `None` for all → the gap that is not over yet.
    open: BTreeMap<Option<String>, OpenGap>,
    warnings: Vec<String>,
}

/// Takes away the values that tell what was before the reading: utilisation and power.
///
/// The first reading of a GPU after a pause has nothing to say about what comes,
/// and asking can wake an idle driver, which then reports a load that nothing caused.
pub fn drop_what_looks_back(values: &mut BTreeMap<String, f64>) {
    for name in [
        metric::GPU_UTILIZATION_PERCENT,
        metric::GPU_MEMORY_UTILIZATION_PERCENT,
        metric::POWER_WATTS,
        metric::POWER_INSTANT_WATTS,
    ] {
        values.remove(name);
    }
}

#[derive(Debug)]
struct OpenGap {
    from_ns: u64,
    reasons: Vec<String>,
}

impl Recording {
    /// An empty recording that begins at `started_ns`; `asked_ms` is the
    /// interval asked for, `interval` the one in use.
    pub fn new(started_ns: u64, asked_ms: u64, interval: Duration) -> Self {
        let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        Self { started_ns, asked_ms, interval_ms, ..Self::default() }
    }

    /// Says that the first reading of `tool` is always dropped, so that a late start is explained.
    pub fn first_is_dropped_by(&mut self, tool: &'static str) {
        self.first_dropped_by = Some(tool);
    }

    /// Adds a device; its samples may follow. One that is known already stays as it is.
    pub fn add_device(&mut self, device: Device) {
        if !self.devices.iter().any(|known| known.id == device.id) {
            self.devices.push(device);
        }
    }

    /// Takes a sample. It ends the gaps of its device and those of all devices.
    pub fn keep(&mut self, sample: Sample) {
        for whose in [None, Some(sample.device.clone())] {
            if let Some(open) = self.open.remove(&whose) {
                self.close(whose, open, sample.at_ns);
            }
        }
        self.last_ns.insert(sample.device.clone(), sample.at_ns);
        self.samples.push(sample);
    }

    /// Notes that nothing can be read, for `reason`; the gap lasts until the next sample.
    pub fn fail(&mut self, reason: &str) {
        let from_ns = self.samples.last().map_or(self.started_ns, |sample| sample.at_ns);
        self.open_gap(None, from_ns, reason);
    }

    /// Notes that `device` cannot be read, for `reason`; the gap lasts until its
    /// next sample, or until the end.
    pub fn fail_device(&mut self, device: &str, reason: &str) {
        let from_ns = self.last_ns.get(device).copied().unwrap_or(self.started_ns);
        self.open_gap(Some(device.to_owned()), from_ns, reason);
    }

    /// Adds a remark, once.
    pub fn warn(&mut self, warning: impl Into<String>) {
        let warning = warning.into();
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Everything, as the series that ends at `stopped_ns`.
    pub fn finish(mut self, stopped_ns: u64) -> Series {
        let reason = self.samples.is_empty().then(|| self.reason_for_nothing(stopped_ns));
        for (whose, open) in std::mem::take(&mut self.open) {
            self.close(whose, open, stopped_ns);
        }
        let late = self.stretches(stopped_ns);
        let mut gaps: Vec<Gap> = self.gaps.into_iter().map(|(_, gap)| gap).chain(late).collect();
        gaps.sort_by_key(|gap| (gap.from_ns, gap.to_ns));
        // Devices are read one after the other: a sampler's order is that of time already.
        self.samples.sort_by_key(|sample| sample.at_ns);
        sort_by_number(&mut self.devices);
        Series {
            devices: self.devices,
            interval_ms: self.asked_ms,
            samples: self.samples,
            gaps,
            warnings: self.warnings,
            reason,
        }
    }

    fn reason_for_nothing(&self, stopped_ns: u64) -> String {
        let reasons: Vec<&str> =
            self.open.values().flat_map(|open| &open.reasons).map(String::as_str).collect();
        if !reasons.is_empty() {
            return reasons.join("; ");
        }
        let after_ms = stopped_ns.saturating_sub(self.started_ns) / 1_000_000;
        match self.first_dropped_by {
            Some(_) => format!(
                "stopped after {after_ms} ms, before the second sample; the first is always dropped"
            ),
            None => format!("stopped after {after_ms} ms, before the first sample"),
        }
    }

    /// Stretches without samples that are too long and not explained yet; devices
    /// with the same stretch share one entry.
    fn stretches(&self, stopped_ns: u64) -> Vec<Gap> {
        let too_early = match self.first_dropped_by {
            Some(tool) => {
                format!("no sample yet: {tool} was starting, and its first sample is dropped")
            }
            None => "no sample yet".to_owned(),
        };
        let mut instants = BTreeMap::<&str, Vec<u64>>::new();
        for sample in &self.samples {
            instants.entry(&sample.device).or_default().push(sample.at_ns);
        }
        let mut stretches = BTreeMap::<(u64, u64, String), Vec<&str>>::new();
        for (device, at_ns) in instants {
            let (first_ns, last_ns) = (at_ns[0], at_ns[at_ns.len() - 1]);
            let between = at_ns.windows(2).map(|pair| {
                let late_ms = pair[1].saturating_sub(pair[0]) / 1_000_000;
                let due_ms = self.interval_ms;
                let why = format!("no sample for {late_ms} ms, one was due every {due_ms} ms");
                (pair[0], pair[1], why)
            });
            let edges = [
                (self.started_ns, first_ns, too_early.clone()),
                (last_ns, stopped_ns, "no sample came any more".to_owned()),
            ];
            for stretch in between.chain(edges) {
                let (from_ns, to_ns, _) = stretch;
                let is_new = is_gap(from_ns, to_ns, self.interval_ms)
                    && !self.is_explained(device, from_ns, to_ns);
                if is_new {
                    stretches.entry(stretch).or_default().push(device);
                }
            }
        }
        let gap = |((from_ns, to_ns, why), devices): ((u64, u64, String), Vec<&str>)| Gap {
            from_ns,
            to_ns,
            reason: format!("{}: {why}", devices.join(", ")),
        };
        stretches.into_iter().map(gap).collect()
    }

    /// True when a failure that was noted lasted over the whole stretch.
    fn is_explained(&self, device: &str, from_ns: u64, to_ns: u64) -> bool {
        self.gaps.iter().any(|(whose, gap)| {
            whose.as_deref().is_none_or(|whose| whose == device)
                && gap.from_ns <= from_ns
                && to_ns <= gap.to_ns
        })
    }

    fn open_gap(&mut self, whose: Option<String>, from_ns: u64, reason: &str) {
        let open =
            self.open.entry(whose).or_insert_with(|| OpenGap { from_ns, reasons: Vec::new() });
        if !open.reasons.iter().any(|known| known == reason) {
            open.reasons.push(reason.to_owned());
        }
    }

    fn close(&mut self, whose: Option<String>, open: OpenGap, to_ns: u64) {
        let OpenGap { from_ns, reasons } = open;
        let reason = reasons.join("; ");
        let reason = match whose.as_ref().filter(|device| !reason.contains(device.as_str())) {
            Some(device) => format!("{device}: {reason}"),
            None => reason,
        };
        self.gaps.push((whose, Gap { from_ns, to_ns, reason }));
    }
}

/// Puts `gpu2` before `gpu10`; kinds of names stay in the order in which they came.
fn sort_by_number(devices: &mut [Device]) {
    fn split(id: &str) -> (&str, u64) {
        let name = id.trim_end_matches(|letter: char| letter.is_ascii_digit());
        (name, id[name.len()..].parse().unwrap_or(0))
    }
    let mut names: Vec<String> = Vec::new();
    for device in devices.iter() {
        let name = split(&device.id).0;
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    devices.sort_by_key(|device| {
        let (name, number) = split(&device.id);
        (names.iter().position(|known| known == name), number)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn recording(samples_ms: &[(&str, u64)]) -> Recording {
        let mut recording = Recording::new(0, 100, Duration::from_millis(100));
        for (device, at_ms) in samples_ms {
            let device = (*device).to_owned();
            recording.keep(Sample { at_ns: at_ms * MS, device, ..Sample::default() });
        }
        recording
    }

    fn spans(series: &Series) -> Vec<(u64, u64)> {
        series.gaps.iter().map(|gap| (gap.from_ns / MS, gap.to_ns / MS)).collect()
    }

    #[test]
    fn late_samples_leave_gaps_for_each_device() {
        let check = |samples_ms: &[(&str, u64)], expected_ms: &[(u64, u64)]| {
            let series = recording(samples_ms).finish(1_000 * MS);
            assert_eq!(spans(&series), expected_ms);
            assert_eq!(series.reason.is_some(), samples_ms.is_empty());
        };
        check(&[], &[]);
        check(&[("a", 0), ("a", 200), ("a", 400), ("a", 600), ("a", 800)], &[]);
        check(&[("a", 300), ("a", 400)], &[(0, 300), (400, 1_000)]);
        check(&[("a", 0), ("b", 500), ("a", 900), ("b", 900)], &[(0, 500), (0, 900), (500, 900)]);
        // Within the limit on either side of a sample.
        check(&[("a", 250), ("a", 500), ("a", 750)], &[]);
    }

    #[test]
    fn devices_with_the_same_stretch_share_a_gap() {
        let series = recording(&[("a", 0), ("b", 0)]).finish(900 * MS);
        assert_eq!(spans(&series), [(0, 900)]);
        assert_eq!(series.gaps[0].reason, "a, b: no sample came any more");
    }

    #[test]
    fn a_failure_is_a_gap_from_the_last_sample_to_the_next() {
        let mut recording = recording(&[("a", 100)]);
        recording.fail("the tool died");
        recording.fail("the tool hangs");
        recording.fail("the tool hangs");
        recording.keep(Sample { at_ns: 900 * MS, device: "a".into(), ..Sample::default() });
        let series = recording.finish(1_000 * MS);
        assert_eq!(spans(&series), [(100, 900)]);
        assert_eq!(series.gaps[0].reason, "the tool died; the tool hangs");
        assert_eq!(series.reason, None);
    }

    #[test]
    fn one_lost_device_is_a_gap_of_its_own_and_may_come_back() {
        let mut lost = recording(&[("gpu0", 100), ("gpu1", 100)]);
        lost.fail_device("gpu1", "it fell off the bus");
        for at_ms in [300, 500, 700, 900] {
            lost.keep(Sample { at_ns: at_ms * MS, device: "gpu0".into(), ..Sample::default() });
        }
        let series = lost.finish(1_000 * MS);
        assert_eq!(spans(&series), [(100, 1_000)]);
        assert_eq!(series.gaps[0].reason, "gpu1: it fell off the bus");

        let mut back = recording(&[("gpu0", 100)]);
        back.fail_device("gpu0", "gpu0 is lost");
        back.keep(Sample { at_ns: 800 * MS, device: "gpu0".into(), ..Sample::default() });
        let series = back.finish(900 * MS);
        assert_eq!(spans(&series), [(100, 800)]);
        assert_eq!(series.gaps[0].reason, "gpu0 is lost");
    }

    #[test]
    fn nothing_has_a_reason() {
        let mut failed = recording(&[]);
        failed.fail("the tool was not found");
        let series = failed.finish(700 * MS);
        assert_eq!(series.reason.as_deref(), Some("the tool was not found"));
        assert_eq!(spans(&series), [(0, 700)]);

        let reason = recording(&[]).finish(50 * MS).reason.unwrap();
        assert_eq!(reason, "stopped after 50 ms, before the first sample");
        let mut dropped = recording(&[]);
        dropped.first_is_dropped_by("a-tool");
        let reason = dropped.finish(50 * MS).reason.unwrap();
        assert!(reason.ends_with("the first is always dropped"), "{reason}");
    }

    #[test]
    fn remarks_are_kept_once_and_devices_are_in_the_order_of_their_numbers() {
        let mut twice = recording(&[("gpu0", 0)]);
        twice.warn("odd");
        twice.warn("odd");
        for id in ["system", "gpu10", "gpu2", "gpu2"] {
            twice.add_device(Device { id: id.into(), ..Device::default() });
        }
        let series = twice.finish(MS);
        assert_eq!(series.warnings, ["odd"]);
        let ids: Vec<&str> = series.devices.iter().map(|device| device.id.as_str()).collect();
        assert_eq!(ids, ["system", "gpu2", "gpu10"]);
    }
}
