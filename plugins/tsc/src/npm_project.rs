//! A fixture that is an npm project of its own, as its options describe it.

use std::path::{Path, PathBuf};

use llmbench_api::{CallContext, Error, ErrorKind, Project, Result};
use llmbench_plugin::node_tools::{self, Node, NpmEnvironment};
use serde::Deserialize;
use serde_json::json;

use crate::worker::SourceFile;

/// What the project's own check command reads, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NpmProject {
    /// The folder that holds package.json.
    pub(crate) dir: PathBuf,
    /// Packages may be installed now, because the user asked for it.
    pub(crate) install: bool,
    options: Options,
    /// Target → what the answer is to replace.
    inputs: Vec<(String, String)>,
    id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Options {
    dir: String,
    tsconfig: String,
    build: bool,
    install: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dir: ".".to_owned(),
            tsconfig: "tsconfig.json".to_owned(),
            build: false,
            install: false,
        }
    }
}

impl NpmProject {
    /// The npm project that the options of `project` describe, if they do.
    ///
    /// # Errors
    /// `InvalidInput` when they are not understood or the folder is not there.
    pub(crate) fn of(project: &Project) -> Result<Option<Self>> {
        let invalid = |message: String| Error::new(ErrorKind::InvalidInput, message);
        let Some(given) = project.options.get("project").filter(|given| !given.is_null()) else {
            return Ok(None);
        };
        let options: Options = serde_json::from_value(given.clone())
            .map_err(|error| invalid(format!("the fixture's `project` option: {error}")))?;
        let Some(fixture) = &project.dir else {
            return Err(invalid("an npm project has to lie on disk".to_owned()));
        };
        let dir = fixture.join(&options.dir).canonicalize().map_err(|error| {
            let path = fixture.join(&options.dir);
            invalid(format!("cannot read the npm project `{}`", path.display())).with_cause(&error)
        })?;
        let inputs = project.options.get("input").and_then(|input| input.as_object());
        let text = |(target, path): (&String, &serde_json::Value)| {
            Some((target.clone(), project.files.get(path.as_str()?)?.clone()))
        };
        let inputs = inputs.into_iter().flatten().filter_map(text).collect();
        let install = options.install;
        Ok(Some(Self { dir, install, options, inputs, id: project.id.clone() }))
    }

    /// Tells its workers from those of other projects.
    pub(crate) fn kind(&self) -> String {
        format!("{}\0{}\0{}", self.dir.display(), self.arguments(), self.id)
    }

    /// What the worker is told about it.
    pub(crate) fn arguments(&self) -> String {
        let dir = forward_slashes(&self.dir);
        json!({ "dir": dir, "tsconfig": self.options.tsconfig, "build": self.options.build })
            .to_string()
    }

    /// The project as it stands, where that differs from what lies on disk.
    pub(crate) fn inputs(&self) -> Vec<SourceFile> {
        let file = |(name, text): &(String, String)| SourceFile {
            name: name.clone(),
            path: None,
            text: Some(text.clone()),
        };
        self.inputs.iter().map(file).collect()
    }

    /// The folder that holds its `node_modules`.
    ///
    /// # Errors
    /// `Unavailable` when nothing is installed and must not be installed now.
    pub(crate) fn packages(
        &self,
        data_dir: &Path,
        npm: &NpmEnvironment,
        node: &Node,
        cx: &CallContext,
    ) -> Result<PathBuf> {
        if self.install {
            return node_tools::install_project(&self.dir, data_dir, npm, node, cx);
        }
        node_tools::project_packages(&self.dir, data_dir)?.ok_or_else(|| {
            let message = format!("the packages of `{}` are not installed", self.dir.display());
            Error::new(ErrorKind::Unavailable, message).with_hint(
                "run `llmbench fixtures install --fixture NAME`, or `npm ci` in the project",
            )
        })
    }
}

/// A path as TypeScript writes it.
fn forward_slashes(path: &Path) -> String {
    let text = path.to_string_lossy();
    // What Windows puts before a canonical path.
    text.strip_prefix(r"\\?\").unwrap_or(&text).replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_are_not_understood_are_refused() {
        let mut project = Project::default();
        assert_eq!(NpmProject::of(&project).unwrap(), None);
        project.options = json!({"project": {"dir": 3}});
        assert!(NpmProject::of(&project).unwrap_err().message.contains("`project` option"));
        project.options = json!({"project": {"dir": "nowhere"}});
        assert!(NpmProject::of(&project).unwrap_err().message.contains("on disk"));
        project.dir = Some(std::env::temp_dir());
        assert!(NpmProject::of(&project).unwrap_err().message.contains("nowhere"));
        project.options = json!({"project": {}, "input": {"a.vue": "input.vue"}});
        project.files.insert("input.vue".to_owned(), "x".to_owned());
        let found = NpmProject::of(&project).unwrap().unwrap();
        assert_eq!(found.inputs, [("a.vue".to_owned(), "x".to_owned())]);
        assert!(found.arguments().contains("\"tsconfig.json\""));
    }
}
