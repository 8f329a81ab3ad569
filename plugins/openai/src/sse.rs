//! Server-sent events: bytes in, the lines of events out.
//!
//! These servers write each event's JSON into one `data:` line, so a line is handed on at
//! once, without waiting for the empty line behind it.

use memchr::{memchr, memchr2};

/// Longest line that is kept; a piece of an answer has some hundred bytes.
pub(crate) const LONGEST_LINE: usize = 1024 * 1024;

/// One line that says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// `data:` and what follows.
    Data(&'a [u8]),
    /// `event:` and what follows.
    Name(&'a [u8]),
    /// An empty line: the event is over.
    End,
    /// A field that nobody needs, or a text that looks like one.
    Other(&'a [u8]),
    /// A line that belongs to no stream of events.
    Foreign(&'a [u8]),
}

/// Cuts a stream into lines, keeping the last one until its end has come.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    begun: Vec<u8>,
    /// Whether lines end with a carriage return alone, which no known server does.
    has_lone_returns: bool,
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
        if self.ends_with_lone_return(rest) {
            self.has_lone_returns = true;
            if let Err(error) = self.end_line(&[], &mut take) {
                return Ok(Err(error));
            }
        }
        while let Some(end) = self.find_end(rest) {
            let line = &rest[..end];
            rest = &rest[end + 1..];
            let taken = if self.begun.is_empty() {
                hand_on(line, &mut take)
            } else {
                self.end_line(line, &mut take)
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

    /// Where the next line ends.
    #[inline]
    fn find_end(&mut self, rest: &[u8]) -> Option<usize> {
        if !self.has_lone_returns
            && let Some(end) = memchr(b'\n', rest)
        {
            return Some(end);
        }
        if rest.is_empty() { None } else { self.find_lone_return(rest) }
    }

    fn find_lone_return(&mut self, rest: &[u8]) -> Option<usize> {
        // A return at the very end may be the half of a line end.
        self.has_lone_returns |= memchr(b'\r', rest).is_some_and(|at| rest.get(at + 1).is_some());
        if !self.has_lone_returns {
            return None;
        }
        let end = memchr2(b'\n', b'\r', rest)?;
        match (rest[end], rest.get(end + 1)) {
            (b'\r', Some(b'\n')) => Some(end + 1),
            (b'\r', None) => None,
            _ => Some(end),
        }
    }

    /// Whether the line that is begun ended with the return at its end.
    fn ends_with_lone_return(&self, next: &[u8]) -> bool {
        self.begun.last() == Some(&b'\r') && next.first().is_some_and(|byte| *byte != b'\n')
    }

    /// Hands on the line that is begun, with its rest.
    fn end_line<E>(
        &mut self,
        line: &[u8],
        take: &mut impl FnMut(Line<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.begun.extend_from_slice(line);
        let line = std::mem::take(&mut self.begun);
        let taken = hand_on(&line, take);
        // The space is used again.
        self.begun = line;
        self.begun.clear();
        taken
    }

    /// A line whose end has not come.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.begun
    }
}

/// What `line` says; `None` for comments.
pub(crate) fn classify(line: &[u8]) -> Option<Line<'_>> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if let Some(data) = line.strip_prefix(b"data:") {
        return Some(Line::Data(data.strip_prefix(b" ").unwrap_or(data)));
    }
    if line.is_empty() {
        return Some(Line::End);
    }
    classify_rare(line)
}

/// Apart, so that what most lines are stays short.
#[cold]
fn classify_rare(line: &[u8]) -> Option<Line<'_>> {
    if let Some(name) = line.strip_prefix(b"event:") {
        return Some(Line::Name(name.strip_prefix(b" ").unwrap_or(name)));
    }
    // A stream may begin with a byte order mark.
    if let Some(line) = line.strip_prefix("\u{feff}".as_bytes()) {
        return classify(line);
    }
    let name = &line[..memchr(b':', line).unwrap_or(line.len())];
    if name.is_empty() {
        return None;
    }
    let is_field = name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
    Some(if is_field { Line::Other(line) } else { Line::Foreign(line) })
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
                    Line::End => ".".to_owned(),
                    Line::Other(line) => format!("other {}", String::from_utf8_lossy(line)),
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
        let bytes = "\u{feff}: hello\ndata: {\"a\":1}\r\n\r\nevent: error\ndata:ü\nid: 3\nfoo: \
                     bar\n\noops: no\n{\"error\":1}\n<html>\n";
        let expected = [
            "{\"a\":1}",
            ".",
            "name error",
            "ü",
            "other id: 3",
            "other foo: bar",
            ".",
            "other oops: no",
            "foreign {\"error\":1}",
            "foreign <html>",
        ];
        let unix = bytes.replace("\r\n", "\n");
        for bytes in [bytes, &unix, &unix.replace('\n', "\r\n"), &unix.replace('\n', "\r")] {
            let bytes = bytes.as_bytes();
            for cut in 0..=bytes.len() {
                let (found, lines) = read(&[&bytes[..cut], &bytes[cut..], b": over"]).unwrap();
                assert_eq!(found, expected, "cut at {cut} of {:?}", bytes.escape_ascii());
                assert_eq!(lines.rest(), b": over");
            }
            let single: Vec<_> = bytes.chunks(1).chain([&b": over"[..]]).collect();
            assert_eq!(read(&single).unwrap().0, expected);
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
