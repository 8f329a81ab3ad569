//! Every function against figures of other programs; `vectors.json` names them.

use llmbench_api::record::Interval;
use serde_json::Value;

use super::*;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[track_caller]
fn near(got: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap();
    let tolerance = 1e-9 * expected.abs().max(1e-3);
    assert!((got - expected).abs() <= tolerance, "{what}: {got}, not {expected}");
}

#[track_caller]
fn near_p(got: PValue, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!(got.is_exact, "{what} is not exact");
    assert!((got.value - expected).abs() <= 1e-6 * expected, "{what}: {got:?}, not {expected}");
}

#[track_caller]
fn near_interval(got: Option<Interval>, expected: &Value, what: &str) {
    let got = got.unwrap_or_else(|| panic!("{what}: no interval"));
    near(got.low, &expected[0], what);
    near(got.high, &expected[1], what);
}

fn each(name: &str, check: impl Fn(&Value, &str)) {
    let vectors = vectors();
    let cases = vectors[name].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        check(case, &case.to_string());
    }
}

#[test]
fn samples_are_described_as_numpy_and_scipy_do() {
    each("samples", |case, what| {
        let values = numbers(&case["values"]);
        let stat = describe(&values).unwrap();
        near(stat.mean.unwrap(), &case["mean"], what);
        near(stat.median.unwrap(), &case["median"], what);
        match stat.sd {
            Some(sd) => near(sd, &case["sd"], what),
            None => assert!(values.len() == 1 && stat.absent.contains_key("sd"), "{what}"),
        }
        match values.len() {
            1 | 2 => assert!(stat.ci95.is_none() && stat.absent.contains_key("ci95"), "{what}"),
            _ => near_interval(stat.ci95, &case["t95"], what),
        }
        assert_eq!(stat.percentiles.is_some(), values.len() >= 20, "{what}");
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        for (share, expected) in case["percentiles"].as_object().unwrap() {
            let share: f64 = share.parse().unwrap();
            near(percentile(&sorted, share / 100.0).unwrap(), expected, what);
        }
        if case["tukey"].is_array() {
            assert_eq!(tukey_outliers(&sorted, 1.5), numbers(&case["tukey"]), "{what}");
            assert_eq!(tukey_outliers(&sorted, 3.0), numbers(&case["tukey_far"]), "{what}");
            let far = modified_z_outliers(&sorted);
            assert_eq!(far.unwrap_or_default(), numbers(&case["modified_z"]), "{what}");
        }
    });
}

#[test]
fn two_samples_are_compared_as_scipy_does() {
    each("two_samples", |case, what| {
        let (a, b) = (numbers(&case["a"]), numbers(&case["b"]));
        near_interval(welch_interval(&a, &b), &case["welch95"], what);
        near(cliffs_delta(&a, &b).unwrap(), &case["cliffs_delta"], what);
        if case["p"].is_number() {
            near_p(mann_whitney(&a, &b).unwrap(), &case["p"], what);
            near_p(mann_whitney(&b, &a).unwrap(), &case["p"], what);
        }
    });
    let vectors = vectors();
    for (n, expected) in vectors["smallest_p"].as_object().unwrap() {
        let n: usize = n.parse().unwrap();
        let low: Vec<f64> = (0..n).map(|value| value as f64).collect();
        let high: Vec<f64> = low.iter().map(|value| value + 100.0).collect();
        near_p(mann_whitney(&low, &high).unwrap(), expected, &format!("{n} against {n}"));
    }
}

#[test]
fn pairs_are_tested_as_by_enumeration() {
    each("paired", |case, what| {
        let differences = numbers(&case["differences"]);
        near_interval(t_interval(&differences), &case["t95"], what);
        near_p(sign_flip(&differences).unwrap(), &case["p"], what);
    });
}

#[test]
fn shares_have_the_known_intervals() {
    each("shares", |case, what| {
        let of = |name: &str| case[name].as_f64().unwrap();
        near_interval(wilson(of("count"), of("n")), &case["wilson95"], what);
    });
    each("pass_k", |case, what| {
        let of = |name: &str| case[name].as_u64().unwrap();
        let (n, correct, k) = (of("n"), of("correct"), of("k"));
        near(pass_at_k(n, correct, k).unwrap(), &case["pass_at_k"], what);
        near(pass_hat_k(n, correct, k).unwrap(), &case["pass_hat_k"], what);
    });
    assert_eq!(pass_at_k(3, 1, 4), None);
}

