//! One line for each thing that happens, for logs and pipes.

use std::sync::{Mutex, PoisonError};

use llmbench_engine::{Observer, RunEvent};

use super::state::{State, finished_line, short_duration};
use crate::output;

/// Writes lines to stderr.
#[derive(Default)]
pub(crate) struct Plain {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    state: State,
    attempts: usize,
    last_message: String,
}

impl Observer for Plain {
    fn event(&self, event: &RunEvent<'_>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            // What moves in steps is for the live display; here its start and its end are enough.
            RunEvent::Preparing { fraction: Some(fraction), .. }
                if *fraction > 0.0 && *fraction < 1.0 => {}
            RunEvent::Preparing { message, .. } if inner.last_message != *message => {
                inner.last_message = (*message).to_owned();
                output::note(message);
            }
            RunEvent::Started { attempts } => {
                inner.attempts = *attempts;
                inner.state.start(*attempts);
            }
            RunEvent::AttemptStarted { .. } => inner.state.attempt_started(),
            RunEvent::Warming { model } => output::note(&format!("loading and warming up {model}")),
            RunEvent::Retrying { reason } => output::note(&format!("trying again: {reason}")),
            RunEvent::AttemptFinished { index, record } => {
                inner.state.attempt_finished();
                let eta = inner
                    .state
                    .eta()
                    .filter(|eta| !eta.is_zero())
                    .map(|eta| format!(" (about {} left)", short_duration(eta)));
                output::note(&format!(
                    "[{}/{}] {}{}",
                    index + 1,
                    inner.attempts,
                    finished_line(record),
                    eta.unwrap_or_default()
                ));
            }
            RunEvent::Warning { message } => output::warning(message),
            _ => {}
        }
    }
}
