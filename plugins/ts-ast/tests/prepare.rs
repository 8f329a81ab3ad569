//! The validator through its trait.

use std::sync::Arc;

use llmbench_api::{
    Artifact, CallContext, CancelGuard, Control, ErrorKind, FindingsStatus, Json, Project,
    Validator,
};
use llmbench_plugin_ts_ast::TsAst;

struct Host {
    cancelled: bool,
}

impl Control for Host {
    fn now_ns(&self) -> u64 {
        0
    }
    fn deadline_ns(&self) -> Option<u64> {
        None
    }
    fn is_cancelled(&self) -> bool {
        self.cancelled
    }
    fn progress(&self, _: Option<f64>, _: &str) {}
    fn on_cancel(&self, _: Box<dyn FnOnce() + Send>) -> CancelGuard {
        CancelGuard::noop()
    }
}

fn context(cancelled: bool) -> CallContext {
    CallContext::new(Arc::new(Host { cancelled }))
}

#[test]
fn preparing_names_the_parser_and_says_what_is_not_looked_for() {
    let validator = TsAst::new(Json::Null).unwrap();
    let info = validator.prepare(&Project::default(), &context(false)).unwrap();
    let manifest = include_str!("../Cargo.toml");
    let version = &info.tools["oxc"];
    assert!(manifest.contains(&format!("oxc_syntax = \"={version}\"")), "{version} is not the pin");
    assert_eq!(info.notes.len(), 2, "{:?}", info.notes);
}

#[test]
fn preparing_refuses_a_wrong_specification() {
    let mut project = Project { dir: Some("some/fixture".into()), ..Project::default() };
    project.files.insert("ast_checks.json".into(), "{}".into());
    let error = TsAst.prepare(&project, &context(false)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidInput);
    assert!(error.message.contains("fixture") && error.message.contains("$.version"), "{error}");
}

#[test]
fn settings_are_refused_by_name() {
    let error = TsAst::new(serde_json::json!({"strict": true})).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Settings);
    assert!(error.message.contains("`strict`"), "{error}");
}

#[test]
fn a_missing_entry_fails_and_a_cancelled_call_ends() {
    let findings = TsAst.check(&Artifact::default(), &Project::default(), &context(false)).unwrap();
    assert_eq!(findings.status, FindingsStatus::Failed);
    let error = TsAst.check(&Artifact::default(), &Project::default(), &context(true)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
}
