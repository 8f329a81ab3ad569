//! Judges answers to one fixture and prints the findings, one JSON line each.
//!
//! `check_answers DATA_DIR SANDBOX FIXTURE_DIR ANSWER...`, where SANDBOX is a
//! value of the setting `sandbox`. The first line is about the tools. Tests run
//! it as another user.

use std::path::Path;
use std::sync::Arc;

use llmbench_api::{Artifact, CallContext, CancelGuard, Control, Project, Validator};
use llmbench_plugin_vitest::Vitest;
use serde_json::json;

struct Patient(std::time::Instant);

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

#[expect(clippy::print_stdout, reason = "the findings go to standard output")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data_dir, sandbox, fixture, answers @ ..] = arguments.as_slice() else {
        return Err("usage: check_answers DATA_DIR SANDBOX FIXTURE_DIR ANSWER...".into());
    };
    let mut project = Project { id: "example".to_owned(), ..Project::default() };
    for name in ["spec.ts", "input.vue"] {
        let text = std::fs::read_to_string(Path::new(fixture).join(name))?;
        project.files.insert(name.to_owned(), text);
    }
    project.options = json!({ "spec": "spec.ts", "input": { "Component.vue": "input.vue" } });
    let settings = json!({ "sandbox": sandbox, "cpu_limit_ms": 5000, "timeout_ms": 300000 });
    let vitest = Vitest::new(settings)?.in_data_dir(data_dir);
    let cx = CallContext::new(Arc::new(Patient(std::time::Instant::now())));
    println!("{}", serde_json::to_string(&vitest.prepare(&project, &cx)?)?);
    for answer in answers {
        let artifact = Artifact::single("Component.vue", std::fs::read_to_string(answer)?);
        println!("{}", serde_json::to_string(&vitest.check(&artifact, &project, &cx)?)?);
    }
    Ok(())
}
