//! Finds stretches without samples.

use std::collections::BTreeMap;

use llmbench_api::{Gap, Sample};

/// A stretch longer than this many intervals between two samples is a gap.
pub const GAP_INTERVALS: f64 = 2.5;

/// The gaps of every device, oldest first: stretches longer than
/// [`GAP_INTERVALS`] intervals between two samples of one device.
///
/// `samples` must be oldest first for each device. Devices with the same
/// stretch share one entry. What lies before the first and after the last
/// sample is not looked at. A pure function; an interval of 0 has no gaps.
///
/// # Example
/// ```
/// use llmbench_api::Sample;
/// use llmbench_plugin_nvidia_smi::find_gaps;
///
/// let at = |ms: u64| Sample { at_ns: ms * 1_000_000, device: "gpu0".into(), ..Sample::default() };
/// let gaps = find_gaps(&[at(0), at(500), at(3_000), at(3_500)], 500);
/// assert_eq!(gaps.len(), 1);
/// assert_eq!(gaps[0].reason, "gpu0: no sample for 2500 ms, one was due every 500 ms");
/// ```
pub fn find_gaps(samples: &[Sample], interval_ms: u64) -> Vec<Gap> {
    if interval_ms == 0 {
        return Vec::new();
    }
    let mut last_ns = BTreeMap::<&str, u64>::new();
    let mut stretches = BTreeMap::<(u64, u64), Vec<&str>>::new();
    for sample in samples {
        let device = sample.device.as_str();
        if let Some(from_ns) = last_ns.insert(device, sample.at_ns)
            && is_gap(from_ns, sample.at_ns, interval_ms)
        {
            stretches.entry((from_ns, sample.at_ns)).or_default().push(device);
        }
    }
    stretches
        .into_iter()
        .map(|((from_ns, to_ns), devices)| Gap {
            from_ns,
            to_ns,
            reason: format!(
                "{}: no sample for {} ms, one was due every {interval_ms} ms",
                devices.join(", "),
                (to_ns - from_ns) / 1_000_000,
            ),
        })
        .collect()
}

/// True when the stretch from `from_ns` to `to_ns` is longer than [`GAP_INTERVALS`] intervals.
pub(crate) fn is_gap(from_ns: u64, to_ns: u64, interval_ms: u64) -> bool {
    to_ns.saturating_sub(from_ns) as f64 > GAP_INTERVALS * interval_ms as f64 * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(samples: &[(&str, u64)], expected: &[(u64, u64)]) {
        let samples: Vec<Sample> = samples
            .iter()
            .map(|(device, ms)| Sample {
                at_ns: ms * 1_000_000,
                device: (*device).to_owned(),
                ..Sample::default()
            })
            .collect();
        let found: Vec<(u64, u64)> = find_gaps(&samples, 100)
            .iter()
            .map(|gap| (gap.from_ns / 1_000_000, gap.to_ns / 1_000_000))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_gap_is_longer_than_two_and_a_half_intervals() {
        check(&[], &[]);
        check(&[("gpu0", 0)], &[]);
        check(&[("gpu0", 0), ("gpu0", 250)], &[]);
        check(&[("gpu0", 0), ("gpu0", 251)], &[(0, 251)]);
    }

    #[test]
    fn each_device_has_its_own_gaps_and_equal_ones_are_merged() {
        check(&[("gpu0", 0), ("gpu1", 0), ("gpu0", 100), ("gpu1", 300)], &[(0, 300)]);
        check(&[("gpu0", 0), ("gpu1", 0), ("gpu0", 400), ("gpu1", 400)], &[(0, 400)]);
    }
}
