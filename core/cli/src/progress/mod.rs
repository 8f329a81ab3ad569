//! What a user sees while a run goes on.
//!
//! [`state`] learns from events, [`view`] draws it, [`screen`] puts that on the
//! terminal; [`live`] and [`plain`] are the two displays.

mod bar;
mod estimate;
mod live;
mod plain;
pub(crate) mod screen;
mod state;
mod view;
mod words;

#[cfg(test)]
mod tests;

use std::io::IsTerminal;
use std::sync::Arc;

use llmbench_engine::{Observer, Silent};

pub(crate) use bar::bar;

/// A live display on a terminal, plain lines elsewhere, nothing when `quiet`.
pub(crate) fn observer(quiet: bool) -> Arc<dyn Observer> {
    if quiet {
        return Arc::new(Silent);
    }
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if std::io::stderr().is_terminal() && !dumb {
        Arc::new(live::Live::new())
    } else {
        Arc::new(plain::Plain::default())
    }
}
