//! The lines at the bottom of the terminal that are drawn again and again.
//!
//! There is one terminal, so there is one screen. Whoever prints while it is
//! open prints above it. A frame is one write, and no line is cleared before it
//! is written over, so nothing flickers.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use console::{Term, measure_text_width};

/// The frame that stands there now.
static FRAME: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// Terminals that know it show a frame only when it is whole; others ignore it.
const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";

/// Columns and rows of the terminal.
pub(crate) fn size() -> (usize, usize) {
    let (rows, columns) = Term::stderr().size();
    (usize::from(columns), usize::from(rows))
}

/// Opens the screen with nothing on it.
pub(crate) fn open() {
    *lock() = Some(Vec::new());
}

/// Replaces the lines of an open screen.
pub(crate) fn show(lines: Vec<String>) {
    let mut frame = lock();
    let Some(shown) = frame.as_mut() else { return };
    let (columns, rows) = size();
    let lines: Vec<_> = lines.into_iter().take(rows.saturating_sub(1).max(1)).collect();
    write(&format!("{BEGIN}{}{}{END}", to_start(shown, columns), drawn(&lines)));
    *shown = lines;
}

/// Writes text above the screen, or just writes it when there is none. A line end is added.
pub(crate) fn above(text: &str) {
    let frame = lock();
    let Some(shown) = frame.as_ref().filter(|shown| !shown.is_empty()) else {
        anstream::eprintln!("{text}");
        return;
    };
    let (columns, _) = size();
    write(&format!("{BEGIN}{}", to_start(shown, columns)));
    for line in text.lines() {
        anstream::eprint!("{line}");
        write("\x1b[K\r\n");
    }
    write(&format!("{}{END}", drawn(shown)));
}

/// Takes the lines away; they come back with the next frame.
pub(crate) fn clear() {
    let mut frame = lock();
    if let Some(shown) = frame.as_mut().filter(|shown| !shown.is_empty()) {
        write(&erased(shown, size().0));
        shown.clear();
    }
}

/// Takes the lines away for good.
pub(crate) fn close() {
    clear();
    *lock() = None;
}

fn lock() -> MutexGuard<'static, Option<Vec<String>>> {
    FRAME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A terminal that is gone is no reason to stop a run.
fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// From the end of the frame to its start. A terminal that became narrower has
/// wrapped the lines that no longer fit.
fn to_start(shown: &[String], columns: usize) -> String {
    up(rows(shown, columns).saturating_sub(1))
}

/// To the start of the line so many rows further up.
fn up(rows: usize) -> String {
    if rows == 0 { "\r".to_owned() } else { format!("\r\x1b[{rows}A") }
}

fn rows(shown: &[String], columns: usize) -> usize {
    let rows = |line: &String| measure_text_width(line).div_ceil(columns.max(1)).max(1);
    shown.iter().map(rows).sum()
}

/// The frame's rows emptied one by one, ending at its start. Clearing the rest
/// of the screen at once would do too, but from its first row tmux would take
/// that for `clear` and keep the frame in its history.
fn erased(shown: &[String], columns: usize) -> String {
    let below = rows(shown, columns).saturating_sub(1);
    format!("{}\x1b[K{}{}", up(below), "\x1b[1B\x1b[K".repeat(below), up(below))
}

/// Each line over what stood there, then nothing below.
fn drawn(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\x1b[K")).collect::<Vec<_>>().join("\r\n") + "\x1b[J"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_found_again_after_the_terminal_became_narrower() {
        let frame = ["x".repeat(70), String::new(), "\x1b[1mbold\x1b[0m".to_owned()];
        assert_eq!(to_start(&frame, 80), "\r\x1b[2A");
        assert_eq!(to_start(&frame, 60), "\r\x1b[3A");
        assert_eq!(to_start(&frame, 20), "\r\x1b[5A");
        assert_eq!(to_start(&frame[..1], 80), "\r");
        assert_eq!(to_start(&[], 80), "\r");
    }

    #[test]
    fn a_frame_is_emptied_row_by_row() {
        let frame = ["a".to_owned(), "b".to_owned()];
        assert_eq!(erased(&frame, 80), "\r\x1b[1A\x1b[K\x1b[1B\x1b[K\r\x1b[1A");
        assert_eq!(erased(&frame[..1], 80), "\r\x1b[K\r");
    }

    #[test]
    fn lines_are_written_over_and_not_cleared_before() {
        let frame = ["a".to_owned(), "b".to_owned()];
        assert_eq!(drawn(&frame), "a\x1b[K\r\nb\x1b[K\x1b[J");
    }
}
