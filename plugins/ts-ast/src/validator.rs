//! The validator: text in, findings out.

use std::collections::BTreeMap;

use llmbench_api::{
    Artifact, CallContext, Findings, Json, Project, Result, Validator, ValidatorInfo,
};

use crate::judge::{has_input, judge};
use crate::spec::Specs;

/// Version of the parser, as pinned in Cargo.toml.
const OXC_VERSION: &str = "0.146.0";

/// Judges the structure of Vue components and of the files beside them.
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
        let specs = Specs::of(project)?;
        let mut notes = Vec::new();
        if specs.is_default() {
            notes.push("no ast_checks.json: the default set of checks is used".to_owned());
        }
        if !has_input(project) {
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
