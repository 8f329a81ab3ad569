//! Makes the record of an attempt: every figure, or the reason for its absence.

use std::collections::BTreeMap;

use llmbench_api::record::{
    AttemptRecord, AttemptStatus, LOW_GPU_UTILIZATION_PERCENT, LOW_GPU_UTILIZATION_WARNING,
    NO_SCORES,
};
use llmbench_api::{DoneReason, Findings, Generation, History, Json, PastStep};

use super::speeds::{self, Speeds};
use super::{AttemptInput, Ending, Exchange};
use crate::energy::{self, EnergyFigures};
use crate::session::Session;
use crate::watch::{self, GpuFigures, IdleDraws, Window};

/// Fields of every record that a test cannot set through its metrics.
const RESERVED: [&str; 35] = [
    "id",
    "model",
    "fixture",
    "timestamp",
    "run_number",
    "status",
    "score",
    "scoring_version",
    "tokens_per_sec",
    "tokens_per_sec_measured_by",
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
    "energy_source",
    "energy_above_idle_joules",
    "cpu_energy_joules",
    "output_code",
    "errors",
    "warnings",
    "missing",
    "findings",
    "monitors",
    "retries",
    "prompt_cached",
];

/// Everything that a record is made of.
pub(crate) struct RecordInput<'a> {
    pub(crate) session: &'a Session,
    pub(crate) input: AttemptInput<'a>,
    pub(crate) timestamp: String,
    pub(super) ending: &'a Ending,
    pub(crate) history: &'a History,
    pub(crate) exchanges: &'a [Exchange],
    /// Failures of validators that were retried.
    pub(crate) judging_retries: &'a [String],
}

pub(super) fn record(from: RecordInput<'_>) -> AttemptRecord {
    let RecordInput { session, input, timestamp, ending, history, exchanges, judging_retries } =
        from;
    let verdict = &ending.verdict;
    let measured: Vec<&Exchange> =
        exchanges.iter().filter(|exchange| !exchange.is_preparation()).collect();
    let answers: Vec<&Generation> = exchanges.iter().flat_map(Exchange::generations).collect();
    let windows: Vec<Window> = exchanges.iter().flat_map(Exchange::windows).collect();
    let mut missing = Missing::new(ending, &answers);
    missing.reasons.extend(verdict.missing.clone());

    let mut metrics = input.case.record_fields.clone();
    metrics.extend(verdict.metrics.clone());
    let mut speeds = Speeds::of(&answers);
    if !session.description.is_scored {
        speeds.take(&mut metrics);
        if ending.status == AttemptStatus::Scored {
            missing.because("score", NO_SCORES);
        }
    }
    let idle = session.idle_draws();
    let gpu = gpu_figures(session, &measured, &windows, &idle);
    let cpu = cpu_energy(&measured, &idle);
    let (mut extra, renamed) = extra_fields(&metrics);
    let compiles = extra.remove("compiles").and_then(|value| value.as_bool());
    let ast_score = extra.remove("ast_score").and_then(|value| value.as_f64());
    let retried = exchanges.iter().any(|exchange| !exchange.retries.is_empty());
    if input.prompt_seen || retried {
        extra.insert("prompt_cached".into(), Json::Bool(true));
    }

    let scored = ending.status == AttemptStatus::Scored;
    let record = AttemptRecord {
        id: input.planned.id.clone(),
        model: input.model.name.clone(),
        fixture: input.case.name.clone(),
        timestamp,
        run_number: input.planned.run_index + 1,
        status: ending.status,
        score: missing
            .keep("score", verdict.score.filter(|_| scored && session.description.is_scored)),
        scoring_version: session.description.scoring_version.clone(),
        compiles: missing.keep("compiles", compiles),
        ast_score: missing.keep("ast_score", ast_score),
        tokens_per_sec: missing.keep_because(
            "tokens_per_sec",
            speeds.decode.map(|decode| decode.tokens_per_sec),
            speeds::no_decode(&answers),
        ),
        tokens_per_sec_measured_by: missing.keep_because(
            "tokens_per_sec_measured_by",
            speeds.decode.and_then(|decode| decode.measured_by),
            Some("there is no such speed".into()),
        ),
        duration_sec: missing.keep("duration_sec", speeds.duration_sec),
        ttft_sec: missing.keep("ttft_sec", speeds.ttft_sec),
        load_sec: missing.keep_server("load_sec", speeds.load_sec, &answers),
        prefill_tokens_per_sec: missing.keep_server(
            "prefill_tokens_per_sec",
            speeds.prefill,
            &answers,
        ),
        queue_sec: missing.keep_server("queue_sec", speeds.queue_sec, &answers),
        prompt_tokens: missing.keep_server("prompt_tokens", speeds.prompt_tokens, &answers),
        completion_tokens: missing.keep_server(
            "completion_tokens",
            speeds.completion_tokens,
            &answers,
        ),
        done_reason: missing
            .keep("done_reason", answers.last().map(|answer| answer.done_reason.clone())),
        seed: input.planned.seed,
        gpu_avg_utilization: missing.keep_gpu("gpu_avg_utilization", gpu.avg_utilization, &gpu),
        gpu_peak_utilization: missing.keep_gpu("gpu_peak_utilization", gpu.peak_utilization, &gpu),
        gpu_avg_memory_gb: missing.keep_gpu("gpu_avg_memory_gb", gpu.avg_memory_gb, &gpu),
        gpu_peak_memory_gb: missing.keep_gpu("gpu_peak_memory_gb", gpu.peak_memory_gb, &gpu),
        energy_joules: missing.keep_energy("energy_joules", gpu.energy.joules, &gpu),
        energy_source: missing.keep_energy("energy_source", gpu.energy.source, &gpu),
        energy_above_idle_joules: missing.keep_energy(
            "energy_above_idle_joules",
            gpu.energy.above_idle_joules,
            &gpu,
        ),
        cpu_energy_joules: missing.keep_because("cpu_energy_joules", cpu.joules, cpu.reason),
        output_code: missing.keep("output_code", verdict.output.clone()),
        errors: errors(ending),
        warnings: warnings(verdict, &answers, &measured, &gpu, &renamed),
        findings: findings(history),
        monitors: measured
            .iter()
            .flat_map(|exchange| {
                let stats = |seen| watch::statistics(seen, &exchange.windows(), &idle);
                exchange.watched.iter().map(stats)
            })
            .collect(),
        retries: exchanges
            .iter()
            .flat_map(|exchange| &exchange.retries)
            .chain(judging_retries)
            .cloned()
            .collect(),
        missing: BTreeMap::new(),
        extra,
    };
    AttemptRecord { missing: missing.reasons, ..record }
}

