//! llmbench validator `ts-ast`: judges the structure of a Vue component.
//!
//! [`sfc`] cuts the file into blocks, [`facts`] collects what the TypeScript
//! parser saw, [`spec`] reads `ast_checks.json`, [`checks`] answers its
//! questions, [`score`] adds up; [`judge()`] does so for each file of an answer.
//! It checks no types and runs nothing.

pub mod checks;
pub mod deep;
pub mod facts;
mod judge;
pub mod lost;
pub mod position;
pub mod score;
pub mod sfc;
pub mod spec;
mod validator;

pub use judge::judge;
pub use validator::TsAst;

llmbench_plugin::register!(
    Validator,
    "ts-ast",
    "judges the structure of a Vue component with a TypeScript parser",
    TsAst::new
);
llmbench_plugin::export_plugin!();
