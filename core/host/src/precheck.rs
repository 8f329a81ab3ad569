//! Looks at a library's headers before the system's loader maps it.
//!
//! Mapping a truncated library is a SIGBUS, and a wrong architecture is
//! reported by some loaders as “no such file”. Runs no code of the file.

use std::fs::File;
use std::path::Path;

use object::read::ReadCache;
use object::{Architecture, BinaryFormat, Object, ObjectKind, ObjectSegment};

use crate::LoadError;

/// Fails unless `path` is a complete dynamic library for this machine.
pub(crate) fn precheck(path: &Path) -> Result<(), LoadError> {
    let unreadable = |error: std::io::Error| LoadError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let file = File::open(path).map_err(unreadable)?;
    let found_bytes = file.metadata().map_err(unreadable)?.len();
    if found_bytes == 0 {
        return Err(LoadError::NotALibrary {
            path: path.to_owned(),
            found: "the file is empty".into(),
        });
    }
    let cache = ReadCache::new(file);
    let object = object::File::parse(&cache)
        .map_err(|error| malformed(path, found_bytes, &error.to_string()))?;

    if object.format() != BinaryFormat::native_object() && !is_windows_pair(object.format()) {
        return Err(LoadError::WrongArchitecture {
            path: path.to_owned(),
            found: format!("another operating system ({:?} file)", object.format()),
            wanted: std::env::consts::OS.into(),
        });
    }
    if architecture_name(object.architecture()) != Some(std::env::consts::ARCH) {
        return Err(LoadError::WrongArchitecture {
            path: path.to_owned(),
            found: architecture_name(object.architecture())
                .map_or_else(|| format!("{:?}", object.architecture()), Into::into),
            wanted: std::env::consts::ARCH.into(),
        });
    }
    if object.kind() != ObjectKind::Dynamic {
        return Err(LoadError::NotALibrary {
            path: path.to_owned(),
            found: format!("{:?}", object.kind()).to_lowercase(),
        });
    }
    let needed_bytes = object
        .segments()
        .map(|segment| {
            let (start, len) = segment.file_range();
            start.saturating_add(len)
        })
        .max()
        .unwrap_or(0);
    if needed_bytes > found_bytes {
        return Err(LoadError::Truncated { path: path.to_owned(), found_bytes, needed_bytes });
    }
    Ok(())
}

/// PE files are called COFF while they are being built.
fn is_windows_pair(format: BinaryFormat) -> bool {
    cfg!(windows) && format == BinaryFormat::Pe
}

/// A header that cannot be read: cut off when it starts like a library, else something different.
fn malformed(path: &Path, found_bytes: u64, reason: &str) -> LoadError {
    let start = std::fs::File::open(path).and_then(|mut file| {
        use std::io::Read;
        let mut start = [0; 4];
        let count = file.read(&mut start)?;
        Ok(start[..count].to_vec())
    });
    let start = start.unwrap_or_default();
    let is_library = start.starts_with(b"\x7fELF")
        || start.starts_with(b"MZ")
        || start.starts_with(&[0xcf, 0xfa, 0xed, 0xfe]);
    if is_library {
        return LoadError::Truncated {
            path: path.to_owned(),
            found_bytes,
            needed_bytes: found_bytes + 1,
        };
    }
    LoadError::NotALibrary {
        path: path.to_owned(),
        found: format!("{reason} (it starts with {start:02x?})"),
    }
}

/// Rust's name of an architecture.
fn architecture_name(architecture: Architecture) -> Option<&'static str> {
    Some(match architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::I386 => "x86",
        Architecture::Aarch64 => "aarch64",
        Architecture::Arm => "arm",
        Architecture::Riscv64 => "riscv64",
        Architecture::PowerPc64 => "powerpc64",
        Architecture::S390x => "s390x",
        Architecture::LoongArch64 => "loongarch64",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_program_is_not_a_library_or_is_position_independent() {
        // A test binary is a position-independent executable, which is a
        // dynamic ELF file too; it passes here and fails at the symbol.
        let own = std::env::current_exe().unwrap();
        assert!(
            precheck(&own).is_ok() || matches!(precheck(&own), Err(LoadError::NotALibrary { .. }))
        );
    }
}
