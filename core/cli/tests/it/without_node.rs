//! Without Node.js nothing can be type-checked: said loudly, never counted as passed.

use crate::setup::*;

#[test]
fn a_run_goes_on_and_says_what_it_skips() {
    let server = parrot(&right_answer());
    let command = command();
    let empty = command.dir().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let command = command.env("PATH", &empty);
    let output = command.run(&[
        "run",
        "--model",
        "parrot",
        "--fixture",
        SMALL,
        "--url",
        &server.url(),
        "--runs",
        "1",
    ]);
    expect_code(&output, 4);
    expect_parts(&output.stderr, &["warning: role `types` is SKIPPED", "node", "no score"]);

    let run = RunFiles::of(&command);
    expect_parts(run.manifest["roles"]["types"]["skipped"].as_str().unwrap(), &["node", "PATH"]);
    let [sample] = run.samples.as_slice() else { panic!("{output}") };
    for field in ["compiles", "score"] {
        assert!(sample[field].is_null(), "{field}: {sample}");
        expect_parts(sample["missing"][field].as_str().unwrap(), &["node"]);
    }
    assert_eq!(sample["findings"]["types"]["passed"], serde_json::Value::Null, "{sample}");
    assert!(sample["ast_score"].as_f64().unwrap() > 0.0, "the structure can still be judged");
    let summary = read_json(&run.dir.join("summary.json"));
    assert_eq!(summary["models"][0]["compiles"]["n"], 0, "{summary}");
}

#[test]
fn with_node_the_same_answer_is_right() {
    if !has_node() {
        return;
    }
    let server = parrot(&right_answer());
    let command = command();
    let output = command.run(&[
        "run",
        "--model",
        "parrot",
        "--fixture",
        SMALL,
        "--url",
        &server.url(),
        "--runs",
        "2",
    ]);
    expect_code(&output, 0);
    let run = RunFiles::of(&command);
    assert_eq!(run.field("score"), [10.0, 10.0]);
    assert_eq!(run.field("compiles"), [true, true]);
    let output_code = run.samples[0]["output_code"].as_str().unwrap();
    expect_parts(output_code, &["const word: string"]);
    let artifacts = run.dir.join("artifacts").join(run.samples[0]["id"].as_str().unwrap());
    for file in ["1-request.json", "1-response.json", "2-types.json", "3-structure.json"] {
        assert!(artifacts.join(file).is_file(), "no {file}");
    }
    let code = std::fs::read_to_string(artifacts.join("Component.vue")).unwrap();
    assert_eq!(code.trim_end(), output_code.trim_end());
}
