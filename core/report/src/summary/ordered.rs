//! Attempts in the plan's order, with the place of each model and fixture.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use llmbench_api::record::RunManifest;

use crate::Attempt;

/// The attempts by model and fixture as planned, then by run number.
///
/// The order depends on the attempts alone, not on the order in which they come.
#[derive(Debug, Clone)]
pub(crate) struct Ordered<'a> {
    records: Vec<&'a Attempt>,
    models: HashMap<&'a str, Range<usize>>,
    fixtures: HashMap<(&'a str, &'a str), Range<usize>>,
}

impl<'a> Ordered<'a> {
    pub(crate) fn new(manifest: &RunManifest, records: &'a [Attempt]) -> Self {
        let place = |names: &[String]| -> HashMap<String, usize> {
            names.iter().cloned().zip(0..).collect()
        };
        let (models, fixtures) = (place(&manifest.plan.models), place(&manifest.plan.fixtures));
        let mut ordered: Vec<_> = records.iter().collect();
        ordered.sort_by_cached_key(|record| {
            (
                models.get(&*record.model).copied().unwrap_or(models.len()),
                Arc::clone(&record.model),
                fixtures.get(&*record.fixture).copied().unwrap_or(fixtures.len()),
                Arc::clone(&record.fixture),
                record.run_number,
                record.id.as_str(),
                record.timestamp.as_str(),
            )
        });
        let mut models: HashMap<&str, Range<usize>> = HashMap::new();
        let mut fixtures: HashMap<(&str, &str), Range<usize>> = HashMap::new();
        for (index, record) in ordered.iter().enumerate() {
            models.entry(&record.model).or_insert(index..index).end = index + 1;
            let key = (&*record.model, &*record.fixture);
            fixtures.entry(key).or_insert(index..index).end = index + 1;
        }
        Self { records: ordered, models, fixtures }
    }

    pub(crate) fn all(&self) -> &[&'a Attempt] {
        &self.records
    }

    pub(crate) fn of_model(&self, model: &str) -> &[&'a Attempt] {
        self.models.get(model).map_or(&[], |range| &self.records[range.clone()])
    }

    pub(crate) fn of_fixture(&self, model: &str, fixture: &str) -> &[&'a Attempt] {
        self.fixtures.get(&(model, fixture)).map_or(&[], |range| &self.records[range.clone()])
    }
}
