//! A run with everything that the renderers need.

use std::collections::BTreeMap;

use llmbench_api::record::{
    AttemptRecord, AttemptStatus, GroupSummary, RunManifest, RunStatus, Summary,
};

use crate::summary::{self, Ordered};
use crate::{Attempt, ReadError, Run};

/// Highest structure score, whatever the test's own scale is.
pub(crate) const AST_HIGHEST: f64 = 10.0;

/// Every status but `scored`, in words for one attempt and for several.
const FAILURES: [(AttemptStatus, &str, &str); 4] = [
    (AttemptStatus::Timeout, "timeout", "timeouts"),
    (AttemptStatus::Invalid, "invalid", "invalid"),
    (AttemptStatus::InfraError, "infra error", "infra errors"),
    (AttemptStatus::Cancelled, "cancelled", "cancelled"),
];

/// A run, its attempts in the plan's order, and what they add up to.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// `run.json`.
    pub manifest: &'a RunManifest,
    /// `summary.json`.
    pub summary: Summary,
    was_killed: bool,
    ordered: Ordered<'a>,
    details: Details<'a>,
}

/// Where whole records are found, with answers and findings.
#[derive(Debug, Clone, Copy)]
enum Details<'a> {
    Nowhere,
    InMemory(&'a [AttemptRecord]),
    InRun(&'a Run),
}

/// How a run ended, in a word; `was_killed` where no process works on it any more.
pub(crate) fn status(status: RunStatus, was_killed: bool) -> &'static str {
    match status {
        RunStatus::Running if was_killed => "killed",
        RunStatus::Running => "running",
        RunStatus::Finished => "finished",
        RunStatus::Interrupted => "interrupted",
        RunStatus::Failed => "failed",
    }
}

impl<'a> Report<'a> {
    /// Sums the attempts up; see [`summary::summarise`]. Answers are not shown.
    pub fn new(manifest: &'a RunManifest, records: &'a [Attempt]) -> Self {
        let ordered = Ordered::new(manifest, records);
        let summary = summary::of_ordered(manifest, &ordered);
        Self { manifest, summary, was_killed: false, ordered, details: Details::Nowhere }
    }

    /// Sums a run up that lies on disk; answers are read when they are shown.
    pub fn of(run: &'a Run) -> Self {
        Self { details: Details::InRun(run), ..Self::new(&run.manifest, &run.records) }
    }

    /// Shows the answers of `records` too, from which the attempts were made.
    #[must_use]
    pub fn with_details(mut self, records: &'a [AttemptRecord]) -> Self {
        self.details = Details::InMemory(records);
        self
    }

    /// Says that no process works on the run any more, although its status is still `running`.
    #[must_use]
    pub fn killed(mut self) -> Self {
        self.was_killed = self.manifest.status == RunStatus::Running;
        self
    }

