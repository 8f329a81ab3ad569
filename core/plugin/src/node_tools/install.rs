//! Installing the pinned packages once, whole or not at all.
//!
//! npm works in a folder beside the final one, which gets its name only after
//! everything in it was verified. A lock on a file makes a second process wait;
//! the system drops the lock when its holder dies.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use llmbench_api::{CallContext, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::node::{self, Node};
use super::pins::{self, Pins};
use super::process;

/// Written last; a folder without it was never finished.
const STAMP: &str = "llmbench-toolchain.json";
const INSTALL_LIMIT: Duration = Duration::from_secs(15 * 60);

/// Environment variables for npm beyond those of this process; for tests.
pub type NpmEnvironment = Vec<(String, String)>;

#[derive(Serialize, Deserialize)]
struct Stamp {
    lock_sha256: String,
    node: String,
}

/// True when `root` holds all pinned packages in the pinned versions.
pub(super) fn is_ready(root: &Path, pins: &Pins) -> bool {
    let stamp = std::fs::read(root.join(STAMP)).ok();
    stamp
        .and_then(|bytes| serde_json::from_slice::<Stamp>(&bytes).ok())
        .is_some_and(|stamp| stamp.lock_sha256 == pins.sha256)
        && first_wrong(root, pins).is_none()
}

fn first_wrong<'a>(root: &Path, pins: &'a Pins) -> Option<&'a str> {
    pins.packages
        .iter()
        .find(|(package, version)| pins::installed_version(root, package).as_ref() != Some(version))
        .map(|(package, _)| package.as_str())
}

/// Installs the pinned packages at `root`, unless another process does meanwhile.
///
/// # Errors
/// `Unavailable` with npm's last lines, `Cancelled`, `Timeout`. Nothing is left
/// at `root` then.
pub(super) fn install(
    root: &Path,
    pins: &Pins,
    environment: &NpmEnvironment,
    node: &Node,
    cx: &CallContext,
) -> Result<()> {
    let parent = root.parent().expect("a toolchain lies in a folder of its own");
    std::fs::create_dir_all(parent).map_err(|error| cannot_write(parent, &error))?;
    let _lock = lock(&parent.join(format!("{}.lock", pins.folder_name())), pins, cx)?;
    if is_ready(root, pins) {
        return Ok(());
    }
    let prefix = format!("{}.partial-", pins.folder_name());
    remove_leftovers(parent, &prefix);
    let partial = Partial(parent.join(format!("{prefix}{}", uuid::Uuid::new_v4())));
    std::fs::create_dir(&partial.0)
        .and_then(|()| std::fs::write(partial.0.join("package.json"), &pins.package_json))
        .and_then(|()| std::fs::write(partial.0.join("package-lock.json"), &pins.package_lock))
        .map_err(|error| cannot_write(&partial.0, &error))?;

    run_npm(&partial.0, pins, environment, node, cx)?;

    if let Some(package) = first_wrong(&partial.0, pins) {
        let message = format!("npm installed no `{package}` of the pinned version");
        return Err(Error::new(ErrorKind::Unavailable, message).with_hint(&pins.hint));
    }
    let stamp = Stamp { lock_sha256: pins.sha256.clone(), node: node.version.clone() };
    let stamp = serde_json::to_vec(&stamp).expect("a stamp is plain data");
    std::fs::write(partial.0.join(STAMP), stamp)
        .and_then(|()| remove_unfinished(root))
        .and_then(|()| std::fs::rename(&partial.0, root))
        .map_err(|error| cannot_write(root, &error))?;
    cx.progress(Some(1.0), &format!("{} is installed", pins.what));
    Ok(())
}

fn run_npm(
    folder: &Path,
    pins: &Pins,
    environment: &NpmEnvironment,
    node: &Node,
    cx: &CallContext,
) -> Result<()> {
    cx.progress(
        Some(0.0),
        &format!("installing {} ({} npm packages, once)", pins.what, pins.package_count),
    );
    let mut command = process::command(&node.npm()?);
    command
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=http"])
        .args(["--fetch-retries=2", "--fetch-retry-mintimeout=1000"])
        .args(["--fetch-retry-maxtimeout=5000"])
        .current_dir(folder)
        .envs(environment.iter().map(|(key, value)| (key, value)));
    if let (Some(own), Some(path)) = (node.folder(), std::env::var_os("PATH")) {
        // npm is a script that looks for `node` on PATH.
        let folders = std::iter::once(own.to_owned()).chain(std::env::split_paths(&path));
        if let Ok(path) = std::env::join_paths(folders) {
            command.env("PATH", path);
        }
    }
    let mut fetched = 0;
    let output = process::run(command, "`npm ci`", INSTALL_LIMIT, cx, |line| {
        if line.contains(".tgz") {
            fetched += 1;
            let share = fetched.min(pins.package_count) as f64 / pins.package_count as f64;
            cx.progress(
                Some(share * 0.99),
                &format!("installing {} ({fetched}/{} packages)", pins.what, pins.package_count),
            );
        }
    })
    .map_err(|error| match error.kind {
        ErrorKind::Timeout => error.with_phase("install").with_hint(&pins.hint),
        _ => node::unavailable(error, &pins.hint),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = output.stderr.into_iter().filter(|line| !line.starts_with("npm http"));
    let said: Vec<String> = said.filter(|line| !line.starts_with("npm warn")).collect();
    let message = format!(
        "cannot install {}: `npm ci` ended with {}; npm said:\n{}",
        pins.what,
        output.status,
        process::tail(&said, 16)
    );
    Err(Error::new(ErrorKind::Unavailable, message).with_phase("install").with_hint(&pins.hint))
}

/// Waits for the lock; the file stays, only the lock on it counts.
fn lock(path: &Path, pins: &Pins, cx: &CallContext) -> Result<File> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|error| cannot_write(path, &error))?;
    let mut announced = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(cannot_write(path, &error)),
        }
        if !announced {
            let what = &pins.what;
            cx.progress(None, &format!("waiting for another process that installs {what}"));
            announced = true;
        }
        cx.check()?;
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Removes what interrupted installs left; their processes hold no lock any more.
fn remove_leftovers(parent: &Path, prefix: &str) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix)
            && let Err(error) = std::fs::remove_dir_all(entry.path())
        {
            tracing::warn!(path = %entry.path().display(), %error, "cannot remove an unfinished install");
        }
    }
}

fn remove_unfinished(root: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(root) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("cannot write `{}`", path.display()))
        .with_cause(error)
        .with_hint("choose another folder with the environment variable LLMBENCH_DATA_DIR")
}

/// A folder that disappears unless it was renamed.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // Renamed or never made: then there is nothing to remove.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
