//! Prints how much faster the warm worker is than a cold `vue-tsc --noEmit`.
//!
//!     cargo run --release -p llmbench-plugin-tsc --example warm_vs_cold [FILE.vue] [ROUNDS]
//!
//! Both check the same files in turns, so that a busy machine slows both. The
//! first warm check, which pays for the start, is printed apart. Between two
//! warm checks the file is changed, as the answers of a model differ.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use llmbench_api::{
    Artifact, CallContext, CancelGuard, Control, FindingsStatus, Project, Validator,
};
use llmbench_plugin_tsc::{Tsc, importer_text};

/// An answer of the kind that is checked in a run.
const TYPICAL: &str = include_str!("../../../fixtures/refactoring/simple-component/expected.vue");

type AnyError = Box<dyn std::error::Error>;

fn main() -> Result<(), AnyError> {
    let mut arguments = std::env::args().skip(1);
    let source = match arguments.next() {
        Some(path) => std::fs::read_to_string(path)?,
        None => TYPICAL.to_owned(),
    };
    let rounds: usize = arguments.next().map_or(Ok(15), |rounds| rounds.parse())?;

    let cx = CallContext::new(Arc::new(Host(Instant::now())));
    let project = Project::default();
    let tsc = Tsc::new(serde_json::json!({}))?;
    let begin = Instant::now();
    let info = tsc.prepare(&project, &cx)?;
    let prepare = begin.elapsed().as_secs_f64();
    let root = info.location.ok_or("the validator names no folder")?;
    let mut out = std::io::stdout();
    writeln!(out, "node {}, typescript {}", info.tools["node"], info.tools["typescript"])?;
    writeln!(out, "start and self-test: {prepare:.3} s (once per run)")?;

    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let source = format!("{source}\n<!-- answer {round} -->\n");
        let begin = Instant::now();
        let cold_passed = run_cold(&root, &source)?;
        cold.push(begin.elapsed().as_secs_f64());

        let begin = Instant::now();
        let findings = tsc.check(&Artifact::single("Component.vue", source), &project, &cx)?;
        warm.push(begin.elapsed().as_secs_f64());
        let warm_passed = findings.status == FindingsStatus::Passed;
        if warm_passed != cold_passed {
            let found = &findings.diagnostics;
            return Err(
                format!("cold passed: {cold_passed}, warm: {warm_passed} {found:#?}").into()
            );
        }
        for path in findings.kept_files {
            std::fs::remove_file(path)?;
        }
    }
    writeln!(out, "first check: cold {:.3} s, worker {:.3} s", cold[0], warm[0])?;
    let (cold, warm) = (median(&cold[1..]), median(&warm[1..]));
    writeln!(out, "median of {rounds} later checks, same verdicts:")?;
    writeln!(out, "  cold vue-tsc --noEmit  {cold:.3} s")?;
    writeln!(out, "  warm worker            {warm:.3} s")?;
    writeln!(out, "  ratio                  {:.1}x", cold / warm)?;
    Ok(())
}

/// True when `vue-tsc` accepts the component and its importer.
fn run_cold(root: &Path, source: &str) -> Result<bool, AnyError> {
    // Beside the packages, so that they are found without a link.
    let folder = tempfile::Builder::new().prefix("cold-").tempdir_in(root)?;
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
    write("Component.vue", source)?;
    write("importer.ts", &importer_text("Component.vue"))?;
    write("tsconfig.json", include_str!("../toolchain/tsconfig.json"))?;
    let output = Command::new("node")
        .arg(root.join("node_modules").join("vue-tsc").join("bin").join("vue-tsc.js"))
        .arg("--noEmit")
        .current_dir(folder.path())
        .output()?;
    Ok(output.status.success())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

/// A host that waits as long as it takes.
struct Host(Instant);

impl Control for Host {
    fn now_ns(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }

    fn deadline_ns(&self) -> Option<u64> {
        None
    }

    fn is_cancelled(&self) -> bool {
        false
    }

    fn progress(&self, _fraction: Option<f64>, message: &str) {
        let _ = writeln!(std::io::stderr(), "{message}");
    }

    fn on_cancel(&self, _wake: Box<dyn FnOnce() + Send>) -> CancelGuard {
        CancelGuard::noop()
    }
}
