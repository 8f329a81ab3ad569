//! Bad files as a user of the program meets them.

use llmbench_testkit::LlmbenchCommand;
use llmbench_testkit::gguf::{Family, GgufFile, Value};

use crate::support::small;

fn check(change: impl FnOnce(&mut GgufFile), cut: Option<usize>, parts: &[&str]) {
    let command = LlmbenchCommand::new();
    let mut file = small(Family::Llama);
    change(&mut file);
    let mut bytes = file.bytes();
    bytes.truncate(cut.unwrap_or(bytes.len()));
    std::fs::write(command.dir().join("odd.gguf"), bytes).unwrap();
    let arguments =
        ["run", "--plugin", "refactoring", "--backend", "embedded", "--model", "odd.gguf"];
    let output = command.run(&arguments);
    assert_eq!(output.code, 3, "{output}");
    for part in [&["error:", "hint:", "odd.gguf"], parts].concat() {
        assert!(output.stderr.contains(part), "`{part}` is not in\n{output}");
    }
    assert!(!output.stderr.contains("panicked"), "{output}");
    assert!(!command.dir().join("results").exists(), "something was left behind\n{output}");
}

#[test]
fn bad_files_end_the_program_with_code_3_and_one_clear_error() {
    check(|_| {}, Some(5000), &["cut off"]);
    check(|file| file.set("general.alignment", Value::Number(0)), None, &["alignment"]);
    let mixture = |file: &mut GgufFile| file.set("llama.expert_count", Value::Number(4));
    check(mixture, None, &["mixture of experts", "--backend ollama"]);
    let method = |file: &mut GgufFile| file.set("tokenizer.ggml.model", Value::Text("t5".into()));
    check(method, None, &["`t5`", "--backend ollama"]);
    check(|file| file.remove("tokenizer.chat_template"), None, &["chat template"]);
}
