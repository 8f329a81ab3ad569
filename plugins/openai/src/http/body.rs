//! Where a body ends.

/// Longest number, with its extension, that a chunk may begin with.
const LONGEST_SIZE_LINE: usize = 1024;
/// Most bytes of headers after the last chunk.
const LONGEST_TRAILER: usize = 64 * 1024;

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// In chunks that tell their sizes.
    Chunked(Chunk),
    /// This many bytes are left.
    Length(u64),
    /// When the connection ends.
    UntilClose,
}

/// Position within chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// In the line with the size: the size so far, its bytes, whether its digits are over.
    Size { size: u64, bytes: usize, is_over: bool },
    /// In the chunk, with this many bytes left.
    Data(u64),
    /// In the line end after a chunk.
    End,
    /// After the last chunk: bytes of this line, and of all.
    Trailer { line: usize, all: usize },
    /// After everything.
    Done,
}

impl Chunk {
    pub(crate) const START: Self = Self::Size { size: 0, bytes: 0, is_over: false };
}

impl Framing {
    pub(crate) fn is_done(self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Done))
    }

    /// The next run of body bytes in `bytes`, and how many of `bytes` it ends after.
    ///
    /// The run may be empty when only framing was read.
    ///
    /// # Errors
    /// What is no chunk.
    pub(crate) fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<(&'a [u8], usize), &'static str> {
        match self {
            Self::UntilClose => Ok((bytes, bytes.len())),
            Self::Length(left) => {
                let count = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= count as u64;
                Ok((&bytes[..count], count))
            }
            Self::Chunked(chunk) => chunk.next(bytes),
        }
    }
}

impl Chunk {
    fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<(&'a [u8], usize), &'static str> {
        let mut at = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            match self {
                Self::Data(left) => {
                    let count =
                        (bytes.len() - at).min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= count as u64;
                    if *left == 0 {
                        *self = Self::End;
                    }
                    return Ok((&bytes[at..at + count], at + count));
                }
                Self::Done => return Ok((&[], at)),
                Self::Size { size, bytes: length, is_over } => {
                    *length += 1;
                    if *length > LONGEST_SIZE_LINE {
                        return Err("the size of a chunk does not end");
                    }
                    match byte {
                        b'\n' => {
                            // A lone line end tells no size.
                            if *length < 2 {
                                return Err("a chunk has no size");
                            }
                            *self = match *size {
                                0 => Self::Trailer { line: 0, all: 0 },
                                size => Self::Data(size),
                            };
                        }
                        b'\r' | b';' | b' ' | b'\t' if *length > 1 => *is_over = true,
                        _ if *is_over => {}
                        _ => {
                            let digit = (byte as char).to_digit(16).ok_or("a chunk has no size")?;
                            *size = size
                                .checked_mul(16)
                                .and_then(|size| size.checked_add(u64::from(digit)))
                                .ok_or("the size of a chunk is too large")?;
                        }
                    }
                }
                Self::End => match byte {
                    b'\r' => {}
                    b'\n' => *self = Self::START,
                    _ => return Err("a chunk is longer than its size"),
                },
                Self::Trailer { line, all } => {
                    *all += 1;
                    if *all > LONGEST_TRAILER {
                        return Err("the headers after the body do not end");
                    }
                    match byte {
                        b'\r' => {}
                        b'\n' if *line == 0 => {
                            *self = Self::Done;
                            return Ok((&[], at + 1));
                        }
                        b'\n' => *line = 0,
                        _ => *line += 1,
                    }
                }
            }
            at += 1;
        }
        Ok((&[], at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<(String, bool), &'static str> {
        let mut framing = Framing::Chunked(Chunk::START);
        let mut body = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() && !framing.is_done() {
                let (data, used) = framing.next(rest)?;
                body.extend_from_slice(data);
                rest = &rest[used..];
            }
        }
        Ok((String::from_utf8(body).unwrap(), framing.is_done()))
    }

    #[test]
    fn chunks_are_joined_wherever_reads_cut_them() {
        let bytes = b"4\r\nWiki\r\nA;name=x\r\npedia in \n\r\n0\r\nX: y\r\n\r\n";
        for cut in 0..bytes.len() {
            let expected = Ok(("Wikipedia in \n".to_owned(), true));
            assert_eq!(read(&[&bytes[..cut], &bytes[cut..]]), expected, "cut at {cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(read(&single), Ok(("Wikipedia in \n".to_owned(), true)));
        assert_eq!(read(&[b"4\r\nWiki\r\n"]), Ok(("Wiki".to_owned(), false)));
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for bytes in [
            &b"data: x\r\n"[..],
            b"\r\nabc",
            b"\n",
            b"2\r\nabc\r\n",
            b"fffffffffffffffff\r\n",
            &[b' '; 2000],
            &[b'0'; 2000],
        ] {
            assert!(read(&[bytes]).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_length_counts_down() {
        let mut framing = Framing::Length(5);
        assert_eq!(framing.next(b"abc"), Ok((&b"abc"[..], 3)));
        assert_eq!(framing.next(b"defg"), Ok((&b"de"[..], 2)));
        assert!(framing.is_done());
    }
}
