//! What llama.cpp logs while it loads: the reason of a failure, the place of the weights.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Under this target the bindings pass on what llama.cpp itself says.
const TARGET: &str = "llama-cpp-2";
/// Between the name of a kind of memory and its size.
const BUFFER: &str = "model buffer size =";

/// Lines of the log, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Log(Vec<(bool, String)>);

/// The result of `work`, and what llama.cpp logged on this thread meanwhile.
///
/// The user sees it in llmbench's log at the level `debug` only: llama.cpp warns
/// of much that is no trouble, such as a context shorter than the longest one.
pub(super) fn collect<T>(work: impl FnOnce() -> T) -> (T, Log) {
    let lines = Arc::default();
    let result = tracing::subscriber::with_default(Collector(Arc::clone(&lines)), work);
    let log = lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for (_, line) in &log.0 {
        tracing::debug!(target: "llama.cpp", "{line}");
    }
    (result, log)
}

impl Log {
    /// Why loading failed.
    pub(super) fn reason(&self) -> Option<String> {
        const LOADING: &str = "error loading model: ";
        let mut errors = self.0.iter().filter(|(error, _)| *error).map(|(_, line)| line.as_str());
        let found = errors.clone().find_map(|line| Some(line.split_once(LOADING)?.1));
        found.or_else(|| errors.next()).map(|line| line.trim().to_owned())
    }

    /// Share of the weights in GPU memory; `None` when the log does not tell.
    pub(super) fn gpu_share(&self) -> Option<f64> {
        let (mut all, mut on_gpu) = (0.0, 0.0);
        for (_, line) in &self.0 {
            let Some((place, size)) = line.split_once(BUFFER) else { continue };
            let place = place.split_whitespace().next_back()?;
            let mebibytes: f64 = size.split_whitespace().next()?.parse().ok()?;
            all += mebibytes;
            if !place.starts_with("CPU") && !place.ends_with("_Host") {
                on_gpu += mebibytes;
            }
        }
        (all > 0.0).then(|| on_gpu / all)
    }
}

/// Takes the place of llmbench's own log on one thread.
struct Collector(Arc<Mutex<Log>>);

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target() == TARGET && *metadata.level() <= Level::INFO
    }

    // The bindings ask `enabled` only; a higher level here would stay behind for the whole library.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::ERROR)
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message::default();
        event.record(&mut message);
        let error = *event.metadata().level() == Level::ERROR;
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.0.push((error, message.0));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_on_the_gpu_is_that_of_the_buffers() {
        let check = |lines: &[&str], expected: Option<f64>| {
            let log = Log(lines.iter().map(|line| (false, (*line).to_owned())).collect());
            assert_eq!(log.gpu_share(), expected, "{lines:?}");
        };
        check(&["load_tensors: offloaded 5/5 layers to GPU"], None);
        check(&["load_tensors:   CPU_Mapped model buffer size =    14.30 MiB"], Some(0.0));
        check(
            &[
                "  CPU_Mapped model buffer size =    10.00 MiB",
                "   CUDA_Host model buffer size =    20.00 MiB",
                "       CUDA0 model buffer size =    60.00 MiB",
                "     Vulkan0 model buffer size =    10.00 MiB",
            ],
            Some(0.7),
        );
    }

    #[test]
    fn the_reason_is_the_loader_s_own_word() {
        let line = |error, text: &str| (error, text.to_owned());
        let log = Log(vec![
            line(false, "loaded meta data"),
            line(true, "error loading model: unknown model architecture: 'x'"),
            line(true, "failed to load model"),
        ]);
        assert_eq!(log.reason().unwrap(), "unknown model architecture: 'x'");
        assert_eq!(Log(vec![line(true, "no memory\n")]).reason().unwrap(), "no memory");
        assert_eq!(Log::default().reason(), None);
    }
}
