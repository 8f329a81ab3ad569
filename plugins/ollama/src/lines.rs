//! Splits a stream of bytes into lines, wherever its chunks are cut.

/// Longest line that is accepted; a line of an answer has some hundred bytes.
pub(crate) const LONGEST_LINE_BYTES: usize = 16 * 1024 * 1024;

/// Collects bytes and gives them back line by line.
///
/// It works on bytes, so that a character that is cut by a chunk is whole again
/// in its line.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    /// Start of the first line that was not given back.
    start: usize,
    /// Bytes before this hold no further end of a line.
    searched: usize,
}

impl Lines {
    /// Takes the next chunk.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.bytes.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(chunk);
    }

    /// The next complete line without its end; empty lines are skipped.
    pub(crate) fn next(&mut self) -> Option<&[u8]> {
        loop {
            let end =
                self.searched + self.bytes[self.searched..].iter().position(|b| *b == b'\n')?;
            let line = self.start..end;
            self.start = end + 1;
            self.searched = self.start;
            if !self.bytes[line.clone()].trim_ascii().is_empty() {
                return Some(self.bytes[line].trim_ascii());
            }
        }
    }

    /// What follows the last complete line.
    pub(crate) fn rest(&self) -> &[u8] {
        self.bytes[self.start..].trim_ascii()
    }

    /// True when the line under way is longer than any line of an answer.
    pub(crate) fn is_too_long(&self) -> bool {
        self.bytes.len() - self.start > LONGEST_LINE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&[u8]]) -> (Vec<String>, String) {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for chunk in chunks {
            lines.push(chunk);
            while let Some(line) = lines.next() {
                found.push(String::from_utf8(line.to_vec()).unwrap());
            }
        }
        (found, String::from_utf8(lines.rest().to_vec()).unwrap())
    }

    #[test]
    fn lines_are_the_same_wherever_chunks_are_cut() {
        let text = "{\"a\":\"\u{1f600}\"}\r\n\n{\"b\":\"ä\"}\nrest";
        let expected = (
            vec!["{\"a\":\"\u{1f600}\"}".to_owned(), "{\"b\":\"ä\"}".to_owned()],
            "rest".to_owned(),
        );
        for size in 1..=text.len() {
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            assert_eq!(split(&chunks), expected, "chunks of {size} bytes");
        }
    }

    #[test]
    fn nothing_gives_nothing() {
        assert_eq!(split(&[]), (vec![], String::new()));
        assert_eq!(split(&[b"\n\r\n  \n"]), (vec![], String::new()));
    }
}
