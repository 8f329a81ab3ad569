//! How a model did from run to run.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{ModelEntry, RunEntry};

/// A model's runs, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trend {
    /// Name of the model.
    pub model: String,
    /// The fixtures that count; empty when all do.
    pub fixtures: Vec<String>,
    /// Highest possible score of the runs.
    pub max_score: f64,
    /// One for each run.
    pub points: Vec<Point>,
}

/// A model in one run, and what is different from the run before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// Name of the run's folder.
    pub folder: String,
    /// Label of the run.
    pub name: Option<String>,
    /// UTC, RFC 3339.
    pub started_at: String,
    /// Fixtures with a score.
    pub fixtures: u64,
    /// Attempts with status `scored`.
    pub scored: u64,
    /// Mean of the fixtures' means; `None` when nothing is scored.
    pub score: Option<f64>,
    /// Decode speed; `None` when it was not measured.
    pub tokens_per_sec: Option<f64>,
    /// Score minus that of the run before; `None` when one is absent or a change makes them incomparable.
    pub score_delta: Option<f64>,
    /// Speed divided by that of the run before, minus 1; `None` as for the score.
    pub speed_change: Option<f64>,
    /// What changed since the run before.
    pub changes: Vec<Change>,
}

/// Something that is not as it was in the run before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What, for example `digest`.
    pub what: String,
    /// Before.
    pub before: String,
    /// Now.
    pub now: String,
    /// Whether scores of the two runs do not mean the same.
    pub breaks_score: bool,
    /// Whether speeds of the two runs do not mean the same.
    pub breaks_speed: bool,
}

/// The trend of `model` over those runs that have it, from any order of the runs.
///
/// `counts` says which fixtures count; with all of them the figures are the
/// model's own figures in the run. A delta is given only between runs whose
/// figures mean the same: for scores the same test, rules and fixtures; for
/// speeds the same machine, server and context. Another digest under the same
/// name is named but breaks nothing: it is what a trend is often looked at for.
pub fn trend(runs: &[RunEntry], model: &str, counts: Option<&dyn Fn(&str) -> bool>) -> Trend {
    let mut own: Vec<(&RunEntry, &ModelEntry)> =
        runs.iter().filter_map(|run| Some((run, run.model(model)?))).collect();
    own.sort_by(|(a, _), (b, _)| (&a.started_at, &a.folder).cmp(&(&b.started_at, &b.folder)));
    let mut points: Vec<Point> = Vec::new();
    let mut before: Option<(&RunEntry, &ModelEntry)> = None;
    for (run, entry) in own.iter().copied() {
        let mut point = point(run, entry, counts);
        if let (Some((run_before, entry_before)), Some(last)) = (before, points.last()) {
            point.changes = changes((run_before, entry_before), (run, entry), counts);
            let breaks_score = point.changes.iter().any(|change| change.breaks_score);
            let breaks_speed = point.changes.iter().any(|change| change.breaks_speed);
            point.score_delta =
                pair(last.score, point.score).filter(|_| !breaks_score).map(|(a, b)| b - a);
            point.speed_change = pair(last.tokens_per_sec, point.tokens_per_sec)
                .filter(|(a, _)| !breaks_speed && *a > 0.0)
                .map(|(a, b)| b / a - 1.0);
        }
        before = Some((run, entry));
        points.push(point);
    }
    let names = own.iter().flat_map(|(run, _)| run.fixtures.iter().map(|f| f.name.as_str()));
    let fixtures: BTreeSet<&str> =
        counts.map(|counts| names.filter(|name| counts(name)).collect()).unwrap_or_default();
    Trend {
        model: model.to_owned(),
        fixtures: fixtures.into_iter().map(str::to_owned).collect(),
        max_score: own.iter().map(|(run, _)| run.max_score).fold(0.0, f64::max),
        points,
    }
}

fn pair(before: Option<f64>, now: Option<f64>) -> Option<(f64, f64)> {
    before.zip(now)
}

