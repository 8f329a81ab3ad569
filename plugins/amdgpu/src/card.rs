//! One GPU: which files it has, and what they say.
//!
//! Names and units of the files: the kernel's `Documentation/gpu/amdgpu/thermal.rst`
//! and `driver-misc.rst`; hwmon gives microwatts, millidegrees and hertz.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use llmbench_api::{Device, DeviceKind, metric};

/// Temperature of the hottest place on the chip.
const JUNCTION_TEMPERATURE_CELSIUS: &str = "junction_temperature_celsius";
/// Memory of the machine that the GPU uses.
const SHARED_MEMORY_USED_BYTES: &str = "shared_memory_used_bytes";

/// A GPU with the files that can be read at each tick.
#[derive(Debug)]
pub(crate) struct Card {
    /// The device with its facts.
    pub record: Device,
    folder: PathBuf,
    sources: Vec<Source>,
}

/// A file, what it tells, and what its number is multiplied by.
#[derive(Debug)]
struct Source {
    file: PathBuf,
    name: &'static str,
    factor: f64,
}

/// Why a GPU was not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// The kernel put it to sleep.
    Asleep,
    /// Its files cannot be read any more.
    Lost(String),
}

/// The AMD GPUs below `sysfs`, in the order of their numbers there.
///
/// # Errors
/// When the folder of graphics cards cannot be read.
pub(crate) fn find(sysfs: &Path) -> io::Result<Vec<Card>> {
    let folder = sysfs.join("class/drm");
    let mut numbers: Vec<u32> = std::fs::read_dir(&folder)?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_prefix("card")?.parse().ok())
        .collect();
    numbers.sort_unstable();
    let devices = numbers.into_iter().map(|number| folder.join(format!("card{number}/device")));
    let amd = devices.filter(|device| uevent(device).get("DRIVER").is_some_and(|d| d == "amdgpu"));
    Ok(amd.enumerate().map(|(index, device)| Card::open(index, device)).collect())
}

impl Card {
    fn open(index: usize, folder: PathBuf) -> Self {
        let sensors = sensors(&folder);
        let mut sources = Vec::new();
        let mut add = |file: PathBuf, name: &'static str, factor: f64| {
            let is_new = sources.iter().all(|known: &Source| known.name != name);
            if is_new && number(&file).is_ok() {
                sources.push(Source { file, name, factor });
            }
        };
        if let Some(sensors) = &sensors {
            // First, so that it is as close to the sample's instant as can be.
            add(sensors.join("energy1_input"), metric::ENERGY_JOULES, 1e-6);
        }
        for (file, name) in [
            ("gpu_busy_percent", metric::GPU_UTILIZATION_PERCENT),
            ("mem_busy_percent", metric::GPU_MEMORY_UTILIZATION_PERCENT),
            ("mem_info_vram_used", metric::MEMORY_USED_BYTES),
            ("mem_info_vram_total", metric::MEMORY_TOTAL_BYTES),
            ("mem_info_gtt_used", SHARED_MEMORY_USED_BYTES),
        ] {
            add(folder.join(file), name, 1.0);
        }
        if let Some(sensors) = &sensors {
            // Newer cards have only the momentary power; older ones only the mean.
            add(sensors.join("power1_average"), metric::POWER_WATTS, 1e-6);
            add(sensors.join("power1_input"), metric::POWER_INSTANT_WATTS, 1e-6);
            add(sensors.join("power1_input"), metric::POWER_WATTS, 1e-6);
            for (kind, label, name, factor) in [
                ("temp", "edge", metric::TEMPERATURE_CELSIUS, 1e-3),
                ("temp", "junction", JUNCTION_TEMPERATURE_CELSIUS, 1e-3),
                ("temp", "mem", metric::MEMORY_TEMPERATURE_CELSIUS, 1e-3),
                ("freq", "sclk", metric::CLOCK_SM_MHZ, 1e-6),
                ("freq", "mclk", metric::CLOCK_MEMORY_MHZ, 1e-6),
            ] {
                if let Some(file) = labelled(sensors, kind, label) {
                    add(file, name, factor);
                }
            }
        }
        let record = record(index, &folder, sensors.as_deref());
        Self { record, folder, sources }
    }

    /// What the GPU says now.
    ///
    /// # Errors
    /// [`Unread`] when it sleeps, or when none of its files can be read.
    pub(crate) fn read(&self) -> Result<BTreeMap<String, f64>, Unread> {
        if text(&self.folder.join("power/runtime_status")).as_deref() == Some("suspended") {
            return Err(Unread::Asleep);
        }
        let (mut values, mut failure) = (BTreeMap::new(), None);
        for source in &self.sources {
            match number(&source.file) {
                Ok(found) => {
                    values.insert(source.name.to_owned(), found * source.factor);
                }
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) if values.is_empty() => Err(Unread::Lost(error.to_string())),
            _ => Ok(values),
        }
    }

    /// What matters to a benchmark and is not reported.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let has = |name: &str| self.sources.iter().any(|source| source.name == name);
        let expected = [
            (metric::GPU_UTILIZATION_PERCENT, "utilisation"),
            (metric::MEMORY_USED_BYTES, "memory in use"),
            (metric::POWER_WATTS, "power"),
        ];
        let absent = expected.into_iter().filter(|(name, _)| !has(name));
        let id = &self.record.id;
        absent
            .map(|(_, words)| {
                format!("{id}: {words} not measured: the driver does not report it for this GPU")
            })
            .collect()
    }
}

