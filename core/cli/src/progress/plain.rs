//! One line for each thing that happens, for logs and pipes.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use llmbench_engine::{Observer, RunEvent};

use super::state::State;
use super::words::{finished_line, short_duration};
use crate::output;

/// Writes lines to stderr; those of the run itself begin with the time of day (UTC).
pub(crate) struct Plain {
    begun: Instant,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    state: State,
    last_message: String,
}

impl Default for Plain {
    fn default() -> Self {
        Self { begun: Instant::now(), inner: Mutex::default() }
    }
}

impl Observer for Plain {
    fn event(&self, event: &RunEvent<'_>) {
        let now = self.begun.elapsed();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.state.event(event, now);
        match event {
            // What moves in steps is for the live display; here its start and its end are enough.
            RunEvent::Preparing { fraction: Some(fraction), .. }
                if *fraction > 0.0 && *fraction < 1.0 => {}
            RunEvent::Preparing { message, .. } if inner.last_message != *message => {
                inner.last_message = (*message).to_owned();
                output::note(message);
            }
            RunEvent::Warming { model } => timed(&format!("loading and warming up {model}")),
            RunEvent::Retrying { reason } => timed(&format!("trying again: {reason}")),
            RunEvent::AttemptFinished { index, record } => {
                let eta = inner.state.eta(now).filter(|eta| !eta.is_zero());
                let eta = eta.map(|eta| format!(" (about {} left)", short_duration(eta)));
                let finished = finished_line(record);
                // Behind what is measured; the lines below it are errors.
                let (line, errors) = finished.split_once('\n').unwrap_or((&finished, ""));
                let gap = if errors.is_empty() { "" } else { "\n" };
                timed(&format!(
                    "[{}/{}] {line}{}{gap}{errors}",
                    index + 1,
                    inner.state.attempts,
                    eta.unwrap_or_default()
                ));
            }
            RunEvent::Warning { message } => output::warning(message),
            _ => {}
        }
    }
}

fn timed(text: &str) {
    let now = jiff::Timestamp::now().strftime("%H:%M:%SZ");
    output::note(&format!("{now} {text}"));
}
