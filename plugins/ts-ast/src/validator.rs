//! The validator: text in, findings out.

use std::collections::BTreeMap;

use llmbench_api::{
    Artifact, CallContext, Check, Diagnostic, Findings, FindingsStatus, Json, Project, Result,
    Severity, Validator, ValidatorInfo,
};
use serde_json::json;

use crate::checks::{Outcome, Subject, evaluate};
use crate::facts::{Facts, MarkKind, collect};
use crate::lost::{Lost, lost_names};
use crate::position::Lines;
use crate::score::{Score, score};
use crate::spec::Spec;
use crate::{deep, sfc};

/// Version of the parser, as pinned in Cargo.toml.
const OXC_VERSION: &str = "0.146.0";

/// The file of the project that an answer is compared with.
const INPUT: &str = "input.vue";

/// Most diagnostics of one component.
const MAX_DIAGNOSTICS: usize = 200;

/// Judges the structure of Vue components.
#[derive(Debug, Clone, Copy, Default)]
pub struct TsAst;

/// There is nothing to set yet; whatever is given is refused by name.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {}

impl TsAst {
    /// The validator; takes no settings.
    ///
    /// # Errors
    /// [`llmbench_api::ErrorKind::Settings`] when there are some.
    pub fn new(settings: Json) -> Result<Self> {
        let Settings {} = llmbench_plugin::settings("ts-ast", settings)?;
        Ok(Self)
    }
}

impl Validator for TsAst {
    fn prepare(&self, project: &Project, cx: &CallContext) -> Result<ValidatorInfo> {
        cx.check()?;
        let spec = Spec::of(project)?;
        let mut notes = Vec::new();
        if spec.only_applicable {
            notes.push("no ast_checks.json: the default set of checks is used".to_owned());
        }
        if !project.files.contains_key(INPUT) {
            notes.push("no input.vue: lost names are not looked for".to_owned());
        }
        let tools = BTreeMap::from([("oxc".to_owned(), OXC_VERSION.to_owned())]);
        Ok(ValidatorInfo { tools, notes, ..ValidatorInfo::default() })
    }

    fn check(&self, artifact: &Artifact, project: &Project, cx: &CallContext) -> Result<Findings> {
        cx.check()?;
        judge(artifact, project)
    }
}

/// Judges an artifact; the same one always gets the same findings.
///
/// # Errors
/// [`llmbench_api::ErrorKind::InvalidInput`] for a wrong `ast_checks.json`; and when
/// the parser itself gives up.
pub fn judge(artifact: &Artifact, project: &Project) -> Result<Findings> {
    let spec = Spec::of(project)?;
    let text = artifact.entry_text();
    let tokens = deep::count_tokens(text);
    if tokens > deep::MAX_TOKENS {
        let message = format!(
            "the component has about {tokens} tokens; more than {} are not judged",
            deep::MAX_TOKENS
        );
        let facts = Facts::unreadable(message);
        return Ok(findings(artifact, &spec, &facts, None));
    }
    let input =
        project.files.get(INPUT).filter(|input| deep::count_tokens(input) <= deep::MAX_TOKENS);
    let input_tokens = input.map_or(0, |input| deep::count_tokens(input));
    deep::run(tokens.max(input_tokens), || {
        let facts = collect(&sfc::split(text));
        // An input that does not parse has no names that could be compared.
        let input = input.map(|input| collect(&sfc::split(input)));
        findings(artifact, &spec, &facts, input.as_ref().filter(|input| input.errors.is_empty()))
    })
}

fn findings(artifact: &Artifact, spec: &Spec, facts: &Facts, input: Option<&Facts>) -> Findings {
    let parses = facts.errors.is_empty();
    let lost = match input {
        Some(input) if parses => lost_names(input, facts, &spec.allow.lost_names),
        _ => Vec::new(),
    };
    let subject = Subject { answer: facts, input, lost: &lost };
    let mut outcomes = evaluate(spec, subject);
    if !parses {
        for outcome in outcomes.iter_mut().filter(|outcome| outcome.name != "parses") {
            outcome.earned = 0.0;
            outcome.passed = false;
            outcome.message = "the component does not parse".into();
        }
    }
    let score = score(facts, &outcomes, lost.len(), &spec.allow);
    let fulfilled = |name: &String| outcomes.iter().all(|o| o.name != *name || o.passed);
    let status = if parses && spec.required.iter().all(fulfilled) {
        FindingsStatus::Passed
    } else {
        FindingsStatus::Failed
    };
    Findings {
        status,
        score: Some(score.points),
        diagnostics: diagnostics(artifact, facts),
        measurements: measurements(facts, input, lost.len()),
        details: details(facts, &outcomes, &score, &lost),
        checks: checks(outcomes),
        ..Findings::default()
    }
}

