//! Answers: seeds, limits, streams, and ways to end early.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use llmbench_api::*;
use llmbench_testkit::gguf::{ChatModel, Family, Weights};
use llmbench_testkit::{Recorder, context};

use crate::support::*;

/// Cancelled as soon as somebody has asked so many times whether it is.
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

fn cancelled_after(questions: usize) -> CallContext {
    CallContext::new(Arc::new(CancelledAfter(AtomicUsize::new(questions))))
}

fn tiny(files: &Files, seed: u64) -> String {
    let model = ChatModel { seed, ..ChatModel::new(Family::Llama, Weights::Q8_0) };
    files.put(&format!("tiny-{seed}.gguf"), &model.file())
}

#[test]
fn an_answer_has_its_figures() {
    let files = Files::new();
    let (backend, sink, cx) = (embedded(), Recorder::new(), context(None));
    let generation = backend.generate(&request(&tiny(&files, 1), "the", 12), &sink, &cx).unwrap();
    assert_eq!(generation.done_reason, DoneReason::Length);
    assert_eq!(generation.completion_tokens, Some(12));
    assert!(!generation.text.is_empty());
    assert_eq!(generation.text, sink.text(EventKind::Text));
    assert_eq!(sink.text(EventKind::Done), "length");
    let seconds = [generation.load_sec, generation.prefill_sec, generation.decode_sec];
    assert!(seconds.iter().all(|seconds| seconds.is_some_and(|s| s > 0.0)), "{generation:?}");
    let sum: f64 = seconds.into_iter().flatten().sum();
    assert!(sum <= generation.duration_sec(), "{sum} of {}", generation.duration_sec());
    let first = generation.first_token_at_ns.unwrap();
    assert!(generation.sent_at_ns < first && first <= generation.done_at_ns);
    let times: Vec<_> = sink.events().iter().map(|event| event.at_ns).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert!(times.len() > 3, "the answer came in one piece");
}

#[test]
fn the_seed_decides() {
    let files = Files::new();
    let name = tiny(&files, 1);
    let backend = embedded();
    let say = |seed| {
        let mut request = request(&name, "the const", 24);
        request.options.temperature = 1.5;
        request.options.seed = seed;
        generate(&backend, &request).unwrap().text
    };
    let first = say(7);
    assert_eq!(first, say(7));
    assert_ne!(first, say(8));
    assert_eq!(first, say(7), "an answer in between changed it");
}

#[test]
fn each_request_gets_its_own_model() {
    let files = Files::new();
    let (one, two) = (tiny(&files, 1), tiny(&files, 2));
    let backend = embedded();
    let say = |name: &str| generate(&backend, &request(name, "the", 16)).unwrap().text;
    let (first, second) = (say(&one), say(&two));
    assert_ne!(first, second);
    assert_eq!((say(&one), say(&one), say(&two)), (first.clone(), first, second));
}

#[test]
fn characters_are_whole_in_every_piece() {
    let text = "é€😀!";
    let plain = ChatModel::new(Family::Llama, Weights::F32).vocabulary();
    let tokens = text.bytes().map(|byte| plain.id(&format!("<0x{byte:02X}>"))).collect();
    let model = ChatModel::saying(Family::Llama, tokens);
    let files = Files::new();
    let name = files.put("script.gguf", &model.file());
    let (sink, cx) = (Recorder::new(), context(None));
    let generation = embedded().generate(&request(&name, "say it", 40), &sink, &cx).unwrap();
    assert_eq!(generation.text, text);
    assert_eq!(generation.done_reason, DoneReason::Stop);
    let pieces: Vec<_> =
        sink.events().into_iter().filter(|e| e.kind == EventKind::Text).map(|e| e.text).collect();
    assert_eq!(pieces, ["é", "€", "😀", "!"]);

    // Cut off in the middle of a character: what is there is not lost.
    let sink = Recorder::new();
    let generation = embedded().generate(&request(&name, "say it", 3), &sink, &cx).unwrap();
    assert_eq!(
        (generation.text.as_str(), generation.done_reason),
        ("é\u{fffd}", DoneReason::Length)
    );
    assert_eq!(sink.text(EventKind::Text), generation.text);
}

#[test]
fn byte_pairs_are_put_together_to_characters() {
    for family in [Family::Qwen2, Family::LlamaBpe, Family::Qwen3] {
        let vocabulary = ChatModel::new(family, Weights::F32).vocabulary();
        // The four bytes of the emoji one by one, then a token that is a word.
        let tokens = ["ð", "Ł", "ĺ", "Ģ", "Ġconst"].map(|token| vocabulary.id(token)).to_vec();
        let files = Files::new();
        let name = files.put("script.gguf", &ChatModel::saying(family, tokens).file());
        let generation = generate(&embedded(), &request(&name, "say it", 40)).unwrap();
        assert_eq!(generation.text, "😀 const", "{family:?}");
        assert_eq!(generation.completion_tokens, Some(5));
    }
}

#[test]
fn a_call_ends_early_wherever_it_is() {
    let files = Files::new();
    let name = tiny(&files, 1);
    let backend = embedded();
    // Five parts of a prompt are computed; the third is not begun.
    let long = "xyz ".repeat(300);
    let cases = [
        ("the", 0, "first_token"),
        ("the", 1, "answer"),
        ("the", 4, "answer"),
        (&long, 2, "first_token"),
    ];
    for (prompt, questions, phase) in cases {
        let cx = cancelled_after(questions);
        let error =
            backend.generate(&request(&name, prompt, 64), &Recorder::new(), &cx).unwrap_err();
        let found = (error.kind, error.phase.as_deref());
        assert_eq!(found, (ErrorKind::Cancelled, Some(phase)), "{questions}: {error}");
    }
    let late = context(Some(Duration::ZERO));
    let error = backend.generate(&request(&name, "the", 64), &Recorder::new(), &late).unwrap_err();
    assert_eq!((error.kind, error.phase.as_deref()), (ErrorKind::Timeout, Some("first_token")));

    let sink = Recorder::stopping_after(3);
    let error = backend.generate(&request(&name, "the", 64), &sink, &context(None)).unwrap_err();
    assert_eq!((error.kind, sink.events().len()), (ErrorKind::Cancelled, 3));
    // Nothing of it is left in the next answer.
    let again = generate(&backend, &request(&name, "the", 16)).unwrap();
    let fresh = generate(&embedded(), &request(&name, "the", 16)).unwrap();
    assert_eq!(again.text, fresh.text);
}

#[test]
fn what_the_engine_cannot_do_is_said() {
    let files = Files::new();
    let name = tiny(&files, 1);
    let mut schema = request(&name, "the", 4);
    schema.format = Some(serde_json::json!("json"));
    let mut empty = request(&name, "the", 4);
    empty.messages.clear();
    for (request, part) in
        [(schema, "schema"), (empty, "without messages"), (request(&name, "the", 0), "no tokens")]
    {
        let error = generate(&embedded(), &request).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert!(error.message.contains(part), "{error}");
    }
}