#[test]
fn the_rest_is_as_known() {
    let vectors = vectors();
    let case = &vectors["clustered"];
    let clusters: Vec<Vec<f64>> =
        case["clusters"].as_array().unwrap().iter().map(numbers).collect();
    let clustered = clustered_mean(&clusters).unwrap();
    near(clustered.mean, &case["mean"], "mean of clusters");
    near(clustered.error, &case["error"], "error of clusters");
    near_interval(clustered.interval(), &case["t95"], "interval of clusters");
    let means: Vec<f64> =
        clusters.iter().map(|cluster| describe(cluster).unwrap().mean.unwrap()).collect();
    near_interval(t_interval(&means), &case["t95"], "interval of the clusters' means");

    let adjusted = holm(&numbers(&vectors["holm"]["p"]));
    for (got, expected) in adjusted.iter().zip(vectors["holm"]["adjusted"].as_array().unwrap()) {
        near(*got, expected, "Holm");
    }
    for (freedom, expected) in vectors["t_quantile"].as_object().unwrap() {
        near(t_quantile(0.975, freedom.parse().unwrap()), expected, freedom);
    }
    let case = &vectors["geometric_mean"];
    let (mean, interval) = geometric_mean(&numbers(&case["ratios"])).unwrap();
    near(mean, &case["mean"], "geometric mean");
    near_interval(interval, &case["t95"], "geometric mean");
    each("values_needed", |case, what| {
        let of = |name: &str| case[name].as_f64().unwrap();
        assert_eq!(values_needed(of("sd"), of("delta")), case["n"].as_u64(), "{what}");
    });
}

/// Nothing may depend on the order of the values, to the last bit.
#[test]
fn the_order_does_not_show() {
    let mut random = Random::new(7);
    for n in [1, 2, 3, 5, 12, 25, 80] {
        let values: Vec<f64> = (0..n).map(|_| 5.0 + 3.0 * random.normal()).collect();
        let other: Vec<f64> = (0..n).map(|_| 6.0 + 3.0 * random.normal()).collect();
        let mut shuffled = values.clone();
        for _ in 0..5 {
            for place in (1..n).rev() {
                shuffled.swap(place, random.below(place + 1));
            }
            assert_eq!(describe(&values), describe(&shuffled));
            assert_eq!(sign_flip(&values), sign_flip(&shuffled));
            assert_eq!(mann_whitney(&values, &other), mann_whitney(&shuffled, &other));
            assert_eq!(cliffs_delta(&values, &other), cliffs_delta(&shuffled, &other));
            assert_eq!(welch_interval(&values, &other), welch_interval(&shuffled, &other));
            let clusters: Vec<Vec<f64>> = values.chunks(4).map(<[f64]>::to_vec).collect();
            let backwards: Vec<Vec<f64>> = clusters.iter().rev().cloned().collect();
            assert_eq!(clustered_mean(&clusters), clustered_mean(&backwards));
        }
    }
}

#[test]
fn drawn_and_approximated_p_values_are_near_the_exact_ones() {
    let mut random = Random::new(3);
    let differences: Vec<f64> = (0..16).map(|_| 0.4 + random.normal()).collect();
    let exact = sign_flip(&differences).unwrap();
    // A pair without a difference changes nothing but the way of counting.
    let drawn = sign_flip(&[&differences[..], &[0.0]].concat()).unwrap();
    assert!(exact.is_exact && !drawn.is_exact);
    assert!((exact.value - drawn.value).abs() < 0.01, "{exact:?} {drawn:?}");

    let sample = |shift: f64, n: usize, random: &mut Random| -> Vec<f64> {
        (0..n).map(|_| (shift + 2.0 * random.normal()).round()).collect()
    };
    let (a, b) = (sample(5.0, 700, &mut random), sample(5.2, 700, &mut random));
    let large = mann_whitney(&a, &b).unwrap();
    assert!(!large.is_exact && large.value > 0.0 && large.value <= 1.0, "{large:?}");
}

#[test]
fn without_differences_there_is_no_evidence() {
    assert_eq!(sign_flip(&[0.0; 5]).unwrap().value, 1.0);
    assert_eq!(sign_flip(&[0.0; 20]).unwrap().value, 1.0);
    assert_eq!(mann_whitney(&[2.0; 4], &[2.0; 6]).unwrap().value, 1.0);
    assert_eq!(cliffs_delta(&[2.0; 4], &[2.0; 6]), Some(0.0));
    assert_eq!(sign_flip(&[]), None);
    assert_eq!(mann_whitney(&[], &[1.0]), None);
    assert_eq!(geometric_mean(&[1.0, 0.0]), None);
    assert_eq!(minimum_detectable(0.0, 5), None);
    assert_eq!(clustered_rate(&vec![vec![1.0; 3]; 5]), wilson_of_clusters(5));
}

/// All agree: no more is known than from one attempt for each cluster, with Student's quantile.
fn wilson_of_clusters(clusters: usize) -> Option<Interval> {
    let z = t_quantile(0.975, clusters as f64 - 1.0);
    let low = clusters as f64 / (clusters as f64 + z * z);
    let got = clustered_rate(&vec![vec![1.0; 3]; clusters])?;
    assert!((got.low - low).abs() < 1e-12 && got.high == 1.0, "{got:?}, not from {low}");
    Some(got)
}
