//! Text out of tokens: a character may be spread over several of them.

/// Puts the bytes of tokens together to text.
#[derive(Debug, Default)]
pub(crate) struct TextStream {
    pending: Vec<u8>,
}

impl TextStream {
    /// The text that `bytes` completes; the rest waits for the next ones.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.pending) {
                Ok(all) => {
                    text.push_str(all);
                    self.pending.clear();
                    return text;
                }
                Err(error) => {
                    let (valid, rest) = self.pending.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    let skip = match error.error_len() {
                        None => {
                            self.pending = rest.to_vec();
                            return text;
                        }
                        Some(invalid) => invalid,
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.pending = rest[skip..].to_vec();
                }
            }
        }
    }

    /// What is left at the end: a character that was never completed.
    pub(crate) fn finish(self) -> String {
        String::from_utf8_lossy(&self.pending).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_waits_for_its_last_byte() {
        let mut stream = TextStream::default();
        let bytes = "a€b".as_bytes();
        assert_eq!(stream.push(&bytes[..2]), "a");
        assert_eq!(stream.push(&bytes[2..3]), "");
        assert_eq!(stream.push(&bytes[3..]), "€b");
        assert_eq!(stream.finish(), "");
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_and_not_waited_for() {
        let mut stream = TextStream::default();
        assert_eq!(stream.push(b"a\xffb\xe2"), "a\u{fffd}b");
        assert_eq!(stream.push(b"c"), "\u{fffd}c");
        assert_eq!(stream.push(b"\xe2"), "");
        assert_eq!(stream.finish(), "\u{fffd}");
    }
}
