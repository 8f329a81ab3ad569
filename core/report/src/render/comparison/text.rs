//! The table on a terminal, as benchstat users know it.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table};

use super::words;
use crate::compare::{Comparison, Contrast};
use crate::render::escape;
use crate::render::text::{BREAK, MIN_WIDTH, Paint, STYLE, TextOptions, breakable, wrapped};

/// The comparison for a terminal. Ends with a line end.
pub fn text(comparison: &Comparison, options: &TextOptions) -> String {
    let paint = Paint { color: options.color };
    let width = options.width.max(MIN_WIDTH);
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    for contrast in &comparison.contrasts {
        line(&paint.bold(&told("base:  ", &words::side(&contrast.base), width)));
        line(&paint.bold(&told("other: ", &words::side(&contrast.other), width)));
        for (lead, side) in
            [("base weights:  ", &contrast.base), ("other weights: ", &contrast.other)]
        {
            if let Some(weights) = words::weights(side) {
                line(&told(lead, &weights, width));
            }
        }
        line(&metrics(comparison, contrast, width));
        for note in words::metric_notes(contrast, comparison) {
            line(&told("note: ", &note, width));
        }
        if contrast.loads.is_empty() {
            line(&told("fixtures: ", &words::flips(contrast), width));
            line(&fixtures(contrast, width));
        } else {
            line(&loads(comparison, contrast, width));
        }
        for finding in words::findings(contrast) {
            line(&paint.yellow(&told("warning: ", &finding, width)));
        }
        line("");
    }
    line(&wrapped(&words::legend(comparison), width));
    out
}

fn told(lead: &str, text: &str, width: u16) -> String {
    wrapped(&format!("{lead}{}", escape::one_line(text)), width)
}

fn metrics(comparison: &Comparison, contrast: &Contrast, width: u16) -> String {
    let mut table = new(width);
    table.set_header(words::METRIC_HEADER);
    for metric in &contrast.metrics {
        table.add_row(words::metric_row(metric, comparison));
    }
    finished(table)
}

fn fixtures(contrast: &Contrast, width: u16) -> String {
    let mut table = new(width);
    table.set_header(words::FIXTURE_HEADER);
    let (shown, left_out) = words::fixtures(contrast);
    for fixture in shown {
        table.add_row(cells(words::fixture_row(fixture)));
    }
    let mut text = finished(table);
    if left_out > 0 {
        text.push_str(&format!("\n{left_out} fixtures with smaller changes are left out"));
    }
    text
}

fn loads(comparison: &Comparison, contrast: &Contrast, width: u16) -> String {
    let mut table = new(width);
    table.set_header(words::LOAD_HEADER);
    for row in words::load_rows(contrast, comparison) {
        table.add_row(cells(row));
    }
    finished(table)
}

/// A name and its figures, each on one line.
fn cells<const N: usize>(row: [String; N]) -> [String; N] {
    let mut cells = row.map(|cell| escape::one_line(&cell));
    if let Some(name) = cells.first_mut() {
        *name = breakable(name);
    }
    cells
}

fn new(width: u16) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table
}

fn finished(mut table: Table) -> String {
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index == 0 {
            // Long names break between their parts.
            column.set_delimiter(BREAK);
        } else {
            column.set_constraint(ColumnConstraint::ContentWidth);
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt().replace(BREAK, "")
}
