//! The score of an answer, 0–10: a pure function of what was found.
//!
//! The figures and their reasons stand in `docs/scoring.md`; whoever changes
//! one changes that page and [`SCORING_VERSION`].

use serde::Serialize;
use std::collections::BTreeMap;

/// Version of the rules in this module.
pub const SCORING_VERSION: &str = "1";
/// The highest score.
pub const MAX_SCORE: f64 = 10.0;

const STRUCTURE_WEIGHT: f64 = 4.0;
const TYPEDNESS_WEIGHT: f64 = 3.0;
const PROBE_WEIGHT: f64 = 3.0;

const FAILED_GATE_CAP: f64 = 2.0;
const UNCHANGED_CAP: f64 = 1.0;
const ONE_TYPE_ERROR_CAP: f64 = 5.0;
/// So many further errors halve what lies between the two caps.
const ERRORS_TO_HALVE: f64 = 3.0;
/// From here on lost names are deleted code, not a slip.
const MANY_LOST_NAMES: f64 = 3.0;
const KEPT_TEMPLATE_SHARE: f64 = 0.5;

const ANY_COST: f64 = 0.25;
const DOUBLE_ASSERTION_COST: f64 = 0.35;
const ASSERTION_COST: f64 = 0.10;
const WEAK_TYPE_COST: f64 = 0.10;
const NON_NULL_COST: f64 = 0.05;

/// What the validators found. `None` where they say nothing about it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inputs {
    /// The answer is one component that parses.
    pub sfc_parses: Option<bool>,
    /// Its script is TypeScript.
    pub script_lang_ts: Option<bool>,
    /// Comments that silence the compiler.
    pub suppression_count: Option<f64>,
    /// It type-checks under strict.
    pub compiles: bool,
    /// Type errors in the component.
    pub error_count: u64,
    /// It behaves as the input does.
    pub behaviour: Option<bool>,
    /// Structure score of the fixture's checks, 0–10.
    pub ast_score: f64,
    /// How it is typed; `None` when not all of it was measured.
    pub typing: Option<Typing>,
    /// Share of the caller probe that holds; `None` without a probe.
    pub probe: Option<f64>,
    /// The answer is the input, white space aside, or next to nothing.
    pub unchanged_or_empty: bool,
    /// Names of the input that the answer has lost.
    pub lost_name_count: Option<f64>,
    /// Template nodes of the answer for each of the input.
    pub template_share: Option<f64>,
}

/// What decides typedness: counts beyond what the fixture allows, and the parameters.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Typing {
    /// Explicit `any`.
    pub any_count: f64,
    /// `x as T`.
    pub assertion_count: f64,
    /// `x as unknown as T`.
    pub double_assertion_count: f64,
    /// `x!`.
    pub non_null_count: f64,
    /// `Function`, `Object`, `{}`.
    pub weak_type_count: f64,
    /// Share of the named functions' parameters that are typed; 1 when there are none to type.
    pub typed_parameter_share: f64,
}

/// A condition and the cap that its failure brings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gate {
    /// `None` when it was not judged.
    pub passed: Option<bool>,
    /// Highest score while it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<f64>,
}

/// A part of the quality and how much of it was earned.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// Its share of the 10 points.
    pub weight: f64,
    /// 0..=1.
    pub earned: f64,
}

/// A score and how it came about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// 0..=10, two decimals, rounded down.
    pub value: f64,
    /// By name.
    pub gates: BTreeMap<&'static str, Gate>,
    /// By name.
    pub parts: BTreeMap<&'static str, Part>,
    /// What cost points, most expensive first, in words.
    pub reasons: Vec<String>,
}

/// The score of an answer: its quality, scaled into the lowest cap of a failed gate.
///
/// Exactly [`MAX_SCORE`] only when every judged gate passed and every part earned all.
pub fn score(inputs: &Inputs) -> Score {
    let mut reasons = Vec::new();
    let gates = gates(inputs, &mut reasons);
    let parts = parts(inputs, &mut reasons);
    let quality: f64 = parts.values().map(|part| part.weight * part.earned).sum();
    let cap = gates.values().filter_map(|gate| gate.cap).fold(MAX_SCORE, f64::min);
    let is_perfect = gates.values().all(|gate| gate.passed != Some(false))
        && parts.values().all(|part| part.earned >= 1.0);
    let value = if is_perfect {
        MAX_SCORE
    } else {
        // The small addend keeps 7.3 from becoming 7.29 by binary rounding.
        ((quality * cap / MAX_SCORE * 100.0 + 1e-6).floor() / 100.0).clamp(0.0, 9.99)
    };
    Score { value, gates, parts, reasons }
}

