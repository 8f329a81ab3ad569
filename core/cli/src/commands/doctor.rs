//! `llmbench doctor`: every precondition of a run, one line each, with the fix.

use std::sync::Arc;
use std::time::Duration;

use llmbench_api::record::MonitorRecord;
use llmbench_api::{Backend, GenerateOptions, GenerateRequest, TestType};
use llmbench_engine::call::bounded;
use llmbench_engine::control::quiet_context;
use llmbench_engine::journal::Journal;
use llmbench_engine::session::{MonitorOrigin, NamedMonitor};
use llmbench_engine::{CancelToken, RolePlayer};
use serde::Serialize;

use super::run::preflight;
use crate::args::{DoctorArgs, Format, GlobalArgs};
use crate::choice::{Choice, SAMPLE};
use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::wiring::Wiring;
use crate::{fixtures, output, progress, wiring};

/// For each question to the server; the checks run side by side, so the whole takes under 10 s.
const SERVER_LIMIT: Duration = Duration::from_secs(4);

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Health {
    Ok,
    Warning,
    Failed,
}

/// One line of the result.
#[derive(Debug, Clone, Serialize)]
struct Line {
    health: Health,
    what: String,
    found: String,
    fix: Option<String>,
}

impl Line {
    fn ok(what: &str, found: impl Into<String>) -> Self {
        Self { health: Health::Ok, what: what.into(), found: found.into(), fix: None }
    }

    fn warning(what: &str, found: impl Into<String>, fix: Option<String>) -> Self {
        Self { health: Health::Warning, what: what.into(), found: found.into(), fix }
    }

    fn failed(what: &str, error: impl Into<CliError>) -> Self {
        let error = error.into();
        Self { health: Health::Failed, what: what.into(), found: error.message, fix: error.hint }
    }
}

pub(crate) fn doctor(global: &GlobalArgs, args: &DoctorArgs) -> Result<ExitCode> {
    let mut wiring = Wiring::new(global, wiring::settings(global, &args.settings)?);
    if args.calibrate {
        return super::calibrate::calibrate(global, &mut wiring, args.format);
    }
    if !args.fix {
        // Looking must not change the machine.
        for validator in ["tsc", "tsc-native", "vitest"] {
            wiring.default_plugin_setting(validator, "install", false);
        }
    }
    let choice = match wiring.choose_with_model(&CancelToken::default()) {
        // What is wrong with the server is one line among others.
        Err(error) if error.code == ExitCode::NotReady => wiring.choose(&CancelToken::default())?,
        choice => choice?,
    };
    let mut lines = vec![out_folder(&wiring)];
    lines.extend(choice.by_default.as_ref().map(|choice| Line::ok("default choice", choice)));
    let test = note(&mut lines, "test plugin", wiring.test());
    let backend = note(&mut lines, "backend plugin", wiring.backend(&choice.backend));
    let monitors = note(&mut lines, "monitor plugins", wiring.monitors());
    let roles = test
        .as_ref()
        .and_then(|test| note(&mut lines, "validator plugins", wiring.roles(&test.describe())));
    let _ = note(&mut lines, "plugin settings", wiring.check_sections());
    if lines.iter().all(|line| line.health == Health::Ok) {
        let names: Vec<_> = wiring.records().iter().map(|record| record.name.clone()).collect();
        lines.push(Line::ok("plugins load", names.join(", ")));
    }

    let test_name = wiring.test_name().to_owned();
    let named_fixtures = wiring.settings().fixtures.clone();
    let (server, tools, hardware) = std::thread::scope(|scope| {
        let server = scope
            .spawn(|| backend.map(|backend| server_lines(&backend, &choice)).unwrap_or_default());
        let tools = scope.spawn(|| match (test, roles) {
            (Some(test), Some(roles)) => {
                tool_lines(global, &test_name, &*test, roles, &named_fixtures, args.fix)
            }
            _ => Vec::new(),
        });
        let hardware = scope.spawn(|| monitors.map(hardware_lines).unwrap_or_default());
        let lines = |handle: std::thread::ScopedJoinHandle<'_, Vec<Line>>| {
            handle.join().unwrap_or_else(|_| {
                vec![Line::failed(
                    "doctor",
                    CliError::new(ExitCode::Unexpected, "a check panicked"),
                )]
            })
        };
        (lines(server), lines(tools), lines(hardware))
    });
    lines.extend(server.into_iter().chain(tools).chain(hardware));
    show(&lines, args.format);
    let ready = lines.iter().all(|line| line.health != Health::Failed);
    Ok(if ready { ExitCode::Done } else { ExitCode::NotReady })
}

