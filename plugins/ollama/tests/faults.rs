//! What a real server cannot be made to do, shown by a stand-in.

use std::time::Duration;

use llmbench_api::*;
use llmbench_plugin_ollama::Ollama;
use llmbench_testkit::{DeafAddress, FaultServer, Recorder, Step, context, skip_or_fail};
use serde_json::json;

const LONG: Duration = Duration::from_secs(60);
const PIECE: &str = "{\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"done\":false}\n";
const DONE: &str = concat!(
    "{\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",",
    "\"total_duration\":100,\"load_duration\":10,\"prompt_eval_count\":5,",
    "\"prompt_eval_duration\":20,\"eval_count\":2,\"eval_duration\":30}\n"
);

fn backend(url: &str) -> Ollama {
    Ollama::new(json!({ "url": url })).unwrap()
}

fn request() -> GenerateRequest {
    GenerateRequest { model: "m".into(), ..GenerateRequest::user("hello") }
}

/// The outcome of one request to a server that does `steps`.
fn ask(steps: Vec<Step>) -> (Result<Generation>, Recorder) {
    let server = FaultServer::start([("/api/chat", steps)]);
    let sink = Recorder::new();
    let result = backend(&server.url()).generate(&request(), &sink, &context(Some(LONG)));
    (result, sink)
}

fn failed(steps: Vec<Step>) -> Error {
    ask(steps).0.unwrap_err()
}

fn stream(chunks: &[&[u8]]) -> Vec<Step> {
    let mut steps = vec![Step::ndjson()];
    for chunk in chunks {
        steps.push(Step::chunk(*chunk));
        // On their own in the network, so that the client sees the cut.
        steps.push(Step::Pause(Duration::from_millis(5)));
    }
    steps
}

#[test]
fn a_whole_answer_arrives_whole() {
    let (generation, sink) = ask(stream(&[PIECE.as_bytes(), PIECE.as_bytes(), DONE.as_bytes()]));
    let generation = generation.unwrap();
    assert_eq!(generation.text, "hihi");
    assert_eq!(generation.done_reason, DoneReason::Stop);
    assert_eq!((generation.prompt_tokens, generation.completion_tokens), (Some(5), Some(2)));
    assert_eq!(generation.queue_sec, Some(40e-9));
    assert!(generation.missing.is_empty() && generation.warnings.is_empty(), "{generation:?}");
    let at: Vec<_> = sink.events().iter().map(|event| event.at_ns).collect();
    assert!(generation.sent_at_ns <= at[0] && at.is_sorted(), "{at:?}");
    assert!(at[0] < at[1], "pieces of their own have instants of their own: {at:?}");
    assert_eq!(generation.first_token_at_ns, Some(at[0]));
    assert_eq!(generation.done_at_ns, *at.last().unwrap());
}

#[test]
fn the_request_holds_every_option() {
    let server = FaultServer::start([("/api/chat", stream(&[DONE.as_bytes()]))]);
    let settings = json!({ "url": server.url(), "keep_alive": "10m" });
    let backend = Ollama::new(settings).unwrap();
    backend.generate(&request(), &Recorder::new(), &context(Some(LONG))).unwrap();
    let sent = server.requests().remove(0);
    let body: Json = serde_json::from_str(&sent.body).unwrap();
    assert_eq!(sent.method, "POST");
    assert_eq!(body["keep_alive"], "10m");
    assert_eq!(body["stream"], true);
    let options: Vec<_> = body["options"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        options,
        ["num_ctx", "num_predict", "temperature", "top_p", "top_k", "repeat_penalty", "seed"]
    );
}

#[test]
fn lines_may_be_merged_and_split_anywhere() {
    let piece = "{\"message\":{\"content\":\"ä\u{1f600}\"},\"done\":false}\n";
    let whole = format!("{piece}{piece}\r\n{DONE}");
    let at_once = vec![whole.as_bytes()];
    // Seven bytes at a time cut both characters and lines.
    let cut: Vec<_> = whole.as_bytes().chunks(7).collect();
    for chunks in [at_once, cut] {
        let (generation, _) = ask(stream(&chunks));
        assert_eq!(generation.unwrap().text, "ä\u{1f600}ä\u{1f600}");
    }
}