fn gates(inputs: &Inputs, reasons: &mut Vec<String>) -> BTreeMap<&'static str, Gate> {
    let mut gates = BTreeMap::new();
    let mut gate = |name, passed: Option<bool>, cap: f64, reason: String| {
        let failed = passed == Some(false);
        if failed {
            reasons.push(format!("{reason}: at most {cap:.1}"));
        }
        gates.insert(name, Gate { passed, cap: failed.then_some(cap) });
    };
    gate(
        "changed",
        Some(!inputs.unchanged_or_empty),
        UNCHANGED_CAP,
        "the answer is the input itself or next to nothing".into(),
    );
    let sfc = match (inputs.sfc_parses, inputs.script_lang_ts) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (None, None) => None,
        _ => Some(true),
    };
    let sfc_reason = if inputs.sfc_parses == Some(false) {
        "the answer is not one Vue component that parses"
    } else {
        "the script is not TypeScript (`lang=\"ts\"`)"
    };
    gate("sfc", sfc, FAILED_GATE_CAP, sfc_reason.into());
    let suppressions = inputs.suppression_count.unwrap_or_default();
    gate(
        "no_suppression",
        inputs.suppression_count.map(|count| count == 0.0),
        FAILED_GATE_CAP,
        format!("{suppressions} comment(s) silence the compiler"),
    );
    let lost = inputs.lost_name_count;
    let share = inputs.template_share;
    let kept = (lost.is_some() || share.is_some()).then(|| {
        lost.is_none_or(|lost| lost < MANY_LOST_NAMES)
            && share.is_none_or(|share| share >= KEPT_TEMPLATE_SHARE)
    });
    gate("code_kept", kept, FAILED_GATE_CAP, "code of the input was deleted".into());
    gate(
        "behaviour",
        inputs.behaviour,
        FAILED_GATE_CAP,
        "the component does not behave as the input does".into(),
    );
    gate(
        "compiles",
        Some(inputs.compiles),
        type_error_cap(inputs.error_count),
        format!("{} compiler error(s)", inputs.error_count.max(1)),
    );
    gates
}

/// 5.0 for one error, half way down to 2.0 for each three more: 5.0, 4.4, 3.9, 3.5 … 2.4 for ten.
fn type_error_cap(error_count: u64) -> f64 {
    let further = error_count.saturating_sub(1) as f64;
    let height = ONE_TYPE_ERROR_CAP - FAILED_GATE_CAP;
    FAILED_GATE_CAP + height * 0.5_f64.powf(further / ERRORS_TO_HALVE)
}

fn parts(inputs: &Inputs, reasons: &mut Vec<String>) -> BTreeMap<&'static str, Part> {
    let structure = (inputs.ast_score / MAX_SCORE).clamp(0.0, 1.0);
    let mut parts = vec![("structure", STRUCTURE_WEIGHT, structure)];
    if let Some(typing) = &inputs.typing {
        parts.push(("typedness", TYPEDNESS_WEIGHT, typedness(typing)));
    }
    if let Some(probe) = inputs.probe {
        parts.push(("probe", PROBE_WEIGHT, probe.clamp(0.0, 1.0)));
    }
    let total: f64 = parts.iter().map(|(_, weight, _)| weight).sum();
    let mut costs = Vec::new();
    let parts = parts
        .into_iter()
        .map(|(name, weight, earned)| {
            let weight = weight * MAX_SCORE / total;
            if earned < 1.0 {
                let text = format!("{name}: {:.1} of {weight:.1}", weight * earned);
                costs.push((weight * (1.0 - earned), text));
            }
            (name, Part { weight, earned })
        })
        .collect();
    costs.sort_by(|left, right| right.0.total_cmp(&left.0));
    reasons.extend(costs.into_iter().map(|(_, text)| text));
    parts
}

fn typedness(typing: &Typing) -> f64 {
    let cost = typing.any_count * ANY_COST
        + typing.double_assertion_count * DOUBLE_ASSERTION_COST
        + typing.assertion_count * ASSERTION_COST
        + typing.weak_type_count * WEAK_TYPE_COST
        + typing.non_null_count * NON_NULL_COST;
    typing.typed_parameter_share.clamp(0.0, 1.0) * (1.0 - cost).max(0.0)
}

#[cfg(test)]
mod tests {
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
            lost_name_count: Some(0.0),
            template_share: Some(1.0),
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
        check(|it| it.unchanged_or_empty = true, 1.0);
        check(|it| (it.compiles, it.error_count) = (false, 0), 5.0);
        check(|it| (it.compiles, it.error_count) = (false, 1), 5.0);
        check(|it| (it.compiles, it.error_count) = (false, 2), 4.38);
        check(|it| (it.compiles, it.error_count) = (false, 4), 3.5);
        check(|it| (it.compiles, it.error_count) = (false, 10), 2.37);
        check(|it| it.ast_score = 5.0, 8.0);
        check(|it| (it.ast_score, it.probe) = (5.0, None), 7.14);
        check(|it| typing(it).any_count = 1.0, 9.25);
        check(|it| typing(it).double_assertion_count = 1.0, 8.95);
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
        let faults: [fn(&mut Inputs); 15] = [
            |it| it.sfc_parses = Some(false),
            |it| it.script_lang_ts = Some(false),
            |it| it.suppression_count = it.suppression_count.map(|count| count + 1.0),
            |it| (it.compiles, it.error_count) = (false, it.error_count + 1),
            |it| it.behaviour = Some(false),
            |it| it.ast_score = (it.ast_score - 1.5).max(0.0),
            |it| typing(it).any_count += 1.0,
            |it| typing(it).assertion_count += 1.0,
            |it| typing(it).double_assertion_count += 1.0,
            |it| typing(it).non_null_count += 1.0,
            |it| typing(it).weak_type_count += 1.0,
            |it| typing(it).typed_parameter_share *= 0.7,
            |it| it.probe = it.probe.map(|share| share * 0.7),
            |it| it.unchanged_or_empty = true,
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
        let inputs = Inputs {
            compiles: false,
            error_count: 2,
            ast_score: 9.0,
            probe: Some(0.5),
            ..perfect()
        };
        let expected =
            ["2 compiler error(s): at most 4.4", "probe: 1.5 of 3.0", "structure: 3.6 of 4.0"];
        assert_eq!(score(&inputs).reasons, expected);
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
}
