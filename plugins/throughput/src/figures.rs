//! What the answers to one batch add up to.

use std::collections::BTreeMap;

use llmbench_api::record::{Goodput, LoadFigures, LoadPoint, MeasuredBy, Slo, Stat, SweepPoint};
use llmbench_api::{Answer, Arrival, Error};

use crate::describe::describe;
use crate::request::{Request, per_sec, split};
use crate::window::{self, Window};

/// Share of failed requests above which a rate counts as more than the server can take.
const MOST_FAILED: f64 = 0.1;

/// The figures of a batch, as asked at `point`.
pub(crate) fn figures(point: LoadPoint, slo: Option<Slo>, answers: &[Answer]) -> LoadFigures {
    let (answered, failed) = split(answers);
    let mut figures = LoadFigures {
        requests: answers.len() as u64,
        answered: answered.len() as u64,
        errors: classes(&failed),
        ..LoadFigures::default()
    };
    if let Some(window) = window::steady(&point.arrival, &answered) {
        Measured { window, all: &answered, failed: failed.len(), figures: &mut figures }
            .fill(&point, slo);
    }
    match offered_rate(&point.arrival, answers) {
        Ok(rate) => figures.offered_rate_per_sec = Some(rate),
        Err(reason) => {
            figures.missing.insert("offered_rate_per_sec".into(), reason.into());
        }
    }
    figures.point = point;
    figures
}

/// Requests due in a second: the gaps from the first to the last whose instants are known, ÷ the time
/// between these. Answers stand in the order of the schedule; those that failed lie between.
fn offered_rate(arrival: &Arrival, answers: &[Answer]) -> Result<f64, &'static str> {
    if !matches!(arrival, Arrival::Open { .. }) {
        return Err("only requests at a rate have a schedule");
    }
    let due = answers.iter().enumerate().filter_map(|(place, answer)| match answer {
        Answer::Answered(answer) => Some((place, answer.scheduled_at_ns?)),
        Answer::Failed(_) => None,
    });
    let due: Vec<(usize, u64)> = due.collect();
    let [(first, from_ns), .., (last, to_ns)] = due[..] else {
        return Err("fewer than two answers tell when they were due");
    };
    per_sec((last - first) as f64, to_ns.saturating_sub(from_ns) as f64 / 1e9)
        .ok_or("all requests were due at once")
}

/// Class → how many; a class is the kind of the error and the phase in which it came.
fn classes(failed: &[&Error]) -> BTreeMap<String, u64> {
    let mut classes = BTreeMap::new();
    for error in failed {
        *classes.entry(class(error)).or_default() += 1;
    }
    classes
}

/// The one class that an error belongs to.
pub(crate) fn class(error: &Error) -> String {
    let kind = serde_json::to_value(error.kind).ok();
    let kind = kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or("internal");
    match &error.phase {
        Some(phase) => format!("{kind}/{phase}"),
        None => kind.to_owned(),
    }
}

struct Measured<'a, 'b> {
    window: Window,
    all: &'b [Request<'a>],
    failed: usize,
    figures: &'b mut LoadFigures,
}

impl Measured<'_, '_> {
    fn fill(mut self, point: &LoadPoint, slo: Option<Slo>) {
        let window = self.window.clone();
        let steady: Vec<Request<'_>> =
            self.all.iter().copied().filter(|request| window.is_due(*request)).collect();
        self.figures.steady_requests = steady.len() as u64;
        self.figures.steady_sec = Some(window.sec());
        self.figures.ramp_sec = window.ramp_sec;
        if let Some(reason) = &window.reason {
            self.missing("ramp_sec", reason);
        }
        self.lengths(&steady, point);
        self.latencies(&steady);
        self.speeds(&steady, point);
        self.rates();
        self.figures.goodput = slo.map(|slo| self.goodput(slo, &steady));
        if slo.is_none() {
            self.missing("goodput", "no SLO is set");
        }
        if matches!(point.arrival, Arrival::Open { .. }) {
            let lost = self.failed as f64 > MOST_FAILED * self.figures.requests as f64;
            self.figures.saturated = if lost { Some(true) } else { window::is_outrun(self.all) };
            if self.figures.saturated.is_none() {
                self.missing("saturated", "requests did not come for long enough to tell");
            }
        } else {
            self.missing("saturated", "requests that wait for a free place cannot outrun a server");
        }
        self.missing("sustained_rate_per_sec", "one load was tried, and no rising rates");
    }

