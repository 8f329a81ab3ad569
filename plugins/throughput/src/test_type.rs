//! The state machine: calibrate, warm up, measure, work out.

use std::slice::Iter;

use llmbench_api::record::{LoadFigures, MeasuredBy};
use llmbench_api::{
    Answer, Arrival, Case, Error, ErrorKind, Fixture, GenerateRequest, History, Json, Overrides,
    PastStep, Purpose, Result, Step, TestDescription, TestType, Verdict,
};

use crate::calibration::{Calibration, Probe, calibrate};
use crate::figures::{figures, sweep_point};
use crate::load::{CaseData, Load, TEXT_FILE};
use crate::prompt::{Prompts, Words};
use crate::settings::Settings;
use crate::sweep::{self, Tried};
use crate::{remarks, settings::Mode};

/// Measures latency and throughput; see `docs/throughput.md`.
#[derive(Debug)]
pub struct Throughput {
    settings: Settings,
}

impl Throughput {
    /// A test with these settings.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] for a wrong key or value, naming it.
    pub fn new(settings: Json) -> Result<Self> {
        Ok(Self { settings: Settings::new(settings)? })
    }
}

impl TestType for Throughput {
    fn describe(&self) -> TestDescription {
        let fixtures = self.settings.fixtures();
        TestDescription {
            summary: match self.settings.mode {
                Mode::Load => "latency and throughput under load",
                Mode::Bench => "speed of prompts and of answers, apart",
            }
            .into(),
            // Each load point is a case; `default_fixtures` keeps their order.
            default_fixtures: fixtures.into_iter().map(|fixture| fixture.name).collect(),
            repeats_prompt: false,
            is_scored: false,
            max_score: 0.0,
            ..TestDescription::default()
        }
    }

    fn shipped_fixtures(&self) -> Vec<Fixture> {
        self.settings.fixtures()
    }

    fn load(&self, fixture: &Fixture) -> Result<Case> {
        let load = Load::of(fixture)?;
        let title = load.title();
        let (entropy, _) = uuid::Uuid::new_v4().as_u64_pair();
        let text = fixture.files.get(TEXT_FILE).cloned();
        let data = serde_json::to_value(CaseData { load, entropy, text })
            .map_err(|error| internal(&error))?;
        Ok(Case { title: Some(title), ..Case::new(fixture, data) })
    }

    fn next(&self, case: &Case, history: &History) -> Result<Step> {
        let data: CaseData =
            serde_json::from_value(case.data.clone()).map_err(|error| internal(&error))?;
        let asked = history.steps.iter().filter_map(|step| match step {
            PastStep::Asked { answers, .. } => Some(answers.as_slice()),
            _ => None,
        });
        let asked: Vec<&[Answer]> = asked.collect();
        let prompts = Prompts::new(data.text.as_deref(), data.entropy, history.run_index);
        let attempt = Attempt { load: &data.load, prompts, test: self, stage: 0, warm_up: 0 };
        attempt.next(asked.iter())
    }
}

/// Replays the batches that were asked, up to the one that comes next.
struct Attempt<'a> {
    load: &'a Load,
    prompts: Prompts<'a>,
    test: &'a Throughput,
    /// Batches so far.
    stage: u32,
    /// Requests of batches that prepare.
    warm_up: u64,
}

