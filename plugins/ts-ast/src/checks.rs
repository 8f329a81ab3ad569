//! Answers the questions of a [`Spec`] from facts.

use crate::facts::{Facts, MarkKind, Resolved};
use crate::lost::Lost;
use crate::spec::{CheckKind, CheckSpec, MARK_KINDS, STANDARD, Spec};

/// The answer to one question.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// As in the specification.
    pub name: String,
    /// Not normalised.
    pub weight: f64,
    /// Whether it is fulfilled.
    pub passed: bool,
    /// 0..=1.
    pub earned: f64,
    /// What was found.
    pub message: String,
}

/// What a component is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'f> {
    /// The answer.
    pub answer: &'f Facts,
    /// The component it was made from.
    pub input: Option<&'f Facts>,
    /// What it lost.
    pub lost: &'f [Lost],
}

/// One outcome per applicable check of `spec`, then the standard ones it does not list.
pub fn evaluate(spec: &Spec, subject: Subject<'_>) -> Vec<Outcome> {
    let asked: Vec<&CheckSpec> =
        spec.checks.iter().filter(|c| !spec.only_applicable || applies(&c.kind, subject)).collect();
    let mut outcomes: Vec<Outcome> = asked.iter().map(|check| outcome(check, subject)).collect();

    // Absence is worth what presence has earned.
    let present = || asked.iter().zip(&outcomes).filter(|(check, _)| !is_absence(&check.kind));
    let weight: f64 = present().map(|(check, _)| check.weight).sum();
    if weight > 0.0 {
        let share = present().map(|(c, o)| c.weight * o.earned).sum::<f64>() / weight;
        for (check, outcome) in asked.iter().zip(&mut outcomes) {
            if is_absence(&check.kind) && outcome.earned > share {
                outcome.earned = share;
                outcome.message.push_str("; worth no more than what the other checks earned");
            }
        }
    }
    for name in STANDARD {
        if name == "parses" {
            let count = subject.answer.errors.len();
            outcomes.push(Outcome {
                name: name.into(),
                weight: 0.0,
                passed: count == 0,
                earned: if count == 0 { 1.0 } else { 0.0 },
                message: if count == 0 { "parses".into() } else { found(count, "syntax error") },
            });
            continue;
        }
        let kind = standard_kind(name);
        let listed = outcomes.iter().any(|outcome| outcome.name == name);
        let without_input = name == "keeps_behaviour_names" && subject.input.is_none();
        if !listed && !without_input {
            outcomes.push(outcome(&CheckSpec { name: name.into(), weight: 0.0, kind }, subject));
        }
    }
    outcomes
}

fn standard_kind(name: &str) -> CheckKind {
    match MARK_KINDS.into_iter().find(|(kind, _)| *kind == name) {
        Some((_, marks)) => CheckKind::AtMost { marks, max: 0 },
        None if name == "script_lang" => CheckKind::ScriptLang,
        None => CheckKind::KeepsBehaviourNames,
    }
}

/// Checks that an untyped component fulfils as well.
fn is_absence(kind: &CheckKind) -> bool {
    matches!(
        kind,
        CheckKind::AtMost { .. }
            | CheckKind::KeepsBehaviourNames
            | CheckKind::Imports { .. }
            | CheckKind::ScriptSetup
    )
}

/// Whether answer or input has what the check is about.
fn applies(kind: &CheckKind, subject: Subject<'_>) -> bool {
    let has = |question: fn(&Facts) -> bool| {
        question(subject.answer) || subject.input.is_some_and(question)
    };
    match kind {
        CheckKind::TypedProps { .. } => has(|facts| !facts.props.is_empty()),
        CheckKind::TypedEmits { .. } => {
            has(|facts| !facts.emits.is_empty() || !facts.events_sent.is_empty())
        }
        CheckKind::ParametersTyped { .. } => has(|facts| facts.parameter_counts().0 > 0),
        CheckKind::ReturnsTyped { .. } => has(|facts| facts.return_counts().0 > 0),
        CheckKind::StateTyped { .. } => has(|facts| !facts.state.is_empty()),
        _ => true,
    }
}