#[test]
fn a_last_line_without_its_end_still_counts() {
    let (generation, _) = ask(stream(&[PIECE.as_bytes(), DONE.trim_end().as_bytes()]));
    assert_eq!(generation.unwrap().text, "hi");
}

#[test]
fn counts_that_are_left_out_stay_absent() {
    let done = "{\"message\":{\"content\":\"x\"},\"done\":true,\"done_reason\":\"stop\"}\n";
    let generation = ask(stream(&[done.as_bytes()])).0.unwrap();
    assert_eq!((generation.prompt_tokens, generation.tokens_per_sec()), (None, None));
    assert!(generation.missing["prompt_tokens"].contains("prefix cache"));
}

#[test]
fn thinking_is_not_part_of_the_answer() {
    let thinking = "{\"message\":{\"content\":\"\",\"thinking\":\"hm\"},\"done\":false}\n";
    let (generation, sink) = ask(stream(&[thinking.as_bytes(), PIECE.as_bytes(), DONE.as_bytes()]));
    let generation = generation.unwrap();
    assert_eq!((generation.text.as_str(), generation.thinking.as_str()), ("hi", "hm"));
    assert_eq!(sink.text(EventKind::Thinking), "hm");
}

#[test]
fn a_server_that_never_answers_is_a_timeout_before_the_first_token() {
    for steps in [vec![Step::Hang], vec![Step::ndjson(), Step::Hang]] {
        let server = FaultServer::start([("/api/chat", steps)]);
        let cx = context(Some(Duration::from_millis(300)));
        let error = backend(&server.url()).generate(&request(), &Recorder::new(), &cx).unwrap_err();
        assert_eq!((error.kind, error.phase.as_deref()), (ErrorKind::Timeout, Some("first_token")));
        assert!(error.message.contains("no token within 0.3 s"), "{error}");
        assert!(error.hint.unwrap().contains("--timeout"));
        assert!(server.client_left(LONG), "the connection is closed");
    }
}

#[test]
fn the_first_token_has_a_limit_of_its_own() {
    let server = FaultServer::start([("/api/chat", vec![Step::ndjson(), Step::Hang])]);
    let settings = json!({ "url": server.url(), "first_token_timeout_ms": "200" });
    let backend = Ollama::new(settings).unwrap();
    let error = backend.generate(&request(), &Recorder::new(), &context(Some(LONG))).unwrap_err();
    assert_eq!((error.kind, error.phase.as_deref()), (ErrorKind::Timeout, Some("first_token")));
    assert!(error.hint.unwrap().contains("first_token_timeout_ms"));
    assert!(server.client_left(LONG));
}

#[test]
fn a_server_that_falls_silent_is_a_timeout_of_the_answer() {
    let steps = vec![Step::ndjson(), Step::chunk(PIECE), Step::Hang];
    let server = FaultServer::start([("/api/chat", steps)]);
    let sink = Recorder::new();
    // The limit of the first token no longer counts.
    let settings = json!({ "url": server.url(), "first_token_timeout_ms": 500 });
    let backend = Ollama::new(settings).unwrap();
    let cx = context(Some(Duration::from_millis(1000)));
    let error = backend.generate(&request(), &sink, &cx).unwrap_err();
    assert_eq!((error.kind, error.phase.as_deref()), (ErrorKind::Timeout, Some("answer")));
    assert!(error.message.contains("not complete within 1.0 s (1 pieces had arrived)"), "{error}");
    assert_eq!(sink.text(EventKind::Text), "hi");
    assert!(server.client_left(LONG));
}

