//! The main job: the shipped fixture with all defaults on a real server.

use jsonschema::Validator;
use serde_json::Value;

use crate::setup::*;

/// The fields of a record that users rely on by name.
const FIELDS: [&str; 28] = [
    "model",
    "fixture",
    "timestamp",
    "run_number",
    "compiles",
    "ast_score",
    "tokens_per_sec",
    "tokens_per_sec_measured_by",
    "duration_sec",
    "gpu_avg_utilization",
    "gpu_peak_utilization",
    "gpu_avg_memory_gb",
    "gpu_peak_memory_gb",
    "output_code",
    "errors",
    "status",
    "score",
    "ttft_sec",
    "prompt_tokens",
    "completion_tokens",
    "load_sec",
    "prefill_tokens_per_sec",
    "queue_sec",
    "seed",
    "missing",
    "findings",
    "energy_joules",
    "warnings",
];

#[test]
fn the_shipped_component_is_scored_three_times() {
    let Some(server) = ollama() else { return };
    if !has_node() {
        return;
    }
    let command = command();
    // A machine that tests may be slow, and the model's context is short: it has a token for each
    // byte of the prompt. Everything else is as it is without a flag.
    let output = command.run(&[
        "run",
        "--plugin",
        "refactoring",
        "--model",
        "tiny",
        "--runs",
        "3",
        "--url",
        &server.url(),
        "--timeout",
        "3m",
        "--max-tokens",
        "128",
    ]);
    expect_code(&output, 0);
    let run = RunFiles::of(&command);

    assert_eq!(run.manifest["status"], "finished");
    assert_eq!(run.field("status"), ["scored"; 3]);
    assert_eq!(run.field("seed"), [42, 43, 44]);
    for sample in &run.samples {
        assert!(sample["score"].as_f64().unwrap() < 2.0, "a random model cannot be good: {sample}");
        for field in FIELDS {
            assert!(sample.get(field).is_some(), "{field} is not in {sample}");
            let reason = sample["missing"][field].as_str().unwrap_or_default();
            assert_eq!(sample[field].is_null(), !reason.is_empty(), "{field}: {sample}");
        }
    }
    check_plugins_and_settings(&run.manifest);
    check_files(&run);
    check_schemas(&run);
    expect_parts(&output.stdout, &["tiny", "simple-component", "report.md"]);
}

#[test]
fn two_models_are_told_apart() {
    let Some(server) = ollama() else { return };
    let command = command();
    let output = command.run(&[
        "run",
        "--model",
        "tiny",
        "--model",
        "tiny-moe",
        "--runs",
        "1",
        "--fixture",
        SMALL,
        "--max-tokens",
        "32",
        "--url",
        &server.url(),
    ]);
    expect_code(&output, 0);
    let run = RunFiles::of(&command);
    assert_eq!(run.field("model"), ["tiny", "tiny-moe"]);
    for sample in &run.samples {
        assert!(sample["tokens_per_sec"].as_f64().unwrap() > 0.0, "{sample}");
        assert!(sample["prompt_tokens"].as_u64().unwrap() > 50, "{sample}");
        assert_eq!(sample["completion_tokens"], 32, "{sample}");
    }
    let identity = |index: usize| run.manifest["models"][index]["identity"].clone();
    assert_eq!(identity(0)["architecture"]["value"], "dense");
    assert_eq!(identity(1)["architecture"]["value"], "mixture_of_experts");
    expect_parts(&output.stdout, &["tiny-moe"]);
}

fn check_plugins_and_settings(manifest: &Value) {
    let plugins = manifest["plugins"].as_array().unwrap();
    for name in ["refactoring", "ollama", "tsc", "ts-ast"] {
        let plugin = plugins.iter().find(|plugin| plugin["name"] == name).expect(name);
        assert_eq!(plugin["sha256"].as_str().unwrap().len(), 64, "{plugin}");
        assert!(std::path::Path::new(plugin["path"].as_str().unwrap()).is_file(), "{plugin}");
    }
    let settings = manifest["settings"].as_object().unwrap();
    let origin = |name: &str| settings[name]["origin"].as_str().unwrap();
    assert_eq!([origin("runs"), origin("model"), origin("top_k")], ["flag", "flag", "default"]);
    assert_eq!(origin("num_ctx"), "default, lowered to the context length of `tiny`");
    assert_eq!(settings["num_ctx"]["value"], 4096);
    assert_eq!(settings["runs"]["value"], 3);
}

fn check_files(run: &RunFiles) {
    for id in run.field("id") {
        let dir = run.dir.join("artifacts").join(id.as_str().unwrap());
        for file in ["1-request.json", "1-response.json"] {
            assert!(dir.join(file).is_file(), "{} has no {file}", dir.display());
        }
    }
    let report = std::fs::read_to_string(run.dir.join("report.md")).unwrap();
    expect_parts(&report, &["simple-component", "tiny"]);
    let table = std::fs::read_to_string(run.dir.join("samples.csv")).unwrap();
    assert_eq!(table.lines().count(), 4, "a head and three attempts:\n{table}");
}

fn check_schemas(run: &RunFiles) {
    let (samples, manifest) = (&run.samples, &run.manifest);
    schema("run").validate_all(std::slice::from_ref(manifest));
    schema("sample").validate_all(samples);
    schema("summary").validate_all(&[read_json(&run.dir.join("summary.json"))]);
    // A schema that accepts anything would prove nothing.
    let mut broken = samples[0].clone();
    broken["status"] = "splendid".into();
    assert!(!schema("sample").0.is_valid(&broken));
    broken = manifest.clone();
    broken.as_object_mut().unwrap().remove("plan");
    assert!(!schema("run").0.is_valid(&broken));
}

struct Schema(Validator);

impl Schema {
    fn validate_all(&self, values: &[Value]) {
        for value in values {
            let errors: Vec<_> = self
                .0
                .iter_errors(value)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{errors:#?}");
        }
    }
}

fn schema(name: &str) -> Schema {
    let output = command().run(&["schema", name]);
    expect_code(&output, 0);
    Schema(jsonschema::validator_for(&output.json()).unwrap())
}
