//! Runs the monitors around a generation and sums up what they saw.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use llmbench_api::record::{IdleRecord, MetricStats, MonitorStats};
use llmbench_api::{DeviceKind, MonitorOptions, Sample, SampleSink, Series, metric};

use crate::call::bounded;
use crate::energy::{self, EnergyFigures};
use crate::events::{Observer, RunEvent};
use crate::session::{NamedMonitor, Session};

/// How long starting or stopping a monitor may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Monitors that are sampling.
pub(crate) struct Watch<'a> {
    session: &'a Session,
    running: Vec<(NamedMonitor, Option<String>)>,
}

/// What one monitor brought back.
pub(crate) struct Watched {
    /// Name of the monitor.
    pub(crate) name: String,
    /// Everything it sampled.
    pub(crate) series: Series,
}

impl<'a> Watch<'a> {
    /// Starts every monitor; one that fails is left out with its reason.
    pub(crate) fn start(session: &'a Session) -> Self {
        let options = MonitorOptions {
            interval_ms: session.options.monitor_interval.as_millis() as u64,
            process_id: session.process_id(),
        };
        let running = session.monitors.iter().map(|named| {
            let sink = Arc::new(Forward {
                monitor: named.name.clone(),
                observer: Arc::clone(&session.observer),
            });
            let (monitor, options) = (Arc::clone(&named.monitor), options.clone());
            let started = bounded("starting a monitor", &session.context(LIMIT), move |cx| {
                monitor.start(&options, sink, cx)
            });
            (named.clone(), started.err().map(|error| error.to_string()))
        });
        Self { session, running: running.collect() }
    }

    /// Stops every monitor; a failure becomes a series without samples.
    pub(crate) fn stop(self) -> Vec<Watched> {
        let session = self.session;
        let stop = |(named, failed): (NamedMonitor, Option<String>)| {
            let series = match failed {
                Some(reason) => Series { reason: Some(reason), ..Series::default() },
                None => {
                    let monitor = Arc::clone(&named.monitor);
                    // A cancelled run still wants the samples of what it has done.
                    let cx =
                        crate::control::quiet_context(&crate::CancelToken::default(), Some(LIMIT));
                    bounded("stopping a monitor", &cx, move |cx| monitor.stop(cx)).unwrap_or_else(
                        |error| Series { reason: Some(error.to_string()), ..Series::default() },
                    )
                }
            };
            for warning in &series.warnings {
                session.tell(&RunEvent::Warning { message: warning });
            }
            Watched { name: named.name, series }
        };
        self.running.into_iter().map(stop).collect()
    }
}

struct Forward {
    monitor: String,
    observer: Arc<dyn Observer>,
}

impl SampleSink for Forward {
    fn sample(&self, sample: &Sample) {
        self.observer.event(&RunEvent::Sampled { monitor: &self.monitor, sample });
    }
}

/// A stretch of time on the host's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) from_ns: u64,
    pub(crate) to_ns: u64,
}

impl Window {
    pub(crate) fn holds(self, at_ns: u64) -> bool {
        (self.from_ns..=self.to_ns).contains(&at_ns)
    }

    pub(crate) fn seconds(self) -> f64 {
        self.to_ns.saturating_sub(self.from_ns) as f64 / 1e9
    }

    fn overlap_sec(self, from_ns: u64, to_ns: u64) -> f64 {
        to_ns.min(self.to_ns).saturating_sub(from_ns.max(self.from_ns)) as f64 / 1e9
    }
}

/// The same stretches of time without overlaps, so that concurrent answers count once.
fn union(windows: &[Window]) -> Vec<Window> {
    let mut sorted = windows.to_vec();
    sorted.sort_by_key(|window| (window.from_ns, window.to_ns));
    let mut united: Vec<Window> = Vec::new();
    for window in sorted {
        match united.last_mut() {
            Some(last) if window.from_ns <= last.to_ns => last.to_ns = last.to_ns.max(window.to_ns),
            _ => united.push(window),
        }
    }
    united
}

