//! What an answer that is no answer means, and what the user can do about it.
//!
//! Ollama has no error codes, only texts; those known here were recorded from
//! a real server 0.6.5 or read in its source.

use llmbench_api::{Error, ErrorKind, Json};

use crate::wire::error_text;

/// The server's own words, as far as they are shown.
const LONGEST_EXCERPT: usize = 200;
/// Installed models that a hint names.
const LONGEST_LIST: usize = 10;

/// The error that the server tells with an HTTP status, before an answer began.
pub(crate) fn from_status(status: u16, body: &[u8], what: &str, base_url: &str) -> Error {
    let text = serde_json::from_slice::<Json>(body)
        .ok()
        .and_then(|json| json.get("error").map(error_text));
    match text {
        Some(text) => from_text(Some(status), &text, what),
        None if status == 403 => Error::new(
            ErrorKind::Unavailable,
            format!("{what}: {base_url} refuses the request with status 403"),
        )
        .with_hint(
            "Ollama answers only to local names; use its IP address in `--url`, or set \
             OLLAMA_ORIGINS on the server",
        ),
        None if status == 503 => busy(what, "status 503"),
        None => not_ollama(&format!("{what}: {base_url} answered with status {status}"), body),
    }
}

/// The error that the server tells as text, with its status or in the middle of an answer.
pub(crate) fn from_text(status: Option<u16>, text: &str, what: &str) -> Error {
    let lower = text.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    let error = |kind, hint: &str| Error::new(kind, format!("{what}: {text}")).with_hint(hint);
    if has(&OUT_OF_MEMORY) {
        return error(
            ErrorKind::OutOfMemory,
            "use a smaller context (`--num-ctx`) or a smaller model, or unload others with \
             `ollama stop NAME` (`ollama ps` lists them)",
        );
    }
    if status == Some(503) || has(&["server busy", "maximum pending requests"]) {
        return busy(what, text);
    }
    if has(&["does not support chat"]) {
        return error(
            ErrorKind::Unsupported,
            "choose a model that can chat; when this one should, its file is damaged or gone: \
             `ollama pull` it again",
        );
    }
    if has(&["does not support"]) {
        return error(ErrorKind::Unsupported, "choose a model that can do it");
    }
    if has(&[
        "unable to load model",
        "error loading model",
        "unsupported model",
        "unknown model architecture",
    ]) {
        return error(
            ErrorKind::Unsupported,
            "its file is damaged or made for a newer Ollama: remove it with `ollama rm` and pull \
             it again, or update Ollama",
        );
    }
    if has(&["invalid model name", "invalid model path", "model is required"]) {
        return error(ErrorKind::Settings, "names look like `qwen2.5-coder:7b`");
    }
    if has(&["not found"]) && has(&["model"]) {
        return Error::new(ErrorKind::ModelNotFound, format!("{what}: {text}"));
    }
    if has(&["invalid duration", "missing unit in duration"]) {
        return error(
            ErrorKind::Settings,
            "correct the setting `keep_alive`, for example to \"5m\"",
        );
    }
    if has(&["must be of type", "invalid format", "invalid json schema"])
        || matches!(status, Some(400 | 413 | 422))
    {
        return error(ErrorKind::Settings, "correct the option or format that the server refuses");
    }
    error(
        ErrorKind::Protocol,
        "the server's log (`ollama serve`, or `journalctl -u ollama`) says more",
    )
}

/// The error for an answer that no Ollama server gives.
pub(crate) fn not_ollama(what: &str, body: &[u8]) -> Error {
    let lower = body[..body.len().min(1024)].to_ascii_lowercase();
    let holds = |tag: &[u8]| lower.windows(tag.len()).any(|window| window == tag);
    let kind = if holds(b"<html") || holds(b"<!doctype") { "an HTML page" } else { "no JSON" };
    Error::new(ErrorKind::Protocol, format!("{what}, and the answer is {kind}: {}", excerpt(body)))
        .with_hint("is this an Ollama server? check `--url`: its path must be without /api or /v1")
}

/// The error for a request that did not get as far as an answer, or lost it midway.
pub(crate) fn from_transport(error: &reqwest::Error, what: &str, base_url: &str) -> Error {
    let failed = if error.is_connect() && error.is_timeout() {
        Error::new(ErrorKind::Timeout, format!("{what}: connecting to {base_url} took too long"))
            .with_phase("connect")
            .with_hint(
                "check the address (`--url`); on a slow network set \
                 `--set ollama.connect_timeout_ms=20000`",
            )
    } else if error.is_connect() {
        Error::new(ErrorKind::Unavailable, format!("{what}: nothing answers at {base_url}"))
            .with_hint("start the server with `ollama serve`, or name another one with `--url`")
    } else {
        Error::new(ErrorKind::Protocol, format!("{what}: the connection to {base_url} broke"))
            .with_hint("look whether the server still runs; its log says why it ended")
    };
    // The layers in between only repeat the address.
    let mut root: &dyn std::error::Error = error;
    while let Some(source) = root.source() {
        root = source;
    }
    failed.with_cause(root)
}

/// Adds which models there are, and how to get the wanted one.
pub(crate) fn with_installed(error: Error, model: &str, installed: &[String]) -> Error {
    let list = match installed {
        [] => "no model is installed".to_owned(),
        names if names.len() > LONGEST_LIST => format!(
            "installed: {} and {} more (`llmbench models`)",
            names[..LONGEST_LIST].join(", "),
            names.len() - LONGEST_LIST
        ),
        names => format!("installed: {}", names.join(", ")),
    };
    error.with_hint(format!("run `ollama pull {model}`; {list}"))
}