/// The value, or a line that says why there is none.
fn note<T>(lines: &mut Vec<Line>, what: &str, result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            lines.push(Line::failed(what, error));
            None
        }
    }
}

fn out_folder(wiring: &Wiring) -> Line {
    let out = &wiring.settings().out;
    match Journal::check_writable(out) {
        Ok(()) => Line::ok("results folder", format!("{} is writable", out.display())),
        Err(error) => Line::failed("results folder", error),
    }
}

/// Server, models, and whether they answer.
fn server_lines(backend: &Arc<dyn Backend>, choice: &Choice) -> Vec<Line> {
    let cancel = CancelToken::default();
    let within = || quiet_context(&cancel, Some(SERVER_LIMIT));
    let probe = Arc::clone(backend);
    let info = match bounded("probing the backend", &within(), move |cx| probe.probe(cx)) {
        Ok(info) => info,
        Err(error) => {
            return vec![Line::failed("server", choice.explain(error, Vec::new))];
        }
    };
    let version = info.version.value.unwrap_or_else(|| "of unknown version".into());
    let mut lines =
        vec![Line::ok("server", format!("{} {version} ({})", info.name, info.location))];
    lines.extend(info.notes.into_iter().map(|note| Line::ok("server", note)));
    for model in &choice.models {
        let (identify, name) = (Arc::clone(backend), model.clone());
        match bounded("identifying a model", &within(), move |cx| identify.identify(&name, cx)) {
            Ok(_) => lines.push(answer_line(backend, model)),
            Err(error) => {
                let list = Arc::clone(backend);
                let listed = || bounded("listing models", &within(), move |cx| list.models(cx));
                let names = || {
                    let models = listed().unwrap_or_default();
                    models.into_iter().map(|model| model.name).collect()
                };
                lines.push(Line::failed("model", choice.explain(error, names)));
            }
        }
    }
    if choice.has_demo_model() {
        lines.push(Line::ok(
            "model",
            format!("`{SAMPLE}` is a demo model, no reference for quality"),
        ));
    }
    lines
}

/// A one-token sample. A model that is still loading is no failure.
fn answer_line(backend: &Arc<dyn Backend>, model: &str) -> Line {
    let mut request = GenerateRequest::user("Say: ok");
    request.model = model.to_owned();
    request.options = GenerateOptions {
        max_tokens: 1,
        num_ctx: 512,
        temperature: 0.0,
        ..GenerateOptions::default()
    };
    let backend = Arc::clone(backend);
    let cx = quiet_context(&CancelToken::default(), Some(SERVER_LIMIT));
    match bounded("the backend", &cx, move |cx| backend.generate(&request, &(), cx)) {
        Ok(answer) => Line::ok(
            "model",
            format!(
                "`{model}` is installed and answers ({:.1} s for one token, loading included)",
                answer.duration_sec()
            ),
        ),
        Err(error) if error.kind == llmbench_api::ErrorKind::Timeout => Line::warning(
            "model",
            format!(
                "`{model}` is installed, but gave no answer within {} s",
                SERVER_LIMIT.as_secs()
            ),
            Some("it may still be loading: try again, or raise `--timeout` for the run".into()),
        ),
        Err(error) => Line::failed("model", error),
    }
}

/// Fixtures and the validators' tools.
fn tool_lines(
    global: &GlobalArgs,
    test_name: &str,
    test: &dyn TestType,
    roles: std::collections::BTreeMap<String, RolePlayer>,
    named: &[String],
    fix: bool,
) -> Vec<Line> {
    let observer = progress::observer(global.quiet || !fix);
    let preflight = preflight(&observer, &CancelToken::default());
    let found = match fixtures::find(test_name, test, named, fixtures::Unnamed::Default) {
        Ok(found) => found,
        Err(error) => return vec![Line::failed("fixtures", error)],
    };
    let files: Vec<_> = found.into_iter().map(|found| found.fixture).collect();
    let cases = match preflight.cases(test, &files) {
        Ok(cases) => cases,
        Err(error) => return vec![Line::failed("fixtures", error)],
    };
    let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
    let mut lines =
        vec![Line::ok("fixtures", format!("{} valid: {}", names.len(), names.join(", ")))];
    let required =
        |role: &str| test.describe().roles.iter().any(|spec| spec.role == role && spec.required);
    match preflight.roles(roles, &cases) {
        Err(error) => lines.push(Line::failed("validators", error)),
        Ok((_, records)) => {
            for (role, record) in records {
                let what = format!("role {role}");
                lines.push(match record.skipped {
                    Some(reason) if required(&role) => {
                        let (found, fix) = without_advice(&reason);
                        Line { health: Health::Failed, what, found: found.into(), fix }
                    }
                    Some(reason) => Line::warning(&what, reason, None),
                    None => {
                        let tools: Vec<_> = record
                            .info
                            .tools
                            .iter()
                            .map(|(tool, version)| format!("{tool} {version}"))
                            .collect();
                        Line::ok(
                            &what,
                            format!(
                                "{}: {}",
                                record.validator.unwrap_or_default(),
                                tools.join(", ")
                            ),
                        )
                    }
                });
                for note in record.info.notes {
                    lines.push(Line::ok(&format!("role {role}"), note));
                }
            }
        }
    }
    lines
}

