//! The trend of a model over its runs.

use super::columns::{self, Column};
use super::history::{ListOptions, ascii, when};
use super::{escape, figures, sparkline};
use crate::history::{Point, Trend};

/// Runs that a sparkline shows, the newest ones.
const NEWEST: usize = 40;

const COLUMNS: [Column; 8] = [
    Column { title: "Started (UTC)", right: false, shortest: None, drop: 3 },
    Column { title: "Run", right: false, shortest: None, drop: 0 },
    Column { title: "Name", right: false, shortest: Some(8), drop: 5 },
    Column { title: "Scored", right: true, shortest: None, drop: 4 },
    Column { title: "Score", right: true, shortest: None, drop: 0 },
    Column { title: "Change", right: true, shortest: None, drop: 1 },
    Column { title: "tok/s", right: true, shortest: None, drop: 0 },
    Column { title: "Change", right: true, shortest: None, drop: 2 },
];

/// Score and speed from run to run, oldest first, with what changed between them.
///
/// A difference is left out where the two figures do not mean the same; the
/// warning below says what changed.
pub fn trend(trend: &Trend, options: &ListOptions) -> String {
    let mut out = Vec::new();
    let bold = |text: String| if options.color { format!("\x1b[1m{text}\x1b[0m") } else { text };
    let yellow = |text: String| if options.color { format!("\x1b[33m{text}\x1b[0m") } else { text };
    let over = match trend.fixtures.as_slice() {
        [] => String::new(),
        [one] => format!(" · fixture {}", escape::one_line(one)),
        many => format!(" · {}", figures::count(many.len(), "fixture")),
    };
    let runs = figures::count(trend.points.len(), "run");
    out.push(bold(format!("{} · {runs}{over}", escape::one_line(&trend.model))));
    let scores: Vec<_> = trend.points.iter().map(|point| point.score).collect();
    let speeds: Vec<_> = trend.points.iter().map(|point| point.tokens_per_sec).collect();
    let highest = speeds.iter().flatten().copied().fold(0.0, f64::max);
    let label = format!("score 0–{}", trend.max_score);
    out.push(line(&label, &scores, trend.max_score, options));
    out.push(line(&format!("tok/s 0–{highest:.1}"), &speeds, highest, options));
    let rows: Vec<_> = trend.points.iter().map(|point| row(point, trend.max_score)).collect();
    let mut lines = columns::lines(&COLUMNS, &rows, options.width, options.ascii).into_iter();
    out.extend(lines.next().map(bold));
    out.extend(lines);
    for point in &trend.points {
        for change in &point.changes {
            let effect = match (change.breaks_score, change.breaks_speed) {
                (true, true) => "; neither score nor speed is compared with the run before",
                (true, false) => "; the score is not compared with the run before",
                (false, true) => "; the speed is not compared with the run before",
                (false, false) => "",
            };
            out.push(yellow(escape::one_line(&format!(
                "warning: {}: {} changed: {} → {}{effect}",
                point.folder, change.what, change.before, change.now
            ))));
        }
    }
    let text = out.join("\n") + "\n";
    if options.ascii { ascii(&text) } else { text }
}

fn line(label: &str, values: &[Option<f64>], highest: f64, options: &ListOptions) -> String {
    let room = options.width.map_or(NEWEST, |width| width.saturating_sub(20).clamp(1, NEWEST));
    let newest = &values[values.len().saturating_sub(room)..];
    let bars = sparkline::sparkline(newest, 0.0, highest, options.ascii);
    format!("{label:<16}  {bars}").trim_end().to_owned()
}

fn row(point: &Point, max_score: f64) -> Vec<String> {
    let cells = [
        when(&point.started_at),
        point.folder.clone(),
        point.name.clone().unwrap_or_default(),
        format!("{} in {}", point.scored, figures::count(point.fixtures as usize, "fixture")),
        figures::below(point.score, max_score, 1),
        point.score_delta.map(|delta| signed(delta, "")).unwrap_or_default(),
        figures::number(point.tokens_per_sec, 1),
        point.speed_change.map(|change| signed(change * 100.0, " %")).unwrap_or_default(),
    ];
    cells.map(|cell| escape::one_line(&cell)).to_vec()
}

fn signed(value: f64, unit: &str) -> String {
    let sign = if value < -0.05 {
        "−"
    } else if value > 0.05 {
        "+"
    } else {
        "±"
    };
    format!("{sign}{:.1}{unit}", value.abs())
}
