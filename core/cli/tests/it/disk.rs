//! Disks that are full or cannot be written: what was finished is kept, and the run can go on.
#![cfg(unix)]

use std::process::Command;

use llmbench_testkit::{LlmbenchCommand, Output, binary, kill};

use crate::setup::*;

/// A shell in a directory of its own that holds the small fixture; `$LLMBENCH` is the program.
fn shell() -> LlmbenchCommand {
    let shell = LlmbenchCommand::for_program("/bin/sh")
        .env("PROGRAM", binary::build_dir().join("llmbench"))
        .env("LLMBENCH_DATA_DIR", data_dir());
    kill::write_fixture(&shell);
    shell
}

fn script(shell: &LlmbenchCommand, text: &str) -> Output {
    shell.run(&["-c", text])
}

fn begin(url: &str, runs: u32) -> String {
    format!(
        "\"$PROGRAM\" run --model parrot --fixture ./small --url {url} --warmup 0 --validator types=none --runs {runs}"
    )
}

/// Says why not when this system lets nobody mount anything.
#[expect(clippy::print_stderr, reason = "a test that was skipped says so")]
fn can_mount() -> bool {
    let tried =
        Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    let can = tried.as_ref().is_ok_and(|output| output.status.success());
    if !can {
        eprintln!("skipped: no mounts in a namespace of one's own here: {tried:?}");
    }
    can
}

/// Every line of the run is whole, there are fewer than `planned`, and a resumption makes the rest.
fn expect_resumable(shell: &LlmbenchCommand, out: &str, planned: usize) {
    let run = RunFiles::below(&shell.dir().join(out));
    let before = std::fs::read(run.dir.join("samples.jsonl")).unwrap();
    assert!(before.ends_with(b"\n"), "the last record is whole");
    assert!((1..planned).contains(&run.samples.len()), "{} attempts", run.samples.len());
    let output = script(shell, &format!("\"$PROGRAM\" run --resume latest --out {out}"));
    expect_code(&output, 0);
    let after = RunFiles::below(&shell.dir().join(out));
    assert_eq!((after.samples.len(), &after.manifest["status"]), (planned, &"finished".into()));
    assert!(std::fs::read(after.dir.join("samples.jsonl")).unwrap().starts_with(&before));
}

/// A limit on the size of files cuts a record in its middle, as a full disk does.
#[test]
fn a_record_that_does_not_fit_leaves_the_ones_before_it() {
    let server = parrot("I am a parrot.");
    let shell = shell();
    // In blocks of 512 or 1,024 bytes. The signal would end the process at once.
    let limit = "trap '' XFSZ; ulimit -f 64; exec";
    let output = script(&shell, &format!("{limit} {}", begin(&server.url(), 60)));
    expect_code(&output, 3);
    expect_parts(&output.stderr, &["cannot write", "samples.jsonl", "hint: ", "run --resume"]);
    let run = RunFiles::below(&shell.dir().join("results"));
    assert_eq!(run.manifest["status"], "failed");
    expect_parts(run.manifest["error"].as_str().unwrap(), &["cannot write", "samples.jsonl"]);
    expect_resumable(&shell, "results", 60);
}

#[test]
fn a_full_disk_keeps_what_was_finished() {
    if !can_mount() {
        return;
    }
    let server = parrot("I am a parrot.");
    let shell = shell();
    let inner = format!(
        "mkdir results && mount -t tmpfs -o size=400k none results && {}; code=$?; cp -r results kept; exit $code",
        begin(&server.url(), 40)
    );
    let output = script(&shell, &format!("unshare -rm sh -c '{inner}'"));
    expect_code(&output, 3);
    expect_parts(
        &output.stderr,
        &["cannot write", "No space left on device", "hint: ", "--resume"],
    );
    expect_resumable(&shell, "kept", 40);
}

#[test]
fn a_folder_that_cannot_be_written_is_said_before_anything_is_asked() {
    let server = parrot("I am a parrot.");
    let shell = shell();
    // Nobody makes folders there, not even root.
    let output = script(&shell, &format!("{} --out /proc/llmbench", begin(&server.url(), 1)));
    expect_code(&output, 3);
    expect_parts(&output.stderr, &["cannot write", "/proc/llmbench", "--out"]);
    if !can_mount() {
        return;
    }
    expect_code(&script(&shell, &begin(&server.url(), 2)), 0);
    let asked = server.requests().len();
    let inner = "mount --bind results results && mount -o remount,bind,ro results && \
                 exec \"$PROGRAM\" run --resume latest --runs 3";
    let output = script(&shell, &format!("unshare -rm sh -c '{inner}'"));
    expect_code(&output, 3);
    expect_parts(&output.stderr, &["cannot write", "Read-only file system"]);
    assert_eq!(server.requests().len(), asked);
}
