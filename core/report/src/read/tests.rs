use std::fs;

use llmbench_api::record::AttemptRecord;
use serde_json::{Value, json};

use super::*;
use crate::testing::{manifest, scored};

/// A run's folder with one good manifest and three good records.
struct Folder {
    dir: tempfile::TempDir,
    records: Vec<AttemptRecord>,
}

impl Folder {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let records = (1..=3).map(|run| scored("m", "f", run, 8.0)).collect();
        let folder = Self { dir, records };
        folder.write_manifest(&serde_json::to_value(manifest(&["m"], &["f"], 3)).unwrap());
        let lines = folder.lines();
        folder.write_samples(lines.join("\n") + "\n");
        folder
    }

    fn manifest(&self) -> Value {
        serde_json::from_slice(&fs::read(self.dir.path().join(MANIFEST_FILE)).unwrap()).unwrap()
    }

    fn write_manifest(&self, value: &Value) {
        let text = serde_json::to_string_pretty(value).unwrap();
        fs::write(self.dir.path().join(MANIFEST_FILE), text).unwrap();
    }

    fn lines(&self) -> Vec<String> {
        self.records.iter().map(|record| serde_json::to_string(record).unwrap()).collect()
    }

    fn write_samples(&self, text: impl AsRef<[u8]>) {
        fs::write(self.dir.path().join(SAMPLES_FILE), text).unwrap();
    }

    fn open(&self) -> Result<Run, ReadError> {
        Run::open(self.dir.path())
    }

    /// The error's message and hint without the temporary folder.
    #[track_caller]
    fn error(&self) -> (String, String) {
        let error = self.open().unwrap_err();
        let folder = format!("{}{}", self.dir.path().display(), std::path::MAIN_SEPARATOR);
        (error.to_string().replace(&folder, ""), error.hint().replace(&folder, ""))
    }
}

/// The attempts are those of the records, and their whole records are found again.
#[track_caller]
fn check_records(run: &Run, records: &[AttemptRecord]) {
    let without_place: Vec<_> =
        run.records.iter().map(|attempt| Attempt { place: None, ..attempt.clone() }).collect();
    assert_eq!(without_place, crate::attempts(records));
    for (attempt, record) in run.records.iter().zip(records) {
        assert_eq!(run.details(attempt).unwrap(), *record);
    }
}

#[test]
fn reads_back_what_was_written() {
    let folder = Folder::new();
    let run = folder.open().unwrap();
    assert_eq!(run.manifest, manifest(&["m"], &["f"], 3));
    check_records(&run, &folder.records);
    assert_eq!(run.warnings, []);
}

#[test]
fn accepts_fields_that_it_does_not_know() {
    let folder = Folder::new();
    let mut manifest = folder.manifest();
    manifest["new_in_a_later_release"] = json!({"deep": [1]});
    manifest["plan"]["also_new"] = json!(1);
    folder.write_manifest(&manifest);
    let mut record = serde_json::to_value(&folder.records[0]).unwrap();
    record["also_new"] = json!("kept");
    folder.write_samples(format!("{record}\n"));
    let run = folder.open().unwrap();
    assert_eq!(run.details(&run.records[0]).unwrap().extra["also_new"], json!("kept"));
    assert_eq!(run.warnings, []);
}

/// Every prefix of the last line, from one byte to all but one.
#[test]
fn a_torn_last_line_is_left_out_wherever_it_was_torn() {
    let folder = Folder::new();
    let lines = folder.lines();
    let whole = format!("{}\n{}\n", lines[0], lines[1]);
    let path = folder.dir.path().join(SAMPLES_FILE);
    for end in 1..lines[2].len() {
        folder.write_samples(format!("{whole}{}", &lines[2][..end]));
        let run = folder.open().unwrap();
        check_records(&run, &folder.records[..2]);
        assert_eq!(run.warnings, [ReadWarning::TornLastLine { path: path.clone(), line: 3 }]);
    }
    // Garbage with a line end, as a file system may leave it.
    folder.write_samples([whole.as_bytes(), b"\0\0\0\0\n"].concat());
    let run = folder.open().unwrap();
    assert_eq!(run.records.len(), 2);
    assert!(run.warnings[0].to_string().contains("line 3: the last line is cut off"));
}

#[test]
fn a_whole_last_record_without_line_end_counts() {
    let folder = Folder::new();
    folder.write_samples(folder.lines().join("\n"));
    let run = folder.open().unwrap();
    assert_eq!(run.records.len(), 3);
    let path = folder.dir.path().join(SAMPLES_FILE);
    assert_eq!(run.warnings, [ReadWarning::UnendedLastLine { path, line: 3 }]);
}

#[test]
fn a_bad_line_in_the_middle_is_an_error_with_its_number() {
    let folder = Folder::new();
    let lines = folder.lines();
    folder.write_samples(format!("{}\n\n{}\n{}\n", lines[0], &lines[1][..40], lines[2]));
    let (message, hint) = folder.error();
    assert!(message.starts_with("`samples.jsonl`, line 3: EOF while parsing"), "{message}");
    assert!(hint.contains("delete line 3"), "{hint}");
}

