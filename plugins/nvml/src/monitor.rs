//! The monitor: finds GPUs, starts and stops the sampling thread.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use llmbench_api::{
    CallContext, Error, ErrorKind, Json, Monitor, MonitorInfo, MonitorOptions, Result, SampleSink,
    Series,
};
use llmbench_plugin::sampling::{self, lock};

use crate::devices;
use crate::failure::unavailable;
use crate::library::{self, Library};
use crate::reading::Reader;
use crate::sampler::Sampling;
use crate::settings::Settings;

/// Name of the plugin in settings and messages.
pub const NAME: &str = "nvml";

/// The longest time for one probe.
const PROBE_LIMIT: Duration = Duration::from_secs(3);

/// Watches NVIDIA GPUs through the library that comes with their driver.
pub struct Nvml {
    shared: Arc<Shared>,
    sampling: sampling::Sampling,
    measures_pcie: bool,
}

/// The library, opened at most once while it works.
struct Shared {
    files: Vec<PathBuf>,
    library: Mutex<Option<Arc<Library>>>,
}

impl Nvml {
    /// The monitor for these settings; see [`Settings`].
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] when one is unknown or of the wrong type.
    pub fn new(settings: Json) -> Result<Self> {
        Ok(Self::from_settings(&llmbench_plugin::settings(NAME, settings)?))
    }

    /// The monitor for settings that were read already.
    pub fn from_settings(settings: &Settings) -> Self {
        let files = library::files(settings.library.as_ref().map(|file| file.as_os_str()));
        Self {
            shared: Arc::new(Shared { files, library: Mutex::new(None) }),
            sampling: sampling::Sampling::new(NAME),
            measures_pcie: settings.pcie,
        }
    }
}

impl Shared {
    /// The library that is open already, else a new one. May hang with the driver.
    fn open(&self) -> Result<Arc<Library>> {
        let known = lock(&self.library).clone();
        match known {
            Some(library) => Ok(library),
            None => self.reopen(),
        }
    }

    fn reopen(&self) -> Result<Arc<Library>> {
        // Not under the lock: opening may hang.
        let library = Arc::new(Library::open(&self.files)?);
        *lock(&self.library) = Some(Arc::clone(&library));
        Ok(library)
    }

    fn look(&self) -> Result<MonitorInfo> {
        let library = self.open()?;
        let file = &self.files[0].display().to_string();
        let mut found = match devices::find(&library) {
            Ok(found) => found,
            Err(error) => {
                // It may have been open when the driver was restarted.
                lock(&self.library).take();
                return Err(unavailable(&error, file));
            }
        };
        let mut notes: Vec<String> =
            found.refused.iter().map(|(id, reason)| format!("{id}: {reason}")).collect();
        if found.watched.is_empty() {
            let why = if notes.is_empty() { "NVML finds no GPU".into() } else { notes.join("; ") };
            return Err(Error::new(ErrorKind::Unavailable, why)
                .with_hint("see whether `nvidia-smi` lists one; a container must be given GPUs"));
        }
        let driver = library.sys_driver_version().ok();
        for watched in &mut found.watched {
            watched.learn_facts(driver.as_deref());
            let mut reader = Reader::default();
            match reader.read(watched) {
                Ok(_) => notes.extend(reader.remarks(watched)),
                Err(error) => notes.push(format!("{}: {error}", watched.record.id)),
            }
        }
        let source = match driver {
            Some(driver) => format!("NVML (driver {driver})"),
            None => "NVML".to_owned(),
        };
        let devices = found.watched.into_iter().map(|watched| watched.record).collect();
        Ok(MonitorInfo { devices, source, notes })
    }
}

impl Monitor for Nvml {
    fn probe(&self, cx: &CallContext) -> Result<MonitorInfo> {
        cx.check()?;
        let limit = cx.remaining().map_or(PROBE_LIMIT, |left| left.min(PROBE_LIMIT));
        let shared = Arc::clone(&self.shared);
        library::within(limit, move || shared.look())
    }

    fn start(
        &self,
        options: &MonitorOptions,
        sink: Arc<dyn SampleSink>,
        cx: &CallContext,
    ) -> Result<()> {
        let (shared, measures_pcie) = (Arc::clone(&self.shared), self.measures_pcie);
        let server = options.process_id;
        self.sampling.start(options, sink, cx, move |sampler| {
            let is_again = std::cell::Cell::new(false);
            Sampling { sampler, measures_pcie, server }
                .run(|| if is_again.replace(true) { shared.reopen() } else { shared.open() });
        })
    }

    fn stop(&self, _cx: &CallContext) -> Result<Series> {
        self.sampling.stop()
    }
}
