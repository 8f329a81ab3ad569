//! Tests on the real Node, npm and compilers, which are installed once for all of them.

mod cases;
#[cfg(unix)]
mod cold;
#[cfg(unix)]
mod faults;
mod files;
mod honesty;
mod install;
mod native;
#[cfg(unix)]
mod npm_projects;
mod support;
mod verdicts;
