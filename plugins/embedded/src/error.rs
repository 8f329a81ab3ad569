//! Errors that several parts of the engine report alike.

use llmbench_api::{Error, ErrorKind};

/// Where a model runs that this engine refuses.
const ELSEWHERE: &str =
    "run it with Ollama (`--backend ollama`) or behind a llama.cpp server instead";

/// The file is damaged or is no model.
pub(crate) fn broken(what: &str, why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("load {what}: {why}"))
        .with_hint("download or convert the file again; is it a complete GGUF file?")
}

/// The file is sound, but the engine would compute something else than the model.
pub(crate) fn unsupported(what: &str, why: impl std::fmt::Display) -> Error {
    let error = Error::new(ErrorKind::Unsupported, format!("load {what}: {why}"));
    if cfg!(feature = "llama-cpp") {
        error
            .with_hint(format!("compute it with `--set embedded.engine=llama-cpp`, or {ELSEWHERE}"))
    } else {
        error.with_hint(ELSEWHERE)
    }
}

/// The library that computes failed.
pub(crate) fn engine(doing: &str, error: &candle_core::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("{doing}: {}", first_line(error)))
}

/// What candle says; some of its errors carry a backtrace after their first line.
pub(crate) fn first_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
