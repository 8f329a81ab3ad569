//! Everything that crosses when both sides behave well.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use llmbench_api::*;
use llmbench_host::{Component, ComponentKind, Host, HostError};
use serde_json::json;

use crate::context::{Events, TestControl, quiet};
use crate::{ask, host_with};

fn border() -> (tempfile::TempDir, Host, Component<dyn Backend>) {
    let (dir, host) = host_with("good");
    let backend = host.backend("border", &Json::Null).unwrap();
    (dir, host, backend)
}

#[test]
fn one_library_offers_several_components_of_every_kind() {
    let (_dir, host) = host_with("good");
    let listing = host.list();
    assert!(listing.refused.is_empty(), "{:?}", listing.refused);
    let plugin = &listing.plugins[0];
    let found: Vec<_> =
        plugin.components.iter().map(|found| (found.kind, found.name.as_str())).collect();
    let expected = [
        (ComponentKind::Backend, "border"),
        (ComponentKind::Backend, "second"),
        (ComponentKind::Monitor, "watch"),
        (ComponentKind::Validator, "judge"),
        (ComponentKind::TestType, "twice"),
    ];
    assert_eq!(found, expected);
    assert_eq!(plugin.info.package, "good");
    assert_eq!(plugin.info.abi, llmbench_abi::ABI_VERSION);
    assert!(plugin.info.unwind && plugin.info.rustc.starts_with("rustc "), "{:?}", plugin.info);
}

#[test]
fn the_hash_of_a_component_is_that_of_its_file() {
    let (_dir, _host, backend) = border();
    let hash = backend.source.sha256().unwrap().unwrap();
    assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
}

#[test]
fn settings_reach_the_component_and_wrong_ones_are_named() {
    let (_dir, host) = host_with("good");
    let backend = host.backend("border", &json!({"greeting": "good day"})).unwrap().component;
    let info = backend.probe(&quiet()).unwrap();
    assert_eq!(info.name, "good day");
    assert_eq!(info.version, Measured::absent("the test has none"));

    let error = host.backend("border", &json!({"greting": "x"})).err().unwrap();
    let HostError::Create { plugin, source, .. } = &error else { panic!("{error}") };
    assert_eq!((plugin.as_str(), source.kind), ("good", ErrorKind::Settings));
    assert!(source.message.contains("`greting`") && source.message.contains("`greeting`"));
    assert!(source.hint.as_ref().unwrap().contains("[plugin.border]"));
}

#[test]
fn an_unknown_component_is_answered_with_the_known_ones() {
    let (_dir, host) = host_with("good");
    let error = host.backend("bordr", &Json::Null).err().unwrap();
    let HostError::Unknown { available, .. } = &error else { panic!("{error}") };
    assert_eq!(available, &["border", "second"]);
    assert_eq!(error.to_string(), "there is no backend called `bordr`");
}

#[test]
fn a_thousand_tokens_arrive_in_order_with_rising_instants() {
    let (_dir, _host, backend) = border();
    let sink = Events::new(usize::MAX);
    let cx = quiet();
    let before = cx.control().now_ns();
    let request = GenerateRequest::user("tokens");
    let answer = backend.component.generate(&request, &sink, &cx).unwrap();
    let after = cx.control().now_ns();

    let seen = sink.seen();
    assert!(seen.is_sorted_by_key(|(_, _, at_ns, _)| *at_ns));
    assert!(seen.iter().all(|(_, _, at_ns, _)| (before..=after).contains(at_ns)));
    let kinds: Vec<_> = seen.iter().map(|(_, kind, _, _)| *kind).collect();
    assert_eq!(kinds[0], EventKind::Thinking);
    assert_eq!(kinds[1001..], [EventKind::ToolCall, EventKind::Usage, EventKind::Done]);
    let texts: Vec<_> = seen.iter().filter(|(_, kind, ..)| *kind == EventKind::Text).collect();
    assert_eq!(texts.len(), 1_000);
    for (index, (_, _, _, text)) in texts.iter().enumerate() {
        assert_eq!(*text, format!("t{index} "));
    }
    assert_eq!(answer.text, texts.iter().map(|(.., text)| text.as_str()).collect::<String>());
    assert_eq!(answer.done_reason, DoneReason::Stop);
}

#[test]
fn a_sink_that_has_enough_stops_the_plugin() {
    let (_dir, _host, backend) = border();
    let sink = Events::new(10);
    let request = GenerateRequest::user("until stopped");
    let error = backend.component.generate(&request, &sink, &quiet()).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Cancelled, "stopped at 9"));
    assert_eq!(sink.seen()[0].0, 3, "the index of the request crosses");
}

