//! Where llmbench and its plugins keep what can be fetched again.

use std::ffi::OsString;
use std::path::PathBuf;

/// llmbench's folder for toolchains and the user's plugins; it need not exist.
///
/// `LLMBENCH_DATA_DIR` names it; without that it is `llmbench` in the system's
/// own place: `XDG_DATA_HOME` or `~/.local/share`, on macOS without
/// `XDG_DATA_HOME` `~/Library/Application Support`, `%LOCALAPPDATA%` on Windows.
/// `None` when none of these is set.
pub fn data_dir() -> Option<PathBuf> {
    resolve(|name| std::env::var_os(name))
}

fn resolve(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // A relative XDG_DATA_HOME is to be ignored, says its specification.
    let absolute = |name| set(name).filter(|path| path.is_absolute());
    let own = || {
        let parent = if cfg!(windows) {
            set("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            absolute("XDG_DATA_HOME")
                .or_else(|| Some(set("HOME")?.join("Library").join("Application Support")))
        } else {
            absolute("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local").join("share")))
        };
        Some(parent?.join("llmbench"))
    };
    std::path::absolute(set("LLMBENCH_DATA_DIR").or_else(own)?).ok()
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
        check(&[("XDG_DATA_HOME", "/x"), ("LLMBENCH_DATA_DIR", "/d")], Some("/d"));
        check(&[("HOME", "/h"), ("LLMBENCH_DATA_DIR", "")], Some("/h/.local/share/llmbench"));
    }
}
