//! Which runs are shown.

use jiff::Timestamp;
use llmbench_api::record::RunStatus;
use llmbench_report::history::RunEntry;

/// What a run must have; empty lists ask for nothing.
///
/// Words are looked for in names, without regard to case; of several words for
/// one field any may match, and every field that asks for something must.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// In the name of one of its models.
    pub(crate) models: Vec<String>,
    /// In the name of one of its fixtures.
    pub(crate) fixtures: Vec<String>,
    /// In its test type.
    pub(crate) tests: Vec<String>,
    /// In its label or the name of its folder.
    pub(crate) names: Vec<String>,
    /// How it ended.
    pub(crate) statuses: Vec<RunStatus>,
    /// Started then or later.
    pub(crate) since: Option<Timestamp>,
    /// Started before then.
    pub(crate) until: Option<Timestamp>,
}

impl Filter {
    /// Whether the run is one of them.
    pub(crate) fn takes(&self, run: &RunEntry) -> bool {
        let models = run.models.iter().any(|model| has(&self.models, &model.name));
        let fixtures = run.fixtures.iter().any(|fixture| has(&self.fixtures, &fixture.name));
        let name = run.name.as_deref().unwrap_or_default();
        (self.models.is_empty() || models)
            && (self.fixtures.is_empty() || fixtures)
            && has(&self.tests, &run.test)
            && (has(&self.names, name) || has(&self.names, &run.folder))
            && (self.statuses.is_empty() || self.statuses.contains(&run.status))
            && self.is_in_time(&run.started_at)
    }

    /// Whether the fixture is one that was asked for.
    pub(crate) fn takes_fixture(&self, name: &str) -> bool {
        has(&self.fixtures, name)
    }

    /// A run whose start cannot be read is in no span of time.
    fn is_in_time(&self, started_at: &str) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        let Ok(started) = started_at.parse::<Timestamp>() else { return false };
        self.since.is_none_or(|since| started >= since)
            && self.until.is_none_or(|until| started < until)
    }
}

fn has(words: &[String], text: &str) -> bool {
    let text = text.to_lowercase();
    words.is_empty() || words.iter().any(|word| text.contains(&word.to_lowercase()))
}
