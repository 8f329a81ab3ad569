//! How often the statistics of this crate are right, on populations whose truth is known.
//!
//! The same code makes the table of `docs/statistics.md` and, with fewer trials, a test.

use super::*;

/// Values of one population.
type Draw = fn(&mut Random) -> f64;

/// What was found in how many of the trials.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What was simulated.
    pub what: String,
    /// Share of the trials.
    pub share: f64,
    /// Lowest share that is right.
    pub from: f64,
    /// Highest share that is right.
    pub to: f64,
}

impl Outcome {
    /// True when the share is what it should be.
    pub fn holds(&self) -> bool {
        (self.from..=self.to).contains(&self.share)
    }
}

const NORMAL: (&str, Draw) = ("normal", |random| 7.5 + 2.0 * random.normal());
const CLIPPED: (&str, Draw) =
    ("N(7.5, 2) clipped to 0–10", |random| (7.5 + 2.0 * random.normal()).clamp(0.0, 10.0));
const SKEWED: (&str, Draw) = ("log-normal (σ = 1)", |random| random.normal().exp());
const BIMODAL: (&str, Draw) =
    ("2 or 10, half each", |random| if random.uniform() < 0.5 { 2.0 } else { 10.0 });
const RARE: (&str, Draw) =
    ("10, but 2 in one of ten", |random| if random.uniform() < 0.1 { 2.0 } else { 10.0 });

/// Coverage of the t interval for several n, and over fixtures.
pub fn coverage(trials: usize, seed: u64) -> Vec<Outcome> {
    let mut random = Random::new(seed);
    let mut outcomes = Vec::new();
    for (name, draw) in [NORMAL, CLIPPED] {
        let truth = true_mean(draw);
        for n in [3, 5, 10, 20] {
            let what = format!("t interval, {name}, n = {n}");
            outcomes.push(covered(&what, trials, truth, || sample(&mut random, draw, n)));
        }
    }
    outcomes.extend(fixtures_coverage(trials, &mut random, 0.0));
    outcomes.extend(fixtures_coverage(trials, &mut random, 10.0));
    outcomes
}

/// Coverage where the central limit theorem is slow: nothing is promised.
pub fn hard_coverage(trials: usize, seed: u64) -> Vec<Outcome> {
    let mut random = Random::new(seed);
    let mut outcomes = Vec::new();
    for (name, draw) in [SKEWED, BIMODAL, RARE] {
        let truth = true_mean(draw);
        for n in [3, 5, 10, 20] {
            let what = format!("t interval, {name}, n = {n}");
            outcomes.push(covered(&what, trials, truth, || sample(&mut random, draw, n)));
        }
    }
    for (share, n) in [(0.5, 5), (0.9, 5), (0.5, 20), (0.9, 20)] {
        let hits = (0..trials)
            .filter(|_| {
                let count = (0..n).filter(|_| random.uniform() < share).count();
                holds(wilson(count as f64, f64::from(n)), share)
            })
            .count();
        outcomes.push(interval_outcome(&format!("Wilson, share {share}, n = {n}"), hits, trials));
    }
    outcomes.push(share_coverage(trials, &mut random));
    outcomes
}

