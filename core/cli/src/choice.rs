//! Which backend and models a command uses where the settings leave it open.
//!
//! Whoever names a backend, a model or the address of a server gets exactly
//! that or an error. Only where nothing of it is named does a machine decide:
//! Ollama if it answers, else the demo model of the embedded engine.

use std::path::Path;

use llmbench_api::ErrorKind;

use crate::error::{CliError, Result};
use crate::nearest::nearest;
use crate::settings::Settings;

/// Backend of servers' models.
pub(crate) const OLLAMA: &str = "ollama";
/// Backend of servers with OpenAI's API.
pub(crate) const OPENAI: &str = "openai";
/// Backend that runs files in this process.
pub(crate) const EMBEDDED: &str = "embedded";
/// The embedded engine's own model.
pub(crate) const SAMPLE: &str = "sample";
/// Model that is asked for on Ollama when none is named.
const OLLAMA_MODEL: &str = "qwen2.5-coder:7b-instruct-q8_0";
/// Where Ollama is looked for when no address is named.
const OLLAMA_URL: &str = "http://127.0.0.1:11434";
/// Variables that name Ollama's address.
const OLLAMA_VARIABLES: [&str; 2] = ["OLLAMA_HOST", "OLLAMA_BASE_URL"];

/// Backend and models of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Name of the backend.
    pub(crate) backend: String,
    /// Names of the models, at least one.
    pub(crate) models: Vec<String>,
    /// How they were chosen, where the user named neither.
    pub(crate) by_default: Option<String>,
    /// True where only the models were named, and their names told the backend.
    pub(crate) by_model_name: bool,
}

impl Choice {
    /// True when the model that is no reference for quality takes part.
    pub(crate) fn has_demo_model(&self) -> bool {
        self.backend == EMBEDDED && self.models.iter().any(|model| model == SAMPLE)
    }

    /// The same with the only one of the models that a server has.
    ///
    /// # Errors
    /// When it has none or several: nobody guesses which one is meant.
    pub(crate) fn with_only_model(self, models: Vec<String>) -> Result<Self> {
        match models.as_slice() {
            [only] => Ok(Self {
                by_default: Some(format!("no --model given: `{only}`, the only one of the server")),
                models: vec![only.clone()],
                ..self
            }),
            [] => Err(CliError::usage("no model is named, and the server lists none")
                .hint("name the model with `--model NAME`")),
            several => {
                let list: Vec<_> = several.iter().map(|name| format!("`{name}`")).collect();
                let message = format!("no model is named, and the server has {}", list.join(", "));
                Err(CliError::usage(message).hint("name one, or several, with `--model NAME`"))
            }
        }
    }

    /// Adds to an error about a model or its server what may have been meant.
    ///
    /// `models` lists those that the backend has; asked for a model that is not there.
    pub(crate) fn explain(
        &self,
        error: llmbench_api::Error,
        models: impl FnOnce() -> Vec<String>,
    ) -> llmbench_api::Error {
        let Some(hint) = error.hint.clone() else { return error };
        let demo = format!("`{SAMPLE}` is the demo model of the embedded engine");
        let hint = match error.kind {
            // Ollama was chosen because the model's name is none of the other engine's.
            ErrorKind::Unavailable if self.by_model_name => {
                let near = |model: &String| nearest(model, [SAMPLE]).is_some();
                let question = if self.models.iter().any(near) {
                    format!("did you mean `--model {SAMPLE}`? ")
                } else {
                    String::new()
                };
                format!("{question}{hint}; names without `.gguf` are models on Ollama, and {demo}")
            }
            ErrorKind::ModelNotFound if self.by_default.is_some() && self.backend == OLLAMA => {
                format!(
                    "{hint}; name another one with `--model NAME`, or try the demo model: \
                     `--model {SAMPLE}`"
                )
            }
            ErrorKind::ModelNotFound => {
                let mut there = models();
                if self.by_model_name {
                    there.push(SAMPLE.to_owned());
                }
                let names = || there.iter().map(String::as_str);
                let missing = |model: &&String| error.message.contains(&format!("`{model}`"));
                let near = self.models.iter().filter(missing).find_map(|one| nearest(one, names()));
                match near {
                    Some(SAMPLE) if self.by_model_name => {
                        format!("did you mean `{SAMPLE}`? {demo}; {hint}")
                    }
                    Some(near) => format!("did you mean `{near}`? {hint}"),
                    None => hint,
                }
            }
            _ => return error,
        };
        error.with_hint(hint)
    }
}