    /// How the run ended, in a word.
    pub(crate) fn status(&self) -> &'static str {
        status(self.manifest.status, self.was_killed)
    }

    /// The attempts by model and fixture as planned, then by run number.
    pub fn attempts(&self) -> &[&'a Attempt] {
        self.ordered.all()
    }

    /// The whole record of an attempt; `None` when the report was made without any.
    ///
    /// # Errors
    /// Those of [`Run::details`].
    pub fn details(&self, attempt: &Attempt) -> Result<Option<AttemptRecord>, ReadError> {
        match self.details {
            Details::Nowhere => Ok(None),
            Details::InMemory(records) => {
                Ok(records.iter().find(|record| record.id == attempt.id).cloned())
            }
            Details::InRun(run) => run.details(attempt).map(Some),
        }
    }

    /// The groups of one model, in the plan's order.
    pub(crate) fn groups_of(&self, model: &str) -> Vec<&GroupSummary> {
        self.summary.groups.iter().filter(|group| group.model == model).collect()
    }

    /// The levels of one model, easiest first; empty when there are not several.
    pub(crate) fn levels_of(&self, model: &str) -> Vec<&GroupSummary> {
        self.summary.levels.iter().filter(|group| group.model == model).collect()
    }

    /// The attempts behind a group.
    pub(crate) fn attempts_of(&self, group: &GroupSummary) -> Vec<&'a Attempt> {
        match (&group.fixture, group.level) {
            (Some(fixture), _) => self.ordered.of_fixture(&group.model, fixture).to_vec(),
            (None, None) => self.ordered.of_model(&group.model).to_vec(),
            (None, level) => {
                let parts = self.groups_of(&group.model).into_iter();
                let parts = parts.filter(|part| part.level == level);
                parts.flat_map(|part| self.attempts_of(part)).collect()
            }
        }
    }

    /// `scored/planned`. A shard does not know what is planned for a group: it says what it did.
    pub(crate) fn runs(&self, group: &GroupSummary) -> String {
        let scored = group.statuses.get(AttemptStatus::Scored.as_str()).copied().unwrap_or(0);
        let plan = &self.manifest.plan;
        let groups = match group.fixture {
            Some(_) => 1,
            None => {
                let groups = self.groups_of(&group.model);
                let counts =
                    |part: &&&GroupSummary| group.level.is_none() || part.level == group.level;
                groups.iter().filter(counts).count() as u64
            }
        };
        let planned = match plan.shard {
            Some(_) => group.attempts,
            None => (u64::from(plan.runs_of(&group.model)) * groups).max(group.attempts),
        };
        format!("{scored}/{planned}")
    }

    /// True when the group is one answer, several times.
    pub(crate) fn repeats_one_answer(&self, group: &GroupSummary) -> bool {
        group.fixture.is_some()
            && summary::repeats_one_answer(&summary::scored(&self.attempts_of(group)))
    }

    /// Why nothing is known about whether the group's answers compile.
    pub(crate) fn why_compiles_is_unknown(&self, group: &GroupSummary) -> Option<String> {
        let scored = summary::scored(&self.attempts_of(group));
        if scored.is_empty() {
            return Some(summary::NOTHING_SCORED.to_owned());
        }
        let unknown = scored.iter().filter(|record| record.compiles.is_none());
        let reasons: Vec<_> = unknown.map(|record| summary::reason(record, "compiles")).collect();
        summary::most_frequent(&reasons, scored.len())
    }

    /// True when the test judges types, so that `compiles` means something.
    pub(crate) fn has_compiles(&self) -> bool {
        self.manifest.roles.contains_key("types")
            || self.attempts().iter().any(|record| record.compiles.is_some())
    }

    /// True when the test judges structure, so that `ast_score` means something.
    pub(crate) fn has_ast_score(&self) -> bool {
        self.manifest.roles.contains_key("structure")
            || self.attempts().iter().any(|record| record.ast_score.is_some())
    }

    /// `1 timeout, 2 infra errors`; `None` when every attempt was scored.
    pub(crate) fn failures(statuses: &BTreeMap<String, u64>) -> Option<String> {
        let parts: Vec<_> = FAILURES
            .iter()
            .filter_map(|(status, one, many)| {
                let n = *statuses.get(status.as_str())?;
                Some(format!("{n} {}", if n == 1 { one } else { many }))
            })
            .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// What was lost in a group, for each status with its first error: `1 timeout (no answer …)`.
    pub(crate) fn failures_with_errors(&self, group: &GroupSummary) -> Vec<String> {
        let attempts = self.attempts_of(group);
        let describe = |(status, one, many): &(AttemptStatus, &str, &str)| {
            let lost = attempts.iter().filter(|record| record.status == *status);
            let n = lost.clone().count();
            let error = lost.filter_map(|record| record.errors.first()).next();
            // What only repeats the status says nothing.
            let error = error.filter(|error| error[..] != **one);
            let because = error.map_or_else(String::new, |error| format!(" ({error})"));
            (n > 0).then(|| format!("{n} {}{because}", if n == 1 { one } else { many }))
        };
        FAILURES.iter().filter_map(describe).collect()
    }
}
