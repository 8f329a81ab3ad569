//! The steps of an attempt: calibrate, ask once, judge.

use llmbench_api::{
    Answer, Case, Error, ErrorKind, Fixture, GenerateRequest, Generation, History, Json, Overrides,
    PastStep, Result, Step, TestDescription, TestType, Verdict,
};

use crate::calibration::{Calibration, sample_bytes};
use crate::cells::{self, Cell};
use crate::prompt::{Prompt, prompt};
use crate::settings::Settings;
use crate::verdict::{self, Asked};

/// Version of the rules behind the scores.
const SCORING_VERSION: &str = "1";

/// The test type.
#[derive(Debug, Clone)]
pub struct ContextWindow {
    settings: Settings,
}

impl ContextWindow {
    /// The test type with these settings.
    ///
    /// # Errors
    /// As [`Settings::new`].
    pub fn new(settings: Json) -> Result<Self> {
        Ok(Self { settings: Settings::new(settings)? })
    }
}

impl TestType for ContextWindow {
    fn describe(&self) -> TestDescription {
        let fixtures = self.shipped_fixtures();
        TestDescription {
            summary: "finds the length of context within which a model finds things again".into(),
            repeats_prompt: false,
            scoring_version: Some(SCORING_VERSION.into()),
            default_fixtures: fixtures.into_iter().map(|fixture| fixture.name).collect(),
            judges_truncation: true,
            ..TestDescription::default()
        }
    }

    fn shipped_fixtures(&self) -> Vec<Fixture> {
        cells::fixtures(&self.settings)
    }

    fn load(&self, fixture: &Fixture) -> Result<Case> {
        cells::load(fixture)
    }

    fn next(&self, case: &Case, history: &History) -> Result<Step> {
        let cell = cells::of(case)?;
        if let Some(reason) = impossible(&cell, history) {
            let verdict = Verdict::invalid(reason.clone()).with_metric("not_possible", reason);
            return Ok(Step::done(verdict));
        }
        let attempt = Attempt { cell: &cell, history };
        Ok(match history.steps.as_slice() {
            [] => attempt.calibrate(),
            [calibration] => match attempt.calibrated(calibration)? {
                Ok((_, prompt)) => Step::ask(attempt.request(prompt.text)),
                Err(verdict) => Step::done(*verdict),
            },
            [calibration, asked] => {
                let verdict = match attempt.calibrated(calibration)? {
                    Ok((calibration, prompt)) => verdict::verdict(&Asked {
                        cell: &cell,
                        prompt: &prompt,
                        calibration,
                        answer: answered(asked, 0)?,
                    }),
                    Err(verdict) => *verdict,
                };
                Step::done(verdict)
            }
            _ => return Err(unexpected("an attempt has at most two steps")),
        })
    }
}

/// Why there is no point in asking: a length beyond what the model was built for.
fn impossible(cell: &Cell, history: &History) -> Option<String> {
    let model = history.model.as_ref()?;
    let built_for = model.context_length.value.filter(|tokens| *tokens > 0)?;
    (u64::from(cell.length_tokens) > built_for).then(|| {
        format!(
            "not possible: {} tokens are more than the context of {built_for} tokens that `{}` was built for",
            cell.length_tokens, model.name
        )
    })
}

struct Attempt<'a> {
    cell: &'a Cell,
    history: &'a History,
}

/// What calibration leads to, or the verdict that ends the attempt.
type Calibrated = std::result::Result<(Calibration, Prompt), Box<Verdict>>;

impl Attempt<'_> {
    /// Two prompts of one token each: without text, and with a sample of it.
    fn calibrate(&self) -> Step {
        let request = |prompt: Prompt| {
            let mut request = self.request(prompt.text).as_preparation();
            request.overrides.max_tokens = Some(1);
            request
        };
        Step::Ask {
            requests: vec![request(self.frame()), request(self.sample())],
            arrival: llmbench_api::Arrival::Sequential,
        }
    }

    fn calibrated(&self, step: &PastStep) -> Result<Calibrated> {
        let counts = (answered(step, 0)?.prompt_tokens, answered(step, 1)?.prompt_tokens);
        let (Some(frame_tokens), Some(sample_tokens)) = counts else {
            let reason = "the server does not count the tokens of prompts, so a prompt cannot be given a length";
            return Ok(Err(Box::new(Verdict::invalid(reason))));
        };
        let sample_bytes = self.sample().haystack_bytes;
        let Some(calibration) = Calibration::new(frame_tokens, sample_tokens, sample_bytes) else {
            let reason = format!(
                "the server counted {frame_tokens} tokens for a short prompt and {sample_tokens} for one that is {sample_bytes} bytes longer: it cuts prompts, or its counts mean something else"
            );
            return Ok(Err(Box::new(Verdict::invalid(reason))));
        };
        let Cell { length_tokens, answer_tokens, .. } = *self.cell;
        let Some(bytes) = calibration.haystack_bytes(length_tokens, answer_tokens) else {
            let reason = format!(
                "not possible: question, codes and template take {frame_tokens} tokens, the answer up to {answer_tokens}: there is no room for a text in {length_tokens}"
            );
            let verdict = Verdict::invalid(reason.clone()).with_metric("not_possible", reason);
            return Ok(Err(Box::new(verdict)));
        };
        Ok(Ok((calibration, self.prompt(bytes, ""))))
    }

    fn frame(&self) -> Prompt {
        self.prompt(0, "-a")
    }

    fn sample(&self) -> Prompt {
        let Cell { length_tokens, answer_tokens, .. } = *self.cell;
        self.prompt(sample_bytes(length_tokens, answer_tokens), "-b")
    }

    /// Prompts differ from their first bytes on, so that none finds another's in a cache.
    fn prompt(&self, haystack_bytes: usize, suffix: &str) -> Prompt {
        let nonce = format!("{}{suffix}", self.history.nonce);
        prompt(self.cell, self.history.seed, haystack_bytes, &nonce)
    }

    fn request(&self, text: String) -> GenerateRequest {
        let overrides = Overrides {
            num_ctx: Some(self.cell.length_tokens),
            max_tokens: Some(self.cell.answer_tokens),
            ..Overrides::default()
        };
        GenerateRequest { overrides, ..GenerateRequest::user(text) }
    }
}

fn answered(step: &PastStep, index: usize) -> Result<&Generation> {
    match step {
        PastStep::Asked { answers, .. } => match answers.get(index) {
            Some(Answer::Answered(generation)) => Ok(generation),
            Some(Answer::Failed(error)) => Err(error.clone()),
            None => Err(unexpected("a request has no answer")),
        },
        _ => Err(unexpected("nothing is validated in this test")),
    }
}

fn unexpected(message: &str) -> Error {
    Error::new(ErrorKind::Internal, message)
}

#[cfg(test)]
mod tests;
