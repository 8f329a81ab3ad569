//! What an error of the library means for what it was asked.

use llmbench_api::{Error, ErrorKind};
use nvml_wrapper::error::NvmlError;

/// What a failed question is followed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It will never be answered here: not asked again while sampling.
    Never,
    /// It may be answered the next time.
    Later,
    /// The device does not answer at all.
    DeviceLost,
    /// The library must be initialised again.
    Reopen,
}

/// What follows on `error`.
pub(crate) fn then(error: &NvmlError) -> Then {
    use NvmlError::{
        DriverNotLoaded, FailedToLoadSymbol, FunctionNotFound, GpuLost, InvalidArg,
        LibRmVersionMismatch, NoPermission, NotFound, NotSupported, OperatingSystem, ResetRequired,
        Uninitialized,
    };
    match error {
        NotSupported
        | NoPermission
        | FailedToLoadSymbol(_)
        | FunctionNotFound
        | InvalidArg
        | NotFound => Then::Never,
        GpuLost | ResetRequired | OperatingSystem => Then::DeviceLost,
        Uninitialized | DriverNotLoaded | LibRmVersionMismatch => Then::Reopen,
        _ => Then::Later,
    }
}

/// Why a question was not answered, in words.
pub(crate) fn reason(error: &NvmlError) -> String {
    match error {
        NvmlError::NotSupported => "the driver does not report it for this GPU".to_owned(),
        NvmlError::NoPermission => "this user may not ask for it".to_owned(),
        NvmlError::FailedToLoadSymbol(detail) => {
            let symbol = detail.split("undefined symbol: ").nth(1).unwrap_or(detail);
            format!("this NVML has no `{symbol}`")
        }
        NvmlError::FunctionNotFound => "this driver is too old for it".to_owned(),
        error => error.to_string(),
    }
}

/// Why nothing can be watched, with what can be done about it.
pub(crate) fn unavailable(error: &NvmlError, library: &str) -> Error {
    let message = match error {
        NvmlError::LibloadingError(detail) => {
            format!("`{library}` could not be loaded: {}", chain(detail))
        }
        NvmlError::FailedToLoadSymbol(_) => {
            format!("`{library}` is no NVML that can be used: {}", reason(error))
        }
        error => format!("NVML: {error}"),
    };
    let hint = match error {
        NvmlError::LibloadingError(_) => {
            "it comes with NVIDIA's driver; in a container, pass the GPUs through (`--gpus all`), or name the file with `--set nvml.library=PATH`"
        }
        NvmlError::FailedToLoadSymbol(_) => {
            "check the file that `nvml.library` names, or update NVIDIA's driver"
        }
        NvmlError::DriverNotLoaded => "load NVIDIA's kernel module (`modprobe nvidia`)",
        NvmlError::NoPermission => "let this user open /dev/nvidia*",
        NvmlError::LibRmVersionMismatch => {
            "restart after the update of the driver, so that kernel module and library agree"
        }
        _ => "see whether `nvidia-smi` works",
    };
    Error::new(ErrorKind::Unavailable, message).with_hint(hint)
}

/// An error with everything that caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_will_never_be_answered_is_told_from_what_was_lost() {
        assert_eq!(then(&NvmlError::NotSupported), Then::Never);
        assert_eq!(then(&NvmlError::NoPermission), Then::Never);
        assert_eq!(then(&NvmlError::Unknown), Then::Later);
        assert_eq!(then(&NvmlError::GpuLost), Then::DeviceLost);
        assert_eq!(then(&NvmlError::Uninitialized), Then::Reopen);
    }

    #[test]
    fn a_missing_symbol_is_named() {
        let detail = "/x/libnvidia-ml.so.1: undefined symbol: nvmlDeviceGetPowerUsage";
        let error = NvmlError::FailedToLoadSymbol(detail.into());
        assert_eq!(reason(&error), "this NVML has no `nvmlDeviceGetPowerUsage`");
    }
}
