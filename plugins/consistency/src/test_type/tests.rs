use llmbench_api::{GenerateRequest, Verdict};
use serde_json::json;

use super::*;

/// Drives an attempt with a server that answers the n-th compared request with `answer(n, request)`.
fn attempt(settings: Json, answer: impl Fn(usize, &GenerateRequest) -> Generation) -> Verdict {
    let test = Consistency::new(settings).unwrap();
    let fixtures = test.shipped_fixtures();
    let fixture = fixtures.iter().find(|fixture| fixture.name == "arithmetic").unwrap();
    let case = test.load(fixture).unwrap();
    let mut history = History { seed: 42, nonce: "n".into(), ..History::default() };
    let Step::Ask { requests, .. } = test.next(&case, &history).unwrap() else { panic!() };
    let mut number = 0;
    let answers = requests.iter().map(|request| {
        if !schedule::is_compared(request) {
            return Answer::Answered(Generation { text: "ready".into(), ..Generation::default() });
        }
        number += 1;
        Answer::Answered(answer(number - 1, request))
    });
    let answers = answers.collect();
    history.steps.push(PastStep::Asked { requests, answers });
    let Step::Done { verdict } = test.next(&case, &history).unwrap() else { panic!() };
    assert_eq!(Step::done((*verdict).clone()).kind(), test.next(&case, &history).unwrap().kind());
    *verdict
}

trait Kind {
    fn kind(&self) -> String;
}

impl Kind for Step {
    fn kind(&self) -> String {
        format!("{self:?}")
    }
}

fn said(text: impl Into<String>) -> Generation {
    Generation { text: text.into(), prefill_sec: Some(0.1), ..Generation::default() }
}

fn is_sampled(request: &GenerateRequest) -> bool {
    request.overrides.temperature != Some(0.0)
}

#[test]
fn a_server_that_keeps_both_promises_gets_ten_whatever_its_seeds_say() {
    let verdict = attempt(json!({}), |_, request| {
        said(match request.overrides.seed_offset {
            None => "369".to_owned(),
            Some(offset) => offset.to_string(),
        })
    });
    assert_eq!((verdict.score, verdict.errors.len()), (Some(10.0), 0), "{verdict:?}");
    assert_eq!(verdict.metrics["greedy"]["distinct"], 1);
    assert_eq!(
        verdict.metrics["seeds"],
        json!({ "answers": 5, "distinct": 5, "distinct_exact": 5, "agreement_share": 0.0 })
    );
    assert_eq!(verdict.metrics["answer_score_mean"], 2.0);
    assert!(verdict.metrics["answer_score_sd"].as_f64().unwrap() > 4.0);
    assert_eq!(verdict.metrics["cache_seen"], false);
    assert_eq!(verdict.metrics["answers"].as_array().unwrap().len(), 12);
}

#[test]
fn a_server_that_ignores_the_seed_loses_half() {
    let verdict = attempt(json!({}), |number, request| {
        said(if is_sampled(request) { number.to_string() } else { "369".into() })
    });
    assert_eq!(verdict.score, Some(5.0));
    assert_eq!(verdict.errors, ["with one seed: 4 different answers among 4"]);
    let verdict = attempt(json!({}), |number, _| said(number.to_string()));
    assert_eq!(verdict.score, Some(0.0));
}

#[test]
fn spaces_make_no_difference_but_are_told() {
    let verdict = attempt(json!({}), |number, _| said(format!("369{}", " ".repeat(number))));
    assert_eq!(verdict.score, Some(10.0));
    assert_eq!(verdict.metrics["greedy"]["distinct"], 1);
    assert_eq!(verdict.metrics["greedy"]["distinct_exact"], 4);
}

#[test]
fn a_cache_that_changes_answers_is_told_from_chance() {
    let plan = crate::schedule::planned(&Settings::default());
    let verdict = attempt(json!({}), |number, _| {
        let warm = plan[number].cache == crate::schedule::Cache::Warm;
        let prefill_sec = Some(if warm { 0.001 } else { 0.2 });
        Generation { text: if warm { "370" } else { "369" }.into(), prefill_sec, ..said("") }
    });
    assert_eq!(verdict.metrics["cache_changes_answer"], true);
    assert_eq!(verdict.metrics["cache_seen"], true);
    assert_eq!(verdict.metrics["cold_prefill_sec"], 0.2);
    assert!(verdict.warnings.iter().any(|text| text.contains("prompt cache changes answers")));
    // Where the server counts what came from its cache, that decides, and not the time.
    let counted = attempt(json!({}), |number, _| {
        let warm = plan[number].cache == crate::schedule::Cache::Warm;
        let cached_prompt_tokens = Some(if warm { 40 } else { 3 });
        Generation { cached_prompt_tokens, prefill_sec: Some(0.1), ..said("370") }
    });
    assert_eq!(counted.metrics["cache_seen"], true);
    let by_chance = attempt(json!({}), |number, _| said((number % 3).to_string()));
    assert_eq!(by_chance.metrics["cache_changes_answer"], false);
}

#[test]
fn silence_is_no_agreement_and_a_missing_figure_has_its_reason() {
    let verdict = attempt(json!({}), |_, _| said(" "));
    assert!(verdict.score.is_none() && verdict.invalid.unwrap().contains("every answer is empty"));
    let verdict =
        attempt(json!({}), |_, _| Generation { text: "x".into(), ..Generation::default() });
    assert!(verdict.missing["cold_prefill_sec"].contains("does not report"));
    assert!(!verdict.metrics.contains_key("cache_seen"));
}
