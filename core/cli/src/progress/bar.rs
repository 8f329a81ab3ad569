//! Progress of work that is done in many like pieces.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output;

/// Plain lines come no more often than this.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// A bar with an estimate on a terminal, now and then a line elsewhere.
pub(crate) struct Bar {
    bar: ProgressBar,
    plain: Option<std::sync::Mutex<Instant>>,
}

/// Progress over `count` pieces; shows nothing when `quiet`.
pub(crate) fn bar(count: usize, quiet: bool) -> Bar {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let on_terminal = std::io::stderr().is_terminal() && !dumb;
    let target = if quiet || !on_terminal {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr_with_hz(8)
    };
    let bar = ProgressBar::with_draw_target(Some(count as u64), target);
    let style = "{bar:24.cyan} {pos}/{len} {elapsed} ({eta} left) {wide_msg}";
    bar.set_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let plain = (!quiet && !on_terminal).then(|| std::sync::Mutex::new(Instant::now()));
    Bar { bar, plain }
}

impl Bar {
    /// A piece is begun.
    pub(crate) fn start(&self, label: &str) {
        self.bar.set_message(label.to_owned());
    }

    /// A piece is done.
    pub(crate) fn advance(&self) {
        self.bar.inc(1);
        let Some(Ok(mut last)) = self.plain.as_ref().map(std::sync::Mutex::lock) else { return };
        if last.elapsed() >= PLAIN_INTERVAL {
            *last = Instant::now();
            let length = self.bar.length().unwrap_or_default();
            output::note(&format!("{} of {length} judged", self.bar.position()));
        }
    }

    /// All is done; the bar disappears.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
