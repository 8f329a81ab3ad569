//! How attempts and times are said.

use std::time::Duration;

use llmbench_api::record::{AttemptRecord, AttemptStatus};

/// One line about a finished attempt.
pub(crate) fn finished_line(record: &AttemptRecord) -> String {
    let mut parts = Vec::new();
    match (record.status, record.score) {
        (AttemptStatus::Scored, Some(score)) => parts.push(format!("score {score:.1}")),
        (AttemptStatus::Scored, None) if record.is_lost() => parts.push("no score".to_owned()),
        (AttemptStatus::Scored, None) => parts.push("measured".to_owned()),
        (status, _) => parts.push(status.as_str().replace('_', " ")),
    }
    if let Some(compiles) = record.compiles {
        parts.push(if compiles { "compiles".into() } else { "does not compile".into() });
    }
    parts.extend(record.tokens_per_sec.map(|speed| format!("{speed:.1} tok/s")));
    parts.extend(record.duration_sec.map(|seconds| format!("{seconds:.1} s")));
    parts.extend(record.gpu_avg_utilization.map(|percent| format!("GPU {percent:.0} %")));
    let name = format!("{} · {} · run {}", record.model, record.fixture, record.run_number);
    let reason = match record.status {
        // A score of 0 wants an explanation; others stand in the report.
        AttemptStatus::Scored if record.score.is_some_and(|score| score > 0.0) => None,
        AttemptStatus::Scored if record.score.is_none() && !record.is_lost() => None,
        _ => record.errors.first(),
    };
    let reason = reason.map(|reason| format!("\n    {reason}")).unwrap_or_default();
    format!("{name}: {}{reason}", parts.join(", "))
}

/// `3m 05s`, `42s`.
pub(crate) fn short_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m {seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h {minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        for (seconds, text) in [(5, "5s"), (65, "1m 05s"), (3700, "1h 01m")] {
            assert_eq!(short_duration(Duration::from_secs(seconds)), text);
        }
    }
}
