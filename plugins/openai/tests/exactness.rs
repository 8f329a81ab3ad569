//! Against the server with the exact schedule: what is measured, not how fast.

use std::time::Duration;

use llmbench_api::*;
use llmbench_plugin_openai::OpenAi;
use llmbench_schedule_server::{Prelude, Record, Schedule, ScheduleServer};
use llmbench_testkit::{Recorder, TestContext, context};
use serde_json::json;

/// Far beyond what any of these calls takes; a test that meets it has failed.
const LONG: Duration = Duration::from_secs(120);

fn start() -> (ScheduleServer, OpenAi) {
    let server = ScheduleServer::start().unwrap();
    let backend = OpenAi::new(json!({ "url": server.url() })).unwrap();
    (server, backend)
}

fn request(schedule: &Schedule) -> GenerateRequest {
    let mut request = GenerateRequest::user("hello");
    request.model = schedule.to_string();
    request.limit_ms = Some(LONG.as_millis() as u64);
    request
}

fn schedule() -> Schedule {
    Schedule {
        first: Duration::from_millis(20),
        every: Duration::from_millis(3),
        tokens: Some(6),
        id: Some(0),
        ..Schedule::default()
    }
}

fn one(schedule: &Schedule) -> (Generation, Record, TestContext) {
    let (server, backend) = start();
    let cx = context(Some(LONG));
    let answer = backend.generate(&request(schedule), &Recorder::new(), &cx).unwrap();
    let record = server.take_records().pop().unwrap();
    (answer, record, cx)
}

/// The instants of pieces are after those at which they were sent, one for each.
fn check_instants(answer: &Generation, record: &Record, cx: &TestContext) {
    let mut at_ns = answer.first_token_at_ns.unwrap();
    assert_eq!(answer.content_chunks, Some(record.sent_at.len() as u64));
    assert_eq!(answer.gaps_ns.len() + 1, record.sent_at.len());
    for (index, sent_at) in record.sent_at.iter().enumerate() {
        if index > 0 {
            at_ns += answer.gaps_ns[index - 1];
        }
        assert!(cx.clock().at(*sent_at) <= at_ns, "piece {index} was seen before it was sent");
    }
    assert!(answer.sent_at_ns <= cx.clock().at(record.received_at));
    assert!(at_ns <= answer.done_at_ns);
    assert_eq!(answer.longest_gap_ns, answer.gaps_ns.iter().max().copied());
}

#[test]
fn instants_are_those_of_the_pieces() {
    let (answer, record, cx) = one(&schedule());
    check_instants(&answer, &record, &cx);
    assert_eq!(answer.text, " a".repeat(6));
    assert_eq!(answer.done_reason, DoneReason::Length);
    assert_eq!(answer.completion_tokens, Some(6));
    assert!(answer.ttft_sec().unwrap() >= 0.02, "{:?}", answer.ttft_sec());
    assert_eq!(answer.scheduled_at_ns, None);
}

#[test]
fn what_comes_before_the_first_token_is_not_taken_for_it() {
    for prelude in [Prelude::Role, Prelude::Empty] {
        let (answer, record, cx) = one(&Schedule { prelude, ..schedule() });
        check_instants(&answer, &record, &cx);
        assert!(answer.ttft_sec().unwrap() >= 0.02, "{prelude:?}: {:?}", answer.ttft_sec());
    }
}

#[test]
fn reasoning_counts_from_its_first_piece() {
    let (answer, record, cx) = one(&Schedule { prelude: Prelude::Reasoning, ..schedule() });
    check_instants(&answer, &record, &cx);
    assert_eq!((answer.thinking, answer.text), (" a".repeat(3), " a".repeat(3)));
}

#[test]
fn several_pieces_in_one_read_and_one_over_two_reads_are_all_found() {
    let (answer, record, cx) = one(&Schedule { per_write: 3, ..schedule() });
    check_instants(&answer, &record, &cx);
    let (answer, record, cx) = one(&Schedule { is_split: true, ..schedule() });
    check_instants(&answer, &record, &cx);
}

