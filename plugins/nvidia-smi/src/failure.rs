//! What the tool's error text and exit status mean.
//!
//! nvidia-smi prints errors on standard output, and its exit status is the
//! number of the NVML error (`nvmlReturn_t` in NVIDIA's `nvml.h`). The text
//! decides; the status is used where the text is not known.

use std::io;

use llmbench_api::{Error, ErrorKind};

use crate::row::beginning;

/// Why nvidia-smi gave no rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// There is no such program.
    NotInstalled,
    /// The tool is there, the driver is not loaded or does not answer it.
    DriverNotLoaded,
    /// Kernel module and library have different versions.
    VersionMismatch,
    /// The driver sees no GPU.
    NoDevices,
    /// The user may not ask.
    NoPermission,
    /// A GPU stopped answering the driver.
    GpuLost,
    /// The named column is not known to this version.
    UnknownColumn(String),
    /// No answer in time.
    Timeout,
    /// Anything else.
    Other,
}

/// A cause together with what the tool said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What to react to.
    pub cause: Cause,
    /// What happened, with the tool's own words.
    pub message: String,
}

impl Failure {
    /// What an ended call means that printed `text` instead of rows.
    pub(crate) fn of_output(text: &str, exit_code: Option<i32>) -> Self {
        let cause = cause_of_text(text).or_else(|| cause_of_status(exit_code));
        let status = match exit_code {
            Some(code) => format!("exit status {code}"),
            None => "ended by a signal".to_owned(),
        };
        let said = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(3);
        let said = beginning_of_all(&said.collect::<Vec<_>>().join("; "));
        let message = if said.is_empty() {
            format!("nvidia-smi printed nothing ({status})")
        } else {
            format!("nvidia-smi: {said} ({status})")
        };
        Self { cause: cause.unwrap_or(Cause::Other), message }
    }

    /// What it means that `program` could not be started.
    pub(crate) fn of_start(program: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => {
                Self { cause: Cause::NotInstalled, message: format!("`{program}` was not found") }
            }
            io::ErrorKind::PermissionDenied => Self {
                cause: Cause::NoPermission,
                message: format!("`{program}` may not be run: {error}"),
            },
            _ => Self {
                cause: Cause::Other,
                message: format!("`{program}` cannot be started: {error}"),
            },
        }
    }

    /// No answer within `limit_ms`; `text` is what came until then.
    pub(crate) fn of_timeout(limit_ms: u128, text: &str) -> Self {
        let mut message = format!("nvidia-smi gave no usable row within {limit_ms} ms");
        if let Some(line) = text.lines().find(|line| !line.trim().is_empty()) {
            message.push_str(&format!("; it printed `{}`", beginning(line)));
        }
        Self { cause: Cause::Timeout, message }
    }

    /// The error for a user who wants to watch GPUs here.
    pub(crate) fn into_error(self) -> Error {
        let hint = match &self.cause {
            Cause::NotInstalled => Some(
                "install the NVIDIA driver, or name the program with \
                 `--set nvidia-smi.path=/path/to/nvidia-smi`",
            ),
            Cause::DriverNotLoaded => Some(
                "load the driver (`sudo modprobe nvidia`) or reinstall it, then run `nvidia-smi`",
            ),
            Cause::VersionMismatch => {
                Some("restart the machine: the driver was updated while the old one was loaded")
            }
            Cause::NoDevices => {
                Some("pass a GPU to this machine or container (`docker run --gpus all`)")
            }
            Cause::NoPermission => {
                Some("run as a user who may open /dev/nvidia*, then check with `nvidia-smi`")
            }
            Cause::GpuLost => Some("restart the machine; a GPU no longer answers its driver"),
            Cause::Timeout => Some("run `nvidia-smi` by hand; a driver that hangs needs a restart"),
            Cause::UnknownColumn(_) | Cause::Other => Some("run `nvidia-smi` by hand to see more"),
        };
        let error = Error::new(ErrorKind::Unavailable, self.message);
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

fn cause_of_text(text: &str) -> Option<Cause> {
    let lower = text.to_ascii_lowercase();
    if lower.contains("is not a valid field to query") {
        let column = text.split('"').nth(1).unwrap_or_default();
        return Some(Cause::UnknownColumn(column.to_owned()));
    }
    [
        ("driver/library version mismatch", Cause::VersionMismatch),
        ("couldn't communicate with the nvidia driver", Cause::DriverNotLoaded),
        ("driver not loaded", Cause::DriverNotLoaded),
        ("no devices were found", Cause::NoDevices),
        ("insufficient permissions", Cause::NoPermission),
        ("gpu is lost", Cause::GpuLost),
        ("unable to determine the device handle", Cause::GpuLost),
    ]
    .into_iter()
    .find_map(|(words, cause)| lower.contains(words).then_some(cause))
}

fn cause_of_status(exit_code: Option<i32>) -> Option<Cause> {
    Some(match exit_code? {
        4 => Cause::NoPermission,
        6 => Cause::NoDevices,
        9 => Cause::DriverNotLoaded,
        15 => Cause::GpuLost,
        18 => Cause::VersionMismatch,
        _ => return None,
    })
}

fn beginning_of_all(text: &str) -> String {
    text.chars().take(400).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, exit_code: i32, expected: Cause) {
        let failure = Failure::of_output(text, Some(exit_code));
        assert_eq!(failure.cause, expected, "{text}");
        let first_line = text.lines().next().unwrap_or_default();
        assert!(failure.message.contains(first_line), "{}", failure.message);
        let error = failure.into_error();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert!(error.hint.is_some());
    }

    /// Texts from public threads, collected in the project's vectors
    /// `nvidia-smi.md`, section B (numbers B10 to B17).
    #[test]
    fn every_recorded_error_text_has_its_cause() {
        let mismatch = "Failed to initialize NVML: Driver/library version mismatch\n\
                        NVML library version: 535.161";
        check(mismatch, 18, Cause::VersionMismatch);
        let no_driver = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA \
                         driver. Make sure that the latest NVIDIA driver is installed and running.";
        check(no_driver, 9, Cause::DriverNotLoaded);
        let wsl = format!("{no_driver}\nFailed to properly shut down NVML: Driver Not Loaded");
        check(&wsl, 9, Cause::DriverNotLoaded);
        check(
            "Unable to determine the device handle for GPU 0000:0B:00.0: Unknown Error",
            255,
            Cause::GpuLost,
        );
        check(
            "Unable to determine the device handle for GPU 0000:02:00.0: GPU is lost. \
             Reboot the system to recover this GPU",
            15,
            Cause::GpuLost,
        );
        check("No devices were found", 0, Cause::NoDevices);
        check("No devices were found", 6, Cause::NoDevices);
        check(
            "Field \"clocks_throttle_reasons.unknown\" is not a valid field to query.",
            2,
            Cause::UnknownColumn("clocks_throttle_reasons.unknown".into()),
        );
        check("Failed to initialize NVML: Insufficient Permissions", 4, Cause::NoPermission);
    }

    #[test]
    fn the_status_speaks_where_the_text_is_not_known() {
        for (status, cause) in [
            (4, Cause::NoPermission),
            (6, Cause::NoDevices),
            (9, Cause::DriverNotLoaded),
            (15, Cause::GpuLost),
            (18, Cause::VersionMismatch),
            (255, Cause::Other),
        ] {
            check("in words nobody has seen", status, cause);
        }
    }

    #[test]
    fn silence_is_named() {
        let failure = Failure::of_output(" \n", None);
        assert_eq!(failure.cause, Cause::Other);
        assert_eq!(failure.message, "nvidia-smi printed nothing (ended by a signal)");
    }
}
