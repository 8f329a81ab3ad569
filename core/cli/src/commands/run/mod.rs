//! `llmbench run`: prepare, plan, execute, finish.

mod difference;
mod finish;
mod manifest;
mod prepare;
mod resume;
mod until_ci;

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use llmbench_api::record::AttemptRecord;
use llmbench_engine::journal::{Journal, JournalError, Recovered};
use llmbench_engine::plan::{Plan, PlannedAttempt};
use llmbench_engine::run::{Earlier, More, RunInput};
use llmbench_engine::{CancelToken, Observer, RunEvent};

use crate::args::{GlobalArgs, RunArgs};
use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::wiring::Wiring;
use crate::{output, progress, settings, wiring};

pub(crate) use difference::differences;
pub(crate) use finish::lost;
use finish::{finish, nothing_missing, show_plan};
pub(crate) use manifest::run_id;
use manifest::{plan, plans_of};
pub(crate) use prepare::preflight;
use prepare::prepare;
use resume::Resumed;
use until_ci::UntilCi;

pub(crate) fn run(global: &GlobalArgs, args: &RunArgs, argv: &[OsString]) -> Result<ExitCode> {
    let flags = settings::run_layer(args)?;
    let (resumed, settings) = match &args.resume {
        Some(name) => {
            let (resumed, settings) = Resumed::open(global, name, flags, args.dry_run)?;
            if resumed.is_complete(&settings)? {
                return nothing_missing(resumed, &settings, args, global.quiet);
            }
            (Some(resumed), settings)
        }
        None => (None, wiring::with_flags(global, flags)?),
    };
    if resumed.is_none() {
        Journal::check_writable(&settings.out)?;
    }
    let cancel = CancelToken::default();
    stop_on_interrupt(&cancel, "finished attempts are kept");
    let wiring = Wiring::new(global, settings);
    let mut choice = wiring.choose_with_model(&cancel)?;
    if let Some(resumed) = &resumed {
        choice.by_default.clone_from(&resumed.manifest.default_choice);
    }
    if let Some(choice) = choice.by_default.as_ref().filter(|_| !global.quiet) {
        output::note(choice);
    }
    let observer = progress::observer(global.quiet);
    let only = resumed.as_ref().map(|resumed| resumed.manifest.plan.fixtures.as_slice());
    let prepared = prepare(wiring, choice, only, &observer, &cancel)?;
    if let Some(choice) = prepared.gpu_choice.as_ref().filter(|_| !global.quiet) {
        output::note(choice);
    }
    let (mut plan, mut manifest) = plan(&prepared, argv);
    let limit = prepared.wiring.settings().fail_under;
    if !manifest.is_scored {
        without_scores(prepared.wiring.settings(), &manifest.test)?;
    }
    if let Some(limit) = limit.filter(|limit| *limit > manifest.max_score) {
        let message =
            format!("--fail-under {limit} can never be met: scores end at {}", manifest.max_score);
        return Err(CliError::usage(message));
    }
    let rule = UntilCi::new(prepared.wiring.settings(), &plan.record.fixtures)?;
    if cancel.is_cancelled() {
        return Err(CliError::new(ExitCode::Interrupted, "interrupted before the first attempt"));
    }
    if let Some(resumed) = &resumed {
        manifest.plugins = prepared.wiring.records();
        let (as_it_was, with_more_runs) = plans_of(&prepared, &resumed.manifest.plan);
        resumed.check(&manifest, &as_it_was)?;
        plan = with_more_runs;
        resumed.leave_missing(&mut plan)?;
        manifest = resumed.manifest(prepared.wiring.settings(), argv);
        manifest.plan = plan.record.clone();
        let (missing, all) = (plan.attempts.len(), plan.record.attempts);
        if !global.quiet {
            output::note(&format!(
                "going on with {}: {missing} of {all} attempts are missing",
                manifest.run_id
            ));
        }
    } else {
        for warning in &manifest.warnings {
            observer.event(&RunEvent::Warning { message: warning });
        }
    }
    if args.dry_run {
        drop(observer);
        show_plan(&plan, &manifest, args.format);
        return Ok(ExitCode::Done);
    }
    let (journal, earlier) = match resumed {
        Some(resumed) => {
            let recovered = resumed.recover()?;
            recovered.journal.write_manifest(&manifest)?;
            let Recovered { journal, records, superseded, .. } = recovered;
            (journal, Some(Earlier { records, superseded }))
        }
        None => {
            manifest.plugins = prepared.wiring.records();
            (Journal::create(&prepared.wiring.settings().out, &manifest)?, None)
        }
    };
    let dir = journal.dir().to_owned();
    let more = |model: &str, runs: u32, records: &[&AttemptRecord]| match &rule {
        Some(rule) => rule.more(model, runs, records),
        None => More::Enough(None),
    };
    tell_plan(&observer, &plan);
    let outcome = llmbench_engine::run::run(RunInput {
        session: &prepared.session,
        plan,
        cases: &prepared.cases,
        manifest,
        journal,
        earlier,
        more_runs: Some(&more),
    });
    let outcome = outcome.map_err(|error| {
        let command = format!("llmbench run --resume {}", dir.display());
        let cure = match &error {
            JournalError::Write { source, .. } if output::is_full(source) => "make room",
            _ => "see that the folder can be written",
        };
        CliError::from(error).hint(format!("finished attempts are kept; {cure}, then `{command}`"))
    })?;
    finish(prepared, outcome, args)
}

/// Refuses what needs scores in a test that gives none.
fn without_scores(settings: &crate::settings::Settings, test: &str) -> Result<()> {
    let given = [
        ("--fail-under", settings.fail_under.is_some()),
        ("--until-ci", settings.until_ci.is_some()),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((flag, _)) => Err(CliError::usage(format!(
            "{flag} is about scores, and the test `{test}` gives none"
        ))
        .hint(format!("leave {flag} out; `llmbench compare --fail-on-regression` judges speeds"))),
    }
}

/// Tells a display which pairs of model and fixture are still to be attempted, in order.
fn tell_plan(observer: &Arc<dyn Observer>, plan: &Plan) {
    let names = |attempt: &PlannedAttempt| {
        let model = plan.record.models[attempt.model].as_str();
        (model, plan.record.fixtures[attempt.case].as_str())
    };
    let attempts: Vec<_> = plan.attempts.iter().map(names).collect();
    observer.event(&RunEvent::Planned { attempts: &attempts });
}

/// The first Ctrl-C ends the command in order, with `kept` told to the user, the second one at once.
pub(crate) fn stop_on_interrupt(cancel: &CancelToken, kept: &'static str) {
    let (cancel, pressed) = (cancel.clone(), AtomicBool::new(false));
    let installed = ctrlc::set_handler(move || {
        if pressed.swap(true, Ordering::SeqCst) {
            std::process::exit(ExitCode::Interrupted.into());
        }
        output::note(&format!("\nstopping: {kept}; once more to stop at once"));
        // On a thread of its own: it wakes plugins, and one that blocks must not hold up the next Ctrl-C.
        let cancel = cancel.clone();
        std::thread::spawn(move || cancel.cancel());
    });
    if let Err(error) = installed {
        output::warning(&format!("Ctrl-C cannot be caught ({error}); it will end the run at once"));
    }
}
