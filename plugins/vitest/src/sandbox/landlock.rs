//! Landlock and seccomp: the same file system, of which little can be opened.

use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, RestrictionStatus,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};
use llmbench_plugin::node_tools::{Group, confine, process};

use super::{Limits, Place, environment, filter, launcher, system_folders};

/// Newest set of rights that is asked for; older kernels enforce what they know.
const RIGHTS: ABI = ABI::V6;

/// What the kernel offers; `None` when that is nothing.
pub(super) fn describe() -> Option<String> {
    // Only a restriction tells, so a thread that ends at once takes one on.
    let tried = std::thread::spawn(|| {
        let ruleset = Ruleset::default().handle_access(AccessFs::Execute).ok()?;
        Some(ruleset.create().ok()?.restrict_self().ok()?.landlock)
    });
    match tried.join().ok().flatten()? {
        LandlockStatus::Available { effective_abi, .. } => {
            Some(format!("landlock (ABI {}) + seccomp", effective_abi as i32))
        }
        _ => None,
    }
}

/// Runs `script`; a thread of its own is restricted first and hands it down.
pub(super) fn spawn(place: &Place, script: &str, limits: &Limits) -> io::Result<Group> {
    let temporary = place.base().join("tmp");
    let script = place.base().join("scripts").join(script);
    let mut command = process::command(Path::new("/bin/sh"));
    command
        .env_clear()
        .current_dir(place.base())
        .args(launcher(limits, ""))
        .envs(environment(&temporary))
        .args(place.node_command(&script.to_string_lossy(), limits));
    confine(&mut command, filter::program().map_err(io::Error::other)?);
    let readable = readable(place)?;
    let restricted = std::thread::Builder::new().name("landlock".to_owned()).spawn(move || {
        restrict(&readable, &temporary).map_err(io::Error::other)?;
        Group::spawn(&mut command)
    })?;
    restricted.join().map_err(|_| io::Error::other("the restricted thread panicked"))?
}

fn readable(place: &Place) -> io::Result<Vec<PathBuf>> {
    let mut paths = system_folders();
    paths.push(std::fs::canonicalize("/bin/sh")?);
    paths.extend(place.node_files());
    paths.extend(["work", "scripts"].map(|name| place.base().join(name)));
    paths.push(place.packages.clone());
    paths.retain(|path| path.exists());
    Ok(paths)
}

fn restrict(
    readable: &[PathBuf],
    temporary: &Path,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(RIGHTS))?
        .handle_access(AccessNet::from_all(RIGHTS))?
        .scope(Scope::AbstractUnixSocket | Scope::Signal)?
        .create()?;
    ruleset = ruleset.add_rules(path_beneath_rules(readable, AccessFs::from_read(RIGHTS)))?;
    let files = AccessFs::from_all(RIGHTS) & !AccessFs::Execute & !AccessFs::MakeSock;
    ruleset = ruleset.add_rules(path_beneath_rules([temporary], files))?;
    ruleset = ruleset.add_rules(path_beneath_rules(
        ["/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"],
        AccessFs::ReadFile | AccessFs::WriteFile,
    ))?;
    let RestrictionStatus { ruleset, .. } = ruleset.restrict_self()?;
    if ruleset == RulesetStatus::NotEnforced {
        return Err("the kernel enforces no Landlock rules".into());
    }
    Ok(())
}
