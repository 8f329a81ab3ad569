//! Speed against the weights that take part in a token: dense models and mixtures side by side.
//!
//! Each token of a stream needs every active weight once, so `bytes of the weights × active ÷ all
//! parameters × tokens a second of a stream` is about what is read from memory for them. It is an
//! estimate: a cache may hold a part, experts and shared layers may be quantised differently, and
//! the experts that other streams need at the same time are left out.

use llmbench_api::ModelIdentity;
use llmbench_api::record::{GroupSummary, RunManifest};

/// A figure, or why there is none.
type Figure = Result<f64, String>;

/// Tokens a second for each 10⁹ active parameters, and GB a second that are read for the weights,
/// of a stream of `speed` tokens a second.
pub(crate) fn figures(identity: Option<&ModelIdentity>, speed: Option<f64>) -> (Figure, Figure) {
    let speed = speed.ok_or_else(|| "there is no decode speed".to_owned());
    let identity = identity.ok_or_else(|| "nothing is known of the model".to_owned());
    let per_billion =
        speed.clone().and_then(|speed| Ok(speed / (active(identity.clone()?)? / 1e9)));
    (per_billion, speed.and_then(|speed| Ok(speed * active_bytes(identity?)? / 1e9)))
}

/// Fills in the figures of a group, or why they are absent.
pub(super) fn fill(group: &mut GroupSummary, manifest: &RunManifest) {
    let record = manifest.models.iter().find(|record| record.identity.name == group.model);
    let identity = record.map(|record| &record.identity);
    let (per_billion, bandwidth) = figures(identity, group.tokens_per_sec.mean);
    let mut put = |field: &str, value: Figure| match value {
        Ok(value) => Some(value),
        Err(reason) => {
            group.absent.insert(field.to_owned(), reason);
            None
        }
    };
    let (per_billion, bandwidth) = (
        put("tokens_per_sec_per_active_billion", per_billion),
        put("weight_bandwidth_gb_per_sec", bandwidth),
    );
    group.tokens_per_sec_per_active_billion = per_billion;
    group.weight_bandwidth_gb_per_sec = bandwidth;
}

fn active(identity: &ModelIdentity) -> Figure {
    let active = &identity.active_parameters;
    match active.value.filter(|count| *count > 0) {
        Some(count) => Ok(count as f64),
        None => Err(because("active parameters", active.reason.as_deref())),
    }
}

/// Bytes of the weights that take part in a token, if all are quantised alike.
fn active_bytes(identity: &ModelIdentity) -> Figure {
    let (size, all) = (&identity.size_bytes, &identity.parameters);
    let bytes = size.value.ok_or_else(|| because("size of the weights", size.reason.as_deref()))?;
    let all = all
        .value
        .filter(|count| *count > 0)
        .ok_or_else(|| because("parameters", all.reason.as_deref()))?;
    Ok(bytes as f64 * (active(identity)? / all as f64).min(1.0))
}

fn because(what: &str, reason: Option<&str>) -> String {
    format!("{what} not known: {}", reason.unwrap_or("the backend does not tell"))
}

#[cfg(test)]
mod tests {
    use llmbench_api::Measured;
    use llmbench_api::record::Stat;

    use super::*;
    use crate::testing::manifest;

    fn group() -> GroupSummary {
        let tokens_per_sec = Stat { n: 1, mean: Some(50.0), ..Stat::default() };
        GroupSummary { model: "m".into(), tokens_per_sec, ..GroupSummary::default() }
    }

    #[test]
    fn a_mixture_reads_only_its_active_weights() {
        // 30 · 10⁹ parameters in 32 GB, of which 3 · 10⁹ are active: 3.2 GB a token.
        let mut manifest = manifest(&["m"], &["f"], 1);
        let identity = &mut manifest.models[0].identity;
        identity.parameters = Measured::known(30_000_000_000);
        identity.active_parameters = Measured::known(3_000_000_000);
        identity.size_bytes = Measured::known(32_000_000_000);
        let mut group = group();
        fill(&mut group, &manifest);
        let per_billion = group.tokens_per_sec_per_active_billion.unwrap();
        assert!((per_billion - 50.0 / 3.0).abs() < 1e-9, "{per_billion}");
        assert!((group.weight_bandwidth_gb_per_sec.unwrap() - 160.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_not_known_has_its_reason() {
        let mut manifest = manifest(&["m"], &["f"], 1);
        manifest.models[0].identity.active_parameters = Measured::absent("the list has no experts");
        let mut group = group();
        fill(&mut group, &manifest);
        assert_eq!(group.weight_bandwidth_gb_per_sec, None);
        let reason = &group.absent["tokens_per_sec_per_active_billion"];
        assert!(reason.contains("the list has no experts"), "{reason}");
    }
}
