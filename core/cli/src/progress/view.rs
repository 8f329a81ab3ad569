//! Draws the live display: a pure function of the state.

use std::time::Duration;

use console::measure_text_width;
use llmbench_report::render::sparkline;

use super::state::{Phase, Speed, State};
use super::words::short_duration;

/// Below this many columns the display takes more and shorter lines.
const NARROW: usize = 60;
/// Narrower terminals get lines of this width, cut off by the terminal.
const NARROWEST: usize = 20;

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Columns of the terminal.
    pub(crate) width: usize,
    /// Whether only ASCII can be shown.
    pub(crate) ascii: bool,
    /// Whether to write ANSI colours.
    pub(crate) color: bool,
}

/// A piece of a line; where there is no room, those with the highest number go first, 0 never.
struct Part {
    text: String,
    code: &'static str,
    drop: u8,
}

fn part(text: impl Into<String>, code: &'static str, drop: u8) -> Part {
    Part { text: text.into(), code, drop }
}

/// The display at `now`, line by line, none of them wider than the terminal less one column.
pub(crate) fn draw(state: &State, now: Duration, layout: &Layout) -> Vec<String> {
    // The last column stays free: a full line wraps on some terminals.
    let width = layout.width.saturating_sub(1).max(NARROWEST);
    let mut lines = Vec::new();
    let phase = phase(state, now);
    let narrow = layout.width < NARROW;
    if state.current.is_none() {
        lines.push(line(
            vec![part(spinner(now, layout), "32", 0), part(phase, "", 0)],
            width,
            layout,
        ));
    } else {
        let mut head = vec![part(spinner(now, layout), "32", 0)];
        let room =
            if narrow { width - 2 } else { width.saturating_sub(4 + measure_text_width(&phase)) };
        head.push(part(what(state, room, layout), "1", 0));
        if narrow {
            lines.push(line(head, width, layout));
            lines.push(line(vec![part(" ", "", 0), part(phase, "", 0)], width, layout));
        } else {
            head.push(part(phase, "", 0));
            lines.push(line(head, width, layout));
        }
        let figures = figures(state, now, width, layout);
        // An empty line keeps the display's height while nothing is measured.
        lines.push(line(figures, width, layout));
    }
    if state.started.is_some() {
        lines.push(progress(state, now, width, layout));
    }
    lines
}

fn spinner(now: Duration, layout: &Layout) -> String {
    let frames: &[char] = if layout.ascii {
        &['|', '/', '-', '\\']
    } else {
        &['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
    };
    frames[(now.as_millis() / 125) as usize % frames.len()].to_string()
}

fn phase(state: &State, now: Duration) -> String {
    let since = short_duration(now.saturating_sub(state.phase_since));
    match &state.phase {
        Phase::Between => String::new(),
        Phase::Preparing(message, None) => message.clone(),
        Phase::Preparing(message, Some(fraction)) => {
            format!("{message} ({:.0} %)", fraction * 100.0)
        }
        Phase::Loading => format!("loading and warming up {since}"),
        Phase::Waiting => format!("waiting for first token {since}"),
        Phase::Streaming => format!("streaming {since}"),
        Phase::Judging(role) => format!("judging {role} {since}"),
    }
}

/// Model, fixture and run in `room` columns; the model's name is shortened first.
fn what(state: &State, room: usize, layout: &Layout) -> String {
    let Some(current) = &state.current else { return String::new() };
    let dot = dot(layout);
    let rest = match &current.attempt {
        Some((fixture, run)) => format!("{dot}{}{dot}run {run}", shown(fixture)),
        None => String::new(),
    };
    let for_model = room.saturating_sub(measure_text_width(&rest)).max(8);
    let model = shorten(&shown(&current.model), for_model, layout);
    shorten(&(model + &rest), room, layout)
}

/// Names come from servers and files: nothing in them may steer the terminal.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn figures(state: &State, now: Duration, width: usize, layout: &Layout) -> Vec<Part> {
    let mut parts = vec![part(" ", "", 0)];
    match state.speed(now) {
        Some(Speed::Tokens(speed)) => parts.push(part(format!("~{speed:.1} tok/s"), "36", 0)),
        Some(Speed::Chunks(speed)) => parts.push(part(format!("{speed:.1} chunks/s"), "36", 0)),
        None => {}
    }
    if state.phase == Phase::Streaming {
        parts.push(part(format!("{} chunks", state.chunks), "2", 3));
    }
    let cells = if width < NARROW { 6 } else { 15 };
    for (index, label) in state.hardware().into_iter().enumerate() {
        let bars = sparkline(&state.series(label, cells, now), 0.0, 100.0, layout.ascii);
        let value = match state.newest(label, now) {
            Some(value) => format!("{value:>3.0} %"),
            None => "  - %".to_owned(),
        };
        // The first one, the GPU where there is one, stays longest.
        parts.push(part(format!("{label} {bars} {value}"), "", 1 + index as u8));
    }
    parts
}

/// Bar, counts and times.
fn progress(state: &State, now: Duration, width: usize, layout: &Layout) -> String {
    let done = state.finished_count();
    let elapsed = state.started.map(|started| now.saturating_sub(started)).unwrap_or_default();
    let mut parts = vec![part(" ", "", 0)];
    let cells = if width < NARROW { width / 6 } else { (width / 4).min(24) };
    let filled = (done * cells).checked_div(state.attempts).unwrap_or(0).min(cells);
    let (full, empty) = if layout.ascii { ("#", "-") } else { ("━", "─") };
    parts.push(part(full.repeat(filled) + &empty.repeat(cells - filled), "36", 4));
    parts.push(part(format!("{done}/{}", state.attempts), "1", 0));
    parts.push(part(format!("{} scored", state.scored), "32", 3));
    if state.lost > 0 {
        parts.push(part(format!("{} lost", state.lost), "31", 1));
    }
    parts.push(part(short_duration(elapsed), "2", 2));
    if let Some(eta) = state.eta(now).filter(|eta| eta.as_secs() > 0) {
        parts.push(part(format!("about {} left", short_duration(eta)), "", 0));
    }
    line(parts, width, layout)
}

fn dot(layout: &Layout) -> &'static str {
    if layout.ascii { " | " } else { " · " }
}

/// The parts that fit, with two spaces between them.
fn line(mut parts: Vec<Part>, width: usize, layout: &Layout) -> String {
    parts.retain(|part| !part.text.is_empty());
    let used = |parts: &[Part]| {
        parts.iter().map(|part| measure_text_width(&part.text) + 1).sum::<usize>().saturating_sub(1)
            + parts.len().saturating_sub(2)
    };
    while used(&parts) > width {
        let last = (0..parts.len()).filter(|index| parts[*index].drop > 0);
        let Some(last) = last.max_by_key(|index| parts[*index].drop) else { break };
        parts.remove(last);
    }
    let mut line = String::new();
    let mut left = width;
    for (index, part) in parts.iter().enumerate() {
        // The first part is the margin or the spinner.
        let gap = [0, 1, 2][index.min(2)].min(left);
        left -= gap;
        line.push_str(&" ".repeat(gap));
        let text = shorten(&part.text, left, layout);
        left -= measure_text_width(&text);
        if layout.color && !part.code.is_empty() && !text.is_empty() {
            line.push_str(&format!("\x1b[{}m{text}\x1b[0m", part.code));
        } else {
            line.push_str(&text);
        }
    }
    line.trim_end().to_owned()
}

fn shorten(text: &str, width: usize, layout: &Layout) -> String {
    console::truncate_str(text, width, if layout.ascii { "~" } else { "…" }).into_owned()
}
