//! The machine at the start of a run.

use llmbench_api::record::{EnvironmentRecord, MonitorRecord};
use llmbench_api::{Device, DeviceKind};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// What can be known of this machine, with the GPUs that the monitors found.
pub(crate) fn record(monitors: &[MonitorRecord]) -> EnvironmentRecord {
    let what = RefreshKind::nothing()
        .with_memory(MemoryRefreshKind::nothing().with_ram())
        .with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(what).ok();
    let cpus = system.as_ref().map(System::cpus).unwrap_or_default();
    let positive = |number: u64| Some(number).filter(|number| *number > 0);
    EnvironmentRecord {
        os: System::long_os_version().unwrap_or_else(|_| std::env::consts::OS.into()),
        kernel: System::kernel_version().ok(),
        architecture: std::env::consts::ARCH.into(),
        cpu: cpus
            .first()
            .map(|cpu| cpu.brand().trim().to_owned())
            .filter(|brand| !brand.is_empty()),
        logical_cpus: positive(cpus.len() as u64),
        physical_cores: System::physical_core_count().ok().map(|count| count as u64),
        memory_total_bytes: system.as_ref().and_then(|system| positive(system.total_memory())),
        memory_used_bytes: system.as_ref().and_then(|system| positive(system.used_memory())),
        load_average_1min: System::load_average().ok().map(|load| load.one),
        gpus: gpus(monitors),
    }
}

/// Each GPU once, as the first monitor that sees it describes it.
fn gpus(monitors: &[MonitorRecord]) -> Vec<Device> {
    let is_gpu = |device: &&Device| device.kind == DeviceKind::Gpu;
    let of = |record: &MonitorRecord| -> Vec<Device> {
        record.info.devices.iter().filter(is_gpu).cloned().collect()
    };
    monitors.iter().map(of).find(|gpus| !gpus.is_empty()).unwrap_or_default()
}