fn outcome(check: &CheckSpec, subject: Subject<'_>) -> Outcome {
    let facts = subject.answer;
    let (earned, passed, message) = match &check.kind {
        CheckKind::ScriptLang => yes_or_no(
            facts.is_typescript(),
            "every script is TypeScript",
            "a script has no `lang=\"ts\"`",
        ),
        CheckKind::ScriptSetup => yes_or_no(
            facts.scripts.iter().any(|script| script.setup),
            "has `<script setup>`",
            "has no `<script setup>`",
        ),
        CheckKind::TypeDeclared { matches, interface, members, min_members } => {
            let mut best = "no such type is declared".to_owned();
            let mut passed = false;
            for declaration in &facts.types {
                let wanted = matches.as_ref().is_none_or(|m| m.is_match(&declaration.name))
                    && interface.is_none_or(|interface| interface == declaration.interface);
                if !wanted {
                    continue;
                }
                let name = &declaration.name;
                let resolved = facts.resolve(std::slice::from_ref(&declaration.shape));
                let typed = resolved.typed_count() + resolved.unknown.len() as u32;
                let missing = members.iter().find(|m| !resolved.member(m).is_some_and(|m| m.typed));
                best = if !declaration.used {
                    format!("`{name}` is declared, but nothing uses it")
                } else if let Some(missing) = missing {
                    format!("`{name}` has no typed member `{missing}`")
                } else if typed < *min_members {
                    format!("`{name}` has {typed} typed members of {min_members}")
                } else {
                    passed = true;
                    format!("`{name}` is declared and used")
                };
                if passed {
                    break;
                }
            }
            (f64::from(u8::from(passed)), passed, best)
        }
        CheckKind::TypedProps { names, min_share } => {
            members(&facts.resolve_props(), names, *min_share, "prop")
        }
        CheckKind::TypedEmits { names, min_share } => {
            members(&facts.resolve_emits(), names, *min_share, "event")
        }
        CheckKind::TypedModel { model } => {
            let of_name = |name: &String| model.as_ref().is_none_or(|model| model == name);
            let models = facts.models.iter().filter(|m| of_name(&m.name));
            share(models.map(|m| (m.name.as_str(), m.typed)), 1.0, "model")
        }
        CheckKind::ParametersTyped { function, min_share } => {
            let named = |name: &String| function.as_ref().is_none_or(|wanted| wanted == name);
            let functions = facts.functions.iter().filter(|f| named(&f.name));
            let parameters = functions.flat_map(|f| {
                (0..f.parameter_count).map(|i| (f.name.as_str(), i < f.typed_parameter_count))
            });
            share(parameters, *min_share, "parameter")
        }
        CheckKind::ReturnsTyped { function, min_share } => {
            let named = |name: &String| function.as_ref().is_none_or(|wanted| wanted == name);
            let functions =
                facts.functions.iter().filter(|f| f.wants_return_type && named(&f.name));
            share(
                functions.map(|f| (f.name.as_str(), f.has_return_type)),
                *min_share,
                "return type",
            )
        }
        CheckKind::StateTyped { variable, calls, explicit, min_share } => {
            let state = facts.state.iter().filter(|state| {
                calls.contains(&state.call)
                    && (variable.is_none() || state.name.as_ref() == variable.as_ref())
            });
            let typed = state.map(|state| {
                let name = state.name.as_deref().unwrap_or(&state.call);
                (name, state.explicit || (state.inferred && !explicit))
            });
            share(typed, *min_share, "state")
        }
        CheckKind::Imports { from, names, type_only } => {
            let imported = |name: Option<&str>| {
                facts.imports.iter().any(|import| {
                    import.from == *from
                        && name.is_none_or(|name| import.name == name)
                        && type_only.is_none_or(|wanted| wanted == import.type_only)
                        && facts.names_used.contains(&import.local)
                })
            };
            let missing = names.iter().find(|name| !imported(Some(name)));
            match missing {
                Some(name) => {
                    (0.0, false, format!("`{name}` of `{from}` is not imported and used"))
                }
                None => yes_or_no(
                    !names.is_empty() || imported(None),
                    &format!("imports from `{from}`"),
                    &format!("nothing of `{from}` is imported and used"),
                ),
            }
        }
        CheckKind::AtMost { marks, max } => {
            let count: u32 = marks.iter().map(|mark| facts.count(*mark)).sum();
            let what = match marks {
                [MarkKind::Any] => "explicit `any`",
                [MarkKind::NonNull] => "non-null assertion",
                [MarkKind::WeakType] => "weak type",
                [MarkKind::Suppression] => "suppression",
                _ => "assertion",
            };
            let passed = count <= *max;
            (f64::from(u8::from(passed)), passed, found(count as usize, what))
        }
        CheckKind::KeepsBehaviourNames => match (subject.input, subject.lost) {
            (None, _) => (0.0, false, "the project has no `input.vue` to compare with".into()),
            (Some(_), []) => (1.0, true, "every name of the input is still there".into()),
            (Some(_), lost) => {
                let names: Vec<String> = lost.iter().take(8).map(ToString::to_string).collect();
                let more = if lost.len() > 8 { ", …" } else { "" };
                (0.0, false, format!("lost {}{more}", names.join(", ")))
            }
        },
    };
    Outcome { name: check.name.clone(), weight: check.weight, passed, earned, message }
}

