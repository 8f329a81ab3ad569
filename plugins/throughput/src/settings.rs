//! `[plugin.throughput]` in llmbench.toml, or `--set throughput.KEY=VALUE`; and the load points that it means.

use std::collections::BTreeMap;

use llmbench_api::record::Slo;
use llmbench_api::{Arrival, Error, ErrorKind, Fixture, Json, Result};
use serde::Deserialize;

use crate::list;
use crate::load::{FILE, Load, Range};

/// Requests of the steady state from which on there are percentiles.
const WANTED: u32 = 20;
/// Seconds that an open load of a fixed rate takes, where the number of requests is left open.
const OPEN_SEC: f64 = 20.0;

/// What is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Requests under load.
    #[default]
    Load,
    /// Prompt processing and generation apart, one request at a time.
    Bench,
}

/// How requests of an open load are spaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Spacing {
    /// Exponential gaps, as of many independent users.
    #[default]
    Poisson,
    /// Equal gaps.
    Constant,
}

/// Rates of an open load.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rates {
    /// These, in requests a second.
    Fixed(Vec<f64>),
    /// Rising until the server is saturated.
    Sweep,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    #[serde(deserialize_with = "list::numbers")]
    pub(crate) concurrency: Vec<u32>,
    #[serde(deserialize_with = "rates")]
    pub(crate) rate: Option<Rates>,
    pub(crate) arrival: Spacing,
    #[serde(deserialize_with = "list::numbers")]
    pub(crate) prompt_tokens: Vec<u32>,
    #[serde(deserialize_with = "list::numbers")]
    pub(crate) output_tokens: Vec<u32>,
    pub(crate) shared_prefix_tokens: u32,
    pub(crate) requests: Option<u32>,
    pub(crate) warmup_requests: Option<u32>,
    pub(crate) start_rate: f64,
    pub(crate) max_rate: f64,
    pub(crate) slo_ttft_ms: Option<f64>,
    pub(crate) slo_tpot_ms: Option<f64>,
    pub(crate) slo_e2e_ms: Option<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Load,
            concurrency: Vec::new(),
            rate: None,
            arrival: Spacing::Poisson,
            prompt_tokens: vec![512],
            output_tokens: vec![128],
            shared_prefix_tokens: 0,
            requests: None,
            warmup_requests: None,
            start_rate: 1.0,
            max_rate: 1024.0,
            slo_ttft_ms: None,
            slo_tpot_ms: None,
            slo_e2e_ms: None,
        }
    }
}

fn rates<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Rates>, D::Error> {
    match Json::deserialize(deserializer)? {
        Json::String(text) if text.trim() == "sweep" => Ok(Some(Rates::Sweep)),
        value => list::parse(&value).map(|rates| Some(Rates::Fixed(rates))).map_err(|error| {
            serde::de::Error::custom(format!("rate: {error}; a number, a list or `sweep`"))
        }),
    }
}

impl Settings {
    /// # Errors
    /// [`ErrorKind::Settings`] for a wrong key or value, naming it.
    pub(crate) fn new(settings: Json) -> Result<Self> {
        let settings: Self = llmbench_plugin::settings("throughput", settings)?;
        for (name, limit) in [
            ("slo_ttft_ms", settings.slo_ttft_ms),
            ("slo_tpot_ms", settings.slo_tpot_ms),
            ("slo_e2e_ms", settings.slo_e2e_ms),
        ] {
            if limit.is_some_and(|limit| !limit.is_finite() || limit <= 0.0) {
                return Err(wrong(format!("`{name}` must be a number of milliseconds above 0")));
            }
        }
        settings.loads()?;
        Ok(settings)
    }

    /// The limits, when there is any.
    pub(crate) fn slo(&self) -> Option<Slo> {
        let slo =
            Slo { ttft_ms: self.slo_ttft_ms, tpot_ms: self.slo_tpot_ms, e2e_ms: self.slo_e2e_ms };
        (slo != Slo::default()).then_some(slo)
    }

    /// The load points by name, in the order in which they are measured.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] for values that make no load.
    pub(crate) fn loads(&self) -> Result<Vec<(String, Load)>> {
        let loads = match self.mode {
            Mode::Bench => self.bench()?,
            Mode::Load => self.load_points()?,
        };
        for (index, (name, load)) in loads.iter().enumerate() {
            load.check().map_err(wrong)?;
            if loads[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(wrong(format!("the load point `{name}` is named twice")));
            }
        }
        Ok(loads)
    }