/// What the devices of each monitor (by name) drew before the run.
pub(crate) type IdleDraws = BTreeMap<String, IdleRecord>;

/// Statistics of the samples that lie in one of the windows.
pub(crate) fn statistics(watched: &Watched, windows: &[Window], idle: &IdleDraws) -> MonitorStats {
    let windows = &union(windows)[..];
    let series = &watched.series;
    let inside: Vec<&Sample> = series
        .samples
        .iter()
        .filter(|sample| windows.iter().any(|window| window.holds(sample.at_ns)))
        .collect();
    let mut devices: BTreeMap<String, BTreeMap<String, MetricStats>> = BTreeMap::new();
    for sample in &inside {
        let metrics = devices.entry(sample.device.clone()).or_default();
        for (name, value) in &sample.values {
            add(metrics.entry(name.clone()).or_default(), *value);
        }
    }
    let gaps = series.gaps.iter().map(|gap| {
        windows.iter().map(|window| window.overlap_sec(gap.from_ns, gap.to_ns)).sum::<f64>()
    });
    let gaps: Vec<f64> = gaps.filter(|seconds| *seconds > 0.0).collect();
    let idle = idle.get(&watched.name);
    let energy = series.devices.iter().filter_map(|device| {
        let idle = idle.and_then(|idle| idle.devices.get(&device.id));
        let energy = energy::of_device(series, &device.id, windows, idle);
        let tells = |sample: &&Sample| {
            sample.device == device.id
                && [metric::ENERGY_JOULES, metric::POWER_WATTS]
                    .iter()
                    .any(|name| sample.values.contains_key(*name))
        };
        series.samples.iter().any(|sample| tells(&sample)).then(|| (device.id.clone(), energy))
    });
    let first_device = inside.first().map(|sample| sample.device.as_str());
    let ticks = inside.iter().filter(|sample| Some(sample.device.as_str()) == first_device).count();
    MonitorStats {
        monitor: watched.name.clone(),
        interval_ms: series.interval_ms,
        sample_count: ticks as u64,
        gap_count: gaps.len() as u64,
        gap_sec: gaps.iter().fold(0.0, |sum, seconds| sum + seconds),
        energy: energy.collect(),
        devices,
        reason: series.reason.clone(),
    }
}

/// Welford's update of the mean: stable for any number of samples.
fn add(stats: &mut MetricStats, value: f64) {
    if stats.n == 0 {
        *stats = MetricStats { n: 1, mean: value, min: value, max: value };
        return;
    }
    stats.n += 1;
    stats.mean += (value - stats.mean) / stats.n as f64;
    stats.min = stats.min.min(value);
    stats.max = stats.max.max(value);
}

/// The figures of an attempt's record that come from GPUs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct GpuFigures {
    pub(crate) avg_utilization: Option<f64>,
    pub(crate) peak_utilization: Option<f64>,
    pub(crate) avg_memory_gb: Option<f64>,
    pub(crate) peak_memory_gb: Option<f64>,
    pub(crate) energy: EnergyFigures,
    /// Why something is absent.
    pub(crate) reason: Option<String>,
}

