//! Real servers, tiny models and stand-ins for llmbench's own tests.
//!
//! - [`ollama`] starts a real Ollama of its own, with models that [`gguf`] writes.
//! - [`llama_cpp`] starts a real llama.cpp server with such a model.
//! - [`fault_server`] is a labelled stand-in for what a real server cannot be made to do.
//! - [`nvml`] is a labelled stand-in for NVIDIA's management library.
//! - [`binary`] runs the built `llmbench` in a directory of its own.
//! - [`kill`] kills runs at random instants and proves what is left.
//! - [`tools`] finds the programs that tests need, and says what happens without them.
//! - [`context()`] makes the context of a call, which a test can cancel.
//!
//! Nothing here is part of a release, and nothing here downloads anything.

pub mod binary;
pub mod context;
pub mod fault_server;
pub mod gguf;
mod guardian;
pub mod kill;
pub mod llama_cpp;
pub mod nvml;
pub mod ollama;
pub mod tools;

pub use binary::{LlmbenchCommand, Output, Running};
pub use context::{Recorder, TestContext, context};
pub use fault_server::{DeafAddress, FaultServer, Request, Step};
pub use llama_cpp::LlamaCppServer;
pub use nvml::NvmlStub;
pub use ollama::{OllamaOptions, OllamaServer};
pub use tools::{Missing, skip_or_fail};
