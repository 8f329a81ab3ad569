//! Every command but `run`, as users see it.

use llmbench_testkit::{FaultServer, LlmbenchCommand, Output};
use serde_json::Value;

use crate::setup::*;

const PLUGINS: [&str; 15] = [
    "amdgpu",
    "consistency",
    "context-window",
    "embedded",
    "nvidia-smi",
    "nvml",
    "ollama",
    "openai",
    "refactoring",
    "system",
    "throughput",
    "ts-ast",
    "tsc",
    "tsc-native",
    "vitest",
];

fn ok(command: &LlmbenchCommand, arguments: &[&str]) -> Output {
    let output = command.run(arguments);
    expect_code(&output, 0);
    output
}

#[test]
fn help_and_version_need_nothing() {
    let command = command();
    let help = ok(&command, &["--help"]);
    expect_parts(&help.stdout, &["run", "doctor", "plugins", "fixtures", "Exit codes", "130"]);
    let version = ok(&command, &["--version"]);
    assert_eq!(version.stdout, format!("llmbench {}\n", env!("CARGO_PKG_VERSION")));
    let run = ok(&command, &["run", "--help"]);
    expect_parts(&run.stdout, &["--plugin", "--fail-under", "--shard", "[default: 3]"]);
    for output in [help, version, run] {
        assert_eq!(output.stderr, "");
    }
    expect_code(&command.run::<&str>(&[]), 2);
}

#[test]
fn completions_are_a_script_of_the_shell() {
    let script = ok(&command(), &["completions", "bash"]).stdout;
    expect_parts(&script, &["_llmbench()", "complete -F", "--fail-under"]);
}

#[test]
fn schemas_are_those_in_the_documentation() {
    let command = command();
    for name in ["run", "sample", "summary", "comparison"] {
        let printed = ok(&command, &["schema", name]).stdout;
        let path = repository().join("docs/schemas").join(format!("{name}.json"));
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            stored == printed,
            "{} is out of date: run `llmbench schema {name} > docs/schemas/{name}.json`",
            path.display()
        );
    }
    expect_parts(&ok(&command, &["schema"]).stdout, &["run", "sample", "summary"]);
    let unknown = command.run(&["schema", "nope"]);
    expect_code(&unknown, 2);
    expect_parts(&unknown.stderr, &["`nope`", "run, sample, summary, comparison"]);
}

