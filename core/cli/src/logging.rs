//! The log on stderr, fed by llmbench and its plugins.

use std::io::Write;

use tracing_subscriber::EnvFilter;

use crate::args::GlobalArgs;
use crate::progress::screen;
use crate::variables;

/// Installs the log: errors only, more with each `-v`, or as `LLMBENCH_LOG` says.
pub(crate) fn install(global: &GlobalArgs) {
    let default = match global.verbose {
        0 => "error",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = std::env::var(variables::LOG).ok().filter(|text| !text.is_empty());
    let filter = EnvFilter::new(filter.unwrap_or_else(|| default.into()));
    let colour = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| AboveScreen)
        .with_ansi(colour)
        .without_time();
    let _ = log.try_init();
}

/// Writes records above a live display; each comes in one call.
struct AboveScreen;

impl Write for AboveScreen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        screen::above(text.trim_end_matches('\n'));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
