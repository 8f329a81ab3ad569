//! Against a real Ollama with tiny models; skipped where there is no `ollama` program.

use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

use llmbench_api::*;
use llmbench_plugin_ollama::Ollama;
use llmbench_testkit::gguf::TinyModel;
use llmbench_testkit::ollama::{PLAIN_TEMPLATE, TINY, TINY_MOE};
use llmbench_testkit::{Missing, OllamaOptions, OllamaServer, Recorder, context, skip_or_fail};
use serde_json::json;

/// Far beyond what any of these calls takes; a test that meets it has failed.
const LONG: Duration = Duration::from_secs(240);

macro_rules! server_or_skip {
    ($server:expr) => {
        match $server {
            Ok(server) => server,
            Err(missing) => return skip_or_fail(missing),
        }
    };
}

/// One server for the tests that leave it as it is.
fn shared() -> Result<&'static OllamaServer, Missing> {
    static SERVER: OnceLock<Result<OllamaServer, Missing>> = OnceLock::new();
    SERVER.get_or_init(OllamaServer::tiny).as_ref().map_err(Clone::clone)
}

fn backend(server: &OllamaServer) -> Ollama {
    Ollama::new(json!({ "url": server.url() })).unwrap()
}

fn request(model: &str, max_tokens: u32) -> GenerateRequest {
    let mut request = GenerateRequest::user("the const x = let function");
    request.model = model.into();
    request.options.num_ctx = 2048;
    request.options.max_tokens = max_tokens;
    // A model of random weights falls into loops otherwise.
    request.options.temperature = 2.0;
    request.options.repeat_penalty = 1.3;
    request
}

/// A request that the server would answer for many minutes.
fn endless(model: &str) -> GenerateRequest {
    request(model, 20_000)
}

fn generate(server: &OllamaServer, request: &GenerateRequest) -> Result<Generation> {
    backend(server).generate(request, &Recorder::new(), &context(Some(LONG)))
}

fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < LONG, "still waiting for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn an_answer_has_the_figures_of_the_server() {
    let server = server_or_skip!(shared());
    let sink = Recorder::new();
    let generation =
        backend(server).generate(&request(TINY, 12), &sink, &context(Some(LONG))).unwrap();
    assert_eq!(generation.done_reason, DoneReason::Length);
    assert_eq!(generation.completion_tokens, Some(12));
    assert!(generation.prompt_tokens.is_some_and(|count| (5..=40).contains(&count)));
    for seconds in [generation.prefill_sec, generation.decode_sec, generation.queue_sec] {
        assert!(seconds.is_some_and(|seconds| seconds >= 0.0), "{generation:?}");
    }
    assert_eq!(generation.text, sink.text(EventKind::Text));
    assert!(!generation.text.is_empty());
    assert_eq!(sink.text(EventKind::Done), "length");
    let first = generation.first_token_at_ns.unwrap();
    assert!(generation.sent_at_ns < first && first <= generation.done_at_ns);
    assert!(generation.warnings.is_empty(), "{:?}", generation.warnings);
    assert_eq!(generation.raw["done"], true);
}

#[test]
fn the_same_seed_gives_the_same_answer_and_another_one_another() {
    let server = server_or_skip!(shared());
    let say = |seed| {
        let mut request = request(TINY, 12);
        request.options.seed = seed;
        generate(server, &request).unwrap().text
    };
    let first = say(7);
    assert_eq!(first, say(7));
    assert_ne!(first, say(8));
}

#[test]
fn a_mixture_of_experts_answers_too() {
    let server = server_or_skip!(shared());
    let generation = generate(server, &request(TINY_MOE, 4)).unwrap();
    assert_eq!(generation.completion_tokens, Some(4));
}

#[test]
fn a_format_is_enforced_by_the_server() {
    let server = server_or_skip!(shared());
    let mut request = request(TINY, 6);
    request.format = Some(json!("json"));
    let text = generate(server, &request).unwrap().text;
    assert!(text.trim_start().starts_with(['{', '[', '"']), "{text:?}");
    request.format = Some(json!("yaml"));
    let error = generate(server, &request).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Settings, "{error}");
}

#[test]
fn the_server_and_its_models_are_told() {
    let server = server_or_skip!(shared());
    let cx = context(Some(LONG));
    let info = backend(server).probe(&cx).unwrap();
    assert_eq!((info.name.as_str(), info.location), ("ollama", server.url()));
    let version = info.version.value.unwrap();
    assert_eq!(version == "0.0.0", info.notes.iter().any(|note| note.contains("from source")));

    let models = backend(server).models(&cx).unwrap();
    let mut names: Vec<_> = models.iter().map(|model| model.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["tiny-moe:latest", "tiny:latest"]);
    assert!(models.iter().all(|model| model.size_bytes.is_some_and(|size| size > 9_000_000)));
    assert!(models.iter().all(|model| model.quantization.as_deref() != Some("unknown")));
}