#[test]
fn cancelling_from_another_thread_wakes_a_waiting_plugin() {
    let (_dir, _host, backend) = border();
    let (reported, report) = mpsc::channel();
    let reported = Mutex::new(reported);
    let control = TestControl::new(None, move || reported.lock().unwrap().send(()).unwrap());
    let cx = CallContext::new(Arc::clone(&control) as Arc<dyn Control>);
    let error = std::thread::scope(|scope| {
        let control = Arc::clone(&control);
        scope.spawn(move || {
            // The plugin reports progress once it has registered its callback.
            report.recv_timeout(Duration::from_secs(60)).unwrap();
            assert_eq!(control.registered(), 1);
            control.cancel();
        });
        let request = GenerateRequest::user("wait for cancel");
        backend.component.generate(&request, &Events::new(1), &cx).unwrap_err()
    });
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Cancelled, "woken by the host"));
    assert_eq!(control.progress_seen(), [(Some(0.5), "waiting".to_owned())]);
    assert_eq!(control.registered(), 0, "nothing stays registered after the call");
}

#[test]
fn the_deadline_is_visible_in_the_plugin() {
    let (_dir, _host, backend) = border();
    let with = |deadline_ns, word: &str| {
        let cx = CallContext::new(TestControl::new(deadline_ns, || ()));
        backend.component.generate(&GenerateRequest::user(word), &Events::new(1), &cx)
    };
    assert_eq!(with(None, "deadline").unwrap().text, "None");
    assert_eq!(with(Some(3_600_000_000_000), "deadline").unwrap().text, "Some(true)");
    assert_eq!(with(Some(0), "deadline").unwrap().text, "Some(false)");
    assert_eq!(with(Some(0), "expired").unwrap_err().kind, ErrorKind::Timeout);
}

#[test]
fn an_error_keeps_kind_hint_phase_and_causes_and_names_the_plugin() {
    let (_dir, _host, backend) = border();
    let error = backend.component.identify("x", &quiet()).unwrap_err();
    let expected = Error {
        causes: vec!["connection refused".into()],
        plugin: Some("border".into()),
        ..Error::new(ErrorKind::ModelNotFound, "model `x` is not installed")
            .with_hint("installed are first, second")
            .with_phase("identify")
    };
    assert_eq!(error, expected);
}

#[test]
fn methods_that_an_author_leaves_out_keep_their_defaults() {
    let (_dir, _host, backend) = border();
    let backend = backend.component;
    let loaded = backend.load("x", &GenerateOptions::default(), &quiet()).unwrap();
    assert_eq!(loaded, Measured::absent("the backend loads with the first request"));
    let batch = backend.generate_batch(&[], &Arrival::Sequential, &Events::new(1), &quiet());
    assert_eq!(batch.unwrap_err().kind, ErrorKind::Unsupported);
    let names: Vec<_> = backend.models(&quiet()).unwrap().into_iter().map(|m| m.name).collect();
    assert_eq!(names, ["first", "second"]);
    assert_eq!(ask(&*backend, "nonsense").unwrap().text, "unknown request nonsense");
}

#[test]
fn a_batch_crosses_with_one_outcome_for_each_request() {
    let (_dir, host) = host_with("good");
    let backend = host.backend("second", &Json::Null).unwrap().component;
    let requests = ["a", "fail", "c"].map(GenerateRequest::user);
    let sink = Events::new(usize::MAX);
    let arrival = Arrival::Closed { concurrency: 2 };
    let outcomes = backend.generate_batch(&requests, &arrival, &sink, &quiet()).unwrap();
    let indices: Vec<_> = sink.seen().into_iter().map(|(index, ..)| index).collect();
    assert_eq!(indices, [0, 1, 2]);
    let [BatchOutcome::Answered(a), BatchOutcome::Failed(b), BatchOutcome::Answered(_)] =
        &outcomes[..]
    else {
        panic!("{outcomes:?}")
    };
    assert_eq!(a.text, "a Closed { concurrency: 2 }");
    assert_eq!(b.kind, ErrorKind::Busy);
    let options = GenerateOptions { num_ctx: 4096, ..Default::default() };
    assert_eq!(backend.load("m", &options, &quiet()).unwrap(), Measured::noted(4096.0, "m"));
}

#[derive(Default)]
struct Samples(Mutex<Vec<Sample>>);