impl Attempt<'_> {
    fn next(mut self, mut asked: Iter<'_, &[Answer]>) -> Result<Step> {
        let load = self.load;
        let mut rounds = Vec::new();
        let (words, remark) = loop {
            match calibrate(load.prompt_tokens, load.shared_prefix_tokens, &rounds) {
                Calibration::Done(words, remark) => break (words, remark),
                Calibration::Try(tries) => match asked.next() {
                    None => return Ok(self.probes(&tries)),
                    Some(answers) => {
                        self.warm_up += tries.len() as u64;
                        rounds.push(probed(&tries, answers));
                        self.stage += 1;
                    }
                },
            }
        };
        if load.warm_up_requests > 0 {
            if asked.next().is_none() {
                let arrival = match load.arrival {
                    // At a rate, warming up needs no schedule.
                    Arrival::Open { .. } => Arrival::Sequential,
                    ref other => other.clone(),
                };
                return Ok(self.ask(load.warm_up_requests, words, arrival, Purpose::Preparation));
            }
            self.warm_up += u64::from(load.warm_up_requests);
            self.stage += 1;
        }
        if load.sweep.is_some() {
            return self.sweep(asked, words, remark);
        }
        match asked.next() {
            None => Ok(self.ask(load.requests, words, load.arrival.clone(), Purpose::Measured)),
            Some(answers) => {
                let found = self.figures(&load.arrival, answers)?;
                Ok(Step::done(self.verdict(found, remarks::failures(answers), remark)))
            }
        }
    }

    /// Rate after rate, until enough is known.
    fn sweep(
        mut self,
        mut asked: Iter<'_, &[Answer]>,
        words: Words,
        remark: Option<String>,
    ) -> Result<Step> {
        let Some(range) = self.load.sweep else { return Err(internal(&"no range of rates")) };
        let mut tried: Vec<Tried> = Vec::new();
        let mut measured: Vec<(f64, LoadFigures, Vec<String>)> = Vec::new();
        let mut life_sec = 0.0;
        while let Some(rate) = sweep::next_rate(range, &tried) {
            let arrival = Arrival::Open { rate_per_second: rate, poisson: self.load.is_poisson() };
            let mut requests = sweep::requests(rate, self.load.requests, life_sec);
            let mut is_again = false;
            let (found, answers) = loop {
                let Some(answers) = asked.next() else {
                    return Ok(self.ask(requests, words, arrival, Purpose::Measured));
                };
                self.stage += 1;
                // Later on, a rate at which nothing is answered is one that is too much.
                let found = match self.figures(&arrival, answers) {
                    Err(error) if tried.iter().all(|one| one.is_saturated) => return Err(error),
                    Err(_) => figures(self.load.point(&arrival), None, answers),
                    Ok(found) => found,
                };
                if found.saturated != Some(true) {
                    life_sec = found.e2e_ms.median.unwrap_or(0.0) / 1e3;
                }
                // Once more, for longer: requests that still take as long are more than can be taken.
                let longer = sweep::requests(rate, self.load.requests, life_sec);
                if found.saturated.is_some() || is_again || longer <= requests {
                    break (found, answers);
                }
                (requests, is_again) = (longer, true);
            };
            tried.push(Tried { rate, is_saturated: found.saturated.unwrap_or(true) });
            measured.push((rate, found, remarks::failures(answers)));
        }
        let points = measured.iter().map(|(rate, found, _)| sweep_point(*rate, found)).collect();
        let sustained = sweep::highest_sustained(&tried);
        let lowest = || tried.iter().map(|one| one.rate).reduce(f64::min);
        let shown = sustained.or_else(lowest);
        let Some((_, mut found, failures)) =
            measured.into_iter().find(|(rate, ..)| Some(*rate) == shown)
        else {
            return Err(internal(&"a sweep without a rate"));
        };
        found.sweep = points;
        found.sustained_rate_per_sec = sustained;
        match sustained {
            Some(_) => found.missing.remove("sustained_rate_per_sec"),
            None => found.missing.insert(
                "sustained_rate_per_sec".into(),
                "every rate was more than the server could take".into(),
            ),
        };
        Ok(Step::done(self.verdict(found, failures, remark)))
    }

    /// Prompts of these lengths, each for one token.
    fn probes(&self, tries: &[u32]) -> Step {
        let request = |(index, words): (usize, &u32)| {
            let words = Words { shared: 0, own: *words };
            let mut request =
                GenerateRequest::user(self.prompts.prompt(self.stage, index as u32, words));
            request.overrides.max_tokens = Some(1);
            request.as_preparation()
        };
        let requests = tries.iter().enumerate().map(request).collect();
        Step::Ask { requests, arrival: Arrival::Sequential }
    }

    fn ask(&self, count: u32, words: Words, arrival: Arrival, purpose: Purpose) -> Step {
        let request = |index| {
            let prompt = self.prompts.prompt(self.stage, index, words);
            GenerateRequest {
                overrides: Overrides {
                    max_tokens: Some(self.load.output_tokens),
                    ..Overrides::default()
                },
                purpose,
                ..GenerateRequest::user(prompt)
            }
        };
        Step::Ask { requests: (0..count).map(request).collect(), arrival }
    }

    /// The figures of a batch.
    ///
    /// # Errors
    /// The first error when nothing was answered: then nothing was measured either.
    fn figures(&self, arrival: &Arrival, answers: &[Answer]) -> Result<LoadFigures> {
        let is_answered = |answer: &Answer| matches!(answer, Answer::Answered(_));
        if !answers.iter().any(is_answered) {
            let first = answers.iter().find_map(|answer| match answer {
                Answer::Failed(error) => Some(error.clone()),
                Answer::Answered(_) => None,
            });
            let mut error = first.unwrap_or_else(|| internal(&"no request was sent"));
            error.message =
                format!("none of {} requests was answered: {}", answers.len(), error.message);
            return Err(error);
        }
        let mut found = figures(self.load.point(arrival), self.test.settings.slo(), answers);
        found.warm_up_requests = self.warm_up;
        Ok(found)
    }

    fn verdict(&self, found: LoadFigures, errors: Vec<String>, remark: Option<String>) -> Verdict {
        let mut verdict = Verdict { errors, ..Verdict::default() };
        verdict.warnings.extend(remark);
        verdict.warnings.extend(remarks::warnings(&found));
        let seconds = |ms: Option<f64>| ms.map(|ms| ms / 1e3);
        for (name, value, source) in [
            ("tokens_per_sec", found.decode_tokens_per_sec.median, "decode_tokens_per_sec"),
            (
                "prefill_tokens_per_sec",
                found.prefill_tokens_per_sec.median,
                "prefill_tokens_per_sec",
            ),
            ("ttft_sec", seconds(found.ttft_ms.median), "ttft_ms"),
            ("duration_sec", seconds(found.e2e_ms.median), "e2e_ms"),
        ] {
            verdict.metrics.insert(name.into(), value.into());
            if let (None, Some(reason)) = (value, found.missing.get(source)) {
                verdict.missing.insert(name.into(), reason.clone());
            }
        }
        let by = found.decode_measured_by.map(MeasuredBy::as_str);
        verdict.metrics.insert("tokens_per_sec_measured_by".into(), by.into());
        let json = serde_json::to_value(found).unwrap_or_default();
        verdict.with_metric("load", json)
    }
}

/// What the server counted.
fn probed(tries: &[u32], answers: &[Answer]) -> Vec<Probe> {
    let tokens = |answer: Option<&Answer>| match answer {
        Some(Answer::Answered(generation)) => generation.prompt_tokens,
        _ => None,
    };
    let probe =
        |(index, words): (usize, &u32)| Probe { words: *words, tokens: tokens(answers.get(index)) };
    tries.iter().enumerate().map(probe).collect()
}

fn internal(problem: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Internal, format!("work out a load: {problem}"))
}

#[cfg(test)]
mod tests;
