//! The virtual project of one check: answer, importer, probe, and what they import.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use llmbench_api::{Artifact, Error, ErrorKind, Project, Result};
use tempfile::NamedTempFile;

use crate::worker::{Request, SourceFile};

/// The file of a fixture that uses the component rightly and wrongly.
pub const PROBE: &str = "probe.ts";

/// A project ready to be sent to the worker.
///
/// The answer's files lie on disk under names that hold a UUID, and are removed
/// on drop unless they are kept.
pub(crate) struct Staged {
    pub(crate) entry: String,
    pub(crate) importer: String,
    pub(crate) has_probe: bool,
    /// The rest of the project lies on disk and is judged as well.
    pub(crate) whole_project: bool,
    /// The files that the model wrote.
    pub(crate) answer_files: Vec<String>,
    texts: BTreeMap<String, String>,
    on_disk: Vec<(String, NamedTempFile)>,
}

impl Staged {
    /// Writes the answer's files to `folder`.
    ///
    /// # Errors
    /// `InvalidInput` for a file name that leaves the project, `Internal` when
    /// a file cannot be written.
    pub(crate) fn on_disk(artifact: &Artifact, project: &Project, folder: &Path) -> Result<Self> {
        let mut staged = Self::in_memory(artifact, project)?;
        let id = uuid::Uuid::new_v4();
        for name in &staged.answer_files {
            let text = staged.texts.remove(name).unwrap_or_default();
            let suffix = if *name == staged.entry {
                Path::new(name).extension().map(|extension| format!(".{}", extension.display()))
            } else {
                Some(format!(".{}", name.replace('/', ".")))
            };
            let file = write(folder, &id.to_string(), &suffix.unwrap_or_default(), &text)
                .map_err(|error| cannot_write(folder, &error))?;
            staged.on_disk.push((name.clone(), file));
        }
        Ok(staged)
    }

