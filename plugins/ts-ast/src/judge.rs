//! Judges an answer: each of its files by itself, then all together.

mod compared;
mod report;

use std::collections::BTreeSet;

use llmbench_api::{Artifact, Findings, Json, Project, Result};

use crate::checks::{Outcome, Subject, evaluate};
use crate::facts::{Facts, collect, collect_module};
use crate::lost::{Lost, lost_names};
use crate::score::{Score, score};
use crate::spec::{Spec, Specs};
use crate::{deep, sfc};

/// The file of the project that an answer is compared with, when nothing else is said.
pub(crate) const INPUT: &str = "input.vue";

/// A file of the answer, read but not judged.
struct Read<'a> {
    path: String,
    /// `None` when the answer lacks it.
    text: Option<&'a str>,
    spec: Spec,
    facts: Facts,
    /// The input, when there is one that parses.
    input: Option<Facts>,
}

/// A file of the answer, judged.
struct Judged<'a> {
    read: Read<'a>,
    lost: Vec<Lost>,
    outcomes: Vec<Outcome>,
    score: Score,
}

/// Judges an artifact; the same one always gets the same findings.
///
/// # Errors
/// [`llmbench_api::ErrorKind::InvalidInput`] for a wrong `ast_checks.json`; and when
/// the parser itself gives up.
pub fn judge(artifact: &Artifact, project: &Project) -> Result<Findings> {
    let specs = Specs::of(project)?;
    let mut files = Vec::new();
    for path in paths(artifact, project, &specs) {
        let is_entry = path == artifact.entry;
        let text = match artifact.files.get(&path) {
            Some(text) => Some(text.as_str()),
            // An answer of nothing is an empty component.
            None => (is_entry && artifact.files.is_empty()).then_some(""),
        };
        files.push(Read {
            text,
            spec: specs.for_file(&path, is_entry),
            facts: text.map_or_else(|| Ok(Facts::default()), |text| facts(&path, text))?,
            input: input(project, &path, is_entry)?,
            path,
        });
    }
    let is_named = |name: &str, but: usize| {
        let others = files.iter().enumerate().filter(|(index, _)| *index != but);
        others.into_iter().any(|(_, file)| file.facts.names(name))
    };
    let lost: Vec<Vec<Lost>> = files
        .iter()
        .enumerate()
        .map(|(index, file)| {
            let mut lost = file.lost();
            // What moved to another file is not lost.
            lost.retain(|lost| !is_named(&lost.name, index));
            lost
        })
        .collect();
    let judged: Vec<_> = files.into_iter().zip(lost).map(|(file, lost)| file.judge(lost)).collect();
    Ok(match judged.as_slice() {
        [one] => report::one(one),
        several => report::several(several),
    })
}

/// The files to judge: the entry, then those of the answer, the input and `ast_checks.json`.
fn paths(artifact: &Artifact, project: &Project, specs: &Specs) -> Vec<String> {
    let mut others: BTreeSet<&str> = artifact.files.keys().map(String::as_str).collect();
    others.extend(inputs(project).into_iter().flatten().map(|(path, _)| path.as_str()));
    others.extend(specs.files());
    others.remove(artifact.entry.as_str());
    let entry = std::iter::once(artifact.entry.as_str());
    entry.chain(others).map(str::to_owned).collect()
}

/// Target → path of its input in the project, where the test says so.
fn inputs(project: &Project) -> Option<&serde_json::Map<String, Json>> {
    project.options.get("input")?.as_object()
}

/// Whether the project has an input to compare with.
pub(crate) fn has_input(project: &Project) -> bool {
    let said = inputs(project).into_iter().flatten().filter_map(|(_, path)| path.as_str());
    std::iter::once(INPUT).chain(said).any(|path| project.files.contains_key(path))
}

/// The facts of the input of `path`; `None` without one that parses: it has no names to compare.
fn input(project: &Project, path: &str, is_entry: bool) -> Result<Option<Facts>> {
    let place = match inputs(project) {
        Some(inputs) => inputs.get(path).and_then(Json::as_str),
        None => is_entry.then_some(INPUT),
    };
    let text = place.and_then(|place| Some((place, project.files.get(place)?)));
    let Some((place, text)) = text else { return Ok(None) };
    let facts = facts(place, text)?;
    Ok(Some(facts).filter(|facts| facts.errors.is_empty()))
}

fn facts(path: &str, text: &str) -> Result<Facts> {
    let tokens = deep::count_tokens(text);
    if tokens > deep::MAX_TOKENS {
        let message = format!(
            "the component has about {tokens} tokens; more than {} are not judged",
            deep::MAX_TOKENS
        );
        return Ok(Facts::unreadable(message));
    }
    deep::run(tokens, || match path.rsplit('.').next() {
        Some("ts" | "tsx" | "js" | "jsx" | "mjs" | "cjs") => collect_module(path, text),
        _ => collect(&sfc::split(text)),
    })
}

impl<'a> Read<'a> {
    fn parses(&self) -> bool {
        self.facts.errors.is_empty()
    }

    fn lost(&self) -> Vec<Lost> {
        match &self.input {
            Some(input) if self.parses() && self.text.is_some() => {
                lost_names(input, &self.facts, &self.spec.allow.lost_names)
            }
            _ => Vec::new(),
        }
    }

    fn judge(self, lost: Vec<Lost>) -> Judged<'a> {
        let subject = Subject { answer: &self.facts, input: self.input.as_ref(), lost: &lost };
        let mut outcomes = evaluate(&self.spec, subject);
        let failure = if self.text.is_none() {
            Some(format!("the answer has no `{}`", self.path))
        } else if self.parses() {
            None
        } else {
            Some("the component does not parse".to_owned())
        };
        if let Some(failure) = failure {
            let is_told = |outcome: &Outcome| self.text.is_some() && outcome.name == "parses";
            for outcome in outcomes.iter_mut().filter(|outcome| !is_told(outcome)) {
                outcome.earned = 0.0;
                outcome.passed = false;
                outcome.message.clone_from(&failure);
            }
        }
        let mut score = score(&self.facts, &outcomes, lost.len(), &self.spec.allow);
        if self.text.is_none() {
            score.points = 0.0;
            score.caps = vec![("missing", 0.0)];
        }
        Judged { read: self, lost, outcomes, score }
    }
}

impl Judged<'_> {
    fn passed(&self) -> bool {
        let fulfilled = |name: &String| self.outcomes.iter().all(|o| o.name != *name || o.passed);
        self.read.text.is_some()
            && self.read.parses()
            && self.read.spec.required.iter().all(fulfilled)
    }

    fn weight(&self) -> f64 {
        self.outcomes.iter().map(|outcome| outcome.weight).sum()
    }
}
