//! The bytes of an answer.

/// Head of a stream of events.
pub(crate) const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
    Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
/// A page that no client wants.
pub(crate) const HTML: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\
    Content-Length: 33\r\n\r\n<html><body>Welcome</body></html>";
/// What follows the last event.
pub(crate) const STREAM_END: &[u8] = b"0\r\n\r\n";
/// An event that is no JSON.
pub(crate) const MALFORMED: &str = "{\"choices\":[}";

/// A whole JSON answer.
pub(crate) fn json(status: u16, body: &str) -> Vec<u8> {
    let retry = if matches!(status, 429 | 500 | 503) { "Retry-After: 1\r\n" } else { "" };
    format!(
        "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\n{retry}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// An error as servers of this API tell it.
pub(crate) fn error(status: u16, message: &str) -> Vec<u8> {
    let body = serde_json::json!({"error": {"message": message, "type": "error", "code": status}});
    json(status, &body.to_string())
}

/// A list of models.
pub(crate) fn models(names: &[&str]) -> String {
    let model = |name: &&str| serde_json::json!({"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "llmbench"});
    let data: Vec<_> = names.iter().map(model).collect();
    serde_json::json!({"object": "list", "data": data}).to_string()
}

/// One event as one HTTP chunk.
pub(crate) fn event(data: &str) -> Vec<u8> {
    let length = "data: ".len() + data.len() + 2;
    format!("{length:x}\r\ndata: {data}\n\n\r\n").into_bytes()
}

/// A chunk with this `delta`.
pub(crate) fn chunk(delta: &str, finish_reason: Option<&str>) -> String {
    let reason = finish_reason.map_or("null".to_owned(), |reason| format!("\"{reason}\""));
    format!(
        "{{\"id\":\"chatcmpl-0123456789abcdef\",\"object\":\"chat.completion.chunk\",\
         \"created\":1700000000,\"model\":\"schedule\",\"choices\":[{{\"index\":0,\
         \"delta\":{delta},\"logprobs\":null,\"finish_reason\":{reason}}}]}}"
    )
}

/// The chunk with the counts.
pub(crate) fn usage(prompt_tokens: u64, completion_tokens: u32) -> String {
    let total = prompt_tokens + u64::from(completion_tokens);
    format!(
        "{{\"id\":\"chatcmpl-0123456789abcdef\",\"object\":\"chat.completion.chunk\",\
         \"created\":1700000000,\"model\":\"schedule\",\"choices\":[],\"usage\":{{\
         \"prompt_tokens\":{prompt_tokens},\"completion_tokens\":{completion_tokens},\
         \"total_tokens\":{total}}}}}"
    )
}
