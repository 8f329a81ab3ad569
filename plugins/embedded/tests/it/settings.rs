//! What the settings change.

use llmbench_api::*;
use llmbench_plugin_embedded::Embedded;
use llmbench_testkit::context;
use llmbench_testkit::gguf::Family;
use serde_json::json;

use crate::support::*;

fn with_template(template: &str) -> Embedded {
    Embedded::new(json!({ "chat_template": template })).unwrap()
}

#[test]
fn a_chat_template_of_the_user_replaces_the_one_of_the_file() {
    let files = Files::new();
    let mut file = small(Family::Llama);
    let tokens = |backend: &Embedded, name: &str| {
        generate(backend, &request(name, "xyz", 2)).unwrap().prompt_tokens.unwrap()
    };
    let own = files.put("own.gguf", &file);
    // <s>, <|user|>, three letters, <|assistant|>
    assert_eq!(tokens(&embedded(), &own), 6);
    assert_eq!(tokens(&with_template("raw"), &own), 4);
    let path =
        files.put_bytes("chat.jinja", b"{{ messages[0]['content'] | upper }}-{{ bos_token }}");
    // <s>, three letters, -, <s> again: only one in front is never doubled.
    assert_eq!(tokens(&with_template(&path), &own), 6);
    file.remove("tokenizer.chat_template");
    let without = files.put("without.gguf", &file);
    assert_eq!(tokens(&with_template("raw"), &without), 4);
}

#[test]
fn a_chat_template_that_cannot_be_used_is_told() {
    let files = Files::new();
    let name = files.put("model.gguf", &small(Family::Llama));
    let load = |template: &str| {
        let backend = with_template(template);
        let asked = generate(&backend, &request(&name, "x", 1));
        asked.map(|_| ()).unwrap_err()
    };
    let error = load("no-such.jinja");
    assert_eq!(error.kind, ErrorKind::Settings, "{error}");
    assert!(error.message.contains("no-such.jinja"), "{error}");
    let error = load(&files.put_bytes("broken.jinja", b"{{ messages["));
    assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
    assert!(error.message.contains("broken.jinja"), "{error}");
    let refuses = b"{{ raise_exception('only poems, please') }}";
    let error = load(&files.put_bytes("refuses.jinja", refuses));
    assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
    assert!(error.message.contains("only poems, please"), "{error}");
}

#[test]
fn the_sample_model_is_there_and_called_a_demo() {
    let (backend, cx) = (embedded(), context(None));
    let identity = backend.identify("sample", &cx).unwrap();
    assert_eq!(identity.quantization.value.as_deref(), Some("Q8_0"));
    assert!(identity.architecture.reason.is_some_and(|reason| reason.contains("demo model")));
    assert!(backend.models(&cx).unwrap().iter().any(|model| model.name == "sample"));
    let generation = generate(&backend, &request("sample", "hello", 3)).unwrap();
    assert!(generation.completion_tokens.is_some());
}
