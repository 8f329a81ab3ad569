//! Environment variables that a library of the plugin reads and nothing else can set.

use std::ffi::OsStr;

/// Sets a variable of this process, unless the user has set it.
///
/// For libraries that take a setting from the environment only. Call it in a
/// component's constructor: the host makes components one after the other,
/// before it starts anything that works in parallel.
#[expect(unsafe_code, reason = "other threads of the process could read variables meanwhile")]
pub fn set_variable_default(name: &str, value: &OsStr) {
    if std::env::var_os(name).is_none() {
        // SAFETY: constructors run on one thread, before the run's own threads are
        // started; the few that exist by then (signals, progress) read no variables.
        unsafe { std::env::set_var(name, value) }
    }
}
