use std::collections::BTreeMap;

use llmbench_api::{Check, Diagnostic, Findings, FindingsStatus, Severity};

use super::*;
use crate::fixture::tests::{cart, demo};

const GOOD: &str = "```vue\n<script setup lang=\"ts\">\nconst a: number = 1\n</script>\n<template><p>{{ a }}</p></template>\n```";

/// What a validator of the structure has to report for a whole score; one `any` is allowed.
const MEASURED: [(&str, f64); 12] = [
    ("any_assertion_count", 0.0),
    ("annotation_count", 3.0),
    ("edit_similarity", 0.8),
    ("template_kept", 1.0),
    ("any_count", 1.0),
    ("assertion_count", 0.0),
    ("double_assertion_count", 0.0),
    ("non_null_count", 0.0),
    ("weak_type_count", 0.0),
    ("named_parameter_count", 2.0),
    ("typed_parameter_count", 2.0),
    ("suppression_count", 0.0),
];

fn case() -> Case {
    Refactoring.load(&demo()).unwrap()
}

fn asked(answer: Answer) -> PastStep {
    PastStep::Asked { requests: vec![GenerateRequest::user("x")], answers: vec![answer] }
}

fn answered(text: &str, done_reason: DoneReason) -> PastStep {
    asked(Answer::Answered(Generation { text: text.into(), done_reason, ..Generation::default() }))
}

fn types(compiles: bool) -> Findings {
    let check = |name: &str, passed| Check {
        name: name.into(),
        passed,
        weight: 1.0,
        earned: f64::from(u8::from(passed)),
        message: None,
    };
    let error = Diagnostic {
        severity: Severity::Error,
        file: "Component.vue".into(),
        line: Some(12),
        column: Some(5),
        code: Some("TS2322".into()),
        message: "Type 'string' is not assignable.\n  Further detail".into(),
    };
    Findings {
        validator: "tsc".into(),
        status: if compiles { FindingsStatus::Passed } else { FindingsStatus::Failed },
        diagnostics: if compiles { Vec::new() } else { vec![error] },
        checks: vec![
            check("sfc_parses", true),
            check("script_lang_ts", true),
            check("compiles", compiles),
            check("probe", true),
        ],
        measurements: BTreeMap::from([("type_coverage".to_owned(), 1.0)]),
        ..Findings::default()
    }
}

fn structure(score: f64) -> Findings {
    Findings {
        validator: "ts-ast".into(),
        status: FindingsStatus::Passed,
        score: Some(score),
        checks: vec![Check {
            name: "typed_props".into(),
            weight: 2.0,
            message: Some("1 of 2".into()),
            ..Check::default()
        }],
        measurements: MEASURED.map(|(name, value)| (name.to_owned(), value)).into(),
        ..Findings::default()
    }
}

fn passed() -> Findings {
    Findings { status: FindingsStatus::Passed, ..Findings::default() }
}

/// Plays an attempt whose roles find what `findings` says.
fn play(first: PastStep, findings: [Findings; 3]) -> (Vec<String>, Verdict) {
    play_in(&case(), first, findings)
}

fn play_in(case: &Case, first: PastStep, findings: [Findings; 3]) -> (Vec<String>, Verdict) {
    let [types, structure, behaviour] = findings;
    let mut findings =
        BTreeMap::from([(TYPES, types), (STRUCTURE, structure), (BEHAVIOUR, behaviour)]);
    let mut history = History { steps: vec![first], ..History::default() };
    let mut order = Vec::new();
    loop {
        match Refactoring.next(case, &history).unwrap() {
            Step::Validate { role, artifact } => {
                assert!(artifact.files.contains_key(&artifact.entry));
                let findings = findings.remove(role.as_str()).expect("each role is judged once");
                order.push(role.clone());
                history.steps.push(PastStep::Validated {
                    role,
                    artifact,
                    findings: Box::new(findings),
                });
            }
            Step::Done { verdict } => return (order, *verdict),
            other => panic!("unexpected {other:?}"),
        }
    }
}

#[test]
fn it_asks_once_with_the_same_prompt_for_every_run() {
    let prompts: Vec<_> = [0, 7]
        .map(|run_index| {
            match Refactoring.next(&case(), &History { run_index, ..History::default() }) {
                Ok(Step::Ask { requests, .. }) => requests,
                other => panic!("unexpected {other:?}"),
            }
        })
        .into();
    assert_eq!(prompts[0], prompts[1]);
    assert!(prompts[0][0].messages[0].content.contains("Type Component.vue for Ada"));
}

