//! The `embedded` backend: runs GGUF models in this process, on the CPU.
//!
//! A model is named by its path (`--model FILE.gguf`), or it is `sample`: a small
//! demo model that comes with the plugin, so that a machine without any server
//! can do a whole run. Everything else about a model comes from its file:
//! architecture, tokenizer, chat template. What the engine does not implement
//! exactly is refused with a message, never approximated; the computing is done
//! by [candle](https://github.com/huggingface/candle), or by llama.cpp in builds
//! with the cargo feature `llama-cpp`.
//!
//! Settings: `threads`, `chat_template`, `engine`, `gpu_layers`. One model is loaded at a time and one
//! request answered at a time; nothing is kept from one request to the next, so
//! every prompt is computed in full.

mod arch;
mod backend;
mod engine;
mod error;
mod gguf;
mod header;
mod identity;
mod inspect;
#[cfg(feature = "llama-cpp")]
mod llama_cpp;
mod model;
mod sampling;
mod settings;
mod source;
mod template;
mod text;
mod tokenizer;

pub use backend::Embedded;
#[doc(hidden)]
pub use inspect::{count_tokens, logits};

llmbench_plugin::register!(Backend, "embedded", "runs GGUF files in this process", Embedded::new);
llmbench_plugin::export_plugin!();
