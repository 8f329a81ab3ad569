//! Validators: whatever judges an answer.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Artifact, CallContext, Json, Project, Result};

/// Judges artifacts. Lives for a whole run, so that a compiler stays warm.
pub trait Validator: Send + Sync + 'static {
    /// Makes everything ready that a check needs: tools installed, worker warm.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`] when a tool is missing: the role is then
    /// skipped, with the reason, and never counted as passed.
    fn prepare(&self, project: &Project, cx: &CallContext) -> Result<ValidatorInfo>;

    /// Judges one artifact. The same artifact always gets the same findings.
    ///
    /// # Errors
    /// Only for failures of the validator itself (crash, deadline): the attempt
    /// is then lost to infrastructure. A bad artifact is a finding, not an error.
    fn check(&self, artifact: &Artifact, project: &Project, cx: &CallContext) -> Result<Findings>;
}

/// The tools behind a validator, recorded with every run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ValidatorInfo {
    /// Tool → version.
    pub tools: BTreeMap<String, String>,
    /// Hash of whatever pins those versions.
    pub lock_sha256: Option<String>,
    /// Where the tools lie.
    pub location: Option<PathBuf>,
    /// Remarks for the user.
    pub notes: Vec<String>,
}

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The artifact is wrong.
    #[default]
    Error,
    /// The artifact is doubtful.
    Warning,
    /// For information, and kinds that this version does not know.
    #[serde(other)]
    Info,
}

/// Something that a tool says about a place in the artifact.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Path as in the artifact or project.
    pub file: String,
    /// Counted from 1; `None` for the whole file.
    pub line: Option<u32>,
    /// Counted from 1.
    pub column: Option<u32>,
    /// The tool's own code, for example `TS2322`.
    pub code: Option<String>,
    /// What it says.
    pub message: String,
}

/// A named yes-or-no question and its answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Check {
    /// Stable name.
    pub name: String,
    /// The answer.
    pub passed: bool,
    /// Share of the score that depends on it, in the validator's own scale.
    pub weight: f64,
    /// How much of the weight was earned, 0..=1.
    pub earned: f64,
    /// What was found, for the user.
    pub message: Option<String>,
}

/// Whether a check could be made at all, and how it ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FindingsStatus {
    /// The artifact is good.
    Passed,
    /// The artifact is not good.
    Failed,
    /// Nothing was checked; [`Findings::reason`] says why. Never counted as passed.
    #[default]
    #[serde(other)]
    Skipped,
}

/// What a validator found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Findings {
    /// Name of the validator; filled in by the engine.
    pub validator: String,
    /// How it ended.
    pub status: FindingsStatus,
    /// Why it was skipped.
    pub reason: Option<String>,
    /// 0..=10, where the validator gives one.
    pub score: Option<f64>,
    /// By file and position.
    pub diagnostics: Vec<Diagnostic>,
    /// In the validator's order.
    pub checks: Vec<Check>,
    /// Counts and durations, with units in the names.
    pub measurements: BTreeMap<String, f64>,
    /// Temporary files that were kept because something was wrong.
    pub kept_files: Vec<PathBuf>,
    /// Whatever else the validator wants to tell.
    pub details: Json,
}

impl Findings {
    /// Findings of a check that could not be made.
    pub fn skipped(reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::default() }
    }

    /// Number of diagnostics of severity `Error`.
    pub fn error_count(&self) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == Severity::Error).count()
    }

    /// The check called `name`.
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }
}
