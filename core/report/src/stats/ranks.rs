//! Two samples without pairs, by ranks.

use statrs::distribution::{ContinuousCDF, Normal};

use super::PValue;

/// Steps of counting up to which every arrangement is counted.
const MOST_STEPS: usize = 50_000_000;

/// Cliff's δ: the share of pairs in which `a` is above `b`, less the share in which it is below.
///
/// N. Cliff, “Dominance statistics: ordinal analyses to answer ordinal questions”,
/// Psychol. Bull. 114 (1993), 494–509. From −1 to 1; `None` when a side is empty.
pub fn cliffs_delta(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let mut sorted = b.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut above = 0_i64;
    for value in a {
        let below = sorted.partition_point(|other| other < value);
        let up_to = sorted.partition_point(|other| other <= value);
        above += below as i64 - (sorted.len() - up_to) as i64;
    }
    Some(above as f64 / (a.len() as f64 * b.len() as f64))
}

/// The two-sided p-value of the Mann–Whitney test with mid-ranks; `None` when a side is empty.
///
/// The share of all ways to deal the values out whose rank sum is as far from its
/// mean as the one that was seen: H. Mann, D. Whitney, Ann. Math. Stat. 18 (1947),
/// 50–60; with ties by permutation as in E. Lehmann, “Nonparametrics” (1975),
/// section 1.4. They are counted one by one (the sums by dynamic programming) as
/// far as that is quick; for large samples the normal approximation with
/// corrections for ties and continuity is taken, and marked.
pub fn mann_whitney(a: &[f64], b: &[f64]) -> Option<PValue> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    // The smaller side has fewer subsets to count, and the same p-value.
    let (a, b) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let ranks = doubled_ranks(a, b);
    let all = a.len() + b.len();
    let seen: usize = ranks[..a.len()].iter().sum();
    // Of the doubled ranks: n_a (N + 1).
    let middle = a.len() * (all + 1);
    let distance = seen.abs_diff(middle);
    let highest: usize = a.len() * 2 * all;
    if all.saturating_mul(a.len()).saturating_mul(highest) > MOST_STEPS {
        return Some(approximate(a.len(), b.len(), &ranks, distance));
    }
    // ways[k][s]: subsets of k of the values so far whose doubled ranks add up to s.
    let mut ways = vec![vec![0.0_f64; highest + 1]; a.len() + 1];
    ways[0][0] = 1.0;
    for rank in &ranks {
        for size in (1..=a.len()).rev() {
            let (smaller, larger) = ways.split_at_mut(size);
            let (from, to) = (&smaller[size - 1], &mut larger[0]);
            for (way, more) in to[*rank..].iter_mut().zip(from) {
                *way += more;
            }
        }
    }
    let counts = &ways[a.len()];
    let total: f64 = counts.iter().sum();
    let is_far = |sum: usize| sum.abs_diff(middle) >= distance;
    let far: f64 = counts.iter().enumerate().filter(|(sum, _)| is_far(*sum)).map(|(_, n)| n).sum();
    Some(PValue { value: (far / total).min(1.0), is_exact: true })
}

/// Twice the mid-ranks, which makes them whole: those of `a`, then those of `b`.
fn doubled_ranks(a: &[f64], b: &[f64]) -> Vec<usize> {
    let values: Vec<f64> = a.iter().chain(b).copied().collect();
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    let rank = |value: &f64| {
        let below = sorted.partition_point(|other| other < value);
        let up_to = sorted.partition_point(|other| other <= value);
        below + up_to + 1
    };
    values.iter().map(rank).collect()
}

/// Lehmann (1975), section 1.3, with the variance of ties and half a rank for continuity.
fn approximate(n_a: usize, n_b: usize, doubled: &[usize], distance: usize) -> PValue {
    let (n_a, n_b) = (n_a as f64, n_b as f64);
    let all = n_a + n_b;
    let mut sorted = doubled.to_vec();
    sorted.sort_unstable();
    let ties: f64 = sorted
        .chunk_by(|one, other| one == other)
        .map(|same| (same.len() as f64).powi(3) - same.len() as f64)
        .sum();
    let variance = n_a * n_b / 12.0 * ((all + 1.0) - ties / (all * (all - 1.0)));
    let value = if variance > 0.0 {
        let z = ((distance as f64 / 2.0 - 0.5).max(0.0)) / variance.sqrt();
        (2.0 * Normal::standard().sf(z)).min(1.0)
    } else {
        1.0
    };
    PValue { value, is_exact: false }
}

/// The smallest two-sided p-value that the exact Mann–Whitney test can give: all values of one side
/// above all of the other, in one of two ways, of C(n + m, n) orders. 1 for an empty side.
pub fn smallest_mann_whitney_p(n: usize, m: usize) -> f64 {
    let orders =
        (1..=n.min(m)).fold(1.0, |orders: f64, k| orders * (n.max(m) + k) as f64 / k as f64);
    (2.0 / orders).min(1.0)
}
