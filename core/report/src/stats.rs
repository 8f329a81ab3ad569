//! Statistics over slices of numbers: pure, and the same for every order of the values.
//!
//! One file for each topic, each formula with its source. What a figure means
//! and where it fails stands in `docs/statistics.md`, with the measured coverage
//! of every interval. Nothing here knows attempts, fixtures or models; the rules
//! by which those become numbers stand in [`crate::summary`] and [`crate::compare`].

mod clustered;
mod describe;
mod interval;
mod multiple;
mod outliers;
mod paired;
mod percentile;
mod power;
mod proportion;
mod random;
mod ranks;
pub mod simulation;

pub use clustered::{Clustered, clustered_mean, clustered_rate};
pub use describe::{NotFinite, PERCENTILES_FROM, describe, mean, rate, variance};
pub use interval::{INTERVAL_FROM, t_interval, t_quantile, welch_interval};
pub use multiple::holm;
pub use outliers::{OUTLIERS_FROM, modified_z_outliers, tukey_outliers};
pub use paired::{EXACT_UP_TO, PValue, geometric_mean, sign_flip};
pub use percentile::percentile;
pub use power::{minimum_detectable, minimum_detectable_between, values_needed};
pub use proportion::{pass_at_k, pass_hat_k, wilson};
pub use random::Random;
pub use ranks::{cliffs_delta, mann_whitney, smallest_mann_whitney_p};

#[cfg(test)]
mod vectors;
