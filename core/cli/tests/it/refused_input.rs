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
        (["--plugin", "refactorng"], 2, ["`refactorng`", "did you mean `refactoring`? use one"]),
        (["--backend", "olama"], 2, ["`olama`", "did you mean `ollama`? use one"]),
        (["--validator", "typs=tsc"], 2, ["no role `typs`", "did you mean `types`? its roles"]),
        (
            ["--fixture", "simple-componet"],
            3,
            ["no fixture", "did you mean `simple-component`? use one of"],
        ),
        (["--set", "tcs.node=x"], 2, ["plugin `tcs`", "did you mean `tsc`?"]),
        (["--set", "rnus=3"], 2, ["unknown key `rnus`", "did you mean `runs`? expected: "]),
        (["--set", "tsc.nod=x"], 2, ["unknown key `nod`", "did you mean `node`? expected: "]),
        (["--set", "roles.behaviour=none"], 2, ["names no roles", "`--validator behaviour=none`"]),
        (["--set", "plugin.tsc.node=x"], 2, ["`plugin.`", "`--set tsc.node=x`"]),
        (["--backend", "nope"], 2, ["no backend called `nope`", "ollama"]),
        (
            ["--monitor", "nope"],
            2,
            ["no monitor called `nope`", "amdgpu, nvidia-smi, nvml, system"],
        ),
        (["--validator", "types=nope"], 2, ["no validator called `nope`", "ts-ast, tsc"]),
        (["--validator", "nope=tsc"], 2, ["no role `nope`", "types, structure, behaviour"]),
        (["--fixture", "nope"], 3, ["no fixture `nope`", "simple-component"]),
        (["--fixture", "./nope"], 3, ["no fixture folder ./nope", "llmbench fixtures new"]),
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
        (["--runs", "0"], ["(from `--runs`)", "at least 1"]),
        (["--set", "runs=0"], ["(from `--set`)", "at least 1"]),
        (["--runs", "many"], ["'many' for '--runs <N>'", "must be a whole number"]),
        (["--num-ctx", "99999999999"], ["--num-ctx", "is too large"]),
        (["--temperature", "hot"], ["--temperature", "must be a number"]),
        (["--set", "top_p=high"], ["`top_p=high`", "the text \"high\" where a number belongs"]),
        (["--set", "tsc.node=3"], ["`tsc`: `node`: 3 where a text belongs", "tsc.node=VALUE"]),
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
        ("runs = \"many\"\n", ["line 1", "the text \"many\" where a whole number from 0 on"]),
        ("\nrunz = 4\n", ["line 2", "did you mean `runs`?"]),
        (
            "[plugin.tsc]\nmemory_limit_mb = \"2048\"\n",
            ["`memory_limit_mb`: the text \"2048\"", "whole number"],
        ),
        (
            "[roles]\nbehavior = \"none\"\n",
            ["llmbench.toml names `behavior`, a role that no installed test has", "`behaviour`?"],
        ),
        ("[plugin.tcs]\nnode = \"x\"\n", ["`[plugin.tcs]` in", "did you mean `tsc`?"]),
        ("temperature = 7.0\n", ["llmbench.toml", "between 0 and 5"]),
    ] {
        let command = command();
        command.write("llmbench.toml", text);
        refused(&command, &[], 2, &parts);
    }
    let parts = ["gone.toml", "No such file", "check the path", "LLMBENCH_CONFIG"];
    refused(&command(), &["--config", "gone.toml"], 2, &parts);
}

#[test]
fn doctor_finds_sections_of_plugins_that_are_not_there() {
    let command = command();
    command.write("llmbench.toml", "[plugin.tcs]\nnode = \"x\"\n");
    let output = command.run(&["doctor", "--model", "sample", "--fixture", SMALL]);
    expect_code(&output, 3);
    expect_parts(&output.stdout, &["plugin settings", "`[plugin.tcs]` in", "did you mean `tsc`?"]);
}

