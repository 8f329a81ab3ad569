//! One answer of a server: its head, then its body, in whatever pieces they come.

use super::body::{Chunk, Framing};

/// Longest head that is read.
const LONGEST_HEAD: usize = 64 * 1024;

/// Most headers that are read.
const MOST_HEADERS: usize = 256;
/// Nearly all answers have fewer headers than this.
const USUAL_HEADERS: usize = 64;
/// Why a head is none where the server waits for TLS.
pub(crate) const SPEAKS_TLS: &str = "it is TLS";

/// What a head tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// In lower case, without parameters; empty when it is not told.
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<String>,
    /// The header `Server`, and others by which servers are known.
    pub(crate) server: Option<String>,
    /// Where else to ask.
    pub(crate) location: Option<String>,
    /// How the body is compressed, although that was not asked for.
    pub(crate) compression: Option<String>,
    /// Whether the connection may be used again.
    pub(crate) keeps_alive: bool,
}

/// How far an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    More,
    Done,
}

/// A part of an answer.
#[derive(Debug)]
pub(crate) enum Part<'a> {
    /// Comes once.
    Head(&'a Head),
    /// A run of the body.
    Body(&'a [u8]),
}

/// Reads one answer.
#[derive(Debug, Default)]
pub(crate) struct Response {
    /// A head of which a part has come.
    begun: Vec<u8>,
    head: Option<(Head, Framing)>,
}

impl Response {
    /// The head, once it has come.
    pub(crate) fn head(&self) -> Option<&Head> {
        self.head.as_ref().map(|(head, _)| head)
    }

    /// True once a byte has come.
    pub(crate) fn has_begun(&self) -> bool {
        !self.begun.is_empty() || self.head.is_some()
    }

    /// True when the end of the connection is the end of the body.
    pub(crate) fn ends_with_connection(&self) -> bool {
        matches!(self.head, Some((_, Framing::UntilClose)))
    }

    /// Takes bytes as they come and hands head and body on.
    ///
    /// # Errors
    /// What breaks HTTP, as a reason; errors of `take` come back inside.
    pub(crate) fn feed<E>(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(Part<'_>) -> Result<(), E>,
    ) -> Result<Result<State, E>, &'static str> {
        let carried;
        let mut rest = bytes;
        if self.head.is_none() {
            // Nearly always the whole head comes in one read.
            if !self.begun.is_empty() {
                self.begun.extend_from_slice(bytes);
                carried = std::mem::take(&mut self.begun);
                rest = &carried;
            }
            loop {
                match parse_head(rest)? {
                    None if rest.len() > LONGEST_HEAD => return Err("its head does not end"),
                    None => {
                        self.begun = rest.to_vec();
                        return Ok(Ok(State::More));
                    }
                    // An interim answer; the real one follows.
                    Some((head, _, used)) if (100..200).contains(&head.status) => {
                        rest = &rest[used..];
                    }
                    Some((head, framing, used)) => {
                        let taken = take(Part::Head(&head));
                        self.head = Some((head, framing));
                        if let Err(error) = taken {
                            return Ok(Err(error));
                        }
                        rest = &rest[used..];
                        break;
                    }
                }
            }
        }
        let Some((head, framing)) = &mut self.head else { return Ok(Ok(State::More)) };
        while !rest.is_empty() && !framing.is_done() {
            let (data, used) = framing.next(rest)?;
            if !data.is_empty()
                && let Err(error) = take(Part::Body(data))
            {
                return Ok(Err(error));
            }
            rest = &rest[used..];
        }
        if !framing.is_done() {
            return Ok(Ok(State::More));
        }
        if !rest.is_empty() {
            // Nobody asked for more: the connection is not in step any more.
            head.keeps_alive = false;
        }
        Ok(Ok(State::Done))
    }
}

type Parsed = (Head, Framing, usize);

fn parse_head(bytes: &[u8]) -> Result<Option<Parsed>, &'static str> {
    let parsed = head_of(bytes, &mut [httparse::EMPTY_HEADER; USUAL_HEADERS]);
    let parsed = parsed.or_else(|error| match error {
        Unread::TooMany => head_of(bytes, &mut [httparse::EMPTY_HEADER; MOST_HEADERS]),
        other => Err(other),
    });
    parsed.map_err(|error| match error {
        Unread::TooMany => "it has more than 256 headers",
        // A handshake or an alert.
        Unread::Other(_) if matches!(bytes, [0x15 | 0x16, 3, ..]) => SPEAKS_TLS,
        Unread::Other(reason) => reason,
    })
}

enum Unread {
    TooMany,
    Other(&'static str),
}

impl From<&'static str> for Unread {
    fn from(reason: &'static str) -> Self {
        Self::Other(reason)
    }
}

