//! A fixture's behaviour tests and the files that stand beside an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use llmbench_api::{Artifact, Error, ErrorKind, Json, Project, Result};
use regex::Regex;
use serde::Serialize;

/// Packages that an answer may import when the fixture's own files do.
const OPTIONAL_PACKAGES: [&str; 2] = ["pinia", "vue-router"];

/// What every answer to one fixture is tested with.
#[derive(Debug, Serialize)]
pub(crate) struct Suite {
    /// Path of the spec.
    pub(crate) spec: String,
    /// Spec and support files, by path.
    pub(crate) given: BTreeMap<String, String>,
    /// The untyped files that the model gets, at the paths of the answer's files.
    pub(crate) input: BTreeMap<String, String>,
    /// Packages that the answer may import.
    pub(crate) packages: Vec<String>,
}

impl Suite {
    /// `None` when the fixture has no behaviour tests.
    ///
    /// # Errors
    /// `InvalidInput` for options that name files which are not there, and for
    /// paths that leave the project.
    pub(crate) fn of(project: &Project) -> Result<Option<Self>> {
        let Some(spec) = project.options.get("spec").and_then(Json::as_str) else {
            return Ok(None);
        };
        let text = |path: &str| {
            project.files.get(path).cloned().ok_or_else(|| {
                let message = format!("`{path}` is not among the files of the fixture");
                Error::new(ErrorKind::InvalidInput, message)
            })
        };
        let mut input = BTreeMap::new();
        let mut hidden = BTreeSet::from([spec, "ast_checks.json"]);
        hidden.extend(project.options.get("probe").and_then(Json::as_str));
        if let Some(Json::Object(paths)) = project.options.get("input") {
            for (target, path) in paths {
                let Some(path) = path.as_str() else { continue };
                input.insert(clean(target)?, text(path)?);
                hidden.insert(path);
            }
        }
        let mut given = BTreeMap::from([(clean(spec)?, text(spec)?)]);
        for (path, text) in &project.files {
            if !hidden.contains(path.as_str()) {
                given.insert(clean(path)?, text.clone());
            }
        }
        let used: BTreeSet<String> =
            given.values().chain(input.values()).flat_map(|text| imports(text)).collect();
        let optional = OPTIONAL_PACKAGES.iter().filter(|package| used.contains(**package));
        let packages = std::iter::once(&"vue").chain(optional).map(|name| (*name).to_owned());
        let (spec, packages) = (clean(spec)?, packages.collect());
        Ok(Some(Self { spec, given, input, packages }))
    }

    /// The answer's files, by clean path, and those that it may not bring:
    /// nothing of the fixture's own is replaced by an answer.
    pub(crate) fn admit(&self, artifact: &Artifact) -> (BTreeMap<String, String>, Vec<String>) {
        let mut files = BTreeMap::new();
        let mut refused = Vec::new();
        for (name, text) in &artifact.files {
            match clean(name) {
                Ok(path) if !self.given.contains_key(&path) || self.input.contains_key(&path) => {
                    files.insert(path, text.clone());
                }
                Ok(_) | Err(_) => refused.push(name.clone()),
            }
        }
        (files, refused)
    }
}

/// Names of the packages that a file imports.
fn imports(text: &str) -> Vec<String> {
    static IMPORT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"./][^'"]*)['"]"#)
            .expect("the pattern is valid")
    });
    IMPORT.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// A relative path with `/` that stays inside the project.
fn clean(name: &str) -> Result<String> {
    let slashed = name.replace('\\', "/");
    let parts: Vec<_> = slashed.split('/').filter(|part| *part != ".").collect();
    let leaves = |part: &&str| part.is_empty() || *part == ".." || part.contains([':', '\0']);
    if parts.is_empty() || parts.iter().any(leaves) {
        let message = format!("`{name}` is no relative path inside the project");
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn project(files: &[(&str, &str)], options: Json) -> Project {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        Project { files: files.collect(), options, ..Project::default() }
    }

    #[test]
    fn input_probe_and_checks_are_not_put_beside_the_answer() {
        let files = [
            ("spec.ts", "import './Component.vue'"),
            ("probe.ts", ""),
            ("ast_checks.json", "{}"),
            ("input.vue", "<script setup>import { defineStore } from 'pinia'</script>"),
            ("api.ts", "export const a = 1"),
        ];
        let options = json!({"spec": "spec.ts", "probe": "probe.ts", "input": {"Component.vue": "input.vue"}});
        let suite = Suite::of(&project(&files, options)).unwrap().unwrap();
        assert_eq!(suite.given.keys().collect::<Vec<_>>(), ["api.ts", "spec.ts"]);
        assert_eq!(suite.input.keys().collect::<Vec<_>>(), ["Component.vue"]);
        assert_eq!(suite.packages, ["vue", "pinia"]);
        assert!(Suite::of(&project(&files, json!({}))).unwrap().is_none());
        assert!(Suite::of(&project(&files, json!({"spec": "no.ts"}))).is_err());
    }

    #[test]
    fn an_answer_replaces_nothing_of_the_fixture() {
        let files = [("spec.ts", ""), ("api.ts", ""), ("input/store.js", "")];
        let options = json!({"spec": "spec.ts", "input": {"store.ts": "input/store.js"}});
        let suite = Suite::of(&project(&files, options)).unwrap().unwrap();
        let mut artifact = Artifact::single("store.ts", "");
        for name in ["spec.ts", "./api.ts", "../x.ts", "own.ts"] {
            artifact.files.insert(name.to_owned(), String::new());
        }
        let (admitted, refused) = suite.admit(&artifact);
        assert_eq!(admitted.keys().collect::<Vec<_>>(), ["own.ts", "store.ts"]);
        assert_eq!(refused, ["../x.ts", "./api.ts", "spec.ts"]);
    }

    #[test]
    fn packages_are_found_in_every_way_to_import_them() {
        let text =
            "import { a } from 'pinia'\nimport 'vue-router'\nconst b = import(\"x\")\nfrom './y'";
        assert_eq!(imports(text), ["pinia", "vue-router", "x"]);
    }
}
