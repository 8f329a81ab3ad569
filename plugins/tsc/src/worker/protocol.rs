//! The messages between the plugin and its worker: one JSON object a line.

use serde::{Deserialize, Serialize};

/// The worker's first message.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Hello {
    /// Version of these messages.
    pub(crate) ready: u32,
    pub(crate) node: String,
    pub(crate) typescript: String,
    #[serde(rename = "vue-tsc")]
    pub(crate) vue_tsc: String,
    pub(crate) vue: String,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Request {
    pub(crate) id: u64,
    /// Names of the files that the model wrote.
    pub(crate) answer: Vec<String>,
    pub(crate) files: Vec<SourceFile>,
    /// The files that are compiled even when nothing imports them.
    pub(crate) roots: Vec<String>,
    /// True: the files are those that answers to an npm project will replace.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) baseline: bool,
}

/// A file of the virtual project; its content is in `path` or in `text`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SourceFile {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
}

/// What both compilers found.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Answer {
    pub(crate) id: u64,
    pub(crate) sfc: Outcome<SfcReport>,
    pub(crate) types: Outcome<TypesReport>,
    pub(crate) coverage: Coverage,
    /// `None` when the answer suppresses nothing.
    pub(crate) without_suppressions: Option<Outcome<TypesReport>>,
    pub(crate) rss_bytes: u64,
}

/// A report, unless the compiler itself broke down on the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Outcome<T> {
    Crashed { crash: String },
    Done(T),
}

/// What Vue's compiler says about the answer's components.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SfcReport {
    pub(crate) errors: Vec<WorkerDiagnostic>,
    pub(crate) scripts: Vec<Script>,
}

/// A script block.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Script {
    /// The component that holds it.
    pub(crate) file: String,
    pub(crate) lang: String,
    pub(crate) line: u32,
}

/// What TypeScript says about the project.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct TypesReport {
    /// False when errors of syntax kept TypeScript from looking at types.
    pub(crate) types_checked: bool,
    pub(crate) diagnostics: Vec<WorkerDiagnostic>,
    /// A file of the answer that the npm project's own check does not look at.
    #[serde(default)]
    pub(crate) outside: Option<String>,
    /// Errors of the npm project as it stands, none of which are listed.
    #[serde(default)]
    pub(crate) baseline_error_count: Option<usize>,
}

/// How much of the answer has a type.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Coverage {
    Measured { identifier_count: usize, any_identifiers: Vec<AnyIdentifier> },
    Unknown { reason: String },
    Crashed { crash: String },
}

/// An identifier of type `any`; line and column count from 1.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AnyIdentifier {
    pub(crate) file: String,
    pub(crate) word: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// A diagnostic in the worker's words; lines and columns count from 1.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct WorkerDiagnostic {
    /// Name in the virtual project; `None` when it concerns no file.
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u32>,
    pub(crate) column: Option<u32>,
    pub(crate) code: String,
    pub(crate) category: String,
    pub(crate) message: String,
}