#[test]
fn cancelling_closes_the_connection() {
    let steps = vec![Step::ndjson(), Step::chunk(PIECE), Step::Hang];
    let server = FaultServer::start([("/api/chat", steps)]);
    let (sink, cx) = (Recorder::new(), context(None));
    let error = std::thread::scope(|scope| {
        let call = scope.spawn(|| backend(&server.url()).generate(&request(), &sink, &cx));
        while sink.events().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        cx.cancel();
        call.join().unwrap().unwrap_err()
    });
    assert_eq!((error.kind, error.phase.as_deref()), (ErrorKind::Cancelled, Some("answer")));
    assert!(server.client_left(LONG));
}

#[test]
fn a_sink_that_stops_closes_the_connection() {
    let steps = vec![Step::ndjson(), Step::chunk(PIECE), Step::Hang];
    let server = FaultServer::start([("/api/chat", steps)]);
    let sink = Recorder::stopping_after(1);
    let error =
        backend(&server.url()).generate(&request(), &sink, &context(Some(LONG))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    assert!(server.client_left(LONG));
}

#[test]
fn an_answer_without_its_end_mark_is_no_answer() {
    let cut = &PIECE.as_bytes()[..20];
    for (steps, expected) in [
        (stream(&[PIECE.as_bytes()]), "without its end mark after 1 pieces (2 characters)"),
        (stream(&[PIECE.as_bytes(), cut]), "the last line being cut"),
        (stream(&[]), "without its end mark before any text"),
        (
            vec![
                Step::ndjson(),
                Step::chunk(PIECE),
                Step::Pause(Duration::from_millis(50)),
                Step::Abort,
            ],
            "after 1 pieces",
        ),
        (vec![Step::Abort], "the connection to http://127.0.0.1"),
    ] {
        let error = failed(steps);
        assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
        assert!(error.message.contains(expected), "{error}");
        assert!(error.hint.is_some());
    }
}

#[test]
fn other_servers_are_recognised() {
    let html = "<!DOCTYPE html><html><body>It works!</body></html>";
    let page = |status| vec![Step::Head { status, content_type: "text/html" }, Step::chunk(html)];
    for steps in [
        page(200),
        page(404),
        page(502),
        stream(&[b"garbage\n"]),
        stream(&[b"data: {\"choices\":[]}\n\n"]),
        stream(&[b"\xff\xfe\n"]),
    ] {
        let error = failed(steps);
        assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
        assert!(error.hint.as_deref().unwrap().contains("is this an Ollama server?"), "{error}");
    }
    let error = failed(vec![Step::Raw(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()), Step::Abort]);
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
}

#[test]
fn other_servers_are_recognised_by_questions_too() {
    let page =
        || vec![Step::Head { status: 200, content_type: "text/html" }, Step::chunk("<html>")];
    let server = FaultServer::start([
        ("/api/version", page()),
        ("/api/tags", Step::json(200, "{}")),
        ("/api/show", page()),
        ("/api/chat", Step::json(200, "{}")),
    ]);
    let (backend, cx) = (backend(&server.url()), context(Some(LONG)));
    for error in [
        backend.probe(&cx).unwrap_err(),
        backend.models(&cx).unwrap_err(),
        backend.identify("m", &cx).unwrap_err(),
        backend.load("m", &GenerateOptions::default(), &cx).unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
        assert!(error.hint.as_deref().unwrap().contains("is this an Ollama server?"), "{error}");
    }
}

#[test]
fn a_server_that_hangs_is_told_apart_by_what_was_asked() {
    let server = FaultServer::start([
        ("/api/version", vec![Step::Hang]),
        ("/api/show", vec![Step::Hang]),
        ("/api/chat", vec![Step::Hang]),
    ]);
    let backend = backend(&server.url());
    let cx = || context(Some(Duration::from_millis(200)));
    let load = backend.load("m", &GenerateOptions::default(), &cx()).unwrap_err();
    for (error, phase) in [
        (backend.probe(&cx()).unwrap_err(), "answer"),
        (backend.identify("m", &cx()).unwrap_err(), "answer"),
        (load, "load"),
    ] {
        assert_eq!((error.kind, error.phase.as_deref()), (ErrorKind::Timeout, Some(phase)));
        assert!(error.message.contains("within 0.2 s"), "{error}");
    }
}

#[test]
fn nothing_at_the_address_says_how_to_start_a_server() {
    let (backend, cx) = (backend(&FaultServer::unreachable_url()), context(Some(LONG)));
    for error in [
        backend.probe(&cx).unwrap_err(),
        backend.models(&cx).unwrap_err(),
        backend.generate(&request(), &Recorder::new(), &cx).unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        let hint = error.hint.unwrap();
        assert!(hint.contains("ollama serve") && hint.contains("--url"), "{hint}");
    }
}

#[test]
fn an_address_that_swallows_packets_is_a_timeout_of_the_connection() {
    let Some(deaf) = DeafAddress::new() else {
        return skip_or_fail("this system accepts any number of connections by itself");
    };
    let settings = json!({ "url": deaf.url(), "connect_timeout_ms": 200 });
    // The system itself gives up after half a minute or more; the setting must come first.
    let limit = Duration::from_secs(10);
    let by_setting = (Ollama::new(settings).unwrap(), limit, "connect_timeout_ms");
    let by_deadline = (backend(&deaf.url()), Duration::from_millis(200), "--timeout");
    for (backend, limit, hint) in [by_setting, by_deadline] {
        let cx = context(Some(limit));
        let error = backend.generate(&request(), &Recorder::new(), &cx).unwrap_err();
        assert_eq!((error.kind, error.phase.as_deref()), (ErrorKind::Timeout, Some("connect")));
        assert!(error.hint.as_deref().unwrap().contains(hint), "{error:?}");
    }
}

#[test]
fn a_missing_model_is_told_with_those_that_are_there() {
    let missing =
        Step::json(404, "{\"error\":\"model \\\"m\\\" not found, try pulling it first\"}");
    let tags = Step::json(200, "{\"models\":[{\"name\":\"a:latest\"},{\"name\":\"b:7b\"}]}");
    let server = FaultServer::start([("/api/chat", missing.clone()), ("/api/tags", tags)]);
    let cx = context(Some(LONG));
    let error = backend(&server.url()).generate(&request(), &Recorder::new(), &cx).unwrap_err();
    assert_eq!(error.kind, ErrorKind::ModelNotFound);
    assert_eq!(error.hint.as_deref(), Some("run `ollama pull m`; installed: a:latest, b:7b"));
    // When even the list fails, the first error stays.
    let server = FaultServer::start([("/api/chat", missing)]);
    let error = backend(&server.url()).generate(&request(), &Recorder::new(), &cx).unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("run `ollama pull m`"));
}