#[test]
fn the_roles_are_judged_in_order_and_then_scored() {
    let (order, verdict) =
        play(answered(GOOD, DoneReason::Stop), [types(true), structure(10.0), passed()]);
    assert_eq!(verdict.metrics["level"], 2);
    assert_eq!(order, ["types", "structure", "behaviour"]);
    assert_eq!(verdict.score, Some(10.0), "{verdict:?}");
    assert_eq!(verdict.metrics["compiles"], true);
    assert_eq!(verdict.metrics["ast_score"], 10.0);
    assert_eq!(verdict.metrics["gates"]["behaviour"]["passed"], true);
    assert_eq!(verdict.metrics["score_parts"]["structure"]["weight"], 4.0);
    assert!(verdict.output.unwrap().starts_with("<script setup lang=\"ts\">"));
}

#[test]
fn a_skipped_optional_role_is_left_out_with_its_reason() {
    let skipped = Findings::skipped("no validator plays it");
    let (_, verdict) =
        play(answered(GOOD, DoneReason::Stop), [types(true), structure(10.0), skipped]);
    assert_eq!(verdict.score, Some(10.0));
    assert!(verdict.missing["behaviour"].contains("no validator plays it"));
    assert_eq!(verdict.metrics["gates"]["behaviour"]["passed"], Json::Null);
}

#[test]
fn a_skipped_required_role_means_no_score() {
    let skipped = || Findings::skipped("node is not installed");
    let (_, verdict) =
        play(answered(GOOD, DoneReason::Stop), [skipped(), structure(8.0), passed()]);
    assert_eq!(verdict.score, None);
    assert_eq!(verdict.missing["score"], "role `types` was skipped: node is not installed");
    assert!(verdict.missing.contains_key("compiles") && !verdict.metrics.contains_key("compiles"));
    assert_eq!(verdict.metrics["ast_score"], 8.0);
    let (_, verdict) = play(answered(GOOD, DoneReason::Stop), [types(true), skipped(), passed()]);
    assert_eq!(verdict.score, None);
    assert_eq!(verdict.missing["score"], "role `structure` was skipped: node is not installed");
    let unscored = Findings { score: None, ..structure(0.0) };
    let (_, verdict) = play(answered(GOOD, DoneReason::Stop), [types(true), unscored, passed()]);
    assert_eq!(verdict.score, None);
    assert!(verdict.missing["score"].contains("gave no score"));
}

#[test]
fn errors_name_place_code_gates_and_failed_checks() {
    let (_, verdict) =
        play(answered(GOOD, DoneReason::Stop), [types(false), structure(5.0), passed()]);
    assert_eq!(verdict.score, Some(4.0));
    assert_eq!(
        verdict.errors,
        [
            "Component.vue:12:5 TS2322 Type 'string' is not assignable.",
            "1 compiler error(s): at most 5.0",
            "structure: 2.0 of 4.0",
            "structure check `typed_props` failed: 1 of 2",
        ]
    );
}

#[test]
fn errors_are_bounded() {
    let mut many = types(false);
    many.diagnostics = vec![many.diagnostics[0].clone(); 200];
    let mut checks = structure(0.0);
    checks.checks = vec![checks.checks[0].clone(); 200];
    let (_, verdict) = play(answered(GOOD, DoneReason::Stop), [many, checks, passed()]);
    assert_eq!(verdict.errors.len(), 50);
    assert_eq!(verdict.errors[30], "and 170 more compiler errors");
    assert!(verdict.errors[49].starts_with("and ") && verdict.errors[49].ends_with(" more"));
}

#[test]
fn an_answer_without_code_is_worth_nothing() {
    let (order, verdict) =
        play(answered("I can't.", DoneReason::Stop), [passed(), passed(), passed()]);
    assert!(order.is_empty());
    assert_eq!((verdict.score, verdict.output), (Some(0.0), None));
    assert_eq!(verdict.errors, ["no code: the answer holds no code"]);
    assert_eq!(verdict.metrics["compiles"], false);
    assert_eq!(verdict.metrics["ast_score"], 0.0);
    assert!(!verdict.missing.contains_key("ast_score"), "{:?}", verdict.missing);
}