#[test]
fn a_stall_in_the_stream_is_seen_as_the_longest_gap() {
    let pause = Duration::from_millis(400);
    let (answer, ..) = one(&Schedule { pause, at: 3, ..schedule() });
    let longest = answer.longest_gap_ns.unwrap();
    // The piece before it may have been read late on a busy machine.
    assert!(longest >= 200_000_000, "{longest}");
    assert_eq!(answer.gaps_ns[2], longest);
}

#[test]
fn an_answer_longer_than_its_cap_is_flagged() {
    let (_server, backend) = start();
    let mut request = request(&schedule());
    request.options.max_tokens = 4;
    let answer = backend.generate(&request, &(), &context(Some(LONG))).unwrap();
    assert!(answer.warnings[0].contains("6 tokens"), "{:?}", answer.warnings);
}

#[test]
fn a_closed_loop_keeps_its_number_under_way_and_reuses_connections() {
    let (server, backend) = start();
    let requests: Vec<_> =
        (0..24).map(|id| request(&Schedule { id: Some(id), ..schedule() })).collect();
    let cx = context(Some(LONG));
    let arrival = Arrival::Closed { concurrency: 4 };
    let outcomes = backend.generate_batch(&requests, &arrival, &Recorder::new(), &cx).unwrap();
    let mut records = server.take_records();
    records.sort_by_key(|record| record.id);
    assert_eq!((outcomes.len(), records.len()), (24, 24));
    let mut spans = Vec::new();
    for (outcome, record) in outcomes.iter().zip(&records) {
        let BatchOutcome::Answered(answer) = outcome else { panic!("{outcome:?}") };
        check_instants(answer, record, &cx);
        let scheduled_at_ns = answer.scheduled_at_ns.unwrap();
        assert!(scheduled_at_ns <= answer.sent_at_ns);
        spans.push((answer.sent_at_ns, answer.done_at_ns));
    }
    for (at, _) in &spans {
        let under_way = spans.iter().filter(|(from, to)| from <= at && at < to).count();
        assert!(under_way <= 4, "{under_way} requests at a time");
    }
    assert_eq!(server.connections(), 4);
    // A later call uses them again.
    backend.generate(&requests[0], &(), &cx).unwrap();
    assert_eq!(server.connections(), 4);
}

#[test]
fn nothing_is_lost_when_more_comes_than_a_read_takes() {
    let (_server, backend) = start();
    let flood = Schedule {
        tokens: Some(4000),
        per_write: 64,
        prelude: Prelude::Reasoning,
        ..Schedule::default()
    };
    let requests = vec![request(&flood); 64];
    let arrival = Arrival::Closed { concurrency: 16 };
    let sink = Recorder::new();
    let outcomes =
        backend.generate_batch(&requests, &arrival, &sink, &context(Some(LONG))).unwrap();
    for outcome in outcomes {
        let BatchOutcome::Answered(answer) = outcome else { panic!("{outcome:?}") };
        assert_eq!(answer.content_chunks, Some(4000));
        assert_eq!((answer.text.len(), answer.thinking.len()), (4000, 4000));
    }
    assert_eq!(sink.text(EventKind::Text).len(), 64 * 4000);
}

#[test]
fn an_open_loop_sends_on_time_whatever_is_under_way() {
    let (server, backend) = start();
    let slow = Schedule { first: Duration::from_millis(1500), ..schedule() };
    let requests: Vec<_> =
        (0..20).map(|id| request(&Schedule { id: Some(id), ..slow.clone() })).collect();
    let cx = context(Some(LONG));
    let arrival = Arrival::Open { rate_per_second: 200.0, poisson: false };
    let outcomes = backend.generate_batch(&requests, &arrival, &(), &cx).unwrap();
    let scheduled: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            BatchOutcome::Answered(answer) => {
                assert!(answer.scheduled_at_ns.unwrap() <= answer.sent_at_ns);
                answer.scheduled_at_ns.unwrap()
            }
            BatchOutcome::Failed(error) => panic!("{error}"),
        })
        .collect();
    // Exactly 5 ms apart: these are the intended times, not those of sending.
    assert!(scheduled.windows(2).all(|pair| pair[1] - pair[0] == 5_000_000), "{scheduled:?}");
    // No request waited for an answer: all were under way at once.
    assert_eq!(server.connections(), 20);
}