fn yes_or_no(passed: bool, yes: &str, no: &str) -> (f64, bool, String) {
    let (earned, message) = if passed { (1.0, yes) } else { (0.0, no) };
    (earned, passed, message.to_owned())
}

/// Share of declared members that are typed, of `names` when they are given.
fn members(
    resolved: &Resolved,
    names: &[String],
    min_share: f64,
    what: &str,
) -> (f64, bool, String) {
    let unknown = resolved.unknown.iter().map(|name| (name.as_str(), false));
    if names.is_empty() {
        // Parts that cannot be listed count as one typed member each.
        let opaque = (0..resolved.opaque_count).map(|_| ("imported", true));
        let members = resolved.members.iter().map(|m| (m.name.as_str(), m.typed));
        return share(members.chain(opaque).chain(unknown), min_share, what);
    }
    let judged = names.iter().map(|name| {
        let typed = match resolved.member(name) {
            Some(member) => member.typed,
            None => resolved.opaque_count > 0,
        };
        (name.as_str(), typed)
    });
    share(judged, min_share, what)
}

fn share<'n>(
    items: impl Iterator<Item = (&'n str, bool)>,
    min_share: f64,
    what: &str,
) -> (f64, bool, String) {
    let (mut all, mut typed) = (0_u32, 0_u32);
    let mut untyped: Vec<&str> = Vec::new();
    for (name, is_typed) in items {
        all += 1;
        if is_typed {
            typed += 1;
        } else if !untyped.contains(&name) && untyped.len() < 8 {
            untyped.push(name);
        }
    }
    if all == 0 {
        return (0.0, false, format!("there is no {what} to be typed"));
    }
    let share = f64::from(typed) / f64::from(all);
    let passed = share >= min_share;
    let mut message = format!("{typed} of {all} typed");
    if !untyped.is_empty() {
        message.push_str(&format!("; not: {}", untyped.join(", ")));
    }
    (if passed { 1.0 } else { share }, passed, message)
}

fn found(count: usize, what: &str) -> String {
    let plural = if count == 1 || what.ends_with('`') { "" } else { "s" };
    format!("{count} {what}{plural}")
}