#[test]
fn plugins_are_listed_and_described() {
    let command = command();
    expect_parts(&ok(&command, &["plugins", "list"]).stdout, &PLUGINS);
    let listed = ok(&command, &["plugins", "list", "--format", "json"]).json();
    let mut names: Vec<_> = listed["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|plugin| plugin["components"].as_array().unwrap())
        .map(|component| component["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, PLUGINS);

    let text = ok(&command, &["plugins", "info", "tsc"]).stdout;
    expect_parts(&text, &["llmbench-plugin-tsc", "sha256", "rustc", "abi", "validator `tsc`"]);
    let info = ok(&command, &["plugins", "info", "tsc", "--format", "json"]).json();
    assert_eq!(info["sha256"].as_str().unwrap().len(), 64, "{info}");
    let unknown = command.run(&["plugins", "info", "nope"]);
    expect_code(&unknown, 2);
    expect_parts(&unknown.stderr, &["`nope`", "nvidia-smi, nvml, ollama"]);
}

#[test]
fn models_are_listed() {
    let Some(server) = ollama() else { return };
    let command = command();
    let text = ok(&command, &["models", "--url", &server.url()]).stdout;
    expect_parts(&text, &["tiny:latest", "tiny-moe:latest", "2.50M"]);
    let models = ok(&command, &["models", "--url", &server.url(), "--format", "json"]).json();
    assert_eq!(models.as_array().unwrap().len(), 2, "{models}");
    // The variable of Ollama's own tools works too.
    let command = command.env("OLLAMA_HOST", server.address().to_string());
    expect_parts(&ok(&command, &["models"]).stdout, &["tiny:latest"]);
}

#[test]
fn fixtures_are_listed_with_their_origin() {
    let command = command();
    let text = ok(&command, &["fixtures", "list"]).stdout;
    expect_parts(&text, &["simple-component", "shipped with test `refactoring`"]);
    // The project's own are found by name and come first.
    for file in std::fs::read_dir(command.dir().join(SMALL)).unwrap().flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap();
        let path = std::path::Path::new("fixtures/refactoring/mine").join(file.file_name());
        command.write(path, &text);
    }
    let listed = ok(&command, &["fixtures", "list", "--format", "json"]).json();
    let names: Vec<_> =
        listed.as_array().unwrap().iter().map(|fixture| fixture["name"].clone()).collect();
    assert_eq!(names.iter().filter(|name| *name == "mine").count(), 1);
    assert!(names.len() > 20, "the shipped ones come beside it: {names:?}");
    expect_parts(&ok(&command, &["fixtures", "list", "--fixture", "mine"]).stdout, &["mine"]);
}

#[test]
fn the_shipped_fixture_judges_as_it_says() {
    if !has_node() {
        return;
    }
    let check = ["fixtures", "check", "--fixture", "simple-component", "--format", "json"];
    let checked = ok(&command(), &check).json();
    let outcome = |answer: &str| -> Value {
        let outcomes = checked.as_array().unwrap();
        let of_fixture = |outcome: &&Value| outcome["fixture"] == "simple-component";
        let found = outcomes.iter().filter(of_fixture).find(|outcome| outcome["answer"] == answer);
        found.unwrap().clone()
    };
    assert_eq!(outcome("expected.vue")["score"], 10.0);
    assert!(outcome("input.vue")["score"].as_f64().unwrap() < 1.0);
    assert!(checked.as_array().unwrap().len() > 10, "every mutant is judged: {checked}");
}

#[test]
fn a_fixture_that_does_not_judge_as_it_says_is_named() {
    if !has_node() {
        return;
    }
    let command = command();
    command.write(
        "small/expected.vue",
        "<script setup lang=\"ts\">\nconst word: number = 'hello'\n</script>\n\n<template>\n  <p>{{ word }}</p>\n</template>\n",
    );
    let output = command.run(&["fixtures", "check", "--fixture", SMALL]);
    expect_code(&output, 3);
    expect_parts(&output.stdout, &["FAILED", "expected.vue", "≥ 10"]);
    expect_parts(&output.stderr, &["small expected.vue", "error: 1 of 2"]);
}

#[test]
fn a_doctor_finds_a_ready_machine_ready() {
    let Some(server) = ollama() else { return };
    if !has_node() {
        return;
    }
    let command = command();
    // The first use installs the type checker; a look must not.
    ok(&command, &["doctor", "--fix", "--model", "tiny", "--url", &server.url()]);
    let output = ok(&command, &["doctor", "--model", "tiny", "--url", &server.url()]);
    expect_parts(&output.stdout, &["ok      server", "`tiny` is installed and answers", "vue-tsc"]);
    assert!(!output.stdout.contains("failed"), "{output}");
    assert!(!command.dir().join("results").exists(), "a look changes nothing");

    let json =
        ok(&command, &["doctor", "--model", "tiny", "--url", &server.url(), "--format", "json"]);
    for line in json.json().as_array().unwrap() {
        assert_ne!(line["health"], "failed", "{line}");
    }
}

#[test]
fn a_doctor_names_what_is_wrong_with_the_fix() {
    let server = parrot("ok");
    let failed = |command: &LlmbenchCommand, url: &str, model: &str| -> Vec<Value> {
        let output = command.run(&["doctor", "--model", model, "--url", url, "--format", "json"]);
        expect_code(&output, 3);
        let lines = output.json().as_array().unwrap().clone();
        let failed: Vec<_> = lines.into_iter().filter(|line| line["health"] == "failed").collect();
        for line in &failed {
            assert!(line["fix"].is_string(), "no fix: {line}");
        }
        failed
    };
    let what = |lines: &[Value]| lines.iter().map(|line| line["what"].clone()).collect::<Vec<_>>();

    let url = FaultServer::unreachable_url();
    let lines = failed(&command(), &url, "parrot");
    assert!(what(&lines).contains(&"server".into()), "{lines:?}");
    expect_parts(lines[0]["fix"].as_str().unwrap(), &["ollama serve"]);

    let command = command();
    let empty = command.dir().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let lines = failed(&command.env("PATH", empty), &server.url(), "parrot");
    assert_eq!(what(&lines), ["role types"]);
    expect_parts(lines[0]["found"].as_str().unwrap(), &["cannot find `node`"]);
    let fix = lines[0]["fix"].as_str().unwrap();
    assert!(fix.starts_with("install Node.js"), "{fix}");
}
