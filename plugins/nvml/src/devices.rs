//! Which GPUs there are, and what does not change about them.

use std::collections::BTreeMap;

use llmbench_api::{Device as DeviceRecord, DeviceKind};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

use crate::failure::reason;

/// Current MIG mode in which a GPU is split into instances.
const MIG_ENABLED: u32 = 1;

/// A GPU, or an instance of a split one, that can be asked.
pub(crate) struct Watched<'nvml> {
    /// The handle.
    pub device: Device<'nvml>,
    /// The device with its facts.
    pub record: DeviceRecord,
    /// True for an instance of a split GPU.
    pub is_instance: bool,
    /// True for a GPU that is split into instances.
    pub is_split: bool,
}

/// What is there, and what could not be opened: device and reason.
#[derive(Default)]
pub(crate) struct Found<'nvml> {
    pub watched: Vec<Watched<'nvml>>,
    pub refused: Vec<(String, String)>,
}

/// All GPUs and instances of split ones, in the order of their numbers.
///
/// # Errors
/// When not even the number of GPUs is told.
pub(crate) fn find(nvml: &Nvml) -> Result<Found<'_>, NvmlError> {
    let driver = nvml.sys_driver_version().ok();
    let mut found = Found::default();
    for index in 0..nvml.device_count()? {
        let id = format!("gpu{index}");
        let device = match nvml.device_by_index(index) {
            Ok(device) => device,
            Err(error) => {
                found.refused.push((id, reason(&error)));
                continue;
            }
        };
        let is_split = device.mig_mode().is_ok_and(|mode| mode.current == MIG_ENABLED);
        let record = record(&device, id, DeviceKind::Gpu, driver.as_deref());
        let instances = if is_split { instances(&device, &record) } else { Vec::new() };
        found.watched.push(Watched { device, record, is_instance: false, is_split });
        found.watched.extend(instances);
    }
    Ok(found)
}

fn record(device: &Device<'_>, id: String, kind: DeviceKind, driver: Option<&str>) -> DeviceRecord {
    let mig = device
        .mig_mode()
        .ok()
        .map(|mode| if mode.current == MIG_ENABLED { "Enabled" } else { "Disabled" }.to_owned());
    let facts = [
        ("uuid", device.uuid().ok()),
        ("driver_version", driver.map(str::to_owned)),
        ("memory_total_bytes", device.memory_info().ok().map(|memory| memory.total.to_string())),
        (
            "power_limit_watts",
            device.enforced_power_limit().ok().map(|milliwatts| watts(milliwatts).to_string()),
        ),
        ("mig_mode", mig.filter(|_| kind == DeviceKind::Gpu)),
        (
            "pcie_generation",
            device.max_pcie_link_gen().ok().map(|generation| generation.to_string()),
        ),
        ("pcie_lanes", device.current_pcie_link_width().ok().map(|lanes| lanes.to_string())),
    ];
    let known = facts.into_iter().filter_map(|(name, fact)| Some((name.to_owned(), fact?)));
    let facts: BTreeMap<String, String> = known.collect();
    DeviceRecord { id, kind, name: device.name().unwrap_or_default(), facts }
}

/// The instances of a split GPU. They are parts of it and not GPUs beside it:
/// their memory is in the whole GPU's already.
fn instances<'nvml>(parent: &Device<'nvml>, whole: &DeviceRecord) -> Vec<Watched<'nvml>> {
    let places = parent.mig_device_count().unwrap_or(0);
    let instance = |place: u32| {
        // Most places are empty: a GPU says how many instances it could have.
        let device = parent.mig_device_by_index(place).ok()?;
        let id = format!("{}.mig{place}", whole.id);
        let mut record = record(&device, id, DeviceKind::Other, None);
        record.facts.insert("instance_of".into(), whole.id.clone());
        record.facts.retain(|name, _| !name.starts_with("pcie"));
        Some(Watched { device, record, is_instance: true, is_split: false })
    };
    (0..places).filter_map(instance).collect()
}

/// NVML counts power in thousandths.
pub(crate) fn watts(milliwatts: u32) -> f64 {
    f64::from(milliwatts) / 1e3
}
