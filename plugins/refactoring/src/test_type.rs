//! The steps of an attempt: ask once, have the code judged in each role, be done.

use std::collections::BTreeMap;

use llmbench_api::{
    Answer, Artifact, Case, DoneReason, Error, ErrorKind, Fixture, GenerateRequest, Generation,
    History, Json, PastStep, Reference, Result, RoleSpec, Step, TestDescription, TestType, Verdict,
};
use serde::Deserialize;

use crate::extract::{Extraction, extract};
use crate::fixture::{self, CaseData};
use crate::score::{MAX_SCORE, SCORING_VERSION};
use crate::verdict::{self, Attempt};
use crate::{references, shipped};

/// Role that judges whether the answer type-checks.
pub const TYPES: &str = "types";
/// Role that judges how the answer is typed.
pub const STRUCTURE: &str = "structure";
/// Role that judges whether the answer still does what the input does.
pub const BEHAVIOUR: &str = "behaviour";

/// What a first try is made with: the smallest task.
const DEFAULT_FIXTURE: &str = "simple-component";

const ROLES: [&str; 3] = [TYPES, STRUCTURE, BEHAVIOUR];

/// The test type; it has no state and no settings.
#[derive(Debug, Clone, Copy)]
pub struct Refactoring;

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Settings {}

impl Refactoring {
    /// The test type.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] for any setting: it has none.
    pub fn new(settings: Json) -> Result<Self> {
        llmbench_plugin::settings::<Settings>("refactoring", settings)?;
        Ok(Self)
    }
}

impl TestType for Refactoring {
    fn describe(&self) -> TestDescription {
        let role = |role: &str, default_validator: &str, required| RoleSpec {
            role: role.to_owned(),
            default_validator: default_validator.to_owned(),
            required,
        };
        TestDescription {
            summary: "turns an untyped Vue component into a typed one".to_owned(),
            roles: vec![
                role(TYPES, "tsc", true),
                role(STRUCTURE, "ts-ast", true),
                role(BEHAVIOUR, "vitest", false),
            ],
            needs_fixture: true,
            repeats_prompt: true,
            scoring_version: Some(SCORING_VERSION.to_owned()),
            max_score: MAX_SCORE,
            default_fixtures: vec![DEFAULT_FIXTURE.to_owned()],
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
        let data = case_data(case)?;
        let Some(answers) = history.last_answers() else {
            return data.prompt.clone().filter(|_| !data.judge_only).map_or_else(
                || Err(judges_only(case)),
                |prompt| Ok(Step::ask(GenerateRequest::user(prompt))),
            );
        };
        let generation = match answers.first() {
            Some(Answer::Answered(generation)) => generation,
            Some(Answer::Failed(error)) => {
                return Ok(Step::done(verdict::unanswered(&data, &error.to_string())));
            }
            None => {
                return Ok(Step::done(verdict::unanswered(&data, "the request was never sent")));
            }
        };
        let extraction = extract(&generation.text, &data.targets, &inputs(case, &data));
        if !extraction.files.contains_key(&data.targets[0]) {
            let verdict = verdict::without_code(&data, &extraction);
            return Ok(Step::done(with_warnings(verdict, &extraction, generation)));
        }
        let attempt = Attempt { case, data: &data, extraction: &extraction, history };
        let open = ROLES.into_iter().find(|role| !is_judged(history, role));
        let spared = open == Some(BEHAVIOUR) && verdict::behaviour_is_settled(attempt).is_some();
        if let Some(role) = open.filter(|_| !spared) {
            let artifact =
                Artifact { entry: data.targets[0].clone(), files: extraction.files.clone() };
            return Ok(Step::validate(role, artifact));
        }
        let verdict = verdict::verdict(attempt);
        Ok(Step::done(with_warnings(verdict, &extraction, generation)))
    }

    fn answer_from_files(&self, case: &Case, files: &BTreeMap<String, String>) -> Result<String> {
        references::answer_from_files(&case.name, &case_data(case)?, files)
    }

    fn references(&self, case: &Case) -> Result<Vec<Reference>> {
        Ok(references::references(&case_data(case)?))
    }
}

/// The data of a case; it names at least one target.
fn case_data(case: &Case) -> Result<CaseData> {
    let foreign = || {
        let message = format!("case `{}` was not made by this test type", case.name);
        Error::new(ErrorKind::Internal, message)
    };
    let data = CaseData::deserialize(&case.data).map_err(|error| foreign().with_cause(&error))?;
    if data.targets.is_empty() { Err(foreign()) } else { Ok(data) }
}

/// What the model was asked about, by target.
fn inputs(case: &Case, data: &CaseData) -> BTreeMap<String, String> {
    let text = |path: &String| case.project.files.get(path).cloned();
    data.inputs.iter().filter_map(|(target, path)| Some((target.clone(), text(path)?))).collect()
}

fn judges_only(case: &Case) -> Error {
    let message = format!(
        "fixture `{}` only judges answers that exist already: no model is asked",
        case.name
    );
    Error::new(ErrorKind::InvalidInput, message).with_hint(format!(
        "judge files with `llmbench validate --fixture {}`, or give it a prompt.md and an input \
         and take `judge_only` out of its fixture.json",
        case.name
    ))
}

/// True when `role` was judged after the latest answer.
fn is_judged(history: &History, wanted: &str) -> bool {
    history
        .steps
        .iter()
        .rev()
        .take_while(|step| !matches!(step, PastStep::Asked { .. }))
        .any(|step| matches!(step, PastStep::Validated { role, .. } if role == wanted))
}

fn with_warnings(mut verdict: Verdict, found: &Extraction, generation: &Generation) -> Verdict {
    if generation.done_reason == DoneReason::Length {
        verdict.warnings.push("answer was cut off at the token limit".to_owned());
    }
    verdict.warnings.extend(found.notes.iter().map(|note| format!("extraction: {note}")));
    if !found.found.is_empty() {
        verdict = verdict.with_metric("extracted_from", found.found.clone());
    }
    verdict
}

#[cfg(test)]
mod tests;
