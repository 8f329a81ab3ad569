//! Test types: what is asked of a model, and what its answers are worth.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Arrival, Artifact, Error, ErrorKind, Findings, Fixture, GenerateRequest, Generation, Json,
    ModelIdentity, Project, Result,
};

/// A benchmark: turns a fixture into a case and drives each attempt at it.
///
/// The host holds the state: [`TestType::next`] is a pure function of the case
/// and of what has happened so far, so that every attempt can be replayed,
/// resumed and judged again without a model.
///
/// ```
/// use llmbench_api::*;
///
/// struct Echo;
///
/// impl TestType for Echo {
///     fn describe(&self) -> TestDescription {
///         TestDescription { summary: "says back one word".into(), ..Default::default() }
///     }
///     fn load(&self, fixture: &Fixture) -> Result<Case> {
///         Ok(Case::new(fixture, Json::Null))
///     }
///     fn next(&self, _case: &Case, history: &History) -> Result<Step> {
///         Ok(match history.last_answer() {
///             None => Step::ask(GenerateRequest::user("Say: pong")),
///             Some(answer) if answer.text.contains("pong") => Step::done(Verdict::scored(10.0)),
///             Some(_) => Step::done(Verdict::scored(0.0)),
///         })
///     }
/// }
///
/// let case = Echo.load(&Fixture::default()).unwrap();
/// assert!(matches!(Echo.next(&case, &History::default()), Ok(Step::Ask { .. })));
/// ```
pub trait TestType: Send + Sync + 'static {
    /// What the test is, and which roles it needs.
    fn describe(&self) -> TestDescription;

    /// Fixtures that come with the plugin. Those of the project are found by the host.
    fn shipped_fixtures(&self) -> Vec<Fixture> {
        Vec::new()
    }

    /// Checks a fixture and turns it into a case.
    ///
    /// A test with [`TestDescription::needs_fixture`] `false` gets one empty fixture.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidInput`] naming file and field.
    fn load(&self, fixture: &Fixture) -> Result<Case>;

    /// The next step of an attempt. A pure function of its arguments.
    ///
    /// # Errors
    /// Only for faults of the test itself; a bad answer is a verdict.
    fn next(&self, case: &Case, history: &History) -> Result<Step>;

    /// What a model would have answered to hand over `files`, for `llmbench validate`.
    ///
    /// The default is the text of the only file. A test whose answers are code
    /// puts it into whatever it finds code in, so that each file is judged as
    /// it is; a test whose answers hold several files names each.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidInput`] when an answer cannot hold these files.
    fn answer_from_files(&self, case: &Case, files: &BTreeMap<String, String>) -> Result<String> {
        only_file(case, files)
    }

    /// Answers whose scores are known, for `llmbench fixtures check`.
    fn references(&self, case: &Case) -> Result<Vec<Reference>> {
        let _ = case;
        Ok(Vec::new())
    }
}

/// The text of the only file: the default of [`TestType::answer_from_files`].
///
/// # Errors
/// [`ErrorKind::InvalidInput`] when there is not exactly one.
pub fn only_file(case: &Case, files: &BTreeMap<String, String>) -> Result<String> {
    let mut texts = files.values();
    match (texts.next(), texts.next()) {
        (Some(text), None) => Ok(text.clone()),
        _ => {
            let message =
                format!("an answer to `{}` is one file, and not {}", case.name, files.len());
            Err(Error::new(ErrorKind::InvalidInput, message))
        }
    }
}

/// A role that a test names, and the validator that plays it by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoleSpec {
    /// For example `types`.
    pub role: String,
    /// Validator plugin that plays it unless the settings name another.
    pub default_validator: String,
    /// Without it an attempt cannot be scored at all.
    pub required: bool,
}

/// What a test is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TestDescription {
    /// One line.
    pub summary: String,
    /// Roles in the order in which they are judged.
    pub roles: Vec<RoleSpec>,
    /// False when the test makes its own cases.
    pub needs_fixture: bool,
    /// True when every attempt at a case sends the same first prompt, so that
    /// the server's prefix cache makes repeats look faster than they are.
    pub repeats_prompt: bool,
    /// Version of the scoring rules; recorded with every score.
    pub scoring_version: Option<String>,
    /// Highest score; scores start at 0.
    pub max_score: f64,
    /// Fixtures that are taken when none is named; all of them when this is empty.
    pub default_fixtures: Vec<String>,
    /// False for a test that measures and gives no score: its attempts count without one, with
    /// status `scored`, and its metrics `tokens_per_sec`, `prefill_tokens_per_sec`,
    /// `duration_sec` and `ttft_sec` take the place of those that the engine would work out.
    pub is_scored: bool,
    /// False for a test whose high scores do not mean right answers: reports then count none as
    /// correct.
    pub judges_correctness: bool,
    /// True when the test tells a prompt that the server has cut from a whole one by itself.
    /// Otherwise the engine ends an attempt as invalid when token counts speak of a cut prompt.
    pub judges_truncation: bool,
}

impl Default for TestDescription {
    fn default() -> Self {
        Self {
            summary: String::new(),
            roles: Vec::new(),
            needs_fixture: true,
            repeats_prompt: true,
            scoring_version: None,
            max_score: 10.0,
            default_fixtures: Vec::new(),
            is_scored: true,
            judges_correctness: true,
            judges_truncation: false,
        }
    }
}

