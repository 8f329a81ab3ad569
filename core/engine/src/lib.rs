//! Plans runs and executes them.
//!
//! The way of a run: [`fixtures`] → [`preflight`] → [`plan`] → [`run`], which
//! drives each attempt ([`attempt`]) and appends its record to the
//! [`journal`] before the next one starts. [`judge()`] replays an answer that
//! exists already.
//!
//! The engine knows traits and data only: plugins are loaded by the host,
//! settings are resolved by the command line, figures are summed up by the
//! report. It prints nothing; whoever wants to see progress passes an
//! [`Observer`].

pub mod attempt;
pub mod call;
pub mod control;
mod counting;
mod energy;
pub mod events;
mod expected;
pub mod fixtures;
mod idle;
pub mod journal;
pub mod judge;
pub mod plan;
pub mod preflight;
pub mod run;
pub mod session;
pub mod validity;
mod warm_up;
mod watch;
mod words;

pub use control::CancelToken;
pub use events::{Observer, RunEvent, Silent};
pub use judge::{Stored, StoredExchange, judge};
pub use session::{RolePlayer, RunOptions, Session};