/// 5 fixtures × 10 runs whose fixtures differ: the mean of means, and the sandwich.
fn fixtures_coverage(trials: usize, random: &mut Random, highest: f64) -> Vec<Outcome> {
    let (mut of_means, mut sandwich) = (0, 0);
    let clip = |value: f64| if highest > 0.0 { value.clamp(0.0, highest) } else { value };
    let ease = |random: &mut Random| 6.5 + 1.5 * random.normal();
    let run = |random: &mut Random, ease: f64| clip(ease + random.normal());
    let mut many = Random::new(99);
    let truth = (0..1_000_000)
        .map(|_| {
            let ease = ease(&mut many);
            run(&mut many, ease)
        })
        .sum::<f64>()
        / 1e6;
    for _ in 0..trials {
        let clusters: Vec<Vec<f64>> = (0..5)
            .map(|_| {
                let ease = ease(random);
                (0..10).map(|_| run(random, ease)).collect()
            })
            .collect();
        let means: Vec<f64> =
            clusters.iter().map(|cluster| cluster.iter().sum::<f64>() / 10.0).collect();
        of_means += usize::from(holds(t_interval(&means), truth));
        let interval = clustered_mean(&clusters).and_then(|clustered| clustered.interval());
        sandwich += usize::from(holds(interval, truth));
    }
    let name = if highest > 0.0 { "clipped" } else { "normal" };
    vec![
        interval_outcome(&format!("mean of means, {name}, 5 fixtures × 10 runs"), of_means, trials),
        interval_outcome(&format!("pooled, {name}, 5 fixtures × 10 runs"), sandwich, trials),
    ]
}

/// Shares over 5 fixtures × 10 runs whose chances are even between 0.2 and 0.8.
fn share_coverage(trials: usize, random: &mut Random) -> Outcome {
    let hits = (0..trials).filter(|_| {
        let flags: Vec<Vec<f64>> = (0..5)
            .map(|_| {
                let chance = 0.2 + 0.6 * random.uniform();
                (0..10).map(|_| f64::from(u8::from(random.uniform() < chance))).collect()
            })
            .collect();
        holds(clustered_rate(&flags), 0.5)
    });
    interval_outcome("Wilson over 5 fixtures × 10 runs", hits.count(), trials)
}

/// How often a difference is called one although there is none, by the rules of `compare`:
/// the interval without 0 and the adjusted p-value at most 5 %.
pub fn false_positives(trials: usize, seed: u64) -> Vec<Outcome> {
    let mut random = Random::new(seed);
    let mut outcomes = Vec::new();
    for (name, draw) in [NORMAL, CLIPPED, SKEWED, BIMODAL, RARE] {
        for fixtures in [6, 12] {
            let hits = (0..trials).filter(|_| {
                let differences = null_differences(&mut random, draw, fixtures);
                is_called(t_interval(&differences), sign_flip(&differences).map(|p| p.value))
            });
            let what = format!("{fixtures} fixtures × 3 runs, {name}");
            outcomes.push(error_outcome(&what, hits.count(), trials));
        }
        for n in [5, 10] {
            let hits = (0..trials).filter(|_| {
                let (a, b) = (sample(&mut random, draw, n), sample(&mut random, draw, n));
                is_called(welch_interval(&a, &b), mann_whitney(&a, &b).map(|p| p.value))
            });
            let what = format!("one fixture, {n} against {n} runs, {name}");
            outcomes.push(error_outcome(&what, hits.count(), trials));
        }
    }
    // More than 16 fixtures: the p-value is drawn.
    let few = trials.min(500);
    let hits = (0..few).filter(|_| {
        let differences = null_differences(&mut random, CLIPPED.1, 20);
        is_called(t_interval(&differences), sign_flip(&differences).map(|p| p.value))
    });
    let what = format!("20 fixtures × 3 runs, {} ({few} trials)", CLIPPED.0);
    outcomes.push(error_outcome(&what, hits.count(), few));
    // Four models against one base that is no different: any of them.
    for (name, draw) in [NORMAL, CLIPPED] {
        let hits = (0..trials).filter(|_| any_of_four(&mut random, draw));
        let what = format!("any of 4 models, Holm, 10 fixtures × 3 runs, {name}");
        outcomes.push(error_outcome(&what, hits.count(), trials));
    }
    outcomes
}

fn any_of_four(random: &mut Random, draw: Draw) -> bool {
    let means = |random: &mut Random| -> Vec<f64> {
        (0..10).map(|_| sample(random, draw, 3).iter().sum::<f64>() / 3.0).collect()
    };
    let base = means(random);
    let differences: Vec<Vec<f64>> = (0..4)
        .map(|_| means(random).iter().zip(&base).map(|(other, base)| other - base).collect())
        .collect();
    let p: Vec<f64> = differences.iter().filter_map(|d| Some(sign_flip(d)?.value)).collect();
    let adjusted = holm(&p);
    differences.iter().zip(adjusted).any(|(d, p)| is_called(t_interval(d), Some(p)))
}