impl SampleSink for Samples {
    fn sample(&self, sample: &Sample) {
        self.0.lock().unwrap().push(sample.clone());
    }
}

#[test]
fn samples_cross_live_and_in_the_series() {
    let (_dir, host) = host_with("good");
    let monitor = host.monitor("watch", &Json::Null).unwrap().component;
    assert_eq!(monitor.probe(&quiet()).unwrap().devices[0].kind, DeviceKind::Gpu);
    assert_eq!(monitor.stop(&quiet()).unwrap_err().message, "sampling was not under way");

    let sink = Arc::new(Samples::default());
    let options = MonitorOptions { interval_ms: 250, process_id: Some(7) };
    monitor.start(&options, Arc::clone(&sink) as Arc<dyn SampleSink>, &quiet()).unwrap();
    let series = monitor.stop(&quiet()).unwrap();
    let live = sink.0.lock().unwrap();
    assert_eq!((series.interval_ms, series.samples.len(), live.len()), (250, 5, 5));
    assert_eq!(series.gaps[0].reason, "the driver slept");
    for (index, (live, kept)) in live.iter().zip(&series.samples).enumerate() {
        assert_eq!((&live.device, live.at_ns), (&kept.device, kept.at_ns));
        assert_eq!(live.values["power_watts"], index as f64);
        assert_eq!(live.values["none"], f64::INFINITY);
    }
    assert_eq!(Arc::strong_count(&sink), 1, "the plugin lets go of the sink");
}

#[test]
fn a_validator_gets_artifact_and_project_and_returns_findings() {
    let (_dir, host) = host_with("good");
    let judge = host.validator("judge", &Json::Null).unwrap().component;
    let project =
        Project { id: "p1".into(), options: json!({"strict": [1, 2.5]}), ..Default::default() };
    assert_eq!(judge.prepare(&project, &quiet()).unwrap().tools["project"], "p1");
    let text = "größer – 🍵\0 end";
    let findings = judge.check(&Artifact::single("a.vue", text), &project, &quiet()).unwrap();
    assert_eq!((findings.status, findings.score), (FindingsStatus::Failed, Some(2.5)));
    let diagnostic = &findings.diagnostics[0];
    assert_eq!((diagnostic.file.as_str(), diagnostic.message.as_str()), ("a.vue", text));
    assert_eq!((diagnostic.severity, diagnostic.line), (Severity::Warning, Some(3)));
    assert_eq!(findings.details, project.options);
}

#[test]
fn a_test_type_is_driven_to_its_verdict() {
    let (_dir, host) = host_with("good");
    let test = host.test_type("twice", &Json::Null).unwrap().component;
    assert_eq!(test.describe().roles[0].role, "taste");
    assert_eq!(test.shipped_fixtures()[0].name, "shipped");
    let mut fixture = Fixture { name: "f".into(), ..Default::default() };
    assert_eq!(test.load(&fixture).unwrap_err().kind, ErrorKind::InvalidInput);
    fixture.files.insert("question.txt".into(), "why?".into());
    let case = test.load(&fixture).unwrap();

    let mut history = History::default();
    let Step::Ask { requests, .. } = test.next(&case, &history).unwrap() else { panic!() };
    assert_eq!(requests[0].messages[0].content, "why?");
    let answer = Generation { text: "because".into(), ..Default::default() };
    history.steps.push(PastStep::Asked { requests, answers: vec![Answer::Answered(answer)] });
    let Step::Validate { role, artifact } = test.next(&case, &history).unwrap() else { panic!() };
    assert_eq!(artifact.entry_text(), "because");
    let findings = Box::new(Findings { score: Some(7.0), ..Default::default() });
    history.steps.push(PastStep::Validated { role, artifact, findings });
    let Step::Done { verdict } = test.next(&case, &history).unwrap() else { panic!() };
    assert_eq!((verdict.score, &verdict.metrics["n"]), (Some(7.0), &json!(1)));
    assert!(test.references(&case).unwrap().is_empty());
}

#[test]
fn many_threads_may_use_one_component_at_once() {
    let (_dir, _host, backend) = border();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope
                .spawn(|| assert_eq!(ask(&*backend.component, "tokens").unwrap().text.len(), 4890));
        }
    });
}

#[test]
fn a_second_host_of_the_same_process_can_use_the_library_too() {
    let (_dir, first) = host_with("good");
    let (_other, second) = host_with("good");
    for host in [first, second] {
        assert!(host.backend("border", &Json::Null).is_ok());
    }
}