fn record(index: usize, folder: &Path, sensors: Option<&Path>) -> Device {
    let uevent = uevent(folder);
    let fact = |file: &str| text(&folder.join(file));
    let pci_id = uevent.get("PCI_ID").cloned();
    let power_limit = sensors.and_then(|sensors| number(&sensors.join("power1_cap")).ok());
    let facts = [
        ("uuid", fact("unique_id")),
        ("pci_address", uevent.get("PCI_SLOT_NAME").cloned()),
        ("pci_id", pci_id.clone()),
        ("memory_total_bytes", fact("mem_info_vram_total")),
        ("vbios_version", fact("vbios_version")),
        ("power_limit_watts", power_limit.map(|microwatts| (microwatts * 1e-6).to_string())),
        ("pcie_speed", fact("current_link_speed")),
        ("pcie_lanes", fact("current_link_width")),
    ];
    let facts = facts.into_iter().filter_map(|(name, fact)| Some((name.to_owned(), fact?)));
    let name = fact("product_name").filter(|name| !name.is_empty());
    Device {
        id: format!("gpu{index}"),
        kind: DeviceKind::Gpu,
        name: name.unwrap_or_else(|| format!("AMD GPU {}", pci_id.unwrap_or_default())),
        facts: facts.collect(),
    }
}

/// The folder of the card's own sensors.
fn sensors(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder.join("hwmon")).ok()?;
    let mut folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
    folders.find(|sensors| text(&sensors.join("name")).as_deref() == Some("amdgpu"))
}

/// The file of the sensor of this kind that has this label.
fn labelled(sensors: &Path, kind: &str, label: &str) -> Option<PathBuf> {
    let numbers = 1..=8;
    let of = |number: u32, what: &str| sensors.join(format!("{kind}{number}_{what}"));
    let number =
        numbers.into_iter().find(|number| text(&of(*number, "label")).as_deref() == Some(label));
    number.map(|number| of(number, "input"))
}

fn uevent(folder: &Path) -> BTreeMap<String, String> {
    let lines = text(&folder.join("uevent")).unwrap_or_default();
    let pairs = lines.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn text(file: &Path) -> Option<String> {
    std::fs::read_to_string(file).ok().map(|text| text.trim().to_owned())
}

fn number(file: &Path) -> io::Result<f64> {
    let text = std::fs::read_to_string(file)?;
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| io::Error::other(format!("`{}` is no number", text.trim())))
}