/// Weights normalised to 10.
fn checks(outcomes: Vec<Outcome>) -> Vec<Check> {
    let total: f64 = outcomes.iter().map(|outcome| outcome.weight).sum();
    let scale = if total > 0.0 { 10.0 / total } else { 0.0 };
    outcomes
        .into_iter()
        .map(|outcome| Check {
            name: outcome.name,
            passed: outcome.passed,
            weight: outcome.weight * scale,
            earned: outcome.earned,
            message: Some(outcome.message),
        })
        .collect()
}

fn diagnostics(artifact: &Artifact, facts: &Facts) -> Vec<Diagnostic> {
    let lines = Lines::new(artifact.entry_text());
    let at = |severity, offset: usize, code: &str, message: String| {
        let (line, column) = lines.position(offset);
        Diagnostic {
            severity,
            file: artifact.entry.clone(),
            line: Some(line),
            column: Some(column),
            code: Some(code.to_owned()),
            message,
        }
    };
    let errors = facts.errors.iter().map(|(o, m)| at(Severity::Error, *o, "parse", m.clone()));
    let marks = facts.marks.iter().map(|mark| {
        let (severity, code) = match mark.kind {
            MarkKind::Suppression => (Severity::Error, "suppression"),
            MarkKind::Any => (Severity::Warning, "any"),
            MarkKind::Assertion | MarkKind::DoubleAssertion | MarkKind::NonNull => {
                (Severity::Warning, "assertion")
            }
            MarkKind::WeakType => (Severity::Info, "weak_type"),
        };
        at(severity, mark.offset, code, mark.text.clone())
    });
    errors.chain(marks).take(MAX_DIAGNOSTICS).collect()
}

fn measurements(facts: &Facts, input: Option<&Facts>, lost: usize) -> BTreeMap<String, f64> {
    let mut measurements = BTreeMap::new();
    let mut add = |name: &str, value: f64| measurements.insert(name.to_owned(), value);
    add("parse_error_count", facts.errors.len() as f64);
    if !facts.errors.is_empty() {
        return measurements;
    }
    for (name, kind) in [
        ("any_count", MarkKind::Any),
        ("assertion_count", MarkKind::Assertion),
        ("double_assertion_count", MarkKind::DoubleAssertion),
        ("non_null_count", MarkKind::NonNull),
        ("suppression_count", MarkKind::Suppression),
        ("weak_type_count", MarkKind::WeakType),
    ] {
        add(name, f64::from(facts.count(kind)));
    }
    let (parameters, typed_parameters) = facts.parameter_counts();
    let (functions, return_types) = facts.return_counts();
    add("named_parameter_count", f64::from(parameters));
    add("typed_parameter_count", f64::from(typed_parameters));
    add("function_count", f64::from(functions));
    add("return_type_count", f64::from(return_types));
    let interfaces = facts.types.iter().filter(|declaration| declaration.interface).count();
    add("interface_count", interfaces as f64);
    add("type_alias_count", (facts.types.len() - interfaces) as f64);
    add("statement_count", f64::from(facts.statement_count));
    add("template_node_count", f64::from(facts.template_node_count));
    if let Some(input) = input {
        add("lost_name_count", lost as f64);
        add("input_statement_count", f64::from(input.statement_count));
        add("input_template_node_count", f64::from(input.template_node_count));
    }
    measurements
}

fn details(facts: &Facts, outcomes: &[Outcome], score: &Score, lost: &[Lost]) -> Json {
    let parses = facts.errors.is_empty();
    let (parameters, typed_parameters) = facts.parameter_counts();
    let missing: Vec<&str> =
        outcomes.iter().filter(|o| !o.passed).map(|o| o.name.as_str()).collect();
    let pairs = |list: &[(&'static str, f64)]| -> Json {
        list.iter().map(|(name, points)| ((*name).to_owned(), json!(points))).collect()
    };
    let types: Vec<Json> = facts
        .types
        .iter()
        .map(|declaration| {
            let resolved = facts.resolve(std::slice::from_ref(&declaration.shape));
            json!({
                "name": declaration.name,
                "kind": if declaration.interface { "interface" } else { "type" },
                "used": declaration.used,
                "members": resolved.to_json(),
            })
        })
        .collect();
    json!({
        "has_interfaces": parses && facts.types.iter().any(|declaration| declaration.used),
        "has_type_annotations": parses && facts.annotation_count > facts.any_annotation_count,
        "has_script_lang": facts.is_typescript(),
        "missing": missing,
        "score": score.points,
        "facts": {
            "earned": score.earned,
            "penalties": pairs(&score.penalties),
            "caps": pairs(&score.caps),
            "types": types,
            "props": facts.resolve_props().to_json(),
            "emits": facts.resolve_emits().to_json(),
            "imports": facts.imports.iter().map(|i| format!("{}:{}", i.from, i.name)).collect::<Vec<_>>(),
            "script_setup": facts.scripts.iter().any(|script| script.setup),
            "options_api": facts.options_api,
            "satisfies_count": facts.satisfies_count,
            "annotation_count": facts.annotation_count,
            "named_parameters": format!("{typed_parameters}/{parameters}"),
            "lost_names": lost.iter().map(ToString::to_string).collect::<Vec<_>>(),
        },
    })
}
