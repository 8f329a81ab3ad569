//! What goes to the terminal. The only place that prints.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use llmbench_engine::journal::{JournalError, write_atomically};
use llmbench_report::render::visible;
use serde::Serialize;

use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::progress::screen;

const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[1;33m";
const CYAN: &str = "\u{1b}[1;36m";
const RESET: &str = "\u{1b}[0m";

/// Whether somebody still reads stdout.
static STDOUT_IS_OPEN: AtomicBool = AtomicBool::new(true);

/// A result. When the reader has gone, nothing more is printed and the work
/// goes on to its exit code; any other failure of stdout ends the program.
pub(crate) fn result(text: &str) {
    if !STDOUT_IS_OPEN.load(Ordering::Relaxed) {
        return;
    }
    screen::clear();
    let mut stdout = anstream::stdout().lock();
    let written = writeln!(stdout, "{}", text.trim_end_matches('\n')).and_then(|()| stdout.flush());
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            STDOUT_IS_OPEN.store(false, Ordering::Relaxed);
        }
        Err(failure) => {
            error(&CliError::new(
                ExitCode::Unexpected,
                format!("cannot write the result: {failure}"),
            ));
            std::process::exit(ExitCode::Unexpected.into());
        }
    }
}

/// A result in a file, whole or not at all.
///
/// # Errors
/// When it cannot be written, naming the option that says where.
pub(crate) fn to_file(path: &Path, text: &str) -> Result<()> {
    write_atomically(path, text).map_err(|error| {
        let hint = match &error {
            JournalError::Write { source, .. } => Some(output_hint(path, source)),
            _ => None,
        };
        let error = CliError::from(error);
        CliError { hint: hint.or(error.hint), ..error }
    })
}

/// What to do about the file of `--output` that cannot be written.
pub(crate) fn output_hint(path: &Path, error: &io::Error) -> String {
    let folder = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    match folder.filter(|dir| !dir.exists()) {
        Some(dir) => format!(
            "there is no folder `{0}`: make it with `mkdir -p {0}`, or choose another file with `--output FILE`",
            dir.display()
        ),
        None => write_hint(error, "choose another file with `--output FILE`"),
    }
}

/// True when there is no room for a file.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// What to do about a file that cannot be written; `otherwise` says how to choose another place.
pub(crate) fn write_hint(error: &io::Error, otherwise: &str) -> String {
    use io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    match error.kind() {
        _ if is_full(error) => format!("make room, or {otherwise}"),
        NotADirectory => format!("there is a file where a folder is needed: {otherwise}"),
        PermissionDenied => format!("make the folder writable, or {otherwise}"),
        ReadOnlyFilesystem => format!("the file system is read-only: {otherwise}"),
        _ => otherwise.to_owned(),
    }
}

/// A result as indented JSON.
pub(crate) fn json<T: Serialize>(value: &T) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => result(&text),
        Err(error) => warning(&format!("the result cannot be written as JSON: {error}")),
    }
}

/// A result as one line of JSON.
pub(crate) fn json_line<T: Serialize>(value: &T) {
    match serde_json::to_string(value) {
        Ok(text) => result(&text),
        Err(error) => warning(&format!("the result cannot be written as JSON: {error}")),
    }
}

/// A line about what is going on. Control characters in it are shown and do nothing.
pub(crate) fn note(text: &str) {
    screen::above(&visible(text));
}

/// A line that the user should not miss. Control characters in it are shown and do nothing.
pub(crate) fn warning(text: &str) {
    screen::above(&format!("{YELLOW}warning:{RESET} {}", visible(text)));
}

/// An error with its hint.
pub(crate) fn error(error: &CliError) {
    screen::clear();
    anstream::eprintln!("{RED}error:{RESET} {}", visible(&error.message));
    for detail in &error.details {
        for line in visible(detail).lines() {
            anstream::eprintln!("  {line}");
        }
    }
    if let Some(hint) = &error.hint {
        anstream::eprintln!("\n{CYAN}hint:{RESET} {hint}");
    }
}

/// How a table is laid out on stdout: coloured on a terminal without `NO_COLOR`, as wide as it is.
pub(crate) fn text_options() -> llmbench_report::render::TextOptions {
    let color = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
    let width = terminal_width().unwrap_or(llmbench_report::render::TextOptions::default().width);
    llmbench_report::render::TextOptions { color, width }
}

/// Columns of the terminal, up to which a table stays readable.
fn terminal_width() -> Option<u16> {
    let (_, columns) = console::Term::stdout().size_checked()?;
    Some(columns.clamp(80, 120))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_disk_asks_for_room() {
        let check = |kind: io::ErrorKind, start: &str| {
            let hint = write_hint(&kind.into(), "choose");
            assert!(hint.starts_with(start), "{hint}");
        };
        check(io::ErrorKind::StorageFull, "make room, or choose");
        check(io::ErrorKind::ReadOnlyFilesystem, "the file system is read-only: choose");
        check(io::ErrorKind::NotADirectory, "there is a file where a folder is needed: choose");
        check(io::ErrorKind::PermissionDenied, "make the folder writable, or choose");
        check(io::ErrorKind::Other, "choose");
    }
}