#[test]
fn a_model_that_is_not_installed_is_told_with_those_that_are() {
    let server = server_or_skip!(shared());
    let cx = context(Some(LONG));
    let backend = backend(server);
    for error in [
        generate(server, &request("nope", 4)).unwrap_err(),
        backend.identify("nope", &cx).unwrap_err(),
        backend.load("nope", &GenerateOptions::default(), &cx).unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::ModelNotFound, "{error}");
        let hint = error.hint.unwrap();
        assert!(hint.contains("ollama pull nope") && hint.contains("tiny:latest"), "{hint}");
    }
}

#[test]
fn models_are_identified_by_what_the_server_knows() {
    let server = server_or_skip!(shared());
    let backend = backend(server);
    let cx = context(Some(LONG));
    let dense = backend.identify("TINY", &cx).unwrap();
    assert_eq!(dense.architecture.value, Some(Architecture::Dense));
    assert_eq!(dense.parameters.value, Some(TinyModel::dense().parameter_count()));
    assert_eq!(dense.active_parameters.value, dense.parameters.value);
    assert_eq!(dense.expert_count, Measured::absent("the model is dense"));
    assert_eq!(dense.context_length.value, Some(4096));
    assert_eq!(dense.digest.value.as_ref().map(String::len), Some(64));

    let mixture = backend.identify(TINY_MOE, &cx).unwrap();
    assert_eq!(mixture.architecture, Measured::known(Architecture::MixtureOfExperts));
    assert_eq!((mixture.expert_count.value, mixture.experts_used.value), (Some(4), Some(2)));
    assert_eq!(mixture.parameters.value, Some(TinyModel::mixture().parameter_count()));
    assert_eq!(
        mixture.active_parameters.value,
        Some(TinyModel::mixture().active_parameter_count())
    );
}

#[test]
fn a_loaded_model_has_an_offload_share_and_a_process() {
    let server = server_or_skip!(OllamaServer::tiny());
    let backend = backend(&server);
    let cx = context(Some(LONG));
    let share = || backend.identify(TINY, &cx).unwrap().gpu_offload_share;
    assert_eq!(share(), Measured::absent("the model is not loaded"));
    let loaded = backend.load(TINY, &request(TINY, 1).options, &cx).unwrap();
    assert!(loaded.value.is_some_and(|seconds| seconds > 0.0));
    assert!(share().value.is_some_and(|share| (0.0..=1.0).contains(&share)));
    // Other tests may run runners of their own; then there is none to name.
    if let Some(id) = backend.probe(&cx).unwrap().process_id {
        assert!(server.runner_ids().contains(&id) || server.runner_ids().len() != 1);
    }
    // The options of the run loaded it, so the first request need not load it again.
    let runners = server.runner_ids();
    generate(&server, &request(TINY, 1)).unwrap();
    assert_eq!(server.runner_ids(), runners);
}

#[test]
fn a_prompt_beyond_the_context_is_counted_as_the_server_cut_it() {
    let server = server_or_skip!(shared());
    let mut request = request(TINY, 2);
    request.messages[0].content = "the const x = let function ".repeat(100);
    request.options.num_ctx = 128;
    let generation = generate(server, &request).unwrap();
    assert!(generation.prompt_tokens.is_some_and(|count| count <= 128), "{generation:?}");
}

#[test]
fn more_context_than_memory_is_out_of_memory() {
    let server = server_or_skip!(shared());
    let mut request = request(TINY, 2);
    request.options.num_ctx = 1_000_000_000;
    let error = generate(server, &request).unwrap_err();
    assert_eq!(error.kind, ErrorKind::OutOfMemory, "{error}");
    assert!(error.hint.unwrap().contains("--num-ctx"));
}

#[test]
fn a_time_to_keep_that_the_server_refuses_is_a_setting() {
    let server = server_or_skip!(shared());
    let settings = json!({ "url": server.url(), "keep_alive": "soon" });
    let backend = Ollama::new(settings).unwrap();
    let error =
        backend.generate(&request(TINY, 1), &Recorder::new(), &context(Some(LONG))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Settings, "{error}");
    assert!(error.hint.unwrap().contains("keep_alive"));
}