    /// Keeps everything in memory.
    ///
    /// # Errors
    /// `InvalidInput` for a file name that leaves the project.
    pub(crate) fn in_memory(artifact: &Artifact, project: &Project) -> Result<Self> {
        let mut texts = BTreeMap::new();
        let hidden = hidden(project);
        let visible = |name: &String| can_be_imported(name) && !hidden.contains(name.as_str());
        for (name, text) in project.files.iter().filter(|(name, _)| visible(name)) {
            texts.insert(clean(name)?, text.clone());
        }
        let has_probe = texts.contains_key(PROBE);
        let mut answer_files = Vec::new();
        for (name, text) in &artifact.files {
            let name = clean(name)?;
            texts.insert(name.clone(), text.clone());
            answer_files.push(name);
        }
        let entry = clean(&artifact.entry)?;
        if !answer_files.contains(&entry) {
            let message = format!("the answer has no file `{entry}`");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let importer = ["importer.ts", "llmbench-importer.ts", "llmbench-importer-2.ts"]
            .into_iter()
            .find(|name| !texts.contains_key(*name))
            .unwrap_or("llmbench-importer-3.ts")
            .to_owned();
        texts.insert(importer.clone(), importer_text(&entry));
        let whole_project = false;
        Ok(Self {
            entry,
            importer,
            has_probe,
            whole_project,
            answer_files,
            texts,
            on_disk: Vec::new(),
        })
    }

    /// Of the fixture's files only the probe is of use to an npm project, which
    /// brings its own.
    #[must_use]
    pub(crate) fn in_npm_project(mut self) -> Self {
        let answer = &self.answer_files;
        self.texts.retain(|name, _| name == PROBE || answer.contains(name));
        self.importer.clear();
        self.whole_project = true;
        self
    }

    pub(crate) fn request(&self) -> Request {
        let on_disk = self.on_disk.iter().map(|(name, file)| SourceFile {
            name: name.clone(),
            path: Some(file.path().to_string_lossy().into_owned()),
            text: None,
        });
        let in_memory = self.texts.iter().map(|(name, text)| SourceFile {
            name: name.clone(),
            path: None,
            text: Some(text.clone()),
        });
        let files: Vec<_> = on_disk.chain(in_memory).collect();
        let ambient = |name: &str| {
            name.ends_with(".d.ts") && !self.answer_files.iter().any(|file| file == name)
        };
        let others = files.iter().map(|file| &file.name).filter(|name| ambient(name)).cloned();
        let probe = self.has_probe.then(|| PROBE.to_owned());
        let compiled = self.answer_files.iter().filter(|name| is_compiled(name)).cloned();
        let importer = Some(self.importer.clone()).filter(|name| !name.is_empty());
        let roots = match importer {
            Some(importer) => {
                std::iter::once(importer).chain(probe).chain(compiled).chain(others).collect()
            }
            None => probe.into_iter().collect(),
        };
        Request { id: 0, answer: self.answer_files.clone(), roots, files, baseline: false }
    }

    /// True when the file is the model's work or stands for its use.
    pub(crate) fn belongs_to_answer(&self, name: &str) -> bool {
        self.whole_project
            || name == self.importer
            || self.answer_files.iter().any(|file| file == name)
    }

    /// Leaves the answer's files on disk; their paths, the component first.
    pub(crate) fn keep(self) -> Vec<PathBuf> {
        let mut kept = Vec::new();
        for (name, file) in self.on_disk {
            match file.into_temp_path().keep() {
                Ok(path) if name == self.entry => kept.insert(0, path),
                Ok(path) => kept.push(path),
                Err(error) => tracing::warn!(%error, "cannot keep a temporary file"),
            }
        }
        kept
    }
}

/// The generated file that imports the answer, so that errors in its declaration surface.
///
/// For a `.vue` file it does not compile when the default export is no Vue component.
pub fn importer_text(entry: &str) -> String {
    if !entry.ends_with(".vue") {
        let ends = [".d.ts", ".ts", ".tsx", ".js", ".jsx"];
        let specifier = ends.iter().find_map(|end| entry.strip_suffix(end)).unwrap_or(entry);
        return format!("import * as answer from './{specifier}'\n\nexport {{ answer }}\n");
    }
    format!(
        "import type {{ Component }} from 'vue'\n\
         import Answer from './{entry}'\n\
         \n\
         // Fails for whatever is no Vue component.\n\
         export const component: Component = Answer\n"
    )
}

/// Files of the fixture that the answer does not get to see: the code that it
/// replaces, and what else judges it.
fn hidden(project: &Project) -> BTreeSet<&str> {
    let inputs = project.options.get("input").and_then(|input| input.as_object());
    let inputs = inputs.into_iter().flatten().filter_map(|(_, path)| path.as_str());
    let spec = project.options.get("spec").and_then(|spec| spec.as_str());
    inputs.chain(spec).chain(["input.vue", "spec.ts", "ast_checks.json"]).collect()
}

fn is_compiled(name: &str) -> bool {
    [".ts", ".tsx", ".vue"].iter().any(|extension| name.ends_with(extension))
}

fn can_be_imported(name: &str) -> bool {
    let extensions = [".ts", ".tsx", ".vue", ".json", ".js", ".jsx", ".mjs"];
    extensions.iter().any(|extension| name.ends_with(extension))
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

fn write(folder: &Path, id: &str, suffix: &str, text: &str) -> std::io::Result<NamedTempFile> {
    std::fs::create_dir_all(folder)?;
    let mut file =
        tempfile::Builder::new().prefix(id).suffix(suffix).rand_bytes(0).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.flush()?;
    Ok(file)
}

fn cannot_write(folder: &Path, error: &std::io::Error) -> Error {
    let message = format!("cannot write the answer to `{}`", folder.display());
    Error::new(ErrorKind::Internal, message)
        .with_cause(error)
        .with_hint("choose another folder with `--set tsc.work_dir=PATH`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_name(name: &str, expected: Option<&str>) {
        assert_eq!(clean(name).ok().as_deref(), expected, "{name}");
    }

    #[test]
    fn names_stay_inside_the_project() {
        check_name("Component.vue", Some("Component.vue"));
        check_name("./parts/Row.vue", Some("parts/Row.vue"));
        check_name("parts\\Row.vue", Some("parts/Row.vue"));
        check_name("../Row.vue", None);
        check_name("parts/../../Row.vue", None);
        check_name("/etc/passwd", None);
        check_name("C:/x.vue", None);
        check_name("", None);
    }

    #[test]
    fn an_answer_may_hold_a_file_named_like_the_importer() {
        let mut artifact = Artifact::single("Component.vue", "");
        artifact.files.insert("importer.ts".to_owned(), "export {}".to_owned());
        let staged = Staged::in_memory(&artifact, &Project::default()).unwrap();
        assert_eq!(staged.importer, "llmbench-importer.ts");
    }

    #[test]
    fn files_disappear_unless_they_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let artifact = Artifact::single("Component.vue", "<template />");
        let staged = || Staged::on_disk(&artifact, &Project::default(), folder.path()).unwrap();
        drop(staged());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let kept = staged().keep();
        assert_eq!(std::fs::read_to_string(&kept[0]).unwrap(), "<template />");
        let stem = kept[0].file_stem().unwrap().to_str().unwrap();
        assert!(uuid::Uuid::parse_str(stem).is_ok(), "{stem}");
    }
}
