//! The speeds of a run in the form that hyperfine made familiar.
//!
//! Scores are not repeated here: they stand in the table, with the rules by
//! which fixtures are weighed.

use llmbench_api::record::AttemptStatus;

use super::history::ascii;
use super::{ListOptions, escape};
use crate::{Attempt, Report};

/// Mean ± σ and range of speed and duration for each model, then how many times
/// faster the fastest is than each other one. Empty when no attempt was scored.
///
/// σ is the sample's standard deviation (n − 1) over the scored attempts of all
/// fixtures; it is left out for a single one. The ratio compares tokens per
/// second, not durations, since answers differ in length.
pub fn relative(report: &Report<'_>, options: &ListOptions) -> String {
    let models: Vec<Speeds> =
        report.summary.models.iter().map(|group| speeds(report, &group.model)).collect();
    // A test without scores has tables of speeds, and what it measures at several loads is not one speed.
    if !report.manifest.is_scored || models.iter().all(|model| model.answers == 0) {
        return String::new();
    }
    let bold =
        |text: &str| if options.color { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() };
    let mut out = Vec::new();
    for model in &models {
        out.push(bold(&model.name));
        let answers = super::figures::count(model.answers, "answer");
        match &model.tokens_per_sec {
            Some(spread) => {
                out.push(format!("  Speed (mean ± σ):    {}", spread.mean_and_sd(1, "tok/s")));
                out.push(format!(
                    "  Range (min … max):   {}   {answers}",
                    spread.range(1, "tok/s")
                ));
            }
            None => out.push(format!("  Speed:               not measured   {answers}")),
        }
        if let Some(spread) = &model.duration_sec {
            out.push(format!("  Time  (mean ± σ):    {}", spread.mean_and_sd(2, "s")));
            out.push(format!("  Range (min … max):   {}", spread.range(2, "s")));
        }
    }
    out.extend(summary(&models).into_iter().enumerate().map(|(index, line)| match index {
        0 => bold(&line),
        _ => line,
    }));
    let text = out.join("\n") + "\n";
    if options.ascii { ascii(&text).replace('σ', "sd").replace('~', "+/-") } else { text }
}

struct Speeds {
    name: String,
    answers: usize,
    tokens_per_sec: Option<Spread>,
    duration_sec: Option<Spread>,
}

/// Of at least one value.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread {
    n: usize,
    mean: f64,
    /// `None` for a single value.
    sd: Option<f64>,
    min: f64,
    max: f64,
}

impl Spread {
    fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        let min = values.iter().copied().reduce(f64::min)?;
        let max = values.iter().copied().reduce(f64::max)?;
        let mean = (values.iter().sum::<f64>() / n as f64).clamp(min, max);
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self { n, mean, sd: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()), min, max })
    }

    fn mean_and_sd(&self, decimals: usize, unit: &str) -> String {
        let mean = format!("{:>8.decimals$} {unit}", self.mean);
        match self.sd {
            Some(sd) => format!("{mean} ± {sd:>6.decimals$} {unit}"),
            None => mean,
        }
    }

    fn range(&self, decimals: usize, unit: &str) -> String {
        format!("{:>8.decimals$} {unit} … {:>6.decimals$} {unit}", self.min, self.max)
    }

    /// This mean divided by the other one, with the σ of the quotient by the
    /// first-order propagation of errors for independent quantities, as in
    /// hyperfine: σ = r · √((σ₁/m₁)² + (σ₂/m₂)²).
    fn times(&self, other: &Self) -> Option<(f64, Option<f64>)> {
        if other.mean <= 0.0 || self.mean <= 0.0 {
            return None;
        }
        let ratio = self.mean / other.mean;
        let sd = self.sd.zip(other.sd);
        Some((ratio, sd.map(|(a, b)| ratio * (a / self.mean).hypot(b / other.mean))))
    }
}

fn speeds(report: &Report<'_>, model: &str) -> Speeds {
    let scored: Vec<&Attempt> = report
        .attempts()
        .iter()
        .copied()
        .filter(|attempt| &*attempt.model == model && attempt.status == AttemptStatus::Scored)
        .collect();
    let spread = |figure: fn(&Attempt) -> Option<f64>| {
        let values: Vec<f64> = scored.iter().filter_map(|record| figure(record)).collect();
        Spread::of(&values)
    };
    Speeds {
        name: escape::one_line(model),
        answers: scored.len(),
        tokens_per_sec: spread(|record| record.tokens_per_sec),
        duration_sec: spread(|record| record.duration_sec),
    }
}

