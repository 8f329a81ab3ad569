//! A load: what a fixture's `load.json` says, and what a case carries.

use llmbench_api::record::LoadPoint;
use llmbench_api::{Arrival, Error, ErrorKind, Fixture, Result};
use serde::{Deserialize, Serialize};

/// File of a fixture that describes its load.
pub(crate) const FILE: &str = "load.json";
/// File of a fixture with a text of its own for the prompts.
pub(crate) const TEXT_FILE: &str = "text.txt";
/// Longest prompts and answers that make sense, in tokens.
const MOST_TOKENS: u32 = 4_000_000;
/// Requests of one batch.
const MOST_REQUESTS: u32 = 100_000;

/// How requests arrive, how many, and what they are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Load {
    /// When requests are sent; of a sweep, only whether they come as a Poisson process.
    #[serde(default)]
    pub(crate) arrival: Arrival,
    /// Tokens of a prompt; 0 for the shortest that there is.
    pub(crate) prompt_tokens: u32,
    /// Most tokens of an answer.
    pub(crate) output_tokens: u32,
    /// Tokens at the start of a prompt that all have in common.
    #[serde(default)]
    pub(crate) shared_prefix_tokens: u32,
    /// Requests that are measured; of a sweep, at each rate (0: by the rate).
    pub(crate) requests: u32,
    /// Requests before them that are not.
    #[serde(default)]
    pub(crate) warm_up_requests: u32,
    /// Rates to be tried, instead of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sweep: Option<Range>,
}

/// The rates of a sweep, in requests a second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Range {
    /// The first that is tried.
    pub(crate) start_rate: f64,
    /// None above it is.
    pub(crate) max_rate: f64,
}

/// What a case carries.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CaseData {
    pub(crate) load: Load,
    /// Makes the prompts of this process unlike those of any other: servers keep prompts.
    pub(crate) entropy: u64,
    /// The fixture's own text.
    pub(crate) text: Option<String>,
}

impl Load {
    /// The load of a fixture.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] naming fixture, file and field.
    pub(crate) fn of(fixture: &Fixture) -> Result<Self> {
        let wrong = |problem: String| {
            Error::new(
                ErrorKind::InvalidInput,
                format!("fixture `{}`: {FILE}: {problem}", fixture.name),
            )
            .with_hint("docs/throughput.md describes the file; `--set throughput.KEY=VALUE` makes one for you")
        };
        let Some(text) = fixture.files.get(FILE) else {
            return Err(wrong("there is no such file".into()));
        };
        let load: Self = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        load.check().map_err(wrong)?;
        Ok(load)
    }

    /// What is wrong with it, naming the field.
    pub(crate) fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: u32, least: u32, most: u32| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(format!("`{name}` is {value} and must be {least} to {most}"))
            }
        };
        within("prompt_tokens", self.prompt_tokens, 0, MOST_TOKENS)?;
        within("output_tokens", self.output_tokens, 1, MOST_TOKENS)?;
        let most = self.prompt_tokens.saturating_sub(1);
        within("shared_prefix_tokens", self.shared_prefix_tokens, 0, most)?;
        let fewest = if self.sweep.is_some() { 0 } else { 1 };
        within("requests", self.requests, fewest, MOST_REQUESTS)?;
        within("warm_up_requests", self.warm_up_requests, 0, MOST_REQUESTS)?;
        let rate = |name: &str, rate: f64| {
            if rate.is_finite() && rate > 0.0 && rate <= 1e6 {
                Ok(())
            } else {
                Err(format!("`{name}` is {rate} and must be above 0, at most 1000000 a second"))
            }
        };
        match self.arrival {
            Arrival::Closed { concurrency } => within("concurrency", concurrency, 1, 65_536)?,
            Arrival::Open { rate_per_second, .. } => rate("rate_per_second", rate_per_second)?,
            _ => {}
        }
        if let Some(range) = self.sweep {
            rate("start_rate", range.start_rate)?;
            rate("max_rate", range.max_rate)?;
            if range.start_rate > range.max_rate {
                return Err(format!(
                    "`start_rate` ({}) is above `max_rate` ({})",
                    range.start_rate, range.max_rate
                ));
            }
        }
        Ok(())
    }

    /// True when requests come as a Poisson process.
    pub(crate) fn is_poisson(&self) -> bool {
        matches!(self.arrival, Arrival::Open { poisson: true, .. })
    }

    /// For the record, with the arrival that was really asked for.
    pub(crate) fn point(&self, arrival: &Arrival) -> LoadPoint {
        LoadPoint {
            arrival: arrival.clone(),
            prompt_tokens: self.prompt_tokens,
            output_tokens: self.output_tokens,
            shared_prefix_tokens: self.shared_prefix_tokens,
        }
    }

    /// One line about it.
    pub(crate) fn title(&self) -> String {
        let how = match (&self.sweep, &self.arrival) {
            (Some(range), _) => {
                format!("rates from {} to {} a second", range.start_rate, range.max_rate)
            }
            (None, Arrival::Closed { concurrency }) => format!("{concurrency} at a time"),
            (None, Arrival::Open { rate_per_second, poisson }) => {
                let spacing = if *poisson { "Poisson" } else { "evenly" };
                format!("{rate_per_second} a second ({spacing})")
            }
            _ => "one at a time".to_owned(),
        };
        let prompts = match self.prompt_tokens {
            0 => "the shortest prompts".to_owned(),
            tokens => format!("prompts of {tokens} tokens"),
        };
        format!("{how}, {prompts}, answers of at most {}", self.output_tokens)
    }
}
