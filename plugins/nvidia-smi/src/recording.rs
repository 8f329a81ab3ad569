//! What has been seen since sampling began: samples, gaps, remarks.

use std::collections::BTreeMap;

use llmbench_api::{Device, Gap, Sample, Series};

use crate::gaps::{find_gaps, is_gap};
use crate::reading::Reading;
use crate::row::RowError;

/// Collects what one sampling thread sees. No I/O and no clock of its own.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    started_ns: u64,
    interval_ms: u64,
    devices: BTreeMap<u32, Device>,
    samples: Vec<Sample>,
    gaps: Vec<Gap>,
    open: Option<OpenGap>,
    rejected_rows: u64,
    rejected_example: Option<String>,
    warnings: Vec<String>,
}

#[derive(Debug)]
struct OpenGap {
    from_ns: u64,
    reasons: Vec<String>,
}

impl Recording {
    /// An empty recording that begins at `started_ns`.
    pub(crate) fn new(started_ns: u64, interval_ms: u64) -> Self {
        Self { started_ns, interval_ms, ..Self::default() }
    }

    /// Takes the facts of a reading whose values are not kept.
    pub(crate) fn know(&mut self, reading: &Reading) {
        self.devices.entry(reading.index).or_insert_with(|| reading.device.clone());
        for remark in reading.remarks() {
            self.warn(remark);
        }
    }

    /// Takes a reading as a sample of `at_ns`, and gives that sample back. It
    /// ends the gap that was open.
    pub(crate) fn keep(&mut self, reading: &Reading, at_ns: u64) -> Sample {
        self.know(reading);
        self.close(at_ns);
        let sample =
            Sample { at_ns, device: reading.device.id.clone(), values: reading.values.clone() };
        self.samples.push(sample.clone());
        sample
    }

    /// Notes that nothing can be read, for `reason`; the gap lasts until the next sample.
    pub(crate) fn fail(&mut self, reason: &str) {
        let from_ns = self.samples.last().map_or(self.started_ns, |sample| sample.at_ns);
        let open = self.open.get_or_insert_with(|| OpenGap { from_ns, reasons: Vec::new() });
        if !open.reasons.iter().any(|known| known == reason) {
            open.reasons.push(reason.to_owned());
        }
    }

    /// Counts `lines` lines that are no rows; `error` is about the first of them.
    pub(crate) fn reject(&mut self, error: &RowError, lines: u64) {
        self.rejected_rows += lines;
        self.rejected_example.get_or_insert_with(|| error.to_string());
    }

    /// Adds a remark, once.
    pub(crate) fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Everything, as the series that ends at `stopped_ns`.
    pub(crate) fn finish(mut self, stopped_ns: u64) -> Series {
        let reason = self.reason_for_nothing(stopped_ns);
        self.close(stopped_ns);
        let found = find_gaps(&self.samples, self.interval_ms);
        self.add_unless_covered(found);
        if let (Some(first), Some(last)) = (self.samples.first(), self.samples.last()) {
            let (first_ns, last_ns) = (first.at_ns, last.at_ns);
            let edges = [
                (
                    self.started_ns,
                    first_ns,
                    "no sample yet: nvidia-smi was starting, and its first sample is dropped",
                ),
                (last_ns, stopped_ns, "no sample came any more"),
            ];
            self.add_unless_covered(
                edges
                    .into_iter()
                    .filter(|(from_ns, to_ns, _)| is_gap(*from_ns, *to_ns, self.interval_ms))
                    .map(|(from_ns, to_ns, why)| Gap { from_ns, to_ns, reason: why.to_owned() })
                    .collect(),
            );
        }
        self.gaps.sort_by_key(|gap| (gap.from_ns, gap.to_ns));
        if let Some(example) = self.rejected_example {
            self.warnings.push(format!(
                "{} line(s) of nvidia-smi were not used; the first: {example}",
                self.rejected_rows
            ));
        }
        Series {
            devices: self.devices.into_values().collect(),
            interval_ms: self.interval_ms,
            samples: self.samples,
            gaps: self.gaps,
            warnings: self.warnings,
            reason,
        }
    }

