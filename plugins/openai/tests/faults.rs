//! What servers do wrong: every request ends in exactly one class, and none hangs.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use llmbench_api::*;
use llmbench_plugin_openai::OpenAi;
use llmbench_schedule_server::{Fault, Schedule, ScheduleServer};
use llmbench_testkit::{DeafAddress, FaultServer, Recorder, context};
use serde_json::json;

/// Far beyond what any of these calls takes; a test that meets it has failed.
const LONG: Duration = Duration::from_secs(120);
/// Limit of each request where something is to run into it.
const LIMIT_MS: u64 = 4000;

fn backend(url: &str) -> OpenAi {
    OpenAi::new(json!({ "url": url })).unwrap()
}

fn request(schedule: &Schedule) -> GenerateRequest {
    let mut request = GenerateRequest::user("hello");
    request.model = schedule.to_string();
    request.limit_ms = Some(LIMIT_MS);
    request
}

/// Which class an outcome is in, with the phase of a failure.
fn class(outcome: &BatchOutcome) -> String {
    match outcome {
        BatchOutcome::Answered(_) => "answered".into(),
        BatchOutcome::Failed(error) => {
            format!("{:?} in {}", error.kind, error.phase.as_deref().unwrap_or("nowhere"))
        }
    }
}

const FAULTS: [(Fault, &str, &str); 12] = [
    (Fault::None, "answered", ""),
    (Fault::Reset, "Protocol in answer", "the connection broke after 2 pieces"),
    (Fault::Stall, "Timeout in answer", "2 pieces had arrived"),
    (Fault::Malformed, "Protocol in answer", "cannot read an event after 2 pieces"),
    (Fault::HalfClose, "Protocol in answer", "ended without its end mark after 2 pieces"),
    (Fault::Oversized, "Protocol in answer", "longer than 1048576 bytes"),
    (Fault::ContentType, "Protocol in first_token", "an HTML page"),
    (Fault::SlowHead, "Timeout in first_token", "no token within"),
    (Fault::Status(429), "Busy in first_token", "Retry-After: 1"),
    (Fault::Status(500), "Protocol in first_token", "Retry-After: 1"),
    (Fault::Status(503), "Busy in first_token", "Retry-After: 1"),
    (Fault::None, "answered", ""),
];

fn faulty(index: usize) -> GenerateRequest {
    let (fault, ..) = FAULTS[index % FAULTS.len()];
    let first = if fault == Fault::SlowHead { 600_000_000 } else { 2_000 };
    request(&Schedule {
        first: Duration::from_micros(first),
        every: Duration::from_millis(1),
        tokens: Some(5),
        at: if fault == Fault::None { 0 } else { 2 },
        fault,
        ..Schedule::default()
    })
}

fn check_all(arrival: &Arrival) {
    let server = ScheduleServer::start().unwrap();
    let requests: Vec<_> = (0..16 * FAULTS.len()).map(faulty).collect();
    let outcomes = backend(&server.url())
        .generate_batch(&requests, arrival, &Recorder::new(), &context(Some(LONG)))
        .unwrap();
    assert_eq!(outcomes.len(), requests.len());
    let mut classes: BTreeMap<String, usize> = BTreeMap::new();
    for (index, outcome) in outcomes.iter().enumerate() {
        let (fault, expected, message) = FAULTS[index % FAULTS.len()];
        assert_eq!(class(outcome), expected, "{fault:?}: {outcome:?}");
        if let BatchOutcome::Failed(error) = outcome {
            assert!(error.message.contains(message), "{fault:?}: {error}");
            assert!(error.hint.is_some(), "{fault:?}");
        }
        *classes.entry(class(outcome)).or_default() += 1;
    }
    assert_eq!(classes.values().sum::<usize>(), requests.len());
}

#[test]
fn at_64_streams_every_request_ends_in_the_class_of_its_fault() {
    check_all(&Arrival::Closed { concurrency: 64 });
}

