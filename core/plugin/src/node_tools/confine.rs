//! Child processes that may make only some system calls.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use seccompiler::BpfProgram;

/// Makes every program that `command` starts subject to `filter`, for good.
///
/// The filter begins to hold after the new process exists and before its
/// program does, so it may forbid new processes. Without privileges it takes
/// away the chance to gain any (`no_new_privs`).
#[expect(unsafe_code, reason = "code between fork and exec can deadlock")]
pub fn confine(command: &mut Command, filter: BpfProgram) {
    let apply = move || match seccompiler::apply_filter(&filter) {
        Ok(()) => Ok(()),
        Err(_) => Err(io::Error::last_os_error()),
    };
    // SAFETY: between fork and exec only async-signal-safe work is allowed.
    // The filter was built before; applying it is two system calls that take no
    // lock and allocate nothing, and neither does reading errno.
    unsafe {
        command.pre_exec(apply);
    }
}
