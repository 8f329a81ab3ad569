//! Kills runs at random instants, resumes them, and proves that nothing was lost or doubled.

mod proof;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::binary::{LlmbenchCommand, Output};
use proof::Witness;

/// Exit code of a process that was killed: 128 and the number of the signal.
const KILLED: i32 = 137;
/// Finished, or finished with attempts that have no score.
const DONE: [i32; 2] = [0, 4];
/// Name of the fixture that [`write_fixture`] makes.
pub const FIXTURE: &str = "./small";

/// How runs are killed.
#[derive(Debug, Clone)]
pub struct KillOptions {
    /// Processes to kill, in as many runs as it takes.
    pub kills: u32,
    /// Decides the instants.
    pub seed: u64,
    /// Attempts of one run.
    pub runs: u32,
    /// Arguments of `llmbench run` that begin a run; `--runs` and `--out` are added.
    pub arguments: Vec<String>,
}

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KillReport {
    /// Processes that were killed.
    pub kills: u32,
    /// Processes that ended by themselves before their instant came.
    pub too_late: u32,
    /// What the killed ones were doing → how many.
    pub phases: BTreeMap<&'static str, u32>,
    /// Runs that were completed and proven.
    pub runs: u32,
    /// Their attempts.
    pub attempts: usize,
    /// Wall-clock time.
    pub seconds: f64,
}

impl std::fmt::Display for KillReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let phases: Vec<_> =
            self.phases.iter().map(|(phase, count)| format!("{count} {phase}")).collect();
        write!(
            f,
            "{} kills ({}) in {} runs of together {} attempts: each attempt once, every record that \
             was whole stayed byte for byte, no half artifacts; {:.0} s",
            self.kills,
            phases.join(", "),
            self.runs,
            self.attempts,
            self.seconds
        )
    }
}

/// Writes a fixture of the test `refactoring` that needs no Node.js but for its types.
///
/// # Panics
/// When the command's directory cannot be written.
pub fn write_fixture(command: &LlmbenchCommand) {
    let vue = |script: &str, value: &str| {
        format!(
            "<script setup{script}>\nconst word{value} = 'hello'\n</script>\n\n<template>\n  <p>{{{{ word }}}}</p>\n</template>\n"
        )
    };
    for (file, text) in [
        ("input.vue", vue("", "")),
        ("expected.vue", vue(" lang=\"ts\"", ": string")),
        ("prompt.md", "Add TypeScript types:\n{{ input_code }}\n".to_owned()),
        (
            "ast_checks.json",
            r#"{"version": 1, "checks": [{"kind": "script_lang", "weight": 1}]}"#.to_owned(),
        ),
        (
            "fixture.json",
            r#"{"version": 1, "title": "One word", "level": 1, "max_scores": {"input.vue": 5}}"#
                .to_owned(),
        ),
    ] {
        command.write(Path::new(FIXTURE).join(file), &text);
    }
}

/// Kills runs until there were enough, resumes each until it is complete, and proves each.
///
/// # Panics
/// When an attempt is lost or doubled, a whole record changed, an artifact is
/// half there, or `llmbench` fails; the message says where.
pub fn kill_and_resume(command: &LlmbenchCommand, options: &KillOptions) -> KillReport {
    let start = Instant::now();
    let mut state = Killing {
        command,
        options,
        random: Random(options.seed),
        pace: Pace::measure(command, options),
        report: KillReport::default(),
    };
    while state.report.kills < options.kills {
        state.one_run();
    }
    KillReport { seconds: start.elapsed().as_secs_f64(), ..state.report }
}

struct Killing<'a> {
    command: &'a LlmbenchCommand,
    options: &'a KillOptions,
    random: Random,
    pace: Pace,
    report: KillReport,
}

impl Killing<'_> {
    /// Begins a run, kills and resumes it until it is complete, and proves it.
    fn one_run(&mut self) {
        let out = format!("results-{}", self.report.runs);
        let below = self.command.dir().join(&out);
        let mut witness = Witness::default();
        let last = loop {
            let arguments = match run_in(&below) {
                Some(dir) => vec!["run".into(), "--resume".into(), dir.display().to_string()],
                None => begin(self.options, self.options.runs, &out),
            };
            if self.report.kills >= self.options.kills {
                break self.command.run(&arguments);
            }
            let output = self.start_and_kill(&arguments, &below);
            if output.code != KILLED {
                self.report.too_late += 1;
                break output;
            }
            self.report.kills += 1;
            let dir = run_in(&below);
            let phase = match &dir {
                Some(dir) => witness.look(dir, &output),
                None => "before the run's folder was there",
            };
            *self.report.phases.entry(phase).or_default() += 1;
        };
        assert!(DONE.contains(&last.code), "{last}");
        let dir = run_in(&below).expect("a run that ended has a folder");
        self.report.attempts += witness.prove(&dir, self.options.runs, &last);
        self.report.runs += 1;
    }

    /// A quarter of the kills falls into the start, a quarter on the writing of an attempt, the
    /// rest anywhere in the attempts.
    fn start_and_kill(&mut self, arguments: &[String], below: &Path) -> Output {
        let kind = self.random.below(4);
        let fraction = self.random.fraction();
        let mut running = self.command.start(arguments);
        let pace = &self.pace;
        match kind {
            0 => std::thread::sleep(pace.start.mul_f64(fraction)),
            1 => {
                let limit = pace.start * 2 + pace.attempt * 10;
                wait_for_new_artifacts(below, limit);
                std::thread::sleep(Duration::from_millis(8).mul_f64(fraction));
            }
            _ => std::thread::sleep(pace.start + (pace.attempt * 8).mul_f64(fraction)),
        }
        running.kill();
        running.wait()
    }
}

/// How long things take here.
#[derive(Debug)]
struct Pace {
    /// Until the first attempt is written.
    start: Duration,
    /// One more attempt.
    attempt: Duration,
}

impl Pace {
    fn measure(command: &LlmbenchCommand, options: &KillOptions) -> Self {
        let out = command.dir().join("results-pace");
        let start = Instant::now();
        let running = command.start(&begin(options, 6, "results-pace"));
        wait_for_new_artifacts(&out, Duration::from_secs(120));
        let first = start.elapsed();
        let output = running.wait();
        assert!(DONE.contains(&output.code), "{output}");
        Self { start: first, attempt: start.elapsed().saturating_sub(first) / 6 }
    }
}

fn begin(options: &KillOptions, runs: u32, out: &str) -> Vec<String> {
    let more = ["--runs".to_owned(), runs.to_string(), "--out".to_owned(), out.to_owned()];
    [&["run".to_owned()][..], &options.arguments, &more].concat()
}

/// The run below `out`; a folder without manifest belongs to a process that was killed at once.
fn run_in(out: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(out).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|dir| dir.join("run.json").is_file())
}

fn wait_for_new_artifacts(below: &Path, limit: Duration) {
    let count = || {
        let dir = run_in(below)?;
        Some(std::fs::read_dir(dir.join("artifacts")).ok()?.count())
    };
    let (start, before) = (Instant::now(), count().unwrap_or(0));
    while start.elapsed() < limit && count().unwrap_or(0) <= before {
        std::thread::sleep(Duration::from_micros(300));
    }
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// 0 to 1.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
