//! Tests on the real Node, Vitest and sandboxes of this machine.

#[cfg(target_os = "linux")]
mod answers;
#[cfg(target_os = "linux")]
mod escapes;
#[cfg(target_os = "linux")]
mod faults;
#[cfg(target_os = "linux")]
mod other_user;
mod refused;
mod support;
#[cfg(target_os = "linux")]
mod verdicts;
