//! What the input names and the answer has lost: deleting code is no way to type it.

use std::collections::BTreeSet;
use std::fmt;

use crate::facts::Facts;

/// A name that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// What it named.
    pub kind: &'static str,
    /// The name.
    pub name: String,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.name)
    }
}

/// Names of functions, state, props, events and of what the template uses, that
/// `input` has and `answer` has not; each once, but for `allowed`.
///
/// How a name is declared does not matter: a `data()` key may become a `ref`.
pub fn lost_names(input: &Facts, answer: &Facts, allowed: &[String]) -> Vec<Lost> {
    let mut lost: Vec<Lost> = Vec::new();
    let mut note = |kind, name: &str| {
        let known = lost.iter().any(|other| other.name == name);
        if !known && !allowed.iter().any(|allowed| allowed == name) {
            lost.push(Lost { kind, name: name.to_owned() });
        }
    };
    let props = answer.resolve_props();
    let has_prop = |name: &str| {
        props.opaque_count > 0
            || props.member(name).is_some()
            || answer.models.iter().any(|model| model.name == name)
    };
    for prop in input.resolve_props().members.iter().filter(|prop| !has_prop(&prop.name)) {
        note("prop", &prop.name);
    }
    for model in input.models.iter().filter(|model| !has_prop(&model.name)) {
        note("model", &model.name);
    }
    let declared = |name: &str| answer.bindings.contains(name);
    for function in input.functions.iter().filter(|f| !declared(&f.name)) {
        note("function", &function.name);
    }
    for name in input.state.iter().filter_map(|s| s.name.as_deref()).filter(|n| !declared(n)) {
        note("state", name);
    }
    let updates = |event: &str| {
        event.strip_prefix("update:").is_some_and(|m| answer.models.iter().any(|a| a.name == m))
    };
    let answer_events = events(answer);
    for event in &input.events_sent {
        if !answer.events_sent.contains(event) && !updates(event) {
            note("event", event);
        }
    }
    for event in &events(input) {
        if !answer_events.contains(event) && !updates(event) {
            note("event", event);
        }
    }
    for name in input.template_names.difference(&answer.template_names) {
        note("template binding", name);
    }
    lost
}

/// Events that are sent or declared.
fn events(facts: &Facts) -> BTreeSet<String> {
    let declared = facts.resolve_emits().members.into_iter().map(|member| member.name);
    declared.filter(|name| name != "()").chain(facts.events_sent.iter().cloned()).collect()
}
