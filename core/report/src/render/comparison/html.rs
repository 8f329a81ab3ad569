//! The comparison as one page without scripts or addresses.

use super::words;
use crate::compare::{Comparison, Contrast};
use crate::render::escape;

/// Nothing is loaded and nothing runs: names of models and fixtures are not trusted.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = ":root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}\
.scroll{overflow-x:auto}table{border-collapse:collapse;margin:1rem 0}\
th,td{padding:.3rem .8rem;border-bottom:1px solid #8886;text-align:right}\
th:first-child,td:first-child{text-align:left}caption{text-align:left;font-weight:600}\
.doubt{border-left:4px solid #c80;padding-left:1rem}";

/// The comparison as a self-contained HTML page.
pub fn html(comparison: &Comparison) -> String {
    let title = escape::html(&format!("{}: comparison", comparison.test));
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    );
    for contrast in &comparison.contrasts {
        out.push_str(&section(comparison, contrast));
    }
    out.push_str(&format!(
        "<p>{}</p>\n</main>\n</body>\n</html>\n",
        escape::html(&words::legend(comparison))
    ));
    out
}

fn section(comparison: &Comparison, contrast: &Contrast) -> String {
    let mut out = format!(
        "<section>\n<h2>{} against {}</h2>\n{}",
        escape::html(&contrast.other.model),
        escape::html(&contrast.base.model),
        list("", &sides(contrast))
    );
    let findings = words::findings(contrast);
    if !findings.is_empty() {
        out.push_str(&list(" class=\"doubt\"", &findings));
    }
    let rows = contrast.metrics.iter().map(|metric| words::metric_row(metric, comparison));
    out.push_str(&table("All fixtures together", &words::METRIC_HEADER, rows));
    let mut notes = words::metric_notes(contrast, comparison);
    if contrast.loads.is_empty() {
        notes.push(format!("fixtures {}", words::flips(contrast)));
    }
    out.push_str(&list("", &notes));
    if !contrast.loads.is_empty() {
        let rows = words::load_rows(contrast, comparison).into_iter();
        return out + &table("Load by load", &words::LOAD_HEADER, rows) + "</section>\n";
    }
    let (shown, left_out) = words::fixtures(contrast);
    let rows = shown.into_iter().map(words::fixture_row);
    out.push_str(&table("Fixtures", &words::FIXTURE_HEADER, rows));
    if left_out > 0 {
        out.push_str(&format!("<p>{left_out} fixtures with smaller changes are left out.</p>\n"));
    }
    out + "</section>\n"
}

/// Both sides, and what is known of their weights.
fn sides(contrast: &Contrast) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, side) in [("base", &contrast.base), ("other", &contrast.other)] {
        lines.push(format!("{name}: {}", words::side(side)));
        lines.extend(words::weights(side).map(|weights| format!("weights of {name}: {weights}")));
    }
    lines
}

fn list(attributes: &str, items: &[String]) -> String {
    let items: String =
        items.iter().map(|item| format!("<li>{}</li>\n", escape::html(item))).collect();
    format!("<ul{attributes}>\n{items}</ul>\n")
}

fn table(caption: &str, header: &[&str; 6], rows: impl Iterator<Item = [String; 6]>) -> String {
    let head: String = header
        .iter()
        .map(|cell| match *cell {
            "" => "<td></td>".to_owned(),
            cell => format!("<th scope=\"col\">{}</th>", escape::html(cell)),
        })
        .collect();
    let body: String = rows
        .map(|[name, cells @ ..]| {
            let cells: String =
                cells.iter().map(|cell| format!("<td>{}</td>", escape::html(cell))).collect();
            format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escape::html(&name))
        })
        .collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table>\n\
         <caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n"
    )
}
