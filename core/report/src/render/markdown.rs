//! `report.md`: the run for people, and for a pull request or an issue.

mod attempts;
mod loads;
mod setup;

use llmbench_api::record::{GroupSummary, Stat};

use super::{escape, figures};
use crate::Report;
use crate::report::AST_HIGHEST;

/// The report as GitHub-flavoured Markdown, ending with a line end.
///
/// Headline, results by model and by fixture, warnings, models, settings,
/// environment, attempts, and the errors of attempts folded away.
pub fn markdown(report: &Report<'_>) -> String {
    let mut out = headline(report);
    section(&mut out, "Results", &results(report));
    section(&mut out, "Context window", &super::context::section(report));
    section(&mut out, "Agreement of answers", &super::agreement::section(report));
    section(&mut out, "Correct answers", &correct(report));
    section(&mut out, "Remarks", &remarks(report));
    section(&mut out, "Warnings", &list(report.summary.warnings.iter()));
    section(&mut out, "Models", &setup::models(report));
    section(&mut out, "Settings", &setup::settings(report));
    section(&mut out, "Environment", &setup::environment(report));
    section(&mut out, "Attempts", &attempts::table(report));
    section(&mut out, "Errors of attempts", &attempts::errors(report));
    out
}

fn headline(report: &Report<'_>) -> String {
    let manifest = report.manifest;
    let summary = &report.summary;
    let mut out = format!(
        "# {}: {}, {}\n\n",
        escape::markdown(&manifest.test),
        figures::count(summary.models.len(), "model"),
        figures::count(manifest.plan.fixtures.len(), "fixture"),
    );
    let scored = summary.statuses.get("scored").copied().unwrap_or(0);
    let lost = Report::failures(&summary.statuses).map(|lost| format!("; lost: {lost}"));
    let mut lines = vec![
        ("Run", manifest.run_id.clone()),
        ("Status", report.status().to_owned()),
        (
            "Attempts",
            format!(
                "{scored} {} of {} planned{}",
                if manifest.is_scored { "scored" } else { "measured" },
                manifest.plan.attempts,
                lost.unwrap_or_default()
            ),
        ),
        ("Started", manifest.started_at.clone()),
        ("Took", format!("{} s", figures::number(manifest.elapsed_sec, 0))),
        ("Scoring", manifest.scoring_version.clone().unwrap_or_else(|| figures::ABSENT.to_owned())),
        ("llmbench", manifest.llmbench_version.clone()),
    ];
    if let Some(name) = &manifest.name {
        lines.insert(0, ("Name", name.clone()));
    }
    if let Some(error) = &manifest.error {
        lines.insert(2, ("Error", error.clone()));
    }
    if let Some(choice) = &manifest.default_choice {
        lines.push(("Chosen by default", choice.clone()));
    }
    for (name, value) in lines {
        out.push_str(&format!("- **{name}:** {}\n", escape::markdown(&value)));
    }
    out
}

fn results(report: &Report<'_>) -> String {
    let loads = loads::tables(report);
    if !loads.is_empty() {
        return loads;
    }
    let models = result_table(report, &report.summary.models);
    let groups = result_table(report, &report.summary.groups);
    let levels = if report.summary.levels.is_empty() {
        String::new()
    } else {
        format!("### By level\n\n{}\n", result_table(report, &report.summary.levels))
    };
    format!(
        "{models}\nOver all fixtures the score is the mean of the fixtures' means; the other figures pool the attempts. Behind ± stands half of the 95 % interval; in brackets, where there are too few values for one, the range. {} stands for what was not measured.\n\n{levels}### By fixture\n\n{groups}",
        figures::ABSENT
    )
}

