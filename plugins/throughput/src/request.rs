//! One answered request: its instants, and the latencies that they make.

use llmbench_api::{Answer, Error, Generation};

/// An answered request, by instants of the host's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    answer: &'a Generation,
}

/// What one request tells, in milliseconds and tokens a second.
impl<'a> Request<'a> {
    pub(crate) fn new(answer: &'a Generation) -> Self {
        Self { answer }
    }

    /// When it was to be sent; where there was no schedule, when it was.
    pub(crate) fn due_ns(self) -> u64 {
        self.answer.scheduled_at_ns.unwrap_or(self.answer.sent_at_ns)
    }

    pub(crate) fn done_ns(self) -> u64 {
        self.answer.done_at_ns
    }

    pub(crate) fn prompt_tokens(self) -> Option<u64> {
        self.answer.prompt_tokens
    }

    pub(crate) fn completion_tokens(self) -> Option<u64> {
        self.answer.completion_tokens
    }

    pub(crate) fn content_chunks(self) -> Option<u64> {
        self.answer.content_chunks
    }

    pub(crate) fn gaps_ns(self) -> &'a [u64] {
        &self.answer.gaps_ns
    }

    pub(crate) fn send_delay_ms(self) -> f64 {
        ms(self.due_ns(), self.answer.sent_at_ns)
    }

    /// From the instant at which it was to be sent, so that waiting in the client counts.
    pub(crate) fn ttft_ms(self) -> Option<f64> {
        Some(ms(self.due_ns(), self.answer.first_token_at_ns?))
    }

    pub(crate) fn e2e_ms(self) -> f64 {
        ms(self.due_ns(), self.done_ns())
    }

    pub(crate) fn longest_gap_ms(self) -> Option<f64> {
        self.answer.longest_gap_ns.map(|gap| gap as f64 / 1e6)
    }

    /// Time for each token behind the first; `None` for an answer of one, and where too many
    /// tokens came at a time.
    pub(crate) fn tpot_ms(self) -> Option<f64> {
        let (further, sec) = self.answer.observed_decode()?;
        Some(sec * 1e3 / further)
    }

    /// By the server's own time.
    pub(crate) fn server_prefill(self) -> Option<f64> {
        self.answer.prefill_tokens_per_sec()
    }

    /// Takes all the time until the first token for the prompt's, as far as that was computed: a
    /// lower bound, where nothing came from a cache of which the server does not tell.
    pub(crate) fn client_prefill(self) -> Option<f64> {
        let sent_ms = ms(self.answer.sent_at_ns, self.answer.first_token_at_ns?);
        per_sec(self.answer.computed_prompt_tokens()? as f64, sent_ms / 1e3)
    }

    /// True where the server tells how much of the prompt came from its cache.
    pub(crate) fn tells_cached(self) -> bool {
        self.answer.cached_prompt_tokens.is_some()
    }

    /// By the server's own time.
    pub(crate) fn server_decode(self) -> Option<f64> {
        self.answer.tokens_per_sec()
    }

    /// By the arrival of the pieces.
    pub(crate) fn client_decode(self) -> Option<f64> {
        per_sec(1.0, self.tpot_ms()? / 1e3)
    }

    /// Tokens that were generated between two instants, as if they had come evenly.
    pub(crate) fn tokens_between(self, from_ns: u64, to_ns: u64) -> Option<f64> {
        let tokens = self.completion_tokens()? as f64;
        let done = self.done_ns();
        let first = self.answer.first_token_at_ns.unwrap_or(done).min(done);
        let within = to_ns.min(done).saturating_sub(from_ns.max(first)) as f64;
        match done - first {
            0 => Some(if (from_ns..=to_ns).contains(&done) { tokens } else { 0.0 }),
            all => Some(tokens * within / all as f64),
        }
    }
}

/// Milliseconds from one instant to a later one.
pub(crate) fn ms(from_ns: u64, to_ns: u64) -> f64 {
    to_ns.saturating_sub(from_ns) as f64 / 1e6
}

/// A rate; `None` where no time passed.
pub(crate) fn per_sec(count: f64, seconds: f64) -> Option<f64> {
    (seconds > 0.0).then(|| count / seconds)
}

