//! The `ollama` backend: runs models on an Ollama server over its HTTP API.
//!
//! Where the server is: the setting `url`, else `OLLAMA_HOST`, else
//! `OLLAMA_BASE_URL`, else `http://127.0.0.1:11434`, each read as Ollama's own
//! client reads it. Further settings: `connect_timeout_ms`,
//! `first_token_timeout_ms`, `keep_alive`.
//!
//! Every option of a request is sent, so that no default of the server or of a
//! Modelfile enters a measurement. Counts and durations of an answer are the
//! server's own; what it leaves out stays absent. This plugin does not pull
//! models, start a server, estimate tokens or repeat a failed request.

mod answer;
mod backend;
mod chat;
mod client;
mod error;
mod identity;
mod lines;
mod names;
mod process;
mod settings;
mod url;
mod watch;
mod wire;

pub use backend::Ollama;

llmbench_plugin::register!(Backend, "ollama", "runs models on an Ollama server", Ollama::new);
llmbench_plugin::export_plugin!();
