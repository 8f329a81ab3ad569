//! A plugin with several components of all four kinds that behaves well.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use llmbench_plugin::*;

/// How many pieces of text a `tokens` request streams.
const TOKENS: u32 = 1_000;

#[derive(Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    greeting: String,
    tokens: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { greeting: "hello".into(), tokens: TOKENS }
    }
}

struct Border {
    settings: Settings,
}

impl Border {
    fn new(json: Json) -> Result<Self> {
        Ok(Self { settings: settings("border", json)? })
    }
}

#[derive(Debug)]
struct Refused;

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("connection refused")
    }
}

impl std::error::Error for Refused {}

impl Backend for Border {
    fn probe(&self, _: &CallContext) -> Result<ServerInfo> {
        Ok(ServerInfo {
            name: self.settings.greeting.clone(),
            version: Measured::absent("the test has none"),
            ..Default::default()
        })
    }

    fn models(&self, _: &CallContext) -> Result<Vec<ModelSummary>> {
        let model = |name: &str| ModelSummary { name: name.into(), ..Default::default() };
        Ok(vec![model("first"), model("second")])
    }

    fn identify(&self, model: &str, _: &CallContext) -> Result<ModelIdentity> {
        Err(Error::new(ErrorKind::ModelNotFound, format!("model `{model}` is not installed"))
            .with_hint("installed are first, second")
            .with_phase("identify")
            .with_cause(&Refused))
    }

    fn generate(
        &self,
        request: &GenerateRequest,
        sink: &dyn EventSink,
        cx: &CallContext,
    ) -> Result<Generation> {
        let text = match request.messages[0].content.as_str() {
            "tokens" => stream(self.settings.tokens, sink, cx),
            "burst" => burst(self.settings.tokens, sink, cx),
            "silent log" => silent_log(self.settings.tokens),
            "until stopped" => return Err(until_stopped(sink, cx)),
            "wait for cancel" => return Err(wait_for_cancel(cx)),
            "deadline" => format!("{:?}", cx.remaining().map(|left| left > Duration::ZERO)),
            "expired" => cx.check().map(|()| "in time".into())?,
            "log" => log_everything(),
            other => format!("unknown request {other}"),
        };
        Ok(Generation { text, done_reason: DoneReason::Stop, ..Default::default() })
    }
}

