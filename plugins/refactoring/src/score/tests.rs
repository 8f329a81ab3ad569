use super::*;

fn perfect() -> Inputs {
    Inputs {
        sfc_parses: Some(true),
        script_lang_ts: Some(true),
        suppression_count: Some(0.0),
        compiles: true,
        behaviour: Some(true),
        ast_score: 10.0,
        typing: Some(Typing { typed_parameter_share: 1.0, ..Typing::default() }),
        probe: Some(1.0),
        type_coverage: Some(1.0),
        any_assertion_count: Some(0.0),
        double_assertion_count: Some(0.0),
        unchanged_or_empty: Some(false),
        lost_name_count: Some(0.0),
        template_share: Some(1.0),
        code_share: Some(1.0),
        ..Inputs::default()
    }
}

fn typing(inputs: &mut Inputs) -> &mut Typing {
    inputs.typing.as_mut().expect("a perfect answer is typed")
}

#[track_caller]
fn check(change: impl FnOnce(&mut Inputs), expected: f64) {
    let mut inputs = perfect();
    change(&mut inputs);
    assert_eq!(score(&inputs).value, expected, "{inputs:?}");
}

#[test]
fn the_table_of_the_documentation() {
    check(|_| {}, 10.0);
    check(|it| it.behaviour = None, 10.0);
    check(|it| it.probe = None, 10.0);
    check(|it| it.sfc_parses = Some(false), 2.0);
    check(|it| it.script_lang_ts = Some(false), 2.0);
    check(|it| it.suppression_count = Some(1.0), 2.0);
    check(|it| it.behaviour = Some(false), 2.0);
    check(|it| it.lost_name_count = Some(3.0), 2.0);
    check(|it| it.lost_name_count = Some(2.0), 10.0);
    check(|it| it.template_share = Some(0.4), 2.0);
    check(|it| it.code_share = Some(0.59), 2.0);
    check(|it| it.code_share = Some(0.6), 10.0);
    check(|it| it.missing_files = vec!["store.ts".into()], 2.0);
    check(|it| it.double_assertion_count = Some(1.0), 2.0);
    check(|it| it.any_assertion_count = Some(1.0), 2.0);
    check(|it| it.type_coverage = Some(0.89), 1.93);
    check(|it| it.type_coverage = Some(0.9), 9.7);
    check(|it| it.type_coverage = Some(0.98), 9.94);
    check(|it| it.type_coverage = None, 10.0);
    check(|it| it.probe = Some(0.0), 1.4);
    check(|it| it.probe = Some(1.0 / 3.0), 8.0);
    check(|it| it.unchanged_or_empty = Some(true), 1.0);
    check(|it| (it.compiles, it.error_count) = (false, 0), 5.0);
    check(|it| (it.compiles, it.error_count) = (false, 1), 5.0);
    check(|it| (it.compiles, it.error_count) = (false, 2), 4.38);
    check(|it| (it.compiles, it.error_count) = (false, 4), 3.5);
    check(|it| (it.compiles, it.error_count) = (false, 10), 2.37);
    check(|it| it.ast_score = 5.0, 8.0);
    check(|it| (it.ast_score, it.probe) = (5.0, None), 7.14);
    check(|it| typing(it).any_count = 1.0, 8.8);
    check(|it| typing(it).double_assertion_count = 1.0, 8.5);
    check(|it| typing(it).assertion_count = 1.0, 9.7);
    check(|it| typing(it).non_null_count = 1.0, 9.85);
    check(|it| typing(it).weak_type_count = 1.0, 9.7);
    check(|it| typing(it).typed_parameter_share = 0.5, 8.5);
    check(|it| it.probe = Some(0.5), 8.5);
    check(|it| it.typing = None, 10.0);
    check(|it| (it.ast_score, it.typing) = (5.0, None), 7.14);
    check(|it| (it.ast_score, it.typing, it.probe) = (5.0, None, None), 5.0);
    check(|it| it.ast_score = 9.999, 9.99);
    check(|it| it.ast_score = 9.999_999_999, 9.99);
    check(|it| (it.ast_score, it.probe, typing(it).any_count) = (0.0, Some(0.0), 9.0), 0.0);
}

#[test]
fn caps_scale_so_that_answers_below_the_same_cap_stay_apart() {
    check(|it| (it.compiles, it.error_count, it.ast_score) = (false, 1, 5.0), 4.0);
    check(|it| (it.suppression_count, it.ast_score) = (Some(1.0), 5.0), 1.6);
}