#[test]
fn a_failed_request_has_no_score() {
    let failed = asked(Answer::Failed(Error::new(ErrorKind::Timeout, "30 s passed")));
    let (_, verdict) = play(failed, [passed(), passed(), passed()]);
    assert_eq!(verdict.score, None);
    assert!(verdict.missing["score"].contains("30 s passed"));
    assert!(verdict.missing.contains_key("type_coverage") && verdict.metrics.len() == 1);
    let nothing = PastStep::Asked { requests: vec![], answers: vec![] };
    assert_eq!(play(nothing, [passed(), passed(), passed()]).1.score, None);
}

#[test]
fn a_cut_off_answer_is_said_to_be_so() {
    let open = GOOD.trim_end_matches('`');
    let (_, verdict) =
        play(answered(open, DoneReason::Length), [types(true), structure(10.0), passed()]);
    assert!(verdict.warnings.contains(&"answer was cut off at the token limit".to_owned()));
    assert!(verdict.warnings.iter().any(|warning| warning.contains("its block never ends")));
}

#[test]
fn a_repeated_input_and_a_near_empty_answer_are_capped() {
    let input = &demo().files["input.vue"];
    let repeated = format!("```vue\n\n{}\n```", input.replace('\n', "\n\n"));
    for answer in [repeated.as_str(), "```vue\n<script/>\n```"] {
        let (_, verdict) =
            play(answered(answer, DoneReason::Stop), [types(true), structure(10.0), passed()]);
        assert_eq!(verdict.score, Some(1.0), "{answer}");
    }
}

#[test]
fn probe_errors_cost_a_third_each_and_allowances_are_kept() {
    let mut probed = types(true);
    probed.checks[3].passed = false;
    probed.measurements.insert("probe_error_count".into(), 2.0);
    let (_, verdict) = play(answered(GOOD, DoneReason::Stop), [probed, structure(10.0), passed()]);
    assert_eq!(verdict.score, Some(8.0));
    let mut anys = structure(10.0);
    anys.measurements.insert("any_count".into(), 2.0);
    let (_, verdict) = play(answered(GOOD, DoneReason::Stop), [types(true), anys, passed()]);
    assert_eq!(verdict.score, Some(8.8));
}

#[test]
fn what_does_not_parse_is_not_taken_for_well_typed() {
    let mut broken = structure(0.0);
    broken.measurements = BTreeMap::from([("parse_error_count".to_owned(), 1.0)]);
    let (_, verdict) = play(answered(GOOD, DoneReason::Stop), [types(true), broken, passed()]);
    assert_eq!(verdict.metrics["gates"]["sfc"]["passed"], false);
    assert_eq!(verdict.metrics["score_parts"]["typedness"]["earned"], 0.0);
    assert_eq!(verdict.metrics["score_parts"]["probe"]["earned"], 0.0);
    assert!(!verdict.missing.contains_key("typedness"), "0 is what it earned");
    assert_eq!(verdict.score, Some(0.0));
}

#[test]
fn what_no_validator_counted_earns_nothing() {
    let judged = |structure: Findings| {
        play(answered(GOOD, DoneReason::Stop), [types(true), structure, passed()]).1
    };
    let parts = |verdict: &Verdict| -> Vec<String> {
        verdict.metrics["score_parts"].as_object().unwrap().keys().cloned().collect()
    };
    let whole = judged(structure(5.0));
    assert_eq!(whole.score, Some(8.0));
    assert_eq!(parts(&whole), ["probe", "structure", "typedness"]);
    assert!(whole.missing.is_empty(), "{:?}", whole.missing);
    for (name, _) in &MEASURED[4..] {
        let name = *name;
        let mut silent = structure(5.0);
        silent.measurements.remove(name);
        let verdict = judged(silent);
        let reason = format!("validator `ts-ast` in role `structure` reported no `{name}`");
        if name == "suppression_count" {
            assert_eq!(verdict.missing["suppressions"], reason);
            assert_eq!(verdict.metrics["gates"]["no_suppression"]["passed"], Json::Null);
            assert_eq!(parts(&verdict), parts(&whole));
        } else {
            assert_eq!(verdict.missing["typedness"], reason);
            assert_eq!(parts(&verdict), ["probe", "structure"], "{name}");
            assert_eq!(verdict.score, Some(7.14), "{name}");
        }
        assert_eq!(verdict.missing.len(), 1, "{:?}", verdict.missing);
    }
    let mut silent = structure(5.0);
    silent.measurements.clear();
    let verdict = judged(silent);
    assert!(verdict.missing["typedness"].contains("`any_count`, `assertion_count`, "));
    assert!(verdict.missing.contains_key("suppressions"));
}

