//! bubblewrap: namespaces with nothing in them but what a check needs.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use llmbench_plugin::node_tools::process;

use super::{Limits, Place, environment, filter, launcher, system_folders};

/// Where a check's folders appear inside.
const INSIDE: &str = "/app";
const INSIDE_TEMPORARY: &str = "/tmp";
const FILTER: &str = "filter.bpf";

/// The program, when it is installed where only the system's owner writes.
pub(super) fn find() -> Option<PathBuf> {
    ["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap", "/run/current-system/sw/bin/bwrap"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.is_file())
}

/// A command that runs `script` inside.
pub(super) fn command(
    bwrap: &Path,
    place: &Place,
    script: &str,
    limits: &Limits,
) -> io::Result<Command> {
    let program = filter::program().map_err(io::Error::other)?;
    let filter_file = place.base().join(FILTER);
    std::fs::write(&filter_file, filter::bytes(&program))?;

    // The shell opens the filter as file 3: only there can bubblewrap read it
    // without inheriting anything else.
    let mut command = process::command(Path::new("/bin/sh"));
    command
        .env_clear()
        .current_dir("/")
        .args(launcher(limits, "3<\"$FILTER\""))
        .env("FILTER", &filter_file)
        .arg(bwrap)
        .args(["--unshare-all", "--cap-drop", "ALL", "--clearenv"])
        .args(["--die-with-parent", "--new-session", "--seccomp", "3"]);
    for folder in system_folders() {
        match std::fs::read_link(&folder) {
            Ok(target) => command.arg("--symlink").arg(target).arg(&folder),
            Err(_) => command.arg("--ro-bind-try").arg(&folder).arg(&folder),
        };
    }
    for path in place.node_files() {
        command.arg("--ro-bind").arg(&path).arg(&path);
    }
    command.args(["--dev", "/dev"]).args([
        "--size",
        &limits.disk_bytes.to_string(),
        "--tmpfs",
        INSIDE_TEMPORARY,
    ]);
    for (from, name) in [
        (place.base().join("work"), "work"),
        (place.base().join("scripts"), "scripts"),
        (place.packages.clone(), "node_modules"),
    ] {
        command.arg("--ro-bind").arg(from).arg(format!("{INSIDE}/{name}"));
    }
    command.args(["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", INSIDE]);
    for (name, value) in environment(Path::new(INSIDE_TEMPORARY)) {
        command.arg("--setenv").arg(name).arg(value);
    }
    command.arg("--").args(place.node_command(&format!("{INSIDE}/scripts/{script}"), limits));
    Ok(command)
}

/// `bubblewrap 0.8.0` as `bwrap 0.8.0`.
pub(super) fn describe(version: &str) -> String {
    format!("bwrap {}", version.trim().rsplit(' ').next().unwrap_or_default())
}
