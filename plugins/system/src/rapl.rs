//! Energy of the processors, from the kernel's power capping files (RAPL).
//!
//! Each package has a counter in microjoules that wraps around; what it counted
//! is added up from the first reading on. The files are the kernel's
//! `Documentation/power/powercap/powercap.rst`; AMD's processors have them too.
//! Since 2020 most systems let only root read the counters
//! (<https://platypusattack.com>).

use std::io;
use std::path::{Path, PathBuf};

use llmbench_api::{Device, DeviceKind};

/// The fact that says why a device's energy is absent.
const ENERGY_MISSING: &str = "energy_missing";
/// No package draws more: a counter that seems to have was set back instead.
const MOST_WATTS: f64 = 5_000.0;

/// The packages of this machine.
#[derive(Debug, Default)]
pub(crate) struct Rapl {
    packages: Vec<Package>,
}

/// One package and its counter.
#[derive(Debug)]
struct Package {
    device: Device,
    file: PathBuf,
    counter: Counter,
}

/// A counter that wraps around, as one that does not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Counter {
    range: u64,
    last: Option<(u64, u64)>,
    total: i64,
    resets: i64,
}

impl Rapl {
    /// The packages below `sysfs`; none where there are no such files.
    pub(crate) fn open(sysfs: &Path) -> Self {
        let folder = sysfs.join("class/powercap");
        let Ok(entries) = std::fs::read_dir(&folder) else { return Self::default() };
        // `intel-rapl:0` is a package or the whole platform, `intel-rapl:0:1` a part of it,
        // and `intel-rapl-mmio:0` the same package again.
        let number = |name: &str| name.strip_prefix("intel-rapl:")?.parse::<u32>().ok();
        let mut zones: Vec<(u32, PathBuf)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                Some((number(entry.file_name().to_str()?)?, entry.path()))
            })
            .collect();
        zones.sort();
        Self { packages: zones.into_iter().filter_map(|(_, zone)| Package::open(&zone)).collect() }
    }

    /// The packages as devices; one that cannot be read says why in its facts.
    pub(crate) fn devices(&self) -> impl Iterator<Item = &Device> {
        self.packages.iter().map(|package| &package.device)
    }

    /// Why packages cannot be read.
    pub(crate) fn remarks(&self) -> impl Iterator<Item = String> {
        self.devices().filter_map(|device| {
            Some(format!("{}: {}", device.id, device.facts.get(ENERGY_MISSING)?))
        })
    }

    /// Device and joules since the first reading, for each package that can be read.
    pub(crate) fn read(&mut self, at_ns: u64) -> Vec<(String, f64)> {
        let readable =
            self.packages.iter_mut().filter(|one| !one.device.facts.contains_key(ENERGY_MISSING));
        readable
            .filter_map(|package| {
                let microjoules = number(&package.file).ok()?;
                let total = package.counter.add(at_ns, microjoules);
                Some((package.device.id.clone(), total as f64 / 1e6))
            })
            .collect()
    }
}

impl Package {
    fn open(zone: &Path) -> Option<Self> {
        let name = std::fs::read_to_string(zone.join("name")).ok()?;
        let number = name.trim().strip_prefix("package-")?;
        let file = zone.join("energy_uj");
        let range = self::number(&zone.join("max_energy_range_uj")).unwrap_or(0);
        let mut device = Device {
            id: format!("cpu{number}"),
            kind: DeviceKind::Cpu,
            name: format!("processor package {number}"),
            ..Device::default()
        };
        if let Err(error) = self::number(&file) {
            let hint = match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    "; only root may read it (`sudo chmod a+r` on the file lets others)"
                }
                _ => "",
            };
            let why = format!("`{}`: {error}{hint}", file.display());
            device.facts.insert(ENERGY_MISSING.to_owned(), why);
        }
        Some(Self { device, file, counter: Counter::new(range) })
    }
}

impl Counter {
    /// A counter that goes back to 0 after `range`.
    pub(crate) fn new(range: u64) -> Self {
        Self { range, last: None, total: 0, resets: 0 }
    }

    /// What it has counted since the first reading, with this one.
    ///
    /// After a reset, which no wrap-around explains, it begins again, each time one below
    /// where it began before: whoever takes a difference over a reset sees that it went
    /// back, even when nothing had been counted until then.
    pub(crate) fn add(&mut self, at_ns: u64, value: u64) -> i64 {
        let Some((last_ns, last)) = self.last.replace((at_ns, value)) else { return 0 };
        let seconds = at_ns.saturating_sub(last_ns) as f64 / 1e9;
        let grown = match value.checked_sub(last) {
            Some(grown) => Some(grown),
            None => self.range.checked_sub(last).map(|rest| rest + value),
        };
        let is_possible = |grown: &u64| *grown as f64 <= MOST_WATTS * 1e6 * seconds.max(1.0);
        let grown = grown.filter(is_possible).and_then(|grown| i64::try_from(grown).ok());
        match grown {
            Some(grown) => self.total += grown,
            None => {
                self.resets += 1;
                self.total = -self.resets;
            }
        }
        self.total
    }
}

fn number(file: &Path) -> io::Result<u64> {
    let text = std::fs::read_to_string(file)?;
    text.trim().parse().map_err(|_| io::Error::other(format!("`{}` is no number", text.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_counter_that_wraps_goes_on_and_one_that_was_reset_begins_again() {
        let mut counter = Counter::new(1_000_000_000);
        let mut at = |seconds: u64, value: u64| counter.add(seconds * SECOND, value);
        assert_eq!(at(0, 999_000_000), 0);
        assert_eq!(at(1, 999_900_000), 900_000);
        // 100 mJ up to the end and 50 mJ after it.
        assert_eq!(at(2, 50_000), 1_050_000);
        // From 50 mJ back to 0 would be nearly the whole range: half a kilowatt is possible
        // over two seconds, but a later drop at full range is not.
        let mut reset = Counter::new(262_143_328_850);
        assert_eq!(reset.add(0, 5_000_000_000), 0);
        assert_eq!(reset.add(SECOND, 5_010_000_000), 10_000_000);
        assert_eq!(reset.add(2 * SECOND, 1_000), -1, "set back");
        assert_eq!(reset.add(3 * SECOND, 2_001_000), 1_999_999);
    }

    #[test]
    fn every_reset_is_a_step_back_even_before_anything_was_counted() {
        let check = |range: u64, values: &[u64], steps_back: &[usize]| {
            let mut counter = Counter::new(range);
            let at = |(second, value): (usize, &u64)| counter.add(second as u64 * SECOND, *value);
            let totals: Vec<i64> = values.iter().enumerate().map(at).collect();
            let back = totals.windows(2).enumerate().filter(|(_, pair)| pair[1] < pair[0]);
            let back: Vec<usize> = back.map(|(index, _)| index + 1).collect();
            assert_eq!(back, steps_back, "{values:?}: {totals:?}");
        };
        let range = 262_143_328_850;
        // Between the first two readings, once and twice.
        check(range, &[5_000_000_000, 1_000, 2_001_000], &[1]);
        check(range, &[50_000_000_000, 7_000_000_000, 1_000, 2_000], &[1, 2]);
        // A jump that no processor explains, in either direction.
        check(range, &[0, 200_000_000_000, 200_000_000_001, 0], &[1, 3]);
        // A counter that does not say where it wraps around.
        check(0, &[10, 5, 5, 4], &[1, 3]);
        check(range, &[7, 7, 8, 8], &[]);
    }
}
