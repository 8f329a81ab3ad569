//! Errors as a user sees them: message, hint, exit code.

use llmbench_api::ErrorKind;
use llmbench_engine::journal::JournalError;
use llmbench_host::HostError;

use crate::exit::ExitCode;
use crate::nearest::did_you_mean;
use crate::output;
use crate::plain::plain;

/// What went wrong and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CliError {
    /// A lower-case fragment without a full stop.
    pub(crate) message: String,
    /// Lines that explain the message.
    pub(crate) details: Vec<String>,
    /// The next thing to type.
    pub(crate) hint: Option<String>,
    /// How the program ends.
    pub(crate) code: ExitCode,
}

/// Result of a command.
pub(crate) type Result<T> = std::result::Result<T, CliError>;

impl CliError {
    pub(crate) fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self { message: message.into(), details: Vec::new(), hint: None, code }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, message)
    }

    pub(crate) fn not_ready(message: impl Into<String>) -> Self {
        Self::new(ExitCode::NotReady, message)
    }

    /// A fault of llmbench itself; the panic's own message has been printed.
    pub(crate) fn panicked() -> Self {
        Self::new(ExitCode::Unexpected, "llmbench panicked; finished attempts are kept")
            .hint("please report this, with the lines above; RUST_BACKTRACE=1 adds a backtrace")
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, naming what it is about.
    #[must_use]
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    #[must_use]
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }
}

/// Errors of plugins during preparation: the environment is not ready, unless
/// the settings or the plugin itself are at fault.
impl From<llmbench_api::Error> for CliError {
    fn from(error: llmbench_api::Error) -> Self {
        let code = match error.kind {
            ErrorKind::Settings => ExitCode::Usage,
            ErrorKind::Panicked => ExitCode::Plugin,
            ErrorKind::Cancelled => ExitCode::Interrupted,
            ErrorKind::Internal => ExitCode::Unexpected,
            _ => ExitCode::NotReady,
        };
        let message = error.to_string();
        let is_about_settings = error.kind == ErrorKind::Settings;
        let mut cli = Self::new(code, if is_about_settings { plain(&message) } else { message });
        if error.kind == ErrorKind::Panicked {
            cli.message = match &error.plugin {
                Some(plugin) => format!("plugin `{plugin}` {error}"),
                None => format!("a plugin {error}"),
            };
            cli.hint =
                Some("run with RUST_BACKTRACE=1 and report it to the plugin's author".into());
        }
        cli.details.extend(error.backtrace);
        if error.hint.is_some() {
            cli.hint = error.hint;
        }
        cli
    }
}

impl From<HostError> for CliError {
    fn from(error: HostError) -> Self {
        match &error {
            HostError::Unknown { available, refused, kind, name } => {
                let mut cli = Self::usage(error.to_string());
                if available.is_empty() {
                    cli = cli.hint("`llmbench plugins list` shows where plugins are looked for");
                } else {
                    let list =
                        format!("use one of these {}s: {}", kind.as_str(), available.join(", "));
                    let names = available.iter().map(String::as_str);
                    cli = cli.hint(did_you_mean(name, names, &list));
                }
                if let Some(first) = refused.first() {
                    cli.code = ExitCode::Plugin;
                    cli = cli.detail(format!(
                        "{} plugin file(s) were refused; the first: {first}",
                        refused.len()
                    ));
                }
                cli
            }
            HostError::Refused(refused) => {
                Self::new(ExitCode::Plugin, refused.to_string()).hint(refused.hint())
            }
            HostError::Create { source, .. } => {
                let inner = Self::from(source.clone());
                let code =
                    if inner.code == ExitCode::Usage { ExitCode::Usage } else { ExitCode::Plugin };
                let message =
                    if code == ExitCode::Usage { inner.message } else { error.to_string() };
                Self { message, code, ..inner }
            }
        }
    }
}

impl From<JournalError> for CliError {
    fn from(error: JournalError) -> Self {
        let hint = match &error {
            JournalError::Locked { .. } => {
                "wait until it has ended, or end it; nothing was changed"
            }
            JournalError::Corrupt { .. } => {
                "restore the file from a copy of the run, or delete that line: its attempt is then made again"
            }
            JournalError::Read { .. } => "check that the file may be read",
            JournalError::Write { source, .. } => &output::write_hint(
                source,
                "choose another folder with `--out DIR`; attempts that were finished before are kept",
            ),
            _ => "choose another folder with `--out DIR`",
        };
        Self::not_ready(error.to_string()).hint(hint)
    }
}
