//! `[plugin.consistency]` in `llmbench.toml`, or `--set consistency.KEY=VALUE`.

use llmbench_api::{Error, ErrorKind, Json, Result};
use serde::{Deserialize, Serialize};

/// How often is asked, and how.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Answers at temperature 0; the first and the last without a cache, the others with it.
    pub greedy: u32,
    /// Answers at `temperature` with one seed, in the same way.
    pub same_seed: u32,
    /// Answers at `temperature`, each with a seed of its own.
    pub seeds: u32,
    /// Sampling temperature where it is not 0.
    pub temperature: f64,
    /// Most tokens of an answer.
    pub answer_tokens: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { greedy: 4, same_seed: 4, seeds: 5, temperature: 0.8, answer_tokens: 384 }
    }
}

impl Settings {
    /// Reads and checks the settings.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] naming the setting, what it may be, and an example.
    pub fn new(settings: Json) -> Result<Self> {
        let settings: Self = llmbench_plugin::settings("consistency", settings)?;
        // Three is the least with two answers of one kind and one of the other.
        for (name, value) in [("greedy", settings.greedy), ("same_seed", settings.same_seed)] {
            check(name, f64::from(value), 3.0, 100.0, "5")?;
        }
        check("seeds", f64::from(settings.seeds), 2.0, 100.0, "8")?;
        check("temperature", settings.temperature, 0.01, 5.0, "1.0")?;
        check("answer_tokens", f64::from(settings.answer_tokens), 1.0, 1e6, "1024")?;
        Ok(settings)
    }
}

fn check(name: &str, value: f64, low: f64, high: f64, example: &str) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    let message =
        format!("settings of `consistency`: `{name}`: {value} is not within {low} to {high}");
    Err(Error::new(ErrorKind::Settings, message)
        .with_hint(format!("for example `--set consistency.{name}={example}`")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_with_its_name() {
        assert_eq!(Settings::new(json!({})).unwrap(), Settings::default());
        for (settings, part) in [
            (json!({ "greedy": 2 }), "`greedy`: 2 is not within 3"),
            (json!({ "seeds": 1 }), "`seeds`: 1"),
            (json!({ "temperature": 0.0 }), "`temperature`: 0"),
        ] {
            let error = Settings::new(settings).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
            assert!(error.hint.is_some());
        }
    }
}
