//! `llmbench fixtures list|check`.

use std::sync::Arc;

use comfy_table::{Table, presets};
use llmbench_api::{
    Backend, CallContext, Case, Error, ErrorKind, EventSink, GenerateRequest, Generation,
    ModelIdentity, ModelSummary, Reference, ServerInfo, TestType,
};
use llmbench_engine::{CancelToken, Observer, RolePlayer, Session, judge};
use serde::Serialize;

use super::run::preflight;
use crate::args::{FixturesArgs, Format, GlobalArgs};
use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::wiring::Wiring;
use crate::{fixtures, output, progress, wiring};

/// Scores are compared with this tolerance; they are sums of decimal fractions.
const TOLERANCE: f64 = 1e-9;

pub(crate) fn list(global: &GlobalArgs, args: &FixturesArgs) -> Result<ExitCode> {
    let mut wiring = Wiring::new(global, wiring::settings(global, &args.settings)?);
    let test = wiring.test()?;
    let found = fixtures::find(wiring.test_name(), &*test, &wiring.settings().fixtures)?;
    match args.format {
        Format::Json => {
            let rows: Vec<_> = found.iter().map(|found| serde_json::json!({"name": found.fixture.name, "origin": found.origin, "files": found.fixture.files.keys().collect::<Vec<_>>()})).collect();
            output::json(&rows);
        }
        Format::Text => {
            let mut table = Table::new();
            table.load_style(presets::NOTHING).set_header(["name", "files", "from"]);
            for found in &found {
                table.add_row([
                    found.fixture.name.clone(),
                    found.fixture.files.len().to_string(),
                    found.origin.clone(),
                ]);
            }
            output::result(&table.to_string());
        }
    }
    Ok(ExitCode::Done)
}

/// One reference answer and what came of it.
#[derive(Debug, Serialize)]
struct Outcome {
    fixture: String,
    answer: String,
    score: Option<f64>,
    min_score: f64,
    max_score: f64,
    ok: bool,
    reason: Option<String>,
}

pub(crate) fn check(global: &GlobalArgs, args: &FixturesArgs) -> Result<ExitCode> {
    let mut wiring = Wiring::new(global, wiring::settings(global, &args.settings)?);
    let test = wiring.test()?;
    let players = wiring.roles(&test.describe())?;
    wiring.check_plugin_settings()?;
    let found = fixtures::find(wiring.test_name(), &*test, &wiring.settings().fixtures)?;
    let observer = progress::observer(global.quiet);
    let cancel = CancelToken::default();
    let preflight = preflight(&observer, &cancel);
    let files: Vec<_> = found.into_iter().map(|found| found.fixture).collect();
    let cases = preflight.cases(&*test, &files)?;
    let (roles, records) = preflight.roles(players, &cases)?;
    let missing = test
        .describe()
        .roles
        .into_iter()
        .filter(|spec| spec.required)
        .find_map(|spec| Some((records.get(&spec.role)?.skipped.clone()?, spec.role)));
    if let Some((reason, role)) = missing {
        return Err(CliError::not_ready(format!(
            "fixtures cannot be checked without the role `{role}`: {reason}"
        )));
    }
    let session = session(&wiring, Arc::clone(&test), roles, &observer, &cancel);
    let mut outcomes = Vec::new();
    for case in &cases {
        let references = test.references(case)?;
        if references.is_empty() {
            output::warning(&format!("fixture `{}` has no reference answers to check", case.name));
        }
        for reference in references {
            outcomes.push(outcome(&session, case, reference));
        }
    }
    drop(observer);
    show(&outcomes, args.format);
    let failed = outcomes.iter().filter(|outcome| !outcome.ok).count();
    if failed == 0 {
        return Ok(ExitCode::Done);
    }
    Err(CliError::not_ready(format!(
        "{failed} of {} reference answers do not score as the fixture says",
        outcomes.len()
    )))
}

fn outcome(session: &Session, case: &Case, reference: Reference) -> Outcome {
    let judged = judge(session, case, &reference.answer);
    let (score, reason) = match judged {
        Ok((verdict, _)) => {
            let reason =
                verdict.missing.get("score").cloned().or_else(|| verdict.errors.first().cloned());
            (verdict.score, reason)
        }
        Err(error) => (None, Some(error.to_string())),
    };
    let fits = |score: f64| {
        score >= reference.min_score - TOLERANCE && score <= reference.max_score + TOLERANCE
    };
    Outcome {
        fixture: case.name.clone(),
        answer: reference.name,
        score,
        min_score: reference.min_score,
        max_score: reference.max_score,
        ok: score.is_some_and(fits),
        reason,
    }
}

fn show(outcomes: &[Outcome], format: Format) {
    if format == Format::Json {
        output::json(&outcomes);
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["", "fixture", "answer", "score", "must be"]);
    for outcome in outcomes {
        let limits = if outcome.min_score > 0.0 {
            format!("≥ {}", outcome.min_score)
        } else {
            format!("≤ {}", outcome.max_score)
        };
        let score = outcome.score.map_or_else(|| "–".into(), |score| format!("{score:.2}"));
        let mark = if outcome.ok { "ok" } else { "FAILED" };
        table.add_row([
            mark.to_owned(),
            outcome.fixture.clone(),
            outcome.answer.clone(),
            score,
            limits,
        ]);
    }
    output::result(&table.to_string());
    for outcome in outcomes.iter().filter(|outcome| !outcome.ok) {
        let reason = outcome.reason.as_deref().unwrap_or("the score is outside its limits");
        output::warning(&format!("{} {}: {reason}", outcome.fixture, outcome.answer));
    }
}

fn session(
    wiring: &Wiring,
    test: Arc<dyn TestType>,
    roles: std::collections::BTreeMap<String, RolePlayer>,
    observer: &Arc<dyn Observer>,
    cancel: &CancelToken,
) -> Session {
    Session {
        description: test.describe(),
        test,
        backend: Arc::new(NoModel),
        monitors: Vec::new(),
        unavailable_monitors: Vec::new(),
        roles,
        options: wiring.settings().run.clone(),
        process_id: std::sync::Mutex::default(),
        cancel: cancel.clone(),
        observer: Arc::clone(observer),
    }
}

/// Judging existing answers needs no model.
struct NoModel;

impl NoModel {
    fn refuse<T>() -> llmbench_api::Result<T> {
        Err(Error::new(ErrorKind::Unsupported, "no model takes part in this command"))
    }
}

impl Backend for NoModel {
    fn probe(&self, _: &CallContext) -> llmbench_api::Result<ServerInfo> {
        Self::refuse()
    }

    fn models(&self, _: &CallContext) -> llmbench_api::Result<Vec<ModelSummary>> {
        Self::refuse()
    }

    fn identify(&self, _: &str, _: &CallContext) -> llmbench_api::Result<ModelIdentity> {
        Self::refuse()
    }

    fn generate(
        &self,
        _: &GenerateRequest,
        _: &dyn EventSink,
        _: &CallContext,
    ) -> llmbench_api::Result<Generation> {
        Self::refuse()
    }
}