#[test]
fn a_settings_file_may_hold_what_belongs_to_other_tests() {
    let text = "[roles]\nbehaviour = \"none\"\n[plugin.openai]\nthreads = 2\n";
    let command = command();
    command.write("llmbench.toml", text);
    let arguments = ["run", "--plugin", "throughput", "--model", "sample", "--dry-run"];
    expect_code(&command.run(&arguments), 0);
}

#[test]
fn a_load_that_the_backend_cannot_drive_is_refused_before_the_run() {
    for (load, words) in [
        ("concurrency=4", "4 requests at a time, which `c4`"),
        ("rate=2", "a rate of 2 requests a second, which `r2`"),
    ] {
        for dry in [&["--dry-run"][..], &[]] {
            let command = command();
            let before = names_in(&command);
            let load = format!("throughput.{load}");
            let run = ["run", "--plugin", "throughput", "--model", "sample", "--set", &load];
            let output = command.run(&[&run, dry].concat());
            check(&output, 3, &["cannot drive", words, "--backend openai"]);
            assert!(!output.stderr.contains(" { "), "Rust's words\n{output}");
            assert_eq!(names_in(&command), before, "something was left behind\n{output}");
        }
    }
}

#[test]
fn the_name_of_the_demo_model_is_asked_back() {
    let command = command();
    let output = command.run(&["run", "--model", "sampel"]);
    // A machine's own Ollama may answer: the question is the same.
    check(&output, 3, &["did you mean `", "sample`?", "demo model of the embedded engine"]);
}

#[test]
fn a_file_that_cannot_be_written_is_named_with_the_reason() {
    let command = command();
    let run = ["run", "--plugin", "throughput", "--model", "sample", "--runs", "1"];
    let short = ["--warmup", "0", "--monitor", "none"];
    let set = ["--set", "throughput.requests=1", "--set", "throughput.output_tokens=4"];
    expect_code(&command.run(&[&run[..], &short, &set].concat()), 0);
    let output = command.run(&["report", "latest", "--format", "html", "-o", "gone/x.html"]);
    check(&output, 3, &["cannot write gone/x.html", "no folder `gone`", "mkdir -p gone"]);
    assert!(!output.stderr.contains(".writing-"), "{output}");
    let output = command.run(&["export", "latest", "--output", "gone/x.parquet"]);
    check(&output, 3, &["cannot write `gone/x.parquet`", "mkdir -p gone"]);
}

#[test]
fn mistakes_in_the_environment_name_the_variable() {
    for (name, value, parts) in [
        ("LLMBENCH_RUNS", "many", ["LLMBENCH_RUNS", "many"]),
        ("LLMBENCH_RUNZ", "3", ["LLMBENCH_RUNZ", "did you mean `runs`? expected"]),
    ] {
        refused(&command().env(name, value), &[], 2, &parts);
    }
}

#[test]
fn results_that_cannot_be_written_are_known_before_the_model_is_asked() {
    let command = command();
    command.write("taken", "a file");
    for out in ["taken", "taken/below"] {
        let parts = ["taken", "a file where a folder is needed", "--out"];
        refused(&command, &["--out", out], 3, &parts);
    }
}

#[test]
fn an_unknown_model_is_answered_with_the_installed_ones() {
    let Some(server) = ollama() else { return };
    let command = command();
    let output = command.run(&["run", "--model", "nope", "--url", &server.url()]);
    check(&output, 3, &["`nope`", "ollama pull nope", "tiny:latest", "tiny-moe:latest"]);
    let output = command.run(&["run", "--model", "tiny-mo", "--url", &server.url()]);
    check(&output, 3, &["`tiny-mo`", "did you mean `tiny-moe:latest`?"]);
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
fn a_file_to_judge_that_is_not_there_is_named_with_what_may_be() {
    let output = command().run(&["validate", "--fixture", SMALL, "gone.vue"]);
    check(&output, 2, &["gone.vue", "No such file", "llmbench validate --fixture F FILE"]);
}

#[test]
fn unknown_commands_and_flags_are_usage_errors() {
    for arguments in [&["bench"][..], &["run", "--modle", "x"], &["run", "-q", "-v"]] {
        let output = command().run(arguments);
        check(&output, 2, &["error:", "--help"]);
    }
}
