//! What the monitors saw during one attempt, thin enough to be drawn.

use llmbench_api::{Answer, Series};
use serde_json::{Value, json};

use super::rows::rounded;

/// Points of one line; more than this cannot be told apart on a screen.
const MOST_POINTS: usize = 240;
/// What is drawn: metric, name, unit, divisor.
const METRICS: [(&str, &str, &str, f64); 6] = [
    ("gpu_utilization_percent", "utilisation", "%", 1.0),
    ("cpu_percent", "utilisation", "%", 1.0),
    ("memory_used_bytes", "memory", "GB", 1e9),
    ("power_watts", "power", "W", 1.0),
    ("temperature_celsius", "temperature", "°C", 1.0),
    ("clock_sm_mhz", "clock", "MHz", 1.0),
];

/// Windows of the requests and lines of the devices, in seconds since the first request was sent.
pub(super) fn timeline(answers: &[Answer], monitors: &[(String, Series)]) -> Value {
    let generations: Vec<_> = answers
        .iter()
        .filter_map(|answer| match answer {
            Answer::Answered(generation) => Some(generation),
            Answer::Failed(_) => None,
        })
        .collect();
    let first_sample = || monitors.iter().filter_map(|(_, s)| s.samples.first()).map(|s| s.at_ns);
    let zero = generations.iter().map(|g| g.sent_at_ns).min().or_else(|| first_sample().min());
    let Some(zero) = zero else { return Value::Null };
    let second = |at_ns: u64| rounded(Some((at_ns as f64 - zero as f64) / 1e9), 3);
    let windows: Vec<_> = generations
        .iter()
        .map(|g| {
            json!([second(g.sent_at_ns), g.first_token_at_ns.map(second), second(g.done_at_ns)])
        })
        .collect();
    let mut lines = Vec::new();
    let mut gaps = Vec::new();
    for (monitor, series) in monitors {
        gaps.extend(series.gaps.iter().map(|gap| {
            json!([second(gap.from_ns), second(gap.to_ns), format!("{monitor}: {}", gap.reason)])
        }));
        for device in &series.devices {
            for (metric, name, unit, divisor) in METRICS {
                let of_device = series.samples.iter().filter(|sample| sample.device == device.id);
                let points: Vec<(u64, f64)> = of_device
                    .filter_map(|sample| Some((sample.at_ns, sample.values.get(metric)? / divisor)))
                    .collect();
                if points.is_empty() {
                    continue;
                }
                let drawn = thinned(&points);
                let drawn: Vec<_> = drawn
                    .iter()
                    .map(|(at_ns, value)| json!([second(*at_ns), rounded(Some(*value), 2)]))
                    .collect();
                lines.push(json!({
                    "monitor": monitor, "device": device.id, "kind": device.kind,
                    "product": device.name, "name": name, "unit": unit,
                    "samples": points.len(), "points": drawn,
                }));
            }
        }
    }
    let reasons: Vec<_> = monitors
        .iter()
        .filter_map(|(name, series)| Some(format!("{name}: {}", series.reason.as_ref()?)))
        .collect();
    json!({ "windows": windows, "lines": lines, "gaps": gaps, "reasons": reasons })
}

/// At most [`MOST_POINTS`]: of each stretch the highest, so that no peak is lost.
fn thinned(points: &[(u64, f64)]) -> Vec<(u64, f64)> {
    let stretch = points.len().div_ceil(MOST_POINTS).max(1);
    let highest = |stretch: &[(u64, f64)]| {
        stretch.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)).expect("chunks are not empty")
    };
    points.chunks(stretch).map(highest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_series_keeps_its_peak_and_a_short_one_all() {
        let mut points: Vec<(u64, f64)> = (0..10_000).map(|at| (at, 1.0)).collect();
        points[7_777].1 = 99.0;
        let thin = thinned(&points);
        assert!(thin.len() <= MOST_POINTS, "{}", thin.len());
        assert!(thin.contains(&(7_777, 99.0)));
        assert_eq!(thinned(&points[..5]), &points[..5]);
    }
}