fn head_of<'a>(
    bytes: &'a [u8],
    headers: &mut [httparse::Header<'a>],
) -> Result<Option<Parsed>, Unread> {
    let mut response = httparse::Response::new(headers);
    let used = match response.parse(bytes) {
        Ok(httparse::Status::Complete(used)) => used,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Unread::TooMany),
        Err(_) => return Err("its head is no HTTP/1.1".into()),
    };
    let status = response.code.unwrap_or_default();
    let mut head = Head { status, keeps_alive: response.version == Some(1), ..Head::default() };
    let (mut length, mut is_chunked) = (None, false);
    for header in response.headers.iter() {
        let value = String::from_utf8_lossy(header.value);
        let value = value.trim();
        match header.name {
            name if name.eq_ignore_ascii_case("content-type") => {
                head.content_type =
                    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            }
            name if name.eq_ignore_ascii_case("content-length") => {
                length = Some(value.parse().map_err(|_| "its length is no number")?);
            }
            name if name.eq_ignore_ascii_case("transfer-encoding") => {
                is_chunked = value.to_ascii_lowercase().ends_with("chunked");
            }
            name if name.eq_ignore_ascii_case("connection") => {
                let value = value.to_ascii_lowercase();
                if value.contains("close") {
                    head.keeps_alive = false;
                } else if value.contains("keep-alive") {
                    head.keeps_alive = true;
                }
            }
            name if name.eq_ignore_ascii_case("retry-after") => {
                head.retry_after = Some(value.to_owned());
            }
            name if name.eq_ignore_ascii_case("location") => {
                head.location = Some(value.to_owned());
            }
            name if name.eq_ignore_ascii_case("content-encoding") => {
                let is_plain = value.is_empty() || value.eq_ignore_ascii_case("identity");
                head.compression = (!is_plain).then(|| value.to_owned());
            }
            name if name.eq_ignore_ascii_case("server") => head.server = Some(value.to_owned()),
            _ => {}
        }
    }
    let framing = if matches!(status, 100..200 | 204 | 304) {
        Framing::Length(0)
    } else if is_chunked {
        Framing::Chunked(Chunk::START)
    } else {
        match length {
            Some(length) => Framing::Length(length),
            None => {
                head.keeps_alive = false;
                Framing::UntilClose
            }
        }
    };
    Ok(Some((head, framing, used)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<(Response, String, State), &'static str> {
        let (mut response, mut body, mut state) = (Response::default(), String::new(), State::More);
        for piece in pieces {
            let fed = response.feed(piece, |part| {
                if let Part::Body(data) = part {
                    body.push_str(std::str::from_utf8(data).unwrap());
                }
                Ok::<_, ()>(())
            })?;
            state = fed.unwrap();
        }
        Ok((response, body, state))
    }

    #[test]
    fn an_answer_may_be_cut_anywhere() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: \
            Text/Event-Stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n\
            3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        for cut in 0..=bytes.len() {
            let (response, body, state) = read(&[&bytes[..cut], &bytes[cut..]]).unwrap();
            assert_eq!((body.as_str(), state), ("abcde", State::Done), "cut at {cut}");
            let head = response.head().unwrap();
            assert_eq!((head.status, head.content_type.as_str()), (200, "text/event-stream"));
            assert!(head.keeps_alive);
        }
    }

    #[test]
    fn a_body_without_a_length_ends_with_the_connection() {
        let (response, body, state) = read(&[b"HTTP/1.1 200 OK\r\n\r\nabc", b"d"]).unwrap();
        assert_eq!((body.as_str(), state), ("abcd", State::More));
        assert!(response.ends_with_connection() && !response.head().unwrap().keeps_alive);
    }

    #[test]
    fn connections_are_not_used_again_when_they_should_not() {
        let keeps = |bytes: &[u8]| read(&[bytes]).unwrap().0.head().unwrap().keeps_alive;
        assert!(keeps(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"));
        assert!(!keeps(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab"));
        assert!(!keeps(b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\na"));
        assert!(!keeps(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na"));
    }

    #[test]
    fn what_is_no_http_is_refused() {
        for bytes in [&b"SSH-2.0-OpenSSH\r\n"[..], b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"]
        {
            assert!(read(&[bytes]).is_err());
        }
        let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(LONGEST_HEAD));
        assert!(read(&[endless.as_bytes()]).is_err());
    }

    #[test]
    fn many_headers_are_read_and_too_many_refused_with_their_number() {
        let with = |count: usize| {
            let headers: String = (0..count).map(|index| format!("X-{index}: 1\r\n")).collect();
            format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 1\r\n\r\na")
        };
        for count in [0, 63, 64, 200, 255] {
            let (response, body, _) = read(&[with(count).as_bytes()]).unwrap();
            assert_eq!((body.as_str(), response.head().unwrap().status), ("a", 200), "{count}");
        }
        let error = read(&[with(256).as_bytes()]).map(drop).unwrap_err();
        assert!(error.contains(&MOST_HEADERS.to_string()), "{error}");
    }

    #[test]
    fn a_tls_alert_is_known_from_other_garbage() {
        let error = |bytes: &[u8]| read(&[bytes]).map(drop).unwrap_err();
        assert_eq!(error(b"\x15\x03\x03\0\x02\x02\x32"), SPEAKS_TLS);
        assert_ne!(error(b"\x15nothing"), SPEAKS_TLS);
    }
}
