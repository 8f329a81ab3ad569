//! The index: what it spares, and that nothing depends on it.

use std::path::Path;

use rusqlite::Connection;

use super::filter::Filter;
use super::{INDEX_FILE, IndexUse, Listing, load};

/// A run with one attempt, as llmbench writes it.
fn write_run(dir: &Path, name: &str, model: &str, started_at: &str) {
    let folder = dir.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let manifest = serde_json::json!({
        "format_version": 1, "run_id": name, "name": null, "status": "finished", "error": null,
        "llmbench_version": "0.1.0", "argv": [], "started_at": started_at,
        "finished_at": started_at, "elapsed_sec": 1.0, "test": "refactoring", "backend": "ollama",
        "default_choice": null, "settings": {}, "plugins": [], "fixtures": [], "models": [],
        "plan": { "models": [model], "fixtures": ["f"], "runs": 1, "attempts": 1 },
        "server": { "name": "ollama" }, "roles": {}, "monitors": [], "environment": {},
        "scoring_version": "2", "max_score": 10.0, "warnings": [],
    });
    std::fs::write(folder.join("run.json"), manifest.to_string()).unwrap();
    write_score(dir, name, model, 8.0);
}

fn write_score(dir: &Path, name: &str, model: &str, score: f64) {
    let record = serde_json::json!({
        "id": "1", "model": model, "fixture": "f", "timestamp": "2026-03-01T10:00:00Z",
        "run_number": 1, "status": "scored", "score": score, "scoring_version": "2",
        "compiles": true, "ast_score": 8.0, "tokens_per_sec": 40.0, "duration_sec": 5.0,
        "ttft_sec": null, "load_sec": null, "prefill_tokens_per_sec": null, "queue_sec": null,
        "prompt_tokens": 1, "completion_tokens": 1, "done_reason": "stop", "seed": 42,
        "gpu_avg_utilization": null, "gpu_peak_utilization": null, "gpu_avg_memory_gb": null,
        "gpu_peak_memory_gb": null, "energy_joules": null, "output_code": "x", "errors": [],
        "warnings": [], "missing": {}, "findings": {}, "monitors": [], "retries": [],
    });
    std::fs::write(dir.join(name).join("samples.jsonl"), format!("{record}\n")).unwrap();
}

fn three_runs() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), "one", "a:7b", "2026-03-01T10:00:00Z");
    write_run(dir.path(), "two", "b:7b", "2026-03-02T10:00:00.5Z");
    std::fs::create_dir(dir.path().join("broken")).unwrap();
    std::fs::create_dir(dir.path().join(".hidden")).unwrap();
    std::fs::write(dir.path().join("a-file"), "x").unwrap();
    dir
}

fn listed(dir: &Path) -> Listing {
    load(dir, IndexUse::Refresh).unwrap()
}

#[track_caller]
fn check(listing: &Listing, read: usize, notes: &[&str]) {
    let folders: Vec<_> = listing.runs.iter().map(|run| run.folder.as_str()).collect();
    assert_eq!(folders, ["two", "one"], "newest first");
    assert_eq!(listing.broken.len(), 1);
    assert!(listing.broken[0].message.contains("run.json"), "{:?}", listing.broken);
    assert_eq!(listing.read, read, "folders read");
    assert_eq!(listing.notes.len(), notes.len(), "{:?}", listing.notes);
    for (note, part) in listing.notes.iter().zip(notes) {
        assert!(note.contains(part), "`{part}` is not in `{note}`");
    }
}

#[test]
fn only_what_changed_is_read_again() {
    let dir = three_runs();
    let first = listed(dir.path());
    check(&first, 3, &[]);
    let second = listed(dir.path());
    check(&second, 0, &[]);
    assert_eq!(first.runs, second.runs, "the index gives what the files gave");

    write_score(dir.path(), "one", "a:7b", 10.0);
    let changed = listed(dir.path());
    check(&changed, 1, &[]);
    assert_eq!(changed.runs[1].models[0].score.mean, Some(10.0));

    write_run(dir.path(), "three", "c", "2026-03-03T10:00:00Z");
    assert_eq!(listed(dir.path()).runs[0].folder, "three");
    std::fs::remove_dir_all(dir.path().join("three")).unwrap();
    check(&listed(dir.path()), 0, &[]);
    let index = Connection::open(dir.path().join(INDEX_FILE)).unwrap();
    let count = |sql: &str| index.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM run"), 3, "what is gone is forgotten");
    assert_eq!(count("SELECT count(*) FROM runs WHERE status = 'finished'"), 2);
    assert_eq!(count("SELECT count(*) FROM models WHERE model = 'a:7b' AND score = 10"), 1);
}