#[test]
fn so_it_does_at_a_rate() {
    check_all(&Arrival::Open { rate_per_second: 400.0, poisson: true });
}

#[test]
fn a_load_that_is_cancelled_ends_with_an_outcome_for_each_request() {
    for arrival in [
        Arrival::Closed { concurrency: 64 },
        Arrival::Open { rate_per_second: 50.0, poisson: false },
    ] {
        let server = ScheduleServer::start().unwrap();
        let stall = Schedule { tokens: Some(5), fault: Fault::Stall, ..Schedule::default() };
        let mut requests = vec![request(&stall); 500];
        for request in &mut requests {
            request.limit_ms = None;
        }
        let cx = context(Some(LONG));
        let outcomes = std::thread::scope(|scope| {
            let canceller = scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(200));
                cx.cancel();
            });
            let outcomes = backend(&server.url()).generate_batch(&requests, &arrival, &(), &cx);
            canceller.join().unwrap();
            outcomes.unwrap()
        });
        assert_eq!(outcomes.len(), 500);
        for outcome in &outcomes {
            assert!(class(outcome).starts_with("Cancelled"), "{outcome:?}");
        }
    }
}

#[test]
fn a_receiver_that_wants_no_more_ends_the_load() {
    let server = ScheduleServer::start().unwrap();
    let requests = vec![request(&Schedule { tokens: Some(5), ..Schedule::default() }); 100];
    let outcomes = backend(&server.url())
        .generate_batch(
            &requests,
            &Arrival::Closed { concurrency: 2 },
            &Recorder::stopping_after(3),
            &context(Some(LONG)),
        )
        .unwrap();
    let cancelled = outcomes.iter().filter(|outcome| class(outcome).starts_with("Cancelled"));
    assert!(cancelled.count() >= 90, "{outcomes:?}");
}

#[test]
fn requests_that_were_never_due_before_the_deadline_say_so() {
    let server = ScheduleServer::start().unwrap();
    let mut requests = vec![request(&Schedule { tokens: Some(1), ..Schedule::default() }); 30];
    requests.iter_mut().for_each(|request| request.limit_ms = None);
    let arrival = Arrival::Open { rate_per_second: 2.0, poisson: false };
    let cx = context(Some(Duration::from_millis(900)));
    let outcomes = backend(&server.url()).generate_batch(&requests, &arrival, &(), &cx).unwrap();
    assert_eq!(class(&outcomes[0]), "answered", "{:?}", outcomes[0]);
    assert_eq!(class(&outcomes[29]), "Timeout in schedule", "{:?}", outcomes[29]);
}

#[test]
fn a_server_that_is_not_there_is_unavailable_for_each_request() {
    let backend = backend(&FaultServer::unreachable_url());
    let requests = vec![request(&Schedule::default()); 70];
    let arrival = Arrival::Closed { concurrency: 64 };
    let outcomes = backend.generate_batch(&requests, &arrival, &(), &context(Some(LONG))).unwrap();
    assert!(outcomes.iter().all(|outcome| class(outcome) == "Unavailable in connect"));
    let error = backend.probe(&context(Some(LONG))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.hint.unwrap().contains("--url"));
}

#[test]
fn a_connection_that_is_neither_made_nor_refused_has_a_limit_of_its_own() {
    let Some(deaf) = DeafAddress::new() else { return };
    let settings = json!({ "url": deaf.url(), "connect_timeout_ms": 300 });
    let error = OpenAi::new(settings)
        .unwrap()
        .generate(&request(&Schedule::default()), &(), &context(Some(LONG)))
        .unwrap_err();
    assert_eq!((error.kind, error.phase.as_deref()), (ErrorKind::Timeout, Some("connect")));
}

