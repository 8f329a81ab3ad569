use llmbench_api::{ErrorKind, Generation};

use super::*;

const MS: u64 = 1_000_000;

fn point(arrival: Arrival) -> LoadPoint {
    LoadPoint { arrival, prompt_tokens: 100, output_tokens: 5, shared_prefix_tokens: 0 }
}

/// Due at `due_ms`, first token 100 ms later, then 4 gaps of 25 ms and the end mark with the last piece.
fn answered(due_ms: u64) -> Generation {
    Generation {
        sent_at_ns: due_ms * MS,
        scheduled_at_ns: Some(due_ms * MS),
        first_token_at_ns: Some((due_ms + 100) * MS),
        done_at_ns: (due_ms + 200) * MS,
        gaps_ns: vec![25 * MS; 4],
        longest_gap_ns: Some(25 * MS),
        content_chunks: Some(5),
        prompt_tokens: Some(100),
        completion_tokens: Some(5),
        ..Generation::default()
    }
}

fn of(arrival: Arrival, slo: Option<Slo>, answers: Vec<Answer>) -> LoadFigures {
    figures(point(arrival), slo, &answers)
}

fn one_after_the_other(count: u64) -> Vec<Answer> {
    (0..count).map(|n| Answer::Answered(answered(n * 200))).collect()
}

#[test]
fn figures_of_ten_equal_requests_one_after_the_other() {
    let found = of(Arrival::Sequential, None, one_after_the_other(10));
    assert_eq!((found.requests, found.answered, found.steady_requests), (10, 10, 10));
    assert_eq!((found.ramp_sec, found.steady_sec), (Some(0.0), Some(2.0)));
    assert_eq!((found.ttft_ms.mean, found.e2e_ms.median), (Some(100.0), Some(200.0)));
    assert_eq!((found.itl_ms.n, found.itl_ms.mean), (40, Some(25.0)));
    assert_eq!((found.tpot_ms.mean, found.longest_gap_ms.max), (Some(25.0), Some(25.0)));
    assert_eq!(found.requests_per_sec, Some(5.0));
    assert_eq!(found.output_tokens_per_sec, Some(25.0));
    assert_eq!(found.input_tokens_per_sec, Some(500.0));
    assert_eq!(found.mean_concurrency, Some(1.0));
    assert_eq!(found.tokens_per_chunk, Some(1.0));
    // 100 tokens in the 100 ms before the first token; one token each 25 ms.
    assert_eq!(found.prefill_tokens_per_sec.mean, Some(1000.0));
    assert_eq!(found.decode_tokens_per_sec.mean, Some(40.0));
    assert_eq!(found.prefill_measured_by, Some(MeasuredBy::Client));
    assert_eq!(found.ttft_ms.percentiles, None);
    assert!(found.ttft_ms.absent["percentiles"].contains("needs 20"));
    assert!(found.missing["goodput"].contains("no SLO"));
}

#[test]
fn the_servers_own_times_count_where_every_request_has_them() {
    let with_times = |seconds: Option<f64>| {
        Answer::Answered(Generation { prefill_sec: seconds, decode_sec: seconds, ..answered(0) })
    };
    let found = of(Arrival::Sequential, None, vec![with_times(Some(0.05)); 2]);
    assert_eq!(found.prefill_tokens_per_sec.mean, Some(2000.0));
    assert_eq!(found.decode_tokens_per_sec.mean, Some(100.0));
    assert_eq!(found.decode_measured_by, Some(MeasuredBy::Server));
    let found = of(Arrival::Sequential, None, vec![with_times(Some(0.05)), with_times(None)]);
    assert_eq!(found.prefill_measured_by, Some(MeasuredBy::Client));
}

#[test]
fn failures_enter_no_latency_and_each_is_in_one_class() {
    let mut answers = one_after_the_other(3);
    let failure = |kind, phase: &str| Answer::Failed(Error::new(kind, "x").with_phase(phase));
    answers.extend([failure(ErrorKind::Busy, "connect"), failure(ErrorKind::Timeout, "answer")]);
    answers.push(Answer::Failed(Error::new(ErrorKind::Protocol, "x")));
    let slo = Slo { e2e_ms: Some(200.0), ..Slo::default() };
    let found = of(Arrival::Sequential, Some(slo), answers);
    let classes: Vec<_> = found.errors.iter().map(|(class, n)| (class.as_str(), *n)).collect();
    assert_eq!(classes, [("busy/connect", 1), ("protocol", 1), ("timeout/answer", 1)]);
    assert_eq!(found.requests, found.answered + found.errors.values().sum::<u64>());
    assert_eq!((found.e2e_ms.n, found.e2e_ms.max), (3, Some(200.0)));
    let goodput = found.goodput.unwrap();
    assert_eq!((goodput.good, goodput.of, goodput.share), (3, 6, Some(0.5)));
}

