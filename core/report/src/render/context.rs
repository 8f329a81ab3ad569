//! How far into its context a model finds things again, as text and as Markdown.

use llmbench_api::record::{ContextLength, ContextMap};

use super::text::{Layout, figure_table, wrapped};
use super::{escape, figures, markdown};
use crate::Report;
use crate::summary::HOLDS_SHARE;

/// Decimals of a score, which is never rounded up to what it is not.
const DECIMALS: usize = 1;

/// One table for each model, with its largest length that holds; empty for other tests.
pub(super) fn text(report: &Report<'_>, width: u16) -> Vec<String> {
    let of_map = |map: &ContextMap| {
        let rows = map.lengths.iter().map(|length| row(report, map, length));
        let table = figure_table(header(map), rows, Layout { names: 0, gap: 2, width });
        format!("{}\n{table}", wrapped(&escape::one_line(&sentence(map)), width))
    };
    report.summary.context_maps.iter().map(of_map).collect()
}

/// The same for `report.md`; empty for other tests.
pub(super) fn section(report: &Report<'_>) -> String {
    let maps = &report.summary.context_maps;
    if maps.is_empty() {
        return String::new();
    }
    let mut out = format!(
        "Recall holds at a length when the mean score is at least {:.0} % of the highest at every depth. Below each depth stands its mean score; {} is a cell without a score.\n",
        HOLDS_SHARE * 100.0,
        figures::ABSENT
    );
    for map in maps {
        let rows = map.lengths.iter().map(|length| row(report, map, length));
        let table = markdown::table(&header(map), rows);
        out.push_str(&format!("\n{}\n\n{table}", escape::markdown(&sentence(map))));
        let reasons = map.lengths.iter().flat_map(|length| {
            length.cells.iter().filter_map(|cell| {
                let place = format!("{} tokens, {} %", length.context_tokens, cell.depth_percent);
                Some(format!("{place}: {}", cell.reason.as_ref()?))
            })
        });
        let reasons = markdown::list(reasons.collect::<Vec<_>>().iter());
        if !reasons.is_empty() {
            out.push_str(&format!("\nWithout a score:\n\n{reasons}"));
        }
    }
    out
}

fn sentence(map: &ContextMap) -> String {
    match map.effective_tokens {
        Some(tokens) => {
            format!("{}: recall holds up to {tokens} tokens of context; {}", map.model, map.remark)
        }
        None => format!("{}: recall holds at no length that was tried; {}", map.model, map.remark),
    }
}

/// A figure of a length beside its scores: name, decimals, value.
type Figure = (&'static str, usize, fn(&ContextLength) -> Option<f64>);

const FIGURES: [Figure; 4] = [
    ("Prompt tokens", 0, |length| length.prompt_tokens),
    ("Prefill s", 3, |length| length.prefill_sec),
    ("GPU GB", 2, |length| length.gpu_peak_memory_gb),
    ("Process GB", 2, |length| length.process_peak_memory_gb),
];

/// Those that at least one length has.
fn measured(map: &ContextMap) -> impl Iterator<Item = &'static Figure> {
    FIGURES.iter().filter(|(_, _, value)| map.lengths.iter().any(|length| value(length).is_some()))
}

fn header(map: &ContextMap) -> Vec<String> {
    let depths = map.lengths.first().into_iter().flat_map(|length| &length.cells);
    let depths = depths.map(|cell| format!("{} %", cell.depth_percent));
    let names = measured(map).map(|(name, ..)| (*name).to_owned());
    ["Context".to_owned()]
        .into_iter()
        .chain(depths)
        .chain(["Holds".to_owned()])
        .chain(names)
        .collect()
}

fn row(report: &Report<'_>, map: &ContextMap, length: &ContextLength) -> Vec<String> {
    let highest = report.manifest.max_score;
    let cells = length.cells.iter().map(|cell| figures::below(cell.score, highest, DECIMALS));
    let holds = length.holds.map_or(figures::ABSENT, |holds| if holds { "yes" } else { "no" });
    let figures =
        measured(map).map(|(_, decimals, value)| figures::number(value(length), *decimals));
    let tokens = length.context_tokens.to_string();
    [tokens].into_iter().chain(cells).chain([holds.to_owned()]).chain(figures).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::attempts;
    use crate::testing::{manifest, scored};

    #[test]
    fn both_name_the_length_and_show_every_cell() {
        let mut records = Vec::new();
        for (tokens, depth, score) in
            [(1024, 0, 10.0), (1024, 100, 9.96), (2048, 0, 10.0 / 3.0), (2048, 100, 10.0)]
        {
            let mut record = scored("m|x", "f", 1, score);
            record.id = format!("{tokens}-{depth}");
            record.extra.insert("context_tokens".into(), json!(tokens));
            record.extra.insert("needle_depth_percent".into(), json!(depth));
            records.push(record);
        }
        let (manifest, attempts) = (manifest(&["m|x"], &["f"], 1), attempts(&records));
        let report = Report::new(&manifest, &attempts);
        let text = text(&report, 200).concat();
        assert!(text.contains("m|x: recall holds up to 1024 tokens of context; at 2048 tokens it does not hold: 3.3 of 10 at a depth of 0 %"), "{text}");
        assert!(text.contains("9.9") && !text.contains("10.00"), "{text}");
        let page = section(&report);
        assert!(page.contains("| 2048 | 3.3 | 10.0 | no | 700 | 8.40 |"), "{page}");
        assert!(page.contains("m\\|x: recall holds up to 1024"), "{page}");
    }
}
