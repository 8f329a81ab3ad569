//! Traffic over PCIe: from counters where the driver keeps them, else measured by
//! the library, which takes 20 ms for each direction.

use std::time::{Duration, Instant};

use nvml_wrapper::Device;
use nvml_wrapper::enum_wrappers::device::PcieUtilCounter;

use crate::reading::PcieCounter;

/// How long the library measures, for both directions, with some room.
pub(crate) const MEASURING: Duration = Duration::from_millis(50);
/// Least time between two measurements of one device.
const PAUSE: Duration = Duration::from_secs(1);
/// NVML gives thousands of bytes each second.
const BYTES_PER_KB: f64 = 1e3;

/// Bytes per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Traffic {
    pub sent: f64,
    pub received: f64,
}

/// The traffic of one device.
#[derive(Debug, Default)]
pub(crate) struct Pcie {
    counter: Option<(u64, PcieCounter)>,
    measured_at: Option<Instant>,
    measured: Option<Traffic>,
    is_refused: bool,
}

impl Pcie {
    /// The traffic that a sample of `at_ns` tells: between two counters, or what was measured since the last one.
    pub(crate) fn traffic(&mut self, at_ns: u64, counter: Option<PcieCounter>) -> Option<Traffic> {
        let Some(counter) = counter else { return self.measured.take() };
        let (before_ns, before) = self.counter.replace((at_ns, counter))?;
        let seconds = at_ns.saturating_sub(before_ns) as f64 / 1e9;
        // A counter that went back was reset: nobody knows what came between.
        let sent = counter.sent.checked_sub(before.sent)?;
        let received = counter.received.checked_sub(before.received)?;
        (seconds > 0.0)
            .then(|| Traffic { sent: sent as f64 / seconds, received: received as f64 / seconds })
    }

    /// True when nothing is known otherwise and it is time to measure.
    pub(crate) fn is_due(&self) -> bool {
        !self.is_refused
            && self.counter.is_none()
            && self.measured_at.is_none_or(|at| at.elapsed() >= PAUSE)
    }

    /// Lets the library measure; takes [`MEASURING`] at most on a healthy device.
    pub(crate) fn measure(&mut self, device: &Device<'_>) {
        self.measured_at = Some(Instant::now());
        let rate = |counter| device.pcie_throughput(counter).map(|kb| f64::from(kb) * BYTES_PER_KB);
        match (rate(PcieUtilCounter::Send), rate(PcieUtilCounter::Receive)) {
            (Ok(sent), Ok(received)) => self.measured = Some(Traffic { sent, received }),
            // A device that is lost is noticed by the next reading.
            _ => self.is_refused = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn traffic_is_what_came_between_two_counters() {
        let mut pcie = Pcie::default();
        let mut at = |seconds: u64, sent: u64, received: u64| {
            pcie.traffic(seconds * SECOND, Some(PcieCounter { sent, received }))
        };
        assert_eq!(at(0, 1_000, 0), None);
        assert_eq!(at(2, 3_000, 500), Some(Traffic { sent: 1_000.0, received: 250.0 }));
        assert_eq!(at(3, 0, 0), None, "reset");
        assert_eq!(at(4, 10, 0), Some(Traffic { sent: 10.0, received: 0.0 }));
    }
}
