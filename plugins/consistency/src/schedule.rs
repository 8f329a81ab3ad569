//! Which requests an attempt makes, in which order.
//!
//! The same prompt can be asked without its traces in the server's cache only by
//! asking something else in between: a nonce in the prompt would make it another
//! prompt. So each group begins cold (behind a request with a nonce), goes on
//! warm, and ends cold again.

use llmbench_api::{GenerateRequest, Overrides, Purpose};
use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// Seeds of one attempt are further apart than those of neighbouring runs.
const SEED_STEP: u64 = 1_000_003;

/// What the answers of a group have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Group {
    /// Temperature 0.
    Greedy,
    /// The same seed.
    SameSeed,
    /// Another seed each.
    Seeds,
}

/// What a request finds in the server's cache, if the server has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cache {
    /// Something else: the request before was another one.
    Cold,
    /// The same prompt.
    Warm,
}

/// One request of the schedule that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) group: Group,
    pub(crate) cache: Cache,
    pub(crate) seed_offset: u64,
}

/// The requests that are compared, in order.
pub(crate) fn planned(settings: &Settings) -> Vec<Planned> {
    let repeated = |group: Group, count: u32| {
        (0..count).map(move |index| {
            let cache = if index == 0 || index + 1 == count { Cache::Cold } else { Cache::Warm };
            Planned { group, cache, seed_offset: 0 }
        })
    };
    // Its first seed is that of the group before, whose answer is taken over.
    let seeds = (1..settings.seeds).map(|index| Planned {
        group: Group::Seeds,
        cache: Cache::Warm,
        seed_offset: u64::from(index) * SEED_STEP,
    });
    repeated(Group::Greedy, settings.greedy)
        .chain(repeated(Group::SameSeed, settings.same_seed))
        .chain(seeds)
        .collect()
}

/// All requests: those of [`planned`], and before each cold one another with a nonce.
pub(crate) fn requests(settings: &Settings, prompt: &str, nonce: &str) -> Vec<GenerateRequest> {
    let mut requests = Vec::new();
    for (index, planned) in planned(settings).into_iter().enumerate() {
        if planned.cache == Cache::Cold {
            let mut other =
                GenerateRequest::user(format!("[{nonce}-{index}] Say: ready.")).as_preparation();
            other.overrides.max_tokens = Some(1);
            requests.push(other);
        }
        let temperature = if planned.group == Group::Greedy { 0.0 } else { settings.temperature };
        let overrides = Overrides {
            temperature: Some(temperature),
            max_tokens: Some(settings.answer_tokens),
            seed_offset: (planned.seed_offset > 0).then_some(planned.seed_offset),
            ..Overrides::default()
        };
        requests.push(GenerateRequest { overrides, ..GenerateRequest::user(prompt) });
    }
    requests
}

/// True for a request that is compared.
pub(crate) fn is_compared(request: &GenerateRequest) -> bool {
    request.purpose == Purpose::Measured
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn groups_begin_and_end_cold_and_the_request_before_is_another() {
        let settings = Settings { greedy: 4, same_seed: 3, seeds: 3, ..Settings::default() };
        let requests = requests(&settings, "p", "n");
        let shape: String =
            requests.iter().map(|one| if is_compared(one) { 'p' } else { '.' }).collect();
        assert_eq!(shape, ".ppp.p.pp.ppp");
        let others = requests.iter().filter(|one| !is_compared(one));
        let texts: BTreeSet<_> = others.map(|one| &one.messages[0].content).collect();
        assert_eq!(texts.len(), 4);
        assert_eq!(planned(&settings).len(), 9);
    }

    #[test]
    fn temperatures_and_seeds_are_the_groups() {
        let settings = Settings { temperature: 0.7, ..Settings::default() };
        let requests = requests(&settings, "p", "n");
        let compared: Vec<_> = requests.iter().filter(|one| is_compared(one)).collect();
        for (planned, request) in planned(&settings).iter().zip(compared) {
            let expected = if planned.group == Group::Greedy { 0.0 } else { 0.7 };
            assert_eq!(request.overrides.temperature, Some(expected));
            let is_other = request.overrides.seed_offset.is_some();
            assert_eq!(is_other, planned.group == Group::Seeds);
        }
    }
}
