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
    /// The device; without its name and facts until [`Watched::learn_facts`].
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

/// All GPUs and instances of split ones, in the order of their numbers. Their facts are
/// left for later, because a driver may take long for them.
///
/// # Errors
/// When not even the number of GPUs is told.
pub(crate) fn find(nvml: &Nvml) -> Result<Found<'_>, NvmlError> {
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
        let instances = if is_split { instances(&device, &id) } else { Vec::new() };
        let record = DeviceRecord { id, kind: DeviceKind::Gpu, ..DeviceRecord::default() };
        found.watched.push(Watched { device, record, is_instance: false, is_split });
        found.watched.extend(instances);
    }
    Ok(found)
}

impl Watched<'_> {
    /// Asks for the device's name and what else does not change about it; `driver` is the
    /// driver's version.
    pub(crate) fn learn_facts(&mut self, driver: Option<&str>) {
        let device = &self.device;
        let whole = (!self.is_instance).then_some(device);
        let mode = whole.and_then(|gpu| gpu.mig_mode().ok()).map(|mode| mode.current);
        let mode = mode.map(|mode| if mode == MIG_ENABLED { "Enabled" } else { "Disabled" });
        let limit = device.enforced_power_limit().ok();
        let facts = [
            ("uuid", device.uuid().ok()),
            ("driver_version", driver.filter(|_| !self.is_instance).map(str::to_owned)),
            (
                "memory_total_bytes",
                device.memory_info().ok().map(|memory| memory.total.to_string()),
            ),
            ("power_limit_watts", limit.map(|milliwatts| watts(milliwatts).to_string())),
            ("mig_mode", mode.map(str::to_owned)),
            (
                "pcie_generation",
                whole.and_then(|gpu| Some(gpu.max_pcie_link_gen().ok()?.to_string())),
            ),
            (
                "pcie_lanes",
                whole.and_then(|gpu| Some(gpu.current_pcie_link_width().ok()?.to_string())),
            ),
        ];
        let known = facts.into_iter().filter_map(|(name, fact)| Some((name.to_owned(), fact?)));
        self.record.facts.extend(known);
        self.record.name = device.name().unwrap_or_default();
    }
}

/// The instances of a split GPU. They are parts of it and not GPUs beside it:
/// their memory is in the whole GPU's already.
fn instances<'nvml>(parent: &Device<'nvml>, parent_id: &str) -> Vec<Watched<'nvml>> {
    let places = parent.mig_device_count().unwrap_or(0);
    let instance = |place: u32| {
        // Most places are empty: a GPU says how many instances it could have.
        let device = parent.mig_device_by_index(place).ok()?;
        let id = format!("{parent_id}.mig{place}");
        let facts = BTreeMap::from([("instance_of".to_owned(), parent_id.to_owned())]);
        let record = DeviceRecord { id, kind: DeviceKind::Other, facts, ..Default::default() };
        Some(Watched { device, record, is_instance: true, is_split: false })
    };
    (0..places).filter_map(instance).collect()
}

/// NVML counts power in thousandths.
pub(crate) fn watts(milliwatts: u32) -> f64 {
    f64::from(milliwatts) / 1e3
}
