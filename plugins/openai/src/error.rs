//! What an answer that is no answer means, and what the user can do about it.
//!
//! These servers agree on little more than the status; their texts are searched
//! for the few causes that need a different reaction.

use std::time::{Duration, SystemTime};

use llmbench_api::{Error, ErrorKind, Json};

use crate::http::{Head, SPEAKS_TLS};
use crate::secret::Secrets;
use crate::wire::error_text;

/// The server's own words, as far as they are shown.
const LONGEST_EXCERPT: usize = 200;

/// What nginx, Go and Apache say when they are spoken to in plain HTTP where they expect TLS.
const HTTP_TO_TLS: [&str; 3] =
    ["http request was sent to https", "http request to an https", "plain http to an ssl"];
const WRITE_HTTPS: &str = "the server expects TLS there: write https:// in `--url`";

/// What messages about one request need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    /// What it does, to begin messages with.
    pub(crate) what: &'a str,
    /// What no message may hold.
    pub(crate) secrets: &'a Secrets,
}

/// The error that the server tells with a status, before an answer began.
pub(crate) fn from_status(head: &Head, body: &[u8], about: About<'_>) -> Error {
    if let (300..400, Some(target)) = (head.status, &head.location) {
        return redirected(head.status, target, about).with_phase("first_token");
    }
    // What is compressed tells nothing.
    let body = if head.compression.is_some() { &[] } else { body };
    let json = serde_json::from_slice::<Json>(body).ok();
    let text = json.as_ref().and_then(|json| {
        // llama.cpp, vLLM and others say `error`, FastAPI says `detail`, some only `message`.
        let found =
            json.get("error").or_else(|| json.get("detail")).or_else(|| json.get("message"));
        found.map(error_text)
    });
    let mut error = match text {
        Some(text) => from_text(Some(head.status), &text, about),
        None => {
            let text = match excerpt(body, about.secrets) {
                excerpt if excerpt.is_empty() => format!("status {}", head.status),
                excerpt => format!("status {}: {excerpt}", head.status),
            };
            from_text(Some(head.status), &text, about)
        }
    };
    if let Some(text) = &head.retry_after {
        let shown = shorten(&about.secrets.redact(text));
        error.message += &format!(" (the server asks to wait: Retry-After: {shown})");
        if let Some(wait) = retry_after(text, SystemTime::now()) {
            error = error.with_retry_after(wait);
        }
    }
    error.with_phase("first_token")
}

/// How long from `now` a header `Retry-After` asks to wait: seconds or a date (RFC 9110, 10.2.3).
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text.trim()).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

fn redirected(status: u16, target: &str, about: About<'_>) -> Error {
    let (what, target) = (about.what, shorten(&about.secrets.redact(target)));
    Error::new(
        ErrorKind::Settings,
        format!(
            "{what}: the server sends on to `{target}` (status {status}), which is not followed"
        ),
    )
    .with_hint("name that address with `--url`, as far as to /v1 in it")
}

/// The error that the server tells as text, with its status or in the middle of an answer.
pub(crate) fn from_text(status: Option<u16>, text: &str, about: About<'_>) -> Error {
    let what = about.what;
    let lower = text.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    let text = shorten(&about.secrets.redact(text));
    let error = |kind, hint: &str| {
        let status = status.map_or(String::new(), |status| format!(" (status {status})"));
        Error::new(kind, format!("{what}: {text}{status}")).with_hint(hint)
    };
    match status {
        Some(401 | 403) => {
            return error(
                ErrorKind::Settings,
                "put the API key into LLMBENCH_OPENAI_API_KEY, or name a file that holds it with \
                 `--set openai.api_key_file=FILE`",
            );
        }
        Some(429 | 503 | 529) => {
            return error(
                ErrorKind::Busy,
                "wait until the server has loaded its model or answered others, or send fewer \
                 requests at a time",
            );
        }
        _ => {}
    }
    if has(&["out of memory", "cuda oom", "failed to allocate", "insufficient memory"]) {
        return error(
            ErrorKind::OutOfMemory,
            "start the server with a smaller context or a smaller model",
        );
    }
    let names_model = has(&["model"]);
    if names_model && (status == Some(404) || has(&["not found", "does not exist", "not loaded"])) {
        return error(ErrorKind::ModelNotFound, "list the models with `llmbench models`");
    }
    match status {
        Some(400) if has(&HTTP_TO_TLS) => error(ErrorKind::Settings, WRITE_HTTPS),
        Some(400 | 413 | 422) if has(&["context"]) && has(&["exceed", "maximum", "too long"]) => {
            error(
                ErrorKind::Settings,
                "start the server with a longer context (llama.cpp: --ctx-size, which all slots \
                 share; vLLM: --max-model-len), or shorten prompt and --max-tokens",
            )
        }
        Some(404 | 405) => error(
            ErrorKind::Settings,
            "is this a server with OpenAI's API? check `--url`: requests go to its path with \
             /v1/chat/completions behind it",
        ),
        Some(400 | 413 | 422) => error(
            ErrorKind::Settings,
            "correct what the server refuses; one that knows only OpenAI's own options wants \
             `--set openai.extensions=false`",
        ),
        _ => error(ErrorKind::Protocol, "the server's log says more"),
    }
}

