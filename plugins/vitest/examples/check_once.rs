//! Judges one answer to one fixture and prints the findings as JSON.
//!
//! `check_once DATA_DIR SANDBOX FIXTURE_DIR ANSWER`, where SANDBOX is a value
//! of the setting `sandbox`. Tests run it as another user.

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
    let [data_dir, sandbox, fixture, answer] = arguments.as_slice() else {
        return Err("usage: check_once DATA_DIR SANDBOX FIXTURE_DIR ANSWER".into());
    };
    let mut project = Project { id: "example".to_owned(), ..Project::default() };
    for name in ["spec.ts", "input.vue"] {
        let text = std::fs::read_to_string(Path::new(fixture).join(name))?;
        project.files.insert(name.to_owned(), text);
    }
    project.options = json!({ "spec": "spec.ts", "input": { "Component.vue": "input.vue" } });
    let settings = json!({ "sandbox": sandbox, "install": true });
    let vitest = Vitest::new(settings)?.in_data_dir(data_dir);
    let cx = CallContext::new(Arc::new(Patient(std::time::Instant::now())));
    let artifact = Artifact::single("Component.vue", std::fs::read_to_string(answer)?);
    let info = vitest.prepare(&project, &cx)?;
    let findings = vitest.check(&artifact, &project, &cx)?;
    println!("{}", serde_json::to_string_pretty(&json!({ "info": info, "findings": findings }))?);
    Ok(())
}