    fn reason_for_nothing(&self, stopped_ns: u64) -> Option<String> {
        if !self.samples.is_empty() {
            return None;
        }
        Some(match &self.open {
            Some(open) => open.reasons.join("; "),
            None => format!(
                "stopped after {} ms, before the second sample; the first is always dropped",
                stopped_ns.saturating_sub(self.started_ns) / 1_000_000
            ),
        })
    }

    fn close(&mut self, to_ns: u64) {
        if let Some(open) = self.open.take() {
            self.gaps.push(Gap { from_ns: open.from_ns, to_ns, reason: open.reasons.join("; ") });
        }
    }

    fn add_unless_covered(&mut self, found: Vec<Gap>) {
        for gap in found {
            let covered = self
                .gaps
                .iter()
                .any(|known| known.from_ns <= gap.from_ns && gap.to_ns <= known.to_ns);
            if !covered {
                self.gaps.push(gap);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;

    const MS: u64 = 1_000_000;

    fn reading() -> Reading {
        let columns = Query::full();
        let line = "0, GPU-0, NVIDIA L40S, 595.80, [N/A], P0, 9, 2, 46068, 1235, 54, 110.23, \
                    112.38, 350.00, 2520, 9001, 0x0000000000000000";
        Reading::parse(columns.columns(), line).unwrap()
    }

    fn spans(series: &Series) -> Vec<(u64, u64)> {
        series.gaps.iter().map(|gap| (gap.from_ns / MS, gap.to_ns / MS)).collect()
    }

    #[test]
    fn a_failure_is_a_gap_from_the_last_sample_to_the_next() {
        let mut recording = Recording::new(0, 100);
        recording.keep(&reading(), 100 * MS);
        recording.fail("the tool died");
        recording.fail("the tool hangs");
        recording.fail("the tool hangs");
        recording.keep(&reading(), 900 * MS);
        let series = recording.finish(1_000 * MS);
        assert_eq!(spans(&series), [(100, 900)]);
        assert_eq!(series.gaps[0].reason, "the tool died; the tool hangs");
        assert_eq!(series.samples.len(), 2);
        assert_eq!(series.reason, None);
    }

    #[test]
    fn nothing_has_a_reason() {
        let mut failed = Recording::new(0, 100);
        failed.fail("`nvidia-smi` was not found");
        let series = failed.finish(700 * MS);
        assert_eq!(series.reason.as_deref(), Some("`nvidia-smi` was not found"));
        assert_eq!(spans(&series), [(0, 700)]);

        let series = Recording::new(0, 100).finish(50 * MS);
        assert!(series.reason.unwrap().starts_with("stopped after 50 ms"));
    }

    #[test]
    fn a_late_start_and_an_early_end_are_gaps() {
        let mut recording = Recording::new(0, 100);
        recording.keep(&reading(), 300 * MS);
        recording.keep(&reading(), 400 * MS);
        assert_eq!(spans(&recording.finish(800 * MS)), [(0, 300), (400, 800)]);
    }

    #[test]
    fn remarks_are_given_once_and_rejected_lines_are_counted() {
        let mut recording = Recording::new(0, 100);
        let mut split = reading();
        split.absent = vec!["utilization.gpu"];
        split.device.facts.insert("mig_mode".into(), "Enabled".into());
        recording.keep(&split, 100 * MS);
        recording.keep(&split, 200 * MS);
        let error = Reading::parse(Query::full().columns(), "1, 2, 3").unwrap_err();
        recording.reject(&error, 1);
        recording.reject(&error, 1);
        let series = recording.finish(200 * MS);
        assert_eq!(series.warnings.len(), 2, "{:?}", series.warnings);
        assert!(series.warnings[0].contains("MIG is enabled"));
        assert_eq!(
            series.warnings[1],
            "2 line(s) of nvidia-smi were not used; the first: expected 17 cells, found 3: `1, 2, 3`"
        );
    }
}
