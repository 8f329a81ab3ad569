//! Models with random weights, in the GGUF format (version 3).
//!
//! They answer nonsense, but a real server loads them within a second and
//! treats them as it treats any other model. Layout of the file: the
//! specification in the ggml repository, `docs/gguf.md`.
//!
//! - [`TinyModel`] is what the tests of servers need: a name, a size, experts.
//! - [`ChatModel`] comes in several architectures and tokenizers, with a chat template.
//! - [`GgufFile`] writes any header and any tensors, also wrong ones.

mod chat;
mod file;
mod random;
mod tiny;
mod vocabulary;

pub use chat::{ChatModel, Family, Sizes, Speech, Weights};
pub use file::{GgufFile, RawTensor, Value};
pub use tiny::{Experts, TinyModel};
pub use vocabulary::Vocabulary;
