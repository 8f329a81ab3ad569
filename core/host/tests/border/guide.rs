//! The plugins of `docs/writing-a-plugin.md`, built from the very text.

use std::sync::{Arc, Mutex};

use llmbench_api::*;
use serde_json::json;

use crate::context::{Events, quiet};
use crate::{ask, host_with};

struct Samples(Mutex<usize>);

impl SampleSink for Samples {
    fn sample(&self, _: &Sample) {
        *self.0.lock().unwrap() += 1;
    }
}

#[test]
fn the_plugins_of_the_guide_work_as_it_says() {
    let (_dir, host) = host_with("guide");
    let test = host.test_type("pong", &json!({"word": "ping"})).unwrap().component;
    let case = test.load(&Fixture::default()).unwrap();
    let mut history = History::default();
    let Step::Ask { requests, .. } = test.next(&case, &history).unwrap() else { panic!() };

    let backend = host.backend("echo", &Json::Null).unwrap().component;
    let sink = Events::new(usize::MAX);
    let answer = backend.generate(&requests[0], &sink, &quiet()).unwrap();
    assert_eq!((answer.text.as_str(), sink.seen().len()), ("Say only: ping", 3));
    assert!(answer.ttft_sec().is_some() && answer.missing.contains_key("completion_tokens"));
    history.steps.push(PastStep::Asked { requests, answers: vec![Answer::Answered(answer)] });
    let Step::Done { verdict } = test.next(&case, &history).unwrap() else { panic!() };
    assert_eq!(verdict.score, Some(0.0), "a parrot says more than the word");
    let error = backend.identify("x", &quiet()).unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("the only one is `parrot`"));
    assert_eq!(ask(&*backend, "pong").unwrap().text, "pong");

    let judge = host.validator("not-empty", &Json::Null).unwrap().component;
    let score = |text: &str| {
        let artifact = Artifact::single("a.txt", text);
        judge.check(&artifact, &Project::default(), &quiet()).unwrap().score
    };
    assert_eq!((score("x"), score(" \n")), (Some(10.0), Some(0.0)));

    let monitor = host.monitor("heartbeat", &Json::Null).unwrap().component;
    let sink = Arc::new(Samples(Mutex::new(0)));
    let options = MonitorOptions { interval_ms: 1, process_id: None };
    monitor.start(&options, Arc::clone(&sink) as Arc<dyn SampleSink>, &quiet()).unwrap();
    let series = monitor.stop(&quiet()).unwrap();
    assert!(!series.samples.is_empty());
    assert_eq!(series.samples.len(), *sink.0.lock().unwrap());
    assert!(monitor.stop(&quiet()).is_err());
}
