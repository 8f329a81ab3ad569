//! Every environment variable that llmbench itself reads.
//!
//! Plugins read some of their own: `OLLAMA_HOST` and `OLLAMA_BASE_URL` (backend
//! `ollama`), `OPENAI_BASE_URL`, `OPENAI_API_KEY` and the variables of proxies (backend
//! `openai`). `NO_COLOR` and `RUST_BACKTRACE` have their usual meaning.

/// Start of all variables that are settings.
pub(crate) const PREFIX: &str = "LLMBENCH_";
/// Directories with plugins, separated as in `PATH`.
pub(crate) const PLUGIN_PATH: &str = "LLMBENCH_PLUGIN_PATH";
/// Settings file; the same as `--config`.
pub(crate) const CONFIG: &str = "LLMBENCH_CONFIG";
/// Where toolchains and user plugins lie; default `$XDG_DATA_HOME/llmbench`.
pub(crate) const DATA_DIR: &str = "LLMBENCH_DATA_DIR";
/// Log filter, for example `debug` or `llmbench_plugin_ollama=trace`.
pub(crate) const LOG: &str = "LLMBENCH_LOG";
/// Key for servers with OpenAI's API; read by the backend `openai` alone, before `OPENAI_API_KEY`.
pub(crate) const OPENAI_API_KEY: &str = "LLMBENCH_OPENAI_API_KEY";

/// The real Ollama server for llmbench's own tests and examples; a run does not look at it.
pub(crate) const OLLAMA_BIN: &str = "LLMBENCH_OLLAMA_BIN";

/// Variables with the prefix that are no settings.
pub(crate) const NOT_SETTINGS: [&str; 6] =
    [PLUGIN_PATH, CONFIG, DATA_DIR, LOG, OPENAI_API_KEY, OLLAMA_BIN];
