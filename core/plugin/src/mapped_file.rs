//! Files that are read through the page cache instead of being copied into memory.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

/// A whole file as bytes, read from disk only where it is looked at.
///
/// Made for files that nobody changes, such as model weights. Whoever cuts such a
/// file short while it is mapped ends the process (`SIGBUS`), as with any mapping;
/// replacing it (a new file under the old name) is safe.
#[derive(Debug)]
pub struct MappedFile(Mmap);

impl MappedFile {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// Whatever the system says; a folder is an error, too.
    #[expect(unsafe_code, reason = "the file behind a mapping could change")]
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("this is not a file"));
        }
        // SAFETY: the mapping is private and read-only. Rust's rules also want that
        // nobody writes to the file meanwhile; that is documented above as the
        // caller's part, since no system call can ensure it.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self(map))
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