/// The beginning of `bytes` on one line.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST_EXCERPT * 4)]);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut characters = text.chars();
    let start: String = characters.by_ref().take(LONGEST_EXCERPT).collect();
    let more = if characters.next().is_some() { "…" } else { "" };
    if start.is_empty() { "(empty)".to_owned() } else { format!("`{start}{more}`") }
}

const OUT_OF_MEMORY: [&str; 7] = [
    "requires more system memory",
    "out of memory",
    "outofmemory",
    "out_of_memory",
    "cudamalloc failed",
    "failed to allocate",
    "unable to allocate",
];

fn busy(what: &str, text: &str) -> Error {
    Error::new(ErrorKind::Busy, format!("{what}: {text}")).with_hint(
        "let the server finish its other requests, or raise OLLAMA_MAX_QUEUE on the server",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_server_become_kinds() {
        fn check(status: u16, text: &str, kind: ErrorKind) {
            let body = serde_json::json!({ "error": text }).to_string();
            let error = from_status(status, body.as_bytes(), "ask `m`", "http://x");
            assert_eq!(error.kind, kind, "{error}");
            assert!(error.message.contains(text), "{error}");
            assert!(error.hint.is_some() || kind == ErrorKind::ModelNotFound, "{error}");
        }
        // Recorded from a real server 0.6.5.
        check(404, r#"model "nope" not found, try pulling it first"#, ErrorKind::ModelNotFound);
        check(404, "model 'nope' not found", ErrorKind::ModelNotFound);
        check(400, r#""moe" does not support chat"#, ErrorKind::Unsupported);
        check(
            400,
            "registry.ollama.ai/library/tiny:latest does not support tools",
            ErrorKind::Unsupported,
        );
        check(500, "unable to load model: /models/blobs/sha256-e96b", ErrorKind::Unsupported);
        check(
            500,
            "model requires more system memory (30.5 GiB) than is available (19.7 GiB)",
            ErrorKind::OutOfMemory,
        );
        check(
            503,
            "server busy, please try again.  maximum pending requests exceeded",
            ErrorKind::Busy,
        );
        check(
            500,
            "an error was encountered while running the model: unexpected EOF",
            ErrorKind::Protocol,
        );
        check(500, r#"option "temperature" must be of type float32"#, ErrorKind::Settings);
        check(500, r#"invalid format: "yaml"; expected "json""#, ErrorKind::Settings);
        check(400, r#"time: invalid duration "soon""#, ErrorKind::Settings);
        check(400, "model is required", ErrorKind::Settings);
        check(500, "invalid model path", ErrorKind::Settings);
        // From the sources of llama.cpp, which the server passes on.
        check(
            500,
            "llama runner process has terminated: cudaMalloc failed: out of memory",
            ErrorKind::OutOfMemory,
        );
        check(500, "llama runner process has terminated: signal: killed", ErrorKind::Protocol);
        check(500, "CUDA error: out of memory", ErrorKind::OutOfMemory);
        // A proxy or another version may word it differently: the status decides.
        check(503, "loading model", ErrorKind::Busy);
    }

    #[test]
    fn an_error_object_is_read_too() {
        let body = br#"{"error":{"message":"model \"x\" not found, try pulling it first"}}"#;
        assert_eq!(from_status(404, body, "ask", "u").kind, ErrorKind::ModelNotFound);
    }

    #[test]
    fn answers_of_other_servers_are_recognised() {
        fn check(status: u16, body: &str, kind: ErrorKind, part: &str) {
            let error = from_status(status, body.as_bytes(), "ask `m`", "http://x:80");
            assert_eq!(error.kind, kind, "{error}");
            let whole = format!("{error} {}", error.hint.clone().unwrap_or_default());
            assert!(whole.contains(part), "{whole}");
        }
        check(404, "404 page not found", ErrorKind::Protocol, "is this an Ollama server?");
        check(502, "<html><body>Bad Gateway</body></html>", ErrorKind::Protocol, "an HTML page");
        check(301, "", ErrorKind::Protocol, "(empty)");
        check(403, "", ErrorKind::Unavailable, "OLLAMA_ORIGINS");
        check(503, "", ErrorKind::Busy, "OLLAMA_MAX_QUEUE");
    }

    #[test]
    fn the_list_of_installed_models_is_short() {
        let hint = |count: usize| {
            let names: Vec<_> = (0..count).map(|n| format!("m{n}")).collect();
            let error = Error::new(ErrorKind::ModelNotFound, "ask `x`");
            with_installed(error, "x", &names).hint.unwrap()
        };
        assert_eq!(hint(0), "run `ollama pull x`; no model is installed");
        assert_eq!(hint(2), "run `ollama pull x`; installed: m0, m1");
        assert!(hint(12).ends_with("m8, m9 and 2 more (`llmbench models`)"), "{}", hint(12));
    }

    #[test]
    fn excerpts_are_short_and_on_one_line() {
        assert_eq!(excerpt(b" a\n b "), "`a b`");
        assert_eq!(excerpt(b""), "(empty)");
        let long = excerpt("ä".repeat(5000).as_bytes());
        assert!(long.chars().count() == LONGEST_EXCERPT + 3 && long.ends_with("…`"), "{long}");
    }
}