fn result_table(report: &Report<'_>, groups: &[GroupSummary]) -> String {
    let by_fixture = groups.iter().any(|group| group.fixture.is_some());
    let by_level = groups.iter().any(|group| group.level.is_some());
    let (compiles, ast) = (report.has_compiles(), report.has_ast_score());
    let is_scored = report.manifest.is_scored;
    let has_correct = report.summary.pass_score.is_some();
    let pick = |cells: Vec<(bool, String)>| -> Vec<String> {
        cells.into_iter().filter(|(shown, _)| *shown).map(|(_, cell)| cell).collect()
    };
    let header = pick(vec![
        (true, "Model".into()),
        (by_level, "Level".into()),
        (by_fixture, "Fixture".into()),
        (true, "Scored".into()),
        (is_scored, format!("Score /{}", report.manifest.max_score)),
        (has_correct, "Correct".into()),
        (compiles, "Compiles".into()),
        (ast, "AST /10".into()),
        (true, "tok/s".into()),
        (true, "Duration s".into()),
        (true, "TTFT s".into()),
        (true, "GPU avg %".into()),
        (true, "GPU peak GB".into()),
        (true, "Energy J".into()),
    ]);
    let rows = groups.iter().map(|group| {
        let interval = |stat: &Stat, decimals| figures::mean_and_interval(stat, decimals);
        let identical = report.repeats_one_answer(group);
        pick(vec![
            (true, group.model.clone()),
            (by_level, group.level.map_or(figures::ABSENT.to_owned(), |level| level.to_string())),
            (by_fixture, super::remarks::fixture_name(group).to_owned()),
            (true, report.runs(group)),
            (is_scored, figures::score(&group.score, report.manifest.max_score, 2, identical)),
            (has_correct, figures::rate_and_interval(&group.correct)),
            (compiles, figures::rate(&group.compiles)),
            (ast, figures::score(&group.ast_score, AST_HIGHEST, 2, false)),
            (true, interval(&group.tokens_per_sec, 1)),
            (true, interval(&group.duration_sec, 2)),
            (true, interval(&group.ttft_sec, 3)),
            (true, figures::number(group.gpu_avg_utilization.mean, 1)),
            (true, figures::number(group.gpu_peak_memory_gb.max, 2)),
            (true, figures::number(group.energy_joules.mean, 0)),
        ])
    });
    table(&header, rows)
}

/// How often an answer is correct, and what that costs.
fn correct(report: &Report<'_>) -> String {
    let header = ["Model", "k", "pass@k", "pass^k", "J for each", "Correct an hour"];
    let mut rows = Vec::new();
    for model in &report.summary.models {
        let cost = |value: Option<f64>, field: &str| match (value, model.absent.get(field)) {
            (Some(value), _) => figures::number(Some(value), 0),
            (None, reason) => {
                let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
                format!("{}{reason}", figures::ABSENT)
            }
        };
        for pass in &model.pass_k {
            rows.push(vec![
                model.model.clone(),
                pass.k.to_string(),
                figures::number(Some(pass.pass_at_k), 3),
                figures::number(Some(pass.pass_hat_k), 3),
                cost(model.energy_per_correct_joules, "energy_per_correct_joules"),
                cost(model.correct_per_hour, "correct_per_hour"),
            ]);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let limit = report.summary.pass_score.unwrap_or(report.manifest.max_score);
    format!(
        "Correct is a score from {limit} on. pass@k: at least one of k answers is correct; pass^k: all are.\n\n{}",
        table(&header.map(str::to_owned), rows.into_iter())
    )
}

/// What a comparison must not leave out.
fn remarks(report: &Report<'_>) -> String {
    let missing = super::remarks::about_missing(report);
    list(super::remarks::about_figures(report).iter().chain(&missing))
}

/// A section with its heading; nothing when there is nothing to say.
fn section(out: &mut String, heading: &str, content: &str) {
    if !content.is_empty() {
        out.push_str(&format!("\n## {heading}\n\n{content}"));
    }
}

pub(super) fn list<'a>(items: impl Iterator<Item = &'a String>) -> String {
    items.map(|item| format!("- {}\n", escape::markdown(item))).collect()
}

/// A table; all cells are escaped here, so that none can be forgotten.
pub(super) fn table(header: &[String], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<_> = cells.iter().map(|cell| escape::markdown(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut out = line(header);
    out.push_str(&format!("|{}\n", " --- |".repeat(header.len())));
    out.extend(rows.map(|row| line(&row)));
    out
}

/// The word that stands for a value in the files.
fn word<T: serde::Serialize>(value: &T) -> String {
    let value = serde_json::to_value(value).ok();
    value.as_ref().and_then(|value| value.as_str()).unwrap_or(figures::ABSENT).to_owned()
}
