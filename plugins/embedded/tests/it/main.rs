//! The embedded backend through its public type, against real files and a real Ollama.

mod bad_files;
mod behaviour;
mod binary;
mod parity;
mod sample_prompts;
mod self_consistency;
mod settings;
mod support;
