//! Requests as they arrive.

use serde::Deserialize;

/// Largest request that is read: long prompts are part of what clients send.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// One complete request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) is_post: bool,
    pub(crate) path: String,
    /// Where its body lies in the bytes that were given.
    pub(crate) body: std::ops::Range<usize>,
}

/// The first request in `bytes`, `None` until all of it has come.
///
/// # Errors
/// What is no request of HTTP/1.1 with a length.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Request>, ()> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(bytes).map_err(|_| ())? else {
        return if bytes.len() > MOST_BYTES { Err(()) } else { Ok(None) };
    };
    let length = request
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .map(|header| std::str::from_utf8(header.value).unwrap_or_default().trim().parse::<usize>())
        .unwrap_or(Ok(0))
        .map_err(|_| ())?;
    if length > MOST_BYTES {
        return Err(());
    }
    if bytes.len() < head + length {
        return Ok(None);
    }
    Ok(Some(Request {
        is_post: request.method == Some("POST"),
        path: request.path.unwrap_or_default().to_owned(),
        body: head..head + length,
    }))
}

/// What of a chat request matters here.
#[derive(Debug, Deserialize)]
pub(crate) struct Chat {
    pub(crate) model: String,
    #[serde(default)]
    pub(crate) stream: bool,
    #[serde(default)]
    pub(crate) max_tokens: Option<u32>,
    #[serde(default)]
    pub(crate) max_completion_tokens: Option<u32>,
    #[serde(default)]
    pub(crate) stream_options: Option<StreamOptions>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct StreamOptions {
    #[serde(default)]
    pub(crate) include_usage: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_complete_with_its_body() {
        let text = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 4\r\n\r\nbodyGET";
        for end in 0..text.len() - 3 {
            assert!(parse(&text[..end]).unwrap().is_none(), "{end}");
        }
        let request = parse(text).unwrap().unwrap();
        assert_eq!((&text[request.body], request.is_post), (&b"body"[..], true));
        assert_eq!(request.path, "/v1/chat/completions");
        assert!(parse(b"\x00\x01\r\n\r\n").is_err());
    }
}
