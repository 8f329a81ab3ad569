//! What will be attempted, in which order, with which seeds.

use llmbench_api::record::PlanRecord;
use llmbench_api::{Case, GenerateOptions};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::fixtures::hex;

/// A part of a plan: `index` of `count`, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which part.
    pub index: u32,
    /// Of how many.
    pub count: u32,
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// One attempt that will be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedAttempt {
    /// Unique in the plan, the same in every shard and every resumption.
    pub id: String,
    /// Index into the models.
    pub model: usize,
    /// Index into the cases.
    pub case: usize,
    /// Counted from 0.
    pub run_index: u32,
    /// Base seed + run index.
    pub seed: u64,
}

/// What decides the attempts.
#[derive(Debug, Clone)]
pub struct PlanInput<'a> {
    /// Test type.
    pub test: &'a str,
    /// Model names, with their digests where known.
    pub models: Vec<(String, Option<String>)>,
    /// Cases; their projects carry the fixture hashes.
    pub cases: &'a [Case],
    /// Attempts for each model and case.
    pub runs: u32,
    /// Warm-up requests for each model.
    pub warmup: u32,
    /// Sampling and limits, with the base seed.
    pub options: &'a GenerateOptions,
    /// Version of the scoring rules.
    pub scoring_version: Option<String>,
    /// The part to be made.
    pub shard: Option<Shard>,
}

/// All attempts in order.
#[derive(Debug, Clone)]
pub struct Plan {
    /// In the order in which they are made.
    pub attempts: Vec<PlannedAttempt>,
    /// For the manifest.
    pub record: PlanRecord,
}

impl Plan {
    /// Makes the plan: models one after the other (each is loaded once), for
    /// each model all fixtures once, then all again, so that an interrupted run
    /// has seen every fixture.
    pub fn new(input: &PlanInput<'_>) -> Self {
        let mut attempts = Vec::new();
        for (model, (name, _)) in input.models.iter().enumerate() {
            for run_index in 0..input.runs {
                for (case, loaded) in input.cases.iter().enumerate() {
                    let number = attempts.len() + 1;
                    attempts.push(PlannedAttempt {
                        id: format!(
                            "{number:05}-{}-{}-r{}",
                            slug(name),
                            slug(&loaded.name),
                            run_index + 1
                        ),
                        model,
                        case,
                        run_index,
                        seed: input.options.seed.wrapping_add(u64::from(run_index)),
                    });
                }
            }
        }
        if let Some(shard) = input.shard {
            let mut position = 0;
            attempts.retain(|_| {
                position += 1;
                (position - 1) % shard.count == shard.index - 1
            });
        }
        let record = PlanRecord {
            sha256: plan_hash(input),
            models: input.models.iter().map(|(name, _)| name.clone()).collect(),
            fixtures: input.cases.iter().map(|case| case.name.clone()).collect(),
            runs: input.runs,
            warmup: input.warmup,
            attempts: attempts.len() as u32,
            shard: input.shard.map(|shard| shard.to_string()),
        };
        Self { attempts, record }
    }
}

impl Plan {
    /// The cases that `model` is asked, each once, in order.
    pub(crate) fn cases_of(&self, model: usize) -> Vec<usize> {
        let mut cases: Vec<usize> = Vec::new();
        for attempt in self.attempts.iter().filter(|attempt| attempt.model == model) {
            if !cases.contains(&attempt.case) {
                cases.push(attempt.case);
            }
        }
        cases
    }
}

/// The same for all shards of a plan: a shard is not part of it.
fn plan_hash(input: &PlanInput<'_>) -> String {
    let fixtures: Vec<_> = input.cases.iter().map(|case| (&case.name, &case.project.id)).collect();
    let text = json!({
        "test": input.test,
        "models": input.models,
        "fixtures": fixtures,
        "runs": input.runs,
        "options": input.options,
        "scoring_version": input.scoring_version,
    })
    .to_string();
    hex(&Sha256::digest(text))
}

/// A name as part of a file name.
pub(crate) fn slug(name: &str) -> String {
    let slug: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let slug = slug.trim_matches(['-', '.']);
    if slug.is_empty() { "x".into() } else { slug.chars().take(40).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input<'a>(
        cases: &'a [Case],
        options: &'a GenerateOptions,
        shard: Option<Shard>,
    ) -> PlanInput<'a> {
        PlanInput {
            test: "refactoring",
            models: vec![("a:1".into(), None), ("b/2".into(), Some("d".into()))],
            cases,
            runs: 3,
            warmup: 1,
            options,
            scoring_version: None,
            shard,
        }
    }

    fn cases() -> Vec<Case> {
        ["x", "y"].map(|name| Case { name: name.into(), ..Case::default() }).to_vec()
    }

    #[test]
    fn each_model_sees_every_fixture_before_any_repeats_and_seeds_count_up() {
        let (cases, options) = (cases(), GenerateOptions::default());
        let plan = Plan::new(&input(&cases, &options, None));
        let order: Vec<_> =
            plan.attempts.iter().map(|a| (a.model, a.run_index, a.case, a.seed)).collect();
        assert_eq!(&order[..4], [(0, 0, 0, 42), (0, 0, 1, 42), (0, 1, 0, 43), (0, 1, 1, 43)]);
        assert_eq!(order.len(), 12);
        assert_eq!(plan.attempts[0].id, "00001-a-1-x-r1");
    }

    #[test]
    fn shards_cover_the_plan_without_overlap_and_share_its_hash() {
        let (cases, options) = (cases(), GenerateOptions::default());
        let whole = Plan::new(&input(&cases, &options, None));
        let mut ids = Vec::new();
        for index in 1..=5 {
            let part = Plan::new(&input(&cases, &options, Some(Shard { index, count: 5 })));
            assert_eq!(part.record.sha256, whole.record.sha256);
            ids.extend(part.attempts.into_iter().map(|attempt| attempt.id));
        }
        ids.sort();
        assert_eq!(
            ids,
            whole.attempts.iter().map(|attempt| attempt.id.clone()).collect::<Vec<_>>()
        );
    }
}