#[test]
fn a_wrong_value_is_an_error_with_file_line_and_field_even_in_the_last_line() {
    let folder = Folder::new();
    let mut record = serde_json::to_value(&folder.records[0]).unwrap();
    record["findings"] = json!({"types": {"diagnostics": [{"line": "seven"}]}});
    folder.write_samples(format!("{}\n{record}\n", folder.lines()[1]));
    let (message, _) = folder.error();
    assert!(
        message.starts_with(
            "`samples.jsonl`, line 2, field `findings.types.diagnostics[0].line`: invalid type: string \"seven\", expected u32"
        ),
        "{message}"
    );
    for (wrong, what) in [
        (json!({"types": {"kept_files": ["a", 1]}}), "findings.types.kept_files[1]"),
        (json!({"types": {"measurements": {"ms": "1"}}}), "findings.types.measurements.ms"),
        (json!({"types": {"checks": {}}}), "findings.types.checks"),
        (json!([]), "findings"),
    ] {
        record["findings"] = wrong;
        folder.write_samples(format!("{record}\n"));
        assert!(folder.error().0.contains(&format!("field `{what}`")), "{}", folder.error().0);
    }
    let good =
        json!({"validator": "x", "status": "new", "details": [1], "checks": [{"name": "a"}]});
    record["findings"] = json!({"types": good, "empty": {}});
    folder.write_samples(format!("{record}\n"));
    assert_eq!(folder.open().unwrap().records.len(), 1);
    record["findings"] = json!({});
    record.as_object_mut().unwrap().remove("run_number");
    folder.write_samples(format!("{record}\n"));
    let (message, _) = folder.error();
    assert!(message.contains("line 1: missing field `run_number`"), "{message}");
}

#[test]
fn a_status_of_the_future_is_an_error_that_names_the_known_ones() {
    let folder = Folder::new();
    let mut record = serde_json::to_value(&folder.records[0]).unwrap();
    record["status"] = json!("postponed");
    folder.write_samples(format!("{record}\n"));
    let (message, _) = folder.error();
    assert!(message.contains("field `status`: unknown variant `postponed`"), "{message}");
    assert!(message.contains("`infra_error`"), "{message}");
}

#[test]
fn of_two_lines_with_one_id_the_later_counts() {
    let folder = Folder::new();
    let mut again = folder.records[0].clone();
    again.score = Some(3.0);
    let again = serde_json::to_string(&again).unwrap();
    folder.write_samples(format!("{}\n{again}\n", folder.lines().join("\n")));
    let run = folder.open().unwrap();
    assert_eq!(run.records.len(), 3);
    assert_eq!(run.records[0].score, Some(3.0));
    let text = run.warnings[0].to_string();
    assert!(text.contains("line 4: attempt `m-f-1` stands in line 1 already"), "{text}");
}

#[test]
fn the_version_decides_before_anything_else_is_read() {
    let folder = Folder::new();
    folder.write_manifest(&json!({"format_version": 2, "plan": "of another shape"}));
    let (message, hint) = folder.error();
    assert_eq!(
        message,
        "`run.json` is written in format version 2; this llmbench reads versions up to 1"
    );
    assert!(hint.contains("newer"), "{hint}");
    folder.write_manifest(&json!({"format_version": 0}));
    assert!(folder.error().0.contains("version 0, which does not exist"));
    folder.write_manifest(&json!({"format_version": "1"}));
    assert!(folder.error().0.contains("no whole number in its field `format_version`"));
}

#[test]
fn a_bad_manifest_is_an_error_with_line_and_field() {
    let folder = Folder::new();
    let mut manifest = folder.manifest();
    manifest["plan"]["runs"] = json!(-1);
    folder.write_manifest(&manifest);
    let (message, _) = folder.error();
    assert!(message.starts_with("`run.json`, line "), "{message}");
    assert!(message.contains(", field `plan.runs`: invalid value: integer `-1`"), "{message}");
    fs::write(folder.dir.path().join(MANIFEST_FILE), "{\n  \"format_version\": 1,\n").unwrap();
    assert!(folder.error().0.starts_with("`run.json`, line 3: EOF"), "{}", folder.error().0);
}

#[test]
fn what_is_no_run_is_called_so() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("nothing")] {
        let error = Run::open(&path).unwrap_err();
        assert!(error.to_string().contains("it holds no `run.json`"), "{error}");
        assert!(error.hint().contains("results/<run-id>"));
    }
}

#[test]
fn missing_attempts_are_an_error_only_for_a_finished_run() {
    let folder = Folder::new();
    fs::remove_file(folder.dir.path().join(SAMPLES_FILE)).unwrap();
    let (message, _) = folder.error();
    assert_eq!(
        message,
        "`samples.jsonl` is missing, although the run is finished and planned 3 attempts"
    );
    let mut manifest = folder.manifest();
    manifest["status"] = json!("failed");
    folder.write_manifest(&manifest);
    let run = folder.open().unwrap();
    assert_eq!(run.records, []);
    assert!(matches!(run.warnings[..], [ReadWarning::NoSamples { .. }]));
}
