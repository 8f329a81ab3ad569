//! Where the figures of `llmbench doctor --calibrate` are kept, and whether they still hold.

use std::fs;
use std::path::{Path, PathBuf};

use llmbench_api::Measured;
use llmbench_api::record::{Calibration, EnvironmentRecord};

use crate::environment;
use crate::error::{CliError, Result};

const FILE: &str = "calibration.json";

/// The figures of this machine and this version, or why there are none.
pub(crate) fn stored() -> Measured<Calibration> {
    match llmbench_host::data_dir() {
        Some(dir) => read(&dir.join(FILE), &environment::record(&[])),
        None => Measured::absent("there is no data folder in which figures could be kept"),
    }
}

/// Keeps `calibration` and returns the file.
///
/// # Errors
/// A folder that is not known or cannot be written.
pub(crate) fn store(calibration: &Calibration) -> Result<PathBuf> {
    let dir = llmbench_host::data_dir().ok_or_else(|| {
        CliError::not_ready("keep the figures: there is no data folder")
            .hint("name one with LLMBENCH_DATA_DIR")
    })?;
    let file = dir.join(FILE);
    let failed = |error: std::io::Error| {
        CliError::not_ready(format!("write {}: {error}", file.display()))
            .hint("make the folder writable, or name another one with LLMBENCH_DATA_DIR")
    };
    let text = serde_json::to_string_pretty(calibration)
        .map_err(|error| failed(std::io::Error::other(error)))?;
    fs::create_dir_all(&dir).map_err(failed)?;
    // Two at a time must not leave half a file.
    let temporary = dir.join(format!("{FILE}.{}", std::process::id()));
    fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, &file)).map_err(failed)?;
    Ok(file)
}

fn read(file: &Path, machine: &EnvironmentRecord) -> Measured<Calibration> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Measured::absent(
                "this machine was never calibrated (`llmbench doctor --calibrate`)",
            );
        }
        Err(error) => return Measured::absent(format!("the figures cannot be read: {error}")),
    };
    let found: Calibration = match serde_json::from_str(&text) {
        Ok(found) => found,
        Err(error) => return Measured::absent(format!("the figures cannot be read: {error}")),
    };
    let other = |what: &str| {
        Measured::absent(format!(
            "the figures are of {what}; calibrate again with `llmbench doctor --calibrate`"
        ))
    };
    if found.llmbench_version != env!("CARGO_PKG_VERSION") {
        return other(&format!("llmbench {}", found.llmbench_version));
    }
    if found.cpu != machine.cpu || found.logical_cpus != machine.logical_cpus {
        return other("another processor");
    }
    Measured::known(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_another_version_or_processor_do_not_count() {
        let file = std::env::temp_dir().join(format!("calibration-{}", std::process::id()));
        let machine = EnvironmentRecord { cpu: Some("A".into()), ..Default::default() };
        let right = Calibration {
            llmbench_version: env!("CARGO_PKG_VERSION").into(),
            cpu: machine.cpu.clone(),
            ..Calibration::default()
        };
        let check = |text: &str, reason: Option<&str>| {
            fs::write(&file, text).unwrap();
            let found = read(&file, &machine);
            assert_eq!(found.value.is_some(), reason.is_none(), "{found:?}");
            assert!(found.reason.unwrap_or_default().contains(reason.unwrap_or_default()));
        };
        let json = |calibration: &Calibration| serde_json::to_string(calibration).unwrap();
        check(&json(&right), None);
        let old = Calibration { llmbench_version: "0.0.1".into(), ..right.clone() };
        check(&json(&old), Some("llmbench 0.0.1"));
        let other = Calibration { cpu: Some("B".into()), ..right };
        check(&json(&other), Some("another processor"));
        check("{", Some("cannot be read"));
        fs::remove_file(&file).unwrap();
        assert!(read(&file, &machine).reason.unwrap().contains("never calibrated"));
    }
}
