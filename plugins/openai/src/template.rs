//! Reads a piece of an answer without parsing it, when it looks like the one before.
//!
//! Consecutive chunks of a stream differ in one string. When a line begins and ends
//! with the very bytes around that string in a line that was parsed in full, and what
//! stands between needs no unescaping, then a parser could only find the same
//! structure with the other string in it. Everything else is parsed.

use crate::wire::Piece;

/// The bytes around the one string of a chunk.
#[derive(Debug, Default)]
pub(crate) struct Template {
    before: Vec<u8>,
    after: Vec<u8>,
    piece: Option<Piece>,
}

impl Template {
    /// Learns from a chunk that holds `text` as its only content. `text` has to be a part
    /// of `data`; where it is not, because it was unescaped, nothing is learnt.
    pub(crate) fn learn(&mut self, data: &[u8], text: &str, piece: Piece) {
        self.piece = None;
        let Some(start) = (text.as_ptr() as usize).checked_sub(data.as_ptr() as usize) else {
            return;
        };
        let end = start + text.len();
        if text.is_empty()
            || data.get(start..end) != Some(text.as_bytes())
            || data[..start].last() != Some(&b'"')
            || data.get(end) != Some(&b'"')
        {
            return;
        }
        self.before.clear();
        self.before.extend_from_slice(&data[..start]);
        self.after.clear();
        self.after.extend_from_slice(&data[end..]);
        self.piece = Some(piece);
    }

    /// The text of `data` when nothing else in it is new.
    pub(crate) fn read<'a>(&self, data: &'a [u8]) -> Option<(Piece, &'a str)> {
        let piece = self.piece?;
        let text =
            data.strip_prefix(self.before.as_slice())?.strip_suffix(self.after.as_slice())?;
        // A quote would end the string early; escapes and control characters are for the parser.
        let is_plain = text.iter().all(|byte| *byte >= 0x20 && *byte != b'"' && *byte != b'\\');
        if text.is_empty() || !is_plain {
            return None;
        }
        Some((piece, std::str::from_utf8(text).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Chunk;

    #[test]
    fn only_the_one_string_may_differ() {
        let first = r#"{"id":"a","choices":[{"delta":{"content":"one"},"finish_reason":null}]}"#;
        let chunk: Chunk<'_> = serde_json::from_str(first).unwrap();
        let (piece, text) = chunk.only_piece().unwrap();
        let mut template = Template::default();
        assert_eq!(template.read(first.as_bytes()), None);
        template.learn(first.as_bytes(), text, piece);
        let read = |line: &str| template.read(line.as_bytes()).map(|(_, text)| text.to_owned());
        assert_eq!(read(first).as_deref(), Some("one"));
        assert_eq!(read(&first.replace("one", "zwölf")).as_deref(), Some("zwölf"));
        for other in [
            first.replace("one", ""),
            first.replace("one", "a\\n"),
            first.replace("one", "a\",\"x\":\"b"),
            first.replace("\"a\"", "\"b\""),
            first.replace("null", "\"stop\""),
            first[..first.len() - 1].to_owned(),
            "{}".to_owned(),
        ] {
            assert_eq!(read(&other), None, "{other}");
        }
    }

    #[test]
    fn a_string_that_was_unescaped_teaches_nothing() {
        let line = r#"{"choices":[{"delta":{"content":"a\n"}}]}"#;
        let chunk: Chunk<'_> = serde_json::from_str(line).unwrap();
        let (piece, text) = chunk.only_piece().unwrap();
        let mut template = Template::default();
        template.learn(line.as_bytes(), text, piece);
        assert_eq!(template.read(line.as_bytes()), None);
    }
}