/// A reason and the advice that it ends with in parentheses.
fn without_advice(reason: &str) -> (&str, Option<String>) {
    let mut open = 0;
    let start = reason.char_indices().rev().find(|(_, letter)| {
        match letter {
            ')' => open += 1,
            '(' => open -= 1,
            _ => {}
        }
        open <= 0
    });
    match start {
        Some((at, '(')) => {
            let advice = &reason[at + 1..reason.len() - 1];
            (reason[..at].trim_end(), Some(advice.to_owned()))
        }
        _ => (reason, None),
    }
}

/// What can be watched. A machine without a GPU is no failure, unless its monitor was named.
fn hardware_lines(monitors: Vec<(NamedMonitor, MonitorOrigin)>) -> Vec<Line> {
    let observer = progress::observer(true);
    let preflight = preflight(&observer, &CancelToken::default());
    let with = |wanted: MonitorOrigin| -> Vec<String> {
        let of_origin = monitors.iter().filter(|(_, origin)| *origin == wanted);
        of_origin.map(|(monitor, _)| monitor.name.clone()).collect()
    };
    let (named, of_gpus) = (with(MonitorOrigin::Named), with(MonitorOrigin::FirstWithGpu));
    let (_, mut records) = preflight.monitors(monitors);
    let is_of_gpus = |record: &MonitorRecord| of_gpus.contains(&record.name);
    let none_found = records.iter().all(|one| !is_of_gpus(one) || one.unavailable.is_some());
    if none_found && !of_gpus.is_empty() {
        // One finding, and not one for each way to look for a GPU.
        let (of_gpus, others) = records.into_iter().partition(is_of_gpus);
        records = std::iter::once(no_gpu(of_gpus)).chain(others).collect();
    } else {
        records.retain(|record| !is_of_gpus(record) || record.unavailable.is_none());
    }
    let line = |record: MonitorRecord| {
        let what = format!("monitor {}", record.name);
        match record.unavailable {
            None => {
                let devices: Vec<_> = record
                    .info
                    .devices
                    .iter()
                    .map(|device| {
                        if device.name.is_empty() { device.id.clone() } else { device.name.clone() }
                    })
                    .collect();
                Line::ok(&what, devices.join(", "))
            }
            Some(reason) if named.contains(&record.name) => {
                Line::failed(&what, CliError::not_ready(reason))
            }
            Some(reason) => Line::warning(
                &what,
                reason,
                Some(
                    "nothing, on a machine without this hardware; `--monitor none` asks for none"
                        .into(),
                ),
            ),
        }
    };
    records.into_iter().map(line).collect()
}

/// What all monitors together say that found no GPU.
fn no_gpu(records: Vec<MonitorRecord>) -> MonitorRecord {
    let reason = |record: &MonitorRecord| {
        format!("{}: {}", record.name, record.unavailable.as_deref().unwrap_or_default())
    };
    let reasons: Vec<String> = records.iter().map(reason).collect();
    MonitorRecord {
        name: "of GPUs".into(),
        unavailable: Some(reasons.join("; ")),
        ..MonitorRecord::default()
    }
}

fn show(lines: &[Line], format: Format) {
    if format == Format::Json {
        output::json(&lines);
        return;
    }
    let width = lines.iter().map(|line| line.what.len()).max().unwrap_or(0);
    for line in lines {
        let mark = match line.health {
            Health::Ok => "\u{1b}[32mok     \u{1b}[0m",
            Health::Warning => "\u{1b}[33mwarning\u{1b}[0m",
            Health::Failed => "\u{1b}[31mfailed \u{1b}[0m",
        };
        output::result(&format!("{mark} {:width$}  {}", line.what, line.found));
        if let Some(fix) = &line.fix {
            output::result(&format!("        {:width$}  fix: {fix}", ""));
        }
    }
}
