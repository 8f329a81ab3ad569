//! Against a real llama.cpp server with a tiny model; skipped where there is no `llama-server`.

use std::sync::OnceLock;
use std::time::Duration;

use llmbench_api::*;
use llmbench_plugin_openai::OpenAi;
use llmbench_testkit::gguf::TinyModel;
use llmbench_testkit::llama_cpp::{ALIAS, SLOT_CONTEXT};
use llmbench_testkit::{LlamaCppServer, Missing, Recorder, context, skip_or_fail};
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

fn shared() -> Result<&'static LlamaCppServer, Missing> {
    static SERVER: OnceLock<Result<LlamaCppServer, Missing>> = OnceLock::new();
    SERVER
        .get_or_init(|| LlamaCppServer::start(TinyModel::dense(), &[]))
        .as_ref()
        .map_err(Clone::clone)
}

fn backend(server: &LlamaCppServer) -> OpenAi {
    OpenAi::new(json!({ "url": server.url() })).unwrap()
}

fn request(max_tokens: u32) -> GenerateRequest {
    let mut request = GenerateRequest::user("the const x = let function");
    request.model = ALIAS.into();
    request.options.max_tokens = max_tokens;
    request.options.temperature = 2.0;
    request.limit_ms = Some(LONG.as_millis() as u64);
    request
}

#[test]
fn an_answer_has_the_servers_counts_and_times() {
    let server = server_or_skip!();
    let sink = Recorder::new();
    let answer = backend(server).generate(&request(24), &sink, &context(Some(LONG))).unwrap();
    assert_eq!(answer.completion_tokens, Some(24), "{answer:?}");
    assert_eq!(answer.done_reason, DoneReason::Length);
    assert!(answer.prompt_tokens.is_some_and(|count| (5..=100).contains(&count)), "{answer:?}");
    assert_eq!(answer.text, sink.text(EventKind::Text));
    assert!(answer.content_chunks.is_some_and(|count| (1..=24).contains(&count)));
    assert!(answer.warnings.is_empty(), "{:?}", answer.warnings);
    let in_server = answer.prefill_sec.unwrap() + answer.decode_sec.unwrap();
    assert!(in_server > 0.0 && in_server <= answer.duration_sec(), "{answer:?}");
    assert!(answer.tokens_per_sec().is_some(), "{answer:?}");
}

#[test]
fn a_prompt_that_is_in_the_cache_keeps_its_time_and_tells_its_share() {
    let server = server_or_skip!();
    let (backend, cx) = (backend(server), context(Some(LONG)));
    let mut request = request(12);
    request.messages[0].content = "let the function const x ".repeat(12);
    let ask = || backend.generate(&request, &(), &cx).unwrap();
    let (first, second) = (ask(), ask());
    for answer in [&first, &second] {
        assert!(answer.prefill_sec.is_some_and(|seconds| seconds > 0.0), "{answer:?}");
        let told = answer.raw["timings"]["predicted_per_second"].as_f64().unwrap();
        let ours = answer.tokens_per_sec().unwrap();
        assert!((ours / told - 1.0).abs() < 1e-3, "{ours} is not {told}: {answer:?}");
    }
    assert!(first.prefill_tokens_per_sec().is_some(), "{first:?}");
    let all = second.prompt_tokens.unwrap();
    let computed = second.raw["timings"]["prompt_n"].as_u64().unwrap();
    assert_eq!(second.cached_prompt_tokens, Some(all - computed), "{second:?}");
    assert!(computed < Generation::FEWEST_COMPUTED, "{second:?}");
    assert_eq!(second.prefill_tokens_per_sec(), None);
}

#[test]
fn one_token_has_no_speed() {
    let server = server_or_skip!();
    let answer = backend(server).generate(&request(1), &(), &context(Some(LONG))).unwrap();
    assert_eq!((answer.completion_tokens, answer.tokens_per_sec()), (Some(1), None));
    assert!(answer.missing["decode_sec"].contains("one token"), "{:?}", answer.missing);
}

#[test]
fn the_same_seed_gives_the_same_answer() {
    let server = server_or_skip!();
    let (backend, cx) = (backend(server), context(Some(LONG)));
    let text = |seed| {
        let mut request = request(16);
        request.options.seed = seed;
        backend.generate(&request, &(), &cx).unwrap().text
    };
    assert_eq!(text(7), text(7));
    assert_ne!(text(7), text(8));
}

#[test]
fn answers_of_a_fixed_length_take_a_field_of_the_servers_own() {
    let server = server_or_skip!();
    let settings = json!({ "url": server.url(), "extra_body": { "ignore_eos": true } });
    let backend = OpenAi::new(settings).unwrap();
    // More requests than the server has slots: the others wait their turn.
    let arrival = Arrival::Closed { concurrency: 5 };
    let requests = vec![request(20); 10];
    let outcomes = backend.generate_batch(&requests, &arrival, &(), &context(Some(LONG))).unwrap();
    for outcome in outcomes {
        let BatchOutcome::Answered(answer) = outcome else { panic!("{outcome:?}") };
        assert_eq!(answer.completion_tokens, Some(20));
    }
}

#[test]
fn server_and_model_are_told() {
    let server = server_or_skip!();
    let (backend, cx) = (backend(server), context(Some(LONG)));
    let info = backend.probe(&cx).unwrap();
    assert_eq!(info.name, "llama.cpp");
    assert!(info.version.value.is_some(), "{info:?}");
    let models = backend.models(&cx).unwrap();
    assert_eq!(models.iter().map(|model| &model.name).collect::<Vec<_>>(), [ALIAS]);
    let identity = backend.identify(ALIAS, &cx).unwrap();
    assert_eq!(identity.parameters.value, Some(TinyModel::dense().parameter_count()));
    assert_eq!(identity.quantization.value.as_deref(), Some("F32"));
    assert!(identity.context_length.value.is_some_and(|length| length >= u64::from(SLOT_CONTEXT)));
}

#[test]
fn a_prompt_that_the_context_cannot_hold_is_refused_and_not_cut() {
    let server = server_or_skip!();
    let mut request = request(8);
    request.messages[0].content = "the const x ".repeat(600);
    let error = backend(server).generate(&request, &(), &context(Some(LONG))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Settings, "{error}");
    assert!(error.message.contains("exceeds the available context"), "{error}");
    assert!(error.hint.unwrap().contains("--ctx-size"));
}

#[test]
fn a_key_that_the_server_wants_is_asked_for_and_sent() {
    let key = "key-of-this-test";
    let server = match LlamaCppServer::start(TinyModel::dense(), &["--api-key", key]) {
        Ok(server) => server,
        Err(missing) => return skip_or_fail(missing),
    };
    let cx = context(Some(LONG));
    let error = backend(&server).generate(&request(3), &(), &cx).unwrap_err();
    assert!(error.message.contains("401"), "{error}");
    assert!(error.hint.as_deref().unwrap().contains("api_key_file"), "{error:?}");
    let file = server.dir().join("key");
    std::fs::write(&file, key).unwrap();
    let settings = json!({ "url": server.url(), "api_key_file": file });
    let answer = OpenAi::new(settings).unwrap().generate(&request(3), &(), &cx).unwrap();
    assert_eq!(answer.completion_tokens, Some(3));
}