#[test]
fn latency_counts_from_the_intended_time_when_connections_are_few() {
    let server = ScheduleServer::start().unwrap();
    let settings = json!({ "url": server.url(), "max_connections": 1 });
    let backend = OpenAi::new(settings).unwrap();
    let schedule = Schedule { first: Duration::from_millis(50), tokens: Some(1), ..schedule() };
    let requests = vec![request(&schedule); 6];
    let arrival = Arrival::Open { rate_per_second: 1000.0, poisson: true };
    let outcomes = backend.generate_batch(&requests, &arrival, &(), &context(Some(LONG))).unwrap();
    let BatchOutcome::Answered(last) = &outcomes[5] else { panic!("{:?}", outcomes[5]) };
    // Five others of 50 ms went before it on the only connection.
    let waited = last.sent_at_ns - last.scheduled_at_ns.unwrap();
    assert!(waited >= 200_000_000, "{waited}");
}

#[test]
fn a_request_does_not_wait_for_a_busy_thread_while_another_has_room() {
    let server = ScheduleServer::start().unwrap();
    let settings = json!({ "url": server.url(), "threads": 2, "max_connections": 2 });
    let backend = OpenAi::new(settings).unwrap();
    // The first one keeps its thread's only connection for longer than all others take.
    let first_ms = |index| if index == 0 { 3000 } else { 5 };
    let requests: Vec<_> = (0..20)
        .map(|index| {
            let first = Duration::from_millis(first_ms(index));
            request(&Schedule { first, tokens: Some(1), ..schedule() })
        })
        .collect();
    let arrival = Arrival::Open { rate_per_second: 20.0, poisson: false };
    let outcomes = backend.generate_batch(&requests, &arrival, &(), &context(Some(LONG))).unwrap();
    for outcome in &outcomes {
        let BatchOutcome::Answered(answer) = outcome else { panic!("{outcome:?}") };
        let waited_ns = answer.sent_at_ns - answer.scheduled_at_ns.unwrap();
        assert!(waited_ns < 1_000_000_000, "{waited_ns}");
    }
}

#[test]
fn a_place_of_a_closed_loop_is_never_free_between_two_requests() {
    let (_server, backend) = start();
    // At once, so that the client itself is what takes the time.
    let at_once = Schedule { tokens: Some(1), ..Schedule::default() };
    let requests = vec![request(&at_once); 2000];
    let places = 32;
    let arrival = Arrival::Closed { concurrency: places };
    let outcomes = backend.generate_batch(&requests, &arrival, &(), &context(Some(LONG))).unwrap();
    let mut lives: Vec<(u64, u64)> = outcomes
        .iter()
        .map(|outcome| {
            let BatchOutcome::Answered(answer) = outcome else { panic!("{outcome:?}") };
            (answer.scheduled_at_ns.unwrap(), answer.done_at_ns)
        })
        .collect();
    lives.sort_unstable();
    let from = lives[0].0;
    // Until the last one is due: behind it places stay free.
    let to = lives.last().unwrap().0;
    let sum: u64 = lives.iter().map(|(due, done)| done.min(&to).saturating_sub(*due)).sum();
    let under_way = sum as f64 / (to - from) as f64;
    assert!(under_way > 0.95 * f64::from(places), "{under_way} of {places} under way");
}

#[test]
fn loads_that_make_no_sense_are_refused() {
    let (_server, backend) = start();
    let requests = [request(&schedule())];
    for arrival in [
        Arrival::Closed { concurrency: 0 },
        Arrival::Open { rate_per_second: 0.0, poisson: false },
        Arrival::Open { rate_per_second: f64::NAN, poisson: true },
    ] {
        let error =
            backend.generate_batch(&requests, &arrival, &(), &context(Some(LONG))).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Settings, "{error}");
    }
    assert!(
        backend
            .generate_batch(&[], &Arrival::Closed { concurrency: 3 }, &(), &context(None))
            .unwrap()
            .is_empty()
    );
}