/// Sums up the first monitor that saw a GPU.
///
/// Utilisation is that of the busiest GPU (the mean over GPUs would hide a busy
/// one behind idle ones); memory and energy are those of all GPUs together.
///
/// `unavailable` says why monitors that could have seen one do not take part.
pub(crate) fn gpu_figures(
    watched: &[Watched],
    windows: &[Window],
    unavailable: &[String],
    idle: &IdleDraws,
) -> GpuFigures {
    let has_gpu =
        |found: &&Watched| found.series.devices.iter().any(|device| device.kind == DeviceKind::Gpu);
    let Some(source) = watched.iter().find(has_gpu) else {
        let of_series = watched.iter().filter_map(|found| found.series.reason.as_ref());
        let reasons: Vec<&str> = unavailable.iter().chain(of_series).map(String::as_str).collect();
        let reason = if reasons.is_empty() {
            "no monitor found a GPU".to_owned()
        } else {
            format!("no monitor found a GPU ({})", reasons.join("; "))
        };
        return GpuFigures { reason: Some(reason), ..GpuFigures::default() };
    };
    let ids: Vec<&str> = source
        .series
        .devices
        .iter()
        .filter(|device| device.kind == DeviceKind::Gpu)
        .map(|device| device.id.as_str())
        .collect();
    let stats = statistics(source, windows, idle);
    let of = |name: &str| -> Vec<MetricStats> {
        ids.iter().filter_map(|id| stats.devices.get(*id)?.get(name).copied()).collect()
    };
    let busiest =
        of(metric::GPU_UTILIZATION_PERCENT).into_iter().max_by(|a, b| a.mean.total_cmp(&b.mean));
    let memory = of(metric::MEMORY_USED_BYTES);
    let gigabytes = |bytes: f64| bytes / 1e9;
    let missing_some = busiest.is_none() || memory.is_empty();
    let reason = missing_some.then(|| {
        let seconds: f64 = union(windows).iter().map(|window| window.seconds()).sum();
        source.series.reason.clone().unwrap_or_else(|| {
            if stats.sample_count == 0 {
                format!(
                    "`{}` took no sample in {seconds:.2} s of generation at an interval of {} ms",
                    source.name, source.series.interval_ms
                )
            } else {
                format!("`{}` does not report it on this GPU", source.name)
            }
        })
    });
    GpuFigures {
        avg_utilization: busiest.map(|stats| stats.mean),
        peak_utilization: of(metric::GPU_UTILIZATION_PERCENT)
            .iter()
            .map(|stats| stats.max)
            .reduce(f64::max),
        avg_memory_gb: (!memory.is_empty())
            .then(|| gigabytes(memory.iter().map(|stats| stats.mean).sum())),
        peak_memory_gb: peak_memory_bytes(&source.series, &ids, windows).map(gigabytes),
        energy: energy_of(source, DeviceKind::Gpu, windows, idle),
        reason,
    }
}

/// Highest memory of all devices together at one moment.
fn peak_memory_bytes(series: &Series, ids: &[&str], windows: &[Window]) -> Option<f64> {
    let mut ticks: BTreeMap<u64, f64> = BTreeMap::new();
    for sample in &series.samples {
        let counts = ids.contains(&sample.device.as_str())
            && windows.iter().any(|window| window.holds(sample.at_ns));
        if let Some(bytes) = sample.values.get(metric::MEMORY_USED_BYTES).filter(|_| counts) {
            *ticks.entry(sample.at_ns).or_default() += bytes;
        }
    }
    ticks.into_values().reduce(f64::max)
}

/// Energy of the processors, from the first monitor that sees any.
pub(crate) fn cpu_energy(
    watched: &[Watched],
    windows: &[Window],
    idle: &IdleDraws,
) -> EnergyFigures {
    let has_cpu = |seen: &&Watched| energy::ids(&seen.series, DeviceKind::Cpu).next().is_some();
    match watched.iter().find(has_cpu) {
        Some(source) => energy_of(source, DeviceKind::Cpu, windows, idle),
        None => EnergyFigures {
            reason: Some("no monitor found an energy counter of the processor".into()),
            ..EnergyFigures::default()
        },
    }
}

