//! Hostile scripts straight in the sandbox: no Vitest and no guard in between.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use llmbench_api::{CallContext, CancelGuard, Control};
use llmbench_plugin::node_tools::Node;

use super::{Limits, Place, Sandbox, probe};
use crate::run::{self, Ended, Task};

struct Patient(Instant);

impl Control for Patient {
    fn now_ns(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }

    fn deadline_ns(&self) -> Option<u64> {
        None
    }

    fn is_cancelled(&self) -> bool {
        false
    }

    fn progress(&self, _fraction: Option<f64>, _message: &str) {}

    fn on_cancel(&self, _wake: Box<dyn FnOnce() + Send>) -> CancelGuard {
        CancelGuard::noop()
    }
}

fn cx() -> CallContext {
    CallContext::new(Arc::new(Patient(Instant::now())))
}

const LIMITS: Limits = Limits { cpu_sec: 3, memory_bytes: 400 << 20, disk_bytes: 8 << 20 };

/// Node, and the sandboxes that hold here.
fn tools() -> Option<(PathBuf, Vec<Sandbox>)> {
    let node = Node::find("vitest", None, &cx()).and_then(|node| node.executable(&cx()));
    let node = match node {
        Ok(node) => node,
        Err(error) => {
            skip(&error.to_string());
            return None;
        }
    };
    let packages = tempfile::tempdir().unwrap();
    std::fs::write(packages.path().join("package"), "").unwrap();
    let mut sandboxes = Sandbox::all();
    sandboxes.retain(|sandbox| match probe::holds(sandbox, &node, packages.path(), &cx()) {
        Ok(()) => true,
        Err(error) => {
            skip(&error.to_string());
            false
        }
    });
    Some((node, sandboxes))
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skip(reason: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{reason}");
    eprintln!("SKIPPED: {reason}");
}

fn run(sandbox: &Sandbox, node: &Path, script: &str) -> Ended {
    let packages = tempfile::tempdir().unwrap();
    let place = Place::new(node, packages.path()).unwrap();
    let text = format!(
        "import fs from 'node:fs'\nimport cp from 'node:child_process'\n\
         const answer = (it) => fs.writeSync(1, '\\nnonce ' + JSON.stringify(it) + '\\n')\n{script}\n"
    );
    std::fs::write(place.base().join("scripts").join("evil.mjs"), text).unwrap();
    let task = Task { script: "evil.mjs", job: "{}", nonce: "nonce" };
    run::run(sandbox, &place, task, &LIMITS, Duration::from_secs(20), &cx()).unwrap().ended
}

#[test]
fn hostile_scripts_come_to_nothing() {
    let Some((node, sandboxes)) = tools() else { return };
    for sandbox in &sandboxes {
        let check = |script: &str, expected: &str| {
            let ended = run(sandbox, &node, script);
            let said = match &ended {
                Ended::Completed(json) => json.to_string(),
                other => other.name().to_owned(),
            };
            assert_eq!(said, expected, "{}: {script}: {ended:?}", sandbox.name);
        };
        check("answer('hello')", "\"hello\"");
        check(
            "let started = 0\nfor (let i = 0; i < 500; i++) try { if (cp.spawnSync('/bin/true').error === undefined) started++ } catch {}\nanswer(started)",
            "0",
        );
        check(
            "const all = []\nfor (let i = 0; i < 512; i++) all.push(Buffer.alloc(8 << 20, 1))\nanswer(all.length)",
            "memory_limit",
        );
        check("for (;;) {}", "cpu_limit");
        check("process.exit(0)", "crashed");
        check("process.exit(1)", "crashed");
        check("process.abort()", "crashed");
        check(
            "try { process.kill(process.pid, 'SIGKILL') } catch (error) { answer(error.code) }",
            "\"EPERM\"",
        );
        check("fs.writeSync(1, 'other {}\\n')", "crashed");
        // In bubblewrap the folder itself is full; elsewhere the size of a file is limited first.
        let ended = run(
            sandbox,
            &node,
            "try { for (let i = 0; i < 64; i++) fs.appendFileSync(process.env.TMPDIR + '/' + (i % 7), Buffer.alloc(1 << 20)) } catch (error) { answer(error.code) }\nawait new Promise((resolve) => setTimeout(resolve, 3000))",
        );
        match ended {
            Ended::Completed(code) => {
                assert!(["ENOSPC", "EFBIG"].map(Into::into).contains(&code), "{code}")
            }
            other => assert_eq!(other.name(), "disk_limit", "{}", sandbox.name),
        }
    }
}

#[test]
fn a_sandbox_that_holds_nothing_back_is_refused() {
    let Some((node, _)) = tools() else { return };
    let packages = tempfile::tempdir().unwrap();
    std::fs::write(packages.path().join("package"), "").unwrap();
    let open = Sandbox { mode: super::Mode::Unsafe, name: "none".to_owned() };
    let error = probe::holds(&open, &node, packages.path(), &cx()).unwrap_err();
    for breach in ["read a file outside", "wrote a file outside", "started a process", "connect"] {
        assert!(error.message.contains(breach), "{breach}: {error}");
    }
}
