//! One specification for each file of an answer.

use std::collections::BTreeMap;

use llmbench_api::{Json, Project, Result};

use super::reader::Reader;
use super::{Allow, FILE, Spec, default_set, invalid};

/// What is asked of each file.
#[derive(Debug, Clone)]
pub enum Specs {
    /// The project says nothing: the default set for every file.
    Default,
    /// One specification, for the entry.
    Entry(Box<Spec>),
    /// By file; other files are counted and not scored.
    Files(BTreeMap<String, Spec>),
}

impl Specs {
    /// What the project asks.
    ///
    /// # Errors
    /// [`llmbench_api::ErrorKind::InvalidInput`] with file, JSON path and what is allowed there.
    pub fn of(project: &Project) -> Result<Self> {
        let Some(text) = project.files.get(FILE) else { return Ok(Self::Default) };
        Self::parse(text).map_err(|mut error| {
            let place = project
                .dir
                .as_ref()
                .map_or_else(|| FILE.to_owned(), |dir| dir.join(FILE).display().to_string());
            error.message = format!("{place}: {}", error.message);
            error
        })
    }

    /// Reads the text of an `ast_checks.json`.
    ///
    /// # Errors
    /// [`llmbench_api::ErrorKind::InvalidInput`] with JSON path and what is allowed there.
    pub fn parse(text: &str) -> Result<Self> {
        let json: Json = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| invalid(format!("is no JSON: {error}")))?;
        let mut reader = Reader::new(&json, "$")?;
        reader.skip("$schema");
        match reader.number("version")? {
            Some(1.0) => {}
            Some(other) => {
                return Err(invalid(format!("$.version is {other}; this version reads 1")));
            }
            None => return Err(invalid("$.version is missing; it must be 1")),
        }
        let Some(files) = reader.entries("files")? else {
            return Ok(Self::Entry(Box::new(Spec::read(reader)?)));
        };
        reader.finish()?;
        let mut specs = BTreeMap::new();
        for (name, json) in files {
            let reader = Reader::new(json, &format!("$.files[\"{name}\"]"))?;
            specs.insert(name.clone(), Spec::read(reader)?);
        }
        if specs.is_empty() {
            return Err(invalid("$.files needs at least one file"));
        }
        Ok(Self::Files(specs))
    }

    /// What is asked of `file`.
    pub fn for_file(&self, file: &str, is_entry: bool) -> Spec {
        match self {
            Self::Default => default_set::default_set(),
            Self::Entry(spec) if is_entry => (**spec).clone(),
            Self::Entry(_) => unscored(),
            Self::Files(specs) => specs.get(file).cloned().unwrap_or_else(unscored),
        }
    }

    /// The files that are named.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let files = match self {
            Self::Files(specs) => Some(specs.keys().map(String::as_str)),
            _ => None,
        };
        files.into_iter().flatten()
    }

    /// True when the project says nothing.
    pub fn is_default(&self) -> bool {
        matches!(self, Self::Default)
    }
}

/// Nothing is asked; the standard checks are reported.
fn unscored() -> Spec {
    Spec {
        checks: Vec::new(),
        required: Vec::new(),
        allow: Allow::default(),
        only_applicable: false,
    }
}
