//! `.index.sqlite`: what was read of each run, with the state of its files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Row, params};

use super::folder::{FileStamp, Folder, Stamp};
use super::load::Found;

/// Name of the index in a results folder.
pub(crate) const INDEX_FILE: &str = ".index.sqlite";

/// Version of the tables and of the entries in them; rises whenever either changes.
const VERSION: i32 = 1;

/// How long another llmbench may write the index before it is left alone.
const PATIENCE: Duration = Duration::from_millis(500);

/// `run` is what llmbench reads; the views are for people with an SQL shell.
const TABLES: &str = "
    CREATE TABLE run (
        folder TEXT PRIMARY KEY,
        manifest_modified_ns INTEGER, manifest_bytes INTEGER,
        samples_modified_ns INTEGER, samples_bytes INTEGER,
        found TEXT NOT NULL
    );
    CREATE VIEW runs AS SELECT folder,
        found ->> '$.run.started_at' AS started_at, found ->> '$.run.name' AS name,
        found ->> '$.run.test' AS test, found ->> '$.run.backend' AS backend,
        found ->> '$.run.status' AS status, found ->> '$.run.planned' AS planned,
        found ->> '$.run.scored' AS scored, found ->> '$.broken.message' AS problem
        FROM run;
    CREATE VIEW models AS SELECT folder, found ->> '$.run.started_at' AS started_at,
        model.value ->> '$.name' AS model, model.value ->> '$.digest' AS digest,
        model.value ->> '$.scored' AS scored, model.value ->> '$.score.mean' AS score,
        model.value ->> '$.tokens_per_sec.mean' AS tokens_per_sec
        FROM run, json_each(found, '$.run.models') AS model;
";

/// Whether and how the index is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexUse {
    /// Read it, read only what changed, write that into it.
    Refresh,
    /// Throw it away and make a new one.
    Rebuild,
}

/// What became of the index, where a user should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It was of no use and is replaced.
    Replaced(String),
    /// It cannot be written, or not used at all; everything else works.
    Bypassed(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Replaced(why) => write!(f, "the index {why}; it is made again from the runs"),
            Self::Bypassed(why) => {
                write!(f, "the index {why}; the runs are read without it, which takes longer")
            }
        }
    }
}

/// An open index.
pub(super) struct Index {
    connection: Connection,
    writable: bool,
}

impl Index {
    /// Opens or makes the index in `dir`; `None` when it cannot be used. Nothing here is an error of the command.
    pub(super) fn open(dir: &Path, how: IndexUse, troubles: &mut Vec<Trouble>) -> Option<Self> {
        let path = dir.join(INDEX_FILE);
        if how == IndexUse::Rebuild
            && let Err(error) = remove(&path)
        {
            troubles.push(Trouble::Bypassed(format!("cannot be removed ({error})")));
            return None;
        }
        match Self::open_file(&path) {
            Ok(index) => Some(index),
            Err(Refusal::Useless(why)) => {
                troubles.push(Trouble::Replaced(why));
                let opened = remove(&path).map_err(|error| error.to_string());
                let opened = opened.and_then(|()| {
                    Self::open_file(&path).map_err(|refusal| refusal.why().to_owned())
                });
                opened
                    .map_err(|why| {
                        troubles.push(Trouble::Bypassed(format!("cannot be made ({why})")))
                    })
                    .ok()
            }
            Err(Refusal::NotNow(why)) => {
                troubles.push(Trouble::Bypassed(why));
                None
            }
        }
    }

    fn open_file(path: &Path) -> Result<Self, Refusal> {
        match Connection::open(path) {
            Ok(connection) => match Self::prepare(connection, true) {
                // A read-only file, disk or folder shows at the first write.
                Err(Refusal::NotNow(_)) if path.exists() && is_read_only(path) => {
                    Self::prepare(read_only(path)?, false)
                }
                prepared => prepared,
            },
            Err(_) if path.is_file() => Self::prepare(read_only(path)?, false),
            Err(error) => Err(error.into()),
        }
    }

