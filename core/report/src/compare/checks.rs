//! What makes a comparison meaningless, or doubtful. `docs/comparing.md` lists every check.

use std::collections::BTreeSet;

use llmbench_api::record::{AttemptStatus, MeasuredBy, RunManifest, RunStatus};

use super::side::Picked;
use super::types::{Finding, Severity};
use crate::Attempt;
use crate::watched::{BUSY_SHARE, others_share};

/// Settings that decide what a model answers.
const SAMPLING: [&str; 5] = ["temperature", "top_p", "top_k", "repeat_penalty", "max_tokens"];
/// Shares of lost attempts may differ by this much.
const LOST_MARGIN: f64 = 0.1;
/// Share of all fixtures below which those in common are few.
const LOW_OVERLAP: f64 = 0.5;

/// What the checks look at.
pub(super) struct Pair<'a> {
    pub(super) base: Picked<'a>,
    pub(super) other: Picked<'a>,
    pub(super) base_attempts: &'a [&'a Attempt],
    pub(super) other_attempts: &'a [&'a Attempt],
    /// Fixtures that both sides have scored and that are the same.
    pub(super) common: usize,
    /// Fixtures of either side.
    pub(super) all: usize,
    /// Fixtures of one name that are not the same.
    pub(super) changed: &'a [&'a str],
    /// Whether those are paired nevertheless.
    pub(super) force: bool,
}

/// Everything that was found, the weightiest first.
pub(super) fn findings(pair: &Pair<'_>) -> Vec<Finding> {
    let (base, other) = (&pair.base.0.manifest, &pair.other.0.manifest);
    let checks = [
        scoring(pair),
        highest_score(base, other),
        digest(pair),
        context_size(base, other),
        machine(base, other),
        throttled(pair),
        busy(pair),
        clock(pair),
        server(base, other),
        sampling(base, other),
        judges(base, other),
        pass_score(base, other),
        changed(pair),
        overlap(pair),
        lost(pair),
    ];
    let mut found: Vec<_> = checks.into_iter().flatten().collect();
    found.extend([("base", base), ("other", other)].into_iter().filter_map(unfinished));
    found.dedup();
    found
}

fn finding(check: &str, severity: Severity, message: String) -> Option<Finding> {
    Some(Finding { check: check.to_owned(), severity, message })
}

/// `base A, other B`, when they differ.
fn differs<T: PartialEq>(base: &T, other: &T, show: impl Fn(&T) -> String) -> Option<String> {
    (base != other).then(|| format!("base {}, other {}", show(base), show(other)))
}

fn scoring(pair: &Pair<'_>) -> Option<Finding> {
    let versions = |attempts: &[&Attempt]| -> BTreeSet<String> {
        let scored = attempts.iter().filter(|attempt| attempt.status == AttemptStatus::Scored);
        scored
            .map(|attempt| attempt.scoring_version.as_deref().unwrap_or("unknown").to_owned())
            .collect()
    };
    let (base, other) = (versions(pair.base_attempts), versions(pair.other_attempts));
    let show = |versions: &BTreeSet<String>| versions.iter().cloned().collect::<Vec<_>>().join("+");
    let all: BTreeSet<_> = base.union(&other).collect();
    if all.len() < 2 {
        return None;
    }
    let both = format!("base {}, other {}", show(&base), show(&other));
    finding(
        "scoring-version",
        Severity::Refusal,
        format!(
            "scores were made by different rules: {both}; `llmbench rejudge RUN` shows today's"
        ),
    )
}

fn highest_score(base: &RunManifest, other: &RunManifest) -> Option<Finding> {
    let both = differs(&base.max_score, &other.max_score, f64::to_string)?;
    finding("max-score", Severity::Refusal, format!("the highest score differs: {both}"))
}

fn digest(pair: &Pair<'_>) -> Option<Finding> {
    let (base, other) = (digest_of(pair.base), digest_of(pair.other));
    if pair.base.1 != pair.other.1 {
        return None;
    }
    match (&base, &other) {
        (Some(_), Some(_)) => {
            let both = differs(&base, &other, |digest| short(digest.as_deref()))?;
            finding(
                "digest",
                Severity::Refusal,
                format!("`{}` names two different models: {both}", pair.base.1),
            )
        }
        _ if pair.base.0.dir != pair.other.0.dir => finding(
            "digest",
            Severity::Warning,
            format!("whether `{}` is the same model in both runs is not known", pair.base.1),
        ),
        _ => None,
    }
}

