//! Validator `vitest`: a fixture's behaviour tests against a model's answer.
//!
//! - The answer is untrusted code. It runs in a sandbox that was seen to hold
//!   on this machine, in a fresh process, with limits; or not at all, unless a
//!   setting accepts the risk. Every finding names the sandbox.
//! - The runner is the real Vitest with happy-dom and Vue's test utilities,
//!   pinned and installed once into llmbench's data directory.
//! - Results come from Vitest's main thread. The answer runs in a worker, where
//!   a guard keeps it from changing the judge and proves that it did not.
//! - The tests that the fixture's own input passes are the tests that an answer
//!   owes. A missing one counts as failed.
//!
//! A limit, a crash or a lost result is the answer's own fault and a finding. A
//! signal from outside, or a sandbox that does not start, is an error.

mod baseline;
mod findings;
mod report;
mod run;
mod sandbox;
mod settings;
mod suite;
mod toolchain;
mod validator;

pub use findings::{COMPLETES, NO_UNHANDLED_ERRORS, STAYS_IN_SANDBOX};
pub use sandbox::SandboxChoice;
pub use settings::Settings;
pub use validator::Vitest;

llmbench_plugin::register!(
    Validator,
    "vitest",
    "runs behaviour tests with Vitest, in a sandbox",
    Vitest::new
);
llmbench_plugin::export_plugin!();