/// A server whose connections each answer as `answer` says, by their number and the
/// request's on them; `None` closes the connection.
fn scripted(answer: impl Fn(usize, usize, &str) -> Option<String> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let mut count = 0;
            loop {
                let mut buffer = [0; 65536];
                // These requests are small enough to come in one piece.
                let length = stream.read(&mut buffer).unwrap_or(0);
                if length == 0 {
                    break;
                }
                let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let Some(text) = answer(number, count, &request) else { break };
                count += 1;
                stream.write_all(text.as_bytes()).unwrap();
            }
        }
    });
    url
}

const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 108\r\n\r\n\
    data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n\
    data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n\
    data: [DONE]\n\n";

#[test]
fn a_request_on_a_connection_that_the_server_just_closed_is_sent_again() {
    let url = scripted(|_, request, _| (request == 0).then(|| STREAM.to_owned()));
    let backend = backend(&url);
    let ask = || backend.generate(&request(&Schedule::default()), &(), &context(Some(LONG)));
    // On a busy machine the end may be seen too late, and then it is a failure.
    let mut was_repeated = false;
    for _ in 0..40 {
        match ask() {
            Ok(answer) => {
                assert_eq!(answer.text, "hi");
                was_repeated |= answer.warnings.iter().any(|warning| warning.contains("again"));
            }
            Err(error) => assert_eq!(error.phase.as_deref(), Some("first_token"), "{error}"),
        }
    }
    assert!(was_repeated);
}

#[test]
fn a_request_whose_connection_dies_while_the_server_works_fails_and_is_sent_once() {
    let (count, pause) = (Arc::new(AtomicUsize::new(0)), Duration::from_millis(400));
    let counted = Arc::clone(&count);
    let url = scripted(move |_, request, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        if request == 0 {
            return Some(STREAM.to_owned());
        }
        std::thread::sleep(pause);
        None
    });
    let backend = backend(&url);
    let ask = || backend.generate(&request(&Schedule::default()), &(), &context(Some(LONG)));
    assert_eq!(ask().unwrap().text, "hi");
    let error = ask().unwrap_err();
    assert_eq!((error.kind, error.phase.as_deref()), (ErrorKind::Protocol, Some("first_token")));
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
#[cfg(target_os = "linux")]
fn a_connection_that_ends_with_its_answer_is_not_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for mut stream in listener.incoming().flatten() {
            assert!(stream.read(&mut [0; 65536]).unwrap() > 0);
            // The answer waits for the end and leaves with it, in one packet.
            rustix::net::sockopt::set_tcp_cork(&stream, true).unwrap();
            stream.write_all(STREAM.as_bytes()).unwrap();
            // It says nothing more, but goes on listening: only reading tells.
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            kept.push(stream);
        }
    });
    let requests = vec![request(&Schedule::default()); 60];
    let arrival = Arrival::Closed { concurrency: 3 };
    let outcomes =
        backend(&url).generate_batch(&requests, &arrival, &(), &context(Some(LONG))).unwrap();
    for outcome in outcomes {
        let BatchOutcome::Answered(answer) = outcome else { panic!("{outcome:?}") };
        assert!(answer.warnings.is_empty(), "{:?}", answer.warnings);
    }
}

#[test]
fn a_request_on_a_new_connection_is_sent_once() {
    let url = scripted(|_, _, _| None);
    let error = backend(&url)
        .generate(&request(&Schedule::default()), &(), &context(Some(LONG)))
        .unwrap_err();
    assert_eq!((error.kind, error.phase.as_deref()), (ErrorKind::Protocol, Some("first_token")));
}

