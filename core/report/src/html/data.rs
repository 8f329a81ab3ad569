//! The data of the page: lists of names, the summaries as they are, the attempts as rows.

use std::collections::BTreeMap;

use llmbench_api::record::GroupSummary;
use serde::Serialize;
use serde_json::{Value, json};

use super::rows::{self, Places};
use super::texts::Texts;
use super::{Source, detail, setup};
use crate::render::remarks;

/// How much a page may hold beside its rows.
///
/// Attempts are taken by run number, so that each model and fixture has its
/// first answer in the page before any has its second.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Bytes of prompts, answers, findings and samples, all attempts together.
    pub detail_bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { detail_bytes: 3 << 20 }
    }
}

/// Everything that the page shows; without a budget the attempts' details are left for later requests.
pub(super) fn page_data(sources: &[Source<'_>], budget: Option<&Budget>) -> Value {
    let mut texts = Texts::default();
    let mut places = Places::default();
    let fixtures = fixtures(sources, &mut places);
    let mut series = Vec::new();
    let mut rows = Vec::new();
    let mut summary = BTreeMap::from([
        ("models", vec![]),
        ("levels", vec![]),
        ("groups", vec![]),
        ("context_maps", vec![]),
        ("agreements", vec![]),
    ]);
    for (run, source) in sources.iter().enumerate() {
        let first = series.len();
        let found = &source.report.summary;
        let models: Vec<&str> = found.models.iter().map(|group| group.model.as_str()).collect();
        let number = |model: &str| models.iter().position(|known| *known == model);
        let place = |model: &str| number(model).map(|number| first + number);
        series.extend(models.iter().map(|model| json!({ "run": run, "model": model })));
        let lists =
            [("models", &found.models), ("levels", &found.levels), ("groups", &found.groups)];
        for (name, groups) in lists {
            let of_page = |group: &GroupSummary| {
                let mut value = in_series(group, place(&group.model));
                value["runs"] = json!(source.report.runs(group));
                value["compiles_unknown"] = json!(source.report.why_compiles_is_unknown(group));
                texts.shorten(value)
            };
            summary.entry(name).or_default().extend(groups.iter().map(of_page));
        }
        let maps = found.context_maps.iter().map(|map| in_series(map, place(&map.model)));
        summary.entry("context_maps").or_default().extend(maps);
        let agreements = found.agreements.iter().map(|one| in_series(one, place(&one.model)));
        summary.entry("agreements").or_default().extend(agreements);
        for attempt in source.report.attempts() {
            let series = place(&attempt.model).unwrap_or(first);
            rows.push(rows::row(attempt, series, &places, &mut texts));
        }
    }
    let runs: Vec<_> = sources.iter().map(run).collect();
    let (details, left_out) = match budget {
        Some(budget) => details(sources, budget, &mut texts),
        None => (BTreeMap::new(), 0),
    };
    json!({
        "generator": format!("llmbench {}", env!("CARGO_PKG_VERSION")),
        "served": budget.is_none(),
        "runs": runs,
        "series": series,
        "fixtures": fixtures,
        "summary": summary,
        "holdsShare": crate::summary::HOLDS_SHARE,
        "columns": rows::COLUMNS,
        "rows": rows,
        "details": details,
        "left_out": left_out,
        "texts": texts.into_list(),
    })
}

/// What the page holds of a model, with the model's place among the series.
fn in_series(value: &impl Serialize, place: Option<usize>) -> Value {
    let mut value = serde_json::to_value(value).unwrap_or_default();
    value["series"] = json!(place);
    value
}

/// Fixtures of all runs by name, with title and level where a run tells them.
fn fixtures(sources: &[Source<'_>], places: &mut Places) -> Vec<Value> {
    let mut list = Vec::new();
    for source in sources {
        let manifest = source.report.manifest;
        let planned = manifest.plan.fixtures.iter().map(String::as_str);
        let taken =
            source.report.summary.groups.iter().filter_map(|group| group.fixture.as_deref());
        for name in planned.chain(taken) {
            if places.fixtures.contains_key(name) {
                continue;
            }
            let known = manifest.fixtures.iter().find(|fixture| fixture.name == name);
            places.fixtures.insert(name.to_owned(), list.len());
            list.push(json!({
                "name": name,
                "title": known.and_then(|fixture| fixture.title.as_ref()),
                "level": known.and_then(|fixture| fixture.level),
                "sha256": known.map(|fixture| &fixture.sha256),
                "origin": known.map(|fixture| &fixture.origin),
            }));
        }
    }
    list
}

fn run(source: &Source<'_>) -> Value {
    let report = source.report;
    let manifest = report.manifest;
    let is_over = report.status() != "running";
    json!({
        "id": manifest.run_id, "name": manifest.name, "test": manifest.test,
        "status": report.status(), "is_over": is_over, "error": manifest.error,
        "started_at": manifest.started_at, "finished_at": manifest.finished_at,
        "elapsed_sec": rows::rounded(manifest.elapsed_sec, 1), "version": manifest.llmbench_version,
        "backend": manifest.backend, "default_choice": manifest.default_choice,
        "scoring_version": manifest.scoring_version, "max_score": manifest.max_score,
        "pass_score": report.summary.pass_score, "is_scored": manifest.is_scored,
        "planned": manifest.plan.attempts, "statuses": report.summary.statuses,
        "argv": manifest.argv, "warnings": report.summary.warnings,
        "remarks": remarks::about_figures(report), "missing": remarks::about_missing(report),
        "settings": setup::settings(manifest), "environment": setup::environment(manifest),
        "models": setup::models(manifest),
        "has_compiles": report.has_compiles(), "has_ast": report.has_ast_score(),
    })
}

/// Details by row as far as the budget goes, and how many attempts have none in the page.
fn details(
    sources: &[Source<'_>],
    budget: &Budget,
    texts: &mut Texts,
) -> (BTreeMap<usize, Value>, usize) {
    let all = sources
        .iter()
        .flat_map(|source| source.report.attempts().iter().map(move |attempt| (source, *attempt)));
    let mut order: Vec<_> = all.enumerate().collect();
    let count = order.len();
    order.sort_by_key(|(row, (_, attempt))| (attempt.run_number, *row));
    let before = texts.bytes();
    let mut own_bytes = 0;
    let mut details = BTreeMap::new();
    for (row, (source, attempt)) in order {
        let detail = texts.shorten(detail::detail(*source, attempt));
        own_bytes += detail.to_string().len();
        details.insert(row, detail);
        if own_bytes + texts.bytes() - before > budget.detail_bytes {
            break;
        }
    }
    let left_out = count - details.len();
    (details, left_out)
}