/// Differences of fixtures' means of three runs, both sides from one population.
fn null_differences(random: &mut Random, draw: Draw, fixtures: usize) -> Vec<f64> {
    (0..fixtures)
        .map(|_| {
            let mean = |random: &mut Random| sample(random, draw, 3).iter().sum::<f64>() / 3.0;
            mean(random) - mean(random)
        })
        .collect()
}

/// Runs are added until the half-width is small enough: the interval that ends it is too narrow.
pub fn sequential(trials: usize, seed: u64) -> Vec<Outcome> {
    let mut random = Random::new(seed);
    let truth = true_mean(CLIPPED.1);
    let mut outcomes = Vec::new();
    for first in [3, 5, 10] {
        for width in [1.0, 0.75] {
            let (mut hits, mut runs) = (0, 0);
            for _ in 0..trials {
                let mut values = sample(&mut random, CLIPPED.1, first);
                loop {
                    let interval = t_interval(&values);
                    let half = interval.map_or(f64::INFINITY, |i| (i.high - i.low) / 2.0);
                    if half <= width || values.len() >= 100 {
                        hits += usize::from(holds(interval, truth));
                        runs += values.len();
                        break;
                    }
                    values.push((CLIPPED.1)(&mut random));
                }
            }
            let mean = runs as f64 / trials as f64;
            let what = format!("from {first} runs, half-width {width}: {mean:.1} runs on average");
            outcomes.push(interval_outcome(&what, hits, trials));
        }
    }
    outcomes
}

fn sample(random: &mut Random, draw: Draw, n: usize) -> Vec<f64> {
    (0..n).map(|_| draw(random)).collect()
}

fn true_mean(draw: Draw) -> f64 {
    let mut random = Random::new(12345);
    (0..2_000_000).map(|_| draw(&mut random)).sum::<f64>() / 2e6
}

fn covered(what: &str, trials: usize, truth: f64, mut sample: impl FnMut() -> Vec<f64>) -> Outcome {
    let hits = (0..trials).filter(|_| holds(t_interval(&sample()), truth)).count();
    interval_outcome(what, hits, trials)
}

fn holds(interval: Option<llmbench_api::record::Interval>, truth: f64) -> bool {
    interval.is_some_and(|interval| interval.low <= truth && truth <= interval.high)
}

fn is_called(interval: Option<llmbench_api::record::Interval>, p: Option<f64>) -> bool {
    interval.is_some() && !holds(interval, 0.0) && p.is_some_and(|p| p <= 0.05)
}

fn interval_outcome(what: &str, hits: usize, trials: usize) -> Outcome {
    Outcome { what: what.to_owned(), share: hits as f64 / trials as f64, from: 0.93, to: 0.97 }
}

fn error_outcome(what: &str, hits: usize, trials: usize) -> Outcome {
    // Twice the error of the simulation itself.
    let chance = 2.0 * (0.05 * 0.95 / trials as f64).sqrt();
    let share = hits as f64 / trials as f64;
    Outcome { what: what.to_owned(), share, from: 0.0, to: 0.05 + chance }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        // 2 % for the simulation's own error with so few trials.
        for outcome in coverage(1_500, 1) {
            assert!((0.92..=0.98).contains(&outcome.share), "{outcome:?}");
        }
    }

    #[test]
    fn differences_that_are_not_there_are_not_found() {
        for outcome in false_positives(250, 3) {
            assert!(outcome.share <= 0.085, "{outcome:?}");
        }
    }

    #[test]
    fn stopping_when_it_looks_good_costs_coverage() {
        let outcomes = sequential(400, 4);
        assert!(outcomes[0].share < 0.93, "{:?}", outcomes[0]);
    }
}
