//! A live display on a terminal: what is being done, speed, hardware, time left.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use llmbench_engine::{Observer, RunEvent};

use super::screen;
use super::state::State;
use super::view::{Layout, draw};
use super::words::finished_line;
use crate::{output, terminal};

/// Time between two frames.
const FRAME: Duration = Duration::from_millis(125);

/// Draws to stderr; finished attempts scroll above.
pub(crate) struct Live {
    shared: Arc<Shared>,
    ticker: Option<JoinHandle<()>>,
}

struct Shared {
    begun: Instant,
    state: Mutex<State>,
    is_done: Mutex<bool>,
    done: Condvar,
}

impl Live {
    pub(crate) fn new() -> Self {
        screen::open();
        let shared = Arc::new(Shared {
            begun: Instant::now(),
            state: Mutex::default(),
            is_done: Mutex::new(false),
            done: Condvar::new(),
        });
        let ticking = Arc::clone(&shared);
        let ticker = std::thread::Builder::new().name("display".into());
        let ticker = ticker.spawn(move || ticking.tick()).ok();
        Self { shared, ticker }
    }
}

impl Shared {
    fn tick(&self) {
        let color =
            anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
        let ascii = terminal::is_ascii();
        let mut is_done = self.is_done.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is_done {
            let layout = Layout { width: screen::size().0, ascii, color };
            {
                // Held while drawing: what is over must not be drawn again behind it.
                let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                if !state.is_over() {
                    screen::show(draw(&state, self.begun.elapsed(), &layout));
                }
            }
            let waited = self.done.wait_timeout(is_done, FRAME);
            is_done = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn end(&self) {
        *self.is_done.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.done.notify_all();
        screen::close();
    }
}

impl Observer for Live {
    fn event(&self, event: &RunEvent<'_>) {
        {
            let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.event(event, self.shared.begun.elapsed());
            // Until the plan grows, if it does.
            if state.is_over() {
                screen::clear();
            }
        }
        match event {
            RunEvent::AttemptFinished { record, .. } => output::note(&finished_line(record)),
            RunEvent::Retrying { reason } => output::note(&format!("trying again: {reason}")),
            RunEvent::Warning { message } => output::warning(message),
            _ => {}
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.end();
        if let Some(ticker) = self.ticker.take() {
            // Its panic would have been shown already.
            let _ = ticker.join();
        }
    }
}
