//! What goes to the terminal. The only place that prints.

use std::io::Write;

use serde::Serialize;

use crate::error::CliError;

const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[1;33m";
const CYAN: &str = "\u{1b}[1;36m";
const RESET: &str = "\u{1b}[0m";

/// A result. A closed pipe ends the program quietly, as other tools do.
pub(crate) fn result(text: &str) {
    let mut stdout = anstream::stdout().lock();
    if writeln!(stdout, "{}", text.trim_end_matches('\n')).is_err() {
        std::process::exit(0);
    }
}

/// A result as indented JSON.
pub(crate) fn json<T: Serialize>(value: &T) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => result(&text),
        Err(error) => warning(&format!("the result cannot be written as JSON: {error}")),
    }
}

/// A line about what is going on.
pub(crate) fn note(text: &str) {
    anstream::eprintln!("{text}");
}

/// A line that the user should not miss.
pub(crate) fn warning(text: &str) {
    anstream::eprintln!("{YELLOW}warning:{RESET} {text}");
}

/// An error with its hint.
pub(crate) fn error(error: &CliError) {
    anstream::eprintln!("{RED}error:{RESET} {}", error.message);
    for detail in &error.details {
        for line in detail.lines() {
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