/// Nothing for a single model: it is not faster than itself.
fn summary(models: &[Speeds]) -> Vec<String> {
    let mut measured: Vec<(&str, Spread)> = models
        .iter()
        .filter_map(|model| Some((model.name.as_str(), model.tokens_per_sec?)))
        .collect();
    measured.sort_by(|(_, a), (_, b)| b.mean.total_cmp(&a.mean));
    let Some(((name, fastest), others)) =
        measured.split_first().filter(|(_, others)| !others.is_empty())
    else {
        return Vec::new();
    };
    let mut lines = vec!["Summary (tokens per second)".to_owned(), format!("  {name} was")];
    for (other, spread) in others {
        let Some((ratio, sd)) = fastest.times(spread) else { continue };
        let with_sd = sd.map(|sd| format!(" ± {sd:.2}")).unwrap_or_default();
        let remark = match sd {
            Some(sd) if ratio - 1.0 < sd => " (within the spread)",
            None => " (one answer: no spread)",
            _ => "",
        };
        lines.push(format!("    {ratio:.2}{with_sd} times faster than {other}{remark}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use llmbench_api::record::AttemptRecord;

    use super::*;
    use crate::attempts;
    use crate::testing::{lost, manifest, scored};

    fn with_speed(model: &str, run: u32, speed: Option<f64>) -> AttemptRecord {
        AttemptRecord { tokens_per_sec: speed, ..scored(model, "f", run, 8.0) }
    }

    #[test]
    fn the_fastest_is_compared_with_each_other_model() {
        let manifest = manifest(&["slow", "fast", "close"], &["f"], 3);
        let mut records = Vec::new();
        for (run, slow, fast, close) in
            [(1, 10.0, 20.0, 19.0), (2, 11.0, 22.0, 23.0), (3, 12.0, 24.0, 21.0)]
        {
            records.push(with_speed("slow", run, Some(slow)));
            records.push(with_speed("fast", run, Some(fast)));
            records.push(with_speed("close", run, Some(close)));
        }
        let attempts = attempts(&records);
        let report = Report::new(&manifest, &attempts);
        insta::assert_snapshot!(relative(&report, &ListOptions::default()), @r"
    slow
      Speed (mean ± σ):        11.0 tok/s ±    1.0 tok/s
      Range (min … max):       10.0 tok/s …   12.0 tok/s   3 answers
      Time  (mean ± σ):        7.00 s ±   1.00 s
      Range (min … max):       6.00 s …   8.00 s
    fast
      Speed (mean ± σ):        22.0 tok/s ±    2.0 tok/s
      Range (min … max):       20.0 tok/s …   24.0 tok/s   3 answers
      Time  (mean ± σ):        7.00 s ±   1.00 s
      Range (min … max):       6.00 s …   8.00 s
    close
      Speed (mean ± σ):        21.0 tok/s ±    2.0 tok/s
      Range (min … max):       19.0 tok/s …   23.0 tok/s   3 answers
      Time  (mean ± σ):        7.00 s ±   1.00 s
      Range (min … max):       6.00 s …   8.00 s
    Summary (tokens per second)
      fast was
        1.05 ± 0.14 times faster than close (within the spread)
        2.00 ± 0.26 times faster than slow
    ");
    }

    /// σ of 2.0 by hand: 2 · √((2/22)² + (1/11)²) = 0.2571.
    #[test]
    fn the_quotient_has_the_spread_of_both() {
        let fast = Spread::of(&[20.0, 22.0, 24.0]).unwrap();
        let slow = Spread::of(&[10.0, 11.0, 12.0]).unwrap();
        let (ratio, sd) = fast.times(&slow).unwrap();
        assert!((ratio - 2.0).abs() < 1e-12);
        assert!((sd.unwrap() - 0.257_129_7).abs() < 1e-6, "{sd:?}");
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[3.0]).unwrap().sd, None);
    }

    #[test]
    fn what_was_not_measured_is_said_and_nothing_scored_is_nothing() {
        let manifest = manifest(&["a", "b"], &["f"], 1);
        let failed = lost(AttemptStatus::InfraError, "b", "f", 1, "gone");
        let records = [with_speed("a", 1, None), failed.clone()];
        let records = attempts(&records);
        let text = relative(&Report::new(&manifest, &records), &ListOptions::default());
        assert!(text.contains("not measured   1 answer"), "{text}");
        assert!(!text.contains("Summary"), "{text}");
        let text = relative(&Report::new(&manifest, &attempts(&[failed])), &ListOptions::default());
        assert_eq!(text, "");
    }
}
