//! Compares models and runs: what is paired, what was tested, what is known.
//!
//! - [`Side`] is one model in one run; [`Spec`] is how a user names some.
//! - Sides are paired by fixture: a fixture's mean with its mean on the other
//!   side. One fixture alone is compared by its runs.
//! - [`Finding`] is a reason to doubt or refuse the comparison.
//! - No side is better while the interval of the difference holds 0, and none
//!   unless the p-value, adjusted for the number of comparisons, is at most 5 %.
//!
//! `docs/comparing.md` says what a user must know, `docs/statistics.md` why the
//! tests are these. Pure functions of the runs; nothing here prints.

mod checks;
mod contrast;
mod metrics;
mod side;
mod types;

pub use side::{Picked, SideError, Sides, Spec};
pub use types::{
    Comparison, Contrast, Effect, Finding, FixtureComparison, Flip, LoadComparison,
    MetricComparison, Severity, Side, Verdict,
};

pub use contrast::{CompareError, Options, compare};
pub use metrics::METRICS;

#[cfg(test)]
mod tests;
