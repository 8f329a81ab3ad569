//! What the user means by `RUN`, `RUN#MODEL` and `--model`.

use std::borrow::Borrow;

use crate::Run;

/// A run and, after `#`, a model of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Folder or name of the run.
    pub run: String,
    /// One of its models; without it, all.
    pub model: Option<String>,
}

/// One model in one run, to be compared.
pub type Picked<'a> = (&'a Run, &'a str);

/// The pairs to be compared: bases with their others.
#[derive(Debug, Clone)]
pub struct Sides<'a> {
    /// Base and other, in the order in which they were named.
    pub pairs: Vec<(Picked<'a>, Picked<'a>)>,
    /// Models without one of their name on the other side, which are not compared.
    pub left_out: Vec<Picked<'a>>,
}

/// Why nothing can be paired.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SideError {
    /// A run has no such model.
    #[error("run `{run}` has no model `{model}`; it has {known}")]
    NoModel {
        /// The run.
        run: String,
        /// The model.
        model: String,
        /// The run's models.
        known: String,
    },
    /// There is one side only.
    #[error("run `{run}` with model `{model}` alone leaves nothing to compare it with")]
    OneSide {
        /// The run.
        run: String,
        /// The model.
        model: String,
    },
    /// Runs of several models that share none.
    #[error("runs `{base}` and `{other}` have several models each and none in common")]
    NoCommonModel {
        /// The base's run.
        base: String,
        /// The other run.
        other: String,
    },
    /// A side is compared with itself.
    #[error("model `{model}` of run `{run}` is compared with itself")]
    Same {
        /// The run.
        run: String,
        /// The model.
        model: String,
    },
}

impl SideError {
    /// What to type next.
    pub fn hint(&self) -> String {
        match self {
            Self::NoModel { .. } => "name one of these after `#`".to_owned(),
            Self::OneSide { .. } => {
                "name a second run, or a run of several models: `llmbench compare BASE OTHER`"
                    .to_owned()
            }
            Self::NoCommonModel { base, other } => {
                format!("name one model of each: `llmbench compare {base}#MODEL {other}#MODEL`")
            }
            Self::Same { .. } => "name two runs, or two models".to_owned(),
        }
    }
}

impl Spec {
    /// `RUN` or `RUN#MODEL`. A `#` belongs to the run's name when `is_run` says so of the whole.
    pub fn parse(text: &str, is_run: impl Fn(&str) -> bool) -> Self {
        match text.rsplit_once('#') {
            Some((run, model)) if !is_run(text) && !model.is_empty() => {
                Self { run: run.to_owned(), model: Some(model.to_owned()) }
            }
            _ => Self { run: text.to_owned(), model: None },
        }
    }
}

impl<'a> Sides<'a> {
    /// Decides what is compared with what.
    ///
    /// - One run alone: its first model is the base, the others are compared with it.
    /// - A base of one model: every model of the others is compared with it.
    /// - A base of several models: each is compared with the model of the same
    ///   name in the others, and those without one are left out.
    ///
    /// `models` keeps only models of these names, where it names any.
    ///
    /// # Errors
    /// [`SideError`] when that leaves nothing to compare.
    pub fn of<R: Borrow<Run>>(
        runs: &'a [(R, Option<String>)],
        models: &[String],
    ) -> Result<Self, SideError> {
        let mut groups = Vec::new();
        for (run, model) in runs {
            groups.push(pick(run.borrow(), model.as_deref(), models)?);
        }
        let Some((bases, others)) = groups.split_first() else {
            return Ok(Self { pairs: Vec::new(), left_out: Vec::new() });
        };
        let mut pairs = Vec::new();
        let mut left_out = Vec::new();
        let same_run_only = others.is_empty();
        if let ([base, rest @ ..], true) = (&bases[..], same_run_only) {
            pairs.extend(rest.iter().map(|other| (*base, *other)));
        } else if let [base] = bases[..] {
            pairs.extend(others.iter().flatten().map(|other| (base, *other)));
        } else {
            for other in others {
                let before = pairs.len();
                for base in bases {
                    pairs.extend(other.iter().filter(|(_, m)| *m == base.1).map(|o| (*base, *o)));
                }
                let lacks =
                    |side: &[Picked<'_>], model: &str| side.iter().all(|(_, m)| *m != model);
                left_out.extend(bases.iter().filter(|(_, model)| lacks(other, model)));
                left_out.extend(other.iter().filter(|(_, model)| lacks(bases, model)));
                if let (true, Some(base), Some(other)) =
                    (pairs.len() == before, bases.first(), other.first())
                {
                    return Err(SideError::NoCommonModel {
                        base: base.0.manifest.run_id.clone(),
                        other: other.0.manifest.run_id.clone(),
                    });
                }
            }
        }
        let same = |((run, model), (other, other_model)): &&(Picked<'_>, Picked<'_>)| {
            model == other_model && run.dir == other.dir
        };
        if let Some(((run, model), _)) = pairs.iter().find(same) {
            let run = run.manifest.run_id.clone();
            return Err(SideError::Same { run, model: (*model).to_owned() });
        }
        if let (true, Some((run, model))) = (pairs.is_empty(), bases.first()) {
            let run = run.manifest.run_id.clone();
            return Err(SideError::OneSide { run, model: (*model).to_owned() });
        }
        Ok(Self { pairs, left_out })
    }
}

fn pick<'a>(
    run: &'a Run,
    model: Option<&str>,
    wanted: &[String],
) -> Result<Vec<Picked<'a>>, SideError> {
    let known = models_of(run);
    let no_model = |model: &str| SideError::NoModel {
        run: run.manifest.run_id.clone(),
        model: model.to_owned(),
        known: known.join(", "),
    };
    if let Some(model) = model {
        let found = known.iter().find(|known| **known == model).ok_or_else(|| no_model(model))?;
        return Ok(vec![(run, found)]);
    }
    let is_wanted = |model: &&str| wanted.is_empty() || wanted.iter().any(|name| name == model);
    let picked: Vec<_> =
        known.iter().copied().filter(is_wanted).map(|model| (run, model)).collect();
    match (picked.is_empty(), wanted.first()) {
        (true, Some(first)) => Err(no_model(first)),
        _ => Ok(picked),
    }
}

/// The models of a run in the plan's order.
fn models_of(run: &Run) -> Vec<&str> {
    let mut models: Vec<&str> = run.manifest.plan.models.iter().map(String::as_str).collect();
    let planned = models.len();
    for record in &run.records {
        if !models.contains(&&*record.model) {
            models.push(&record.model);
        }
    }
    // Those that the plan does not name, in an order that does not depend on the file's.
    models[planned..].sort_unstable();
    models
}
