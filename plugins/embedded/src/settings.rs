//! What a user can set: `[plugin.embedded]` in llmbench.toml, `--set embedded.KEY=VALUE`.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::sync::OnceLock;

use llmbench_api::{Error, ErrorKind, Json, Result};
use llmbench_plugin::whole_number;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::engine::not_built;

/// Variables from which candle takes the size of its thread pools.
const POOLS: [&str; 2] = ["CANDLE_NUM_THREADS", "RAYON_NUM_THREADS"];
/// Model files below this size are computed by one thread. candle's threads wait actively
/// at each of the many short steps of a token, which on a busy machine costs far more
/// than a second core brings (README of the sample model has figures).
const ONE_THREAD_BELOW_BYTES: u64 = 32 << 20;

/// The plugin's settings, with their defaults.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Threads that compute; without it the physical cores that this process may use,
    /// and one for models so small that waiting for each other would cost more.
    #[serde(deserialize_with = "threads")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// A file with a chat template in place of the model's own, or `raw` for none:
    /// the messages' texts one after the other.
    pub(crate) chat_template: Option<String>,
    /// What computes.
    pub(crate) engine: EngineName,
    /// Layers that llama.cpp puts into GPU memory; without it all where it finds a GPU, else none.
    #[serde(deserialize_with = "layers")]
    pub(crate) gpu_layers: Option<u32>,
}

/// The libraries that can compute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EngineName {
    /// candle, in every build.
    #[default]
    Candle,
    /// llama.cpp, in builds with the cargo feature `llama-cpp`.
    LlamaCpp,
}

impl Settings {
    /// Checks what one setting means for the others.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] when this build cannot do what they say.
    pub(crate) fn check(&self) -> Result<()> {
        match self.engine {
            EngineName::LlamaCpp if !cfg!(feature = "llama-cpp") => Err(not_built()),
            #[cfg(feature = "llama-cpp")]
            EngineName::LlamaCpp if self.gpu_layers.is_some() => {
                crate::llama_cpp::gpu_layers(self).map(|_| ())
            }
            EngineName::Candle if self.gpu_layers.is_some() => Err(Error::new(
                ErrorKind::Settings,
                "embedded.gpu_layers is set, but candle computes on the CPU here",
            )
            .with_hint("leave it out, or set `embedded.engine=llama-cpp` (docs/llama-cpp.md)")),
            _ => Ok(()),
        }
    }

    /// Sizes the engine's thread pools for models of up to `model_bytes`, which a process
    /// can do only once.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] when they have another size already than the user wants.
    pub(crate) fn apply_threads(&self, model_bytes: u64) -> Result<usize> {
        static THREADS: OnceLock<usize> = OnceLock::new();
        let from_user = || POOLS.iter().find_map(|name| std::env::var(name).ok()?.parse().ok());
        let wanted = self.threads.map(NonZeroUsize::get);
        let threads = *THREADS.get_or_init(|| {
            let by_size = || if model_bytes < ONE_THREAD_BELOW_BYTES { 1 } else { usable_cores() };
            let threads = wanted.or_else(from_user).unwrap_or_else(by_size);
            for name in POOLS {
                llmbench_plugin::set_variable_default(name, &OsString::from(threads.to_string()));
            }
            threads
        });
        match wanted {
            Some(wanted) if wanted != threads => Err(Error::new(
                ErrorKind::Settings,
                format!("embedded.threads is {wanted}, but this process computes with {threads}"),
            )
            .with_hint("unset CANDLE_NUM_THREADS, or start a new process")),
            _ => Ok(threads),
        }
    }
}

/// Physical cores, or fewer where the process may not use them all.
fn usable_cores() -> usize {
    let allowed = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    num_cpus::get_physical().clamp(1, allowed)
}

/// A positive number, also as text: `--set` passes either.
fn threads<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroUsize>, D::Error> {
    let value = Json::deserialize(deserializer)?;
    whole_number(&value)
        .and_then(|number| NonZeroUsize::new(usize::try_from(number).ok()?))
        .map(Some)
        .ok_or_else(|| D::Error::custom(format!("`{value}` is not a number of threads above 0")))
}

/// A number, also as text.
fn layers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let value = Json::deserialize(deserializer)?;
    let number = whole_number(&value).and_then(|number| u32::try_from(number).ok());
    number.map(Some).ok_or_else(|| D::Error::custom(format!("`{value}` is not a number of layers")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn threads_are_a_positive_number_also_as_text() {
        let read = |json| llmbench_plugin::settings::<Settings>("embedded", json);
        assert_eq!(read(json!({"threads": "2"})).unwrap().threads, NonZeroUsize::new(2));
        assert_eq!(read(json!({})).unwrap(), Settings::default());
        for wrong in [json!({"threads": 0}), json!({"threads": "many"}), json!({"treads": 1})] {
            let error = read(wrong).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Settings);
            assert!(error.message.contains("threads"), "{error}");
        }
    }

    #[test]
    fn an_engine_that_is_not_built_in_is_said_before_anything_is_loaded() {
        let check = |json| {
            llmbench_plugin::settings::<Settings>("embedded", json).and_then(|read| read.check())
        };
        let llama_cpp = check(json!({"engine": "llama-cpp", "gpu_layers": "0"}));
        assert_eq!(llama_cpp.is_ok(), cfg!(feature = "llama-cpp"));
        if let Err(error) = llama_cpp {
            assert_eq!(error.kind, ErrorKind::Settings);
            assert!(error.hint.unwrap().contains("--features llama-cpp"));
        }
        assert!(check(json!({"engine": "candle"})).is_ok());
        for wrong in [json!({"gpu_layers": 7}), json!({"gpu_layers": -1}), json!({"engine": "x"})] {
            assert_eq!(check(wrong).unwrap_err().kind, ErrorKind::Settings);
        }
    }
}
