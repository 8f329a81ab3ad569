use llmbench_api::record::AttemptStatus;
use serde_json::json;

use super::*;

/// A record that was scored.
pub(in crate::journal) fn record(id: &str) -> AttemptRecord {
    serde_json::from_value(json!({
        "id": id, "model": "m", "fixture": "f", "timestamp": "2026-03-01T10:00:00Z",
        "run_number": 1, "status": "scored", "seed": 42, "errors": [], "warnings": [],
        "missing": {}, "findings": {}, "monitors": [], "retries": [], "score": 4.1,
    }))
    .unwrap()
}

fn lost(id: &str) -> AttemptRecord {
    AttemptRecord { status: AttemptStatus::InfraError, score: None, ..record(id) }
}

/// A folder as a run leaves it, with these bytes in `samples.jsonl`.
fn folder(bytes: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(SAMPLES), bytes).unwrap();
    dir
}

fn recover(dir: &Path) -> Recovered {
    let lock = RunLock::acquire(dir).unwrap();
    let samples = Samples::read(&dir.join(SAMPLES)).unwrap();
    let redo = |record: &AttemptRecord| record.status == AttemptStatus::InfraError;
    Journal::recover(dir, lock, samples, redo).unwrap()
}

fn line(record: &AttemptRecord) -> String {
    serde_json::to_string(record).unwrap() + "\n"
}

fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap_or_default()
}

#[test]
fn a_folder_that_cannot_be_made_is_noticed_before_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(Journal::check_writable(&file.join("results")).is_err());
    assert!(Journal::check_writable(&dir.path().join("new/results")).is_ok());
    assert!(!dir.path().join("new").exists());
}

#[test]
fn wherever_a_line_was_cut_the_run_goes_on_behind_the_last_whole_one() {
    let (first, second, third) = (record("a"), record("b"), record("c"));
    let file = line(&first) + &line(&second);
    let (half, whole) = (line(&first).len(), file.len());
    // Not all of them: each one waits for the disk. The reader's own test takes all.
    for length in [0, 1, half - 2, half - 1, half, half + 1, half + 50, whole - 2, whole - 1, whole]
    {
        let dir = folder(&file.as_bytes()[..length]);
        let mut recovered = recover(dir.path());
        let mut expected: String = recovered.records.iter().map(line).collect();
        assert!(file.starts_with(&expected), "{length} bytes");
        recovered.journal.append(&third).unwrap();
        expected += &line(&third);
        assert_eq!(read(dir.path(), SAMPLES), expected, "{length} bytes");
        let torn = recovered.torn.map(|path| std::fs::read(path).unwrap()).unwrap_or_default();
        let whole = expected.len() - line(&third).len();
        assert_eq!(torn, &file.as_bytes()[whole.min(length)..length], "{length} bytes");
    }
}

#[test]
fn torn_lines_are_kept_beside_each_other() {
    let dir = folder(b"{\"id\": \"fir");
    assert!(recover(dir.path()).torn.unwrap().ends_with("samples.jsonl.torn-1"));
    std::fs::write(dir.path().join(SAMPLES), "{\"id\": \"sec").unwrap();
    assert!(recover(dir.path()).torn.unwrap().ends_with("samples.jsonl.torn-2"));
    // The same one again: the process was killed between keeping it and cutting it off.
    std::fs::write(dir.path().join(SAMPLES), "{\"id\": \"sec").unwrap();
    assert!(recover(dir.path()).torn.unwrap().ends_with("samples.jsonl.torn-2"));
    assert!(recover(dir.path()).torn.is_none());
}

#[test]
fn a_lost_attempt_makes_room_and_stays_readable() {
    let (kept, again) = (record("a"), lost("b"));
    let dir = folder((line(&kept) + &line(&again) + &line(&record("c"))).as_bytes());
    let folder_of = dir.path().join("artifacts/b");
    std::fs::create_dir_all(&folder_of).unwrap();
    std::fs::write(folder_of.join("1-request.json"), "[]").unwrap();
    let recovered = recover(dir.path());
    let ids: Vec<_> = recovered.records.iter().map(|record| record.id.as_str()).collect();
    assert_eq!((ids, recovered.superseded[0].id.as_str()), (vec!["a", "c"], "b"));
    assert_eq!(read(dir.path(), SAMPLES), line(&kept) + &line(&record("c")));
    assert_eq!(read(dir.path(), SUPERSEDED), line(&again));
    assert!(!folder_of.exists());
    assert_eq!(read(dir.path(), "artifacts/b.superseded-1/1-request.json"), "[]");
}

#[test]
fn a_kill_while_lines_are_put_aside_neither_loses_nor_doubles_one() {
    let (kept, again) = (record("a"), lost("b"));
    let dir = folder((line(&kept) + &line(&again)).as_bytes());
    // The line was copied; then the process was killed.
    std::fs::write(dir.path().join(SUPERSEDED), line(&again)).unwrap();
    recover(dir.path());
    assert_eq!(read(dir.path(), SAMPLES), line(&kept));
    assert_eq!(read(dir.path(), SUPERSEDED), line(&again));
}

#[test]
fn a_folder_whose_process_was_killed_at_its_first_step_can_be_used() {
    let dir = tempfile::tempdir().unwrap();
    let mut recovered = recover(dir.path());
    recovered.journal.append(&record("a")).unwrap();
    assert_eq!(read(dir.path(), SAMPLES), line(&record("a")));
    assert!(dir.path().join(ARTIFACTS).is_dir());
}
