//! The table that a run ends with on a terminal.

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width,
};
use llmbench_api::record::{GroupSummary, Stat};

use super::{agreement, context, escape, figures, load, remarks};
use crate::report::AST_HIGHEST;
use crate::{Report, summary};

/// Narrower tables cannot be read.
pub(super) const MIN_WIDTH: u16 = 80;

/// From this width on there is room for intervals of speeds.
const WIDE: u16 = 100;

/// From this width on there is room for all figures of a load.
const VERY_WIDE: u16 = 130;

/// Where names may be broken, behind a hyphen; it has no width, no name holds it and it is not printed.
pub(super) const BREAK: char = '\u{200b}';

/// What brackets say: they hold one thing behind a mean and another behind a count.
const RANGES: &str = "[low–high] behind a mean is the range, where there are too few values for a 95 % interval (±); behind a count it is the 95 % interval.";

/// Three rules and no vertical lines: names need the room.
pub(super) const STYLE: TableStyle = TableStyle::new()
    .top_border(LineStyle::none().fill('─').junction('─'))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .bottom_border(LineStyle::none().fill('─').junction('─'));

/// How the text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextOptions {
    /// Whether to write ANSI colours. Nothing is guessed from the environment.
    pub color: bool,
    /// Columns of the terminal; below 80 counts as 80.
    pub width: u16,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self { color: false, width: 100 }
    }
}

/// The run for a terminal: a table of models and fixtures, then what a reader
/// must know before believing it. Ends with a line end.
///
/// A dash stands for what was not measured; its footnote gives the reason.
pub fn text(report: &Report<'_>, options: &TextOptions) -> String {
    let paint = Paint { color: options.color };
    let width = options.width.max(MIN_WIDTH);
    let mut notes = Footnotes::default();
    let table = match load::points(report).is_empty() {
        true => table(report, width, &mut notes),
        false => load_table(report, width),
    };
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    line(&paint.bold(&wrapped(&headline(report), width)));
    line(&table);
    for (index, reason) in notes.reasons.iter().enumerate() {
        line(&wrapped(&format!("{} {reason}", superscript(index + 1)), width));
    }
    if notes.has_range {
        line(&wrapped(RANGES, width));
    }
    if !load::points(report).is_empty() {
        line(&wrapped(&load::legend(false, has_speeds(report, width)), width));
    }
    for text in weights(report) {
        line(&wrapped(&text, width));
    }
    for part in context::text(report, width) {
        line(&part);
    }
    if let Some(table) = agreement::text(report, width) {
        line(&table);
    }
    for text in correct(report) {
        line(&wrapped(&text, width));
    }
    for text in failures(report) {
        line(&paint.red(&wrapped(&text, width)));
    }
    for remark in remarks::about_figures(report) {
        line(&wrapped(&format!("note: {}", escape::one_line(&remark)), width));
    }
    for warning in &report.summary.warnings {
        let text = format!("warning: {}", escape::one_line(warning));
        line(&paint.yellow(&wrapped(&text, width)));
    }
    out
}

pub(super) struct Paint {
    pub(super) color: bool,
}

impl Paint {
    pub(super) fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    fn red(&self, text: &str) -> String {
        self.with("31", text)
    }

    pub(super) fn yellow(&self, text: &str) -> String {
        self.with("33", text)
    }