/// The status that an error object names.
pub(crate) fn code(error: &Json) -> Option<u16> {
    let code = error.get("code")?;
    let code = code.as_u64().or_else(|| code.as_str()?.parse().ok())?;
    u16::try_from(code).ok().filter(|code| (400..600).contains(code))
}

/// The error for a line that belongs to no stream of events.
pub(crate) fn no_stream(about: About<'_>, line: &[u8], chunks: u64) -> Error {
    let kind = if looks_like_html(line) { "an HTML page" } else { "no stream of events" };
    let (what, line) = (about.what, excerpt(line, about.secrets));
    let behind = if chunks == 0 { String::new() } else { arrived(chunks) };
    Error::new(ErrorKind::Protocol, format!("{what}: the answer is {kind}{behind}: {line}"))
        .with_phase(phase(chunks))
        .with_hint("is this a server with OpenAI's API? check `--url`")
}

/// The error for an event that is no chunk of an answer.
pub(crate) fn garbage(about: About<'_>, data: &[u8], chunks: u64) -> Error {
    let (what, data) = (about.what, excerpt(data, about.secrets));
    Error::new(
        ErrorKind::Protocol,
        format!("{what}: cannot read an event{}: {data}", arrived(chunks)),
    )
    .with_phase(phase(chunks))
    .with_hint("the server's log may say more; is it a server with OpenAI's API?")
}

/// The error for a line without an end.
pub(crate) fn too_long(what: &str, chunks: u64, limit: usize) -> Error {
    let arrived = arrived(chunks);
    Error::new(
        ErrorKind::Protocol,
        format!("{what}: a line of the answer is longer than {limit} bytes{arrived}"),
    )
    .with_phase(phase(chunks))
    .with_hint("is this a server with OpenAI's API? check `--url`")
}

/// The error for an answer that ended although it was not complete.
pub(crate) fn ended_early(what: &str, chunks: u64) -> Error {
    Error::new(
        ErrorKind::Protocol,
        format!("{what}: the answer ended without its end mark{}", arrived(chunks)),
    )
    .with_phase(phase(chunks))
    .with_hint("look whether the server still runs; its log says why it stopped")
}

/// The error for an answer with an end mark and neither a reason nor a count of tokens.
pub(crate) fn dropped(what: &str, chunks: u64) -> Error {
    Error::new(
        ErrorKind::Protocol,
        format!(
            "{what}: the server ended the answer without a reason or a count of tokens{}",
            arrived(chunks)
        ),
    )
    .with_phase(phase(chunks))
    .with_hint(
        "some servers drop an answer when the next request comes (llama-cpp-python: start it with \
         `--interrupt_requests false`); else the server's log says why",
    )
}

/// The error for an answer that the server itself calls a failure.
pub(crate) fn given_up(what: &str, word: &str, chunks: u64) -> Error {
    let arrived = arrived(chunks);
    Error::new(
        ErrorKind::Protocol,
        format!("{what}: the server gave the answer up (finish_reason `{word}`){arrived}"),
    )
    .with_phase("answer")
    .with_hint("the server's log says why")
}