#[test]
fn the_server_stops_computing_when_a_call_is_cancelled_or_too_late() {
    let server = server_or_skip!(OllamaServer::tiny());
    let backend = backend(&server);
    backend.load(TINY, &endless(TINY).options, &context(Some(LONG))).unwrap();
    let handled = || server.log().matches("\"/api/chat\"").count();
    assert_eq!(handled(), 1);

    let (sink, cx) = (Recorder::new(), context(Some(LONG)));
    let error = std::thread::scope(|scope| {
        let call = scope.spawn(|| backend.generate(&endless(TINY), &sink, &cx));
        wait_until("the first token", || !sink.events().is_empty());
        cx.cancel();
        call.join().unwrap().unwrap_err()
    });
    assert_eq!((error.kind, error.phase.as_deref()), (ErrorKind::Cancelled, Some("answer")));
    // The server logs a request when it has ended its part of it.
    wait_until("the server to stop", || handled() == 2);

    let cx = context(Some(Duration::from_secs(2)));
    let error = backend.generate(&endless(TINY), &Recorder::new(), &cx).unwrap_err();
    assert_eq!((error.kind, error.phase.as_deref()), (ErrorKind::Timeout, Some("answer")));
    wait_until("the server to stop", || handled() == 3);
}

#[test]
fn a_runner_or_server_that_dies_midway_is_no_answer() {
    let server = server_or_skip!(OllamaServer::tiny());
    if server.log().is_empty() || !std::path::Path::new("/proc/self").exists() {
        return skip_or_fail("finding the server's processes needs /proc");
    }
    let backend = backend(&server);
    let dies = |kill: &dyn Fn()| {
        let (sink, cx) = (Recorder::new(), context(Some(LONG)));
        let error = std::thread::scope(|scope| {
            let call = scope.spawn(|| backend.generate(&endless(TINY), &sink, &cx));
            wait_until("the first token", || !sink.events().is_empty());
            kill();
            call.join().unwrap().unwrap_err()
        });
        assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
        assert!(error.message.contains(" after ") && error.message.contains("pieces"), "{error}");
        error
    };
    let error = dies(&|| server.kill_runners());
    assert!(error.message.contains("an error was encountered while running"), "{error}");
    // The server starts another runner.
    assert!(generate(&server, &request(TINY, 2)).is_ok());
    dies(&|| server.kill_server());
    // A process that was killed may hold its port for another moment.
    wait_until("the port to close", || TcpStream::connect(server.address()).is_err());
    let error = generate(&server, &request(TINY, 2)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
}

#[test]
fn a_model_whose_file_is_damaged_is_not_supported() {
    let server = server_or_skip!(OllamaServer::start());
    let blobs = server.dir().join("models/blobs");
    let large_files = || -> Vec<PathBuf> {
        let files = std::fs::read_dir(&blobs).into_iter().flatten().flatten();
        files
            .filter(|f| f.metadata().is_ok_and(|m| m.len() > 1_000_000))
            .map(|f| f.path())
            .collect()
    };
    let weights_of = |name: &str, seed| {
        let before = large_files();
        let path = server.dir().join("model.gguf");
        TinyModel { seed, experts: None }.write(&path).unwrap();
        server.create(name, &path, PLAIN_TEMPLATE);
        large_files().into_iter().find(|path| !before.contains(path)).unwrap()
    };
    let gone = weights_of("gone", 2);
    let truncated = weights_of("truncated", 3);
    std::fs::remove_file(gone).unwrap();
    std::fs::OpenOptions::new().write(true).open(truncated).unwrap().set_len(1_000_000).unwrap();
    for (name, expected) in
        [("gone", "does not support chat"), ("truncated", "unable to load model")]
    {
        let error = generate(&server, &request(name, 2)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
        assert!(error.message.contains(expected), "{error}");
        assert!(error.hint.unwrap().contains("pull"));
    }
}

#[test]
fn a_full_queue_is_busy() {
    let options = OllamaOptions::new()
        .env("OLLAMA_MAX_QUEUE", "1")
        .env("OLLAMA_MAX_LOADED_MODELS", "1")
        .env("OLLAMA_NUM_PARALLEL", "1");
    let server = server_or_skip!(options.start());
    server.create_tiny_models();
    let backend = backend(&server);
    let (sink, cx) = (Recorder::new(), context(Some(LONG)));
    std::thread::scope(|scope| {
        scope.spawn(|| backend.generate(&endless(TINY), &sink, &cx));
        wait_until("the first token", || !sink.events().is_empty());
        // The scheduler takes one request for the other model and waits for the first
        // to end; one more fills the queue; the next is refused.
        let (sender, outcomes) = mpsc::channel();
        for _ in 0..4 {
            let (sender, backend, cx) = (sender.clone(), &backend, &cx);
            scope.spawn(move || {
                let _ = sender.send(backend.generate(&request(TINY_MOE, 1), &Recorder::new(), cx));
            });
        }
        let error = outcomes.recv().unwrap().unwrap_err();
        cx.cancel();
        assert_eq!(error.kind, ErrorKind::Busy, "{error}");
        assert!(error.hint.unwrap().contains("OLLAMA_MAX_QUEUE"));
    });
}
