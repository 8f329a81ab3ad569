//! How far answers agree.

use std::collections::BTreeMap;

use serde::Serialize;

/// How far some answers agree.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Agreement {
    /// Answers.
    pub(crate) answers: usize,
    /// Different ones among them, after normalisation.
    pub(crate) distinct: usize,
    /// Different ones among them, byte for byte.
    pub(crate) distinct_exact: usize,
    /// Share of the pairs of answers that agree after normalisation, 0–1.
    pub(crate) agreement_share: f64,
}

/// An answer as it came and as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) exact: String,
    pub(crate) normalised: String,
}

impl Agreement {
    /// Of at least two answers; `None` for fewer.
    pub(crate) fn of(texts: &[&Text]) -> Option<Self> {
        let answers = texts.len();
        if answers < 2 {
            return None;
        }
        let counts = |part: fn(&Text) -> &str| {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for text in texts {
                *counts.entry(part(text)).or_default() += 1;
            }
            counts
        };
        let normalised = counts(|text| &text.normalised);
        let pairs = |n: usize| n * (n - 1) / 2;
        let equal: usize = normalised.values().map(|count| pairs(*count)).sum();
        Some(Self {
            answers,
            distinct: normalised.len(),
            distinct_exact: counts(|text| &text.exact).len(),
            agreement_share: equal as f64 / pairs(answers) as f64,
        })
    }
}

/// Mean and standard deviation of a sample (divisor n − 1); `None` for fewer than two values.
pub(crate) fn mean_and_sd(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, (squares / (n - 1.0)).sqrt()))
}

/// The middle value; the mean of the two in the middle of an even number.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_that_agree_are_counted() {
        let check = |words: &[&str], distinct: usize, share: f64| {
            let texts: Vec<_> = words
                .iter()
                .map(|word| Text { exact: (*word).into(), normalised: word.trim().into() })
                .collect();
            let found = Agreement::of(&texts.iter().collect::<Vec<_>>()).unwrap();
            assert_eq!((found.answers, found.distinct), (words.len(), distinct));
            assert!((found.agreement_share - share).abs() < 1e-12, "{found:?}");
        };
        check(&["a", "a", "a"], 1, 1.0);
        check(&["a", "a ", "b"], 2, 1.0 / 3.0);
        check(&["a", "b", "c", "d"], 4, 0.0);
        check(&["a", "a", "b", "b"], 2, 2.0 / 6.0);
        let one = Text { exact: "a".into(), normalised: "a".into() };
        assert_eq!(Agreement::of(&[&one]), None);
    }

    #[test]
    fn statistics_are_absent_where_there_is_too_little() {
        assert_eq!(mean_and_sd(&[1.0]), None);
        let (mean, sd) = mean_and_sd(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert!((mean - 5.0).abs() < 1e-12 && (sd - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
    }
}
