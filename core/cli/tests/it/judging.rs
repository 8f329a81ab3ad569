//! Judging answers without a model: `validate`, `rejudge`, and the fixtures that they judge against.

use llmbench_testkit::{LlmbenchCommand, Output};
use serde_json::Value;

use crate::setup::*;

const RIGHT: &str = "<script setup lang=\"ts\">\nconst word: string = 'hello'\n</script>\n\n\
     <template>\n  <p>{{ word }}</p>\n</template>\n";

/// The lines of stdout, each one JSON value.
#[track_caller]
fn lines(output: &Output) -> Vec<Value> {
    let parse = |line| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}\n{output}"))
    };
    output.stdout.lines().map(parse).collect()
}

fn run_of_parrot(command: &LlmbenchCommand) -> String {
    let server = parrot(&right_answer());
    let url = server.url();
    let flags = ["--model", "parrot", "--runs", "2", "--fixture", SMALL, "--url", &url];
    let output =
        command.run(&[&["run", "--warmup", "0", "--monitor", "none"], &flags[..]].concat());
    expect_code(&output, 0);
    RunFiles::of(command).dir.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn files_are_judged_in_their_order_with_one_line_each() {
    if !has_node() {
        return;
    }
    let command = command();
    command.write("right.vue", RIGHT);
    command.write("wrong.vue", &RIGHT.replace("string", "number"));
    command.write("said.md", &format!("Here it is:\n\n```vue\n{RIGHT}```\n"));
    command.write("nothing.txt", "I cannot do that.");
    let files = ["right.vue", "wrong.vue", "said.md", "nothing.txt"];
    let arguments = ["validate", "--fixture", SMALL, "--format", "json"];
    let output = command.run(&[&arguments[..], &files].concat());
    expect_code(&output, 0);
    let lines = lines(&output);
    let field = |name: &str| lines.iter().map(|line| line[name].clone()).collect::<Vec<_>>();
    assert_eq!(field("file"), files);
    assert_eq!(field("compiles"), [true, false, true, false]);
    assert_eq!(field("score")[0], 10.0);
    assert_eq!(field("score")[3], 0.0);
    assert!(lines[1]["errors"][0].as_str().unwrap().contains("TS2322"), "{}", lines[1]);
    assert_eq!(lines[1]["findings"]["types"]["validator"], "tsc");
    expect_parts(&output.stderr, &["4 files in", "files/s"]);

    let text = command.run(&["validate", "--fixture", SMALL, "wrong.vue", "--fail-under", "9"]);
    expect_code(&text, 5);
    expect_parts(&text.stdout, &["wrong.vue", "no", "TS2322"]);
}

#[test]
fn what_cannot_be_judged_is_refused_before_anything_starts() {
    let command = command();
    command.write("a.vue", RIGHT);
    let check = |arguments: &[&str], code: i32, parts: &[&str]| {
        let output = command.run(arguments);
        expect_code(&output, code);
        expect_parts(&output.stderr, parts);
        assert_eq!(output.stdout, "", "{output}");
    };
    check(&["validate", "--fixture", SMALL, "gone.vue"], 2, &["gone.vue"]);
    check(&["validate", "--fixture", "nope", "a.vue"], 3, &["`nope`", "simple-component"]);
    check(
        &["validate", "--fixture", "level:9", "a.vue"],
        3,
        &["level 9", "levels that there are: 1"],
    );
    check(&["validate", "--fixture", "level:x", "a.vue"], 2, &["level:x"]);
    let variant = "simple-component@nope";
    check(&["validate", "--fixture", variant, "a.vue"], 3, &["`nope`", "renamed, reordered"]);
    check(&["rejudge", "nope"], 3, &["no run `nope`", "no such folder"]);
}

#[test]
fn several_fixtures_cannot_judge_one_file() {
    if !has_node() {
        return;
    }
    let command = command();
    command.write("a.vue", RIGHT);
    let roles = ["--validator", "behaviour=none"];
    let fixtures = ["--fixture", SMALL, "--fixture", "simple-component"];
    let output = command.run(&[&["validate", "a.vue"], &roles[..], &fixtures].concat());
    expect_code(&output, 2);
    expect_parts(&output.stderr, &["one fixture", "small, simple-component"]);
}

#[test]
fn stored_answers_are_judged_again_beside_their_old_verdicts() {
    if !has_node() {
        return;
    }
    let command = command();
    let run = run_of_parrot(&command);
    let same = command.run(&["rejudge", &run]);
    expect_code(&same, 0);
    let totals =
        "2 answers judged again, 0 verdicts changed; mean score of the 2 with both: 10.00 → 10.00";
    expect_parts(&same.stdout, &["parrot", "small", totals]);
    assert!(!same.stderr.contains("warning"), "{same}");

    // The fixture asks for more than it did.
    let checks = r#"{"version": 1, "checks": [{"kind": "script_lang"}, {"kind": "typed_props"}]}"#;
    command.write(std::path::Path::new(SMALL).join("ast_checks.json"), checks);
    let output = command.run(&["rejudge", &run, "--format", "json"]);
    expect_code(&output, 0);
    expect_parts(&output.stderr, &["fixture `small` is not what it was in the run"]);
    let lines = lines(&output);
    assert_eq!(lines.len(), 2);
    for (index, line) in lines.iter().enumerate() {
        assert_eq!(line["run_number"], index + 1);
        assert_eq!((&line["old"]["score"], &line["changed"]), (&Value::from(10.0), &true.into()));
        assert!(line["new"]["score"].as_f64().unwrap() < 10.0, "{line}");
        assert_eq!(line["new"]["compiles"], true);
    }
    let untouched = RunFiles::of(&command);
    assert_eq!(untouched.field("score"), [10.0, 10.0], "the run itself stays as it is");
}

#[test]
fn a_new_fixture_is_complete_and_passes_its_check() {
    if !has_node() {
        return;
    }
    let command = command();
    let made = command.run(&["fixtures", "new", "price-list"]);
    expect_code(&made, 0);
    expect_parts(&made.stdout, &["fixtures/refactoring/price-list", "fixtures check"]);
    let again = command.run(&["fixtures", "new", "price-list"]);
    expect_code(&again, 3);
    let listed = command.run(&["fixtures", "list", "--fixture", "price-list"]);
    expect_parts(&listed.stdout, &["price-list", "1", "renamed, reordered"]);
    let check = ["fixtures", "check", "--fixture", "price-list", "--format", "json"];
    let output = command.run(&check);
    expect_code(&output, 0);
    let checked = output.json();
    let rows = checked.as_array().unwrap();
    let names: Vec<_> =
        rows.iter().map(|row| format!("{} {}", row["fixture"], row["answer"])).collect();
    assert_eq!(rows.len(), 9, "{names:?}");
    assert!(rows.iter().all(|row| row["ok"] == true), "{output}");
    expect_parts(&output.stderr, &["9 answers in"]);

    // A spec that the input does not pass is a broken fixture, whatever else it says.
    let spec = command.dir().join("fixtures/refactoring/price-list/spec.ts");
    let broken = std::fs::read_to_string(&spec).unwrap().replace("'1'", "'2'");
    std::fs::write(&spec, broken).unwrap();
    let output = command.run(&check);
    expect_code(&output, 3);
    expect_parts(&output.stderr, &["price-list", "counts by one when no step is given"]);
}

/// The processes that `parent` started, with their command lines.
#[cfg(target_os = "linux")]
fn children(parent: u32) -> Vec<(u32, String)> {
    let read = |pid: &str, file: &str| std::fs::read(format!("/proc/{pid}/{file}")).ok();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter_map(|pid| {
            let status = String::from_utf8(read(&pid, "status")?).ok()?;
            let found = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
            let is_child = found.trim() == parent.to_string();
            let command = String::from_utf8_lossy(&read(&pid, "cmdline")?).replace('\0', " ");
            is_child.then_some((pid.parse().ok()?, command))
        })
        .collect()
}

/// Kills every worker of the compiler and of the behaviour tests now and then while answers are judged.
#[cfg(target_os = "linux")]
#[test]
fn a_judge_that_is_killed_is_asked_again() {
    if !has_node() {
        return;
    }
    let command = command();
    let made = command.run(&["fixtures", "new", "price-list"]);
    expect_code(&made, 0);
    let fixture = command.dir().join("fixtures/refactoring/price-list");
    let expected = fixture.join("expected.vue");
    let broken = fixture.join("mutants/limit-ignored.vue");
    let mut arguments = vec!["validate", "--fixture", "price-list", "--format", "json"];
    for _ in 0..6 {
        arguments.extend([expected.to_str().unwrap(), broken.to_str().unwrap()]);
    }
    // Warm: packages are installed and the input has been run.
    expect_code(&command.run(&arguments[..6]), 0);

    let command = command.env("LLMBENCH_RETRIES", "20");
    let running = command.start(&arguments);
    let id = running.id();
    let mut killed = [0, 0];
    let is_over = || !std::path::Path::new(&format!("/proc/{id}/cmdline")).exists();
    let mut pause = 900;
    while killed.iter().any(|count| *count < 3) && !is_over() {
        std::thread::sleep(std::time::Duration::from_millis(pause));
        // Another moment of a check each time.
        pause = 300 + (pause * 7 + 130) % 900;
        let kinds = children(id).into_iter().map(|(pid, text)| (pid, text.contains("worker.mjs")));
        for (pid, is_compiler) in kinds.collect::<Vec<_>>() {
            let kind = usize::from(is_compiler);
            let status = (killed[kind] < 3).then(|| {
                std::process::Command::new("kill").args(["-9", &pid.to_string()]).status()
            });
            killed[kind] +=
                u32::from(status.is_some_and(|status| status.is_ok_and(|it| it.success())));
        }
        if std::fs::read_to_string(format!("/proc/{id}/status"))
            .is_ok_and(|it| it.contains("zombie"))
        {
            break;
        }
    }
    let output = running.wait();
    expect_code(&output, 0);
    assert!(killed.iter().all(|count| *count > 0), "nothing was killed: {killed:?}");
    for (index, line) in lines(&output).iter().enumerate() {
        let score = line["score"].as_f64().unwrap_or_else(|| panic!("{line}"));
        assert_eq!(score == 10.0, index % 2 == 0, "{line}");
        assert!(score == 10.0 || score <= 2.0, "{line}");
    }
}
