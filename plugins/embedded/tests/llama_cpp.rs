//! llama.cpp in the place of candle: the same answers, more architectures, errors instead of crashes.
#![cfg(feature = "llama-cpp")]
#![expect(clippy::print_stderr, reason = "shows what was seen, with `--nocapture`")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use llmbench_api::*;
use llmbench_plugin_embedded::Embedded;
use llmbench_testkit::gguf::{ChatModel, Family, GgufFile, TinyModel, Value, Weights};
use llmbench_testkit::{Recorder, context};
use serde_json::json;

#[allow(dead_code, reason = "the other tests use more of it")]
#[path = "it/sample_prompts.rs"]
mod sample_prompts;

fn engine(name: &str) -> Embedded {
    Embedded::new(json!({ "engine": name })).unwrap()
}

fn raw(name: &str) -> Embedded {
    Embedded::new(json!({ "engine": name, "chat_template": "raw" })).unwrap()
}

/// A greedy request without penalties.
fn request(model: &str, messages: Vec<Message>, max_tokens: u32) -> GenerateRequest {
    let options = GenerateOptions {
        num_ctx: 2048,
        max_tokens,
        temperature: 0.0,
        repeat_penalty: 1.0,
        ..GenerateOptions::default()
    };
    let mut request = GenerateRequest::user("");
    (request.model, request.messages, request.options) = (model.to_owned(), messages, options);
    request
}

fn ask(backend: &Embedded, model: &str, text: &str) -> Result<Generation> {
    let message = Message { role: Role::User, content: text.to_owned() };
    backend.generate(&request(model, vec![message], 24), &Recorder::new(), &context(None))
}

/// Writes `file` into `folder`; the name to ask for.
fn put(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.into_os_string().into_string().unwrap()
}

fn mixture(folder: &Path) -> String {
    let path = folder.join("mixture.gguf");
    TinyModel::mixture().write(&path).unwrap();
    path.into_os_string().into_string().unwrap()
}

#[test]
fn the_sample_model_answers_alike_through_both_engines() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-model/vue-ts-sample.gguf");
    let file = file.to_str().unwrap().to_owned();
    let (candle, llama_cpp) = (engine("candle"), engine("llama-cpp"));
    let conversations = sample_prompts::conversations();
    let (mut equal, mut speeds) = (0, [0.0; 4]);
    for (index, messages) in conversations.iter().enumerate() {
        let answer = |backend: &Embedded, model: &str| {
            let request = request(model, messages.clone(), 96);
            backend.generate(&request, &Recorder::new(), &context(None)).unwrap()
        };
        let (by_candle, by_llama_cpp) = (answer(&candle, "sample"), answer(&llama_cpp, &file));
        assert_eq!(by_candle.prompt_tokens, by_llama_cpp.prompt_tokens, "prompt {index}");
        equal += usize::from(by_candle.text == by_llama_cpp.text);
        for (sum, seconds) in speeds.iter_mut().zip([
            by_candle.prefill_sec,
            by_llama_cpp.prefill_sec,
            by_candle.decode_sec,
            by_llama_cpp.decode_sec,
        ]) {
            *sum += seconds.unwrap();
        }
    }
    eprintln!("{equal} of {} texts equal", conversations.len());
    eprintln!("seconds: prefill candle, llama.cpp, decode candle, llama.cpp: {speeds:.3?}");
    // Both round differently; where two tokens are nearly as likely, either may win.
    assert!(equal + 1 >= conversations.len(), "{equal} of {}", conversations.len());
}

#[test]
fn the_model_inside_the_plugin_is_the_one_in_the_file() {
    let llama_cpp = engine("llama-cpp");
    let generation = ask(&llama_cpp, "sample", "<script setup>").unwrap();
    assert!(generation.completion_tokens.is_some_and(|tokens| tokens > 0));
    assert_eq!(generation.text, ask(&engine("candle"), "sample", "<script setup>").unwrap().text);
}

#[test]
fn every_family_of_candle_answers_alike() {
    let folder = tempfile::tempdir().unwrap();
    for family in [Family::Llama, Family::LlamaBpe, Family::Qwen2, Family::Qwen3] {
        let bytes = ChatModel::new(family, Weights::F32).file().bytes();
        let name = put(folder.path(), &format!("{family:?}.gguf"), &bytes);
        let answers =
            ["candle", "llama-cpp"].map(|name_of| ask(&engine(name_of), &name, "the tree"));
        let [candle, llama_cpp] = answers.map(|answer| answer.unwrap());
        assert_eq!(candle.prompt_tokens, llama_cpp.prompt_tokens, "{family:?}");
        assert_eq!(candle.text, llama_cpp.text, "{family:?}");
    }
}

