//! Wrong input: one clear error, the right exit code, nothing left behind.

use llmbench_testkit::{FaultServer, LlmbenchCommand, Output};

use crate::setup::*;

/// Runs against a stand-in and checks what every refusal has in common.
fn refused(command: &LlmbenchCommand, arguments: &[&str], code: i32, parts: &[&str]) {
    let server = parrot("never asked");
    let url = server.url();
    let before = names_in(command);
    let output = command.run(&[&["run", "--model", "parrot", "--url", &url], arguments].concat());
    check(&output, code, parts);
    assert_eq!(names_in(command), before, "something was left behind\n{output}");
    let asked = server.requests().into_iter().any(|request| request.path == "/api/chat");
    assert!(!asked, "the model was asked in spite of the error\n{output}");
}

fn check(output: &Output, code: i32, parts: &[&str]) {
    expect_code(output, code);
    expect_parts(&output.stderr, parts);
    assert_eq!(output.stdout, "", "an error is no result\n{output}");
    assert_eq!(
        output.stderr.lines().filter(|line| line.starts_with("error:")).count(),
        1,
        "one error, not several\n{output}"
    );
    for noise in ["panicked", "RUST_BACKTRACE", "Error {"] {
        assert!(!output.stderr.contains(noise), "`{noise}` is no text for users\n{output}");
    }
}

fn names_in(command: &LlmbenchCommand) -> Vec<String> {
    let entries = std::fs::read_dir(command.dir()).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn names_that_do_not_exist_are_answered_with_those_that_do() {
    let command = command();
    for (arguments, code, parts) in [
        (["--plugin", "nope"], 2, ["no test called `nope`", "refactoring"]),
        (["--backend", "nope"], 2, ["no backend called `nope`", "ollama"]),
        (
            ["--monitor", "nope"],
            2,
            ["no monitor called `nope`", "amdgpu, nvidia-smi, nvml, system"],
        ),
        (["--validator", "types=nope"], 2, ["no validator called `nope`", "ts-ast, tsc"]),
        (["--validator", "nope=tsc"], 2, ["no role `nope`", "types, structure, behaviour"]),
        (["--fixture", "nope"], 3, ["no fixture `nope`", "simple-component"]),
        (["--fixture", "./nope"], 3, ["no fixture folder", "nope"]),
        (["--set", "nope.x=1"], 2, ["plugin `nope`", "refactoring"]),
        (["--set", "nonsense=1"], 2, ["`nonsense`", "`top_p`"]),
        (["--set", "ollama.nonsense=1"], 2, ["`nonsense`", "ollama"]),
    ] {
        refused(&command, &arguments, code, &parts);
    }
}

#[test]
fn values_that_make_no_sense_are_refused_by_name() {
    let command = command();
    for (arguments, parts) in [
        (["--timeout", "soon"], ["\"soon\"", "30s"]),
        (["--timeout", "0"], ["`timeout`", "positive"]),
        (["--shard", "3/2"], ["3/2", "I/N"]),
        (["--shard", "half"], ["half", "I/N"]),
        (["--runs", "0"], ["runs", "at least 1"]),
        (["--runs", "many"], ["many", "--runs"]),
        (["--temperature", "9"], ["temperature", "between 0 and 5"]),
        (["--validator", "types"], ["`types`", "ROLE=NAME"]),
        (["--set", "top_p"], ["`top_p`", "KEY=VALUE"]),
    ] {
        refused(&command, &arguments, 2, &parts);
    }
}

#[test]
fn mistakes_in_a_settings_file_are_shown_with_file_and_line() {
    for (text, parts) in [
        ("runs = 3\nwarmup = = 1\n", ["llmbench.toml", "line 2"]),
        ("runs = 3\n\nrunz = 4\n", ["line 3", "`runz`"]),
        ("[plugin.ollama]\nnonsense = 1\n", ["nonsense", "ollama"]),
        ("runs = \"many\"\n", ["line 1", "many"]),
        ("temperature = 7.0\n", ["llmbench.toml", "between 0 and 5"]),
    ] {
        let command = command();
        command.write("llmbench.toml", text);
        refused(&command, &[], 2, &parts);
    }
    refused(&command(), &["--config", "gone.toml"], 2, &["gone.toml", "No such file"]);
}

#[test]
fn mistakes_in_the_environment_name_the_variable() {
    for (name, value, parts) in [
        ("LLMBENCH_RUNS", "many", ["LLMBENCH_RUNS", "many"]),
        ("LLMBENCH_RUNZ", "3", ["LLMBENCH_RUNZ", "expected"]),
    ] {
        refused(&command().env(name, value), &[], 2, &parts);
    }
}

#[test]
fn results_that_cannot_be_written_are_known_before_the_model_is_asked() {
    let command = command();
    command.write("taken", "a file");
    for out in ["taken", "taken/below"] {
        refused(&command, &["--out", out], 3, &["taken", "--out"]);
    }
}

#[test]
fn an_unknown_model_is_answered_with_the_installed_ones() {
    let Some(server) = ollama() else { return };
    let command = command();
    let output = command.run(&["run", "--model", "nope", "--url", &server.url()]);
    check(&output, 3, &["`nope`", "ollama pull nope", "tiny:latest", "tiny-moe:latest"]);
}

#[test]
fn a_server_that_is_down_is_named_with_what_to_do() {
    let url = FaultServer::unreachable_url();
    for arguments in [&["run", "--model", "tiny"][..], &["models"]] {
        let output = command().run(&[arguments, &["--url", &url]].concat());
        check(&output, 3, &[&url, "ollama serve", "--url"]);
    }
}

#[test]
fn a_broken_fixture_is_refused_with_its_file() {
    let command = command();
    command.write("small/fixture.json", "{\"version\": 1, \"title\": \"x\", \"level\": 3}");
    refused(&command, &["--fixture", SMALL], 3, &["fixture.json", "max_scores"]);
}

#[test]
fn an_address_that_is_no_web_address_is_refused() {
    let output = command().run(&["models", "--url", "ftp://x"]);
    check(&output, 2, &["ftp://x", "http"]);
}

#[test]
fn unknown_commands_and_flags_are_usage_errors() {
    for arguments in [&["bench"][..], &["run", "--modle", "x"], &["run", "-q", "-v"]] {
        let output = command().run(arguments);
        check(&output, 2, &["error:", "--help"]);
    }
}