/// The digest of a side's model.
pub(super) fn digest_of((run, model): Picked<'_>) -> Option<String> {
    let record = run.manifest.models.iter().find(|record| record.identity.name == model)?;
    record.identity.digest.value.clone()
}

fn short(digest: Option<&str>) -> String {
    digest.unwrap_or("unknown").chars().take(19).collect()
}

fn setting(manifest: &RunManifest, name: &str) -> String {
    manifest
        .settings
        .get(name)
        .map_or_else(|| "not recorded".to_owned(), |setting| setting.value.to_string())
}

fn context_size(base: &RunManifest, other: &RunManifest) -> Option<Finding> {
    let both = differs(&setting(base, "num_ctx"), &setting(other, "num_ctx"), String::clone)?;
    finding("context-size", Severity::Refusal, format!("the context size differs: {both}"))
}

fn sampling(base: &RunManifest, other: &RunManifest) -> Option<Finding> {
    let own = |name: &&String| name.starts_with("plugin.");
    let names: BTreeSet<&str> = base
        .settings
        .keys()
        .chain(other.settings.keys())
        .filter(own)
        .map(String::as_str)
        .chain(SAMPLING)
        .collect();
    let different: Vec<_> = names
        .into_iter()
        .filter_map(|name| {
            let both = differs(&setting(base, name), &setting(other, name), String::clone)?;
            Some(format!("{name} ({both})"))
        })
        .collect();
    if different.is_empty() {
        return None;
    }
    finding("sampling", Severity::Warning, format!("settings differ: {}", different.join(", ")))
}

fn machine(base: &RunManifest, other: &RunManifest) -> Option<Finding> {
    let describe = |manifest: &RunManifest| {
        let machine = &manifest.environment;
        let gpus: Vec<_> = machine.gpus.iter().map(|gpu| gpu.name.as_str()).collect();
        let gpus = if gpus.is_empty() { "no GPU".to_owned() } else { gpus.join(" + ") };
        let memory = machine.memory_total_bytes.map_or_else(
            || "memory unknown".to_owned(),
            |bytes| format!("{:.0} GB", bytes as f64 / 1e9),
        );
        let cpu = machine.cpu.as_deref().unwrap_or("unknown CPU");
        format!("{cpu}, {memory}, {gpus}, {}", machine.architecture)
    };
    let both = differs(&describe(base), &describe(other), String::clone)?;
    finding("machine", Severity::SpeedNotJudged, format!("the runs are from two machines: {both}"))
}

fn throttled(pair: &Pair<'_>) -> Option<Finding> {
    let describe = |attempts: &[&Attempt]| {
        let slowed = |attempt: &&&Attempt| attempt.throttled_share.is_some_and(|share| share > 0.0);
        let count = attempts.iter().filter(slowed).count();
        (count > 0).then(|| format!("{count} of {}", attempts.len()))
    };
    let (base, other) = (describe(pair.base_attempts), describe(pair.other_attempts));
    if base.is_none() && other.is_none() {
        return None;
    }
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    finding(
        "throttled",
        Severity::SpeedNotJudged,
        format!(
            "a GPU slowed itself down (heat or power) in attempts of base: {}, other: {}",
            or_none(base),
            or_none(other)
        ),
    )
}

fn busy(pair: &Pair<'_>) -> Option<Finding> {
    let base = others_share(&pair.base.0.manifest, pair.base_attempts.iter().copied());
    let other = others_share(&pair.other.0.manifest, pair.other_attempts.iter().copied());
    if [base, other].into_iter().flatten().all(|share| share < BUSY_SHARE) {
        return None;
    }
    let show = |share: Option<f64>| {
        share.map_or_else(|| "not known".to_owned(), |share| format!("{:.0} %", share * 100.0))
    };
    finding(
        "machine-busy",
        Severity::SpeedNotJudged,
        format!(
            "other programs used the processors while answers were measured: base {}, other {}",
            show(base),
            show(other)
        ),
    )
}

fn clock(pair: &Pair<'_>) -> Option<Finding> {
    let describe = |attempts: &[&Attempt]| {
        let by: BTreeSet<_> = attempts
            .iter()
            .filter_map(|attempt| attempt.tokens_per_sec_measured_by)
            .map(|by| if by == MeasuredBy::Server { "the server" } else { "llmbench" })
            .collect();
        by.into_iter().collect::<Vec<_>>().join(" and ")
    };
    let (base, other) = (describe(pair.base_attempts), describe(pair.other_attempts));
    if base.is_empty() || other.is_empty() {
        return None;
    }
    let both = differs(&base, &other, String::clone)?;
    let message = format!("tokens/s were measured by another clock: {both}");
    finding("speed-clock", Severity::Warning, message)
}

