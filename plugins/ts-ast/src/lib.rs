//! llmbench validator `ts-ast`: judges the structure of a Vue component.
//!
//! `sfc` cuts the file into blocks, `facts` collects what the TypeScript parser
//! saw, `spec` reads `ast_checks.json`, `checks` answers its questions, `score`
//! adds up. It checks no types and runs nothing.

pub mod facts;
pub mod sfc;
