//! How long the text must be, by the server's own counts.
//!
//! Two short prompts of the same kind tell what the frame (template, question,
//! needles) takes and how many bytes of the text make a token. No tokenizer is
//! asked, so the length is that of whatever model and template answer.

/// Share of a context that is left empty: the text beyond the sample may be a little denser.
const SPARE_SHARE: f64 = 0.04;
/// Bytes of text in the longer of the two prompts, at most.
const MOST_SAMPLE_BYTES: usize = 8000;

/// Bytes of text in the longer of the two prompts.
///
/// A token is at least a byte, so the sample itself fits even where each byte is one.
pub(crate) fn sample_bytes(length_tokens: u32, answer_tokens: u32) -> usize {
    let room = length_tokens.saturating_sub(answer_tokens) as usize;
    (room * 3 / 4).min(MOST_SAMPLE_BYTES)
}

/// What the two prompts told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Calibration {
    /// Tokens without any text.
    pub(crate) frame_tokens: f64,
    /// Bytes of text for one more token.
    pub(crate) bytes_per_token: f64,
}

impl Calibration {
    /// From the tokens without text and those with a sample of so many bytes.
    ///
    /// `None` when the counts cannot be those of such prompts: text makes a
    /// prompt longer, and hardly by two tokens a byte.
    pub(crate) fn new(frame_tokens: u64, sample_tokens: u64, sample_bytes: usize) -> Option<Self> {
        let more = sample_tokens.checked_sub(frame_tokens).filter(|more| *more > 0)?;
        let bytes_per_token = sample_bytes as f64 / more as f64;
        (bytes_per_token >= 0.5)
            .then_some(Self { frame_tokens: frame_tokens as f64, bytes_per_token })
    }

    /// Bytes of text that fill what a context of `length_tokens` leaves beside the answer.
    ///
    /// `None` when the frame alone is too long.
    pub(crate) fn haystack_bytes(&self, length_tokens: u32, answer_tokens: u32) -> Option<usize> {
        let usable = f64::from(length_tokens) * (1.0 - SPARE_SHARE);
        let tokens = usable - f64::from(answer_tokens) - self.frame_tokens;
        (tokens > 0.0).then_some((tokens * self.bytes_per_token) as usize)
    }

    /// Tokens that a prompt with so many bytes of text should have.
    pub(crate) fn expected_tokens(&self, haystack_bytes: usize) -> f64 {
        self.frame_tokens + haystack_bytes as f64 / self.bytes_per_token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_fills_the_context_beside_the_answer() {
        let calibration = Calibration::new(150, 650, 2000).unwrap();
        assert_eq!(calibration, Calibration { frame_tokens: 150.0, bytes_per_token: 4.0 });
        let bytes = calibration.haystack_bytes(4096, 136).unwrap();
        let tokens = calibration.expected_tokens(bytes);
        assert!((tokens - (4096.0 * 0.96 - 136.0)).abs() < 1.0, "{tokens}");
        assert_eq!(calibration.haystack_bytes(256, 136), None);
    }

    #[test]
    fn counts_that_cannot_be_are_refused() {
        assert_eq!(Calibration::new(512, 512, 4000), None);
        assert_eq!(Calibration::new(600, 512, 4000), None);
        assert_eq!(Calibration::new(100, 100_000, 4000), None);
    }

    #[test]
    fn a_sample_fits_also_where_each_byte_is_a_token() {
        assert!(sample_bytes(512, 88) < 512 - 88);
        assert_eq!(sample_bytes(1_000_000, 88), MOST_SAMPLE_BYTES);
        assert_eq!(sample_bytes(256, 300), 0);
    }
}
