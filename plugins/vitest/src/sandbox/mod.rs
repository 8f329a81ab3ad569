//! Where untrusted code runs, and what it is kept from.
//!
//! Nothing here knows Vitest: a sandbox runs one script of ours with Node in a
//! [`Place`] and under [`Limits`]. A mode is used only after it was seen to
//! hold on this machine (see `probe`).

#[cfg(target_os = "linux")]
mod bwrap;
#[cfg(target_os = "linux")]
mod filter;
#[cfg(target_os = "linux")]
mod landlock;
mod place;
mod probe;
#[cfg(all(test, target_os = "linux"))]
mod tests;

use std::io;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::path::PathBuf;

use llmbench_api::{CallContext, Error, ErrorKind, Result};
use llmbench_plugin::node_tools::{Group, process};
use serde::Deserialize;

pub(crate) use place::Place;

/// Which sandbox to use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SandboxChoice {
    /// The first one that works: bubblewrap, else Landlock.
    #[default]
    Auto,
    /// bubblewrap or nothing.
    Bwrap,
    /// Landlock or nothing.
    Landlock,
}

/// What one process may use.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) cpu_sec: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) disk_bytes: u64,
}

/// A way to run code that was seen to hold on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Sandbox {
    mode: Mode,
    /// For records: `bwrap 0.8.0`.
    pub(crate) name: String,
}

#[derive(Debug, Clone)]
enum Mode {
    #[cfg(target_os = "linux")]
    Bwrap(PathBuf),
    #[cfg(target_os = "linux")]
    Landlock,
    Unsafe,
}

impl Sandbox {
    /// The first sandbox of `choice` that holds here, as `try_place` shows.
    ///
    /// # Errors
    /// `Unavailable` when none does, with the reason for each, unless
    /// `allow_unsafe_exec`; `Protocol` when a probe was killed from outside;
    /// `Cancelled` and `Timeout`.
    pub(crate) fn choose(
        choice: SandboxChoice,
        allow_unsafe_exec: bool,
        node: &Path,
        packages: &Path,
        cx: &CallContext,
    ) -> Result<Self> {
        let mut reasons = Vec::new();
        for candidate in candidates(choice) {
            let refused = match candidate {
                Ok(sandbox) => match probe::holds(&sandbox, node, packages, cx) {
                    Ok(()) => return Ok(sandbox),
                    // A probe that somebody killed proves nothing; the next sandbox may be a weaker one.
                    Err(error)
                        if matches!(error.kind, ErrorKind::Cancelled | ErrorKind::Protocol) =>
                    {
                        return Err(error);
                    }
                    Err(error) => {
                        cx.check()?;
                        format!("{}: {error}", sandbox.name)
                    }
                },
                Err(reason) => reason,
            };
            tracing::debug!(reason = refused, "a sandbox was refused");
            reasons.push(refused);
        }
        if allow_unsafe_exec {
            return Ok(Self { mode: Mode::Unsafe, name: "none (allow_unsafe_exec)".to_owned() });
        }
        let message = format!(
            "no sandbox works here, and a model's code is not run without one ({})",
            reasons.join("; ")
        );
        Err(Error::new(ErrorKind::Unavailable, message).with_hint(
            "install bubblewrap (`apt install bubblewrap`, `dnf install bubblewrap`), or accept \
             the risk with `--allow-unsafe-exec`",
        ))
    }

    /// The sandboxes that this machine may have, not yet tried.
    #[cfg(all(test, target_os = "linux"))]
    fn all() -> Vec<Self> {
        candidates(SandboxChoice::Auto).into_iter().flatten().collect()
    }

