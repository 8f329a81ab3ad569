//! A live display on a terminal: bar, ETA, speed, hardware.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use llmbench_engine::{Observer, RunEvent};

use super::state::{State, finished_line, short_duration};

/// Draws to stderr; finished attempts scroll above the bar.
pub(crate) struct Live {
    bar: ProgressBar,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    state: State,
    what: String,
    phase: String,
    done: bool,
}

impl Live {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
        bar.set_style(style("{spinner} {msg}"));
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, inner: Mutex::default() }
    }

    fn show(&self, inner: &Inner) {
        let mut parts = vec![inner.what.clone()];
        parts.push(inner.phase.clone());
        parts.extend(inner.state.chunks_per_second().map(|speed| format!("{speed:.1} chunks/s")));
        parts.push(inner.state.hardware());
        parts.extend(inner.state.eta().map(|eta| format!("{} left", short_duration(eta))));
        parts.retain(|part| !part.is_empty());
        self.bar.set_message(parts.join(" · "));
    }
}

impl Observer for Live {
    fn event(&self, event: &RunEvent<'_>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.done {
            return;
        }
        match event {
            RunEvent::Preparing { message, fraction } => {
                inner.phase = match fraction {
                    Some(fraction) => format!("{message} ({:.0} %)", fraction * 100.0),
                    None => (*message).to_owned(),
                };
            }
            RunEvent::Started { attempts } => {
                inner.state.start(*attempts);
                inner.phase.clear();
                self.bar.set_length(*attempts as u64);
                self.bar.set_style(style("{bar:24.cyan} {pos}/{len} {elapsed} {wide_msg}"));
            }
            RunEvent::Warming { model } => {
                inner.what = (*model).to_owned();
                inner.phase = "loading and warming up".into();
            }
            RunEvent::AttemptStarted { model, fixture, run_number, .. } => {
                inner.state.attempt_started();
                inner.what = format!("{model} · {fixture} · run {run_number}");
                inner.phase = "waiting for the first token".into();
            }
            RunEvent::Chunk { at_ns, .. } => {
                inner.state.chunk(*at_ns);
                inner.phase.clear();
            }
            RunEvent::Sampled { sample, .. } => inner.state.sample(sample),
            RunEvent::Judging { role } => inner.phase = format!("judging {role}"),
            RunEvent::Retrying { reason } => self.bar.println(format!("trying again: {reason}")),
            RunEvent::AttemptFinished { record, .. } => {
                inner.state.attempt_finished();
                self.bar.println(finished_line(record));
                self.bar.inc(1);
                if self.bar.length() == Some(self.bar.position()) {
                    inner.done = true;
                    self.bar.finish_and_clear();
                    return;
                }
            }
            RunEvent::Warning { message } => self.bar.println(format!("warning: {message}")),
            _ => {}
        }
        self.show(&inner);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
