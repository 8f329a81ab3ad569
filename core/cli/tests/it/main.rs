//! The real `llmbench`, run as a user runs it, against a real Ollama.

mod main_job;
#[allow(dead_code)]
mod setup;
