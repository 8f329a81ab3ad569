//! The score of an answer, 0–10: a pure function of what was found.
//!
//! The figures and their reasons stand in `docs/scoring.md`; whoever changes
//! one changes that page and [`SCORING_VERSION`].

use serde::Serialize;
use std::collections::BTreeMap;

/// Version of the rules in this module.
pub const SCORING_VERSION: &str = "2";
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
/// Types aside. The shortest shipped solution keeps 0.9, as props that become types leave less.
const KEPT_CODE_SHARE: f64 = 0.6;
/// Below it the types are not meant honestly: one slip spreads over a few names, not over a tenth.
const HONEST_TYPE_COVERAGE: f64 = 0.9;

const ANY_COST: f64 = 0.40;
const DOUBLE_ASSERTION_COST: f64 = 0.50;
const ASSERTION_COST: f64 = 0.10;
const WEAK_TYPE_COST: f64 = 0.10;
const NON_NULL_COST: f64 = 0.05;

/// What the validators found. `None` where they say nothing about it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inputs {
    /// Files that the answer lacks.
    pub missing_files: Vec<String>,
    /// Every file of the answer parses.
    pub sfc_parses: Option<bool>,
    /// Its script is TypeScript.
    pub script_lang_ts: Option<bool>,
    /// Comments that silence the compiler.
    pub suppression_count: Option<f64>,
    /// It type-checks under strict, also with those comments blanked.
    pub compiles: bool,
    /// Type errors in the answer, those that were silenced among them.
    pub error_count: u64,
    /// It behaves as the input does.
    pub behaviour: Option<bool>,
    /// Structure score of the fixture's checks, 0–10.
    pub ast_score: f64,
    /// How it is typed; `None` when not all of it was measured.
    pub typing: Option<Typing>,
    /// Share of the names and expressions whose type is not `any`.
    pub type_coverage: Option<f64>,
    /// `x as any`, beyond what the fixture allows.
    pub any_assertion_count: Option<f64>,
    /// `x as unknown as T`, beyond what the fixture allows.
    pub double_assertion_count: Option<f64>,
    /// Share of the caller probe that holds; `None` without a probe.
    pub probe: Option<f64>,
    /// The answer is the input, but for white space, comments and `lang`, or next to nothing.
    pub unchanged_or_empty: Option<bool>,
    /// Names of the input that the answer has lost.
    pub lost_name_count: Option<f64>,
    /// Template nodes of the answer for each of the input.
    pub template_share: Option<f64>,
    /// Code of the answer for each piece of the input's, types and comments aside.
    pub code_share: Option<f64>,
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

/// Gates that say enough for the behaviour tests to be spared: what fails them is capped as low.
const DECISIVE: [&str; 6] =
    ["changed", "sfc", "no_suppression", "code_kept", "honest_types", "contract"];

/// The first gate that fails and leaves nothing for the behaviour tests to decide.
pub fn decided(inputs: &Inputs) -> Option<&'static str> {
    let gates = gates(inputs, &mut Vec::new());
    DECISIVE.into_iter().find(|name| gates.get(name).is_some_and(|gate| gate.passed == Some(false)))
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
        inputs.unchanged_or_empty.map(|it| !it),
        UNCHANGED_CAP,
        "the answer is the input itself or next to nothing".into(),
    );
    let (sfc, reason) = sfc(inputs);
    gate("sfc", sfc, FAILED_GATE_CAP, reason);
    let suppressions = inputs.suppression_count.unwrap_or_default();
    gate(
        "no_suppression",
        inputs.suppression_count.map(|count| count == 0.0),
        FAILED_GATE_CAP,
        format!("{suppressions} comment(s) silence the compiler"),
    );
    let kept = all([
        inputs.lost_name_count.map(|lost| lost < MANY_LOST_NAMES),
        inputs.template_share.map(|share| share >= KEPT_TEMPLATE_SHARE),
        inputs.code_share.map(|share| share >= KEPT_CODE_SHARE),
    ]);
    gate("code_kept", kept, FAILED_GATE_CAP, "code of the input was deleted".into());
    let (honest, reason) = honest_types(inputs);
    gate("honest_types", honest, FAILED_GATE_CAP, reason);
    gate(
        "contract",
        // Of what does not parse nothing can be said to callers.
        inputs.probe.filter(|_| inputs.sfc_parses != Some(false)).map(|share| share > 0.0),
        FAILED_GATE_CAP,
        "callers cannot rely on the types: nothing of the probe holds".into(),
    );
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

fn sfc(inputs: &Inputs) -> (Option<bool>, String) {
    let parts = [
        (!inputs.missing_files.is_empty()).then_some(false),
        inputs.sfc_parses,
        inputs.script_lang_ts,
    ];
    let reason = if !inputs.missing_files.is_empty() {
        let names: Vec<_> = inputs.missing_files.iter().map(|name| format!("`{name}`")).collect();
        format!("the answer has no {}", names.join(", "))
    } else if inputs.sfc_parses == Some(false) {
        "the answer is not one Vue component that parses".into()
    } else {
        "the script is not TypeScript (`lang=\"ts\"`)".into()
    };
    (all(parts), reason)
}

fn honest_types(inputs: &Inputs) -> (Option<bool>, String) {
    let passed = all([
        inputs.double_assertion_count.map(|count| count == 0.0),
        inputs.any_assertion_count.map(|count| count == 0.0),
        inputs.type_coverage.map(|share| share >= HONEST_TYPE_COVERAGE),
    ]);
    let reason = match inputs.type_coverage {
        Some(share) if share < HONEST_TYPE_COVERAGE => {
            format!("{:.0} % of the names and expressions are `any`", (1.0 - share) * 100.0)
        }
        _ => "types are claimed by `as any`, `as never` or through `unknown`".into(),
    };
    (passed, reason)
}

/// False when one is, true when all that are known are, `None` when none is known.
fn all<const N: usize>(parts: [Option<bool>; N]) -> Option<bool> {
    parts.into_iter().flatten().reduce(|left, right| left && right)
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
        let coverage = inputs.type_coverage.unwrap_or(1.0).clamp(0.0, 1.0);
        parts.push(("typedness", TYPEDNESS_WEIGHT, typedness(typing) * coverage));
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
mod tests;
