//! Whose memory it is: the server's, or that of others who disturb the measurement.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use llmbench_api::metric;
use nvml_wrapper::Device;
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::struct_wrappers::device::ProcessInfo;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::failure::{Then, then};

/// How often processes are asked for: they change seldom, and the list costs more than the rest.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest chain of parents that is followed.
const MOST_PARENTS: usize = 32;

/// What the processes of one GPU hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Memory of the server's process and what it started; `None` when none of them is there or the driver does not tell.
    pub server_bytes: Option<u64>,
    /// Memory of all others; `None` when the driver does not tell.
    pub other_bytes: Option<u64>,
    /// How many others there are.
    pub others: u64,
    /// True when one of the processes is the server's.
    pub has_server: bool,
}

/// Attributes the processes of GPUs to the server or to others.
pub(crate) struct Processes {
    server: u32,
    system: Option<System>,
    is_servers: BTreeMap<u32, bool>,
    read: BTreeMap<String, (Instant, Option<Shares>)>,
}

impl Processes {
    /// For the server whose process is `server`.
    pub(crate) fn new(server: u32) -> Self {
        Self {
            server,
            system: System::new().ok(),
            is_servers: BTreeMap::new(),
            read: BTreeMap::new(),
        }
    }

    /// What the processes of the GPU called `id` hold, at most a second old.
    ///
    /// `None` when the driver does not tell. Errors are those of the next reading.
    pub(crate) fn shares(&mut self, id: &str, device: &Device<'_>) -> Option<Shares> {
        if let Some((at, shares)) = self.read.get(id)
            && at.elapsed() < PAUSE
        {
            return *shares;
        }
        let shares = match device.running_compute_processes() {
            Ok(processes) => Some(self.divide(&processes)),
            Err(error) => {
                if then(&error) != Then::Never {
                    tracing::debug!(%error, id, "the processes on a GPU were not told");
                }
                None
            }
        };
        self.read.insert(id.to_owned(), (Instant::now(), shares));
        shares
    }

    fn divide(&mut self, processes: &[ProcessInfo]) -> Shares {
        let mut shares = Shares::default();
        let add = |sum: &mut Option<u64>, process: &ProcessInfo, is_first: bool| {
            let bytes = match process.used_gpu_memory {
                UsedGpuMemory::Used(bytes) => Some(bytes),
                UsedGpuMemory::Unavailable => None,
            };
            *sum = if is_first { bytes } else { sum.zip(bytes).map(|(sum, bytes)| sum + bytes) };
        };
        for process in processes {
            if self.is_servers(process.pid) {
                add(&mut shares.server_bytes, process, !shares.has_server);
                shares.has_server = true;
            } else {
                add(&mut shares.other_bytes, process, shares.others == 0);
                shares.others += 1;
            }
        }
        if shares.others == 0 {
            shares.other_bytes = Some(0);
        }
        shares
    }

    /// True for the server's process and everything it started.
    fn is_servers(&mut self, process: u32) -> bool {
        if process == self.server {
            return true;
        }
        if let Some(known) = self.is_servers.get(&process) {
            return *known;
        }
        let found = self.has_server_above(process);
        self.is_servers.insert(process, found);
        found
    }

    fn has_server_above(&mut self, process: u32) -> bool {
        let Some(system) = &mut self.system else { return false };
        let mut at = Pid::from_u32(process);
        for _ in 0..MOST_PARENTS {
            let what = ProcessRefreshKind::nothing().without_tasks();
            system.refresh_processes_specifics(ProcessesToUpdate::Some(&[at]), true, what);
            match system.process(at).and_then(|found| found.parent()) {
                Some(parent) if parent.as_u32() == self.server => return true,
                Some(parent) => at = parent,
                None => return false,
            }
        }
        false
    }
}

impl Shares {
    /// As values of a sample.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&'static str, f64)> {
        [
            (metric::SERVER_MEMORY_BYTES, self.server_bytes.map(|bytes| bytes as f64)),
            (metric::OTHER_PROCESSES_MEMORY_BYTES, self.other_bytes.map(|bytes| bytes as f64)),
            (metric::OTHER_PROCESSES, Some(self.others as f64)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }

    /// What a reader must know before trusting the GPU's figures.
    pub(crate) fn remark(&self, id: &str, server: u32) -> Option<String> {
        if self.others == 0 {
            return None;
        }
        let others = match self.others {
            1 => "another process".to_owned(),
            count => format!("{count} other processes"),
        };
        Some(if self.has_server {
            format!("{id}: {others} computed on it too; its figures are not the model's alone")
        } else {
            format!(
                "{id}: {others} computed on it, and none is known as the server's (process {server}); in a container the driver counts processes otherwise than they are seen there"
            )
        })
    }
}
