//! Two validators in one library: `line-count` and `forbidden-words`.
//!
//! Neither parses anything: they show how a project puts a judge of its own
//! into a role of a test that it did not write. See `llmbench.toml`.

use llmbench_api::{
    Artifact, CallContext, Check, Diagnostic, Findings, FindingsStatus, Json, Project, Result,
    Severity, Validator, ValidatorInfo,
};
use serde::Deserialize;

/// Judges the number of lines.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LineCount {
    /// Most lines that still earn the full score; twice as many earn nothing.
    max_lines: usize,
}

impl Default for LineCount {
    fn default() -> Self {
        Self { max_lines: 200 }
    }
}

impl LineCount {
    fn new(settings: Json) -> Result<Self> {
        llmbench_plugin::settings("line-count", settings)
    }
}

impl Validator for LineCount {
    fn prepare(&self, _project: &Project, _cx: &CallContext) -> Result<ValidatorInfo> {
        Ok(own_version())
    }

    fn check(&self, artifact: &Artifact, _: &Project, _: &CallContext) -> Result<Findings> {
        let lines = artifact.entry_text().lines().count();
        let over = lines.saturating_sub(self.max_lines) as f64;
        let earned = (1.0 - over / self.max_lines.max(1) as f64).max(0.0);
        let mut findings = findings("line-count", earned);
        findings.measurements.insert("lines".into(), lines as f64);
        if over > 0.0 {
            let max = self.max_lines;
            findings.diagnostics.push(Diagnostic {
                file: artifact.entry.clone(),
                line: u32::try_from(max + 1).ok(),
                code: Some("too-long".into()),
                message: format!("{lines} lines, at most {max} are allowed"),
                ..Default::default()
            });
        }
        Ok(findings)
    }
}

/// Looks for words that must not occur.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ForbiddenWords {
    words: Vec<String>,
}

impl ForbiddenWords {
    fn new(settings: Json) -> Result<Self> {
        llmbench_plugin::settings("forbidden-words", settings)
    }
}

impl Validator for ForbiddenWords {
    fn prepare(&self, _project: &Project, _cx: &CallContext) -> Result<ValidatorInfo> {
        Ok(own_version())
    }

    fn check(&self, artifact: &Artifact, _: &Project, _: &CallContext) -> Result<Findings> {
        if self.words.is_empty() {
            return Ok(Findings::skipped("`[plugin.forbidden-words] words` is empty"));
        }
        let mut diagnostics = Vec::new();
        for (line, text) in (1..).zip(artifact.entry_text().lines()) {
            for word in self.words.iter().filter(|word| text.contains(word.as_str())) {
                diagnostics.push(Diagnostic {
                    severity: Severity::Error,
                    file: artifact.entry.clone(),
                    line: Some(line),
                    code: Some("forbidden".into()),
                    message: format!("`{word}` is not allowed"),
                    ..Default::default()
                });
            }
        }
        let earned = if diagnostics.is_empty() { 1.0 } else { 0.0 };
        Ok(Findings { diagnostics, ..findings("forbidden-words", earned) })
    }
}

/// Findings of one check that earned `earned` of its weight, 0..=1.
fn findings(name: &str, earned: f64) -> Findings {
    let passed = earned >= 1.0;
    Findings {
        status: if passed { FindingsStatus::Passed } else { FindingsStatus::Failed },
        score: Some(10.0 * earned),
        checks: vec![Check { name: name.into(), passed, weight: 10.0, earned, message: None }],
        ..Default::default()
    }
}

fn own_version() -> ValidatorInfo {
    let tools = [(env!("CARGO_PKG_NAME").to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    ValidatorInfo { tools: tools.into(), ..Default::default() }
}

llmbench_plugin::register!(Validator, "line-count", "judges the number of lines", LineCount::new);
llmbench_plugin::register!(
    Validator,
    "forbidden-words",
    "finds words that must not occur",
    ForbiddenWords::new
);
llmbench_plugin::export_plugin!();

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use llmbench_api::{CancelGuard, Control};
    use serde_json::json;

    use super::*;

    /// A host that never cancels.
    struct Quiet(Instant);

    impl Control for Quiet {
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

    fn found(validator: &dyn Validator, text: &str) -> Findings {
        let cx = CallContext::new(Arc::new(Quiet(Instant::now())));
        let artifact = Artifact::single("answer.vue", text);
        validator.check(&artifact, &Project::default(), &cx).unwrap()
    }

    #[test]
    fn the_score_falls_with_each_line_over_the_limit() {
        let validator = LineCount::new(json!({"max_lines": 4})).unwrap();
        for (lines, score) in [(0, 10.0), (4, 10.0), (5, 7.5), (8, 0.0), (50, 0.0)] {
            assert_eq!(found(&validator, &"x\n".repeat(lines)).score, Some(score), "{lines}");
        }
        assert_eq!(found(&validator, &"x\n".repeat(5)).diagnostics[0].line, Some(5));
    }

    #[test]
    fn each_forbidden_word_is_found_with_its_line() {
        let validator = ForbiddenWords::new(json!({"words": ["any"]})).unwrap();
        let findings = found(&validator, "let a = 1\nlet b: any = a\n");
        assert_eq!(findings.status, FindingsStatus::Failed);
        assert_eq!(findings.diagnostics[0].line, Some(2));
        assert_eq!(found(&validator, "let a = 1").status, FindingsStatus::Passed);
    }

    #[test]
    fn nothing_to_look_for_is_skipped_and_never_passed() {
        let validator = ForbiddenWords::new(json!({})).unwrap();
        assert_eq!(found(&validator, "x").status, FindingsStatus::Skipped);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let error = LineCount::new(json!({"max_line": 4})).unwrap_err();
        assert!(error.message.contains("`max_line`") && error.message.contains("`max_lines`"));
    }
}
