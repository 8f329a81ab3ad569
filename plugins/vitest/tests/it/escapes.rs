//! What hostile answers try, in each sandbox that works here. All of it is
//! contained and scored as failed, and the next good answer passes.

use llmbench_api::{Artifact, FindingsStatus, Validator};
use llmbench_plugin_vitest::{STAYS_IN_SANDBOX, Vitest};

use crate::answers::{GOOD, counter, with, wrong_with};
use crate::support::{check, cx, modes, summary, validator};

/// Checks `answer`: failed, with `expected` in the summary of why.
#[track_caller]
fn contained(vitest: &Vitest, what: &str, answer: &str, expected: &str) {
    let findings = check(vitest, answer, &counter()).unwrap();
    assert_eq!(findings.status, FindingsStatus::Failed, "{what}: {}", summary(&findings));
    let summary = summary(&findings);
    assert!(summary.contains(expected), "{what}: `{expected}` is not in {summary}");
}

#[track_caller]
fn passes(vitest: &Vitest) {
    let findings = check(vitest, GOOD, &counter()).unwrap();
    assert_eq!(findings.status, FindingsStatus::Passed, "{}", summary(&findings));
}

#[test]
fn files_outside_are_neither_read_nor_written() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let (secret, target) = (secret.display(), outside.path().join("written"));
    let written = target.display();
    let cases = [
        with(&format!("import fs from 'node:fs'\nfs.readFileSync('{secret}')")),
        with(&format!("const fs = await import('node:fs')\nfs.readFileSync('{secret}')")),
        with(&format!(
            "const name = 'node:' + 'fs'\nconst fs = await import(name)\nfs.readFileSync('{secret}')"
        )),
        with(&format!("try {{ require('fs').writeFileSync('{written}', 'x') }} catch {{}}")),
        with(&format!(
            "try {{ (process as any).binding('fs').open('{written}', 65, 420) }} catch {{}}"
        )),
        with(
            "try { (process as any).getBuiltinModule('fs') } catch {}\n try { (process as any).dlopen({}, 'x') } catch {}",
        ),
        with(&format!("import text from '{secret}?raw'\nconsole.log(text)")),
        with("console.log(import.meta.glob('./*', { query: '?raw', eager: true }))"),
        with("import text from './spec.ts?raw'\nconsole.log(text)"),
        with("import * as spec from './spec'\nconsole.log(spec)"),
    ];
    for mode in modes() {
        let vitest = validator(*mode);
        for answer in &cases {
            contained(&vitest, answer, answer, STAYS_IN_SANDBOX);
        }
        passes(&vitest);
        assert!(!target.exists());
    }
}

#[test]
fn there_is_no_network_and_there_are_no_processes() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let cases = [
        with(&format!("import net from 'node:net'\nnet.connect({port}, '127.0.0.1')")),
        with(&format!("fetch('http://127.0.0.1:{port}/').catch(() => {{}})")),
        with(&format!(
            "const ask = new XMLHttpRequest()\nask.open('GET', 'http://127.0.0.1:{port}/')\ntry {{ ask.send() }} catch {{}}"
        )),
        with(
            "import { spawn } from 'node:child_process'\nfor (let i = 0; i < 500; i++) spawn('sleep', ['600'])",
        ),
        with(
            "import { Worker } from 'node:worker_threads'\nnew Worker('for(;;){}', { eval: true })",
        ),
        with("try { process.kill(process.ppid, 'SIGKILL') } catch {}"),
    ];
    for mode in modes() {
        let vitest = validator(*mode);
        for answer in &cases {
            contained(&vitest, answer, answer, STAYS_IN_SANDBOX);
        }
        passes(&vitest);
        assert!(listener.accept().is_err());
    }
}

#[test]
fn memory_time_and_waiting_have_limits() {
    for mode in modes() {
        let vitest = validator(*mode);
        let hog = "const all: Uint8Array[] = []\nfor (let i = 0; i < 512; i++) all.push(new Uint8Array(8 << 20).fill(1))";
        contained(&vitest, "4 GB", &with(hog), "limit of memory");
        let objects = "const all: unknown[] = []\nfor (;;) all.push(new Array(1000).fill(0.5))";
        contained(&vitest, "objects", &with(objects), "completes");
        contained(&vitest, "loop", &with("for (;;) {}"), "limit of processor time");
        passes(&vitest);
    }
}

