//! Ways to look good without being good, made from every shipped fixture's own solution.
//!
//! Type checker and behaviour tests are taken to be fooled altogether: they report that all is
//! well. What is left, the text and its syntax tree, must still hold the score down.

use std::collections::BTreeMap;
use std::sync::Arc;

use llmbench_api::{
    Answer, CallContext, CancelGuard, Case, Check, Control, Findings, FindingsStatus, Generation,
    History, Json, PastStep, Step, TestType, Validator, Verdict,
};
use llmbench_plugin_refactoring::fixture::CaseData;
use llmbench_plugin_refactoring::{Refactoring, STRUCTURE};
use llmbench_plugin_ts_ast::TsAst;

type Files = BTreeMap<String, String>;

/// A fixture's entry, its solution and its input.
struct Task {
    entry: String,
    expected: Files,
    input: Files,
}

impl Task {
    /// The solution with another text in place of its component.
    fn with_entry(&self, change: impl Fn(&str) -> String) -> Files {
        let mut files = self.expected.clone();
        files.insert(self.entry.clone(), change(&self.expected[&self.entry]));
        files
    }
}

/// What a cheat hands over.
type Cheat = fn(&Task) -> Files;

/// By name.
const CHEATS: [(&str, Cheat); 14] = [
    ("ts-nocheck", |it| it.with_entry(|code| after_script_tag(code, "\n// @ts-nocheck\n"))),
    ("ts-nocheck in capitals", |it| {
        it.with_entry(|code| after_script_tag(code, "\n// @TS-NOCHECK\n"))
    }),
    ("ts-ignore", |it| it.with_entry(|code| at_script_end(code, "/* why\n * @ts-ignore */\n"))),
    ("ts-expect-error", |it| it.with_entry(|code| at_script_end(code, "//@ts-expect-errors\n"))),
    ("vue-skip", |it| it.with_entry(|code| in_template(code, "<!-- @vue-skip -->"))),
    ("vue-ignore", |it| it.with_entry(|code| in_template(code, "<!--\n@vue-ignore\n-->"))),
    ("as any", |it| it.with_entry(|code| at_script_end(code, "void (0 as any)\n"))),
    ("as never", |it| it.with_entry(|code| at_script_end(code, "void (0 as never)\n"))),
    ("as unknown as", |it| {
        it.with_entry(|code| at_script_end(code, "void (0 as unknown as string)\n"))
    }),
    ("template gutted", |it| {
        it.with_entry(|code| format!("{}<template><p /></template>\n", before_template(code)))
    }),
    ("script gutted", |it| {
        it.with_entry(|code| format!("<script setup lang=\"ts\">\n</script>\n{}", template(code)))
    }),
    ("only comments", |it| {
        it.with_entry(|code| {
            let comment = code.replace("*/", "").replace("</script>", "");
            format!("<script setup lang=\"ts\">\n/* {comment} */\nconst a: number = 1\n</script>\n<template><p>{{{{ a }}}}</p></template>\n")
        })
    }),
    ("unchanged but lang=ts", |it| typescript_in_name(it, "")),
    ("types in comments", |it| typescript_in_name(it, "\n/** @typedef {{ id: number }} User */\n")),
];

#[test]
fn no_cheat_earns_more_than_two() {
    for fixture in Refactoring.shipped_fixtures() {
        let case = Refactoring.load(&fixture).unwrap();
        let data: CaseData = serde_json::from_value(case.data.clone()).unwrap();
        let text = |path: &String| case.project.files[path].clone();
        let task = Task {
            entry: data.targets[0].clone(),
            expected: data.references[0].files.clone(),
            input: data.inputs.iter().map(|(target, path)| (target.clone(), text(path))).collect(),
        };
        let honest = judged(&case, &task.expected);
        assert_eq!(honest.score, Some(10.0), "{}: {:#?}", fixture.name, honest.errors);
        for (name, cheat) in CHEATS {
            let files = cheat(&task);
            assert_ne!(files, task.expected, "{}: {name} changes nothing", fixture.name);
            let verdict = judged(&case, &files);
            let score = verdict.score.unwrap();
            assert!(score <= 2.0, "{}: {name} scores {score}: {:#?}", fixture.name, verdict.errors);
        }
        for target in &data.targets[1..] {
            let mut files = task.expected.clone();
            files.remove(target);
            assert!(
                judged(&case, &files).score.unwrap() <= 2.0,
                "{} without {target}",
                fixture.name
            );
        }
    }
}

fn after_script_tag(code: &str, text: &str) -> String {
    let tag = code.find("<script").expect("a component has a script");
    let end = tag + code[tag..].find('>').expect("a tag ends") + 1;
    format!("{}{text}{}", &code[..end], &code[end..])
}

fn at_script_end(code: &str, text: &str) -> String {
    code.replacen("</script>", &format!("{text}</script>"), 1)
}

fn in_template(code: &str, text: &str) -> String {
    code.replacen("<template>\n", &format!("<template>\n{text}\n"), 1)
}

fn before_template(code: &str) -> &str {
    let at = code.find("\n<template").map_or(0, |at| at + 1);
    if at > 0 { &code[..at] } else { &code[code.rfind("<script").unwrap_or(0)..] }
}

fn template(code: &str) -> &str {
    let start = code.find("<template").expect("a component has a template");
    let end = code.rfind("</template>").expect("a template ends") + "</template>".len();
    &code[start..end]
}

fn typescript_in_name(task: &Task, comment: &str) -> Files {
    let mut files = task.input.clone();
    let code = files[&task.entry].replacen("<script", "<script lang=\"ts\"", 1);
    files.insert(task.entry.clone(), after_script_tag(&code, comment));
    for target in task.expected.keys().filter(|target| !task.input.contains_key(*target)) {
        files.insert(target.clone(), "export {}\n".to_owned());
    }
    files
}

/// The verdict with a type checker and behaviour tests that find nothing wrong.
fn judged(case: &Case, files: &Files) -> Verdict {
    let cx = CallContext::new(Arc::new(Host));
    let answer = Refactoring.answer_from_files(case, files).unwrap();
    let generation = Generation { text: answer, ..Generation::default() };
    let asked = PastStep::Asked { requests: vec![], answers: vec![Answer::Answered(generation)] };
    let mut history = History { steps: vec![asked], ..History::default() };
    loop {
        match Refactoring.next(case, &history).unwrap() {
            Step::Validate { role, artifact } => {
                let findings = if role == STRUCTURE {
                    TsAst::new(Json::Null).unwrap().check(&artifact, &case.project, &cx).unwrap()
                } else {
                    fooled()
                };
                history.steps.push(PastStep::Validated {
                    role,
                    artifact,
                    findings: Box::new(findings),
                });
            }
            Step::Done { verdict } => return *verdict,
            other => panic!("unexpected step {other:?}"),
        }
    }
}

fn fooled() -> Findings {
    let check = |name: &str| Check { name: name.into(), passed: true, ..Check::default() };
    Findings {
        status: FindingsStatus::Passed,
        checks: ["sfc_parses", "script_lang_ts", "compiles", "probe"].map(check).into(),
        measurements: BTreeMap::from([("type_coverage".to_owned(), 1.0)]),
        ..Findings::default()
    }
}

struct Host;

impl Control for Host {
    fn now_ns(&self) -> u64 {
        0
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
