//! The columns of an export.

use llmbench_api::record::{AttemptRecord, FixtureRecord, ModelRecord, RunManifest};

use crate::attempt::is_cached;
use crate::history::machine;
use crate::summary::PROMPT_CACHED;

/// An attempt with the run that it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) run: &'a RunManifest,
    pub(super) record: &'a AttemptRecord,
}

impl<'a> Row<'a> {
    fn model(&self) -> Option<&'a ModelRecord> {
        self.run.models.iter().find(|model| model.identity.name == self.record.model)
    }

    fn fixture(&self) -> Option<&'a FixtureRecord> {
        self.run.fixtures.iter().find(|fixture| fixture.name == self.record.fixture)
    }
}

/// How a value is taken from a row; `None` is null.
#[derive(Debug, Clone, Copy)]
pub(super) enum Take {
    Text(fn(&Row<'_>) -> Option<String>),
    Number(fn(&Row<'_>) -> Option<f64>),
    Whole(fn(&Row<'_>) -> Option<u64>),
    Flag(fn(&Row<'_>) -> Option<bool>),
    /// Text by RFC 3339, stored as microseconds in UTC.
    Time(fn(&Row<'_>) -> Option<String>),
}

/// A column with its type.
#[derive(Debug, Clone, Copy)]
pub struct ExportColumn {
    /// Its name, with the unit where there is one.
    pub name: &'static str,
    pub(super) take: Take,
}

const fn column(name: &'static str, take: Take) -> ExportColumn {
    ExportColumn { name, take }
}

/// The columns, in order. They only ever grow, at the end.
///
/// Names are those of `samples.jsonl`, with a unit added where there is none in
/// it; `errors`, `warnings`, `retries` and `missing` hold JSON.
pub const EXPORT_COLUMNS: [ExportColumn; 71] = [
    column("run_id", Take::Text(|row| Some(row.run.run_id.clone()))),
    column("run_name", Take::Text(|row| row.run.name.clone())),
    column("started_at", Take::Time(|row| Some(row.run.started_at.clone()))),
    column("test", Take::Text(|row| Some(row.run.test.clone()))),
    column("backend", Take::Text(|row| Some(row.run.backend.clone()))),
    column("server", Take::Text(|row| Some(row.run.server.name.clone()))),
    column("server_version", Take::Text(|row| row.run.server.version.value.clone())),
    column("machine", Take::Text(|row| Some(machine(&row.run.environment)))),
    column("llmbench_version", Take::Text(|row| Some(row.run.llmbench_version.clone()))),
    column("plan_sha256", Take::Text(|row| Some(row.run.plan.sha256.clone()))),
    column("model", Take::Text(|row| Some(row.record.model.clone()))),
    column("model_digest", Take::Text(|row| row.model()?.identity.digest.value.clone())),
    column("quantization", Take::Text(|row| row.model()?.identity.quantization.value.clone())),
    column("parameters", Take::Whole(|row| row.model()?.identity.parameters.value)),
    column("fixture", Take::Text(|row| Some(row.record.fixture.clone()))),
    column("fixture_sha256", Take::Text(|row| Some(row.fixture()?.sha256.clone()))),
    column("level", Take::Whole(|row| row.fixture()?.level.map(u64::from))),
    column("id", Take::Text(|row| Some(row.record.id.clone()))),
    column("timestamp", Take::Time(|row| Some(row.record.timestamp.clone()))),
    column("run_number", Take::Whole(|row| Some(row.record.run_number.into()))),
    column("status", Take::Text(|row| Some(row.record.status.as_str().to_owned()))),
    column("score", Take::Number(|row| row.record.score)),
    column("max_score", Take::Number(|row| Some(row.run.max_score))),
    column("scoring_version", Take::Text(|row| row.record.scoring_version.clone())),
    column("compiles", Take::Flag(|row| row.record.compiles)),
    column("ast_score", Take::Number(|row| row.record.ast_score)),
    column("tokens_per_sec", Take::Number(|row| row.record.tokens_per_sec)),
    column("duration_sec", Take::Number(|row| row.record.duration_sec)),
    column("ttft_sec", Take::Number(|row| row.record.ttft_sec)),
    column("load_sec", Take::Number(|row| row.record.load_sec)),
    column("prefill_tokens_per_sec", Take::Number(|row| row.record.prefill_tokens_per_sec)),
    column("queue_sec", Take::Number(|row| row.record.queue_sec)),
    column("prompt_tokens", Take::Whole(|row| row.record.prompt_tokens)),
    column("completion_tokens", Take::Whole(|row| row.record.completion_tokens)),
    column("prompt_cached", Take::Flag(|row| Some(is_cached(row.record.extra.get(PROMPT_CACHED))))),
    column("done_reason", Take::Text(done_reason)),
    column("seed", Take::Whole(|row| Some(row.record.seed))),
    column("gpu_avg_utilization_percent", Take::Number(|row| row.record.gpu_avg_utilization)),
    column("gpu_peak_utilization_percent", Take::Number(|row| row.record.gpu_peak_utilization)),
    column("gpu_avg_memory_gb", Take::Number(|row| row.record.gpu_avg_memory_gb)),
    column("gpu_peak_memory_gb", Take::Number(|row| row.record.gpu_peak_memory_gb)),
    column("energy_joules", Take::Number(|row| row.record.energy_joules)),
    column("retries", Take::Text(|row| json(&row.record.retries))),
    column("errors", Take::Text(|row| json(&row.record.errors))),
    column("warnings", Take::Text(|row| json(&row.record.warnings))),
    column("missing", Take::Text(|row| json(&row.record.missing))),
    column("output_code", Take::Text(|row| row.record.output_code.clone())),
    column("output_bytes", Take::Whole(|row| Some(row.record.output_code.as_ref()?.len() as u64))),
    column("num_ctx_tokens", Take::Whole(|row| row.run.settings.get("num_ctx")?.value.as_u64())),
    column(
        "energy_source",
        Take::Text(|row| row.record.energy_source.map(|source| source.as_str().to_owned())),
    ),
    column("energy_above_idle_joules", Take::Number(|row| row.record.energy_above_idle_joules)),
    column("cpu_energy_joules", Take::Number(|row| row.record.cpu_energy_joules)),
    column("load_concurrency", Take::Whole(concurrency)),
    column("load_rate_per_sec", Take::Number(|row| number(row, "/point/arrival/rate_per_second"))),
    column("load_requests", Take::Number(|row| number(row, "/requests"))),
    column("load_answered", Take::Number(|row| number(row, "/answered"))),
    column("load_steady_requests", Take::Number(|row| number(row, "/steady_requests"))),
    column("requests_per_sec", Take::Number(|row| number(row, "/requests_per_sec"))),
    column("output_tokens_per_sec", Take::Number(|row| number(row, "/output_tokens_per_sec"))),
    column("input_tokens_per_sec", Take::Number(|row| number(row, "/input_tokens_per_sec"))),
    column("ttft_p50_ms", Take::Number(|row| number(row, "/ttft_ms/median"))),
    column("ttft_p99_ms", Take::Number(|row| number(row, "/ttft_ms/percentiles/p99"))),
    column("itl_p50_ms", Take::Number(|row| number(row, "/itl_ms/median"))),
    column("itl_p99_ms", Take::Number(|row| number(row, "/itl_ms/percentiles/p99"))),
    column("tpot_p50_ms", Take::Number(|row| number(row, "/tpot_ms/median"))),
    column("longest_gap_ms", Take::Number(|row| number(row, "/longest_gap_ms/max"))),
    column("e2e_p50_ms", Take::Number(|row| number(row, "/e2e_ms/median"))),
    column("e2e_p99_ms", Take::Number(|row| number(row, "/e2e_ms/percentiles/p99"))),
    column("goodput_share", Take::Number(|row| number(row, "/goodput/share"))),
    column("sustained_rate_per_sec", Take::Number(|row| number(row, "/sustained_rate_per_sec"))),
    column(
        "tokens_per_sec_measured_by",
        Take::Text(|row| row.record.tokens_per_sec_measured_by.map(|by| by.as_str().to_owned())),
    ),
];

/// A figure of a load test, by its place in the field `load`.
fn number(row: &Row<'_>, place: &str) -> Option<f64> {
    row.record.extra.get("load")?.pointer(place)?.as_f64()
}

/// Requests under way; one where they are sent one after the other.
fn concurrency(row: &Row<'_>) -> Option<u64> {
    let arrival = row.record.extra.get("load")?.pointer("/point/arrival")?;
    match arrival.get("kind")?.as_str()? {
        "sequential" => Some(1),
        _ => arrival.get("concurrency")?.as_u64(),
    }
}

fn done_reason(row: &Row<'_>) -> Option<String> {
    let reason = serde_json::to_value(row.record.done_reason.as_ref()?).ok()?;
    Some(reason.as_str().map_or_else(|| reason.to_string(), str::to_owned))
}

fn json(value: &impl serde::Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}
