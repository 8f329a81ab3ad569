use llmbench_api::{DoneReason, Generation};
use serde_json::json;

use super::*;

const MS: u64 = 1_000_000;

/// A server that counts two tokens a word and 30 more, and takes 100 ms for an answer.
struct Server {
    clock_ns: u64,
    /// Answers a second that it can give; more than it can wait.
    capacity: f64,
}

impl Server {
    fn answer(&mut self, requests: &[GenerateRequest], arrival: &Arrival) -> Vec<Answer> {
        let start = self.clock_ns + 1000 * MS;
        let mut free_at = start;
        let mut answers = Vec::new();
        for (index, request) in requests.iter().enumerate() {
            let words = request.messages[0].content.split_whitespace().count() as u64;
            let due = match arrival {
                Arrival::Open { rate_per_second, .. } => {
                    start + (index as f64 / rate_per_second * 1e9) as u64
                }
                _ => free_at,
            };
            let begins = due.max(free_at);
            free_at = begins + (1e9 / self.capacity) as u64;
            answers.push(Answer::Answered(Generation {
                scheduled_at_ns: Some(due),
                sent_at_ns: due,
                first_token_at_ns: Some(begins + 10 * MS),
                done_at_ns: begins + 100 * MS,
                prompt_tokens: Some(30 + 2 * words),
                completion_tokens: request.overrides.max_tokens.map(u64::from),
                done_reason: DoneReason::Length,
                ..Generation::default()
            }));
        }
        self.clock_ns = free_at;
        answers
    }
}

/// Drives an attempt to its verdict and returns it with every batch that was asked.
fn drive(settings: Json, capacity: f64) -> (Verdict, Vec<(Vec<GenerateRequest>, Arrival)>) {
    let test = Throughput::new(settings).unwrap();
    let case = test.load(&test.shipped_fixtures()[0]).unwrap();
    let mut server = Server { clock_ns: 0, capacity };
    let (mut history, mut batches) = (History::default(), Vec::new());
    loop {
        let step = test.next(&case, &history).unwrap();
        let again = serde_json::to_value(test.next(&case, &history).unwrap()).unwrap();
        assert_eq!(serde_json::to_value(&step).unwrap(), again, "`next` is pure");
        match step {
            Step::Ask { requests, arrival } => {
                let answers = server.answer(&requests, &arrival);
                batches.push((requests.clone(), arrival));
                history.steps.push(PastStep::Asked { requests, answers });
            }
            Step::Done { verdict } => return (*verdict, batches),
            other => panic!("{other:?}"),
        }
        assert!(history.steps.len() < 40);
    }
}

fn load(verdict: &Verdict) -> LoadFigures {
    serde_json::from_value(verdict.metrics["load"].clone()).unwrap()
}

#[test]
fn calibration_and_warm_up_come_first_and_are_marked() {
    let (verdict, batches) =
        drive(json!({ "concurrency": 4, "prompt_tokens": 300, "output_tokens": 7 }), 10.0);
    let shape: Vec<_> = batches
        .iter()
        .map(|(requests, arrival)| {
            (requests.len(), requests[0].purpose == Purpose::Preparation, arrival.clone())
        })
        .collect();
    let four = Arrival::Closed { concurrency: 4 };
    assert_eq!(shape[0], (2, true, Arrival::Sequential));
    assert_eq!(shape[shape.len() - 2], (4, true, four.clone()));
    assert_eq!(shape[shape.len() - 1], (36, false, four));
    assert!(batches[0].0.iter().all(|request| request.overrides.max_tokens == Some(1)));
    let measured = &batches.last().unwrap().0;
    assert!(measured.iter().all(|request| request.overrides.max_tokens == Some(7)));
    let found = load(&verdict);
    let tokens = found.prompt_tokens.mean.unwrap();
    assert!((tokens - 300.0).abs() <= 3.0, "{tokens}");
    let prepared = batches[..batches.len() - 1].iter().map(|(requests, _)| requests.len() as u64);
    assert_eq!(found.warm_up_requests, prepared.sum::<u64>());
    assert_eq!((found.requests, verdict.score), (36, None));
}

