//! Reads the runs of a folder, with the help of the index.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use llmbench_report::history::RunEntry;
use llmbench_report::{ReadError, Run};
use serde::{Deserialize, Serialize};

use super::folder::{self, Folder};
use super::index::{Index, IndexUse, Trouble};
use crate::runs;

/// What a folder turned out to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Found {
    /// A run.
    Run(Box<RunEntry>),
    /// Something that cannot be read as one.
    Broken(Broken),
}

/// A folder that cannot be read as a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Broken {
    /// Its name.
    pub(crate) folder: String,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: String,
    /// True when reading failed for a reason that may pass without a change that would show.
    #[serde(skip)]
    pub(crate) may_pass: bool,
}

/// The runs of a folder.
#[derive(Debug)]
pub(crate) struct Listing {
    /// Newest first.
    pub(crate) runs: Vec<RunEntry>,
    /// By name.
    pub(crate) broken: Vec<Broken>,
    /// Folders that were read, because they were new or had changed.
    pub(crate) read: usize,
    /// What a user should know about the index.
    pub(crate) notes: Vec<String>,
}

/// The runs in `dir`.
///
/// # Errors
/// What the system says when `dir` itself cannot be listed. A run that cannot
/// be read, and whatever is wrong with the index, is no error.
pub(crate) fn load(dir: &Path, how: IndexUse) -> std::io::Result<Listing> {
    let folders = folder::find(dir)?;
    let mut troubles = Vec::new();
    let mut index = Index::open(dir, how, &mut troubles);
    let mut known = match index.as_ref().map(Index::entries) {
        Some(Ok(known)) => known,
        Some(Err(why)) => {
            troubles.push(Trouble::Replaced(why));
            drop(index.take());
            index = Index::open(dir, IndexUse::Rebuild, &mut troubles);
            Default::default()
        }
        None => Default::default(),
    };
    let mut all: Vec<(&Folder, Found)> = Vec::with_capacity(folders.len());
    let mut changed: Vec<&Folder> = Vec::new();
    for folder in &folders {
        match known.remove(&folder.name) {
            Some((stamp, found)) if stamp == folder.stamp => all.push((folder, found)),
            _ => changed.push(folder),
        }
    }
    let fresh = read_all(&changed);
    let gone: Vec<String> = known.into_keys().collect();
    if let Some(index) = index.as_mut().filter(|index| index.is_writable())
        && (!fresh.is_empty() || !gone.is_empty())
    {
        let lasts = |(_, found): &&(&Folder, Found)| match found {
            Found::Run(_) => true,
            Found::Broken(problem) => !problem.may_pass,
        };
        let new: Vec<_> =
            fresh.iter().filter(lasts).map(|(folder, found)| (*folder, found)).collect();
        if let Err(why) = index.store(&new, &gone) {
            troubles.push(Trouble::Bypassed(why));
        }
    }
    let read = fresh.len();
    all.extend(fresh);
    Ok(listing(all, read, &troubles))
}

fn listing(all: Vec<(&Folder, Found)>, read: usize, troubles: &[Trouble]) -> Listing {
    let (mut runs, mut broken) = (Vec::new(), Vec::new());
    for (folder, found) in all {
        match found {
            Found::Run(mut entry) => {
                entry.was_killed = runs::was_killed(entry.status, &folder.path);
                runs.push(*entry);
            }
            Found::Broken(problem) => broken.push(problem),
        }
    }
    runs.sort_by(|a, b| (&b.started_at, &b.folder).cmp(&(&a.started_at, &a.folder)));
    broken.sort_by(|a: &Broken, b| a.folder.cmp(&b.folder));
    let notes = troubles.iter().map(ToString::to_string).collect();
    Listing { runs, broken, read, notes }
}

/// Reads folders on all cores: most of the time goes into parsing.
fn read_all<'a>(folders: &[&'a Folder]) -> Vec<(&'a Folder, Found)> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(folders.len());
    if threads < 2 {
        return folders.iter().map(|folder| (*folder, read(folder))).collect();
    }
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::with_capacity(folders.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(folder) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let one = read(folder);
                    found.lock().unwrap_or_else(PoisonError::into_inner).push((*folder, one));
                }
            });
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn read(folder: &Folder) -> Found {
    match Run::open(&folder.path) {
        Ok(run) => Found::Run(Box::new(RunEntry::of(&run))),
        Err(error) => Found::Broken(Broken {
            folder: folder.name.clone(),
            message: error.to_string(),
            hint: error.hint(),
            may_pass: matches!(error, ReadError::Io { .. }),
        }),
    }
}