#[test]
fn requests_that_ollama_would_misread_are_refused_before_they_are_sent() {
    let server = FaultServer::start([("/api/chat", stream(&[DONE.as_bytes()]))]);
    let backend = backend(&server.url());
    let no_message = GenerateRequest { messages: vec![], ..request() };
    let mut no_limit = request();
    no_limit.options.max_tokens = 0;
    let mut no_context = request();
    no_context.options.num_ctx = 0;
    let mut no_number = request();
    no_number.options.temperature = f64::NAN;
    for request in [no_message, no_limit, no_context, no_number] {
        let error = backend.generate(&request, &Recorder::new(), &context(Some(LONG))).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Settings, "{error}");
    }
    assert_eq!(server.requests(), []);
}

#[test]
fn a_seed_beyond_31_bits_is_remarked() {
    let server = FaultServer::start([("/api/chat", stream(&[DONE.as_bytes()]))]);
    let mut request = request();
    request.options.seed = u64::from(u32::MAX);
    let generation =
        backend(&server.url()).generate(&request, &Recorder::new(), &context(Some(LONG))).unwrap();
    assert!(generation.warnings[0].contains("seed 4294967295 was sent as 1"), "{generation:?}");
}

#[test]
fn a_wrong_url_is_told_when_the_backend_is_made() {
    let error = Ollama::new(json!({ "url": "http://host:99999" })).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Settings);
    assert!(error.message.contains("http://host:99999"), "{error}");
}
