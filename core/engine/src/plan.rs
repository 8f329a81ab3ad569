//! What will be attempted, in which order, with which seeds.
//!
//! An attempt's id tells its place in the plan and stays the same for good: in
//! every shard, after every resumption, and when runs are added. So the runs of
//! the first plan are numbered model by model, as they are made, and runs that
//! are added later behind all of these, run by run: their numbers do not depend
//! on how many a model gets in the end.

use std::collections::BTreeMap;

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
    /// `runs` of the first plan, when a resumption raised them.
    pub base_runs: Option<u32>,
    /// Model → its runs, where they are more than `runs`.
    pub model_runs: BTreeMap<String, u32>,
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
    /// Seed of the first run.
    seed: u64,
}

impl Plan {
    /// Makes the plan: models one after the other (each is loaded once), for
    /// each model all fixtures once, then all again, so that an interrupted run
    /// has seen every fixture.
    pub fn new(input: &PlanInput<'_>) -> Self {
        let record = PlanRecord {
            sha256: plan_hash(input),
            models: input.models.iter().map(|(name, _)| name.clone()).collect(),
            fixtures: input.cases.iter().map(|case| case.name.clone()).collect(),
            runs: input.runs,
            base_runs: input.base_runs.filter(|base| *base != input.runs),
            model_runs: input.model_runs.clone(),
            warmup: input.warmup,
            attempts: 0,
            shard: input.shard.map(|shard| shard.to_string()),
        };
        let mut plan = Self { attempts: Vec::new(), record, seed: input.options.seed };
        for (model, (name, _)) in input.models.iter().enumerate() {
            for run_index in 0..plan.record.runs_of(name) {
                let run = plan.run_of(model, run_index);
                plan.attempts.extend(
                    run.filter(|(number, _)| is_part(input.shard, *number))
                        .map(|(_, attempt)| attempt),
                );
            }
        }
        plan.record.attempts = plan.attempts.len() as u32;
        plan
    }

    /// Leaves out the attempts for which `is_done` holds; the record still tells of all.
    pub fn leave_out(&mut self, is_done: impl Fn(&str) -> bool) {
        self.attempts.retain(|attempt| !is_done(&attempt.id));
    }

    /// Adds a run of every case to `model`, behind what is planned for it. Not for shards.
    pub(crate) fn add_run(&mut self, model: usize) {
        let name = self.record.models[model].clone();
        let run_index = self.record.runs_of(&name);
        let run: Vec<_> = self.run_of(model, run_index).map(|(_, attempt)| attempt).collect();
        let place = self.attempts.iter().rposition(|attempt| attempt.model <= model);
        let place = place.map_or(0, |last| last + 1);
        self.record.attempts += run.len() as u32;
        self.record.model_runs.insert(name, run_index + 1);
        self.attempts.splice(place..place, run);
    }

    /// One run of every case, each with its number in the plan, from 1.
    fn run_of(
        &self,
        model: usize,
        run_index: u32,
    ) -> impl Iterator<Item = (usize, PlannedAttempt)> + use<> {
        let PlanRecord { models, fixtures, runs, base_runs, .. } = &self.record;
        let (run, base) = (run_index as usize, base_runs.unwrap_or(*runs) as usize);
        let runs_before = if run < base { model * base + run } else { run * models.len() + model };
        let first = runs_before * fixtures.len() + 1;
        let (name, seed) = (slug(&models[model]), self.seed.wrapping_add(u64::from(run_index)));
        fixtures.clone().into_iter().enumerate().map(move |(case, fixture)| {
            let number = first + case;
            let id = format!("{number:05}-{name}-{}-r{}", slug(&fixture), run_index + 1);
            (number, PlannedAttempt { id, model, case, run_index, seed })
        })
    }

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

/// Shards take the attempts in turn.
fn is_part(shard: Option<Shard>, number: usize) -> bool {
    shard.is_none_or(|shard| (number - 1) % shard.count as usize == shard.index as usize - 1)
}

/// The same for all shards of a plan: a shard is not part of it, nor is what `--until-ci` adds.
fn plan_hash(input: &PlanInput<'_>) -> String {
    let fixtures: Vec<_> = input.cases.iter().map(|case| (&case.name, &case.project.id)).collect();
    let mut plan = json!({
        "test": input.test,
        "models": input.models,
        "fixtures": fixtures,
        "runs": input.runs,
        "options": input.options,
        "scoring_version": input.scoring_version,
    });
    if let Some(base) = input.base_runs.filter(|base| *base != input.runs) {
        plan["base_runs"] = base.into();
    }
    hex(&Sha256::digest(plan.to_string()))
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
            base_runs: None,
            model_runs: BTreeMap::new(),
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

    fn ids(plan: &Plan) -> Vec<&str> {
        plan.attempts.iter().map(|attempt| attempt.id.as_str()).collect()
    }

    #[test]
    fn runs_that_are_added_leave_every_id_as_it_was() {
        let (cases, options) = (cases(), GenerateOptions::default());
        let first = input(&cases, &options, None);
        let before = Plan::new(&first);
        let more = PlanInput { runs: 5, base_runs: Some(3), ..first.clone() };
        let after = Plan::new(&more);
        assert_eq!(after.attempts.len(), 20);
        let unique: std::collections::BTreeSet<_> = ids(&after).into_iter().collect();
        assert_eq!(unique.len(), 20);
        let of_both = |id: &&str| ids(&after).contains(id);
        assert!(ids(&before).iter().all(of_both), "{:?} {:?}", ids(&before), ids(&after));
        assert_ne!(before.record.sha256, after.record.sha256);
        // Raising them in two steps ends in the same plan.
        let mut later = Plan::new(&more);
        later.leave_out(|id| ids(&before).contains(&id));
        assert_eq!(ids(&later)[..2], ["00013-a-1-x-r4", "00014-a-1-y-r4"]);
    }

    #[test]
    fn a_run_that_is_added_on_the_way_has_the_id_that_a_resumption_gives_it() {
        let (cases, options) = (cases(), GenerateOptions::default());
        let mut first = input(&cases, &options, None);
        let mut plan = Plan::new(&first);
        plan.add_run(0);
        plan.add_run(1);
        plan.add_run(0);
        assert_eq!(
            ids(&plan)[6..10],
            ["00013-a-1-x-r4", "00014-a-1-y-r4", "00017-a-1-x-r5", "00018-a-1-y-r5"]
        );
        first.model_runs = plan.record.model_runs.clone();
        let again = Plan::new(&first);
        assert_eq!((ids(&again), &again.record), (ids(&plan), &plan.record));
        assert_eq!(again.record.runs_of("a:1"), 5);
    }
}