/// The error for a connection that broke before or in an answer.
pub(crate) fn broken(what: &str, chunks: u64, cause: &dyn std::error::Error) -> Error {
    Error::new(ErrorKind::Protocol, format!("{what}: the connection broke{}", arrived(chunks)))
        .with_phase(phase(chunks))
        .with_hint("look whether the server still runs; its log says why it ended")
        .with_cause(cause)
}

/// The error for a connection that could not be made.
pub(crate) fn no_connection(what: &str, url: &str, cause: &std::io::Error) -> Error {
    let text = cause.to_string();
    let is_local = cause.raw_os_error().is_some()
        && (text.contains("Too many open files") || text.contains("assign requested address"));
    let (message, hint) = if is_local {
        (
            format!("{what}: this machine has no room for another connection"),
            "raise the limit with `ulimit -n 4096`, or lower `openai.max_connections`",
        )
    } else {
        (
            format!("{what}: nothing answers at {url}"),
            "start the server, or name another one with `--url`",
        )
    };
    Error::new(ErrorKind::Unavailable, message)
        .with_phase("connect")
        .with_hint(hint)
        .with_cause(cause)
}

/// The error for a server with which no TLS could be agreed upon.
pub(crate) fn no_tls(what: &str, url: &str, cause: &rustls::Error) -> Error {
    use rustls::{CertificateError, Error as Tls};
    let (message, hint) = match cause {
        Tls::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => (
            format!("the certificate of {url} is for another name"),
            "write the name that the certificate is for in `--url`, or give the server another \
             certificate",
        ),
        Tls::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => (
            format!("the certificate of {url} is not valid at this time"),
            "renew the server's certificate, or set this machine's clock",
        ),
        Tls::InvalidCertificate(_) | Tls::NoCertificatesPresented => (
            format!("the certificate of {url} is not trusted"),
            "name the file with the certificate that signed it, in PEM format, with \
             `--set openai.ca_file=FILE`",
        ),
        Tls::InvalidMessage(_) => (
            format!("{url} speaks no TLS"),
            "is it a server without TLS? then write http:// in `--url`",
        ),
        _ => (
            format!("no TLS could be agreed upon with {url}"),
            "the server's log may say more; check https:// and the port in `--url`",
        ),
    };
    Error::new(ErrorKind::Settings, format!("{what}: {message}"))
        .with_phase("connect")
        .with_hint(hint)
        .with_cause(cause)
}

/// The error for what is no answer in HTTP.
pub(crate) fn no_http(what: &str, phase: &str, reason: &str) -> Error {
    let message = format!("{what}: cannot read the answer: {reason}");
    if reason == SPEAKS_TLS {
        return Error::new(ErrorKind::Settings, message)
            .with_phase("connect")
            .with_hint(WRITE_HTTPS);
    }
    Error::new(ErrorKind::Protocol, message)
        .with_phase(phase)
        .with_hint("is this a server with OpenAI's API? check `--url`")
}

/// The error for an answer in a form that was not asked for.
pub(crate) fn compressed(about: About<'_>, form: &str) -> Error {
    let (what, form) = (about.what, excerpt(form.as_bytes(), about.secrets));
    Error::new(
        ErrorKind::Protocol,
        format!("{what}: the answer is compressed ({form}) although plain text was asked for"),
    )
    .with_phase("first_token")
    .with_hint("turn compression off in the server, or in the proxy before it")
}

/// A limit that passed, by how far the request was.
pub(crate) fn timeout(what: &str, phase: &str, seconds: f64, chunks: u64) -> Error {
    let (message, hint) = match phase {
        "schedule" => (
            format!("{what}: not sent within {seconds:.1} s of its time"),
            "the load is more than the server takes; allow more connections with \
             `openai.max_connections`, or send less",
        ),
        "connect" => (
            format!("{what}: no connection within {seconds:.1} s"),
            "check the address (`--url`) and the network, or allow more with \
             `--set openai.connect_timeout_ms=20000`",
        ),
        "first_token" => (
            format!("{what}: no token within {seconds:.1} s"),
            "allow more with `--timeout 120s`; loading a large model or reading a long prompt takes \
             time, and so does a server that is busy with other requests",
        ),
        _ => (
            format!(
                "{what}: the answer was not complete within {seconds:.1} s ({chunks} pieces had \
                 arrived)"
            ),
            "allow more with `--timeout 120s`, or ask for less with `--max-tokens`",
        ),
    };
    Error::new(ErrorKind::Timeout, message).with_phase(phase).with_hint(hint)
}