fn energy_of(
    watched: &Watched,
    kind: DeviceKind,
    windows: &[Window],
    idle: &IdleDraws,
) -> EnergyFigures {
    let (windows, idle) = (union(windows), idle.get(&watched.name));
    let of = |id: &String| {
        let idle = idle.and_then(|idle| idle.devices.get(id));
        energy::of_device(&watched.series, id, &windows, idle)
    };
    let parts: Vec<_> = energy::ids(&watched.series, kind).map(|device| of(&device.id)).collect();
    energy::sum(&parts, idle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use llmbench_api::Device;

    const SECOND: u64 = 1_000_000_000;

    /// Second, device, values.
    type Row<'a> = (u64, &'a str, &'a [(&'a str, f64)]);

    fn watched(samples: &[Row<'_>]) -> Watched {
        let samples = samples
            .iter()
            .map(|(second, device, values)| Sample {
                at_ns: second * SECOND,
                device: (*device).to_owned(),
                values: values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
            })
            .collect();
        let gpu = |id: &str| Device { id: id.into(), kind: DeviceKind::Gpu, ..Device::default() };
        Watched {
            name: "m".into(),
            series: Series {
                devices: vec![gpu("gpu0"), gpu("gpu1")],
                interval_ms: 500,
                samples,
                ..Series::default()
            },
        }
    }

    fn window(from: u64, to: u64) -> Window {
        Window { from_ns: from * SECOND, to_ns: to * SECOND }
    }

    #[test]
    fn only_samples_within_the_generation_count() {
        let seen = watched(&[
            (1, "gpu0", &[(metric::GPU_UTILIZATION_PERCENT, 0.0)]),
            (3, "gpu0", &[(metric::GPU_UTILIZATION_PERCENT, 90.0)]),
            (9, "gpu0", &[(metric::GPU_UTILIZATION_PERCENT, 0.0)]),
        ]);
        let figures = gpu_figures(&[seen], &[window(2, 4)], &[], &IdleDraws::new());
        assert_eq!(figures.avg_utilization, Some(90.0));
        assert_eq!(figures.avg_memory_gb, None);
    }

    #[test]
    fn utilisation_is_the_busiest_gpu_and_memory_the_sum() {
        let values: &[(&str, f64)] =
            &[(metric::GPU_UTILIZATION_PERCENT, 80.0), (metric::MEMORY_USED_BYTES, 2e9)];
        let idle: &[(&str, f64)] =
            &[(metric::GPU_UTILIZATION_PERCENT, 10.0), (metric::MEMORY_USED_BYTES, 1e9)];
        let figures = gpu_figures(
            &[watched(&[(1, "gpu0", values), (1, "gpu1", idle)])],
            &[window(0, 2)],
            &[],
            &IdleDraws::new(),
        );
        assert_eq!((figures.avg_utilization, figures.avg_memory_gb), (Some(80.0), Some(3.0)));
    }

    #[test]
    fn energy_is_that_of_all_gpus_and_concurrent_answers_count_once() {
        let power = |watts| [(metric::POWER_WATTS, watts)];
        let (low, high) = (power(100.0), power(300.0));
        let seen = [watched(&[
            (1, "gpu0", &low),
            (3, "gpu0", &high),
            (1, "gpu1", &low),
            (3, "gpu1", &low),
        ])];
        let joules =
            |windows: &[Window]| gpu_figures(&seen, windows, &[], &IdleDraws::new()).energy.joules;
        // gpu0: 100 before, 400 between, 300 after; gpu1: 400 in all.
        assert_eq!(joules(&[window(0, 4)]), Some(1200.0));
        assert_eq!(joules(&[window(0, 3), window(1, 4)]), Some(1200.0));
        assert_eq!(joules(&[window(0, 2)]), None);
    }

    #[test]
    fn energy_of_each_device_is_in_the_statistics() {
        let power = [(metric::POWER_WATTS, 100.0)];
        let seen = watched(&[(1, "gpu0", &power), (3, "gpu0", &power)]);
        let stats = statistics(&seen, &[window(1, 3)], &IdleDraws::new());
        assert_eq!(stats.energy["gpu0"].joules, Some(200.0));
        assert!(!stats.energy.contains_key("gpu1"), "it tells neither energy nor power");
    }

    #[test]
    fn without_a_gpu_everything_is_absent_with_a_reason() {
        let unavailable = ["`nvidia-smi`: not found".to_owned()];
        let figures = gpu_figures(&[], &[window(0, 1)], &unavailable, &IdleDraws::new());
        assert_eq!(figures.avg_utilization, None);
        let reason = "no monitor found a GPU (`nvidia-smi`: not found)";
        assert_eq!(figures.reason.as_deref(), Some(reason));
    }
}
