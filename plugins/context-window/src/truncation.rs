//! Whether the server read the whole prompt.
//!
//! Servers that are given more than they take drop a part without a word, mostly
//! from the start. What is left looks like a model that forgets, so it must be
//! told from one: by the server's count of the prompt, which was calibrated, and
//! by the needles at the very start and end.

/// A count below this share of what was sent means a cut prompt by itself.
const CERTAIN_BELOW: f64 = 0.9;
/// Below this it does together with a lost start and a found end; calibration is better than that.
const WITH_NEEDLES_BELOW: f64 = 0.97;

/// What is known of how a prompt was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// Tokens that were sent, by calibration.
    pub(crate) expected_tokens: f64,
    /// Tokens of the prompt by the server's count.
    pub(crate) prompt_tokens: u64,
    /// Tokens of the answer by the server's count.
    pub(crate) completion_tokens: Option<u64>,
    /// The context that was asked for.
    pub(crate) length_tokens: u32,
    /// Whether the needle at the very start was found.
    pub(crate) start_found: bool,
    /// Whether the needle at the very end was found.
    pub(crate) end_found: bool,
}

impl Reading {
    /// Why the prompt counts as cut; `None` when it was read as a whole.
    pub(crate) fn truncation(&self) -> Option<String> {
        let Self { expected_tokens, prompt_tokens, length_tokens, .. } = *self;
        let share = prompt_tokens as f64 / expected_tokens;
        let lost_start = self.end_found && !self.start_found;
        if share < CERTAIN_BELOW || (share < WITH_NEEDLES_BELOW && lost_start) {
            let needles = match (self.start_found, self.end_found) {
                (false, true) => {
                    "; the code at the very start was lost, the one at the very end was found"
                }
                (true, false) => {
                    "; the code at the very end was lost, the one at the very start was found"
                }
                _ => "",
            };
            return Some(format!(
                "truncation by the server, no failure of the model: it read {prompt_tokens} of about {expected_tokens:.0} tokens that were sent{needles}"
            ));
        }
        if prompt_tokens >= u64::from(length_tokens) {
            return Some(format!(
                "truncation by the server, no failure of the model: the prompt fills the context ({prompt_tokens} of {length_tokens} tokens)"
            ));
        }
        let all = prompt_tokens + self.completion_tokens.unwrap_or(0);
        (all > u64::from(length_tokens)).then(|| {
            format!(
                "truncation by the server, no failure of the model: prompt and answer have {all} tokens and the context {length_tokens}, so the beginning was dropped while it answered"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(prompt_tokens: u64, start_found: bool, end_found: bool, expected: Option<&str>) {
        let reading = Reading {
            expected_tokens: 3800.0,
            prompt_tokens,
            completion_tokens: Some(100),
            length_tokens: 4096,
            start_found,
            end_found,
        };
        let found = reading.truncation();
        match expected {
            None => assert_eq!(found, None),
            Some(part) => {
                assert!(found.as_ref().is_some_and(|text| text.contains(part)), "{found:?}")
            }
        }
    }

    #[test]
    fn a_low_count_is_a_cut_and_a_lost_start_alone_is_not() {
        check(3790, true, true, None);
        check(3790, false, true, None);
        check(3790, false, false, None);
        check(3640, true, true, None);
        check(3640, false, true, Some("the code at the very start was lost"));
        check(2048, false, true, Some("read 2048 of about 3800"));
        check(2048, false, false, Some("truncation"));
        check(4096, false, true, Some("fills the context"));
        check(4050, true, true, Some("4150 tokens and the context 4096"));
    }
}
