//! The remarks of all groups, each once.

use llmbench_api::record::GroupSummary;

use crate::Report;
use crate::summary;

/// Groups that are named one by one; of more only the number is told.
const MOST_NAMED: usize = 2;

/// Remarks about the figures of fixtures, then of models where they have several fixtures.
///
/// Remarks about missing values are left out: they are told where the value is missing.
pub(crate) fn about_figures(report: &Report<'_>) -> Vec<String> {
    let summary = &report.summary;
    let models = &report.manifest.models;
    let has_cold =
        models.iter().flat_map(|model| &model.cold_prompts).any(|p| p.ttft_sec.is_some());
    let mut lines = merged(&summary.groups, |remark| !summary::is_about_missing(remark));
    if summary.groups.len() > summary.models.len() {
        lines.extend(merged(&summary.models, |remark| !summary::is_about_missing(remark)));
    }
    if has_cold && report.attempts().iter().any(|attempt| summary::is_prompt_cached(attempt)) {
        lines.push(
            "TTFT is that of a new prompt, measured at warm-up; the attempts found theirs in the server's cache"
                .to_owned(),
        );
    }
    lines
}

/// Why models lack values, over all their fixtures.
pub(crate) fn about_missing(report: &Report<'_>) -> Vec<String> {
    merged(&report.summary.models, summary::is_about_missing)
}

/// `level 2`.
pub(super) fn level_name(group: &GroupSummary) -> String {
    group.level.map_or_else(String::new, |level| format!("level {level}"))
}

/// A group's name for people.
pub(super) fn label(group: &GroupSummary) -> String {
    match &group.fixture {
        Some(_) => format!("{} / {}", group.model, fixture_name(group)),
        None => group.model.clone(),
    }
}

/// The fixture's name; a test may do without fixtures.
pub(super) fn fixture_name(group: &GroupSummary) -> &str {
    match group.fixture.as_deref() {
        None | Some("") => "(no fixture)",
        Some(name) => name,
    }
}

fn merged(groups: &[GroupSummary], wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found: Vec<(&str, Vec<String>)> = Vec::new();
    for group in groups {
        for remark in group.remarks.iter().filter(|remark| wanted(remark)) {
            match found.iter_mut().find(|(known, _)| known == remark) {
                Some((_, labels)) => labels.push(label(group)),
                None => found.push((remark, vec![label(group)])),
            }
        }
    }
    let of_all = groups.len();
    found
        .into_iter()
        .map(|(remark, labels)| match labels.len() {
            n if n == of_all => remark.to_owned(),
            n if n > MOST_NAMED => format!("{n} of {of_all} groups: {remark}"),
            _ => format!("{}: {remark}", labels.join(", ")),
        })
        .collect()
}
