//! Adds up: what the checks earned, less penalties, under caps.
//!
//! The figures are chosen so that a component that is unchanged, or typed with
//! `any` throughout, stays below every honest attempt; the README lists them.

use crate::checks::Outcome;
use crate::facts::{Facts, MarkKind};
use crate::spec::Allow;

/// Kind, cost of each, most that all together cost.
const PENALTIES: [(MarkKind, &str, f64, f64); 6] = [
    (MarkKind::Any, "any", 1.0, 6.0),
    (MarkKind::DoubleAssertion, "double_assertion", 1.5, 4.5),
    (MarkKind::Assertion, "assertion", 0.5, 3.0),
    (MarkKind::NonNull, "non_null", 0.25, 1.5),
    (MarkKind::WeakType, "weak_type", 0.5, 2.0),
    (MarkKind::Suppression, "suppression", 2.0, 4.0),
];

/// Cost of each lost name, most that all together cost.
const LOST_NAME: (f64, f64) = (0.5, 3.0);

/// A score and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// 0..=10.
    pub points: f64,
    /// What the checks earned, 0..=10.
    pub earned: f64,
    /// Name → points lost.
    pub penalties: Vec<(&'static str, f64)>,
    /// Reason → highest score it leaves.
    pub caps: Vec<(&'static str, f64)>,
}

/// The score of a component with these facts and outcomes.
pub fn score(facts: &Facts, outcomes: &[Outcome], lost_count: usize, allow: &Allow) -> Score {
    let weight: f64 = outcomes.iter().map(|outcome| outcome.weight).sum();
    let earned = if weight > 0.0 {
        outcomes.iter().map(|o| o.weight * o.earned).sum::<f64>() / weight * 10.0
    } else {
        0.0
    };
    let mut penalties = Vec::new();
    for (kind, name, each, most) in PENALTIES {
        let allowed = allow.marks.iter().find(|(k, _)| *k == kind).map_or(0, |(_, count)| *count);
        let count = facts.count(kind).saturating_sub(allowed);
        if count > 0 {
            penalties.push((name, (f64::from(count) * each).min(most)));
        }
    }
    if lost_count > 0 {
        penalties.push(("lost_name", (lost_count as f64 * LOST_NAME.0).min(LOST_NAME.1)));
    }
    let mut caps = Vec::new();
    if !facts.errors.is_empty() {
        caps.push(("does not parse", 0.0));
    }
    if !facts.is_typescript() {
        caps.push(("no TypeScript", 1.0));
    }
    if !facts.has_types() {
        caps.push(("nothing annotated", 2.0));
    }
    if facts.count(MarkKind::Suppression) > 0 {
        caps.push(("suppression", 4.0));
    }
    if facts.any_annotation_count > 0 && facts.any_annotation_count * 2 >= facts.annotation_count {
        caps.push(("mostly any", 4.0));
    }
    let lost: f64 = penalties.iter().map(|(_, points)| points).sum();
    let highest = caps.iter().fold(10.0_f64, |highest, (_, cap)| highest.min(*cap));
    let points = (earned - lost).max(0.0).min(highest);
    // Sums of thirds must not end in 9.999…8.
    let points = (points * 1e6).round() / 1e6;
    Score { points, earned, penalties, caps }
}
