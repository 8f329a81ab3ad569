//! Exports, read back with the reader of the same crate.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use llmbench_api::record::{AttemptRecord, AttemptStatus, RunManifest};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

use super::{EXPORT_COLUMNS, ExportError, ParquetExport};
use crate::testing::{cached, lost, manifest, scored};

/// A manifest and its records.
struct Run {
    manifest: RunManifest,
    records: Vec<AttemptRecord>,
}

fn run(change: impl FnOnce(&mut Run)) -> Run {
    let mut run = Run {
        manifest: manifest(&["m"], &["f"], 2),
        records: vec![
            cached(scored("m", "f", 1, 8.25)),
            lost(AttemptStatus::Timeout, "m", "f", 2, "too \"slow\"\n=cmd"),
        ],
    };
    change(&mut run);
    run
}

/// The rows of an export as column → value.
fn rows(runs: &[Run]) -> Vec<BTreeMap<String, Field>> {
    let mut export = ParquetExport::new(Vec::new()).unwrap();
    for run in runs {
        export.add(&run.manifest, &run.records).unwrap();
    }
    let bytes = export.finish().unwrap();
    let reader = SerializedFileReader::new(Bytes::from(bytes)).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| row.unwrap().into_columns().into_iter().collect()).collect()
}

#[test]
fn what_is_written_is_read_back_with_its_types() {
    let other = run(|run| {
        run.manifest.run_id = "other".into();
        run.records.truncate(1);
        run.records[0].seed = u64::MAX;
    });
    let empty = run(|run| run.records.clear());
    let rows = rows(&[run(|_| {}), empty, other]);
    assert_eq!(rows.len(), 3);
    let first = &rows[0];
    let text = |text: &str| Field::Str(text.to_owned());
    assert_eq!(first["run_id"], text("2026-03-01T10-00-00-example"));
    assert_eq!(first["started_at"], Field::TimestampMicros(1_772_359_200_000_000));
    assert_eq!(first["model_digest"], text("sha256:feedbeef"));
    assert_eq!(first["parameters"], Field::ULong(7_615_616_512));
    assert_eq!(first["machine"], text("Example CPU, 16 CPUs, 64 GB, Example GPU"));
    assert_eq!(first["score"], Field::Double(8.25));
    assert_eq!(first["compiles"], Field::Bool(true));
    assert_eq!(first["prompt_cached"], Field::Bool(true));
    assert_eq!(first["done_reason"], text("stop"));
    assert_eq!(first["missing"], text("{}"));
    assert_eq!(first["level"], Field::Null);
    let lost = &rows[1];
    assert_eq!(lost["status"], text("timeout"));
    assert_eq!(lost["score"], Field::Null);
    assert_eq!(lost["errors"], text(r#"["too \"slow\"\n=cmd"]"#));
    let Field::Str(missing) = &lost["missing"] else { panic!("{lost:?}") };
    let missing: BTreeMap<String, String> = serde_json::from_str(missing).unwrap();
    assert_eq!(missing["score"], "there is no complete answer");
    assert_eq!((&rows[2]["run_id"], &rows[2]["seed"]), (&text("other"), &Field::ULong(u64::MAX)));
}

#[test]
fn names_are_unique_and_every_figure_of_the_csv_is_there() {
    let names: BTreeSet<_> = EXPORT_COLUMNS.iter().map(|column| column.name).collect();
    assert_eq!(names.len(), EXPORT_COLUMNS.len());
    for column in crate::render::CSV_COLUMNS {
        let with_unit = format!("{column}_percent");
        assert!(names.contains(column) || names.contains(with_unit.as_str()), "{column}");
    }
}

#[test]
fn a_time_that_is_none_is_named() {
    let mut export = ParquetExport::new(Vec::new()).unwrap();
    let run = run(|run| run.records[1].timestamp = "noon".into());
    let error = export.add(&run.manifest, &run.records).unwrap_err();
    assert!(matches!(&error, ExportError::Time { text, .. } if text == "noon"), "{error}");
    assert!(error.to_string().contains("m-f-2"), "{error}");
}
