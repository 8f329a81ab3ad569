//! Context window: how much of a prompt a model really finds again.
//!
//! Each case is a cell of a map: a length of the context, and the depth at which
//! sentences with codes (the needles) are hidden in a long text (the haystack).
//! The model is asked for the codes once, and scored by those that it gives back
//! exactly. Two more needles, at the very start and the very end, tell a prompt
//! that the server has cut from one that the model did not read well.
//!
//! [`calibration`] makes the prompt as long as it shall be, by the server's own
//! counts. `docs/context-window.md` tells the rules.
//!
//! Nothing here judges understanding: a model that finds every code may still
//! reason badly over the same text.

mod calibration;
mod cells;
mod haystack;
mod needles;
mod prompt;
mod recall;
mod settings;
mod test_type;
mod truncation;
mod verdict;

pub use settings::Settings;
pub use test_type::ContextWindow;

llmbench_plugin::register!(
    TestType,
    "context-window",
    "finds the length of context within which a model finds things again",
    ContextWindow::new
);
llmbench_plugin::export_plugin!();
