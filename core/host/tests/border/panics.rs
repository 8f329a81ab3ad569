//! A plugin may panic anywhere, and so may the host where a plugin calls it:
//! the call fails with `Panicked`, the process lives, and the next call works.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use llmbench_api::*;
use llmbench_host::{Host, HostError};
use serde_json::json;

use crate::context::{Events, TestControl, quiet};
use crate::{ask, host_with, log};

const METHODS: &[(&str, &[&str])] = &[
    ("backend", &["probe", "models", "identify", "load", "generate", "generate_batch"]),
    ("monitor", &["probe", "start", "stop"]),
    ("validator", &["prepare", "check"]),
    ("test", &["load", "next", "references"]),
];

struct NoSamples;

impl SampleSink for NoSamples {
    fn sample(&self, _: &Sample) {}
}

/// Makes a component of `kind` and calls `method` twice.
fn call_twice(host: &Host, kind: &str, method: &str, settings: &Json) -> [Result<()>; 2] {
    let cx = &quiet();
    let (project, case) = (Project::default(), Case::default());
    match kind {
        "backend" => {
            let it = host.backend("panicky", settings).unwrap().component;
            [(); 2].map(|()| match method {
                "probe" => it.probe(cx).map(drop),
                "models" => it.models(cx).map(drop),
                "identify" => it.identify("m", cx).map(drop),
                "load" => it.load("m", &GenerateOptions::default(), cx).map(drop),
                "generate" => ask(&*it, "well").map(drop),
                "generate_batch" => {
                    it.generate_batch(&[], &Arrival::Sequential, &Events::new(1), cx).map(drop)
                }
                _ => unreachable!("{method}"),
            })
        }
        "monitor" => {
            let it = host.monitor("panicky", settings).unwrap().component;
            [(); 2].map(|()| match method {
                "probe" => it.probe(cx).map(drop),
                "start" => it.start(&MonitorOptions::default(), Arc::new(NoSamples), cx),
                "stop" => it.stop(cx).map(drop),
                _ => unreachable!("{method}"),
            })
        }
        "validator" => {
            let it = host.validator("panicky", settings).unwrap().component;
            [(); 2].map(|()| match method {
                "prepare" => it.prepare(&project, cx).map(drop),
                "check" => it.check(&Artifact::default(), &project, cx).map(drop),
                _ => unreachable!("{method}"),
            })
        }
        _ => {
            let it = host.test_type("panicky", settings).unwrap().component;
            [(); 2].map(|()| match method {
                "load" => it.load(&Fixture::default()).map(drop),
                "next" => it.next(&case, &History::default()).map(drop),
                "references" => it.references(&case).map(drop),
                _ => unreachable!("{method}"),
            })
        }
    }
}

/// `panicked at …panicky.rs:LINE: MESSAGE`, with a line that is a number.
fn check_panic(error: &Error, message: &str) {
    assert_eq!(error.kind, ErrorKind::Panicked, "{error}");
    let (place, text) = error
        .message
        .strip_prefix("panicked at ")
        .and_then(|rest| rest.split_once(": "))
        .unwrap_or_else(|| panic!("no place in `{}`", error.message));
    let (file, line) = place.rsplit_once(':').unwrap();
    assert!(file.ends_with("panicky.rs"), "{place}");
    assert!(line.parse::<u32>().is_ok_and(|line| line > 1), "{place}");
    assert_eq!(text, message);
}

#[test]
fn every_method_of_every_kind_may_panic() {
    let (_dir, host) = host_with("panicky");
    for (kind, methods) in METHODS {
        for method in *methods {
            let settings = json!({"panic_in": method, "payload": "formatted"});
            let [first, second] = call_twice(&host, kind, method, &settings);
            let error = first.expect_err(method);
            check_panic(&error, "boom 7");
            assert_eq!(error.plugin.as_deref(), Some("panicky"), "{kind} {method}");
            assert_eq!(second, Ok(()), "the next call of {kind} {method} works");
        }
    }
}

#[test]
fn every_payload_is_reported_with_the_place_of_the_first_panic() {
    let (_dir, host) = host_with("panicky");
    let check = |payload: &str, message: &str| {
        let settings = json!({"panic_in": "check", "payload": payload});
        let [first, second] = call_twice(&host, "validator", "check", &settings);
        check_panic(&first.unwrap_err(), message);
        assert_eq!(second, Ok(()), "{payload}");
    };
    check("plain", "boom");
    check("formatted", "boom 7");
    check("number", "(no message)");
    check("drop panics", "(no message)");
    check("drop panics twice", "(no message)");
    check("index", "range start index 5 out of range for slice of length 1");

    // Panics of different payloads stand on different lines of the plugin.
    let place = |payload| {
        let settings = json!({"panic_in": "check", "payload": payload});
        let error = call_twice(&host, "validator", "check", &settings)[0].clone().unwrap_err();
        error.message.split(": ").next().unwrap().to_owned()
    };
    let (number, bomb) = (place("number"), place("drop panics"));
    let line = |place: &str| place.rsplit_once(':').unwrap().1.parse::<u32>().unwrap();
    assert_eq!(line(&bomb), line(&number) + 1, "{bomb} is where it was thrown, not where it fell");
}