/// The test's own metrics, renamed where a field of every record has the same
/// name; `compiles` and `ast_score` are meant to be such fields.
fn extra_fields(metrics: &BTreeMap<String, Json>) -> (BTreeMap<String, Json>, Vec<String>) {
    let mut renamed = Vec::new();
    let fields = metrics.iter().map(|(name, value)| {
        if !RESERVED.contains(&name.as_str()) {
            return (name.clone(), value.clone());
        }
        renamed.push(name.clone());
        (format!("test_{name}"), value.clone())
    });
    let fields = fields.collect();
    (fields, renamed)
}

fn gpu_figures(
    session: &Session,
    exchanges: &[&Exchange],
    windows: &[Window],
    idle: &IdleDraws,
) -> GpuFigures {
    let of = |exchange: &Exchange, windows: &[Window]| {
        watch::gpu_figures(&exchange.watched, windows, &session.unavailable_monitors, idle)
    };
    // Each exchange has series of its own; the common case is one exchange.
    match exchanges {
        [] => GpuFigures { reason: Some("nothing was generated".into()), ..GpuFigures::default() },
        [only] => of(only, windows),
        several => {
            let each: Vec<_> =
                several.iter().map(|exchange| of(exchange, &exchange.windows())).collect();
            merge(&each)
        }
    }
}

fn cpu_energy(exchanges: &[&Exchange], idle: &IdleDraws) -> EnergyFigures {
    let of = |exchange: &&Exchange| watch::cpu_energy(&exchange.watched, &exchange.windows(), idle);
    let each: Vec<EnergyFigures> = exchanges.iter().map(of).collect();
    match each.as_slice() {
        [] => EnergyFigures {
            reason: Some("nothing was generated".into()),
            ..EnergyFigures::default()
        },
        each => energy::together(&each.iter().collect::<Vec<_>>()),
    }
}

/// Peaks of all, energy together, the mean of the means; absent as soon as one part is.
fn merge(each: &[GpuFigures]) -> GpuFigures {
    let all = |field: fn(&GpuFigures) -> Option<f64>| -> Option<Vec<f64>> {
        each.iter().map(field).collect()
    };
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let peak = |values: Vec<f64>| values.into_iter().reduce(f64::max);
    GpuFigures {
        avg_utilization: all(|part| part.avg_utilization).map(mean),
        peak_utilization: all(|part| part.peak_utilization).and_then(peak),
        avg_memory_gb: all(|part| part.avg_memory_gb).map(mean),
        peak_memory_gb: all(|part| part.peak_memory_gb).and_then(peak),
        energy: energy::together(&each.iter().map(|part| &part.energy).collect::<Vec<_>>()),
        reason: each.iter().find_map(|part| part.reason.clone()),
    }
}

/// Collects the reasons for what is absent.
struct Missing {
    reasons: BTreeMap<String, String>,
    general: String,
}

impl Missing {
    fn new(ending: &Ending, answers: &[&Generation]) -> Self {
        let general = match (&ending.error, ending.status) {
            (Some(error), _) => error.to_string(),
            (None, AttemptStatus::Invalid) => {
                "the measurement is not valid, so the answer was not judged".into()
            }
            (None, _) if answers.is_empty() => "nothing was generated".into(),
            (None, _) => "the test does not report it".into(),
        };
        Self { reasons: BTreeMap::new(), general }
    }

