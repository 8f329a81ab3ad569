//! `samples.csv`: one row for each attempt, for spreadsheets.

use llmbench_api::Arrival;
use llmbench_api::record::{EnergySource, LoadFigures, MeasuredBy, Stat};

use super::escape;
use crate::summary::is_prompt_cached;
use crate::{Attempt, Report};

/// The columns, in order. They only ever grow, at the end.
///
/// Names and units are those of `samples.jsonl`. `prompt_cached` is `true` or
/// `false`; `errors`, `warnings` and `missing` are joined with `; `, the latter
/// as `field: reason`. Answers and findings are in `samples.jsonl` only. The columns from
/// `load_concurrency` to `sustained_rate_per_sec` are those of load tests and empty for others.
pub const COLUMNS: [&str; 53] = [
    "id",
    "model",
    "fixture",
    "timestamp",
    "run_number",
    "status",
    "score",
    "scoring_version",
    "compiles",
    "ast_score",
    "tokens_per_sec",
    "duration_sec",
    "ttft_sec",
    "load_sec",
    "prefill_tokens_per_sec",
    "queue_sec",
    "prompt_tokens",
    "completion_tokens",
    "done_reason",
    "seed",
    "gpu_avg_utilization",
    "gpu_peak_utilization",
    "gpu_avg_memory_gb",
    "gpu_peak_memory_gb",
    "energy_joules",
    "prompt_cached",
    "retries",
    "errors",
    "warnings",
    "missing",
    "output_bytes",
    "energy_source",
    "energy_above_idle_joules",
    "cpu_energy_joules",
    "load_concurrency",
    "load_rate_per_sec",
    "load_requests",
    "load_answered",
    "load_steady_requests",
    "requests_per_sec",
    "output_tokens_per_sec",
    "input_tokens_per_sec",
    "ttft_p50_ms",
    "ttft_p99_ms",
    "itl_p50_ms",
    "itl_p99_ms",
    "tpot_p50_ms",
    "longest_gap_ms",
    "e2e_p50_ms",
    "e2e_p99_ms",
    "goodput_share",
    "sustained_rate_per_sec",
    "tokens_per_sec_measured_by",
];

/// The attempts as CSV by RFC 4180 with a header line and `\n` as line end.
///
/// A row is one line: line ends inside a cell become spaces. What was not
/// measured is an empty cell. Cells that a spreadsheet would take for a formula
/// start with `'`.
pub fn csv(report: &Report<'_>) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let mut write = |cells: [String; COLUMNS.len()]| {
        writer.write_record(cells).expect("rows have one length and memory takes them all");
    };
    write(COLUMNS.map(str::to_owned));
    for record in report.attempts() {
        write(row(record).map(|cell| escape::spreadsheet(&cell)));
    }
    let bytes = writer.into_inner().expect("memory takes everything");
    String::from_utf8(bytes).expect("every cell is UTF-8")
}

fn row(record: &Attempt) -> [String; COLUMNS.len()] {
    fn cell<T: ToString>(value: Option<T>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    let missing: Vec<_> =
        record.missing.iter().map(|(field, reason)| format!("{field}: {reason}")).collect();
    let load = record.load.as_deref();
    let figure = |value: fn(&LoadFigures) -> Option<f64>| cell(load.and_then(value));
    let (concurrency, rate) = match load.map(|load| &load.point.arrival) {
        Some(Arrival::Sequential) => (Some(1), None),
        Some(Arrival::Closed { concurrency }) => (Some(*concurrency), None),
        Some(Arrival::Open { rate_per_second, .. }) => (None, Some(*rate_per_second)),
        _ => (None, None),
    };
    let done_reason = record
        .done_reason
        .as_ref()
        .and_then(|reason| serde_json::to_value(reason).ok()?.as_str().map(str::to_owned));
    [
        record.id.clone(),
        record.model.to_string(),
        record.fixture.to_string(),
        record.timestamp.clone(),
        record.run_number.to_string(),
        record.status.as_str().to_owned(),
        cell(record.score),
        cell(record.scoring_version.as_ref()),
        cell(record.compiles),
        cell(record.ast_score),
        cell(record.tokens_per_sec),
        cell(record.duration_sec),
        cell(record.ttft_sec),
        cell(record.load_sec),
        cell(record.prefill_tokens_per_sec),
        cell(record.queue_sec),
        cell(record.prompt_tokens),
        cell(record.completion_tokens),
        cell(done_reason),
        record.seed.to_string(),
        cell(record.gpu_avg_utilization),
        cell(record.gpu_peak_utilization),
        cell(record.gpu_avg_memory_gb),
        cell(record.gpu_peak_memory_gb),
        cell(record.energy_joules),
        is_prompt_cached(record).to_string(),
        record.retries.len().to_string(),
        record.errors.join("; "),
        record.warnings.join("; "),
        missing.join("; "),
        cell(record.output.map(|output| output.bytes)),
        cell(record.energy_source.map(EnergySource::as_str)),
        cell(record.energy_above_idle_joules),
        cell(record.cpu_energy_joules),
        cell(concurrency),
        cell(rate),
        cell(load.map(|load| load.requests)),
        cell(load.map(|load| load.answered)),
        cell(load.map(|load| load.steady_requests)),
        figure(|load| load.requests_per_sec),
        figure(|load| load.output_tokens_per_sec),
        figure(|load| load.input_tokens_per_sec),
        figure(|load| load.ttft_ms.median),
        figure(|load| p99(&load.ttft_ms)),
        figure(|load| load.itl_ms.median),
        figure(|load| p99(&load.itl_ms)),
        figure(|load| load.tpot_ms.median),
        figure(|load| load.longest_gap_ms.max),
        figure(|load| load.e2e_ms.median),
        figure(|load| p99(&load.e2e_ms)),
        figure(|load| load.goodput.as_ref()?.share),
        figure(|load| load.sustained_rate_per_sec),
        cell(record.tokens_per_sec_measured_by.map(MeasuredBy::as_str)),
    ]
}

fn p99(stat: &Stat) -> Option<f64> {
    stat.percentiles.map(|percentiles| percentiles.p99)
}
