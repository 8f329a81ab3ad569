//! The `openai` backend: runs models on a server that speaks OpenAI's chat API:
//! llama.cpp, vLLM, LM Studio, TGI, Ollama's `/v1` and others.
//!
//! Where the server is: the setting `url`, else `OPENAI_BASE_URL`. The key, where
//! one is needed, comes from a file (`api_key_file`), `LLMBENCH_OPENAI_API_KEY` or
//! `OPENAI_API_KEY`, and is never part of a setting, a result, a log or an error.
//!
//! The backend drives loads itself ([`llmbench_api::Arrival::Closed`] and `Open`),
//! so its client is its own: plain sockets and one event loop on each of few
//! threads, the instant of a piece taken when the socket was read and before
//! anything is parsed. ADR 14 has the figures. Counts are the server's own; what it
//! leaves out stays absent. This plugin does not estimate tokens, follow redirects,
//! ask for `/health`, or repeat a request that a server has begun to answer.

mod answer;
mod backend;
mod batch;
mod error;
mod exchange;
mod figures;
mod http;
mod identity;
mod load;
mod net;
mod question;
mod secret;
mod settings;
mod sse;
mod surrogates;
mod template;
mod url;
mod wire;

pub use backend::OpenAi;

llmbench_plugin::register!(
    Backend,
    "openai",
    "runs models on a server with OpenAI's chat API",
    OpenAi::new
);
llmbench_plugin::export_plugin!();
