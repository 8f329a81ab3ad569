//! `ast_checks.json`: what a fixture asks of a component.
//!
//! Read by hand and not by serde's derive, because an author who mistypes a key
//! deserves its path and the list of what would be right there.

mod default_set;
mod reader;
mod set;

use llmbench_api::{Error, ErrorKind, Json, Result};
use regex::Regex;

use crate::facts::MarkKind;
use reader::Reader;
pub use set::Specs;

/// Name of the file in a project.
pub const FILE: &str = "ast_checks.json";

/// What is asked of a component.
#[derive(Debug, Clone)]
pub struct Spec {
    /// In the order of the file.
    pub checks: Vec<CheckSpec>,
    /// Names of checks without which the component fails.
    pub required: Vec<String>,
    /// What is not penalised.
    pub allow: Allow,
    /// True for the default set: checks about something that neither the
    /// answer nor the input has are left out.
    pub only_applicable: bool,
}

/// What occurs and is not penalised.
#[derive(Debug, Clone, Default)]
pub struct Allow {
    /// Kind → how many.
    pub marks: Vec<(MarkKind, u32)>,
    /// Names of the input that may be gone.
    pub lost_names: Vec<String>,
}

/// One question.
#[derive(Debug, Clone)]
pub struct CheckSpec {
    /// How it is called in findings.
    pub name: String,
    /// Its part of the score, not normalised.
    pub weight: f64,
    /// What is asked.
    pub kind: CheckKind,
}

/// What is asked. The README describes each kind.
#[derive(Debug, Clone)]
pub enum CheckKind {
    /// `script_lang`
    ScriptLang,
    /// `script_setup`
    ScriptSetup,
    /// `type_declared`
    TypeDeclared {
        /// On the name.
        matches: Option<Regex>,
        /// Interface (true) or alias (false).
        interface: Option<bool>,
        /// Members it must have.
        members: Vec<String>,
        /// Fewest typed members.
        min_members: u32,
    },
    /// `typed_props`
    TypedProps {
        /// Exactly these are judged.
        names: Vec<String>,
        /// Share at which it has passed.
        min_share: f64,
    },
    /// `typed_emits`
    TypedEmits {
        /// Exactly these are judged.
        names: Vec<String>,
        /// Share at which it has passed.
        min_share: f64,
    },
    /// `typed_model`
    TypedModel {
        /// Only this one.
        model: Option<String>,
    },
    /// `parameters_typed`
    ParametersTyped {
        /// Only this one.
        function: Option<String>,
        /// Share at which it has passed.
        min_share: f64,
    },
    /// `returns_typed`
    ReturnsTyped {
        /// Only this one.
        function: Option<String>,
        /// Share at which it has passed.
        min_share: f64,
    },
    /// `state_typed`
    StateTyped {
        /// Only this one.
        variable: Option<String>,
        /// Functions that are looked at.
        calls: Vec<String>,
        /// Whether inference is not enough.
        explicit: bool,
        /// Share at which it has passed.
        min_share: f64,
    },
    /// `imports`
    Imports {
        /// The module.
        from: String,
        /// Names that are needed; empty for any.
        names: Vec<String>,
        /// Whether it must (not) be `import type`.
        type_only: Option<bool>,
    },
    /// `no_any`, `no_assertions`, `no_non_null`, `no_weak_types`, `no_suppressions`
    AtMost {
        /// What is counted.
        marks: &'static [MarkKind],
        /// How many are allowed.
        max: u32,
    },
    /// `keeps_behaviour_names`
    KeepsBehaviourNames,
}

/// All kinds, in the order of the README.
pub const KINDS: [&str; 16] = [
    "script_lang",
    "script_setup",
    "type_declared",
    "typed_props",
    "typed_emits",
    "typed_model",
    "parameters_typed",
    "returns_typed",
    "state_typed",
    "imports",
    "no_any",
    "no_assertions",
    "no_non_null",
    "no_weak_types",
    "no_suppressions",
    "keeps_behaviour_names",
];

/// The kinds that count doubtful places.
pub const MARK_KINDS: [(&str, &[MarkKind]); 5] = [
    ("no_any", &[MarkKind::Any]),
    ("no_assertions", &[MarkKind::Assertion, MarkKind::DoubleAssertion]),
    ("no_non_null", &[MarkKind::NonNull]),
    ("no_weak_types", &[MarkKind::WeakType]),
    ("no_suppressions", &[MarkKind::Suppression]),
];

/// Keys of `allow` that take a number.
const ALLOW_KEYS: [(&str, MarkKind); 5] = [
    ("any", MarkKind::Any),
    ("assertions", MarkKind::Assertion),
    ("double_assertions", MarkKind::DoubleAssertion),
    ("non_null", MarkKind::NonNull),
    ("weak_types", MarkKind::WeakType),
];

/// Further keys of `allow` that take a number: what they allow is judged by the test.
const ALLOWED_ELSEWHERE: [&str; 2] = ["any_assertions", "any_identifiers"];

/// Checks that are reported whether the file lists them or not.
pub const STANDARD: [&str; 8] = [
    "parses",
    "script_lang",
    "no_any",
    "no_assertions",
    "no_non_null",
    "no_weak_types",
    "no_suppressions",
    "keeps_behaviour_names",
];