/// The beginning of what was sent, in one line and without secrets.
pub(crate) fn excerpt(bytes: &[u8], secrets: &Secrets) -> String {
    shorten(&secrets.redact(&String::from_utf8_lossy(bytes)))
}

fn shorten(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().filter(|letter| !letter.is_control()));
        if line.chars().count() > LONGEST_EXCERPT {
            return line.chars().take(LONGEST_EXCERPT).chain(['…']).collect();
        }
    }
    line
}

/// How far an answer is of which so many pieces have come.
pub(crate) fn phase(chunks: u64) -> &'static str {
    if chunks == 0 { "first_token" } else { "answer" }
}

fn arrived(chunks: u64) -> String {
    match chunks {
        0 => " before any text".to_owned(),
        1 => " after 1 piece".to_owned(),
        _ => format!(" after {chunks} pieces"),
    }
}

fn looks_like_html(bytes: &[u8]) -> bool {
    let lower = bytes[..bytes.len().min(1024)].to_ascii_lowercase();
    let holds = |tag: &[u8]| lower.windows(tag.len()).any(|window| window == tag);
    holds(b"<html") || holds(b"<!doctype")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_decides_what_is_done_about_it() {
        fn check(status: u16, body: &str, kind: ErrorKind, part: &str) {
            let head = Head { status, retry_after: Some("7".into()), ..Head::default() };
            let secrets = Secrets::none();
            let about = About { what: "ask model `m`", secrets: &secrets };
            let error = from_status(&head, body.as_bytes(), about);
            assert_eq!(error.kind, kind, "{error}");
            for part in [part, "Retry-After: 7", "ask model `m`"] {
                assert!(error.message.contains(part), "{part:?} not in {error}");
            }
            assert!(error.hint.is_some());
        }
        check(400, "Client sent an HTTP request to an HTTPS server.", ErrorKind::Settings, "HTTPS");
        check(401, r#"{"error":{"message":"bad key"}}"#, ErrorKind::Settings, "bad key");
        check(429, r#"{"error":"slow down"}"#, ErrorKind::Busy, "slow down");
        check(503, "<html>", ErrorKind::Busy, "status 503");
        check(500, "", ErrorKind::Protocol, "status 500");
        check(500, r#"{"detail":"CUDA out of memory"}"#, ErrorKind::OutOfMemory, "CUDA");
        check(
            404,
            r#"{"message":"The model `x` does not exist."}"#,
            ErrorKind::ModelNotFound,
            "`x`",
        );
        check(404, "page", ErrorKind::Settings, "page");
        check(422, r#"{"detail":[{"msg":"top_k"}]}"#, ErrorKind::Settings, "top_k");
    }

    #[test]
    fn the_wait_that_a_server_asks_for_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 5);
        for (text, seconds) in [
            ("7", Some(7)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(5)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(retry_after(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn long_and_odd_texts_are_shortened() {
        let long = format!("a\n\tb\u{1b}[31m {}", "x".repeat(1000));
        let text = excerpt(long.as_bytes(), &Secrets::none());
        assert!(text.starts_with("a b[31m xxx") && text.chars().count() <= LONGEST_EXCERPT + 1);
    }

    #[test]
    fn a_secret_is_taken_out_before_the_text_is_cut() {
        let mut secrets = Secrets::none();
        secrets.add("sk-very-secret", "API key");
        let about = About { what: "ask model `m`", secrets: &secrets };
        for before in 170..LONGEST_EXCERPT {
            let text = format!("{} bad:sk-very-secret", "x".repeat(before));
            let body = serde_json::json!({"error": {"message": text}}).to_string();
            let head = Head { status: 401, retry_after: Some(text.clone()), ..Head::default() };
            for error in [
                from_status(&head, body.as_bytes(), about),
                from_status(&head, text.as_bytes(), about),
                from_text(None, &text, about),
                garbage(about, text.as_bytes(), 1),
                no_stream(about, text.as_bytes(), 0),
            ] {
                assert!(!format!("{error:?}").contains("sk-v"), "{before}: {error:?}");
            }
        }
    }
}