#[test]
fn no_two_prompts_of_an_attempt_begin_alike() {
    let (_, batches) = drive(json!({ "concurrency": 2 }), 10.0);
    let mut heads: Vec<_> = batches
        .iter()
        .flat_map(|(requests, _)| requests)
        .map(|request| request.messages[0].content[..18].to_owned())
        .collect();
    let count = heads.len();
    heads.sort();
    heads.dedup();
    assert_eq!(heads.len(), count);
}

#[test]
fn bench_reports_prompts_and_answers_apart() {
    let settings = json!({ "mode": "bench", "prompt_tokens": 512, "output_tokens": 128 });
    let test = Throughput::new(settings.clone()).unwrap();
    assert_eq!(test.describe().default_fixtures, ["pp512", "tg128"]);
    let (verdict, batches) = drive(settings, 10.0);
    let (measured, arrival) = batches.last().unwrap();
    assert_eq!((measured.len(), arrival), (5, &Arrival::Sequential));
    assert_eq!(measured[0].overrides.max_tokens, Some(1));
    // About 512 tokens in the 10 ms before the first.
    let speed = verdict.metrics["prefill_tokens_per_sec"].as_f64().unwrap();
    assert!((speed - 51_200.0).abs() < 600.0, "{speed}");
    assert!(verdict.metrics["tokens_per_sec"].is_null());
    assert!(verdict.missing["tokens_per_sec"].contains("fewer than two tokens"));
}

#[test]
fn a_sweep_ends_at_what_the_server_sustains() {
    let settings = json!({ "rate": "sweep", "arrival": "constant", "prompt_tokens": 300 });
    let (verdict, batches) = drive(settings, 10.0);
    let found = load(&verdict);
    let rates: Vec<_> = found.sweep.iter().map(|point| point.rate_per_second).collect();
    assert_eq!(rates[..5], [1.0, 2.0, 4.0, 8.0, 16.0]);
    let sustained = found.sustained_rate_per_sec.unwrap();
    assert!((8.0..=11.3).contains(&sustained), "{sustained} {rates:?}");
    let saturated: Vec<_> = found.sweep.iter().map(|point| point.saturated).collect();
    assert_eq!(saturated[..5], [false, false, false, false, true]);
    assert_eq!(found.point.arrival, Arrival::Open { rate_per_second: sustained, poisson: false });
    assert_eq!(
        batches.last().unwrap().1,
        Arrival::Open { rate_per_second: *rates.last().unwrap(), poisson: false }
    );
}

#[test]
fn nothing_answered_is_the_first_error_and_no_result() {
    let test = Throughput::new(json!({ "warmup_requests": 0, "requests": 2 })).unwrap();
    let case = test.load(&test.shipped_fixtures()[0]).unwrap();
    let mut history = History::default();
    let mut server = Server { clock_ns: 0, capacity: 10.0 };
    let error = loop {
        match test.next(&case, &history) {
            Ok(Step::Ask { requests, arrival }) => {
                let answers = if requests[0].purpose == Purpose::Preparation {
                    server.answer(&requests, &arrival)
                } else {
                    let busy = Error::new(ErrorKind::Busy, "the queue is full");
                    vec![Answer::Failed(busy); 2]
                };
                history.steps.push(PastStep::Asked { requests, answers });
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, ErrorKind::Busy);
    assert_eq!(error.message, "none of 2 requests was answered: the queue is full");
}

#[test]
fn a_fixture_of_a_project_may_describe_a_load_and_is_checked() {
    let test = Throughput::new(Json::Null).unwrap();
    let fixture = |text: &str| Fixture {
        name: "mine".into(),
        dir: None,
        files: [("load.json".to_owned(), text.to_owned())].into(),
    };
    let case = test
        .load(&fixture(
            r#"{"arrival": {"kind": "closed", "concurrency": 3}, "prompt_tokens": 9, "output_tokens": 9, "requests": 9}"#,
        ))
        .unwrap();
    assert!(case.title.unwrap().starts_with("3 at a time"));
    let check = |text: &str, part: &str| {
        let error = test.load(&fixture(text)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidInput);
        assert!(error.message.contains("`mine`") && error.message.contains(part), "{error}");
    };
    check("{", "load.json");
    check(r#"{"prompt_tokens": 9, "output_tokens": 9}"#, "requests");
    check(r#"{"prompt_tokens": 9, "output_tokens": 0, "requests": 1}"#, "`output_tokens` is 0");
}
