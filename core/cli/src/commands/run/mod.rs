//! `llmbench run`: prepare, plan, execute, finish.

mod finish;
mod manifest;
mod prepare;

use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, Ordering};

use llmbench_engine::journal::Journal;
use llmbench_engine::run::RunInput;
use llmbench_engine::{CancelToken, RunEvent};

use crate::args::{GlobalArgs, RunArgs};
use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::wiring::Wiring;
use crate::{output, progress, settings, wiring};

use finish::{finish, show_plan};
use manifest::plan;
pub(crate) use prepare::preflight;
use prepare::prepare;

pub(crate) fn run(global: &GlobalArgs, args: &RunArgs, argv: &[OsString]) -> Result<ExitCode> {
    let settings = wiring::with_flags(global, settings::run_layer(args)?)?;
    Journal::check_writable(&settings.out)?;
    let cancel = CancelToken::default();
    stop_on_interrupt(&cancel, "finished attempts are kept");
    let wiring = Wiring::new(global, settings);
    let choice = wiring.choose(&cancel)?;
    if let Some(choice) = choice.by_default.as_ref().filter(|_| !global.quiet) {
        output::note(choice);
    }
    let observer = progress::observer(global.quiet);
    let prepared = prepare(wiring, choice, &observer, &cancel)?;
    let (plan, mut manifest) = plan(&prepared, argv);
    let limit = prepared.wiring.settings().fail_under;
    if let Some(limit) = limit.filter(|limit| *limit > manifest.max_score) {
        let message =
            format!("--fail-under {limit} can never be met: scores end at {}", manifest.max_score);
        return Err(CliError::usage(message));
    }
    if cancel.is_cancelled() {
        return Err(CliError::new(ExitCode::Interrupted, "interrupted before the first attempt"));
    }
    for warning in &manifest.warnings {
        observer.event(&RunEvent::Warning { message: warning });
    }
    if args.dry_run {
        drop(observer);
        show_plan(&plan, &manifest, args.format);
        return Ok(ExitCode::Done);
    }
    manifest.plugins = prepared.wiring.records();
    let out = prepared.wiring.settings().out.clone();
    let attempts: Vec<_> = plan
        .attempts
        .iter()
        .map(|attempt| {
            let model = plan.record.models[attempt.model].as_str();
            (model, plan.record.fixtures[attempt.case].as_str())
        })
        .collect();
    observer.event(&RunEvent::Planned { attempts: &attempts });
    let input = RunInput {
        session: &prepared.session,
        plan: &plan,
        cases: &prepared.cases,
        manifest,
        out: &out,
    };
    let outcome = llmbench_engine::run::run(input)?;
    finish(prepared, outcome, args)
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
