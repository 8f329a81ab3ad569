//! Folders of runs, and whether their files changed.

use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use llmbench_report::{MANIFEST_FILE, SAMPLES_FILE};

/// Time and size of the two files that make a run; absent files have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) manifest: Option<FileStamp>,
    pub(super) samples: Option<FileStamp>,
}

/// When a file was last changed, and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileStamp {
    pub(super) modified_ns: i64,
    pub(super) bytes: i64,
}

/// A folder that holds a run or should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folder {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
}

/// The folders in `dir`, by name; hidden ones are left out.
///
/// # Errors
/// What the system says about `dir` itself.
pub(super) fn find(dir: &Path) -> io::Result<Vec<Folder>> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        // Follows links: a run may lie on another disk.
        if name.starts_with('.') || !path.is_dir() {
            continue;
        }
        let stamp = Stamp {
            manifest: file(&path.join(MANIFEST_FILE)),
            samples: file(&path.join(SAMPLES_FILE)),
        };
        folders.push(Folder { name, path, stamp });
    }
    folders.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(folders)
}

fn file(path: &Path) -> Option<FileStamp> {
    let metadata = std::fs::metadata(path).ok()?;
    // Times before 1970 or after 2262 are as good as any other: they are only compared.
    let modified = metadata.modified().ok()?;
    let modified_ns = match modified.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_nanos() as i64,
        Err(error) => -(error.duration().as_nanos() as i64),
    };
    Some(FileStamp { modified_ns, bytes: metadata.len() as i64 })
}
