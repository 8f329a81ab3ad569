//! The `llmbench` command.
fn main() {}
