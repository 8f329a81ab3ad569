//! Every shipped fixture through the real validators: the solution reaches 10.0,
//! the input and every mutant stay below what the fixture allows.
//!
//! No behaviour tests are run here. A mutant that only they can catch is judged
//! once more as if they had failed; `llmbench fixtures check` runs them.

#![expect(
    clippy::print_stderr,
    reason = "the scores and the reason for skipping are for whoever runs the tests"
)]

use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Instant;

use llmbench_api::{
    Answer, CallContext, CancelGuard, Case, Control, DoneReason, ErrorKind, Findings,
    FindingsStatus, Fixture, Generation, History, Json, PastStep, Step, TestType, Validator,
    Verdict,
};
use llmbench_plugin_refactoring::{BEHAVIOUR, Refactoring, STRUCTURE, TYPES};
use llmbench_plugin_ts_ast::TsAst;
use llmbench_plugin_tsc::Tsc;

#[test]
fn references_score_what_their_fixture_states() {
    let Some(judges) = &*JUDGES else { return };
    let fixtures = Mutex::new(Refactoring.shipped_fixtures());
    let next = || fixtures.lock().unwrap().pop();
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(fixture) = next() {
                    let found = wrong_references(judges, &fixture);
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with the scores of a fixture's references, one text for each.
fn wrong_references(judges: &Judges, fixture: &Fixture) -> Vec<String> {
    let case = match Refactoring.load(fixture) {
        Ok(case) => case,
        Err(error) => return vec![error.to_string()],
    };
    let mut wrong = Vec::new();
    for reference in Refactoring.references(&case).unwrap() {
        let (mut verdict, history) = judges.attempt(&case, &reference.answer);
        let mut score = verdict.score.expect("every role that is required was judged");
        let mut note = "";
        if score > reference.max_score && reference.max_score <= 2.0 && has_spec(&case) {
            verdict = with_failed_behaviour(&case, history);
            score = verdict.score.expect("every role that is required was judged");
            note = " if its behaviour tests fail";
        }
        let name = format!("{} {}", fixture.name, reference.name);
        let (min, max) = (reference.min_score, reference.max_score);
        eprintln!("{name:<52} {score:>5.2} (allowed {min:>4.1} to {max:>4.1}){note}");
        if !(min..=max).contains(&score) {
            wrong.push(format!("{name} scores {score}: {:#?}", verdict.errors));
        }
    }
    wrong
}

#[test]
fn other_good_solutions_are_as_good_as_the_shipped_one() {
    let Some(judges) = &*JUDGES else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/alternatives");
    for fixture in Refactoring.shipped_fixtures() {
        let case = Refactoring.load(&fixture).unwrap();
        let Ok(files) = std::fs::read_dir(folder.join(&fixture.name)) else { continue };
        for path in files.map(|entry| entry.unwrap().path()) {
            let code = std::fs::read_to_string(&path).unwrap();
            let (verdict, _) = judges.attempt(&case, &format!("```vue\n{code}```\n"));
            assert_eq!(verdict.score, Some(10.0), "{}: {:#?}", path.display(), verdict.errors);
        }
    }
}

/// One warm type checker for all tests.
static JUDGES: LazyLock<Option<Judges>> = LazyLock::new(Judges::prepare);

struct Judges {
    types: Tsc,
    structure: TsAst,
    cx: CallContext,
}

impl Judges {
    /// The validators, or `None` after saying why they cannot be had here.
    fn prepare() -> Option<Self> {
        let data_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("toolchain");
        let judges = Self {
            types: Tsc::new(Json::Null).unwrap().in_data_dir(data_dir),
            structure: TsAst::new(Json::Null).unwrap(),
            cx: CallContext::new(Arc::new(Host(Instant::now()))),
        };
        match judges.types.prepare(&Default::default(), &judges.cx) {
            Ok(_) => Some(judges),
            Err(error) if error.kind == ErrorKind::Unavailable => {
                let must_run = std::env::var("CI").is_ok_and(|value| value == "true");
                assert!(!must_run, "the type checker cannot be had: {error}");
                eprintln!("SKIPPED: the type checker cannot be had: {error}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn attempt(&self, case: &Case, answer: &str) -> (Verdict, History) {
        let mut history = History::default();
        loop {
            let past = match Refactoring.next(case, &history).unwrap() {
                Step::Ask { requests, .. } => PastStep::Asked {
                    requests,
                    answers: vec![Answer::Answered(Generation {
                        text: answer.to_owned(),
                        done_reason: DoneReason::Stop,
                        ..Generation::default()
                    })],
                },
                Step::Validate { role, artifact } => {
                    let findings = match role.as_str() {
                        TYPES => self.types.check(&artifact, &case.project, &self.cx),
                        STRUCTURE => self.structure.check(&artifact, &case.project, &self.cx),
                        BEHAVIOUR => Ok(Findings::skipped("no validator plays this role here")),
                        other => panic!("unknown role `{other}`"),
                    };
                    PastStep::Validated { role, artifact, findings: Box::new(findings.unwrap()) }
                }
                Step::Done { verdict } => return (*verdict, history),
                other => panic!("unexpected step {other:?}"),
            };
            history.steps.push(past);
        }
    }
}

fn has_spec(case: &Case) -> bool {
    case.project.files.contains_key("spec.ts")
}

/// The verdict on the same findings, had the behaviour tests failed.
fn with_failed_behaviour(case: &Case, mut history: History) -> Verdict {
    for step in &mut history.steps {
        if let PastStep::Validated { role, findings, .. } = step
            && role == BEHAVIOUR
        {
            **findings = Findings { status: FindingsStatus::Failed, ..Findings::default() };
        }
    }
    match Refactoring.next(case, &history).unwrap() {
        Step::Done { verdict } => *verdict,
        other => panic!("unexpected step {other:?}"),
    }
}

struct Host(Instant);

impl Control for Host {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn deadline_ns(&self) -> Option<u64> {
        None
    }

    fn is_cancelled(&self) -> bool {
        false
    }

    fn progress(&self, _fraction: Option<f64>, _message: &str) {}

    fn on_cancel(&self, _wake: Box<dyn FnOnce() + Send>) -> CancelGuard {
        CancelGuard::noop()
    }
}
