//! Energy over stretches of time, from what a monitor sampled. Pure functions.
//!
//! A counter's difference counts where there is a counter, read before and after
//! each stretch; else the area under the power samples, which is an estimate.

use llmbench_api::record::{EnergySource, EnergyStats, IdleDevice, IdleRecord};
use llmbench_api::{Device, DeviceKind, Sample, Series, metric};

use crate::watch::Window;

/// The fact of a device that has an energy counter which cannot be read: why.
const ENERGY_MISSING: &str = "energy_missing";
/// Utilisation, in percent, above which a GPU is not idle.
const BUSY_GPU_PERCENT: f64 = 5.0;
/// Use of the whole machine's processors, in percent, above which none of them is idle.
const BUSY_CPU_PERCENT: f64 = 10.0;

/// Instant on the host's clock, and what was read then.
type Point = (u64, f64);

/// Energy of one device over `windows`, which must not overlap, and what of it
/// is above the idle draw.
pub(crate) fn of_device(
    series: &Series,
    id: &str,
    windows: &[Window],
    idle: Option<&IdleDevice>,
) -> EnergyStats {
    if windows.is_empty() {
        return EnergyStats { reason: Some("nothing was generated".into()), ..Default::default() };
    }
    let points = |name: &str| points(series, id, name);
    let counter = points(metric::ENERGY_JOULES);
    let power = points(metric::POWER_WATTS);
    let longest_ns = longest_stretch_ns(series);
    let by_counter =
        || -> Result<f64, String> { windows.iter().map(|window| between(&counter, *window)).sum() };
    let by_power = || -> Option<f64> {
        windows.iter().map(|window| trapezoid(&power, *window, longest_ns)).sum()
    };
    let mut stats = EnergyStats::default();
    match by_counter() {
        Ok(joules) => (stats.joules, stats.source) = (Some(joules), Some(EnergySource::Counter)),
        Err(why) => match by_power() {
            Some(joules) => {
                (stats.joules, stats.source) = (Some(joules), Some(EnergySource::Estimated));
                stats.reason = (!counter.is_empty()).then_some(why);
            }
            None => stats.reason = Some(nothing(series, id, &counter, &power, why)),
        },
    }
    let seconds: f64 = windows.iter().map(|window| window.seconds()).sum();
    if let Some(watts) = idle.and_then(|idle| idle.power_watts) {
        stats.idle_watts = Some(watts);
        stats.above_idle_joules = stats.joules.map(|joules| joules - watts * seconds);
    }
    stats
}

/// The idle draw of every device that tells its energy or power.
///
/// A GPU or processor that was at work meanwhile has none, with the reason.
pub(crate) fn idle(series: &Series, window: Window) -> IdleRecord {
    let mean_of = |device: &str, name: &str| {
        let values: Vec<f64> = points(series, device, name)
            .into_iter()
            .filter(|(at_ns, _)| window.holds(*at_ns))
            .map(|(_, value)| value)
            .collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let machine = series.devices.iter().find(|device| device.kind == DeviceKind::System);
    let devices = series.devices.iter().filter_map(|device| {
        let mean = |name: &str| mean_of(&device.id, name);
        let counter = points(series, &device.id, metric::ENERGY_JOULES);
        let power = points(series, &device.id, metric::POWER_WATTS);
        if counter.is_empty() && power.is_empty() {
            return None;
        }
        let (utilization_percent, limit, what) = match device.kind {
            DeviceKind::Cpu => (
                machine.and_then(|machine| mean_of(&machine.id, metric::CPU_PERCENT)),
                BUSY_CPU_PERCENT,
                "processor",
            ),
            _ => (mean(metric::GPU_UTILIZATION_PERCENT), BUSY_GPU_PERCENT, "GPU"),
        };
        let mut idle = IdleDevice { utilization_percent, ..IdleDevice::default() };
        let watts = match between(&counter, window) {
            Ok(joules) => Some((joules / window.seconds(), EnergySource::Counter)),
            Err(_) => mean(metric::POWER_WATTS).map(|watts| (watts, EnergySource::Estimated)),
        };
        match (watts, utilization_percent.filter(|percent| *percent > limit)) {
            (_, Some(percent)) => {
                idle.reason = Some(format!("the {what} was not idle: {percent:.0} % utilisation"));
            }
            (Some((watts, source)), None) => {
                (idle.power_watts, idle.source) = (Some(watts), Some(source));
            }
            (None, None) => idle.reason = Some("too few samples".into()),
        }
        Some((device.id.clone(), idle))
    });
    IdleRecord { measured_sec: window.seconds(), devices: devices.collect(), reason: None }
}

/// Energy of several devices together.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct EnergyFigures {
    pub(crate) joules: Option<f64>,
    pub(crate) source: Option<EnergySource>,
    pub(crate) above_idle_joules: Option<f64>,
    /// Why `joules` is absent.
    pub(crate) reason: Option<String>,
    /// Why `above_idle_joules` is absent although `joules` is not.
    pub(crate) idle_reason: Option<String>,
}