fn stream(count: u32, sink: &dyn EventSink, cx: &CallContext) -> String {
    let clock = cx.clock();
    let mut send = |kind, text: &str| {
        sink.event(Event { request_index: 0, kind, at_ns: clock.now_ns(), text })
    };
    send(EventKind::Thinking, "hm");
    let mut text = String::new();
    for index in 0..count {
        let token = format!("t{index} ");
        send(EventKind::Text, &token);
        text += &token;
    }
    send(EventKind::ToolCall, "{}");
    send(EventKind::Usage, r#"{"tokens":1000}"#);
    send(EventKind::Done, "stop");
    text
}

/// Nothing but events; the answer is the time per event in nanoseconds.
fn burst(count: u32, sink: &dyn EventSink, cx: &CallContext) -> String {
    let clock = cx.clock();
    let started = std::time::Instant::now();
    for _ in 0..count {
        let at_ns = clock.now_ns();
        sink.event(Event { request_index: 0, kind: EventKind::Text, at_ns, text: " token" });
    }
    per_event_ns(started, count)
}

/// Log events that nobody wants.
fn silent_log(count: u32) -> String {
    let started = std::time::Instant::now();
    for index in 0..count {
        tracing::trace!(index, "nobody listens");
    }
    per_event_ns(started, count)
}

fn per_event_ns(started: std::time::Instant, count: u32) -> String {
    format!("{:.2}", started.elapsed().as_nanos() as f64 / f64::from(count))
}

fn until_stopped(sink: &dyn EventSink, cx: &CallContext) -> Error {
    for index in 0..1_000_000 {
        let event = Event {
            request_index: 3,
            kind: EventKind::Text,
            at_ns: cx.clock().now_ns(),
            text: "x",
        };
        if sink.event(event) == Flow::Stop {
            return Error::new(ErrorKind::Cancelled, format!("stopped at {index}"));
        }
    }
    Error::new(ErrorKind::Internal, "nobody stopped it")
}

fn wait_for_cancel(cx: &CallContext) -> Error {
    let (woken, wait) = mpsc::channel();
    let _registered = cx.on_cancel(move || {
        let _ = woken.send(());
    });
    cx.progress(Some(0.5), "waiting");
    match wait.recv_timeout(Duration::from_secs(60)) {
        Ok(()) if cx.is_cancelled() => Error::new(ErrorKind::Cancelled, "woken by the host"),
        other => Error::new(ErrorKind::Internal, format!("not woken: {other:?}")),
    }
}

fn log_everything() -> String {
    let outer = tracing::info_span!("outer", id = 5);
    let _outer = outer.enter();
    tracing::info_span!("inner").in_scope(|| {
        tracing::error!(text = "words", signed = -3_i64, "an error, number {}", 1);
        tracing::warn!(unsigned = 7_u64, float = 1.5_f64, flag = true, "a warning");
    });
    tracing::info!(target: "border::info", "for information");
    tracing::debug!(debugged = ?Some(1), "for developers");
    tracing::trace!("every step");
    tracing::error!(target: "border::muted", "nobody wants this");
    "logged".into()
}

/// Drives batches itself.
struct Second;

impl Second {
    fn new(_: Json) -> Result<Self> {
        Ok(Self)
    }
}

impl Backend for Second {
    fn probe(&self, _: &CallContext) -> Result<ServerInfo> {
        Ok(ServerInfo { name: "second".into(), ..Default::default() })
    }

    fn models(&self, _: &CallContext) -> Result<Vec<ModelSummary>> {
        Ok(Vec::new())
    }

    fn identify(&self, model: &str, _: &CallContext) -> Result<ModelIdentity> {
        Ok(ModelIdentity { name: model.into(), ..Default::default() })
    }

    fn load(
        &self,
        model: &str,
        options: &GenerateOptions,
        _: &CallContext,
    ) -> Result<Measured<f64>> {
        Ok(Measured::noted(f64::from(options.num_ctx), model))
    }

    fn generate(
        &self,
        _: &GenerateRequest,
        _: &dyn EventSink,
        _: &CallContext,
    ) -> Result<Generation> {
        Ok(Generation::default())
    }

    fn generate_batch(
        &self,
        requests: &[GenerateRequest],
        arrival: &Arrival,
        sink: &dyn EventSink,
        cx: &CallContext,
    ) -> Result<Vec<BatchOutcome>> {
        let mut outcomes = Vec::new();
        for (index, request) in (0..).zip(requests) {
            let text = request.messages[0].content.as_str();
            sink.event(Event {
                request_index: index,
                kind: EventKind::Text,
                at_ns: cx.clock().now_ns(),
                text,
            });
            outcomes.push(match text {
                "fail" => BatchOutcome::Failed(Error::new(ErrorKind::Busy, "too much at once")),
                _ => BatchOutcome::Answered(Generation {
                    text: format!("{text} {arrival:?}"),
                    ..Default::default()
                }),
            });
        }
        Ok(outcomes)
    }
}

/// Takes five samples in a thread of its own.
#[derive(Default)]
struct Watch {
    running: Mutex<Option<(MonitorOptions, JoinHandle<Vec<Sample>>)>>,
}

impl Watch {
    fn new(_: Json) -> Result<Self> {
        Ok(Self::default())
    }
}

impl Monitor for Watch {
    fn probe(&self, _: &CallContext) -> Result<MonitorInfo> {
        let device = Device { id: "gpu0".into(), kind: DeviceKind::Gpu, ..Default::default() };
        Ok(MonitorInfo { devices: vec![device], source: "test".into(), notes: Vec::new() })
    }

    fn start(
        &self,
        options: &MonitorOptions,
        sink: Arc<dyn SampleSink>,
        cx: &CallContext,
    ) -> Result<()> {
        let clock = cx.clock();
        let take = move || {
            let samples = (0..5).map(|index| Sample {
                at_ns: clock.now_ns(),
                device: "gpu0".into(),
                values: [
                    ("power_watts".to_owned(), f64::from(index)),
                    ("none".into(), f64::INFINITY),
                ]
                .into(),
            });
            samples.inspect(|sample| sink.sample(sample)).collect()
        };
        *self.running.lock().unwrap() = Some((options.clone(), std::thread::spawn(take)));
        Ok(())
    }

    fn stop(&self, _: &CallContext) -> Result<Series> {
        let Some((options, thread)) = self.running.lock().unwrap().take() else {
            return Err(Error::new(ErrorKind::Internal, "sampling was not under way"));
        };
        let mut samples = thread.join().unwrap();
        samples.iter_mut().for_each(|sample| sample.values.retain(|_, value| value.is_finite()));
        let gap = Gap { from_ns: 1, to_ns: 2, reason: "the driver slept".into() };
        Ok(Series {
            interval_ms: options.interval_ms,
            samples,
            gaps: vec![gap],
            ..Default::default()
        })
    }
}

struct Judge;

impl Judge {
    fn new(_: Json) -> Result<Self> {
        Ok(Self)
    }
}

impl Validator for Judge {
    fn prepare(&self, project: &Project, _: &CallContext) -> Result<ValidatorInfo> {
        let tools = [("project".to_owned(), project.id.clone())].into();
        Ok(ValidatorInfo { tools, ..Default::default() })
    }

    fn check(&self, artifact: &Artifact, project: &Project, _: &CallContext) -> Result<Findings> {
        Ok(Findings {
            status: FindingsStatus::Failed,
            score: Some(2.5),
            diagnostics: vec![Diagnostic {
                severity: Severity::Warning,
                file: artifact.entry.clone(),
                line: Some(3),
                message: artifact.entry_text().to_owned(),
                ..Default::default()
            }],
            details: project.options.clone(),
            ..Default::default()
        })
    }
}

struct Twice;

impl Twice {
    fn new(_: Json) -> Result<Self> {
        Ok(Self)
    }
}

impl TestType for Twice {
    fn describe(&self) -> TestDescription {
        let role =
            RoleSpec { role: "taste".into(), default_validator: "judge".into(), required: true };
        TestDescription {
            summary: "asks, then judges".into(),
            roles: vec![role],
            ..Default::default()
        }
    }

    fn shipped_fixtures(&self) -> Vec<Fixture> {
        vec![Fixture { name: "shipped".into(), ..Default::default() }]
    }

    fn load(&self, fixture: &Fixture) -> Result<Case> {
        fixture.file("question.txt").map(|text| Case::new(fixture, text.into()))
    }

    fn next(&self, case: &Case, history: &History) -> Result<Step> {
        let question = case.data.as_str().unwrap_or_default();
        Ok(match (history.last_answer(), history.findings("taste")) {
            (None, _) => Step::ask(GenerateRequest::user(question)),
            (Some(answer), None) => {
                Step::validate("taste", Artifact::single("a.txt", &answer.text))
            }
            (Some(_), Some(findings)) => Step::done(
                Verdict { score: findings.score, ..Default::default() }.with_metric("n", 1),
            ),
        })
    }
}

register!(Backend, "border", "does what the request says", Border::new);
register!(Backend, "second", "drives batches", Second::new);
register!(Monitor, "watch", "takes five samples", Watch::new);
register!(Validator, "judge", "finds one thing", Judge::new);
register!(TestType, "twice", "asks, then judges", Twice::new);
export_plugin!();
