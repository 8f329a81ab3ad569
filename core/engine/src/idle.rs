//! Measures what the hardware draws before anything is asked of a model.

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::Instant;

use llmbench_api::DeviceKind;
use llmbench_api::record::{IdleRecord, MonitorRecord};

use crate::control;
use crate::energy;
use crate::events::RunEvent;
use crate::session::Session;
use crate::watch::{Watch, Window};

/// Measures the idle draw of the session's monitors, and writes it into their records.
///
/// Takes [`crate::RunOptions::idle_baseline`], and nothing where no monitor has
/// a device that could tell, where a record has one already (a run that goes on
/// keeps what was measured first), or when the run is cancelled.
pub(crate) fn measure(session: &Session, records: &mut [MonitorRecord]) {
    let length = session.options.idle_baseline;
    let telling = |record: &&mut MonitorRecord| {
        record.unavailable.is_none()
            && record
                .info
                .devices
                .iter()
                .any(|device| matches!(device.kind, DeviceKind::Gpu | DeviceKind::Cpu))
    };
    let mut telling: Vec<&mut MonitorRecord> = records.iter_mut().filter(telling).collect();
    let wanted: BTreeSet<String> = telling
        .iter()
        .filter(|record| record.idle.is_none())
        .map(|record| record.name.clone())
        .collect();
    if !wanted.is_empty() {
        let found = if length.is_zero() {
            wanted.iter().map(|name| (name.clone(), switched_off())).collect()
        } else {
            session.tell(&RunEvent::Preparing {
                message: "measuring what the hardware draws when idle",
                fraction: None,
            });
            let watch = Watch::start(session);
            let clock = control::quiet_context(&session.cancel, None).clock();
            let (from_ns, began) = (clock.now_ns(), Instant::now());
            let is_whole = session.cancel.sleep(length);
            let window = Window { from_ns, to_ns: from_ns + began.elapsed().as_nanos() as u64 };
            let watched = watch.stop();
            if !is_whole {
                return;
            }
            let idle =
                |seen: crate::watch::Watched| (seen.name, energy::idle(&seen.series, window));
            watched.into_iter().map(idle).filter(|(name, _)| wanted.contains(name)).collect()
        };
        let mut found: std::collections::BTreeMap<String, IdleRecord> = found;
        for record in &mut telling {
            if let Some(idle) = found.remove(&record.name) {
                record.idle = Some(idle);
            }
        }
    }
    let known =
        telling.iter().filter_map(|record| Some((record.name.clone(), record.idle.clone()?)));
    *session.idle.lock().unwrap_or_else(PoisonError::into_inner) = known.collect();
}

fn switched_off() -> IdleRecord {
    let reason = "the setting `idle_baseline` switches it off".to_owned();
    IdleRecord { reason: Some(reason), ..IdleRecord::default() }
}