/// Those that were answered, and why the others were not.
pub(crate) fn split(answers: &[Answer]) -> (Vec<Request<'_>>, Vec<&Error>) {
    let (mut answered, mut failed) = (Vec::new(), Vec::new());
    for answer in answers {
        match answer {
            Answer::Answered(generation) => answered.push(Request::new(generation)),
            Answer::Failed(error) => failed.push(error),
        }
    }
    (answered, failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Due at 100 ms, sent at 150, first token at 250, then gaps of 10, 400 and 10 ms, end mark at 700.
    fn answer() -> Generation {
        Generation {
            scheduled_at_ns: Some(100 * MS),
            sent_at_ns: 150 * MS,
            first_token_at_ns: Some(250 * MS),
            done_at_ns: 700 * MS,
            gaps_ns: vec![10 * MS, 400 * MS, 10 * MS],
            longest_gap_ns: Some(400 * MS),
            content_chunks: Some(4),
            prompt_tokens: Some(50),
            completion_tokens: Some(4),
            ..Generation::default()
        }
    }

    #[test]
    fn latencies_count_from_the_instant_at_which_the_request_was_due() {
        let answer = answer();
        let request = Request::new(&answer);
        assert_eq!(request.send_delay_ms(), 50.0);
        assert_eq!(request.ttft_ms(), Some(150.0));
        assert_eq!(request.e2e_ms(), 600.0);
        assert_eq!(request.longest_gap_ms(), Some(400.0));
        // 420 ms of content for 3 further tokens; the end mark is no token.
        assert_eq!(request.tpot_ms(), Some(140.0));
        // 50 tokens in the 100 ms that the server had them.
        assert_eq!(request.client_prefill(), Some(500.0));
        assert!((request.client_decode().unwrap() - 1000.0 / 140.0).abs() < 1e-9);
        assert_eq!(request.server_decode(), None);
    }

    #[test]
    fn without_a_schedule_or_gaps_the_plain_instants_count() {
        let plain = Generation {
            scheduled_at_ns: None,
            gaps_ns: Vec::new(),
            content_chunks: None,
            longest_gap_ns: None,
            ..answer()
        };
        let request = Request::new(&plain);
        assert_eq!((request.ttft_ms(), request.send_delay_ms()), (Some(100.0), 0.0));
        assert_eq!((request.tpot_ms(), request.longest_gap_ms()), (None, None));
        let one = Generation { completion_tokens: Some(1), ..answer() };
        assert_eq!(Request::new(&one).tpot_ms(), None);
    }

    #[test]
    fn many_tokens_at_a_time_tell_their_mean_and_few_times_tell_nothing() {
        // 4 tokens every 40 ms, 16 times; the pieces of a read have no gap.
        let gaps = |reads: u64, at_a_time: u64| -> Vec<u64> {
            (1..reads * at_a_time)
                .map(|place| if place % at_a_time == 0 { 40 * MS } else { 0 })
                .collect()
        };
        let read = |reads, at_a_time| Generation {
            gaps_ns: gaps(reads, at_a_time),
            content_chunks: Some(reads * at_a_time),
            completion_tokens: Some(64),
            ..answer()
        };
        for at_a_time in [1, 4] {
            assert_eq!(Request::new(&read(16, at_a_time)).tpot_ms(), Some(10.0));
        }
        // Everything in one read, or in a handful, as behind a proxy that gathers.
        for reads in [1, 7] {
            assert_eq!(Request::new(&read(reads, 4)).tpot_ms(), None);
        }
    }

    #[test]
    fn tokens_count_by_the_part_of_their_time_that_lies_within() {
        let answer = answer();
        let request = Request::new(&answer);
        assert_eq!(request.tokens_between(0, 1000 * MS), Some(4.0));
        // 4 tokens between 250 and 700 ms: half of that time is 225 ms.
        assert_eq!(request.tokens_between(475 * MS, 1000 * MS), Some(2.0));
        assert_eq!(request.tokens_between(0, 200 * MS), Some(0.0));
        let at_once = Generation { first_token_at_ns: Some(700 * MS), ..self::answer() };
        assert_eq!(Request::new(&at_once).tokens_between(600 * MS, 700 * MS), Some(4.0));
        assert_eq!(Request::new(&at_once).tokens_between(0, 600 * MS), Some(0.0));
    }
}
