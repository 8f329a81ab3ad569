//! What happens when the worker misbehaves, and that the next check works again.
//!
//! The stand-ins are shell scripts in place of `node`. Each answers to
//! `--version`; what it does otherwise is written in its test.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use llmbench_api::{Artifact, Error, ErrorKind, FindingsStatus, Project, Validator};
use llmbench_plugin_tsc::{SELF_TEST_REQUESTS, Settings, Tsc};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, test_kill_process, waitid,
};

use crate::cases::{VALID, huge};
use crate::support::{Host, check, cx, own, passed};

/// A stand-in for `node` that runs `script`.
struct StandIn {
    folder: tempfile::TempDir,
}

impl StandIn {
    fn new(version: &str, script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "#!/bin/sh\n# Stand-in for node in a test of llmbench.\n\
             if [ \"$1\" = --version ]; then echo {version}; exit; fi\n\
             cd {:?} || exit 9\n{script}\n",
            folder.path()
        );
        let path = folder.path().join("node");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    fn settings(&self) -> Settings {
        Settings { node: Some(self.folder.path().join("node")), ..Settings::default() }
    }

    fn file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join(name)).ok()
    }
}

#[track_caller]
fn check_refused(script: &str, in_message: &str) {
    let stand_in = StandIn::new("v20.0.0", script);
    let Some(tsc) = own(stand_in.settings()) else { return };
    let error = tsc.prepare(&Project::default(), &cx()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert!(error.message.contains(in_message), "{error}");
    assert!(error.hint.is_some(), "{error}");
}

#[test]
fn a_worker_that_does_not_get_going_is_refused() {
    check_refused("echo 'no memory left' >&2; exit 7", "no memory left");
    check_refused("echo 'Welcome to Node'; sleep 600", "Welcome to Node");
    check_refused("head -c 100000 /dev/urandom; sleep 600", "is no answer");
    check_refused("echo '{\"ready\":99}'; sleep 600", "said something");
}

const HELLO: &str = r#"echo '{"ready":2,"node":"20","typescript":"6","vue-tsc":"3","vue":"3"}'"#;

#[test]
fn a_worker_that_finds_nothing_wrong_is_refused() {
    let answer = r#"{"id":%d,"sfc":{"errors":[],"scripts":[{"file":"Component.vue","lang":"ts","line":1}]},"types":{"types_checked":true,"diagnostics":[]},"coverage":{"reason":"x"},"rss_bytes":1}\n"#;
    let script =
        format!("{HELLO}; id=0\nwhile read -r line; do id=$((id+1)); printf '{answer}' $id; done");
    check_refused(&script, "failed its self-test: it did not report the errors");
}

#[test]
fn a_worker_that_finds_everything_wrong_is_refused() {
    let found = r#"{"file":"Component.vue","line":2,"column":1,"code":"TS2322","category":"error","message":"m"},{"file":"Component.vue","line":7,"column":1,"code":"TS2339","category":"error","message":"m"}"#;
    let any = r#"{"file":"Component.vue","word":"x","line":3,"column":1},{"file":"Component.vue","word":"x","line":7,"column":1}"#;
    let answer = format!(
        r#"{{"id":%d,"sfc":{{"errors":[],"scripts":[{{"file":"Component.vue","lang":"ts","line":1}}]}},"types":{{"types_checked":true,"diagnostics":[{found}]}},"coverage":{{"identifier_count":2,"any_identifiers":[{any}]}},"rss_bytes":1}}\n"#
    );
    let script =
        format!("{HELLO}; id=0\nwhile read -r line; do id=$((id+1)); printf '{answer}' $id; done");
    check_refused(&script, "rejected a file known to be good");
}

#[test]
fn a_node_that_is_missing_or_old_is_refused() {
    let check = |settings: Settings, in_message: &str| {
        let tsc = Tsc::with_settings(settings).in_data_dir("/nonexistent");
        let error = tsc.prepare(&Project::default(), &cx()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert!(error.message.contains(in_message), "{error}");
        assert!(error.hint.unwrap().contains("Node.js 24"));
    };
    let missing =
        Settings { node: Some(PathBuf::from("/nonexistent/node")), ..Settings::default() };
    check(missing, "cannot start");
    check(StandIn::new("v18.19.1", "").settings(), "18.19.1, and 20 or newer is needed");
    check(StandIn::new("", "").settings(), "in place of a version");
}

/// A worker that passes its self-test and then does `script`; the first time only.
fn fails_once(script: &str) -> StandIn {
    let pass = "read -r line; printf '%s\\n' \"$line\"; ".repeat(SELF_TEST_REQUESTS as usize);
    StandIn::new(
        "v20.0.0",
        &format!(
            "if [ -e failed ]; then exec node \"$@\"; fi\n\
             touch failed\n\
             {{ {pass}read -r line; {script}\n}} | node \"$@\""
        ),
    )
}

#[track_caller]
fn check_recovers(tsc: &Tsc) {
    let findings = check(tsc, VALID).unwrap();
    assert_eq!(findings.status, FindingsStatus::Passed);
    assert_eq!(findings.details["worker"], "cold");
    assert_eq!(check(tsc, VALID).unwrap().details["worker"], "warm");
}

fn valid() -> Artifact {
    Artifact::single("Component.vue", VALID)
}

#[test]
fn a_worker_that_ends_during_a_check_is_an_error_and_the_next_check_works() {
    let stand_in = fails_once("exit 3");
    let Some(tsc) = own(stand_in.settings()) else { return };
    tsc.prepare(&Project::default(), &cx()).unwrap();
    let error = check(&tsc, VALID).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    check_recovers(&tsc);
}

#[test]
fn a_worker_that_hangs_is_stopped_with_all_its_processes() {
    let stand_in = fails_once("echo $$ > shell; sleep 600 & echo $! > sleeper; wait");
    let Some(tsc) = own(stand_in.settings()) else { return };
    tsc.prepare(&Project::default(), &cx()).unwrap();
    let host = Host::giving_up_after(Duration::from_secs(2));
    let error = tsc.check(&valid(), &Project::default(), &host.cx()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
    assert_eq!(error.phase.as_deref(), Some("check"));
    for name in ["shell", "sleeper"] {
        let pid = stand_in.file(name).unwrap().trim().parse().unwrap();
        wait_until(name, || is_gone(pid));
    }
    check_recovers(&tsc);
}

#[test]
fn a_check_has_a_limit_of_its_own() {
    let stand_in = fails_once("sleep 600");
    let settings = Settings { check_timeout_ms: 50, ..stand_in.settings() };
    let Some(tsc) = own(settings) else { return };
    tsc.prepare(&Project::default(), &cx()).unwrap();
    let error = check(&tsc, VALID).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
    assert!(error.hint.unwrap().contains("check_timeout_ms"));
}

#[test]
fn a_killed_worker_is_replaced_before_the_next_check() {
    let Some(tsc) = own(Settings::default()) else { return };
    tsc.prepare(&Project::default(), &cx()).unwrap();
    let pid = tsc.worker_process_id().unwrap() as i32;
    signal(pid, Signal::KILL);
    // Until it can be waited for, without doing so.
    let id = WaitId::Pid(Pid::from_raw(pid).unwrap());
    waitid(id, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
    check_recovers(&tsc);
}

/// Stops the worker, so that the check cannot end before `act` runs.
fn during_a_check(tsc: &Tsc, host: &std::sync::Arc<Host>, act: impl FnOnce(i32)) -> Error {
    tsc.prepare(&Project::default(), &cx()).unwrap();
    let pid = tsc.worker_process_id().unwrap() as i32;
    signal(pid, Signal::STOP);
    std::thread::scope(|scope| {
        let artifact = Artifact::single("Component.vue", huge());
        let check = scope.spawn(move || tsc.check(&artifact, &Project::default(), &host.cx()));
        // The worker is handed out of the state while it is asked.
        std::thread::sleep(Duration::from_millis(300));
        act(pid);
        check.join().unwrap().unwrap_err()
    })
}

#[test]
fn a_worker_killed_during_a_check_is_an_error_and_the_next_check_works() {
    let Some(tsc) = own(Settings::default()) else { return };
    let error = during_a_check(&tsc, &Host::patient(), |pid| signal(pid, Signal::KILL));
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    assert!(error.message.contains("signal: 9"), "{error}");
    check_recovers(&tsc);
}

#[test]
fn a_check_can_be_cancelled() {
    let Some(tsc) = own(Settings::default()) else { return };
    let host = Host::patient();
    let error = during_a_check(&tsc, &host, |_| host.cancel());
    assert_eq!(error.kind, ErrorKind::Cancelled, "{error}");
    check_recovers(&tsc);
}

#[test]
fn a_worker_above_its_memory_bound_is_replaced() {
    let Some(tsc) = own(Settings { memory_limit_mb: 1, ..Settings::default() }) else { return };
    let mut seen = Vec::new();
    for _ in 0..2 {
        let findings = check(&tsc, VALID).unwrap();
        assert_eq!(findings.details["worker"], "cold");
        assert!(findings.measurements["worker_rss_bytes"] > 1024.0 * 1024.0);
        seen.push(tsc.worker_process_id().unwrap());
    }
    assert_ne!(seen[0], seen[1]);
    wait_until("the first worker is gone", || is_gone(seen[0] as i32));
}

#[test]
fn checks_from_many_threads_queue() {
    let Some(tsc) = own(Settings::default()) else { return };
    let wrong =
        VALID.replace("function pick(item: Item): void {", "function pick(item: Nope): void {");
    std::thread::scope(|scope| {
        let checks: Vec<_> = (0..6)
            .map(|number| {
                let (tsc, source) = (&tsc, if number % 2 == 0 { VALID } else { &wrong });
                scope.spawn(move || check(tsc, source).unwrap())
            })
            .collect();
        for (number, check) in checks.into_iter().enumerate() {
            let findings = check.join().unwrap();
            assert_eq!(passed(&findings).contains(&"compiles"), number % 2 == 0);
        }
    });
}

#[test]
fn as_many_checks_run_at_once_as_there_are_workers() {
    let Some(tsc) = own(Settings { workers: 2, ..Settings::default() }) else { return };
    check(&tsc, VALID).unwrap();
    let first = tsc.worker_process_id().unwrap();
    // While the first worker is stopped, checks go on with a second one.
    signal(first as i32, Signal::STOP);
    std::thread::scope(|scope| {
        let stuck = scope.spawn(|| check(&tsc, VALID));
        wait_until("the first worker is at work", || tsc.worker_process_id().is_none());
        let findings = check(&tsc, VALID).unwrap();
        assert_eq!(findings.details["worker"], "cold");
        assert_eq!(check(&tsc, VALID).unwrap().details["worker"], "warm");
        let second = tsc.worker_process_id().unwrap();
        assert_ne!(second, first);
        signal(first as i32, Signal::KILL);
        assert_eq!(stuck.join().unwrap().unwrap_err().kind, ErrorKind::Protocol);
        assert_eq!(check(&tsc, VALID).unwrap().details["worker"], "warm");
        assert_eq!(tsc.worker_process_id(), Some(second));
    });
}

fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// Dead, whether or not its parent has noticed.
fn is_gone(pid: i32) -> bool {
    let gone = || test_kill_process(Pid::from_raw(pid).unwrap()).is_err();
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'),
        Err(_) => gone(),
    }
}

#[track_caller]
fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{what}: still waiting");
}