#[test]
fn the_key_and_headers_are_sent_and_the_key_is_shown_nowhere() {
    let file = std::env::temp_dir().join(format!("llmbench-key-{}", std::process::id()));
    std::fs::write(&file, "sk-very-secret\n").unwrap();
    // A server that repeats in its error all headers but the usual ones.
    let url = scripted(|_, _, request| {
        let head = request.split("\r\n\r\n").next().unwrap();
        let headers: Vec<_> = head.lines().filter(|line| line.contains(": ")).skip(3).collect();
        let body = json!({"error": {"message": headers.join("\n")}}).to_string();
        Some(format!("HTTP/1.1 401 No\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    });
    let padded = scripted(|_, _, request| {
        let line = request.lines().find(|line| line.contains("Bearer")).unwrap_or_default();
        // The text is shown up to its 200th letter, which is one of the key's.
        let body = json!({"error": {"message": format!("{} {line}", "x".repeat(170))}}).to_string();
        Some(format!("HTTP/1.1 401 No\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    });
    let cut = OpenAi::new(json!({ "url": padded, "api_key_file": file })).unwrap();
    let (header, short) = (file.with_extension("header"), file.with_extension("short"));
    std::fs::write(&header, "Basic c2VjcmV0\n").unwrap();
    std::fs::write(&short, "pin7").unwrap();
    let settings = json!({
        "url": url, "api_key_file": file, "headers": {"X-Team": "blue"},
        "header_files": {"X-Gateway-Auth": header, "X-Pin": short},
    });
    let backend = OpenAi::new(settings).unwrap();
    let request = request(&Schedule::default());
    let cx = context(Some(LONG));
    let mut shown = vec![format!("{:?}", backend.generate(&request, &(), &cx).unwrap_err())];
    assert!(shown[0].contains("Authorization: Bearer [API key]"), "{}", shown[0]);
    assert!(shown[0].contains("X-Team: blue"), "{}", shown[0]);
    assert!(shown[0].contains("X-Gateway-Auth: [header `X-Gateway-Auth`]"), "{}", shown[0]);
    let arrival = Arrival::Closed { concurrency: 1 };
    shown.push(format!("{:?}", backend.generate_batch(&[request], &arrival, &(), &cx)));
    shown.push(format!("{:?}", backend.probe(&cx)));
    shown.push(format!("{:?}", backend.identify("m", &cx)));
    shown.push(format!("{backend:?}"));
    shown.push(format!("{:?}", cut.probe(&cx)));
    for text in shown {
        for secret in ["sk-v", "c2V", "pin7"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    for file in [file, header, short] {
        std::fs::remove_file(file).unwrap();
    }
}

#[test]
fn a_failing_health_path_bothers_nobody() {
    let server = ScheduleServer::start().unwrap();
    let info = backend(&server.url()).probe(&context(Some(LONG))).unwrap();
    assert_eq!(info.name, "openai");
    assert!(info.version.value.is_none() && info.version.reason.is_some());
    let models = backend(&server.url()).models(&context(Some(LONG))).unwrap();
    assert_eq!(models[0].name, "schedule:");
    let error = backend(&server.url()).identify("other", &context(Some(LONG))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::ModelNotFound);
    assert!(error.hint.unwrap().contains("schedule:"));
}

#[test]
fn a_redirect_is_not_followed_and_names_its_target() {
    let url = scripted(|_, _, _| {
        let head = "HTTP/1.1 308 Elsewhere\r\nLocation: https://example.com/v1/chat/completions";
        Some(format!("{head}\r\nContent-Length: 0\r\n\r\n"))
    });
    let backend = backend(&url);
    let cx = context(Some(LONG));
    for error in [
        backend.generate(&request(&Schedule::default()), &(), &cx).unwrap_err(),
        backend.probe(&cx).unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Settings, "{error}");
        assert!(error.message.contains("`https://example.com/v1/"), "{error}");
        assert!(error.hint.unwrap().contains("--url"));
    }
}

#[test]
fn a_compressed_answer_is_called_that() {
    let url = scripted(|_, _, _| {
        let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3";
        Some(format!("{head}\r\n\r\n\u{1f}ab"))
    });
    let backend = backend(&url);
    let cx = context(Some(LONG));
    for error in [
        backend.generate(&request(&Schedule::default()), &(), &cx).unwrap_err(),
        backend.probe(&cx).unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
        assert!(error.message.contains("compressed (gzip)"), "{error}");
        assert!(error.hint.unwrap().contains("compression off"));
    }
}