#[test]
fn a_near_miss_stays_above_a_failed_gate_however_many_errors() {
    for count in 1..200 {
        let near = Inputs { compiles: false, error_count: count, ..perfect() };
        assert!(score(&near).value >= 2.0, "{count}");
    }
}

#[test]
fn no_fault_ever_raises_a_score() {
    let faults: [fn(&mut Inputs); 19] = [
        |it| it.sfc_parses = Some(false),
        |it| it.script_lang_ts = Some(false),
        |it| it.suppression_count = it.suppression_count.map(|count| count + 1.0),
        |it| (it.compiles, it.error_count) = (false, it.error_count + 1),
        |it| it.behaviour = Some(false),
        |it| it.missing_files.push("store.ts".into()),
        |it| it.type_coverage = it.type_coverage.map(|share| share * 0.95),
        |it| it.any_assertion_count = it.any_assertion_count.map(|count| count + 1.0),
        |it| it.code_share = it.code_share.map(|share| share * 0.8),
        |it| it.ast_score = (it.ast_score - 1.5).max(0.0),
        |it| typing(it).any_count += 1.0,
        |it| typing(it).assertion_count += 1.0,
        |it| typing(it).double_assertion_count += 1.0,
        |it| typing(it).non_null_count += 1.0,
        |it| typing(it).weak_type_count += 1.0,
        |it| typing(it).typed_parameter_share *= 0.7,
        |it| it.probe = it.probe.map(|share| share * 0.7),
        |it| it.unchanged_or_empty = Some(true),
        |it| {
            it.lost_name_count = it.lost_name_count.map(|count| count + 1.0);
            it.template_share = it.template_share.map(|share| share * 0.8);
        },
    ];
    let mut state = 1_u64;
    for _ in 0..500 {
        let mut inputs = perfect();
        let mut before = score(&inputs).value;
        for _ in 0..25 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            faults[(state >> 33) as usize % faults.len()](&mut inputs);
            let found = score(&inputs);
            assert!(found.value <= before, "{before} → {} by {inputs:?}", found.value);
            assert!(found.value == 10.0 || !found.reasons.is_empty(), "{found:?}");
            before = found.value;
        }
    }
}

#[test]
fn reasons_name_the_gates_first_and_then_the_dearest_part() {
    let inputs =
        Inputs { compiles: false, error_count: 2, ast_score: 9.0, probe: Some(0.5), ..perfect() };
    let expected =
        ["2 compiler error(s): at most 4.4", "probe: 1.5 of 3.0", "structure: 3.6 of 4.0"];
    assert_eq!(score(&inputs).reasons, expected);
}

#[test]
fn one_slip_is_worth_no_more_than_eight_and_a_half() {
    // Beside its own price an `any` costs at least 1 of 10 in the structure score.
    check(|it| (it.ast_score, typing(it).any_count) = (9.0, 1.0), 8.4);
}

#[test]
fn gates_that_decide_spare_the_behaviour_tests() {
    let decided_by = |change: fn(&mut Inputs)| {
        let mut inputs = perfect();
        change(&mut inputs);
        decided(&inputs)
    };
    assert_eq!(decided_by(|_| {}), None);
    assert_eq!(decided_by(|it| it.unchanged_or_empty = Some(true)), Some("changed"));
    assert_eq!(decided_by(|it| it.sfc_parses = Some(false)), Some("sfc"));
    assert_eq!(decided_by(|it| it.missing_files = vec!["a.ts".into()]), Some("sfc"));
    assert_eq!(decided_by(|it| it.suppression_count = Some(1.0)), Some("no_suppression"));
    assert_eq!(decided_by(|it| it.lost_name_count = Some(3.0)), Some("code_kept"));
    assert_eq!(decided_by(|it| it.type_coverage = Some(0.1)), Some("honest_types"));
    assert_eq!(decided_by(|it| it.probe = Some(0.0)), Some("contract"));
    assert_eq!(decided_by(|it| it.probe = Some(0.3)), None);
    assert_eq!(decided_by(|it| (it.compiles, it.error_count) = (false, 9)), None);
}

#[test]
fn what_was_not_judged_is_neither_passed_nor_failed() {
    let inputs = Inputs { behaviour: None, suppression_count: None, ..perfect() };
    let found = score(&inputs);
    assert_eq!(found.gates["behaviour"], Gate { passed: None, cap: None });
    assert_eq!(found.gates["no_suppression"].passed, None);
    let found = score(&Inputs { typing: None, ..perfect() });
    assert_eq!(found.parts.keys().collect::<Vec<_>>(), [&"probe", &"structure"]);
    assert_eq!(found.parts.values().map(|part| part.weight).sum::<f64>(), MAX_SCORE);
}
