//! What must be true of a run that was killed and resumed.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::binary::Output;

/// Remembers what was on disk after each kill.
#[derive(Debug, Default)]
pub(super) struct Witness {
    /// Lines of `samples.jsonl` that were whole, in order, with their line end.
    whole: Vec<u8>,
}

impl Witness {
    /// Looks at a run after a kill: what was whole before still is. Says what was interrupted.
    pub(super) fn look(&mut self, dir: &Path, output: &Output) -> &'static str {
        let samples = std::fs::read(dir.join("samples.jsonl")).unwrap_or_default();
        let end = samples.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let (whole, torn) = samples.split_at(end);
        assert!(
            whole.starts_with(&self.whole),
            "{}: a record that was whole has changed\n{output}",
            dir.display()
        );
        self.whole = whole.to_vec();
        let manifest = json(&dir.join("run.json"), output);
        let ids: BTreeSet<_> = records(whole).iter().map(id).collect();
        let half = folders(&dir.join("artifacts")).difference(&ids).count();
        assert!(half <= 1, "{}: {half} attempts under way at a time\n{output}", dir.display());
        let planned = manifest["plan"]["attempts"].as_u64().unwrap_or(0) as usize;
        if !torn.is_empty() {
            "while writing a record"
        } else if half == 1 {
            "while writing artifacts"
        } else if ids.len() == planned {
            "after the last attempt"
        } else if !output.stderr.contains("loading and warming up") {
            "while starting"
        } else if !output.stderr.contains("] ") {
            "in warm-up or the first attempt"
        } else {
            "in a later attempt"
        }
    }

    /// Proves a complete run; returns the number of its attempts.
    pub(super) fn prove(&self, dir: &Path, runs: u32, output: &Output) -> usize {
        let name = dir.display();
        let samples = std::fs::read(dir.join("samples.jsonl")).unwrap_or_default();
        assert!(samples.starts_with(&self.whole), "{name}: a whole record changed\n{output}");
        let records = records(&samples);
        let manifest = json(&dir.join("run.json"), output);
        assert_eq!(manifest["status"], "finished", "{name}\n{output}");
        assert_eq!(manifest["plan"]["attempts"], u64::from(runs), "{name}");

        let mut numbers: Vec<_> =
            records.iter().filter_map(|one| one["run_number"].as_u64()).collect();
        numbers.sort_unstable();
        let expected: Vec<_> = (1..=u64::from(runs)).collect();
        assert_eq!(numbers, expected, "{name}: not each attempt once\n{output}");
        let ids: BTreeSet<_> = records.iter().map(id).collect();
        assert_eq!(ids.len(), records.len(), "{name}: an id occurs twice\n{output}");
        for record in &records {
            let seed = record["run_number"].as_u64().map(|number| 41 + number);
            assert_eq!(record["seed"].as_u64(), seed, "{name}: {record}");
            assert_eq!(record["status"], "scored", "{name}: {record}");
        }

        let artifacts = dir.join("artifacts");
        assert_eq!(folders(&artifacts), ids, "{name}: artifacts and records differ\n{output}");
        for id in &ids {
            for file in ["1-request.json", "1-response.json"] {
                json(&artifacts.join(id).join(file), output);
            }
            let entries = std::fs::read_dir(artifacts.join(id)).expect("it was just listed");
            for path in entries.flatten().map(|entry| entry.path()) {
                if path.extension().is_some_and(|extension| extension == "json") {
                    json(&path, output);
                }
            }
        }
        let made: u64 = manifest["sessions"]
            .as_array()
            .map(|sessions| sessions.iter().filter_map(|one| one["attempts"].as_u64()).sum())
            .unwrap_or(0);
        assert_eq!(made as usize, records.len(), "{name}: the sessions do not add up");
        assert!(manifest["elapsed_sec"].as_f64().is_some_and(|time| time > 0.0), "{name}");
        for file in ["summary.json", "report.md", "samples.csv"] {
            assert!(dir.join(file).is_file(), "{name}: {file} is missing\n{output}");
        }
        let left = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let left = left.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let left: Vec<_> = left.filter(|name| name.starts_with('.') && name != ".lock").collect();
        assert!(left.is_empty(), "{name}: temporary files are left: {left:?}");
        records.len()
    }
}

fn records(lines: &[u8]) -> Vec<Value> {
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("a whole line is a record")).collect()
}

fn id(record: &Value) -> String {
    record["id"].as_str().unwrap_or_default().to_owned()
}

fn folders(dir: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn json(path: &Path, output: &Output) -> Value {
    let bytes = std::fs::read(path).unwrap_or_default();
    serde_json::from_slice(&bytes)
        .unwrap_or_else(|error| panic!("{} is not whole: {error}\n{output}", path.display()))
}
