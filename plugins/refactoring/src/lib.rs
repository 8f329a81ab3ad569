//! Refactoring: an untyped Vue component goes in, a typed one is asked for.
//!
//! The model is asked once. [`extract`] finds the component in its answer, the
//! validators of the roles `types`, `structure` and `behaviour` judge it, and
//! [`score`] turns their findings into 0–10. `docs/scoring.md` tells the rules,
//! `docs/writing-a-fixture.md` how to add a fixture.
//!
//! Nothing here runs or compiles code: that is the validators' work.

pub mod extract;
mod fences;
pub mod fixture;
pub mod prompt;
mod references;
pub mod score;
mod sfc;
mod shipped;
mod test_type;
mod verdict;

pub use test_type::{BEHAVIOUR, Refactoring, STRUCTURE, TYPES};

llmbench_plugin::register!(
    TestType,
    "refactoring",
    "turns an untyped Vue component into a typed one",
    Refactoring::new
);
llmbench_plugin::export_plugin!();