/// A fixture, checked and ready.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Case {
    /// Name of the fixture.
    pub name: String,
    /// One line about it, for lists.
    pub title: Option<String>,
    /// How hard it is, where the test has levels: 1 is the easiest.
    pub level: Option<u8>,
    /// What validators get to see.
    pub project: Project,
    /// Whatever the test needs in [`TestType::next`].
    pub data: Json,
    /// Further fields of the record of every attempt, however it ends; metrics of the verdict win.
    pub record_fields: BTreeMap<String, Json>,
    /// Context in tokens without which there is no point in asking: the case is left out of a
    /// run, with a warning, when no model of the run was built for so much.
    pub needs_context_tokens: Option<u64>,
}

impl Case {
    /// A case that shows the whole fixture to the validators.
    pub fn new(fixture: &Fixture, data: Json) -> Self {
        Self {
            name: fixture.name.clone(),
            title: None,
            level: None,
            project: Project {
                id: String::new(),
                dir: fixture.dir.clone(),
                files: fixture.files.clone(),
                options: Json::Null,
            },
            data,
            record_fields: BTreeMap::new(),
            needs_context_tokens: None,
        }
    }
}

/// What an attempt has done so far, oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// Index of the run, from 0.
    pub run_index: u32,
    /// Finished steps.
    pub steps: Vec<PastStep>,
    /// Seed of the attempt: base seed + run index.
    pub seed: u64,
    /// What is known of the model; `None` when an answer is judged without one.
    pub model: Option<Box<ModelIdentity>>,
    /// A word that no other attempt of any run has, for prompts that no cache may hold; empty when
    /// an answer is judged without a model.
    pub nonce: String,
}

impl History {
    /// The answers to the latest batch.
    pub fn last_answers(&self) -> Option<&[Answer]> {
        self.steps.iter().rev().find_map(|step| match step {
            PastStep::Asked { answers, .. } => Some(answers.as_slice()),
            _ => None,
        })
    }

    /// The first answer to the latest batch, when it was answered.
    pub fn last_answer(&self) -> Option<&Generation> {
        match self.last_answers()?.first()? {
            Answer::Answered(generation) => Some(generation),
            Answer::Failed(_) => None,
        }
    }

    /// The latest findings of `role`.
    pub fn findings(&self, role: &str) -> Option<&Findings> {
        self.steps.iter().rev().find_map(|step| match step {
            PastStep::Validated { role: done, findings, .. } if done == role => Some(&**findings),
            _ => None,
        })
    }
}

/// A finished step.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PastStep {
    /// Requests and what came back, in the same order.
    Asked {
        /// As sent.
        requests: Vec<GenerateRequest>,
        /// One for each request.
        answers: Vec<Answer>,
    },
    /// A judged artifact.
    Validated {
        /// The role that was asked for.
        role: String,
        /// What was judged.
        artifact: Artifact,
        /// What was found.
        findings: Box<Findings>,
    },
}

/// What came back for one request.
pub type Answer = crate::BatchOutcome;

/// What an attempt does next.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// Ask the model.
    Ask {
        /// At least one. The engine fills in model and options where they are left at their defaults.
        requests: Vec<GenerateRequest>,
        /// When they are sent.
        #[serde(default)]
        arrival: Arrival,
    },
    /// Have an artifact judged.
    Validate {
        /// A role from [`TestDescription::roles`].
        role: String,
        /// What to judge.
        artifact: Artifact,
    },
    /// The attempt is over.
    Done {
        /// What it is worth.
        verdict: Box<Verdict>,
    },
}

impl Step {
    /// Ask one request.
    pub fn ask(request: GenerateRequest) -> Self {
        Self::Ask { requests: vec![request], arrival: Arrival::Sequential }
    }

    /// Have `artifact` judged in `role`.
    pub fn validate(role: impl Into<String>, artifact: Artifact) -> Self {
        Self::Validate { role: role.into(), artifact }
    }

    /// End the attempt.
    pub fn done(verdict: Verdict) -> Self {
        Self::Done { verdict: Box::new(verdict) }
    }
}

/// What an attempt is worth.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Verdict {
    /// 0..=[`TestDescription::max_score`]; `None` when the attempt cannot be scored.
    pub score: Option<f64>,
    /// Set when the measurement itself is not valid; the attempt then has no score.
    pub invalid: Option<String>,
    /// What the model produced, as judged.
    pub output: Option<String>,
    /// What was wrong, in words for the user, most important first.
    pub errors: Vec<String>,
    /// Remarks that bear on validity.
    pub warnings: Vec<String>,
    /// Further fields of the attempt's record, by name (`compiles`, `ast_score` …).
    pub metrics: BTreeMap<String, Json>,
    /// Metric name → why it is absent.
    pub missing: BTreeMap<String, String>,
}

impl Verdict {
    /// A verdict with nothing but a score.
    pub fn scored(score: f64) -> Self {
        Self { score: Some(score), ..Self::default() }
    }

    /// A measurement that does not count.
    pub fn invalid(reason: impl Into<String>) -> Self {
        Self { invalid: Some(reason.into()), ..Self::default() }
    }

    /// Adds a field to the attempt's record.
    #[must_use]
    pub fn with_metric(mut self, name: impl Into<String>, value: impl Into<Json>) -> Self {
        self.metrics.insert(name.into(), value.into());
        self
    }
}

/// An answer whose score is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reference {
    /// For example `expected.vue` or `mutants/any-everywhere.vue`.
    pub name: String,
    /// What a model would have answered.
    pub answer: String,
    /// Lowest score that is right.
    pub min_score: f64,
    /// Highest score that is right.
    pub max_score: f64,
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
