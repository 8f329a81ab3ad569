//! Reads `samples.jsonl` back, to go on with it.

use std::collections::HashMap;
use std::path::Path;

use llmbench_api::record::AttemptRecord;

use super::error::JournalError;

/// A record and the very bytes in which it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRecord {
    /// The record.
    pub record: AttemptRecord,
    /// Its line, without the line end.
    pub line: Vec<u8>,
}

/// What stands in a `samples.jsonl`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples {
    /// The file's order; each id once.
    pub records: Vec<StoredRecord>,
    /// Lines that no longer count, because a later one has the same id.
    pub earlier_lines: Vec<StoredRecord>,
    /// A last line that is cut off or garbled, as a crash leaves it.
    pub torn: Option<Vec<u8>>,
    /// Bytes in front of the torn line; without one, all.
    pub(super) whole_bytes: u64,
    /// False when the last record is whole but its line end is missing.
    pub(super) is_ended: bool,
}

impl Samples {
    /// Reads the file; one that is not there holds nothing.
    ///
    /// # Errors
    /// [`JournalError::Read`], and [`JournalError::Corrupt`] for a line before
    /// the last that holds no record: no crash leaves that behind.
    pub fn read(path: &Path) -> Result<Self, JournalError> {
        match std::fs::read(path) {
            Ok(bytes) => Self::parse(path, &bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::parse(path, b""),
            Err(source) => Err(JournalError::Read { path: path.to_owned(), source }),
        }
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, JournalError> {
        let mut samples = Self { is_ended: bytes.ends_with(b"\n"), ..Self::default() };
        samples.is_ended |= bytes.is_empty();
        samples.whole_bytes = bytes.len() as u64;
        let mut place_of: HashMap<String, usize> = HashMap::new();
        let mut start = 0;
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').enumerate();
        for (index, line) in lines {
            let end = start + line.len();
            let content = line.trim_ascii();
            if !content.is_empty() {
                match serde_json::from_slice::<AttemptRecord>(content) {
                    Ok(record) => samples.add(record, content, &mut place_of),
                    Err(error) if is_blank(&bytes[end..]) && !error.is_data() => {
                        samples.torn = Some(bytes[start..].to_vec());
                        samples.whole_bytes = start as u64;
                        samples.is_ended = true;
                        break;
                    }
                    Err(error) => {
                        let (path, message) = (path.to_owned(), error.to_string());
                        return Err(JournalError::Corrupt { path, line: index + 1, message });
                    }
                }
            }
            start = end;
        }
        Ok(samples)
    }

    fn add(&mut self, record: AttemptRecord, line: &[u8], place_of: &mut HashMap<String, usize>) {
        let id = record.id.clone();
        let stored = StoredRecord { record, line: line.to_vec() };
        match place_of.get(&id) {
            Some(place) => {
                let earlier = std::mem::replace(&mut self.records[*place], stored);
                self.earlier_lines.push(earlier);
            }
            None => {
                place_of.insert(id, self.records.len());
                self.records.push(stored);
            }
        }
    }
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::super::writer::tests::record;
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Samples, JournalError> {
        Samples::parse(Path::new("samples.jsonl"), bytes)
    }

    fn line(id: &str) -> Vec<u8> {
        let mut line = serde_json::to_vec(&record(id)).unwrap();
        line.push(b'\n');
        line
    }

    fn ids(samples: &Samples) -> Vec<&str> {
        samples.records.iter().map(|stored| stored.record.id.as_str()).collect()
    }

    #[test]
    fn whatever_is_cut_off_every_whole_record_counts() {
        let (first, second) = (line("a"), line("b"));
        let file = [&first[..], &second].concat();
        for length in 0..=file.len() {
            let samples = parse(&file[..length]).unwrap();
            // A line that lacks only its end is whole.
            let whole = [first.len(), file.len()].iter().filter(|end| length + 1 >= **end).count();
            assert_eq!(ids(&samples), ["a", "b"][..whole], "{length} bytes");
            let torn = samples.torn.as_ref().map_or(0, Vec::len);
            assert_eq!(samples.whole_bytes as usize + torn, length, "no byte is dropped");
        }
    }

    #[test]
    fn zeros_that_a_power_cut_leaves_are_a_torn_line() {
        let samples = parse(&[&line("a")[..], &[0; 40]].concat()).unwrap();
        assert_eq!(ids(&samples), ["a"]);
        assert_eq!(samples.torn, Some(vec![0; 40]));
    }

    #[test]
    fn of_two_lines_with_one_id_the_later_counts() {
        let samples = parse(&[line("a"), line("b"), line("a")].concat()).unwrap();
        assert_eq!((ids(&samples), samples.earlier_lines.len()), (vec!["a", "b"], 1));
    }

    #[test]
    fn a_broken_line_in_the_middle_is_no_crash_and_is_named() {
        let error = parse(&[&line("a")[..], b"{\"id\": \n", &line("b")].concat()).unwrap_err();
        assert!(error.to_string().contains("samples.jsonl, line 2"), "{error}");
        // JSON that is no record was not torn either.
        let error = parse(&[&line("a")[..], b"{\"id\": 7}\n"].concat()).unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}