/// The sum over devices; absent as soon as one of them is. An estimate when one of them is.
pub(crate) fn sum(parts: &[EnergyStats], idle: Option<&IdleRecord>) -> EnergyFigures {
    let all = |field: fn(&EnergyStats) -> Option<f64>| -> Option<f64> {
        if parts.is_empty() { None } else { parts.iter().map(field).sum() }
    };
    let joules = all(|part| part.joules);
    let is_estimated = parts.iter().any(|part| part.source == Some(EnergySource::Estimated));
    let source = if is_estimated { EnergySource::Estimated } else { EnergySource::Counter };
    let of_device = |idle: &IdleRecord| idle.devices.values().find_map(|one| one.reason.clone());
    EnergyFigures {
        joules,
        source: joules.map(|_| source),
        above_idle_joules: all(|part| part.above_idle_joules),
        reason: parts.iter().filter(|part| part.joules.is_none()).find_map(|p| p.reason.clone()),
        idle_reason: Some(match idle {
            Some(idle) => idle
                .reason
                .clone()
                .or_else(|| of_device(idle))
                .unwrap_or_else(|| "the idle draw of a device is not known".into()),
            None => "the idle draw was not measured".into(),
        }),
    }
}

/// The sum over exchanges, one after the other; absent as soon as one is.
pub(crate) fn together(each: &[&EnergyFigures]) -> EnergyFigures {
    let all = |field: fn(&EnergyFigures) -> Option<f64>| -> Option<f64> {
        each.iter().map(|figures| field(figures)).sum()
    };
    let is_estimated = each.iter().any(|one| one.source == Some(EnergySource::Estimated));
    let joules = all(|one| one.joules);
    EnergyFigures {
        joules,
        source: joules
            .map(|_| if is_estimated { EnergySource::Estimated } else { EnergySource::Counter }),
        above_idle_joules: all(|one| one.above_idle_joules),
        reason: each.iter().find_map(|one| one.reason.clone()),
        idle_reason: each.iter().find_map(|one| one.idle_reason.clone()),
    }
}

/// The devices of `kind` in a series.
pub(crate) fn ids(series: &Series, kind: DeviceKind) -> impl Iterator<Item = &Device> {
    series.devices.iter().filter(move |device| device.kind == kind)
}

/// Longest stretch without power samples over which power is taken to have been steady. A
/// monitor drops its first round, so a stretch may be a bit longer there.
fn longest_stretch_ns(series: &Series) -> u64 {
    (series.interval_ms * 1_000_000 * 5 / 2).max(2_000_000_000)
}

fn points(series: &Series, id: &str, name: &str) -> Vec<Point> {
    let of = |sample: &Sample| Some((sample.at_ns, *sample.values.get(name)?));
    series.samples.iter().filter(|sample| sample.device == id).filter_map(of).collect()
}

fn nothing(series: &Series, id: &str, counter: &[Point], power: &[Point], why: String) -> String {
    let device = series.devices.iter().find(|device| device.id == id);
    if let Some(reason) = device.and_then(|device| device.facts.get(ENERGY_MISSING)) {
        return reason.clone();
    }
    match (counter.is_empty(), power.is_empty()) {
        (true, true) => format!("{id} tells neither energy nor power"),
        (false, _) => why,
        (true, false) => {
            "too few power samples, or too far apart, within the generation".to_owned()
        }
    }
}

/// What a counter counted from the window's beginning to its end. Between two
/// readings it is taken to have grown steadily.
fn between(counter: &[Point], window: Window) -> Result<f64, String> {
    let first = counter.iter().rposition(|(at_ns, _)| *at_ns <= window.from_ns);
    let last = counter.iter().position(|(at_ns, _)| *at_ns >= window.to_ns);
    let (Some(first), Some(last)) = (first, last) else {
        return Err("the energy counter was not read both before and after the generation".into());
    };
    let span = &counter[first..=last.max(first)];
    if span.windows(2).any(|pair| pair[1].1 < pair[0].1) {
        return Err("the energy counter was set back during the generation".into());
    }
    let end = value_at(span, window.to_ns).zip(value_at(span, window.from_ns));
    end.map(|(end, start)| end - start).ok_or_else(|| "the energy counter was not read".into())
}

/// The counter at `at_ns`, on the line between its neighbours.
fn value_at(span: &[Point], at_ns: u64) -> Option<f64> {
    let after = span.iter().position(|point| point.0 >= at_ns)?;
    let (at, value) = span[after];
    let Some((before_ns, before)) = after.checked_sub(1).map(|before| span[before]) else {
        return (at == at_ns).then_some(value);
    };
    let share = at_ns.saturating_sub(before_ns) as f64 / (at - before_ns).max(1) as f64;
    Some(before + (value - before) * share)
}

/// Power over the window; before the first and after the last sample within it, it is
/// held. `None` with fewer than two samples, or when a stretch without samples is longer
/// than `longest_ns`: what was not seen is not filled in.
fn trapezoid(power: &[Point], window: Window, longest_ns: u64) -> Option<f64> {
    let inside: Vec<Point> =
        power.iter().copied().filter(|(at_ns, _)| window.holds(*at_ns)).collect();
    let [first, .., last] = inside.as_slice() else { return None };
    let edges = [(window.from_ns, first.1), (window.to_ns, last.1)];
    let points: Vec<Point> =
        std::iter::once(edges[0]).chain(inside.iter().copied()).chain([edges[1]]).collect();
    let stretch = |pair: &[Point]| pair[1].0.saturating_sub(pair[0].0);
    if points.windows(2).any(|pair| stretch(pair) > longest_ns) {
        return None;
    }
    let area = |pair: &[Point]| f64::midpoint(pair[0].1, pair[1].1) * stretch(pair) as f64 / 1e9;
    Some(points.windows(2).map(area).sum())
}

#[cfg(test)]
#[path = "energy_tests.rs"]
mod tests;
