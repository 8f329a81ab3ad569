//! `llmbench plugins new`: a test type that builds as it is.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::output;

const MANIFEST: &str = include_str!("scaffold/manifest.toml");
const LIBRARY: &str = include_str!("scaffold/library.rs.txt");

pub(crate) fn new(name: &str, dir: &Path, llmbench: &Path) -> Result<ExitCode> {
    check_name(name, "plugin", "json-answer")?;
    let author_crate = llmbench.join("core").join("plugin");
    if !author_crate.join("Cargo.toml").is_file() {
        return Err(CliError::usage(format!(
            "{} does not hold the llmbench sources: there is no core/plugin in it",
            llmbench.display()
        ))
        .hint("name the folder into which you cloned llmbench with `--llmbench DIR`"));
    }
    let author_crate = author_crate.canonicalize().unwrap_or(author_crate);
    let folder = new_folder(dir, name)?;
    let failed = |error: std::io::Error| unmade(&folder, &error);
    std::fs::create_dir(folder.join("src")).map_err(failed)?;
    let fill = |text: &str| {
        text.replace("{{name}}", name)
            .replace("{{path}}", &author_crate.to_string_lossy().replace('\\', "/"))
            .replace("{{type}}", &type_name(name))
    };
    std::fs::write(folder.join("Cargo.toml"), fill(MANIFEST)).map_err(failed)?;
    std::fs::write(folder.join("src").join("lib.rs"), fill(LIBRARY)).map_err(failed)?;
    output::result(&format!(
        "made {}\n\nnext:\n  cd {}\n  cargo test\n  cargo build --release\n  llmbench --plugin-dir target/release run --plugin {name}",
        folder.display(),
        folder.display()
    ));
    Ok(ExitCode::Done)
}

/// Fails unless `name` can name a folder, a crate and a file.
pub(super) fn check_name(name: &str, what: &str, example: &str) -> Result<()> {
    let good = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !name.ends_with('-');
    if good {
        return Ok(());
    }
    Err(CliError::usage(format!("`{name}` is not a name for a {what}"))
        .hint(format!("use lower-case letters, digits and dashes, for example `{example}`")))
}

/// Makes the folder `name` in `dir`.
///
/// # Errors
/// Also when there is one of that name: nothing is overwritten.
pub(super) fn new_folder(dir: &Path, name: &str) -> Result<PathBuf> {
    let folder = dir.join(name);
    let made = std::fs::create_dir_all(dir).and_then(|()| std::fs::create_dir(&folder));
    made.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            CliError::not_ready(format!("{} is there already", folder.display()))
                .hint("choose another name, or another folder with `--dir DIR`")
        }
        _ => unmade(&folder, &error),
    })?;
    Ok(folder)
}

pub(super) fn unmade(folder: &Path, error: &std::io::Error) -> CliError {
    CliError::not_ready(format!("cannot make {}: {error}", folder.display()))
        .hint("choose a folder that may be written with `--dir DIR`")
}

/// `json-answer` → `JsonAnswer`.
fn type_name(name: &str) -> String {
    let capital = |part: &str| {
        part.chars()
            .next()
            .map(|c| c.to_ascii_uppercase().to_string() + &part[1..])
            .unwrap_or_default()
    };
    name.split('-').map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_types_and_bad_ones_are_refused() {
        assert_eq!(type_name("json-answer2"), "JsonAnswer2");
        for bad in ["", "Json", "a b", "-a", "a-", "../a", "ä"] {
            assert!(check_name(bad, "plugin", "x").is_err(), "{bad}");
        }
    }
}
