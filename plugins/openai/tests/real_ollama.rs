//! Against the `/v1` of a real Ollama with tiny models; skipped where there is no `ollama` program.

use std::sync::OnceLock;
use std::time::Duration;

use llmbench_api::*;
use llmbench_plugin_openai::OpenAi;
use llmbench_testkit::ollama::{TINY, TINY_MOE};
use llmbench_testkit::{Missing, OllamaServer, Recorder, context, skip_or_fail};
use serde_json::json;

const LONG: Duration = Duration::from_secs(240);

macro_rules! server_or_skip {
    () => {
        match shared() {
            Ok(server) => server,
            Err(missing) => return skip_or_fail(missing),
        }
    };
}

fn shared() -> Result<&'static OllamaServer, Missing> {
    static SERVER: OnceLock<Result<OllamaServer, Missing>> = OnceLock::new();
    SERVER.get_or_init(OllamaServer::tiny).as_ref().map_err(Clone::clone)
}

fn backend(server: &OllamaServer) -> OpenAi {
    OpenAi::new(json!({ "url": format!("{}/v1", server.url()) })).unwrap()
}

fn request(max_tokens: u32) -> GenerateRequest {
    let mut request = GenerateRequest::user("the const x = let function");
    request.model = TINY.into();
    request.options.max_tokens = max_tokens;
    // A model of random weights falls into loops otherwise.
    request.options.temperature = 2.0;
    request.limit_ms = Some(LONG.as_millis() as u64);
    request
}

#[test]
fn an_answer_has_the_servers_counts_and_ends_at_its_cap() {
    let server = server_or_skip!();
    let sink = Recorder::new();
    let answer = backend(server).generate(&request(12), &sink, &context(Some(LONG))).unwrap();
    assert_eq!(answer.completion_tokens, Some(12), "{answer:?}");
    assert_eq!(answer.done_reason, DoneReason::Length);
    assert!(answer.prompt_tokens.is_some_and(|count| (5..=60).contains(&count)), "{answer:?}");
    assert_eq!(answer.text, sink.text(EventKind::Text));
    assert!(answer.content_chunks.is_some_and(|count| (1..=12).contains(&count)));
    assert!(answer.warnings.is_empty(), "{:?}", answer.warnings);
    assert!(answer.sent_at_ns < answer.first_token_at_ns.unwrap());
}

#[test]
fn a_closed_loop_is_answered_on_few_connections() {
    let server = server_or_skip!();
    let requests = vec![request(6); 12];
    let arrival = Arrival::Closed { concurrency: 3 };
    let outcomes =
        backend(server).generate_batch(&requests, &arrival, &(), &context(Some(LONG))).unwrap();
    for outcome in outcomes {
        let BatchOutcome::Answered(answer) = outcome else { panic!("{outcome:?}") };
        assert!(answer.completion_tokens.is_some_and(|count| (1..=6).contains(&count)));
        assert!(answer.scheduled_at_ns.unwrap() <= answer.sent_at_ns);
    }
}

#[test]
fn server_and_models_are_told() {
    let server = server_or_skip!();
    let (backend, cx) = (backend(server), context(Some(LONG)));
    assert_eq!(backend.probe(&cx).unwrap().name, "ollama");
    let models = backend.models(&cx).unwrap();
    let tiny = models.iter().find(|model| model.name == format!("{TINY}:latest"));
    let tiny = tiny.unwrap_or_else(|| panic!("{models:?}"));
    let identity = backend.identify(TINY, &cx).unwrap();
    assert!(tiny.size_bytes.is_some_and(|bytes| bytes > 0), "{tiny:?}");
    assert_eq!(
        (tiny.size_bytes, &tiny.digest),
        (identity.size_bytes.value, &identity.digest.value)
    );
    assert_eq!(tiny.architecture, Some(Architecture::Dense));
    assert!(identity.digest.value.is_some() && identity.context_length.value.is_some());
    assert_eq!(identity.architecture.value, Some(Architecture::Dense));
    let mixture = backend.identify(TINY_MOE, &cx).unwrap();
    assert_eq!(mixture.architecture.value, Some(Architecture::MixtureOfExperts));
    let error = backend.identify("no-such-model", &cx).unwrap_err();
    assert_eq!(error.kind, ErrorKind::ModelNotFound);
    let mut unknown = request(3);
    unknown.model = "no-such-model".into();
    let error = backend.generate(&unknown, &(), &cx).unwrap_err();
    assert_eq!(error.kind, ErrorKind::ModelNotFound, "{error}");
    assert!(error.hint.unwrap().contains(TINY));
}