#[test]
fn a_useless_index_is_replaced() {
    let dir = three_runs();
    let path = dir.path().join(INDEX_FILE);
    for garbage in [&b"this is no database, whatever its name says"[..], &[0; 4096]] {
        std::fs::write(&path, garbage).unwrap();
        let listing = listed(dir.path());
        check(&listing, 3, &["damaged"]);
        check(&listed(dir.path()), 0, &[]);
    }
    // Cut in half.
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    check(&listed(dir.path()), 3, &["made again"]);
    // Written by an older version.
    let index = Connection::open(&path).unwrap();
    index.pragma_update(None, "user_version", -1).unwrap();
    drop(index);
    check(&listed(dir.path()), 3, &["older version"]);
    // A damaged entry.
    let index = Connection::open(&path).unwrap();
    index.execute("UPDATE run SET found = '{' WHERE folder = 'one'", []).unwrap();
    drop(index);
    check(&listed(dir.path()), 3, &["damaged entry for `one`"]);
    check(&listed(dir.path()), 0, &[]);
    // Tables of somebody else.
    std::fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE run (x)").unwrap();
    check(&listed(dir.path()), 3, &["something else"]);
    check(&listed(dir.path()), 0, &[]);
}

#[test]
fn an_index_that_cannot_be_used_is_left_alone() {
    let dir = three_runs();
    let path = dir.path().join(INDEX_FILE);
    check(&listed(dir.path()), 3, &[]);
    let index = Connection::open(&path).unwrap();
    index.pragma_update(None, "user_version", 99).unwrap();
    check(&listed(dir.path()), 3, &["newer llmbench"]);
    index.pragma_update(None, "user_version", 1).unwrap();

    index.execute_batch("BEGIN EXCLUSIVE").unwrap();
    check(&listed(dir.path()), 3, &["another process"]);
    index.execute_batch("COMMIT").unwrap();
    check(&listed(dir.path()), 0, &[]);
    drop(index);

    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    check(&listed(dir.path()), 3, &["cannot be used"]);
}

#[test]
fn a_rebuild_reads_everything() {
    let dir = three_runs();
    listed(dir.path());
    check(&load(dir.path(), IndexUse::Rebuild).unwrap(), 3, &[]);
    check(&listed(dir.path()), 0, &[]);
    assert!(load(&dir.path().join("nowhere"), IndexUse::Refresh).is_err());
}

#[test]
fn filters_take_what_was_asked_for() {
    let dir = three_runs();
    let runs = listed(dir.path()).runs;
    let taken = |filter: Filter| {
        let taken = runs.iter().filter(|run| filter.takes(run));
        taken.map(|run| run.folder.as_str()).collect::<Vec<_>>()
    };
    let words = |word: &str| vec![word.to_owned()];
    assert_eq!(taken(Filter::default()), ["two", "one"]);
    assert_eq!(taken(Filter { models: words("A:"), ..Filter::default() }), ["one"]);
    assert_eq!(taken(Filter { fixtures: words("g"), ..Filter::default() }), [""; 0]);
    assert_eq!(taken(Filter { tests: words("refact"), ..Filter::default() }), ["two", "one"]);
    assert_eq!(taken(Filter { names: words("tw"), ..Filter::default() }), ["two"]);
    let moment = Some("2026-03-02T10:00:00Z".parse().unwrap());
    assert_eq!(taken(Filter { since: moment, ..Filter::default() }), ["two"]);
    assert_eq!(taken(Filter { until: moment, ..Filter::default() }), ["one"]);
}
