//! Prints how often `tsc` and `tsc-native` agree, and how fast each is.
//!
//!     cargo run --release -p llmbench-plugin-tsc --example native_agreement [FOLDER] [WORKERS]
//!
//! Judges every answer of a folder of fixtures: inputs, expected ones, mutants.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use llmbench_api::{Artifact, CallContext, CancelGuard, Control, Findings, Project, Validator};
use llmbench_plugin_tsc::Tsc;
use serde_json::json;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

struct Answer {
    name: String,
    artifact: Artifact,
    project: Arc<Project>,
}

fn main() -> Result<(), AnyError> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "fixtures/refactoring".to_owned());
    let workers: usize = arguments.next().map_or(Ok(2), |workers| workers.parse())?;
    let mut answers = Vec::new();
    for fixture in folders(Path::new(&folder))? {
        read_fixture(&fixture, &mut answers)?;
    }
    let settings = json!({ "workers": workers });
    let mut out = std::io::stdout();
    let mut judge = |name: &str, tsc: &Tsc| -> Result<Vec<Findings>, AnyError> {
        let findings = judge_all(tsc, &answers, workers)?;
        let begin = Instant::now();
        judge_all(tsc, &answers, workers)?;
        let rate = answers.len() as f64 / begin.elapsed().as_secs_f64();
        writeln!(out, "{name}: {rate:.1} answers/s on {workers} worker(s)")?;
        Ok(findings)
    };
    let script = judge("tsc", &Tsc::new(settings.clone())?)?;
    let native = judge("tsc-native", &Tsc::native(settings)?)?;

    let (mut agreed, mut same_checks) = (0, 0);
    for ((answer, script), native) in answers.iter().zip(&script).zip(&native) {
        let (script, native) = (verdict(script), verdict(native));
        same_checks += usize::from(script.0 == native.0);
        if script == native {
            agreed += 1;
        } else {
            writeln!(out, "{}\n  tsc        {script:?}\n  tsc-native {native:?}", answer.name)?;
        }
    }
    let all = answers.len();
    writeln!(out, "{same_checks} of {all} verdicts are equal")?;
    writeln!(out, "{agreed} of {all} are equal in all counts of errors and identifiers as well")?;
    Ok(())
}

/// What a score depends on: the checks, the numbers of errors, and the type coverage.
fn verdict(findings: &Findings) -> (Vec<(String, bool)>, BTreeMap<String, f64>) {
    let checks = findings.checks.iter().map(|check| (check.name.clone(), check.passed)).collect();
    let mut measured = findings.measurements.clone();
    measured.retain(|name, _| !matches!(name.as_str(), "check_sec" | "worker_rss_bytes"));
    (checks, measured)
}

fn judge_all(tsc: &Tsc, answers: &[Answer], workers: usize) -> Result<Vec<Findings>, AnyError> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, Findings)>, AnyError> {
        let cx = CallContext::new(Arc::new(Host(Instant::now())));
        let mut done = Vec::new();
        while let Some((index, answer)) = {
            let index = next.fetch_add(1, Ordering::SeqCst);
            answers.get(index).map(|answer| (index, answer))
        } {
            let findings = tsc.check(&answer.artifact, &answer.project, &cx)?;
            findings.kept_files.iter().try_for_each(std::fs::remove_file)?;
            done.push((index, findings));
        }
        Ok(done)
    };
    let mut all = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|done| done.map_err(|_| "a thread panicked")?).collect::<Result<Vec<_>, _>>()
    })?
    .concat();
    all.sort_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, findings)| findings).collect())
}

fn read_fixture(folder: &Path, answers: &mut Vec<Answer>) -> Result<(), AnyError> {
    let Ok(manifest) = std::fs::read_to_string(folder.join("fixture.json")) else { return Ok(()) };
    let manifest: serde_json::Value = serde_json::from_str(&manifest)?;
    if manifest.get("project").is_some() {
        return Ok(());
    }
    let name = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let targets: Vec<String> = match manifest["targets"].as_array() {
        Some(targets) => targets.iter().filter_map(name).collect(),
        None => vec![name(&manifest["target"]).unwrap_or_else(|| "Component.vue".to_owned())],
    };
    let mut project = Project::default();
    if let Ok(probe) = std::fs::read_to_string(folder.join("probe.ts")) {
        project.files.insert("probe.ts".to_owned(), probe);
    }
    let support = folder.join("support");
    if support.is_dir() {
        project.files.extend(texts(&support, &support)?);
    }
    let project = Arc::new(project);
    let whole = read_answer(&folder.join("expected"), &targets)?;
    let whole =
        if whole.is_empty() { read_answer(&folder.join("expected.vue"), &targets)? } else { whole };
    let mut paths = vec![
        folder.join("input.vue"),
        folder.join("input"),
        folder.join("expected.vue"),
        folder.join("expected"),
    ];
    if let Ok(mutants) = std::fs::read_dir(folder.join("mutants")) {
        paths.extend(mutants.flatten().map(|mutant| mutant.path()));
    }
    paths.sort();
    for path in paths.into_iter().filter(|path| path.exists()) {
        let mut files = read_answer(&path, &targets)?;
        if path.parent().is_some_and(|parent| parent.ends_with("mutants")) && path.is_dir() {
            for (name, text) in &whole {
                files.entry(name.clone()).or_insert_with(|| text.clone());
            }
        }
        let entry = targets.iter().chain(files.keys()).find(|name| files.contains_key(*name));
        let Some(entry) = entry.cloned() else { continue };
        let artifact = Artifact { entry, files };
        answers.push(Answer {
            name: path.display().to_string(),
            artifact,
            project: Arc::clone(&project),
        });
    }
    Ok(())
}

/// The files of an answer: those of a folder, or one file under the first target's name.
fn read_answer(path: &Path, targets: &[String]) -> Result<BTreeMap<String, String>, AnyError> {
    if path.is_dir() {
        return texts(path, path);
    }
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(BTreeMap::from([(targets[0].clone(), text)])),
        Err(_) => Ok(BTreeMap::new()),
    }
}

fn texts(folder: &Path, root: &Path) -> Result<BTreeMap<String, String>, AnyError> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(texts(&path, root)?);
        } else {
            let name = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
            found.insert(name, std::fs::read_to_string(&path)?);
        }
    }
    Ok(found)
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>, AnyError> {
    let entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut found: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    Ok(found)
}

/// A host that waits as long as it takes.
struct Host(Instant);

impl Control for Host {
    fn now_ns(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }

    fn deadline_ns(&self) -> Option<u64> {
        None
    }

    fn is_cancelled(&self) -> bool {
        false
    }

    fn progress(&self, _fraction: Option<f64>, message: &str) {
        let _ = writeln!(std::io::stderr(), "{message}");
    }

    fn on_cancel(&self, _wake: Box<dyn FnOnce() + Send>) -> CancelGuard {
        CancelGuard::noop()
    }
}