    fn prepare(connection: Connection, writable: bool) -> Result<Self, Refusal> {
        connection.busy_timeout(PATIENCE)?;
        let version: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        match version {
            VERSION => {}
            0 if writable => {
                // An empty file or none. Whoever else makes it meanwhile wins.
                connection.execute_batch("BEGIN IMMEDIATE")?;
                let version: i32 =
                    connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
                if version == 0 {
                    let tables: i64 =
                        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
                            row.get(0)
                        })?;
                    if tables > 0 {
                        return Err(Refusal::Useless("holds something else".to_owned()));
                    }
                    connection.execute_batch(TABLES)?;
                    connection.pragma_update(None, "user_version", VERSION)?;
                }
                connection.execute_batch("COMMIT")?;
            }
            newer if newer > VERSION => {
                return Err(Refusal::NotNow(format!(
                    "was written by a newer llmbench (version {newer})"
                )));
            }
            older => {
                return Err(Refusal::Useless(format!("has the older version {older}")));
            }
        }
        Ok(Self { connection, writable })
    }

    /// Whether entries can be stored.
    pub(super) fn is_writable(&self) -> bool {
        self.writable
    }

    /// Everything in it: folder → state of its files, and what was found.
    ///
    /// # Errors
    /// Why it cannot be read; the caller then makes do without.
    pub(super) fn entries(&self) -> Result<HashMap<String, (Stamp, Found)>, String> {
        let read = || -> rusqlite::Result<Vec<(String, Stamp, String)>> {
            let mut statement = self.connection.prepare(
                "SELECT folder, manifest_modified_ns, manifest_bytes, samples_modified_ns, \
                 samples_bytes, found FROM run",
            )?;
            let rows = statement.query_map([], |row| {
                let stamp = Stamp { manifest: stamp_of(row, 1)?, samples: stamp_of(row, 3)? };
                Ok((row.get(0)?, stamp, row.get(5)?))
            })?;
            rows.collect()
        };
        let rows = read().map_err(|error| format!("cannot be read ({error})"))?;
        rows.into_iter()
            .map(|(folder, stamp, text)| match serde_json::from_str(&text) {
                Ok(found) => Ok((folder, (stamp, found))),
                Err(error) => Err(format!("holds a damaged entry for `{folder}` ({error})")),
            })
            .collect()
    }

    /// Stores what was found, and forgets folders that are gone, in one transaction.
    ///
    /// # Errors
    /// Why it cannot be written; what was in it stays.
    pub(super) fn store(
        &mut self,
        new: &[(&Folder, &Found)],
        gone: &[String],
    ) -> Result<(), String> {
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            {
                let mut insert =
                    transaction.prepare("INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?, ?, ?)")?;
                for (folder, found) in new {
                    let Ok(text) = serde_json::to_string(found) else { continue };
                    let (manifest, samples) = (folder.stamp.manifest, folder.stamp.samples);
                    insert.execute(params![
                        folder.name,
                        manifest.map(|file| file.modified_ns),
                        manifest.map(|file| file.bytes),
                        samples.map(|file| file.modified_ns),
                        samples.map(|file| file.bytes),
                        text
                    ])?;
                }
                let mut delete = transaction.prepare("DELETE FROM run WHERE folder = ?")?;
                for folder in gone {
                    delete.execute([folder])?;
                }
            }
            transaction.commit()
        };
        write().map_err(|error| format!("cannot be written ({error})"))
    }
}

/// Why an index was not opened.
enum Refusal {
    /// What is in it is of no use.
    Useless(String),
    /// It may be fine, but it cannot be used now.
    NotNow(String),
}

impl Refusal {
    fn why(&self) -> &str {
        match self {
            Self::Useless(why) | Self::NotNow(why) => why,
        }
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::Useless(format!("is damaged ({error})"))
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::NotNow("is being written by another process".to_owned())
            }
            _ => Self::NotNow(format!("cannot be used ({error})")),
        }
    }
}

fn read_only(path: &Path) -> rusqlite::Result<Connection> {
    // Nobody can write it, so no lock is needed: in a read-only folder none could be taken.
    let uri = format!("file:{}?immutable=1", escaped(path));
    Connection::open_with_flags(uri, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
}

/// The path as part of a URI.
fn escaped(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let text = path.to_string_lossy();
    text.replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

fn is_read_only(path: &Path) -> bool {
    std::fs::OpenOptions::new().append(true).open(path).is_err()
}

fn stamp_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<FileStamp>> {
    let modified_ns: Option<i64> = row.get(column)?;
    let bytes: Option<i64> = row.get(column + 1)?;
    Ok(modified_ns.zip(bytes).map(|(modified_ns, bytes)| FileStamp { modified_ns, bytes }))
}

/// Removes the index and what SQLite keeps beside it.
fn remove(path: &Path) -> std::io::Result<()> {
    for ending in ["", "-journal", "-wal", "-shm"] {
        let file = PathBuf::from(format!("{}{ending}", path.display()));
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