impl Spec {
    /// Reads the specification of one file.
    fn read(mut reader: Reader<'_>) -> Result<Self> {
        let at = reader.path().to_owned();
        let list =
            reader.list("checks")?.ok_or_else(|| invalid(format!("{at}.checks is missing")))?;
        let mut checks: Vec<CheckSpec> = Vec::new();
        for (index, item) in list.iter().enumerate() {
            let check = check(item, &format!("{at}.checks[{index}]"))?;
            if checks.iter().any(|other| other.name == check.name) || check.name == "parses" {
                return Err(invalid(format!(
                    "{at}.checks[{index}].name: there is already a check called `{}`",
                    check.name
                )));
            }
            checks.push(check);
        }
        if !checks.iter().any(|check| check.weight > 0.0) {
            return Err(invalid(format!(
                "{at}.checks needs at least one check with a weight above 0"
            )));
        }
        let required = reader.strings("required")?.unwrap_or_default();
        for (index, name) in required.iter().enumerate() {
            let known = checks.iter().map(|check| check.name.as_str()).chain(STANDARD);
            if !known.clone().any(|known| known == name) {
                return Err(invalid(format!(
                    "{at}.required[{index}]: there is no check called `{name}`; there are {}",
                    reader::listed(known)
                )));
            }
        }
        let allow = match reader.object("allow")? {
            Some(reader) => allow(reader)?,
            None => Allow::default(),
        };
        reader.finish()?;
        Ok(Self { checks, required, allow, only_applicable: false })
    }
}

fn allow(mut reader: Reader<'_>) -> Result<Allow> {
    let mut allow = Allow::default();
    for (key, kind) in ALLOW_KEYS {
        if let Some(count) = reader.count(key)? {
            allow.marks.push((kind, count));
        }
    }
    for key in ALLOWED_ELSEWHERE {
        reader.count(key)?;
    }
    allow.lost_names = reader.strings("lost_names")?.unwrap_or_default();
    reader.finish()?;
    Ok(allow)
}

fn check(json: &Json, path: &str) -> Result<CheckSpec> {
    let mut reader = Reader::new(json, path)?;
    let kind_name = reader.string("kind")?.ok_or_else(|| {
        invalid(format!("{path}.kind is missing; kinds are {}", reader::listed(KINDS)))
    })?;
    let name = reader.string("name")?.unwrap_or_else(|| kind_name.clone());
    let weight = reader.number("weight")?.unwrap_or(1.0);
    if !(0.0..=1e6).contains(&weight) {
        return Err(invalid(format!("{path}.weight is {weight}; it must be 0 or more")));
    }
    let kind = kind(&kind_name, &mut reader, path)?;
    reader.finish()?;
    Ok(CheckSpec { name, weight, kind })
}

fn kind(name: &str, reader: &mut Reader<'_>, path: &str) -> Result<CheckKind> {
    Ok(match name {
        "script_lang" => CheckKind::ScriptLang,
        "script_setup" => CheckKind::ScriptSetup,
        "type_declared" => CheckKind::TypeDeclared {
            matches: match reader.string("matches")? {
                Some(pattern) => Some(Regex::new(&pattern).map_err(|error| {
                    invalid(format!("{path}.matches is no regular expression: {error}"))
                })?),
                None => None,
            },
            interface: match reader.string("declaration")?.as_deref() {
                None => None,
                Some("interface") => Some(true),
                Some("type") => Some(false),
                Some(other) => {
                    return Err(invalid(format!(
                        "{path}.declaration is `{other}`; it must be `interface` or `type`"
                    )));
                }
            },
            members: reader.strings("members")?.unwrap_or_default(),
            min_members: reader.count("min_members")?.unwrap_or(1),
        },
        "typed_props" => CheckKind::TypedProps {
            names: reader.strings("names")?.unwrap_or_default(),
            min_share: reader.share("min_share")?,
        },
        "typed_emits" => CheckKind::TypedEmits {
            names: reader.strings("names")?.unwrap_or_default(),
            min_share: reader.share("min_share")?,
        },
        "typed_model" => CheckKind::TypedModel { model: reader.string("model")? },
        "parameters_typed" => CheckKind::ParametersTyped {
            function: reader.string("function")?,
            min_share: reader.share("min_share")?,
        },
        "returns_typed" => CheckKind::ReturnsTyped {
            function: reader.string("function")?,
            min_share: reader.share("min_share")?,
        },
        "state_typed" => CheckKind::StateTyped {
            variable: reader.string("variable")?,
            calls: reader.strings("calls")?.unwrap_or_else(default_set::state_calls),
            explicit: reader.boolean("explicit")?.unwrap_or(false),
            min_share: reader.share("min_share")?,
        },
        "imports" => CheckKind::Imports {
            from: reader
                .string("from")?
                .ok_or_else(|| invalid(format!("{path}.from is missing; it names the module")))?,
            names: reader.strings("names")?.unwrap_or_default(),
            type_only: reader.boolean("type_only")?,
        },
        "keeps_behaviour_names" => CheckKind::KeepsBehaviourNames,
        other => match MARK_KINDS.into_iter().find(|(name, _)| *name == other) {
            Some((_, marks)) => CheckKind::AtMost { marks, max: reader.count("max")?.unwrap_or(0) },
            None => {
                return Err(invalid(format!(
                    "{path}.kind is `{other}`; kinds are {}",
                    reader::listed(KINDS)
                )));
            }
        },
    })
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
        .with_hint("plugins/ts-ast/README.md describes every kind of check and its keys")
}

#[cfg(test)]
mod tests;