#[test]
fn an_answer_without_parameters_has_none_that_are_untyped() {
    let mut without = structure(10.0);
    without.measurements.insert("named_parameter_count".into(), 0.0);
    without.measurements.remove("typed_parameter_count");
    let (_, verdict) = play(answered(GOOD, DoneReason::Stop), [types(true), without, passed()]);
    assert_eq!(verdict.metrics["score_parts"]["typedness"]["earned"], 1.0);
    assert_eq!(verdict.score, Some(10.0));
    let mut half = structure(10.0);
    half.measurements.insert("typed_parameter_count".into(), 1.0);
    let (_, verdict) = play(answered(GOOD, DoneReason::Stop), [types(true), half, passed()]);
    assert_eq!(verdict.metrics["score_parts"]["typedness"]["earned"], 0.5);
}

#[test]
fn behaviour_is_not_run_where_it_cannot_matter() {
    let spared = |types: Findings, structure: Findings| {
        let (order, verdict) = play(answered(GOOD, DoneReason::Stop), [types, structure, passed()]);
        assert_eq!(order, ["types", "structure"]);
        assert_eq!(verdict.metrics["gates"]["behaviour"]["passed"], Json::Null);
        verdict.missing["behaviour"].clone()
    };
    let with = |name: &str, value: f64| {
        let mut structure = structure(10.0);
        structure.measurements.insert(name.into(), value);
        structure
    };
    let reason = spared(types(true), with("suppression_count", 1.0));
    assert_eq!(reason, "not run: the gate `no_suppression` failed, which leaves no more points");
    assert!(spared(types(true), with("lost_name_count", 3.0)).contains("`code_kept`"));
    assert!(spared(types(true), with("parse_error_count", 1.0)).contains("`sfc`"));
    let mut same = with("edit_similarity", 1.0);
    same.measurements.insert("annotation_count".into(), 0.0);
    assert!(spared(types(true), same).contains("`changed`"));
    let mut untyped = types(true);
    untyped.measurements.insert("type_coverage".into(), 0.2);
    assert!(spared(untyped, structure(10.0)).contains("`honest_types`"));
    let mut nearly = types(true);
    nearly.measurements.insert("type_coverage".into(), 0.95);
    let (order, verdict) =
        play(answered(GOOD, DoneReason::Stop), [nearly, structure(10.0), passed()]);
    assert_eq!(
        (order.len(), verdict.metrics["gates"]["behaviour"]["passed"].clone()),
        (3, true.into())
    );
    assert_eq!(verdict.metrics["type_coverage"], 0.95);
}

#[test]
fn failed_behaviour_is_told_by_its_tests() {
    let failed = Findings {
        status: FindingsStatus::Failed,
        checks: vec![Check {
            name: "emits the id".into(),
            message: Some("expected 1\nstack".into()),
            ..Check::default()
        }],
        ..Findings::default()
    };
    let (_, verdict) =
        play(answered(GOOD, DoneReason::Stop), [types(true), structure(10.0), failed]);
    assert_eq!(verdict.score, Some(2.0));
    assert_eq!(verdict.errors[1], "behaviour test `emits the id` failed: expected 1");
}

#[test]
fn names_may_be_any_where_the_fixture_allows_it() {
    let mut fixture = demo();
    let score = |fixture: &Fixture| {
        let case = Refactoring.load(fixture).unwrap();
        let mut found = types(true);
        for (name, value) in
            [("identifier_count", 50.0), ("any_identifier_count", 1.0), ("type_coverage", 0.98)]
        {
            found.measurements.insert(name.into(), value);
        }
        let answer = answered(GOOD, DoneReason::Stop);
        let (_, verdict) = play_in(&case, answer, [found, structure(10.0), passed()]);
        assert_eq!(verdict.metrics["type_coverage"], 0.98);
        verdict.score
    };
    assert_eq!(score(&fixture), Some(9.94));
    let checks = r#"{ "version": 1, "allow": { "any": 1, "any_identifiers": 1 } }"#;
    fixture.files.insert("ast_checks.json".into(), checks.into());
    assert_eq!(score(&fixture), Some(10.0));
}

