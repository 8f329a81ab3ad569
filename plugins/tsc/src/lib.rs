//! Validator `tsc`: the real TypeScript compiler on a model's Vue component.
//!
//! - Bare `tsc` never reads `.vue` files, so this is Vue's language tools on
//!   TypeScript, under strict settings, with a TypeScript file that imports the
//!   component. Vue's own compiler adds what a type checker lets pass:
//!   truncated answers, unclosed tags, scripts that are not TypeScript at all.
//! - The packages are pinned, installed once into llmbench's data directory, and
//!   never the user's own ones unless a setting names them.
//! - A Node process holds the warm compiler; as many as checks run at the same
//!   time. Each new one proves itself on a bad and a good file before it may
//!   judge anything.
//! - An answer whose comments suppress errors is checked once more without
//!   them, and the identifiers of type `any` are counted, aliases included.
//! - A fixture may be an npm project of its own. It is then checked by its own
//!   TypeScript and vue-tsc under its own configuration, with the answer laid
//!   over the files on disk in memory; errors of other files that the answer
//!   causes count, those that were there before do not.
//!
//! Templates are checked for types, unknown properties of known components
//! included. Components, directives and events that the file does not declare
//! are allowed: an application may register them globally or let them fall through.
//!
//! A second validator, `tsc-native`, asks the same of TypeScript 7. Its API is
//! unstable and it never runs with vue-tsc, so it is no default.
//!
//! This crate does not look at style or at the structure of the code: those are
//! questions for another validator.

mod findings;
mod npm_project;
mod pool;
mod project;
mod settings;
mod toolchain;
mod validator;
mod worker;

pub use llmbench_plugin::node_tools::NpmEnvironment;
pub use project::{PROBE, importer_text};
pub use settings::Settings;
pub use validator::Tsc;
pub use worker::SELF_TEST_REQUESTS;

llmbench_plugin::register!(
    Validator,
    "tsc",
    "type-checks Vue components with TypeScript and Vue's language tools",
    Tsc::new
);
llmbench_plugin::register!(
    Validator,
    "tsc-native",
    "type-checks Vue components with TypeScript 7 (experimental)",
    Tsc::native
);
llmbench_plugin::export_plugin!();
