//! What is not the answer's fault is an error, never a verdict.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use llmbench_api::{Artifact, ErrorKind, FindingsStatus, Validator};
use llmbench_plugin_vitest::{SandboxChoice, Settings, Vitest};
use rustix::process::{Pid, Signal, kill_process};

use crate::answers::{GOOD, counter, with};
use crate::support::{Host, check, cx, modes, summary, with_settings};

/// A validator whose processes can be told from those of other tests.
fn marked(sandbox: SandboxChoice, memory_limit_mb: u64) -> Vitest {
    with_settings(Settings { sandbox, memory_limit_mb, timeout_ms: 300_000, ..Settings::default() })
}

/// Processes of the validator with this limit, oldest first: launcher or
/// sandbox, then Node.
fn processes(memory_limit_mb: u64) -> Vec<i32> {
    let mark = format!("--max-old-space-size={memory_limit_mb}\0");
    let ids = std::fs::read_dir("/proc").unwrap().flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let marked = |id: &i32| {
        let path = Path::new("/proc").join(id.to_string()).join("cmdline");
        std::fs::read(path).is_ok_and(|line| String::from_utf8_lossy(&line).contains(&mark))
    };
    let mut ids: Vec<i32> = ids.filter(marked).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_test_process_that_is_killed_is_an_error_at_any_instant() {
    for (number, mode) in modes().iter().enumerate() {
        let mark = 1400 + number as u64;
        let vitest = marked(*mode, mark);
        vitest.prepare(&counter(), &cx()).unwrap();
        let mut errors = 0;
        for (round, delay_ms) in [0, 15, 60, 150, 300, 500, 800, 1200].into_iter().enumerate() {
            let result = std::thread::scope(|scope| {
                let running = scope.spawn(|| check(&vitest, GOOD, &counter()));
                while processes(mark).is_empty() && !running.is_finished() {
                    std::thread::yield_now();
                }
                std::thread::sleep(Duration::from_millis(delay_ms));
                let found = processes(mark);
                // The sandbox and Node in turn.
                let victim = if round % 2 == 0 { found.last() } else { found.first() };
                if let Some(victim) = victim.copied().and_then(Pid::from_raw) {
                    let _ = kill_process(victim, Signal::KILL);
                }
                running.join().unwrap()
            });
            match result {
                Err(error) => {
                    assert!(error.kind.is_transient(), "after {delay_ms} ms: {error:?}");
                    errors += 1;
                }
                // It had ended already.
                Ok(findings) => {
                    assert_eq!(findings.status, FindingsStatus::Passed, "{}", summary(&findings));
                }
            }
        }
        assert!(errors >= 3, "only {errors} of 8 kills hit a running check");
        assert_eq!(check(&vitest, GOOD, &counter()).unwrap().status, FindingsStatus::Passed);
    }
}

#[test]
fn a_check_ends_when_it_is_cancelled_or_its_deadline_passes() {
    for (number, mode) in modes().iter().enumerate() {
        let mark = 1410 + number as u64;
        let vitest = marked(*mode, mark);
        vitest.prepare(&counter(), &cx()).unwrap();
        let endless = Artifact::single("Component.vue", with("for (;;) {}"));

        let host = Host::giving_up_after(Duration::from_secs(2));
        let error = vitest.check(&endless, &counter(), &host.cx()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Timeout, "{error}");

        let host = Host::patient();
        let (started, has_started) = mpsc::channel();
        let error = std::thread::scope(|scope| {
            let running = scope.spawn(|| {
                started.send(()).unwrap();
                vitest.check(&endless, &counter(), &host.cx()).unwrap_err()
            });
            has_started.recv().unwrap();
            while processes(mark).is_empty() {
                std::thread::yield_now();
            }
            host.cancel();
            running.join().unwrap()
        });
        assert_eq!(error.kind, ErrorKind::Cancelled, "{error}");
        let gone = || processes(mark).is_empty();
        for _ in 0..500 {
            if gone() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(gone(), "processes were left: {:?}", processes(mark));
    }
}

/// Folders of checks lie in the system's temporary folder, also those of other
/// processes; so the check runs with a temporary folder of its own, in a child.
#[test]
fn nothing_is_left_in_the_temporary_folder() {
    let Some(program) = crate::other_user::example() else { return };
    if modes().is_empty() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let fixture = crate::other_user::fixture_on_disk(&[&with("for (;;) {}")]);
    let status = std::process::Command::new(program)
        .arg(crate::support::data_dir())
        .arg("auto")
        .arg(fixture.path())
        .arg(fixture.path().join("0.vue"))
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}
