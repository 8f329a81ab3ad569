//! How long the rest takes, from the times that attempts really took.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A model and a fixture.
type Pair = (String, String);

/// Times so far and what is still to do.
///
/// Attempts of different models and fixtures take different times, so each pair
/// is estimated by its own attempts where there are any. A pair without any is
/// estimated from the same fixture with other models, times the ratio of the
/// two models on the fixtures that both had; else from what is known of the
/// fixture, of the model, or at all.
#[derive(Debug, Default)]
pub(crate) struct Estimate {
    left: VecDeque<Pair>,
    /// Seconds in all and attempts.
    took: BTreeMap<String, BTreeMap<String, (f64, u32)>>,
    /// Model → seconds to load and warm it up.
    warmed: BTreeMap<String, f64>,
}

impl Estimate {
    /// What is planned, in order.
    pub(crate) fn plan(&mut self, pairs: impl IntoIterator<Item = (String, String)>) {
        self.left = pairs.into_iter().collect();
    }

    /// What is planned in addition.
    pub(crate) fn add(&mut self, pairs: impl IntoIterator<Item = (String, String)>) {
        self.left.extend(pairs);
    }

    /// A model is loaded and warmed up.
    pub(crate) fn warmed(&mut self, model: &str, took: Duration) {
        self.warmed.insert(model.to_owned(), took.as_secs_f64());
    }

    /// An attempt is done.
    pub(crate) fn attempt(&mut self, model: &str, fixture: &str, took: Duration) {
        let fixtures = self.took.entry(model.to_owned()).or_default();
        let (seconds, count) = fixtures.entry(fixture.to_owned()).or_default();
        *seconds += took.as_secs_f64();
        *count += 1;
        if let Some(place) = self.left.iter().position(|(m, f)| m == model && f == fixture) {
            self.left.remove(place);
        }
    }

    /// The time left; `current` is under way for so long. `None` before the first attempt is done.
    pub(crate) fn left(&self, current: Option<(&str, &str, Duration)>) -> Option<Duration> {
        let mut known: BTreeMap<&Pair, f64> = BTreeMap::new();
        let mut seconds = 0.0;
        for pair in &self.left {
            let each = match known.get(pair) {
                Some(each) => *each,
                None => self.pair(&pair.0, &pair.1)?,
            };
            known.insert(pair, each);
            seconds += each;
        }
        if let Some((model, fixture, elapsed)) = current {
            // One that takes longer than expected is expected to end at any moment.
            seconds -= elapsed.as_secs_f64().min(self.pair(model, fixture)?);
        }
        if let Some(each) = mean(self.warmed.values().copied()) {
            let mut cold: Vec<&str> = self
                .left
                .iter()
                .map(|(model, _)| model.as_str())
                .filter(|model| !self.warmed.contains_key(*model))
                .collect();
            cold.sort_unstable();
            cold.dedup();
            seconds += each * cold.len() as f64;
        }
        Duration::try_from_secs_f64(seconds.max(0.0)).ok()
    }

    /// Seconds for one attempt; `None` when nothing is known at all.
    fn pair(&self, model: &str, fixture: &str) -> Option<f64> {
        self.own(model, fixture)
            .or_else(|| self.by_ratio(model, fixture))
            .or_else(|| mean(self.took.keys().filter_map(|other| self.own(other, fixture))))
            .or_else(|| mean(self.fixtures_of(model).map(|(_, seconds)| seconds)))
            .or_else(|| mean(self.took.keys().flat_map(|m| self.fixtures_of(m)).map(|(_, s)| s)))
    }

    fn own(&self, model: &str, fixture: &str) -> Option<f64> {
        self.took.get(model)?.get(fixture).map(|(seconds, count)| seconds / f64::from(*count))
    }

    fn fixtures_of(&self, model: &str) -> impl Iterator<Item = (&str, f64)> {
        let fixtures = self.took.get(model).into_iter().flatten();
        fixtures.map(|(name, (seconds, count))| (name.as_str(), seconds / f64::from(*count)))
    }

    fn by_ratio(&self, model: &str, fixture: &str) -> Option<f64> {
        mean(self.took.keys().filter(|other| *other != model).filter_map(|other| {
            let theirs = self.own(other, fixture)?;
            let ratios = self.fixtures_of(model).filter_map(|(common, own)| {
                Some(own / self.own(other, common).filter(|seconds| *seconds > 0.0)?)
            });
            Some(theirs * mean(ratios)?)
        }))
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(pairs: &[(&str, &str)]) -> Estimate {
        let mut estimate = Estimate::default();
        estimate.plan(pairs.iter().map(|(m, f)| ((*m).to_owned(), (*f).to_owned())));
        estimate
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn nothing_is_known_before_the_first_attempt() {
        let mut estimate = planned(&[("a", "f"), ("a", "f")]);
        assert_eq!(estimate.left(None), None);
        estimate.attempt("a", "f", 5 * SECOND);
        assert_eq!(estimate.left(None), Some(5 * SECOND));
        assert_eq!(estimate.left(Some(("a", "f", 2 * SECOND))), Some(3 * SECOND));
        assert_eq!(estimate.left(Some(("a", "f", 60 * SECOND))), Some(Duration::ZERO));
        estimate.attempt("a", "f", 7 * SECOND);
        assert_eq!(estimate.left(None), Some(Duration::ZERO));
    }

    #[test]
    fn each_pair_counts_with_its_own_time() {
        let mut estimate =
            planned(&[("a", "short"), ("a", "long"), ("a", "short"), ("a", "long"), ("a", "long")]);
        estimate.attempt("a", "short", SECOND);
        estimate.attempt("a", "long", 10 * SECOND);
        // A plain average over the attempts would say 16.5 s.
        assert_eq!(estimate.left(None), Some(21 * SECOND));
    }

    #[test]
    fn an_unseen_pair_is_scaled_by_the_models_ratio() {
        let mut estimate = planned(&[("a", "f"), ("a", "g"), ("b", "f"), ("b", "g")]);
        estimate.attempt("a", "f", 2 * SECOND);
        // A fixture and a model that nobody tried: what is known at all.
        assert_eq!(estimate.left(None), Some(6 * SECOND));
        estimate.attempt("a", "g", 8 * SECOND);
        // A model that was not tried: the fixtures' times with the other model.
        assert_eq!(estimate.left(None), Some(10 * SECOND));
        estimate.attempt("b", "f", 6 * SECOND);
        // Three times as slow on `f`, so three times 8 s on `g`.
        assert_eq!(estimate.left(None), Some(24 * SECOND));
    }

    #[test]
    fn models_that_are_not_loaded_yet_cost_their_loading() {
        let mut estimate = planned(&[("a", "f"), ("a", "f"), ("b", "f")]);
        estimate.warmed("a", 30 * SECOND);
        estimate.attempt("a", "f", 2 * SECOND);
        assert_eq!(estimate.left(None), Some(34 * SECOND));
        estimate.warmed("b", 50 * SECOND);
        assert_eq!(estimate.left(None), Some(4 * SECOND));
    }

    #[test]
    fn what_is_added_counts_too() {
        let mut estimate = planned(&[("a", "f")]);
        estimate.attempt("a", "f", SECOND);
        assert_eq!(estimate.left(None), Some(Duration::ZERO));
        estimate.add([("a".to_owned(), "f".to_owned())]);
        assert_eq!(estimate.left(None), Some(SECOND));
    }
}
