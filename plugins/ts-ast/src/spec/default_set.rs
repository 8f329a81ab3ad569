//! What is asked when a fixture says nothing.

use super::{Allow, CheckKind, CheckSpec, Spec};

/// The default set, as the README lists it.
pub(super) fn default_set() -> Spec {
    let check = |name: &str, weight, kind| CheckSpec { name: name.into(), weight, kind };
    let checks = vec![
        check("script_lang", 1.0, CheckKind::ScriptLang),
        check(
            "type_declared",
            2.0,
            CheckKind::TypeDeclared {
                matches: None,
                interface: None,
                members: Vec::new(),
                min_members: 1,
            },
        ),
        check("typed_props", 2.0, CheckKind::TypedProps { names: Vec::new(), min_share: 1.0 }),
        check("typed_emits", 1.0, CheckKind::TypedEmits { names: Vec::new(), min_share: 1.0 }),
        check(
            "parameters_typed",
            2.0,
            CheckKind::ParametersTyped { function: None, min_share: 1.0 },
        ),
        check("returns_typed", 1.0, CheckKind::ReturnsTyped { function: None, min_share: 1.0 }),
        check(
            "state_typed",
            1.0,
            CheckKind::StateTyped {
                variable: None,
                calls: state_calls(),
                explicit: false,
                min_share: 1.0,
            },
        ),
    ];
    Spec {
        checks,
        required: vec!["script_lang".into()],
        allow: Allow::default(),
        only_applicable: true,
    }
}

/// What `state_typed` looks at.
pub(super) fn state_calls() -> Vec<String> {
    ["ref", "shallowRef", "reactive", "shallowReactive", "computed", "data"]
        .map(str::to_owned)
        .to_vec()
}