    fn load_points(&self) -> Result<Vec<(String, Load)>> {
        let one = |name: &str, values: &[u32]| match values {
            [only] => Ok(*only),
            _ => Err(wrong(format!("`{name}` is one number unless `mode` is `bench`"))),
        };
        let base = Load {
            prompt_tokens: one("prompt_tokens", &self.prompt_tokens)?,
            output_tokens: one("output_tokens", &self.output_tokens)?,
            shared_prefix_tokens: self.shared_prefix_tokens,
            ..Load::default()
        };
        let concurrency = match (&self.concurrency[..], &self.rate) {
            ([], None) => &[1],
            (named, _) => named,
        };
        let closed = concurrency.iter().map(|concurrency| {
            let arrival = match concurrency {
                1 => Arrival::Sequential,
                several => Arrival::Closed { concurrency: *several },
            };
            let load = Load {
                arrival,
                requests: self.requests.unwrap_or(WANTED + concurrency.saturating_mul(4)),
                warm_up_requests: self.warmup_requests.unwrap_or(*concurrency),
                ..base.clone()
            };
            (format!("c{concurrency}"), load)
        });
        let mut loads: Vec<_> = closed.collect();
        let poisson = self.arrival == Spacing::Poisson;
        match &self.rate {
            None => {}
            Some(Rates::Fixed(rates)) => loads.extend(rates.iter().map(|rate| {
                let by_time = (rate * OPEN_SEC).clamp(30.0, 600.0) as u32;
                let load = Load {
                    arrival: Arrival::Open { rate_per_second: *rate, poisson },
                    requests: self.requests.unwrap_or(by_time),
                    warm_up_requests: self.warmup_requests.unwrap_or(2),
                    ..base.clone()
                };
                (format!("r{rate}"), load)
            })),
            Some(Rates::Sweep) => {
                let load = Load {
                    arrival: Arrival::Open { rate_per_second: self.start_rate, poisson },
                    requests: self.requests.unwrap_or(0),
                    warm_up_requests: self.warmup_requests.unwrap_or(2),
                    sweep: Some(Range { start_rate: self.start_rate, max_rate: self.max_rate }),
                    ..base
                };
                loads.push(("sweep".to_owned(), load));
            }
        }
        Ok(loads)
    }

    /// Prompts with an answer of one token, and answers to a prompt that is as short as can be.
    fn bench(&self) -> Result<Vec<(String, Load)>> {
        if !self.concurrency.is_empty() || self.rate.is_some() || self.shared_prefix_tokens > 0 {
            return Err(wrong(
                "`mode` `bench` asks one request at a time: leave `concurrency`, `rate` and `shared_prefix_tokens` out".into(),
            ));
        }
        let base = Load {
            requests: self.requests.unwrap_or(5),
            warm_up_requests: self.warmup_requests.unwrap_or(1),
            ..Load::default()
        };
        let prompts = self.prompt_tokens.iter().map(|tokens| {
            let load = Load { prompt_tokens: *tokens, output_tokens: 1, ..base.clone() };
            (format!("pp{tokens}"), load)
        });
        let answers = self.output_tokens.iter().map(|tokens| {
            let load = Load { prompt_tokens: 0, output_tokens: *tokens, ..base.clone() };
            (format!("tg{tokens}"), load)
        });
        Ok(prompts.chain(answers).collect())
    }

    /// Each load point as a fixture, so that its hash stands for what was asked.
    pub(crate) fn fixtures(&self) -> Vec<Fixture> {
        let loads = self.loads().unwrap_or_default();
        let fixture = |(name, load): (String, Load)| {
            let text = serde_json::to_string_pretty(&load).unwrap_or_default();
            Fixture { name, dir: None, files: BTreeMap::from([(FILE.to_owned(), text)]) }
        };
        loads.into_iter().map(fixture).collect()
    }
}

fn wrong(problem: String) -> Error {
    Error::new(ErrorKind::Settings, format!("settings of plugin `throughput`: {problem}"))
        .with_hint("docs/throughput.md lists them; correct `[plugin.throughput]` in llmbench.toml or `--set throughput.KEY=VALUE`")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(settings: Json) -> Vec<String> {
        let loads = Settings::new(settings).unwrap().loads().unwrap();
        loads.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn each_load_point_is_a_case_in_the_order_given() {
        assert_eq!(names(json!({})), ["c1"]);
        assert_eq!(names(json!({ "concurrency": "16,1,4" })), ["c16", "c1", "c4"]);
        assert_eq!(names(json!({ "rate": [0.5, 2] })), ["r0.5", "r2"]);
        assert_eq!(names(json!({ "rate": "sweep", "concurrency": 2 })), ["c2", "sweep"]);
        let bench = json!({ "mode": "bench", "prompt_tokens": "512,2048", "output_tokens": 128 });
        assert_eq!(names(bench), ["pp512", "pp2048", "tg128"]);
    }

    #[test]
    fn there_are_enough_requests_for_percentiles_of_the_steady_state() {
        let settings = Settings::new(json!({ "concurrency": [1, 32], "rate": [0.1, 5, 1000] }));
        let loads = settings.unwrap().loads().unwrap();
        let requests: Vec<_> = loads.iter().map(|(_, load)| load.requests).collect();
        assert_eq!(requests, [24, 148, 30, 100, 600]);
        assert_eq!(loads[0].1.arrival, Arrival::Sequential);
    }

    #[test]
    fn what_makes_no_load_is_named() {
        let check = |settings: Json, part: &str| {
            let error = Settings::new(settings.clone()).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Settings);
            assert!(error.message.contains(part), "{settings}: {}", error.message);
        };
        check(json!({ "concurency": 3 }), "concurency");
        check(json!({ "concurrency": 0 }), "`concurrency` is 0");
        check(json!({ "concurrency": "2,2" }), "`c2` is named twice");
        check(json!({ "rate": "fast" }), "`fast` is no such number");
        check(json!({ "rate": -1 }), "`rate_per_second` is -1");
        check(json!({ "prompt_tokens": [1, 2] }), "`prompt_tokens` is one number");
        check(json!({ "prompt_tokens": 64, "shared_prefix_tokens": 64 }), "`shared_prefix_tokens`");
        check(json!({ "slo_ttft_ms": 0 }), "slo_ttft_ms");
        check(json!({ "mode": "bench", "concurrency": 4 }), "one request at a time");
        check(json!({ "mode": "race" }), "race");
        check(json!({ "rate": "sweep", "start_rate": 9, "max_rate": 3 }), "`start_rate` (9)");
    }
}
