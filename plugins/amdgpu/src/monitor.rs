//! The monitor: finds GPUs, and what its sampling thread does.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use llmbench_api::{
    CallContext, Error, ErrorKind, Json, Monitor, MonitorInfo, MonitorOptions, Result, Sample,
    SampleSink, Series,
};
use llmbench_plugin::sampling::{Sampler, Sampling, drop_what_looks_back};

use crate::card::{self, Card, Unread};
use crate::settings::Settings;

/// Name of the plugin in settings and messages.
pub const NAME: &str = "amdgpu";

/// Watches AMD GPUs through the files of their driver.
pub struct AmdGpu {
    sysfs: PathBuf,
    sampling: Sampling,
}

impl AmdGpu {
    /// The monitor for these settings; see [`Settings`].
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] when one is unknown or of the wrong type.
    pub fn new(settings: Json) -> Result<Self> {
        Ok(Self::from_settings(llmbench_plugin::settings(NAME, settings)?))
    }

    /// The monitor for settings that were read already.
    pub fn from_settings(Settings { sysfs }: Settings) -> Self {
        Self { sysfs, sampling: Sampling::new(NAME) }
    }

    fn cards(&self) -> Result<Vec<Card>> {
        let nothing = |why: String| {
            Error::new(ErrorKind::Unavailable, why).with_hint(
                "it is Linux' driver `amdgpu` that is looked for; see whether `lsmod` lists it",
            )
        };
        let folder = self.sysfs.join("class/drm");
        let cards = card::find(&self.sysfs)
            .map_err(|error| nothing(format!("`{}` cannot be read: {error}", folder.display())))?;
        if cards.is_empty() {
            return Err(nothing(format!("no AMD GPU in `{}`", folder.display())));
        }
        Ok(cards)
    }
}

impl Monitor for AmdGpu {
    fn probe(&self, cx: &CallContext) -> Result<MonitorInfo> {
        cx.check()?;
        let cards = self.cards()?;
        let notes = cards.iter().flat_map(Card::remarks).collect();
        let devices = cards.into_iter().map(|card| card.record).collect();
        Ok(MonitorInfo { devices, source: "amdgpu through sysfs".into(), notes })
    }

    fn start(
        &self,
        options: &MonitorOptions,
        sink: Arc<dyn SampleSink>,
        cx: &CallContext,
    ) -> Result<()> {
        let cards = self.cards()?;
        self.sampling.start(options, sink, cx, move |sampler| {
            {
                let mut recording = sampler.recording();
                for card in &cards {
                    recording.add_device(card.record.clone());
                    card.remarks().into_iter().for_each(|remark| recording.warn(remark));
                }
            }
            let mut were_read = BTreeSet::new();
            sampler.each_tick(|sampler| round(&cards, &mut were_read, sampler));
            // So that an energy counter encloses what was done meanwhile.
            round(&cards, &mut were_read, sampler);
        })
    }

    fn stop(&self, _cx: &CallContext) -> Result<Series> {
        self.sampling.stop()
    }
}

/// Reads every GPU once. All samples of a round share an instant.
fn round(cards: &[Card], were_read: &mut BTreeSet<String>, sampler: &Sampler) {
    let at_ns = sampler.clock().now_ns();
    for card in cards {
        let device = card.record.id.clone();
        let why = match card.read() {
            Ok(mut values) => {
                if were_read.insert(device.clone()) {
                    drop_what_looks_back(&mut values);
                }
                if !values.is_empty() {
                    sampler.keep(Sample { at_ns, device, values });
                }
                continue;
            }
            Err(Unread::Asleep) => format!("{device}: the GPU sleeps, and reading would wake it"),
            Err(Unread::Lost(why)) => format!("{device}: its files cannot be read any more: {why}"),
        };
        sampler.recording().fail_device(&device, &why);
    }
}