fn point(run: &RunEntry, entry: &ModelEntry, counts: Option<&dyn Fn(&str) -> bool>) -> Point {
    let parts: Vec<_> = entry
        .fixtures
        .iter()
        .filter(|part| counts.is_none_or(|counts| counts(&part.fixture)))
        .collect();
    let all = counts.is_none();
    let mean = |values: Vec<f64>| {
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let of_parts = |figure: fn(&super::FixtureScore) -> Option<f64>| {
        mean(parts.iter().filter_map(|part| figure(part)).collect())
    };
    Point {
        folder: run.folder.clone(),
        name: run.name.clone(),
        started_at: run.started_at.clone(),
        fixtures: parts.iter().filter(|part| part.score.is_some()).count() as u64,
        scored: parts.iter().map(|part| part.scored).sum(),
        score: if all { entry.score.mean } else { of_parts(|part| part.score) },
        tokens_per_sec: if all {
            entry.tokens_per_sec.mean
        } else {
            of_parts(|part| part.tokens_per_sec)
        },
        score_delta: None,
        speed_change: None,
        changes: Vec::new(),
    }
}

fn changes(
    (run_a, a): (&RunEntry, &ModelEntry),
    (run_b, b): (&RunEntry, &ModelEntry),
    counts: Option<&dyn Fn(&str) -> bool>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut note = |what: &str, before: String, now: String, breaks_score, breaks_speed| {
        if before != now {
            let what = what.to_owned();
            changes.push(Change { what, before, now, breaks_score, breaks_speed });
        }
    };
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    note("test", run_a.test.clone(), run_b.test.clone(), true, false);
    note("digest", known(&a.digest), known(&b.digest), false, false);
    note("quantisation", known(&a.quantization), known(&b.quantization), false, false);
    note("backend", run_a.backend.clone(), run_b.backend.clone(), false, true);
    if run_a.backend == run_b.backend {
        note("server", run_a.server.clone(), run_b.server.clone(), false, true);
    }
    let scoring = (known(&run_a.scoring_version), known(&run_b.scoring_version));
    note("scoring version", scoring.0, scoring.1, true, false);
    note("machine", run_a.machine.clone(), run_b.machine.clone(), false, true);
    let fixtures = fixture_change(&judged(run_a, a, counts), &judged(run_b, b, counts));
    if let Some((before, now)) = fixtures {
        note("fixtures", before, now, true, false);
    }
    let names: BTreeSet<_> = run_a.options.keys().chain(run_b.options.keys()).collect();
    for name in names {
        let value = |run: &RunEntry| {
            run.options.get(name).map_or_else(|| "unknown".to_owned(), ToString::to_string)
        };
        // A longer context costs speed; all of them may change answers, which the reader is told.
        note(name, value(run_a), value(run_b), false, name == "num_ctx");
    }
    changes
}

/// The fixtures behind a figure: those that count and have a score, with their hashes.
fn judged<'a>(
    run: &'a RunEntry,
    entry: &'a ModelEntry,
    counts: Option<&dyn Fn(&str) -> bool>,
) -> BTreeMap<&'a str, &'a str> {
    let hash = |name: &str| {
        let fixture = run.fixtures.iter().find(|fixture| fixture.name == name);
        fixture.map_or("", |fixture| fixture.sha256.as_str())
    };
    entry
        .fixtures
        .iter()
        .filter(|part| part.score.is_some() && counts.is_none_or(|counts| counts(&part.fixture)))
        .map(|part| (part.fixture.as_str(), hash(&part.fixture)))
        .collect()
}

fn fixture_change(
    before: &BTreeMap<&str, &str>,
    now: &BTreeMap<&str, &str>,
) -> Option<(String, String)> {
    if before == now {
        return None;
    }
    let edited = before.iter().find(|(name, hash)| now.get(*name).is_some_and(|new| new != *hash));
    Some(match edited {
        Some((name, hash)) if before.len() == now.len() => {
            (format!("`{name}` {}", short(hash)), format!("`{name}` {}", short(now[name])))
        }
        _ => {
            let only = |these: &BTreeMap<&str, &str>, others: &BTreeMap<&str, &str>| {
                let own: Vec<_> =
                    these.keys().filter(|name| !others.contains_key(*name)).copied().collect();
                match own.as_slice() {
                    [] => format!("{} fixtures", these.len()),
                    [name] => format!("{} fixtures, with `{name}`", these.len()),
                    [name, rest @ ..] => {
                        format!("{} fixtures, with `{name}` and {} more", these.len(), rest.len())
                    }
                }
            };
            (only(before, now), only(now, before))
        }
    })
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
