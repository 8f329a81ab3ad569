//! How much of the input an answer keeps, types aside. Only reported, never scored.

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::facts::Facts;

/// Most tokens of one list that are compared; the worst case grows with their square.
const MAX_TOKENS: usize = 5_000;

/// Two versions of one file, or of several taken together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Compared {
    /// Tokens of the answer, types and comments aside.
    pub(super) answer_tokens: usize,
    /// Tokens of the input.
    pub(super) input_tokens: usize,
    kept_tokens: Option<usize>,
    input_template_tokens: usize,
    kept_template_tokens: Option<usize>,
}

impl Compared {
    /// Nothing; adding to it gives what is added.
    pub(super) fn nothing() -> Self {
        Self { kept_tokens: Some(0), kept_template_tokens: Some(0), ..Self::default() }
    }

    pub(super) fn of(answer: &Facts, input: &Facts) -> Self {
        let script = kept(&input.script_tokens, &answer.script_tokens);
        let template = kept(&input.template_tokens, &answer.template_tokens);
        Self {
            answer_tokens: answer.script_tokens.len() + answer.template_tokens.len(),
            input_tokens: input.script_tokens.len() + input.template_tokens.len(),
            kept_tokens: Option::zip(script, template).map(|(script, template)| script + template),
            input_template_tokens: input.template_tokens.len(),
            kept_template_tokens: template,
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        let sum = |left, right| {
            Option::zip(left, right).map(|(left, right): (usize, usize)| left + right)
        };
        Self {
            answer_tokens: self.answer_tokens + other.answer_tokens,
            input_tokens: self.input_tokens + other.input_tokens,
            kept_tokens: sum(self.kept_tokens, other.kept_tokens),
            input_template_tokens: self.input_template_tokens + other.input_template_tokens,
            kept_template_tokens: sum(self.kept_template_tokens, other.kept_template_tokens),
        }
    }

    /// 0..=1: twice what both have in the same order, of all that they have. 1 only when nothing
    /// differs; `None` when a file is too long to be compared.
    pub(super) fn similarity(self) -> Option<f64> {
        let all = self.answer_tokens + self.input_tokens;
        (all > 0).then_some(())?;
        self.kept_tokens.map(|kept| 2.0 * kept as f64 / all as f64)
    }

    /// 0..=1: share of the input's template that is still there, in the same order.
    pub(super) fn template_kept(self) -> Option<f64> {
        (self.input_template_tokens > 0).then_some(())?;
        self.kept_template_tokens.map(|kept| kept as f64 / self.input_template_tokens as f64)
    }
}

/// Length of the longest common subsequence.
fn kept(input: &[String], answer: &[String]) -> Option<usize> {
    if input.len().max(answer.len()) > MAX_TOKENS {
        return None;
    }
    let operations = capture_diff_slices(Algorithm::Myers, input, answer);
    let equal = operations.iter().map(|operation| match operation {
        DiffOp::Equal { len, .. } => *len,
        _ => 0,
    });
    Some(equal.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(script: &str, template: &str) -> Facts {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        let mut facts = Facts::default();
        facts.script_tokens = words(script);
        facts.template_tokens = words(template);
        facts
    }

    #[track_caller]
    fn check(
        answer: (&str, &str),
        input: (&str, &str),
        similarity: Option<f64>,
        template: Option<f64>,
    ) {
        let compared = Compared::of(&facts(answer.0, answer.1), &facts(input.0, input.1));
        assert_eq!((compared.similarity(), compared.template_kept()), (similarity, template));
    }

    #[test]
    fn what_both_have_in_order_is_kept() {
        check(("a b", "c"), ("a b", "c"), Some(1.0), Some(1.0));
        check(("a b", "c"), ("a", "c"), Some(0.8), Some(1.0));
        check(("", "c"), ("a", "c d e f"), Some(1.0 / 3.0), Some(0.25));
        check(("a", ""), ("a", ""), Some(1.0), None);
        check(("", ""), ("", ""), None, None);
        let long = "a ".repeat(MAX_TOKENS + 1);
        check((&long, "b"), ("a", "b"), None, Some(1.0));
        let both = Compared::of(&facts("a", "b"), &facts("a", "b"));
        assert_eq!(Compared::nothing().plus(both), both);
    }
}
