//! A list of runs, newest first, each on one line.

use llmbench_api::record::RunStatus;

use super::columns::{self, Column};
use super::{escape, figures};
use crate::history::RunEntry;
use crate::report::status;

/// How a list is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListOptions {
    /// Whether to write ANSI colours. Nothing is guessed from the environment.
    pub color: bool,
    /// Columns of the terminal; `None` where lines may have any length.
    pub width: Option<usize>,
    /// Whether only ASCII can be shown.
    pub ascii: bool,
}

/// The columns of [`history_csv`], in order. They only ever grow, at the end.
pub const HISTORY_COLUMNS: [&str; 17] = [
    "folder",
    "run_id",
    "name",
    "started_at",
    "elapsed_sec",
    "status",
    "test",
    "backend",
    "fixtures",
    "planned",
    "attempts",
    "scoring_version",
    "model",
    "digest",
    "scored",
    "score",
    "tokens_per_sec",
];

const fn column(title: &'static str, right: bool, shortest: Option<usize>, drop: u8) -> Column {
    Column { title, right, shortest, drop }
}

const LIST: [Column; 10] = [
    column("Started (UTC)", false, None, 5),
    column("Run", false, None, 0),
    column("Name", false, Some(8), 6),
    column("Test", false, Some(8), 8),
    column("Backend", false, Some(8), 9),
    column("Models", false, Some(8), 1),
    column("Fixtures", false, Some(8), 7),
    column("Scored", true, None, 3),
    column("Score", true, None, 2),
    column("tok/s", true, None, 4),
];

/// The runs in the order given, each on one line, with a head. A dash stands for what was not measured.
pub fn history(runs: &[RunEntry], options: &ListOptions) -> String {
    let mut list = LIST.to_vec();
    list.push(column("Status", false, None, 0));
    let rows: Vec<_> = runs.iter().map(row).collect();
    let lines = columns::lines(&list, &rows, options.width, options.ascii);
    let mut out = String::new();
    for (index, line) in lines.iter().enumerate() {
        let code = match index.checked_sub(1).map(|index| runs[index].status) {
            None => "1",
            Some(RunStatus::Failed) => "31",
            Some(RunStatus::Interrupted | RunStatus::Running) => "33",
            Some(RunStatus::Finished) => "",
        };
        let line = if options.ascii { ascii(line) } else { line.clone() };
        if options.color && !code.is_empty() {
            out.push_str(&format!("\x1b[{code}m{line}\x1b[0m\n"));
        } else {
            out.push_str(&line);
            out.push('\n');
        }
    }
    out
}

/// The runs as CSV, one row for each run and model; cells are safe for spreadsheets.
pub fn history_csv(runs: &[RunEntry]) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let mut write = |cells: [String; HISTORY_COLUMNS.len()]| {
        writer.write_record(cells).expect("rows have one length and memory takes them all");
    };
    write(HISTORY_COLUMNS.map(str::to_owned));
    for run in runs {
        for model in &run.models {
            let number =
                |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
            let cells = [
                run.folder.clone(),
                run.run_id.clone(),
                run.name.clone().unwrap_or_default(),
                run.started_at.clone(),
                number(run.elapsed_sec),
                status(run.status, run.was_killed).to_owned(),
                run.test.clone(),
                run.backend.clone(),
                names(run.fixtures.iter().map(|fixture| &fixture.name)).join("; "),
                run.planned.to_string(),
                run.attempts.to_string(),
                run.scoring_version.clone().unwrap_or_default(),
                model.name.clone(),
                model.digest.clone().unwrap_or_default(),
                model.scored.to_string(),
                number(model.score.mean),
                number(model.tokens_per_sec.mean),
            ];
            write(cells.map(|cell| escape::spreadsheet(&cell)));
        }
    }
    let bytes = writer.into_inner().expect("memory takes everything");
    String::from_utf8(bytes).expect("every cell is UTF-8")
}

fn row(run: &RunEntry) -> Vec<String> {
    let several = |names: Vec<String>, noun: &str| match names.as_slice() {
        [] => figures::ABSENT.to_owned(),
        [one] => one.clone(),
        many => figures::count(many.len(), noun),
    };
    let cells = [
        when(&run.started_at),
        run.folder.clone(),
        run.name.clone().unwrap_or_default(),
        run.test.clone(),
        run.backend.clone(),
        names(run.models.iter().map(|model| &model.name)).join(", "),
        several(names(run.fixtures.iter().map(|fixture| &fixture.name)), "fixture"),
        format!("{}/{}", run.scored, run.planned),
        range(run.score_range(), |value| figures::below(Some(value), run.max_score, 1)),
        range(run.speed_range(), |value| figures::number(Some(value), 1)),
        status(run.status, run.was_killed).to_owned(),
    ];
    cells.map(|cell| escape::one_line(&cell)).to_vec()
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    names.cloned().collect()
}

/// One figure, or the lowest and the highest of several models'.
fn range(range: Option<(f64, f64)>, show: impl Fn(f64) -> String) -> String {
    let Some((low, high)) = range else { return figures::ABSENT.to_owned() };
    let (low, high) = (show(low), show(high));
    if low == high { low } else { format!("{low}–{high}") }
}

/// `2026-03-01 10:00`; the text as it stands when it is no time.
pub(super) fn when(timestamp: &str) -> String {
    match timestamp.get(..16) {
        Some(minute) if minute.as_bytes()[10] == b'T' => minute.replace('T', " "),
        _ => timestamp.to_owned(),
    }
}

/// The marks of this crate in ASCII; names keep their letters.
pub(super) fn ascii(text: &str) -> String {
    text.replace('–', "-")
        .replace('→', "->")
        .replace('−', "-")
        .replace(['…', '±'], "~")
        .replace('·', "|")
}
