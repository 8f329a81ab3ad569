//! Where the installed packages are kept.

use std::ffi::OsString;
use std::path::PathBuf;

use llmbench_api::{Error, ErrorKind, Result};

/// llmbench's folder for data that can be fetched again.
///
/// `LLMBENCH_DATA_DIR` names the parent; without it, it is the system's own:
/// `XDG_DATA_HOME` or `~/.local/share`, `~/Library/Application Support` on
/// macOS, `%LOCALAPPDATA%` on Windows.
///
/// # Errors
/// `Unavailable` when none of these is set.
pub(crate) fn data_dir() -> Result<PathBuf> {
    resolve(|name| std::env::var_os(name)).ok_or_else(|| {
        Error::new(ErrorKind::Unavailable, "cannot tell where to keep the type checker")
            .with_hint("set the environment variable LLMBENCH_DATA_DIR to a folder")
    })
}

fn resolve(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // A relative XDG_DATA_HOME is to be ignored, says its specification.
    let absolute = |name| set(name).filter(|path| path.is_absolute());
    let parent = set("LLMBENCH_DATA_DIR").or_else(|| {
        if cfg!(windows) {
            set("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            absolute("XDG_DATA_HOME")
                .or_else(|| Some(set("HOME")?.join("Library").join("Application Support")))
        } else {
            absolute("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local").join("share")))
        }
    })?;
    Some(std::path::absolute(parent).ok()?.join("llmbench"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], expected: Option<&str>) {
        let lookup = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        assert_eq!(resolve(lookup), expected.map(PathBuf::from), "{variables:?}");
    }

    #[test]
    fn the_most_particular_variable_wins() {
        check(&[], None);
        check(&[("HOME", "/h")], Some("/h/.local/share/llmbench"));
        check(&[("HOME", "/h"), ("XDG_DATA_HOME", "/x")], Some("/x/llmbench"));
        check(&[("HOME", "/h"), ("XDG_DATA_HOME", "rel")], Some("/h/.local/share/llmbench"));
        check(&[("XDG_DATA_HOME", "/x"), ("LLMBENCH_DATA_DIR", "/d")], Some("/d/llmbench"));
        check(&[("HOME", "/h"), ("LLMBENCH_DATA_DIR", "")], Some("/h/.local/share/llmbench"));
    }
}