    fn with(&self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Reasons why cells are empty or rest on fewer attempts, each once.
#[derive(Default)]
struct Footnotes {
    reasons: Vec<String>,
    /// Whether a mean stands with its range.
    has_range: bool,
}

impl Footnotes {
    /// The cell with the number of its reason behind it.
    fn mark(&mut self, cell: String, reason: Option<&str>) -> String {
        let Some(reason) = reason else { return cell };
        let reason = escape::one_line(summary::without_count(reason));
        let known = self.reasons.iter().position(|known| *known == reason);
        let place = known.unwrap_or_else(|| {
            self.reasons.push(reason);
            self.reasons.len() - 1
        });
        format!("{cell} {}", superscript(place + 1))
    }

    fn stat(&mut self, stat: &Stat, shown: Option<f64>, decimals: usize) -> String {
        self.mark(figures::number(shown, decimals), stat.missing.as_deref())
    }
}

fn headline(report: &Report<'_>) -> String {
    let manifest = report.manifest;
    let mut text = format!(
        "{} · {} · {} · {} of {} attempts",
        manifest.test,
        manifest.name.as_deref().unwrap_or(&manifest.run_id),
        report.status(),
        report.attempts().len(),
        manifest.plan.attempts
    );
    if let Some(error) = &manifest.error {
        text.push_str(&format!(": {error}"));
    }
    escape::one_line(&text)
}

fn table(report: &Report<'_>, width: u16, notes: &mut Footnotes) -> String {
    let (compiles, ast) = (report.has_compiles(), report.has_ast_score());
    let wide = width >= WIDE;
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    let optional = |shown: bool, cell: &str| shown.then(|| cell.to_owned());
    let header: Vec<String> = [
        Some("Model\n  fixture".to_owned()),
        Some("Runs".to_owned()),
        report
            .manifest
            .is_scored
            .then(|| format!("Score /{}\nmean ± 95 %", report.manifest.max_score)),
        optional(compiles, "Compiles"),
        optional(ast, "AST\n/10"),
        Some("tok/s".to_owned()),
        Some("TTFT\ns".to_owned()),
        Some("GPU\n%".to_owned()),
        Some("Peak\nGB".to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let columns = header.len();
    table.set_header(header);
    for model in &report.summary.models {
        let groups = report.groups_of(&model.model);
        let name = breakable(&model.model);
        if groups.len() == 1 {
            // The whole is the one part: its figures stand once, beside the fixture.
            let mut row = vec![name];
            row.resize(columns, String::new());
            table.add_row(row);
        } else {
            table.add_row(row(report, model, name, wide, notes));
        }
        let levels = report.levels_of(&model.model);
        for level in &levels {
            let name = format!("  {}", remarks::level_name(level));
            table.add_row(row(report, level, name, wide, notes));
            for group in groups.iter().filter(|group| group.level == level.level) {
                let name = format!("    {}", breakable(remarks::fixture_name(group)));
                table.add_row(row(report, group, name, wide, notes));
            }
        }
        for group in groups.iter().filter(|group| levels.is_empty() || group.level.is_none()) {
            let name = format!("  {}", breakable(remarks::fixture_name(group)));
            table.add_row(row(report, group, name, wide, notes));
        }
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index + 1 < columns { 1 } else { 0 }));
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

/// One row for each load point.
fn load_table(report: &Report<'_>, width: u16) -> String {
    let header = [
        "Model\n  load",
        "Runs",
        "Requests\nanswered",
        "req/s",
        "tok/s\nall",
        "TTFT ms\np50 / p99",
        "ITL ms\np50 / p99",
        "E2E ms\np50 / p99",
        "Stall\nms",
        "pp\ntok/s",
        "tg\ntok/s",
    ];
    let has_goodput = has_goodput(report);
    let mut header = header.to_vec();
    header.extend(has_goodput.then_some("Good"));
    let has_speeds = has_speeds(report, width);
    header.retain(|head| has_speeds || !(head.starts_with("pp") || head.starts_with("tg")));
    let columns = header.len();
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.set_header(header);
    for model in &report.summary.models {
        let mut row = vec![breakable(&model.model)];
        row.resize(columns, String::new());
        table.add_row(row);
        for group in report.groups_of(&model.model) {
            let name = format!("  {}", breakable(remarks::fixture_name(group)));
            let mut row = vec![name, report.runs(group)];
            if let Some(found) = &group.load {
                row.extend([
                    format!("{}/{}", found.answered, found.requests),
                    load::short(found.requests_per_sec.mean),
                    load::short(found.output_tokens_per_sec.mean),
                    load::p50_p99(&found.ttft_p50_ms, &found.ttft_p99_ms),
                    load::p50_p99(&found.itl_p50_ms, &found.itl_p99_ms),
                    load::p50_p99(&found.e2e_p50_ms, &found.e2e_p99_ms),
                    load::short(found.longest_gap_ms.max),
                ]);
                if has_speeds {
                    row.push(load::short(found.prefill_tokens_per_sec.mean));
                    row.push(load::short(found.decode_tokens_per_sec.mean));
                }
                row.extend(has_goodput.then(|| load::goodput(found)));
            }
            row.resize(columns, figures::ABSENT.to_owned());
            table.add_row(row);
        }
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index + 1 < columns { 1 } else { 0 }));
        if index == 0 {
            // A line that is a bit too long reads better than names cut to syllables.
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(12)));
            column.set_delimiter(BREAK);
        } else {
            column.set_constraint(ColumnConstraint::ContentWidth);
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt().replace(BREAK, "")
}

/// How [`figure_table`] stands.
pub(super) struct Layout {
    /// Columns of names on the left; figures stand to the right in theirs.
    pub(super) names: usize,
    /// Blanks behind each column but the last.
    pub(super) gap: u16,
    pub(super) width: u16,
}

/// A table of figures, with cells that are shown as they are.
pub(super) fn figure_table(
    header: Vec<String>,
    rows: impl IntoIterator<Item = Vec<String>>,
    layout: Layout,
) -> String {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(layout.width);
    table.set_header(header).add_rows(rows);
    let columns = table.column_count();
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index + 1 < columns { layout.gap } else { 0 }));
        if index >= layout.names {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

fn has_goodput(report: &Report<'_>) -> bool {
    load::points(report).iter().any(|(_, load)| load.goodput_share.n > 0)
}

/// Whether there is room for the speeds of single requests; report.md always has them.
fn has_speeds(report: &Report<'_>, width: u16) -> bool {
    width >= WIDE && !has_goodput(report) || width >= VERY_WIDE
}

/// A name on one line that may be broken behind each hyphen, which stays.
pub(super) fn breakable(name: &str) -> String {
    escape::one_line(name).replace('-', &format!("-{BREAK}"))
}

/// What each model's speed is for its active weights, in a test that is about speed.
fn weights(report: &Report<'_>) -> Vec<String> {
    if report.manifest.is_scored {
        return Vec::new();
    }
    let groups = report.summary.groups.iter();
    let line = |group: &GroupSummary| {
        let label = remarks::label(group);
        let per_billion = group.tokens_per_sec_per_active_billion?;
        let bandwidth = group.weight_bandwidth_gb_per_sec.map_or_else(String::new, |gb| {
            format!(", about {} GB/s read for the weights (estimate)", load::short(Some(gb)))
        });
        let each = load::short(Some(per_billion));
        let text = format!("{label}: {each} tok/s for each 10⁹ active parameters{bandwidth}");
        Some(escape::one_line(&text))
    };
    groups.filter_map(line).collect()
}

fn row(
    report: &Report<'_>,
    group: &GroupSummary,
    name: String,
    wide: bool,
    notes: &mut Footnotes,
) -> Vec<String> {
    let identical = report.repeats_one_answer(group);
    let mut row = vec![name, report.runs(group)];
    if report.manifest.is_scored {
        notes.has_range |= figures::has_range(&group.score);
        let score = figures::score(&group.score, report.manifest.max_score, 1, identical);
        row.push(notes.mark(score, group.score.missing.as_deref()));
    }
    if report.has_compiles() {
        let why = report.why_compiles_is_unknown(group);
        row.push(notes.mark(figures::rate(&group.compiles), why.as_deref()));
    }
    if report.has_ast_score() {
        let shown = figures::below(group.ast_score.mean, AST_HIGHEST, 1);
        row.push(notes.mark(shown, group.ast_score.missing.as_deref()));
    }
    let speed = if wide {
        notes.has_range |= figures::has_range(&group.tokens_per_sec);
        figures::mean_and_interval(&group.tokens_per_sec, 1)
    } else {
        figures::number(group.tokens_per_sec.mean, 1)
    };
    row.push(notes.mark(speed, group.tokens_per_sec.missing.as_deref()));
    row.push(notes.stat(&group.ttft_sec, group.ttft_sec.mean, 2));
    row.push(notes.stat(&group.gpu_avg_utilization, group.gpu_avg_utilization.mean, 0));
    row.push(notes.stat(&group.gpu_peak_memory_gb, group.gpu_peak_memory_gb.max, 1));
    row
}

/// How often each model was right, and what that cost.
fn correct(report: &Report<'_>) -> Vec<String> {
    let describe = |model: &GroupSummary| {
        if model.correct.n == 0 {
            return None;
        }
        let mut parts = vec![figures::rate_and_interval(&model.correct)];
        if let Some(pass) = model.pass_k.last().filter(|pass| pass.k > 1) {
            parts.push(format!("pass@{} {:.2}", pass.k, pass.pass_at_k));
            parts.push(format!("pass^{} {:.2}", pass.k, pass.pass_hat_k));
        }
        if let Some(joules) = model.energy_per_correct_joules {
            parts.push(format!("{joules:.0} J for each"));
        }
        if let Some(per_hour) = model.correct_per_hour {
            parts.push(format!("{per_hour:.0} an hour"));
        }
        Some(escape::one_line(&format!("{}: {}", model.model, parts.join(", "))))
    };
    let mut lines: Vec<_> = report.summary.models.iter().filter_map(describe).collect();
    if let [first, ..] = &mut lines[..] {
        let limit = report.summary.pass_score.unwrap_or(report.manifest.max_score);
        *first = format!("correct (score from {limit} on): {first}");
    }
    for line in lines.iter_mut().skip(1) {
        *line = format!("  {line}");
    }
    lines
}

/// What was lost, in all and in each group, with the first error of each kind.
fn failures(report: &Report<'_>) -> Vec<String> {
    let Some(all) = Report::failures(&report.summary.statuses) else { return Vec::new() };
    let mut lines = vec![format!("lost: {all}")];
    for group in &report.summary.groups {
        for lost in report.failures_with_errors(group) {
            lines.push(format!(
                "  {}",
                escape::one_line(&format!("{}: {lost}", remarks::label(group)))
            ));
        }
    }
    lines
}

fn superscript(number: usize) -> String {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    number.to_string().bytes().map(|digit| digits[usize::from(digit - b'0')]).collect()
}

/// The text in lines of at most `width` characters, the further ones indented.
pub(super) fn wrapped(text: &str, width: u16) -> String {
    let lead = text.len() - text.trim_start().len();
    let indent = " ".repeat(lead + 2);
    let mut lines = vec![" ".repeat(lead)];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is a line from the start");
        let used = last.chars().count();
        if last.trim().is_empty() {
            last.push_str(word);
        } else if used + 1 + word.chars().count() <= usize::from(width) {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(format!("{indent}{word}"));
        }
    }
    lines.join("\n")
}