/// Decides what `settings` leave open; asks `ollama_answers` at an address only where it matters.
///
/// # Errors
/// Models of different backends, or an address for a backend that has none.
pub(crate) fn choose(
    settings: &Settings,
    variable: impl Fn(&str) -> Option<String>,
    ollama_answers: impl FnOnce(&str) -> bool,
) -> Result<Choice> {
    let mut choice = match &settings.backend {
        Some(backend) => named(backend, &settings.models),
        None if !settings.models.is_empty() => Choice {
            by_model_name: settings.url.is_none(),
            ..named(backend_of(&settings.models)?, &settings.models)
        },
        None if names_server(settings, variable) || ollama_answers(OLLAMA_URL) => Choice {
            by_default: Some(format!(
                "neither --backend nor --model given: {OLLAMA} with {OLLAMA_MODEL}"
            )),
            ..named(OLLAMA, &[])
        },
        None => Choice {
            by_default: Some(format!(
                "neither --backend nor --model given, and no Ollama answers at {OLLAMA_URL}: \
                 using the {EMBEDDED} demo model `{SAMPLE}` (no reference for quality)"
            )),
            ..named(EMBEDDED, &[])
        },
    };
    if choice.backend == EMBEDDED {
        refuse_address(settings, &choice.models)?;
        for model in choice.models.iter_mut().filter(|model| *model != SAMPLE) {
            *model = beside_settings_file(settings, model);
        }
    }
    Ok(choice)
}

fn named(backend: &str, models: &[String]) -> Choice {
    let default = if backend == EMBEDDED { SAMPLE } else { OLLAMA_MODEL };
    let models = if models.is_empty() { vec![default.to_owned()] } else { models.to_vec() };
    Choice { backend: backend.to_owned(), models, by_default: None, by_model_name: false }
}

/// The backend that the models' names tell.
fn backend_of(models: &[String]) -> Result<&'static str> {
    let is_embedded = |model: &&String| *model == SAMPLE || is_file(model);
    let embedded = models.iter().find(is_embedded);
    let served = models.iter().find(|model| !is_embedded(model));
    match (embedded, served) {
        (Some(embedded), Some(served)) => Err(CliError::usage(format!(
            "`{embedded}` runs in this process and `{served}` on a server: one run has one backend"
        ))
        .hint(format!(
            "run twice, or name the backend of all models with `--backend {EMBEDDED}` or \
             `--backend {OLLAMA}`"
        ))),
        (Some(_), None) => Ok(EMBEDDED),
        (None, _) => Ok(OLLAMA),
    }
}

/// True for a GGUF file; `NAME:FILE.gguf` is a tag on a server.
fn is_file(model: &str) -> bool {
    let last = model.rsplit(['/', '\\']).next().unwrap_or_default();
    let extension = Path::new(last).extension();
    !last.contains(':') && extension.is_some_and(|found| found.eq_ignore_ascii_case("gguf"))
}

/// True when the user says where Ollama is, or how to use it: then nothing replaces it.
fn names_server(settings: &Settings, variable: impl Fn(&str) -> Option<String>) -> bool {
    // The same blanks and quotes as Ollama's own client ignores.
    let is_set = |value: String| !value.trim_matches([' ', '\t', '"', '\'']).is_empty();
    settings.url.is_some()
        || settings.plugin_settings.get(OLLAMA).is_some_and(|own| own.contains_key("url"))
        || settings.plugins_from_flags.iter().any(|plugin| plugin == OLLAMA)
        || OLLAMA_VARIABLES.into_iter().filter_map(variable).any(is_set)
}

/// An address on the command line must not be without effect; one in a file serves other runs.
fn refuse_address(settings: &Settings, models: &[String]) -> Result<()> {
    let is_from_flag = settings.record.get("url").is_some_and(|url| url.origin == "flag");
    match &settings.url {
        Some(url) if is_from_flag => Err(CliError::usage(format!(
            "--url {url} names a server, but `{}` runs in this process",
            models.join("`, `")
        ))
        .hint(format!("leave `--url` out, or name its backend, for example `--backend {OLLAMA}`"))),
        _ => Ok(()),
    }
}

/// Paths in a settings file are relative to the file.
fn beside_settings_file(settings: &Settings, model: &str) -> String {
    let Some(dir) = &settings.model_dir else { return model.to_owned() };
    let path = dir.join(model);
    let current = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&current).unwrap_or(&path).to_string_lossy().into_owned()
}

#[cfg(test)]
#[path = "choice_tests.rs"]
mod tests;
