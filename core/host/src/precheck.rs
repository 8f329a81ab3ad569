//! Looks at a library's headers before the system's loader maps it.
//!
//! Mapping a truncated library is a SIGBUS, and a wrong architecture is
//! reported by some loaders as “no such file”. Runs no code of the file.

use std::fs::File;
use std::path::Path;

use object::elf::PT_INTERP;
use object::read::elf::ProgramHeader;
use object::read::{ReadCache, ReadRef};
use object::{Architecture, BinaryFormat, Object, ObjectKind, ObjectSegment};

use crate::LoadError;

/// Fails unless `path` is a complete dynamic library for this machine.
pub(crate) fn precheck(path: &Path) -> Result<(), LoadError> {
    let unreadable = |error: std::io::Error| LoadError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let not_a_library =
        |found: String| Err(LoadError::NotALibrary { path: path.to_owned(), found });
    // Asked before opening: opening a named pipe waits for somebody to write.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return not_a_library("a folder".into());
    }
    if !metadata.is_file() {
        return not_a_library("a device, pipe or socket".into());
    }
    let found_bytes = metadata.len();
    let file = File::open(path).map_err(unreadable)?;
    if found_bytes == 0 {
        return not_a_library("the file is empty".into());
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
    if object.kind() == ObjectKind::Executable || names_an_interpreter(&object) {
        return not_a_library("a program".into());
    }
    if object.kind() != ObjectKind::Dynamic {
        return not_a_library(format!("{:?}", object.kind()).to_lowercase());
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

/// True for a program: today's are position-independent and so have the kind of a library.
fn names_an_interpreter<'data, R: ReadRef<'data>>(object: &object::File<'data, R>) -> bool {
    let object::File::Elf64(elf) = object else { return false };
    let endian = elf.endian();
    elf.elf_program_headers().iter().any(|header| header.p_type(endian) == PT_INTERP)
}

/// PE files are called COFF while they are being built.
fn is_windows_pair(format: BinaryFormat) -> bool {
    cfg!(windows) && format == BinaryFormat::Pe
}

/// A header that cannot be read: damaged when it starts like a library, else something different.
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
        return LoadError::Damaged {
            path: path.to_owned(),
            found_bytes,
            reason: reason.to_owned(),
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
    fn this_very_program_is_not_a_library() {
        let own = std::env::current_exe().unwrap();
        let error = precheck(&own).unwrap_err();
        assert!(
            matches!(&error, LoadError::NotALibrary { found, .. } if found == "a program"),
            "{error}"
        );
    }
}
