//! Environment variables that a library of the plugin reads and nothing else can set.

use std::ffi::OsStr;

/// Sets a variable of this process, unless the user has set it.
///
/// For libraries that take a setting from the environment only. Call it in a
/// component's constructor or when it loads what it needs: the host does both
/// for one component after the other, while nothing works in parallel.
#[expect(unsafe_code, reason = "other threads of the process could read variables meanwhile")]
pub fn set_variable_default(name: &str, value: &OsStr) {
    if std::env::var_os(name).is_none() {
        // SAFETY: the host makes and loads components one after the other, and no
        // request is under way then; the threads that exist by then (signals, the
        // display, readers of a child's output) read no variables.
        unsafe { std::env::set_var(name, value) }
    }
}