#[test]
fn a_request_is_good_when_it_keeps_every_limit() {
    let check = |slo: Slo, good: u64| {
        let found = of(Arrival::Sequential, Some(slo), one_after_the_other(4)).goodput.unwrap();
        assert_eq!((found.good, found.of), (good, 4), "{slo:?}");
        assert_eq!(found.per_sec, Some(good as f64 / 0.8));
    };
    check(Slo { ttft_ms: Some(100.0), tpot_ms: Some(25.0), e2e_ms: Some(200.0) }, 4);
    check(Slo { ttft_ms: Some(99.0), ..Slo::default() }, 0);
    check(Slo { tpot_ms: Some(24.9), ..Slo::default() }, 0);
    check(Slo { e2e_ms: Some(199.9), ttft_ms: Some(500.0), ..Slo::default() }, 0);
}

#[test]
fn what_a_stalled_client_hides_shows_from_the_intended_instant() {
    // One request each 10 ms. The server stalls for a second during the first: the client can send
    // the others only then, and each is answered within 5 ms of being sent.
    let late = |n: u64| Generation {
        scheduled_at_ns: Some(n * 10 * MS),
        sent_at_ns: 1000 * MS,
        first_token_at_ns: Some(1005 * MS),
        done_at_ns: 1005 * MS,
        ..answered(0)
    };
    let rate = Arrival::Open { rate_per_second: 100.0, poisson: false };
    let answers: Vec<_> = (0..80).map(|n| Answer::Answered(late(n))).collect();
    let found = of(rate.clone(), None, answers.clone());
    assert!(found.ttft_ms.median.unwrap() > 200.0, "{:?}", found.ttft_ms);
    // One stall of a second says nothing about what the server can take.
    assert_eq!(found.saturated, None);
    assert!(found.missing["saturated"].contains("long enough"));
    let from_sending = answers.into_iter().map(|answer| match answer {
        Answer::Answered(one) => Answer::Answered(Generation { scheduled_at_ns: None, ..one }),
        failed => failed,
    });
    let hidden = of(rate, None, from_sending.collect());
    assert_eq!(hidden.ttft_ms.median, Some(5.0));
}

#[test]
fn the_offered_rate_is_that_of_the_schedule_as_it_was_drawn() {
    let rate = Arrival::Open { rate_per_second: 2.0, poisson: true };
    let due = |due_ms| Answer::Answered(answered(due_ms));
    // Three gaps in two seconds; when the one that failed was due is not known.
    let failed = Answer::Failed(Error::new(ErrorKind::Busy, "x"));
    let answers = vec![due(100), failed.clone(), due(1900), due(2100), failed];
    assert_eq!(of(rate.clone(), None, answers).offered_rate_per_sec, Some(1.5));
    let without = |arrival, answers, reason: &str| {
        let found = of(arrival, None, answers);
        assert_eq!(found.offered_rate_per_sec, None);
        assert!(found.missing["offered_rate_per_sec"].contains(reason), "{:?}", found.missing);
    };
    without(rate.clone(), vec![due(100)], "fewer than two");
    without(rate.clone(), vec![due(100), due(100)], "at once");
    let untold = Generation { scheduled_at_ns: None, ..answered(0) };
    without(rate, vec![Answer::Answered(untold); 3], "when they were due");
    without(Arrival::Sequential, one_after_the_other(3), "only requests at a rate");
}

#[test]
fn a_stall_within_an_answer_shows_in_the_gaps_and_not_in_their_mean() {
    let mut stalled = answered(0);
    stalled.gaps_ns = vec![5 * MS, 400 * MS, 5 * MS, 5 * MS];
    stalled.longest_gap_ns = Some(400 * MS);
    let found = of(Arrival::Sequential, None, vec![Answer::Answered(stalled)]);
    assert_eq!(found.longest_gap_ms.max, Some(400.0));
    assert_eq!((found.itl_ms.max, found.itl_ms.median), (Some(400.0), Some(5.0)));
    assert_eq!(found.tpot_ms.mean, Some(415.0 / 4.0));
}

#[test]
fn answers_that_end_early_or_overrun_their_limit_are_counted() {
    let of_length = |tokens| Generation { completion_tokens: Some(tokens), ..answered(0) };
    let answers = [3, 5, 5, 9].map(|tokens| Answer::Answered(of_length(tokens)));
    let found = of(Arrival::Sequential, None, answers.to_vec());
    assert_eq!((found.short_answers, found.long_answers), (1, 1));
}

#[test]
fn without_counts_there_are_no_tokens_a_second_but_reasons() {
    let uncounted = Generation { prompt_tokens: None, completion_tokens: None, ..answered(0) };
    let found = of(Arrival::Sequential, None, vec![Answer::Answered(uncounted)]);
    assert_eq!((found.output_tokens_per_sec, found.tpot_ms.n), (None, 0));
    for field in ["output_tokens_per_sec", "input_tokens_per_sec", "tpot_ms", "prompt_tokens"] {
        assert!(found.missing.contains_key(field), "{field}");
    }
    assert_eq!(found.requests_per_sec, Some(5.0));
}