    fn missing(&mut self, field: &str, reason: &str) {
        self.figures.missing.entry(field.to_owned()).or_insert_with(|| reason.to_owned());
    }

    /// The values that requests have, with a reason where some have none.
    fn stat(
        &mut self,
        field: &str,
        steady: &[Request<'_>],
        value: impl Fn(Request<'_>) -> Option<f64>,
        reason: &str,
    ) -> Stat {
        let values: Vec<f64> = steady
            .iter()
            .filter_map(|request| value(*request))
            .filter(|value| value.is_finite())
            .collect();
        let mut stat = describe(&values);
        let without = steady.len() - values.len();
        if without > 0 {
            stat.missing = Some(format!("{without} of {} requests: {reason}", steady.len()));
            if values.is_empty() {
                self.missing(field, reason);
            }
        }
        stat
    }

    fn lengths(&mut self, steady: &[Request<'_>], point: &LoadPoint) {
        let uncounted = "the server does not count it";
        let prompt = |request: Request<'_>| request.prompt_tokens().map(|tokens| tokens as f64);
        let answer = |request: Request<'_>| request.completion_tokens().map(|tokens| tokens as f64);
        self.figures.prompt_tokens = self.stat("prompt_tokens", steady, prompt, uncounted);
        self.figures.completion_tokens = self.stat("completion_tokens", steady, answer, uncounted);
        let limit = u64::from(point.output_tokens);
        let counts = || self.all.iter().filter_map(|request| request.completion_tokens());
        let short = counts().filter(|tokens| *tokens < limit).count() as u64;
        let long = counts().filter(|tokens| *tokens > limit).count() as u64;
        (self.figures.short_answers, self.figures.long_answers) = (short, long);
        let pairs = steady.iter().filter_map(|one| {
            Some((one.completion_tokens()? as f64, one.content_chunks().filter(|n| *n > 0)? as f64))
        });
        let (tokens, chunks) = pairs.fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
        self.figures.tokens_per_chunk = per_sec(tokens, chunks);
        if chunks == 0.0 {
            self.missing("tokens_per_chunk", "tokens or pieces of content are not counted");
        }
    }

    fn latencies(&mut self, steady: &[Request<'_>]) {
        let no_text = "the answer held no text";
        self.figures.send_delay_ms =
            self.stat("send_delay_ms", steady, |one| Some(one.send_delay_ms()), "");
        self.figures.ttft_ms = self.stat("ttft_ms", steady, |one| one.ttft_ms(), no_text);
        self.figures.e2e_ms = self.stat("e2e_ms", steady, |one| Some(one.e2e_ms()), "");
        self.figures.tpot_ms = self.stat(
            "tpot_ms",
            steady,
            |one| one.tpot_ms(),
            "fewer than two tokens, the server does not count them, or many came at a time",
        );
        let no_gap = "fewer than two pieces of content, or the backend does not tell them";
        self.figures.longest_gap_ms =
            self.stat("longest_gap_ms", steady, |one| one.longest_gap_ms(), no_gap);
        let gaps: Vec<f64> =
            steady.iter().flat_map(|one| one.gaps_ns()).map(|gap| *gap as f64 / 1e6).collect();
        self.figures.itl_ms = describe(&gaps);
        if gaps.is_empty() {
            self.missing("itl_ms", no_gap);
        }
    }

    /// By the server's own times where every request has them, else by the client's.
    fn speeds(&mut self, steady: &[Request<'_>], point: &LoadPoint) {
        let all =
            |value: fn(Request<'_>) -> Option<f64>| steady.iter().all(|one| value(*one).is_some());
        let by = |server: bool| Some(if server { MeasuredBy::Server } else { MeasuredBy::Client });
        let server = all(|one| one.server_prefill());
        // What came from a cache unseen would make a prompt look fast.
        let shares = point.shared_prefix_tokens > 0;
        let value = move |one: Request<'_>| match server {
            true => one.server_prefill(),
            false => one.client_prefill().filter(|_| !shares || one.tells_cached()),
        };
        let none = match shares {
            true => "the server does not tell how much of the shared prefix its cache held",
            false => "the server tells neither tokens nor time",
        };
        self.figures.prefill_tokens_per_sec =
            self.stat("prefill_tokens_per_sec", steady, value, none);
        self.figures.prefill_measured_by =
            by(server).filter(|_| self.figures.prefill_tokens_per_sec.n > 0);
        // Servers start that clock with the first token: an answer of one has no speed.
        let further = |one: Request<'_>| one.completion_tokens().is_some_and(|tokens| tokens > 1);
        let server = steady.iter().all(|one| further(*one) && one.server_decode().is_some());
        let value = move |one: Request<'_>| {
            let speed = if server { one.server_decode() } else { one.client_decode() };
            speed.filter(|_| further(one))
        };
        let none = "fewer than two tokens, or the server does not count them";
        self.figures.decode_tokens_per_sec =
            self.stat("decode_tokens_per_sec", steady, value, none);
        self.figures.decode_measured_by =
            by(server).filter(|_| self.figures.decode_tokens_per_sec.n > 0);
        for (field, is_absent) in [
            ("prefill_measured_by", self.figures.prefill_measured_by.is_none()),
            ("decode_measured_by", self.figures.decode_measured_by.is_none()),
        ] {
            if is_absent {
                self.missing(field, "there is no such speed");
            }
        }
    }

    fn rates(&mut self) {
        let (window, all) = (self.window.clone(), self.all);
        let done = || all.iter().filter(|one| window.is_done(**one));
        let sec = window.sec();
        self.figures.mean_concurrency = window.mean_concurrency(all);
        let ended = done().count();
        self.figures.requests_per_sec = per_sec(ended as f64, sec).filter(|_| ended > 0);
        let output: Option<f64> =
            all.iter().map(|one| one.tokens_between(window.from_ns, window.to_ns)).sum();
        self.figures.output_tokens_per_sec = output.and_then(|tokens| per_sec(tokens, sec));
        let input: Option<f64> =
            done().map(|one| one.prompt_tokens().map(|tokens| tokens as f64)).sum();
        self.figures.input_tokens_per_sec =
            input.and_then(|tokens| per_sec(tokens, sec)).filter(|_| ended > 0);
        let none_ended = "no answer ended in the steady state";
        let uncounted = "the server does not count tokens";
        for (field, value, reason) in [
            ("mean_concurrency", self.figures.mean_concurrency, "no time passed"),
            ("requests_per_sec", self.figures.requests_per_sec, none_ended),
            ("output_tokens_per_sec", self.figures.output_tokens_per_sec, uncounted),
            (
                "input_tokens_per_sec",
                self.figures.input_tokens_per_sec,
                if ended > 0 { uncounted } else { none_ended },
            ),
        ] {
            if value.is_none() {
                self.missing(field, if sec > 0.0 { reason } else { "no time passed" });
            }
        }
    }

    /// When a failed request was due is not known, so each counts as one that was not good.
    fn goodput(&self, slo: Slo, steady: &[Request<'_>]) -> Goodput {
        let keeps = |value: Option<f64>, limit: Option<f64>| match (value, limit) {
            (_, None) => true,
            (Some(value), Some(limit)) => value <= limit,
            (None, Some(_)) => false,
        };
        let is_good = |one: &Request<'_>| {
            // An answer of one token has no further one that could be late.
            let tpot = one.tpot_ms().or((one.completion_tokens() == Some(1)).then_some(0.0));
            keeps(one.ttft_ms(), slo.ttft_ms)
                && keeps(tpot, slo.tpot_ms)
                && keeps(Some(one.e2e_ms()), slo.e2e_ms)
        };
        let good = steady.iter().filter(|one| is_good(one)).count() as u64;
        let of = (steady.len() + self.failed) as u64;
        let done = self.all.iter().filter(|one| self.window.is_done(**one) && is_good(one)).count();
        Goodput {
            slo,
            good,
            of,
            share: per_sec(good as f64, of as f64),
            per_sec: per_sec(done as f64, self.window.sec()),
        }
    }
}

/// A rate of a sweep, in short.
pub(crate) fn sweep_point(rate_per_second: f64, figures: &LoadFigures) -> SweepPoint {
    SweepPoint {
        rate_per_second,
        offered_rate_per_sec: figures.offered_rate_per_sec,
        requests: figures.requests,
        failed: figures.requests - figures.answered,
        // Without a single answer the rate was too much, and so it was where it could not be told
        // after all.
        saturated: figures.saturated.unwrap_or(true),
        requests_per_sec: figures.requests_per_sec,
        output_tokens_per_sec: figures.output_tokens_per_sec,
        ttft_p50_ms: figures.ttft_ms.median,
        e2e_p50_ms: figures.e2e_ms.median,
        goodput_share: figures.goodput.as_ref().and_then(|goodput| goodput.share),
    }
}

#[cfg(test)]
mod tests;