#[test]
fn a_constructor_may_panic() {
    let (_dir, host) = host_with("panicky");
    let settings = json!({"panic_in": "new"});
    let errors = [
        host.backend("panicky", &settings).err(),
        host.monitor("panicky", &settings).err(),
        host.validator("panicky", &settings).err(),
        host.test_type("panicky", &settings).err(),
    ];
    for error in errors {
        let Some(HostError::Create { source, plugin, .. }) = error else { panic!("{error:?}") };
        assert_eq!(plugin, "panicky");
        check_panic(&source, "boom");
    }
    for method in ["describe", "shipped_fixtures"] {
        let error = host.test_type("panicky", &json!({"panic_in": method})).err();
        let Some(HostError::Create { source, .. }) = error else { panic!("{error:?}") };
        check_panic(&source, "boom");
    }
    assert!(host.backend("panicky", &Json::Null).is_ok(), "the next one is made");
}

#[test]
fn a_destructor_may_panic() {
    let (_dir, host) = host_with("panicky");
    let settings = json!({"panic_in": "drop"});
    drop(host.backend("panicky", &settings).unwrap());
    drop(host.monitor("panicky", &settings).unwrap());
    drop(host.validator("panicky", &settings).unwrap());
    drop(host.test_type("panicky", &settings).unwrap());
    assert!(host.backend("panicky", &Json::Null).is_ok());
}

#[test]
fn a_callback_of_the_plugin_may_panic() {
    let (_dir, host) = host_with("panicky");
    let backend = host.backend("panicky", &Json::Null).unwrap().component;
    let (reported, report) = mpsc::channel();
    let reported = std::sync::Mutex::new(reported);
    let control = TestControl::new(None, move || reported.lock().unwrap().send(()).unwrap());
    let cx = CallContext::new(Arc::clone(&control) as Arc<dyn Control>);
    let answer = std::thread::scope(|scope| {
        let control = Arc::clone(&control);
        scope.spawn(move || {
            report.recv_timeout(Duration::from_secs(60)).unwrap();
            control.cancel();
        });
        backend.generate(&GenerateRequest::user("callback"), &Events::new(1), &cx)
    });
    assert_eq!(answer.unwrap().text, "called");
    assert_eq!(ask(&*backend, "bomb in callback").unwrap().text, "dropped");
    assert_eq!(ask(&*backend, "own thread").unwrap().text, "true");
}

#[test]
fn a_log_field_may_panic_and_the_log_goes_on() {
    let (_dir, host) = host_with("panicky");
    let backend = host.backend("panicky", &Json::Null).unwrap().component;
    check_panic(&ask(&*backend, "log").unwrap_err(), "boom while formatting");
    assert!(log::seen("never seen").is_empty());
    assert_eq!(ask(&*backend, "log well").unwrap().text, "logged");
    assert_eq!(log::seen("seen after the panic").len(), 1, "the same thread can log again");
}

#[test]
fn a_panic_is_logged_with_its_place() {
    let (_dir, host) = host_with("panicky");
    let settings = json!({"panic_in": "check", "payload": "formatted"});
    call_twice(&host, "validator", "check", &settings)[0].clone().unwrap_err();
    let found = log::seen("panic: boom 7");
    let event = found.first().expect("the hook logs");
    assert!(event.fields["location"].contains("panicky.rs:"), "{event:?}");
}

/// A host whose sink, progress display, clock or log panics.
struct Broken(AtomicUsize);

impl EventSink for Broken {
    fn event(&self, _: Event<'_>) -> Flow {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("the host's sink panics")
    }
}

impl SampleSink for Broken {
    fn sample(&self, _: &Sample) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("the host's sink panics")
    }
}

#[test]
fn a_host_that_panics_does_not_take_the_plugin_down() {
    let (_dir, host) = host_with("panicky");
    let backend = host.backend("panicky", &Json::Null).unwrap().component;
    let sink = Broken(AtomicUsize::new(0));
    let answer = backend.generate(&GenerateRequest::user("sink"), &sink, &quiet()).unwrap();
    assert_eq!(answer.text, "[Stop, Stop, Stop]", "a broken receiver wants no more");
    assert_eq!(sink.0.load(Ordering::SeqCst), 3);

    let asked = AtomicBool::new(false);
    let cx = CallContext::new(TestControl::new(None, move || {
        asked.store(true, Ordering::SeqCst);
        panic!("the host's progress display panics")
    }));
    let request = GenerateRequest::user("progress");
    assert_eq!(backend.generate(&request, &Events::new(1), &cx).unwrap().text, "went on");
    assert_eq!(ask(&*backend, "log into a panicking host").unwrap().text, "went on");

    let monitor = host.monitor("panicky", &Json::Null).unwrap().component;
    let sink = Arc::new(Broken(AtomicUsize::new(0)));
    let started = monitor.start(
        &MonitorOptions::default(),
        Arc::clone(&sink) as Arc<dyn SampleSink>,
        &quiet(),
    );
    assert_eq!(started, Ok(()));
    assert_eq!(sink.0.load(Ordering::SeqCst), 1);
}

/// Dropped by the plugin, in the plugin's call, when it lets go of the sink.
struct FallsBadly;

impl SampleSink for FallsBadly {
    fn sample(&self, _: &Sample) {}
}

impl Drop for FallsBadly {
    fn drop(&mut self) {
        panic!("the host's sink panics when it is dropped")
    }
}

#[test]
fn a_host_sink_that_panics_when_dropped_does_not_end_the_process() {
    let (_dir, host) = host_with("panicky");
    let monitor = host.monitor("panicky", &Json::Null).unwrap().component;
    let options = MonitorOptions::default();
    assert_eq!(monitor.start(&options, Arc::new(FallsBadly), &quiet()), Ok(()));
}
