//! Values that come in clusters: the runs of one fixture are more alike than those of two.

use llmbench_api::record::Interval;

use super::describe::mean;
use super::interval::around;
use super::proportion::score_interval;
use super::{INTERVAL_FROM, t_quantile};

/// The mean of clustered values with its error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clustered {
    /// Mean of all values.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
    /// Clusters that have values.
    pub clusters: usize,
}

/// The mean over all values, and its standard error when values within a cluster are alike;
/// `None` below two clusters with values.
///
/// The sandwich estimate √(G/(G−1) · Σ(Σ residuals of a cluster)²) / N: K.-Y. Liang,
/// S. Zeger, “Longitudinal data analysis using generalized linear models”,
/// Biometrika 73 (1986), 13–22, with the correction for few clusters of A. Cameron,
/// D. Miller, “A practitioner's guide to cluster-robust inference”, J. Human
/// Resources 50 (2015), section VI.B. With clusters of one size it is the standard
/// error of the clusters' means.
pub fn clustered_mean(clusters: &[Vec<f64>]) -> Option<Clustered> {
    let clusters: Vec<_> = clusters.iter().filter(|cluster| !cluster.is_empty()).collect();
    let count = clusters.len();
    if count < 2 {
        return None;
    }
    let all: Vec<f64> = clusters.iter().copied().flatten().copied().collect();
    let mean = mean(&all)?;
    let mut squares: Vec<f64> = clusters
        .iter()
        .map(|cluster| cluster.iter().map(|value| value - mean).sum::<f64>().powi(2))
        .collect();
    // So that the order of the clusters does not show in the last digit.
    squares.sort_by(f64::total_cmp);
    let groups = count as f64;
    let error = (groups / (groups - 1.0) * squares.iter().sum::<f64>()).sqrt() / all.len() as f64;
    error.is_finite().then_some(Clustered { mean, error, clusters: count })
}

impl Clustered {
    /// The 95 % interval, with the t distribution of G − 1 degrees of freedom; `None` below three clusters.
    pub fn interval(&self) -> Option<Interval> {
        if self.clusters < INTERVAL_FROM {
            return None;
        }
        around(self.mean, self.error, self.clusters as f64 - 1.0)
    }
}

/// The 95 % interval of a share over clusters of yes (1) and no (0); `None` below three clusters.
///
/// Wilson's interval with the number of independent attempts that would tell as
/// much, n* = p(1−p) / error², and the t distribution: N. Dean, M. Pagano,
/// “Evaluating confidence interval methods for binomial proportions in clustered
/// surveys”, J. Surv. Stat. Methodol. 3 (2015), 484–503. n* lies between the number
/// of clusters, which it is when all attempts agree, and the number of attempts.
pub fn clustered_rate(clusters: &[Vec<f64>]) -> Option<Interval> {
    let clustered = clustered_mean(clusters)?;
    let n: usize = clusters.iter().map(Vec::len).sum();
    let groups = clustered.clusters;
    if groups < INTERVAL_FROM {
        return None;
    }
    let share = clustered.mean;
    let effective = share * (1.0 - share) / clustered.error.powi(2);
    let (fewest, most) = (groups as f64, n as f64);
    let effective = if effective.is_nan() { fewest } else { effective.clamp(fewest, most) };
    score_interval(share * effective, effective, t_quantile(0.975, groups as f64 - 1.0))
}