#[test]
fn a_mixture_of_experts_runs_where_candle_refuses_it() {
    let folder = tempfile::tempdir().unwrap();
    let name = mixture(folder.path());
    let error = ask(&raw("candle"), &name, "the").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.hint.unwrap().contains("embedded.engine=llama-cpp"));

    let (llama_cpp, cx) = (raw("llama-cpp"), context(None));
    assert_eq!(llama_cpp.identify(&name, &cx).unwrap().gpu_offload_share.value, None);
    let generation = ask(&llama_cpp, &name, "the").unwrap();
    assert_eq!(generation.completion_tokens, Some(24));
    assert!(!generation.text.is_empty());
    let identity = llama_cpp.identify(&name, &cx).unwrap();
    assert_eq!(identity.architecture.value, Some(Architecture::MixtureOfExperts));
    assert_eq!((identity.expert_count.value, identity.experts_used.value), (Some(4), Some(2)));
    assert_eq!(identity.parameters.value, Some(TinyModel::mixture().parameter_count()));
    assert_eq!(
        identity.active_parameters.value,
        Some(TinyModel::mixture().active_parameter_count())
    );
    assert_eq!(identity.context_length.value, Some(4096));
    if !cfg!(any(feature = "llama-cpp-cuda", feature = "llama-cpp-vulkan", target_os = "macos")) {
        assert_eq!(identity.gpu_offload_share.value, Some(0.0));
    }
}

#[test]
fn the_context_is_limited_as_with_candle() {
    let folder = tempfile::tempdir().unwrap();
    let name = mixture(folder.path());
    let llama_cpp = raw("llama-cpp");
    let long = "the ".repeat(3000);
    let error = ask(&llama_cpp, &name, &long).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.message.contains("a context of 2048"), "{error}");
    assert!(ask(&llama_cpp, &name, "the").is_ok(), "the engine goes on");
}

#[test]
fn gpu_layers_without_a_gpu_are_refused() {
    if cfg!(any(feature = "llama-cpp-cuda", feature = "llama-cpp-vulkan", target_os = "macos")) {
        eprintln!("SKIPPED: this build may find a GPU");
        return;
    }
    let settings = json!({"engine": "llama-cpp", "gpu_layers": "3"});
    let error = Embedded::new(settings).map(|_| ()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Settings);
    assert!(error.message.contains("gpu_layers"), "{error}");
}

#[test]
fn damaged_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let good = ChatModel::new(Family::Llama, Weights::F32).file();
    let changed = |change: &dyn Fn(&mut GgufFile)| {
        let mut file = ChatModel::new(Family::Llama, Weights::F32).file();
        change(&mut file);
        file.bytes()
    };
    let number =
        |key: &'static str, number: u32| changed(&move |file| file.set(key, Value::Number(number)));
    let whole = good.bytes();
    let cases: [(&str, Vec<u8>); 10] = [
        ("empty", Vec::new()),
        ("no gguf", b"this is no model, whatever it is called".to_vec()),
        ("cut off in its header", whole[..300].to_vec()),
        ("cut off in its weights", whole[..whole.len() - 1000].to_vec()),
        (
            "another architecture",
            changed(&|file| file.set("general.architecture", Value::Text("nonesuch".into()))),
        ),
        (
            "another tokenizer",
            changed(&|file| file.set("tokenizer.ggml.model", Value::Text("nonesuch".into()))),
        ),
        ("more layers than tensors", number("llama.block_count", 40)),
        ("another width", number("llama.embedding_length", 48)),
        ("another feed-forward width", number("llama.feed_forward_length", 7)),
        ("a beginning token that is none", number("tokenizer.ggml.bos_token_id", 4_000_000)),
    ];
    for (case, bytes) in cases {
        let name = put(folder.path(), "damaged.gguf", &bytes);
        match ask(&engine("llama-cpp"), &name, "the") {
            Err(error) => {
                eprintln!("{case}: {error}");
                let kinds = [ErrorKind::InvalidInput, ErrorKind::Unsupported];
                assert!(kinds.contains(&error.kind), "{case}: {:?} {error}", error.kind);
                assert!(error.message.contains("damaged.gguf"), "{case}: {error}");
                assert!(error.hint.is_some(), "{case}");
            }
            // llama.cpp goes on without a token that does not exist.
            Ok(_) => assert_eq!(case, "a beginning token that is none"),
        }
    }
    assert!(ask(&engine("llama-cpp"), &put(folder.path(), "good.gguf", &whole), "the").is_ok());
    let missing: PathBuf = folder.path().join("missing.gguf");
    let error = ask(&engine("llama-cpp"), missing.to_str().unwrap(), "the").unwrap_err();
    assert_eq!(error.kind, ErrorKind::ModelNotFound);
}

/// Cancelled once it was asked this often whether it is.
struct CancelledAfter(AtomicUsize);

impl Control for CancelledAfter {
    fn now_ns(&self) -> u64 {
        0
    }

    fn deadline_ns(&self) -> Option<u64> {
        None
    }

    fn is_cancelled(&self) -> bool {
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err()
    }

    fn progress(&self, _: Option<f64>, _: &str) {}

    fn on_cancel(&self, _: Box<dyn FnOnce() + Send>) -> CancelGuard {
        CancelGuard::noop()
    }
}

#[test]
fn a_cancelled_call_ends_between_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let (name, llama_cpp) = (mixture(folder.path()), raw("llama-cpp"));
    for (questions, phase) in [(0, "first_token"), (4, "answer")] {
        let cx = CallContext::new(Arc::new(CancelledAfter(AtomicUsize::new(questions))));
        let message = Message { role: Role::User, content: "the".to_owned() };
        let sink = Recorder::new();
        let error = llama_cpp.generate(&request(&name, vec![message], 64), &sink, &cx).unwrap_err();
        let found = (error.kind, error.phase.as_deref());
        assert_eq!(found, (ErrorKind::Cancelled, Some(phase)), "{questions}: {error}");
    }
    assert!(ask(&llama_cpp, &name, "the").is_ok(), "the engine goes on");
}
