//! The same escapes as a user without privileges.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use llmbench_api::{Findings, FindingsStatus};
use llmbench_plugin_vitest::{STAYS_IN_SANDBOX, SandboxChoice};

use crate::answers::{GOOD, INPUT, SPEC, with, wrong_with};
use crate::support::{data_dir, modes, skip, summary};

/// The user that owns nothing.
const NOBODY: u32 = 65534;

/// The example `check_answers`, which cargo builds beside the tests.
pub(crate) fn example() -> Option<PathBuf> {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent()?.parent()?.join("examples").join("check_answers");
    if !program.is_file() {
        skip("the example `check_answers` is not built: `cargo build --examples`");
        return None;
    }
    Some(program)
}

/// The fixture and answers `0.vue`, `1.vue` … in a folder that everybody may read.
pub(crate) fn fixture_on_disk(answers: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("spec.ts", SPEC);
    write("input.vue", INPUT);
    for (number, answer) in answers.iter().enumerate() {
        write(&format!("{number}.vue"), answer);
    }
    folder
}

#[test]
fn a_user_without_privileges_is_as_safe() {
    if !rustix::process::geteuid().is_root() {
        skip("only root can become another user; the other tests ran without privileges");
        return;
    }
    let (Some(program), false) = (example(), modes().is_empty()) else { return };
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::set_permissions(secret.path(), std::fs::Permissions::from_mode(0o666)).unwrap();
    std::fs::write(secret.path(), "secret").unwrap();
    let path = secret.path().display();
    let answers = [
        with(&format!("import fs from 'node:fs'\nfs.readFileSync('{path}')")),
        with(&format!("try {{ require('fs').writeFileSync('{path}', 'x') }} catch {{}}")),
        with("import net from 'node:net'\nnet.connect(1, '127.0.0.1')"),
        with(
            "import { spawn } from 'node:child_process'\nfor (let i = 0; i < 500; i++) spawn('sleep', ['600'])",
        ),
        wrong_with("(globalThis as any)[Symbol.for('expect-global')].extend({})"),
        with("try { process.exit(0) } catch {}"),
        with("import text from './spec.ts?raw'\nconsole.log(text)"),
        with(
            "const all: Uint8Array[] = []\nfor (let i = 0; i < 512; i++) all.push(new Uint8Array(8 << 20).fill(1))",
        ),
        with("for (;;) {}"),
        GOOD.to_owned(),
    ];
    let fixture = fixture_on_disk(&answers.each_ref().map(String::as_str));
    for mode in modes() {
        let name = match mode {
            SandboxChoice::Landlock => "landlock",
            _ => "bwrap",
        };
        let output = Command::new(&program)
            .arg(data_dir())
            .arg(name)
            .arg(fixture.path())
            .args((0..answers.len()).map(|number| fixture.path().join(format!("{number}.vue"))))
            .uid(NOBODY)
            .gid(NOBODY)
            .current_dir("/")
            .output();
        let output = match output {
            Ok(output) => output,
            Err(error) => return skip(&format!("user {NOBODY} cannot run the example: {error}")),
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
        let text = String::from_utf8(output.stdout).unwrap();
        let mut lines = text.lines();
        assert!(lines.next().is_some_and(|info| info.contains(name)), "{text}");
        let findings: Vec<Findings> =
            lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(findings.len(), answers.len());
        let (good, hostile) = findings.split_last().unwrap();
        for (found, answer) in hostile.iter().zip(&answers) {
            assert_eq!(found.status, FindingsStatus::Failed, "{answer}: {}", summary(found));
        }
        for found in &hostile[..7] {
            assert!(!found.check(STAYS_IN_SANDBOX).unwrap().passed, "{}", summary(found));
        }
        assert_eq!(hostile[7].details["ended"], "memory_limit", "{}", summary(&hostile[7]));
        assert_eq!(hostile[8].details["ended"], "cpu_limit", "{}", summary(&hostile[8]));
        assert_eq!(good.status, FindingsStatus::Passed, "{}", summary(good));
        assert_eq!(std::fs::read_to_string(secret.path()).unwrap(), "secret");
    }
}
