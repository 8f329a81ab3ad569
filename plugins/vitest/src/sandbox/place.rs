//! The private folder of one run.

use std::io;
use std::path::{Path, PathBuf};

use super::Limits;

/// A folder that holds everything one run may see, removed when dropped.
///
/// `work` and `scripts` are only read, `tmp` may be written, `node_modules`
/// leads to the packages.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    base: PathBuf,
    pub(crate) node: PathBuf,
    pub(crate) packages: PathBuf,
}

/// Scripts that run inside, by name.
const SCRIPTS: [(&str, &str); 4] = [
    ("main.mjs", include_str!("../../toolchain/runner/main.mjs")),
    ("guard.mjs", include_str!("../../toolchain/runner/guard.mjs")),
    ("policy.mjs", include_str!("../../toolchain/runner/policy.mjs")),
    ("probe.mjs", include_str!("../../toolchain/runner/probe.mjs")),
];

impl Place {
    /// A new place for `node`, which may load the packages in the folder `packages`.
    pub(crate) fn new(node: &Path, packages: &Path) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("llmbench-vitest-").tempdir()?;
        let base = folder.path().canonicalize()?;
        for name in ["work", "scripts", "tmp"] {
            std::fs::create_dir(base.join(name))?;
        }
        for (name, text) in SCRIPTS {
            std::fs::write(base.join("scripts").join(name), text)?;
        }
        let packages = packages.canonicalize()?;
        link_folder(&packages, &base.join("node_modules"))?;
        Ok(Self { folder, base, node: node.to_owned(), packages })
    }

    pub(crate) fn base(&self) -> &Path {
        &self.base
    }

    /// Writes a file below `work`; `name` is a relative path that was checked.
    pub(crate) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let path = self.base.join("work").join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)
    }

    /// Bytes that lie in the folder that may be written.
    pub(crate) fn written_bytes(&self) -> u64 {
        fn size(folder: &Path) -> u64 {
            let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
            let bytes = entries.flatten().map(|entry| match entry.metadata() {
                Ok(found) if found.is_dir() => size(&entry.path()),
                Ok(found) => found.len(),
                Err(_) => 0,
            });
            bytes.sum()
        }
        size(&self.folder.path().join("tmp"))
    }

    /// Node's arguments for `script`.
    pub(crate) fn node_arguments(&self, script: &str, limits: &Limits) -> Vec<String> {
        let heap_mib = limits.memory_bytes / 1024 / 1024;
        vec![
            "--no-warnings".to_owned(),
            "--v8-pool-size=1".to_owned(),
            format!("--max-old-space-size={heap_mib}"),
            script.to_owned(),
        ]
    }

    /// Node and its arguments for `script`.
    #[cfg(target_os = "linux")]
    pub(crate) fn node_command(&self, script: &str, limits: &Limits) -> Vec<std::ffi::OsString> {
        let arguments = self.node_arguments(script, limits).into_iter().map(Into::into);
        std::iter::once(self.node.clone().into_os_string()).chain(arguments).collect()
    }

    /// The files that Node consists of, beyond the system's own folders.
    #[cfg(target_os = "linux")]
    pub(crate) fn node_files(&self) -> Vec<PathBuf> {
        let mut files = vec![self.node.clone()];
        let prefix = self.node.parent().filter(|bin| bin.ends_with("bin")).and_then(Path::parent);
        let library = prefix.map(|prefix| prefix.join("lib"));
        files.extend(library.filter(|folder| folder.is_dir() && *folder != Path::new("/usr/lib")));
        files
    }
}

#[cfg(unix)]
fn link_folder(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

/// A junction: a link to a folder that needs no privilege on Windows.
#[cfg(not(unix))]
fn link_folder(target: &Path, link: &Path) -> io::Result<()> {
    let status = llmbench_plugin::node_tools::process::command(Path::new("cmd"))
        .arg("/C")
        .arg("mklink")
        .arg("/J")
        .arg(link)
        .arg(target)
        .stdout(std::process::Stdio::null())
        .status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("mklink failed")) }
}
