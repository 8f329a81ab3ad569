//! The steps of an attempt: ask the same again and again, compare.

use llmbench_api::{
    Answer, Arrival, Case, Error, ErrorKind, Fixture, Generation, History, Json, PastStep, Result,
    Step, TestDescription, TestType,
};

use crate::settings::Settings;
use crate::{fixture, schedule, shipped, verdict};

/// Version of the rules behind the scores.
const SCORING_VERSION: &str = "1";

/// A first look: one answer of many tokens, and one of few.
const DEFAULT_FIXTURES: [&str; 2] = ["typed-counter", "arithmetic"];

/// The test type.
#[derive(Debug, Clone, Copy)]
pub struct Consistency {
    settings: Settings,
}

impl Consistency {
    /// The test type with these settings.
    ///
    /// # Errors
    /// As [`Settings::new`].
    pub fn new(settings: Json) -> Result<Self> {
        Ok(Self { settings: Settings::new(settings)? })
    }
}

impl TestType for Consistency {
    fn describe(&self) -> TestDescription {
        TestDescription {
            summary: "asks the same again and compares the answers".into(),
            scoring_version: Some(SCORING_VERSION.into()),
            judges_correctness: false,
            default_fixtures: DEFAULT_FIXTURES.map(str::to_owned).into(),
            ..TestDescription::default()
        }
    }

    fn shipped_fixtures(&self) -> Vec<Fixture> {
        shipped::shipped_fixtures()
    }

    fn load(&self, fixture: &Fixture) -> Result<Case> {
        fixture::load(fixture)
    }

    fn next(&self, case: &Case, history: &History) -> Result<Step> {
        let question = fixture::of(case)?;
        let Some(step) = history.steps.first() else {
            return Ok(Step::Ask {
                requests: schedule::requests(&self.settings, &question.prompt, &history.nonce),
                arrival: Arrival::Sequential,
            });
        };
        let answers = compared(step)?;
        Ok(Step::done(verdict::verdict(&question, &self.settings, &answers)))
    }
}

/// The answers that are compared, in the schedule's order.
fn compared(step: &PastStep) -> Result<Vec<&Generation>> {
    let PastStep::Asked { requests, answers } = step else {
        return Err(Error::new(ErrorKind::Internal, "nothing is validated in this test"));
    };
    let of_request = requests.iter().zip(answers).filter(|(one, _)| schedule::is_compared(one));
    of_request
        .map(|(_, answer)| match answer {
            Answer::Answered(generation) => Ok(generation),
            Answer::Failed(error) => Err(error.clone()),
        })
        .collect()
}

#[cfg(test)]
mod tests;