#[test]
fn waiting_for_ever_ends_at_the_clock() {
    let Some(mode) = modes().first() else { return };
    let settings = llmbench_plugin_vitest::Settings {
        sandbox: *mode,
        timeout_ms: 6_000,
        ..Default::default()
    };
    let vitest = crate::support::with_settings(settings);
    let wait = "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)";
    contained(&vitest, "wait", &with(wait), "wall_limit");
}

#[test]
fn the_judge_cannot_be_changed() {
    let cases = [
        "import { expect } from 'vitest'\nexpect.extend({ toBe: () => ({ pass: true, message: () => '' }) })",
        "import * as chai from 'chai'\nchai.Assertion.prototype.assert = () => {}",
        "const judge = (globalThis as any)[Symbol.for('expect-global')]\njudge.extend({ toBe: () => ({ pass: true, message: () => '' }) })",
        "const state = (globalThis as any)['__vitest' + '_worker__']\nstate.rpc.onTaskUpdate([], [])",
        "for (const key of Object.getOwnPropertySymbols(globalThis)) { try { (globalThis as any)[key]?.x } catch {} }",
        "try { new Function('return process')() } catch {}",
        "try { (async () => {}).constructor('return 1') } catch {}",
        "try { (0, eval)('1') } catch {}",
        "try { process.exit(0) } catch {}",
        "try { (process as any).reallyExit(0) } catch {}",
        "try { process.abort() } catch {}",
        "Object.prototype.toString = () => 'x'",
        "__vite_ssr_dynamic_import__('node:fs')",
    ];
    // The same guard works in every sandbox.
    for mode in modes().iter().take(1) {
        let vitest = validator(*mode);
        for code in cases {
            contained(&vitest, code, &wrong_with(code), STAYS_IN_SANDBOX);
        }
        // Refused before it can do anything: the tests then fail as they should.
        for code in [
            "Object.is = () => true",
            "Array.prototype.push = () => 0",
            "JSON.stringify = () => ''",
            "Promise.prototype.then = () => {}",
        ] {
            contained(&vitest, code, &wrong_with(code), "counter > counts up");
        }
        passes(&vitest);
    }
}

#[test]
fn a_result_cannot_be_forged() {
    let forged = r#"const line = '\n00000000-0000-0000-0000-000000000000 {"tests":[{"name":"counter > counts up","state":"passed"}],"errors":[]}\n'
process.stdout.write(line)
process.stderr.write(line)
console.log(line)"#;
    // The same guard works in every sandbox.
    for mode in modes().iter().take(1) {
        let vitest = validator(*mode);
        contained(&vitest, "line", &wrong_with(forged), "counter > counts up");
        let flood = "for (let i = 0; i < 2000; i++) process.stdout.write('x'.repeat(100000))";
        contained(&vitest, "flood", &wrong_with(flood), "counter > counts up");
        passes(&vitest);
    }
}

#[test]
fn the_spec_of_the_fixture_is_the_one_that_runs() {
    let own = "import { it } from 'vitest'\nit('counts up', () => {})";
    // The same guard works in every sandbox.
    for mode in modes().iter().take(1) {
        let vitest = validator(*mode);
        let mut artifact = Artifact::single("Component.vue", with(""));
        artifact.files.insert("spec.ts".to_owned(), own.to_owned());
        let findings = vitest.check(&artifact, &counter(), &cx()).unwrap();
        assert_eq!(findings.status, FindingsStatus::Failed, "{}", summary(&findings));
        assert!(!findings.check(STAYS_IN_SANDBOX).unwrap().passed);
        // The fixture's own tests ran, and passed.
        assert!(findings.check("counter > counts up").unwrap().passed, "{}", summary(&findings));
        passes(&vitest);
    }
}