#[test]
fn a_silenced_error_is_an_error() {
    let mut silenced = types(true);
    silenced.measurements.insert("error_count_without_suppressions".into(), 2.0);
    let (_, verdict) =
        play(answered(GOOD, DoneReason::Stop), [silenced, structure(10.0), passed()]);
    assert_eq!(verdict.metrics["error_count"], 2);
    assert_eq!(verdict.metrics["compiles"], false);
    assert_eq!(verdict.score, Some(4.38));
}

#[test]
fn what_could_not_be_measured_says_why() {
    let mut unmeasured = types(true);
    unmeasured.measurements.clear();
    let (_, verdict) =
        play(answered(GOOD, DoneReason::Stop), [unmeasured.clone(), structure(10.0), passed()]);
    assert_eq!(verdict.score, Some(10.0));
    assert_eq!(verdict.missing["type_coverage"], "validator `tsc` reported no `type_coverage`");
    unmeasured.details = serde_json::json!({ "type_coverage": "too many files" });
    let (_, verdict) =
        play(answered(GOOD, DoneReason::Stop), [unmeasured, structure(10.0), passed()]);
    assert_eq!(verdict.missing["type_coverage"], "too many files");
}

#[test]
fn an_answer_of_several_files_may_lack_one_but_not_the_entry() {
    let case = Refactoring.load(&cart()).unwrap();
    let vue = GOOD.replace("```vue", "```vue Cart.vue");
    let whole = format!(
        "{vue}\n```ts store.ts\nexport const a: number = 1\n```\n```ts types.d.ts\nexport type A = number\n```\n"
    );
    let play = |answer: &str| {
        play_in(&case, answered(answer, DoneReason::Stop), [types(true), structure(10.0), passed()])
    };
    let (order, verdict) = play(&whole);
    assert_eq!((order.len(), verdict.score), (3, Some(10.0)), "{verdict:?}");
    let output = verdict.output.unwrap();
    assert!(
        output.contains("```vue Cart.vue\n") && output.contains("```ts types.d.ts\n"),
        "{output}"
    );
    let (order, verdict) = play(&whole.replace("```ts store.ts", "```ts other.ts"));
    assert_eq!((order.len(), verdict.score), (2, Some(2.0)));
    assert_eq!(verdict.errors[0], "the answer has no `store.ts`: at most 2.0");
    assert_eq!(verdict.metrics["gates"]["sfc"]["passed"], false);
    let (order, verdict) = play(&whole.replace("```vue Cart.vue", "```vue Other.vue"));
    assert_eq!((order.len(), verdict.score), (0, Some(0.0)));
    assert_eq!(verdict.errors, ["the answer has no `Cart.vue`, which it is about"]);
    let input = &case.project.files["input/Cart.vue"];
    let unchanged = format!(
        "```vue Cart.vue\n{input}```\n```ts store.ts\nexport  const a = 1\n```\n```ts types.d.ts\nexport type A = number\n```\n"
    );
    assert_eq!(play(&unchanged).1.score, Some(1.0));
}

#[test]
fn a_fixture_that_only_judges_never_asks_but_judges() {
    let mut fixture = demo();
    let settings =
        fixture.files["fixture.json"].replace("\"level\"", "\"judge_only\": true, \"level\"");
    fixture.files.insert("fixture.json".into(), settings);
    let case = Refactoring.load(&fixture).unwrap();
    let error = Refactoring.next(&case, &History::default()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidInput);
    assert!(error.hint.unwrap().contains("llmbench validate --fixture demo"));
    let (_, verdict) =
        play_in(&case, answered(GOOD, DoneReason::Stop), [types(true), structure(10.0), passed()]);
    assert_eq!(verdict.score, Some(10.0));
}

#[test]
fn settings_are_refused_by_name() {
    assert!(Refactoring::new(Json::Null).is_ok());
    let error = Refactoring::new(serde_json::json!({ "colour": 1 })).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Settings);
    assert!(error.to_string().contains("colour"), "{error}");
}
