//! Consistency: does a model on this server give the same answer to the same question?
//!
//! One attempt asks one prompt many times: at temperature 0, with one seed, and
//! with several seeds. Some of the requests find the prompt in the server's cache
//! and some do not, and the record tells which is which. Answers are compared
//! after [`normalise`] took out what makes no difference.
//!
//! `docs/consistency.md` tells the rules. Whether an answer is right is not the
//! question; fixtures that can check their answers only add how far the quality
//! spreads.

mod agreement;
mod check;
mod fixture;
mod normalise;
mod schedule;
mod settings;
mod shipped;
mod test_type;
mod verdict;

pub use settings::Settings;
pub use test_type::Consistency;

llmbench_plugin::register!(
    TestType,
    "consistency",
    "asks the same again and compares the answers",
    Consistency::new
);
llmbench_plugin::export_plugin!();
