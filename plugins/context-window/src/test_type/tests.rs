use llmbench_api::{Measured, ModelIdentity};
use serde_json::json;

use super::*;

/// A server that counts a token for every four bytes, reads at most so many, and answers from what it read.
struct Scripted {
    reads_tokens: u64,
    /// Sees a prompt's text as far as it was read.
    answer: fn(&str) -> String,
}

impl Scripted {
    fn generate(&self, request: &GenerateRequest) -> Generation {
        let text = &request.messages[0].content;
        let tokens = (text.len() as u64).div_ceil(4);
        let read = tokens.min(self.reads_tokens);
        let lost = text.len().saturating_sub(read as usize * 4);
        let lost = text.ceil_char_boundary(lost);
        Generation {
            text: (self.answer)(&text[lost..]),
            prompt_tokens: Some(read),
            completion_tokens: Some(20),
            prefill_sec: Some(0.5),
            ..Generation::default()
        }
    }

    /// Drives an attempt to its verdict; the second value are all requests.
    fn attempt(&self, settings: Json, built_for: u64) -> (Verdict, Vec<GenerateRequest>) {
        let test = ContextWindow::new(settings).unwrap();
        let case = test.load(test.shipped_fixtures().last().unwrap()).unwrap();
        let model = ModelIdentity {
            name: "m".into(),
            context_length: Measured::known(built_for),
            ..ModelIdentity::default()
        };
        let mut history = History {
            seed: 42,
            model: Some(Box::new(model)),
            nonce: "0123456789abcdef".into(),
            ..History::default()
        };
        let mut all = Vec::new();
        loop {
            match test.next(&case, &history).unwrap() {
                Step::Ask { requests, .. } => {
                    all.extend(requests.clone());
                    let answers = requests.iter().map(|one| Answer::Answered(self.generate(one)));
                    let answers = answers.collect();
                    history.steps.push(PastStep::Asked { requests, answers });
                }
                Step::Done { verdict } => return (*verdict, all),
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Finds every code that is there.
fn perfect(text: &str) -> String {
    let sentences = text.split("The access code of the ").skip(1);
    let lines = sentences.filter_map(|rest| {
        let (name, code) = rest.split_once(" is ")?;
        Some(format!("{name}: {}", code.split('.').next()?))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn settings() -> Json {
    json!({ "lengths": [4096], "depths": [50], "keys": 4 })
}

#[test]
fn a_model_that_finds_everything_gets_ten_at_the_length_that_was_asked_for() {
    let server = Scripted { reads_tokens: 100_000, answer: perfect };
    let (verdict, requests) = server.attempt(settings(), 8192);
    assert_eq!((verdict.score, &verdict.invalid), (Some(10.0), &None), "{verdict:?}");
    assert_eq!(verdict.metrics["keys_recalled"], 4);
    assert_eq!(verdict.metrics["prefill_sec"], 0.5);
    assert_eq!(verdict.metrics["truncated"], false);
    let contexts: Vec<_> = requests.iter().map(|request| request.overrides.num_ctx).collect();
    assert_eq!(contexts, [Some(4096); 3]);
    let purposes: Vec<_> = requests.iter().map(|request| request.purpose).collect();
    use llmbench_api::Purpose::{Measured, Preparation};
    assert_eq!(purposes, [Preparation, Preparation, Measured]);
    let tokens = requests[2].messages[0].content.len() as f64 / 4.0;
    let room = 4096.0 - f64::from(requests[2].overrides.max_tokens.unwrap());
    assert!(tokens < room && tokens > room - 4096.0 * 0.08, "{tokens} of {room}");
    let starts: Vec<_> = requests.iter().map(|one| &one.messages[0].content[..20]).collect();
    assert!(starts[0] != starts[1] && starts[1] != starts[2], "{starts:?}");
}

#[test]
fn a_model_that_forgets_gets_what_it_remembers() {
    let first_two = |text: &str| perfect(text).lines().take(3).collect::<Vec<_>>().join("\n");
    let (verdict, _) =
        Scripted { reads_tokens: 100_000, answer: first_two }.attempt(settings(), 8192);
    assert_eq!((verdict.score, verdict.invalid), (Some(5.0), None));
    assert_eq!(verdict.metrics["start_recalled"], true);
    assert_eq!(verdict.metrics["end_recalled"], false);
    assert_eq!(verdict.errors.len(), 2, "{:?}", verdict.errors);
    let (verdict, _) =
        Scripted { reads_tokens: 100_000, answer: |_| String::new() }.attempt(settings(), 8192);
    assert_eq!((verdict.score, verdict.invalid), (Some(0.0), None));
}

#[test]
fn a_server_that_cuts_the_start_is_named_and_the_model_not_blamed() {
    let server = Scripted { reads_tokens: 2048, answer: perfect };
    let (verdict, _) = server.attempt(settings(), 8192);
    assert_eq!(verdict.score, None);
    assert_eq!(verdict.metrics["truncated"], true);
    assert_eq!(verdict.metrics["start_recalled"], false);
    assert_eq!(verdict.metrics["end_recalled"], true);
    let reason = verdict.invalid.unwrap();
    assert!(reason.contains("truncation by the server") && reason.contains("very start was lost"));
    // Even where the calibration itself was cut.
    let (verdict, _) = Scripted { reads_tokens: 300, answer: perfect }.attempt(settings(), 8192);
    assert!(verdict.invalid.is_some() && verdict.score.is_none());
}

#[test]
fn a_length_beyond_the_model_is_not_asked_for() {
    let server = Scripted { reads_tokens: 100_000, answer: perfect };
    let (verdict, requests) = server.attempt(settings(), 2048);
    assert!(requests.is_empty());
    assert!(verdict.invalid.unwrap().contains("more than the context of 2048 tokens"));
    assert!(verdict.metrics.contains_key("not_possible"));
    // A question that leaves no room is no fault of the model either.
    let (verdict, _) =
        server.attempt(json!({ "lengths": [400], "keys": 12, "answer_tokens": 200 }), 2048);
    assert!(verdict.metrics.contains_key("not_possible"), "{verdict:?}");
}

#[test]
fn the_same_history_gives_the_same_step() {
    let test = ContextWindow::new(settings()).unwrap();
    let case = test.load(&test.shipped_fixtures()[0]).unwrap();
    let history = History { seed: 7, nonce: "n".into(), ..History::default() };
    let step = || format!("{:?}", test.next(&case, &history).unwrap());
    assert_eq!(step(), step());
}

#[test]
fn a_server_that_counts_nothing_leaves_no_score() {
    let test = ContextWindow::new(settings()).unwrap();
    let case = test.load(&test.shipped_fixtures()[0]).unwrap();
    let answers = vec![Answer::Answered(Generation::default()); 2];
    let asked = PastStep::Asked { requests: Vec::new(), answers };
    let history = History { steps: vec![asked], ..History::default() };
    let Step::Done { verdict } = test.next(&case, &history).unwrap() else { panic!() };
    assert!(verdict.invalid.unwrap().contains("does not count"));
}
