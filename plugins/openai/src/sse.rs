//! Server-sent events: bytes in, the data of events out.
//!
//! These servers write each event's JSON into one `data:` line, so every such line
//! is taken as an event, without waiting for the empty line behind it.

use memchr::memchr;

/// Longest line that is kept; a piece of an answer has some hundred bytes.
pub(crate) const LONGEST_LINE: usize = 1024 * 1024;

/// One line that says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// `data:` and what follows.
    Data(&'a [u8]),
    /// `event:` and what follows.
    Name(&'a [u8]),
    /// A line that belongs to no stream of events.
    Foreign(&'a [u8]),
}

/// Cuts a stream into lines, keeping the last one until its end has come.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    begun: Vec<u8>,
}

/// A line is longer than [`LONGEST_LINE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Lines {
    /// Hands each complete line to `take`, until it fails.
    ///
    /// # Errors
    /// [`TooLong`]; errors of `take` come back inside.
    pub(crate) fn feed<E>(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(Line<'_>) -> Result<(), E>,
    ) -> Result<Result<(), E>, TooLong> {
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            rest = after;
            let taken = if self.begun.is_empty() {
                hand_on(line, &mut take)
            } else {
                self.begun.extend_from_slice(line);
                let line = std::mem::take(&mut self.begun);
                let taken = hand_on(&line, &mut take);
                // The space is used again.
                self.begun = line;
                self.begun.clear();
                taken
            };
            if let Err(error) = taken {
                return Ok(Err(error));
            }
        }
        if self.begun.len() + rest.len() > LONGEST_LINE {
            return Err(TooLong);
        }
        self.begun.extend_from_slice(rest);
        Ok(Ok(()))
    }

    /// A line whose end has not come.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.begun
    }
}

/// What `line` says; `None` for empty ones, comments and other fields.
pub(crate) fn classify(line: &[u8]) -> Option<Line<'_>> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if let Some(data) = line.strip_prefix(b"data:") {
        return Some(Line::Data(data.strip_prefix(b" ").unwrap_or(data)));
    }
    if let Some(name) = line.strip_prefix(b"event:") {
        return Some(Line::Name(name.strip_prefix(b" ").unwrap_or(name)));
    }
    let is_silent = line.is_empty()
        || line.starts_with(b":")
        || line.starts_with(b"id:")
        || line.starts_with(b"retry:");
    (!is_silent).then_some(Line::Foreign(line))
}

fn hand_on<E>(line: &[u8], take: &mut impl FnMut(Line<'_>) -> Result<(), E>) -> Result<(), E> {
    classify(line).map_or(Ok(()), take)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<(Vec<String>, Lines), TooLong> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for piece in pieces {
            let fed = lines.feed(piece, |line| {
                found.push(match line {
                    Line::Data(data) => String::from_utf8_lossy(data).into_owned(),
                    Line::Name(name) => format!("name {}", String::from_utf8_lossy(name)),
                    Line::Foreign(line) => format!("foreign {}", String::from_utf8_lossy(line)),
                });
                Ok::<_, ()>(())
            })?;
            fed.unwrap();
        }
        Ok((found, lines))
    }

    #[test]
    fn events_are_found_wherever_reads_cut_them() {
        let bytes = ": hello\ndata: {\"a\":1}\r\n\r\nevent: error\ndata:ü\nid: 3\n\noops\n";
        for cut in 0..=bytes.len() {
            let (found, lines) =
                read(&[&bytes.as_bytes()[..cut], &bytes.as_bytes()[cut..]]).unwrap();
            assert_eq!(found, ["{\"a\":1}", "name error", "ü", "foreign oops"], "cut at {cut}");
            assert!(lines.rest().is_empty());
        }
        let (found, lines) = read(&[b"data: 1\ndata: 2"]).unwrap();
        assert_eq!((found.len(), lines.rest()), (1, &b"data: 2"[..]));
    }

    #[test]
    fn a_line_that_does_not_end_is_refused_before_it_fills_the_memory() {
        let piece = vec![b'x'; LONGEST_LINE / 2];
        assert!(read(&[&piece, &piece]).is_ok());
        assert_eq!(read(&[&piece, &piece, b"x"]).unwrap_err(), TooLong);
    }
}
