//! A plugin whose every method panics once, where its settings say so.

use std::fmt;
use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use llmbench_plugin::*;

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Name of the method; `new` and `drop` count as methods.
    panic_in: String,
    /// What is thrown; see [`explode`].
    payload: String,
}

struct Panicky {
    settings: Settings,
    done: AtomicBool,
}

impl Panicky {
    fn new(json: Json) -> Result<Self> {
        let panicky = Self { settings: settings("panicky", json)?, done: AtomicBool::new(false) };
        panicky.enter("new");
        Ok(panicky)
    }

    fn enter(&self, method: &str) {
        if self.settings.panic_in == method && !self.done.swap(true, Ordering::Relaxed) {
            explode(&self.settings.payload);
        }
    }
}

impl Drop for Panicky {
    fn drop(&mut self) {
        self.enter("drop");
    }
}

fn explode(payload: &str) {
    match payload {
        "formatted" => panic!("boom {}", 7),
        "number" => panic_any(7_u64),
        "drop panics" => panic_any(Bomb(1)),
        "drop panics twice" => panic_any(Bomb(2)),
        "index" => drop(vec![1][payload.len()..].to_vec()),
        _ => panic!("boom"),
    }
}

/// Panics when dropped, with another bomb as long as the count lasts.
struct Bomb(u32);

impl Drop for Bomb {
    fn drop(&mut self) {
        match self.0 {
            0 => {}
            1 => panic!("second boom"),
            left => panic_any(Bomb(left - 1)),
        }
    }
}

/// Cannot be formatted.
struct Unspeakable;

impl fmt::Debug for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("boom while formatting")
    }
}

impl Backend for Panicky {
    fn probe(&self, _: &CallContext) -> Result<ServerInfo> {
        self.enter("probe");
        Ok(ServerInfo::default())
    }

    fn models(&self, _: &CallContext) -> Result<Vec<ModelSummary>> {
        self.enter("models");
        Ok(Vec::new())
    }

    fn identify(&self, _: &str, _: &CallContext) -> Result<ModelIdentity> {
        self.enter("identify");
        Ok(ModelIdentity::default())
    }

    fn load(&self, _: &str, _: &GenerateOptions, _: &CallContext) -> Result<Measured<f64>> {
        self.enter("load");
        Ok(Measured::known(1.0))
    }

    fn generate(
        &self,
        request: &GenerateRequest,
        sink: &dyn EventSink,
        cx: &CallContext,
    ) -> Result<Generation> {
        self.enter("generate");
        let text = match request.messages[0].content.as_str() {
            "callback" => callback(cx),
            "bomb in callback" => bomb_in_callback(cx),
            "own thread" => format!("{:?}", std::thread::spawn(|| explode("")).join().is_err()),
            "log" => {
                tracing::info!(what = ?Unspeakable, "never seen");
                "formatted".into()
            }
            "log well" => {
                tracing::info!("seen after the panic");
                "logged".into()
            }
            "sink" => format!("{:?}", [(); 3].map(|()| sink.event(text_event("x")))),
            "progress" => {
                cx.progress(None, "the host panics here");
                "went on".into()
            }
            "log into a panicking host" => {
                tracing::error!(target: "border::panics", "the host panics here");
                "went on".into()
            }
            _ => "well".into(),
        };
        Ok(Generation { text, ..Default::default() })
    }

    fn generate_batch(
        &self,
        _: &[GenerateRequest],
        _: &Arrival,
        _: &dyn EventSink,
        _: &CallContext,
    ) -> Result<Vec<BatchOutcome>> {
        self.enter("generate_batch");
        Ok(Vec::new())
    }
}

fn text_event(text: &str) -> Event<'_> {
    Event { request_index: 0, kind: EventKind::Text, at_ns: 0, text }
}

/// Registers a callback that panics, and waits until it was called.
fn callback(cx: &CallContext) -> String {
    let called = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&called);
    let _registered = cx.on_cancel(move || {
        seen.store(true, Ordering::SeqCst);
        explode("");
    });
    cx.progress(None, "waiting");
    while !called.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    "called".into()
}

/// Registers a callback that is never called and panics when it is dropped.
fn bomb_in_callback(cx: &CallContext) -> String {
    let bomb = Bomb(1);
    drop(cx.on_cancel(move || drop(bomb)));
    "dropped".into()
}

impl Monitor for Panicky {
    fn probe(&self, _: &CallContext) -> Result<MonitorInfo> {
        self.enter("probe");
        Ok(MonitorInfo::default())
    }

    fn start(&self, _: &MonitorOptions, sink: Arc<dyn SampleSink>, _: &CallContext) -> Result<()> {
        self.enter("start");
        sink.sample(&Sample { device: "gpu0".into(), ..Default::default() });
        Ok(())
    }

    fn stop(&self, _: &CallContext) -> Result<Series> {
        self.enter("stop");
        Ok(Series::default())
    }
}

impl Validator for Panicky {
    fn prepare(&self, _: &Project, _: &CallContext) -> Result<ValidatorInfo> {
        self.enter("prepare");
        Ok(ValidatorInfo::default())
    }

    fn check(&self, _: &Artifact, _: &Project, _: &CallContext) -> Result<Findings> {
        self.enter("check");
        Ok(Findings::default())
    }
}

impl TestType for Panicky {
    fn describe(&self) -> TestDescription {
        self.enter("describe");
        TestDescription::default()
    }

    fn shipped_fixtures(&self) -> Vec<Fixture> {
        self.enter("shipped_fixtures");
        Vec::new()
    }

    fn load(&self, fixture: &Fixture) -> Result<Case> {
        self.enter("load");
        Ok(Case::new(fixture, Json::Null))
    }

    fn next(&self, _: &Case, _: &History) -> Result<Step> {
        self.enter("next");
        Ok(Step::done(Verdict::scored(1.0)))
    }

    fn references(&self, _: &Case) -> Result<Vec<Reference>> {
        self.enter("references");
        Ok(Vec::new())
    }
}

register!(Backend, "panicky", "panics", Panicky::new);
register!(Monitor, "panicky", "panics", Panicky::new);
register!(Validator, "panicky", "panics", Panicky::new);
register!(TestType, "panicky", "panics", Panicky::new);
export_plugin!();
