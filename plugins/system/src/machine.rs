//! Reads the operating system's counters.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use llmbench_api::{Device, DeviceKind, Error, ErrorKind, Result, metric};
use sysinfo::{
    CpuRefreshKind, MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate,
    RefreshKind, System,
};

use crate::process_tree::{CpuMeter, descendants};

/// Name of the whole machine in samples.
pub const SYSTEM: &str = "system";
/// Name of the process with its children in samples.
pub const PROCESS: &str = "process";

/// How often new children are looked for. All processes of the machine are
/// read then, which costs more than the rest of a sample.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(1);

/// The machine as a whole.
pub(crate) struct Machine {
    system: System,
    cpu_read_at: Option<Instant>,
}

/// One process and what it started.
pub(crate) struct Watched {
    root: Pid,
    started: u64,
    name: String,
    tree: BTreeSet<u32>,
    discovered_at: Option<Instant>,
    meter: CpuMeter,
}

impl Machine {
    /// The machine, ready to be read.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] where this operating system gives no counters.
    pub(crate) fn open() -> Result<Self> {
        System::new().map(|system| Self { system, cpu_read_at: None }).map_err(|error| {
            Error::new(ErrorKind::Unavailable, format!("the system's counters: {error}"))
        })
    }

    /// The machine as a device, with what does not change.
    pub(crate) fn device(&mut self) -> Device {
        self.system.refresh_specifics(
            RefreshKind::nothing()
                .with_cpu(CpuRefreshKind::nothing())
                .with_memory(MemoryRefreshKind::nothing().with_ram()),
        );
        let brand = self.system.cpus().first().map(|cpu| cpu.brand().trim().to_owned());
        let brand = brand.filter(|brand| !brand.is_empty());
        let total_bytes = self.system.total_memory();
        let limit_bytes = self.system.cgroup_limits().map(|limits| limits.total_memory);
        let facts = [
            ("cpu_brand", brand.clone()),
            ("cpu_logical_cores", some_above_zero(self.system.cpus().len() as u64)),
            (
                "cpu_physical_cores",
                System::physical_core_count().ok().map(|cores| cores.to_string()),
            ),
            ("memory_total_bytes", some_above_zero(total_bytes)),
            (
                "memory_limit_bytes",
                limit_bytes.filter(|limit| *limit < total_bytes).and_then(some_above_zero),
            ),
            ("kernel", System::kernel_version().ok()),
            ("operating_system", System::long_os_version().ok()),
            ("architecture", Some(System::cpu_arch())),
        ];
        Device {
            id: SYSTEM.to_owned(),
            kind: DeviceKind::System,
            name: brand.unwrap_or_default(),
            facts: known(facts),
        }
    }

    /// CPU and memory of the whole machine, now.
    ///
    /// The first reading has no CPU use, nor has one that follows the last
    /// sooner than the library can measure.
    pub(crate) fn values(&mut self) -> BTreeMap<String, f64> {
        let mut values = BTreeMap::new();
        let since = self.cpu_read_at.map(|at| at.elapsed());
        if since.is_none_or(|since| since >= sysinfo::MINIMUM_CPU_UPDATE_INTERVAL) {
            self.system.refresh_cpu_usage();
            self.cpu_read_at = Some(Instant::now());
            let percent = f64::from(self.system.global_cpu_usage());
            if since.is_some() && percent.is_finite() {
                values.insert(metric::CPU_PERCENT.to_owned(), percent.clamp(0.0, 100.0));
            }
        }
        self.system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        let total_bytes = self.system.total_memory();
        if total_bytes > 0 {
            values.insert(metric::MEMORY_TOTAL_BYTES.to_owned(), total_bytes as f64);
            values.insert(metric::MEMORY_USED_BYTES.to_owned(), self.system.used_memory() as f64);
        }
        values
    }

    /// The process `id`, to be read with [`Machine::process_values`]; `None` when it is not there.
    pub(crate) fn watch(&mut self, id: u32) -> Option<Watched> {
        let root = Pid::from_u32(id);
        self.refresh(ProcessesToUpdate::Some(&[root]));
        let process = self.system.process(root)?;
        if process.status() == ProcessStatus::Zombie {
            return None;
        }
        Some(Watched {
            root,
            started: process.start_time(),
            name: process.name().to_string_lossy().into_owned(),
            tree: BTreeSet::from([id]),
            discovered_at: None,
            meter: CpuMeter::default(),
        })
    }

    /// CPU and memory of the process and its children, summed, as of `at_ns`;
    /// `None` when the process has ended.
    pub(crate) fn process_values(
        &mut self,
        watched: &mut Watched,
        at_ns: u64,
    ) -> Option<BTreeMap<String, f64>> {
        if watched.discovered_at.is_none_or(|at| at.elapsed() >= DISCOVERY_INTERVAL) {
            watched.discovered_at = Some(Instant::now());
            self.system.refresh_processes_specifics(
                ProcessesToUpdate::All,
                true,
                ProcessRefreshKind::nothing().without_tasks(),
            );
            // On Linux the threads of a process can be listed beside it, each with the
            // memory and a part of the CPU time that the process itself stands for.
            let processes =
                self.system.processes().iter().filter(|(_, facts)| facts.thread_kind().is_none());
            let parents = processes
                .filter_map(|(process, facts)| Some((process.as_u32(), facts.parent()?.as_u32())));
            watched.tree = descendants(watched.root.as_u32(), parents);
        }
        let tree: Vec<Pid> = watched.tree.iter().copied().map(Pid::from_u32).collect();
        self.refresh(ProcessesToUpdate::Some(&tree));
        let root = self.system.process(watched.root)?;
        if root.status() == ProcessStatus::Zombie || root.start_time() != watched.started {
            return None;
        }
        let processes = tree.iter().filter_map(|process| self.system.process(*process));
        let (mut used_ms, mut used_bytes) = (BTreeMap::new(), 0);
        for process in processes {
            let key = (process.pid().as_u32(), process.start_time());
            used_ms.insert(key, process.accumulated_cpu_time());
            used_bytes += process.memory();
        }
        let mut values = BTreeMap::new();
        if used_bytes > 0 {
            values.insert(metric::MEMORY_USED_BYTES.to_owned(), used_bytes as f64);
        }
        if let Some(percent) = watched.meter.percent(at_ns, used_ms) {
            values.insert(metric::CPU_PERCENT.to_owned(), percent);
        }
        Some(values)
    }

    fn refresh(&mut self, processes: ProcessesToUpdate<'_>) {
        self.system.refresh_processes_specifics(
            processes,
            true,
            ProcessRefreshKind::nothing().without_tasks().with_cpu().with_memory(),
        );
    }
}

impl Watched {
    /// The process as a device.
    pub(crate) fn device(&self) -> Device {
        Device {
            id: PROCESS.to_owned(),
            kind: DeviceKind::Process,
            name: self.name.clone(),
            facts: known([("process_id", Some(self.root.to_string()))]),
        }
    }

    /// The process in words, for messages.
    pub(crate) fn describe(&self) -> String {
        format!("process {} ({})", self.root, self.name)
    }
}

fn known<const N: usize>(facts: [(&str, Option<String>); N]) -> BTreeMap<String, String> {
    facts.into_iter().filter_map(|(name, fact)| Some((name.to_owned(), fact?))).collect()
}

fn some_above_zero(number: u64) -> Option<String> {
    (number > 0).then(|| number.to_string())
}
