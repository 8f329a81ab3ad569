//! The comparison for a pull request or an issue.

use super::words;
use crate::compare::{Comparison, Contrast};
use crate::render::escape;
use crate::render::markdown::{list, table};

/// The comparison as GitHub-flavoured Markdown, ending with a line end.
pub fn markdown(comparison: &Comparison) -> String {
    let mut out = format!("# {}: comparison\n", escape::markdown(&comparison.test));
    for contrast in &comparison.contrasts {
        out.push_str(&section(comparison, contrast));
    }
    out.push_str(&format!("\n{}\n", escape::markdown(&words::legend(comparison))));
    out
}

fn section(comparison: &Comparison, contrast: &Contrast) -> String {
    let strings = |header: [&str; 6]| header.map(str::to_owned);
    let mut out = format!(
        "\n## {} against {}\n\n- **base:** {}\n- **other:** {}\n\n",
        escape::markdown(&contrast.other.model),
        escape::markdown(&contrast.base.model),
        escape::markdown(&words::side(&contrast.base)),
        escape::markdown(&words::side(&contrast.other)),
    );
    let sides = [("base", &contrast.base), ("other", &contrast.other)];
    let weights =
        sides.map(|(name, side)| Some(format!("weights of {name}: {}", words::weights(side)?)));
    let weights: Vec<String> = weights.into_iter().flatten().collect();
    if !weights.is_empty() {
        out.push_str(&format!("{}\n", list(weights.iter())));
    }
    let findings = words::findings(contrast);
    if !findings.is_empty() {
        out.push_str(&format!("**Doubtful:**\n\n{}\n", list(findings.iter())));
    }
    let rows = contrast.metrics.iter().map(|metric| words::metric_row(metric, comparison).to_vec());
    out.push_str(&table(&strings(words::METRIC_HEADER), rows));
    let mut notes = words::metric_notes(contrast, comparison);
    if contrast.loads.is_empty() {
        notes.push(format!("fixtures {}", words::flips(contrast)));
    }
    out.push_str(&format!("\n{}\n", list(notes.iter())));
    if !contrast.loads.is_empty() {
        let rows = words::load_rows(contrast, comparison);
        out.push_str(&table(&strings(words::LOAD_HEADER), rows.into_iter().map(Vec::from)));
        return out;
    }
    let (shown, left_out) = words::fixtures(contrast);
    let rows = shown.into_iter().map(|fixture| words::fixture_row(fixture).to_vec());
    out.push_str(&table(&strings(words::FIXTURE_HEADER), rows));
    if left_out > 0 {
        out.push_str(&format!("\n{left_out} fixtures with smaller changes are left out.\n"));
    }
    out
}