    /// Starts Node with `script`, one of the place's scripts.
    pub(crate) fn spawn(&self, place: &Place, script: &str, limits: &Limits) -> io::Result<Group> {
        match &self.mode {
            #[cfg(target_os = "linux")]
            Mode::Bwrap(bwrap) => Group::spawn(&mut bwrap::command(bwrap, place, script, limits)?),
            #[cfg(target_os = "linux")]
            Mode::Landlock => landlock::spawn(place, script, limits),
            Mode::Unsafe => {
                let script = place.base().join("scripts").join(script);
                let mut command = process::command(&place.node);
                command
                    .env_clear()
                    .envs(environment(&place.base().join("tmp")))
                    .current_dir(place.base())
                    .args(place.node_arguments(&script.to_string_lossy(), limits));
                for name in ["SystemRoot", "windir"] {
                    if let Some(value) = std::env::var_os(name) {
                        command.env(name, value);
                    }
                }
                Group::spawn(&mut command)
            }
        }
    }

    /// True when an exit code of 128 and more stands for the signal that ended the program.
    pub(crate) fn reports_signals_as_codes(&self) -> bool {
        !matches!(self.mode, Mode::Unsafe)
    }
}

#[cfg(target_os = "linux")]
fn candidates(choice: SandboxChoice) -> Vec<std::result::Result<Sandbox, String>> {
    let bwrap = || {
        let program = bwrap::find().ok_or("bubblewrap is not installed")?;
        let output = process::command(&program).env_clear().arg("--version").output();
        let said = output.map_err(|error| format!("bubblewrap does not start: {error}"))?;
        let name = bwrap::describe(&String::from_utf8_lossy(&said.stdout));
        Ok(Sandbox { mode: Mode::Bwrap(program), name })
    };
    let landlock = || {
        let name = landlock::describe().ok_or("the kernel offers no Landlock")?;
        Ok(Sandbox { mode: Mode::Landlock, name })
    };
    match choice {
        SandboxChoice::Auto => vec![bwrap(), landlock()],
        SandboxChoice::Bwrap => vec![bwrap()],
        SandboxChoice::Landlock => vec![landlock()],
    }
}

#[cfg(not(target_os = "linux"))]
fn candidates(_choice: SandboxChoice) -> Vec<std::result::Result<Sandbox, String>> {
    vec![Err(format!("there is none for {} yet", std::env::consts::OS))]
}

/// The folders and files of the system that a program needs in order to start.
#[cfg(target_os = "linux")]
fn system_folders() -> Vec<PathBuf> {
    [
        "/usr/lib",
        "/usr/lib32",
        "/usr/lib64",
        "/lib",
        "/lib32",
        "/lib64",
        "/nix/store",
        "/etc/ld.so.cache",
    ]
    .iter()
    .map(PathBuf::from)
    .filter(|path| path.exists())
    .collect()
}

/// The whole environment of code under test, the same on every machine.
fn environment(temporary: &Path) -> [(&'static str, std::ffi::OsString); 9] {
    [
        ("HOME", temporary.into()),
        ("TMPDIR", temporary.into()),
        ("TZ", "UTC".into()),
        ("LANG", "C.UTF-8".into()),
        ("PATH", "/nonexistent".into()),
        // Node does not start when it finds a configuration that it may not read.
        ("OPENSSL_CONF", "/dev/null".into()),
        // Threads that would only wait; one answer is little work.
        ("RAYON_NUM_THREADS", "1".into()),
        ("TOKIO_WORKER_THREADS", "1".into()),
        ("UV_THREADPOOL_SIZE", "2".into()),
    ]
}

/// Arguments for `/bin/sh` that set the limits of a process and become the
/// program whose arguments follow.
#[cfg(target_os = "linux")]
fn launcher(limits: &Limits, redirections: &str) -> [String; 3] {
    // Memory is watched from outside; this limit is for what grows too fast. It
    // counts what is reserved, of which Node and its modules reserve a lot.
    let data_kib = limits.memory_bytes / 1024 * 2 + 512 * 1024;
    let settings = [
        "-c 0".to_owned(),
        format!("-t {}", limits.cpu_sec + 2),
        format!("-f {}", limits.disk_bytes / 512),
        "-n 512".to_owned(),
        format!("-d {data_kib}"),
    ];
    // A limit that is lower already stays.
    let settings = settings.map(|setting| format!("ulimit {setting} 2>/dev/null; ")).concat();
    ["-c".to_owned(), format!("{settings}exec \"$@\" {redirections}"), "sh".to_owned()]
}