    /// The reason for a field, unless the test gave one.
    fn because(&mut self, field: &str, reason: &str) {
        self.reasons.entry(field.to_owned()).or_insert_with(|| reason.to_owned());
    }

    fn keep<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        self.keep_because(field, value, None)
    }

    /// A figure of the server; the backend gives the reason.
    fn keep_server<T>(
        &mut self,
        field: &str,
        value: Option<T>,
        answers: &[&Generation],
    ) -> Option<T> {
        let source = match field {
            "prefill_tokens_per_sec" => ["prompt_tokens", "prefill_sec", field],
            own => [own; 3],
        };
        let reason = answers
            .iter()
            .find_map(|answer| source.iter().find_map(|name| answer.missing.get(*name)));
        let reason = reason
            .cloned()
            .or_else(|| (!answers.is_empty()).then(|| "the server does not report it".to_owned()));
        self.keep_because(field, value, reason)
    }

    fn keep_gpu(&mut self, field: &str, value: Option<f64>, gpu: &GpuFigures) -> Option<f64> {
        self.keep_because(field, value, gpu.reason.clone())
    }

    fn keep_energy<T>(&mut self, field: &str, value: Option<T>, gpu: &GpuFigures) -> Option<T> {
        let energy = &gpu.energy;
        let reason = match energy.joules {
            None => energy.reason.clone().or_else(|| gpu.reason.clone()),
            Some(_) => energy.idle_reason.clone(),
        };
        self.keep_because(field, value, reason)
    }

    fn keep_because<T>(
        &mut self,
        field: &str,
        value: Option<T>,
        reason: Option<String>,
    ) -> Option<T> {
        if value.is_some() {
            self.reasons.remove(field);
        } else if !self.reasons.contains_key(field) {
            let reason = reason.unwrap_or_else(|| self.general.clone());
            self.reasons.insert(field.to_owned(), reason);
        }
        value
    }
}

fn errors(ending: &Ending) -> Vec<String> {
    let mut errors = Vec::new();
    if let Some(error) = &ending.error {
        errors.push(error.to_string());
        errors.extend(error.hint.clone());
    }
    errors.extend(ending.verdict.invalid.clone());
    errors.extend(ending.verdict.errors.iter().cloned());
    errors
}

fn warnings(
    verdict: &llmbench_api::Verdict,
    answers: &[&Generation],
    exchanges: &[&Exchange],
    gpu: &GpuFigures,
    renamed: &[String],
) -> Vec<String> {
    let mut warnings = verdict.warnings.clone();
    warnings.extend(answers.iter().flat_map(|answer| answer.warnings.iter().cloned()));
    warnings.extend(exchanges.iter().flat_map(|exchange| exchange.warnings.iter().cloned()));
    warnings.extend(exchanges.iter().flat_map(|exchange| {
        exchange.watched.iter().flat_map(|seen| seen.series.warnings.iter().cloned())
    }));
    let uncounted = |answer: &&Generation| {
        answer.prompt_tokens.is_none() && answer.done_reason != DoneReason::Repetition
    };
    if answers.iter().any(uncounted) {
        warnings.push(
            "the server did not count the prompt's tokens, so a cut prompt would not be noticed"
                .to_owned(),
        );
    }
    warnings.extend(renamed.iter().map(|name| {
        format!("the test's metric `{name}` has the name of a field and is stored as `test_{name}`")
    }));
    if gpu.avg_utilization.is_some_and(|mean| mean < LOW_GPU_UTILIZATION_PERCENT) {
        warnings.push(LOW_GPU_UTILIZATION_WARNING.to_owned());
    }
    let mut seen = std::collections::BTreeSet::new();
    warnings.retain(|warning| seen.insert(warning.clone()));
    warnings
}

fn findings(history: &History) -> BTreeMap<String, Findings> {
    let validated = history.steps.iter().filter_map(|step| match step {
        PastStep::Validated { role, findings, .. } => Some((role.clone(), (**findings).clone())),
        _ => None,
    });
    validated.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_cannot_take_the_name_of_a_field() {
        let metrics =
            BTreeMap::from([("duration_sec".into(), Json::from(1)), ("words".into(), 2.into())]);
        let (fields, renamed) = extra_fields(&metrics);
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["test_duration_sec", "words"]);
        assert_eq!(renamed, ["duration_sec"]);
    }

    #[test]
    fn three_requests_weigh_alike_and_one_without_figures_leaves_none() {
        let part = |mean: f64| GpuFigures { avg_utilization: Some(mean), ..GpuFigures::default() };
        assert_eq!(merge(&[part(30.0), part(60.0), part(90.0)]).avg_utilization, Some(60.0));
        assert_eq!(merge(&[part(30.0), GpuFigures::default()]).avg_utilization, None);
    }
}