fn server(base: &RunManifest, other: &RunManifest) -> Option<Finding> {
    let describe = |manifest: &RunManifest| {
        let version = manifest.server.version.value.as_deref().unwrap_or("of unknown version");
        format!("{} {version}", manifest.backend)
    };
    let both = differs(&describe(base), &describe(other), String::clone)?;
    finding("server", Severity::Warning, format!("the servers differ: {both}"))
}

fn judges(base: &RunManifest, other: &RunManifest) -> Option<Finding> {
    let describe = |manifest: &RunManifest| -> BTreeSet<String> {
        let one = |(role, record): (&String, &llmbench_api::record::RoleRecord)| {
            let tools: Vec<_> = record
                .info
                .tools
                .iter()
                .map(|(tool, version)| format!("{tool} {version}"))
                .collect();
            let who = match &record.skipped {
                Some(_) => "skipped".to_owned(),
                None => record.validator.clone().unwrap_or_else(|| "nobody".to_owned()),
            };
            format!("{role}: {who} {}", tools.join(" ")).trim_end().to_owned()
        };
        manifest.roles.iter().map(one).collect()
    };
    let (base, other) = (describe(base), describe(other));
    let only = |one: &BTreeSet<String>, two: &BTreeSet<String>| {
        one.difference(two).cloned().collect::<Vec<_>>().join("; ")
    };
    if base == other {
        return None;
    }
    finding(
        "judges",
        Severity::Warning,
        format!(
            "the answers were judged by other tools: base {}; other {}",
            only(&base, &other),
            only(&other, &base)
        ),
    )
}

fn pass_score(base: &RunManifest, other: &RunManifest) -> Option<Finding> {
    let of = |manifest: &RunManifest| crate::summary::pass_score(manifest);
    let show = |score: &Option<f64>| score.map_or_else(|| "none".to_owned(), |one| one.to_string());
    let both = differs(&of(base), &of(other), show)?;
    let message = format!("the score of a correct answer differs: {both}; the base's is used");
    finding("pass-score", Severity::Warning, message)
}

fn changed(pair: &Pair<'_>) -> Option<Finding> {
    if pair.changed.is_empty() {
        return None;
    }
    let (severity, what) = match pair.force {
        true => (Severity::Refusal, "are paired"),
        false => (Severity::Warning, "are left out"),
    };
    let names = pair.changed.join(", ");
    finding(
        "fixture",
        severity,
        format!("fixtures of one name that are not the same {what}: {names}"),
    )
}

fn overlap(pair: &Pair<'_>) -> Option<Finding> {
    // Those that were changed have a finding of their own.
    let left_out = if pair.force { 0 } else { pair.changed.len() };
    let few = (pair.common as f64) < LOW_OVERLAP * pair.all as f64;
    if pair.common + left_out == pair.all && !few {
        return None;
    }
    let word = if few { "only " } else { "" };
    finding(
        "overlap",
        Severity::Warning,
        format!("{word}{} of {} fixtures are scored on both sides", pair.common, pair.all),
    )
}

fn lost(pair: &Pair<'_>) -> Option<Finding> {
    let lost = |attempts: &[&Attempt]| {
        attempts.iter().filter(|attempt| attempt.status != AttemptStatus::Scored).count()
    };
    let (base, other) = (lost(pair.base_attempts), lost(pair.other_attempts));
    let share = |lost: usize, all: usize| lost as f64 / all.max(1) as f64;
    let (base_all, other_all) = (pair.base_attempts.len(), pair.other_attempts.len());
    if (share(base, base_all) - share(other, other_all)).abs() < LOST_MARGIN {
        return None;
    }
    finding(
        "lost-attempts",
        Severity::Warning,
        format!(
            "attempts without a score are left out, and they are not shared evenly: base {base} of {base_all}, other {other} of {other_all}"
        ),
    )
}

fn unfinished((side, manifest): (&str, &RunManifest)) -> Option<Finding> {
    let word = match manifest.status {
        RunStatus::Finished => return None,
        RunStatus::Running => "is still going on, or was killed",
        RunStatus::Interrupted => "was interrupted",
        RunStatus::Failed => "failed",
    };
    let message = format!("run `{}` ({side}) {word}: its attempts so far count", manifest.run_id);
    finding("unfinished", Severity::Warning, message)
}
