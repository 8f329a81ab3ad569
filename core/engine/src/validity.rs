//! Whether an answer's figures mean what they say.
//!
//! A server that finds a prompt too long drops a part of it without a word.
//! Two signs give it away: the prompt fills the context, or it has far fewer
//! tokens than its length in bytes lets expect. How many bytes are a token depends on
//! the text; so the second sign counts only when the text itself was counted.

use llmbench_api::{DoneReason, GenerateRequest, Generation};

/// Below this share of the expected tokens, a part of the prompt was dropped.
const TRUNCATED_BELOW: f64 = 0.5;
/// No tokenizer for text comes near this; the bound used when none was measured.
const MOST_BYTES_PER_TOKEN: f64 = 16.0;

/// What is known of how a model counts, from its warm-up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tokenizer {
    /// Prompt bytes for one more token.
    pub bytes_per_token: Option<f64>,
    /// Tokens that the server adds to every prompt.
    pub overhead_tokens: f64,
    /// Tokens that the model was built for, or the server was started with.
    pub context_length: Option<u64>,
    /// The server has a context of its own: `num_ctx` was not sent.
    pub context_is_fixed: bool,
}

/// Prompt bytes of a request, as far as the server's tokenizer sees them.
pub(crate) fn prompt_bytes(request: &GenerateRequest) -> usize {
    request.messages.iter().map(|message| message.content.len()).sum()
}

/// Why an answer does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Counts that contradict each other.
    Certain(String),
    /// Fewer tokens than text like that of the warm-up would have: another kind of text may well.
    Estimated(String),
}

/// Why the answer does not count; `None` when it does.
pub(crate) fn doubt(
    request: &GenerateRequest,
    answer: &Generation,
    tokenizer: Tokenizer,
) -> Option<Doubt> {
    let asked = (!tokenizer.context_is_fixed).then(|| u64::from(request.options.num_ctx));
    let prompt_tokens = answer.prompt_tokens?;
    if let Some(context) = asked.filter(|context| prompt_tokens >= *context) {
        return Some(Doubt::Certain(format!(
            "the prompt fills the context ({prompt_tokens} of {context} tokens): the server has silently cut it; raise --num-ctx"
        )));
    }
    // Some servers never give a model more context than it was trained with.
    if let Some(trained) = tokenizer.context_length.filter(|trained| prompt_tokens >= *trained) {
        return Some(Doubt::Certain(format!(
            "the prompt has {prompt_tokens} tokens and the context is one of {trained}: it was cut, or read beyond what the model knows"
        )));
    }
    let bytes = prompt_bytes(request) as f64;
    let (expected, bound) = match tokenizer.bytes_per_token {
        Some(ratio) => (bytes / ratio + tokenizer.overhead_tokens, TRUNCATED_BELOW),
        None => (bytes / MOST_BYTES_PER_TOKEN, 1.0),
    };
    let advice = match tokenizer.context_is_fixed {
        true => "start the server with a longer context",
        false => "raise --num-ctx",
    };
    // A handful of tokens is within the error of the estimate.
    if expected > 64.0 && (prompt_tokens as f64) < bound * expected {
        return Some(Doubt::Estimated(format!(
            "the server counted {prompt_tokens} prompt tokens where about {expected:.0} were sent: it has silently cut the prompt; {advice}"
        )));
    }
    let limit = if tokenizer.context_is_fixed { tokenizer.context_length } else { asked };
    let (context, completion) = (limit?, answer.completion_tokens?);
    let both = prompt_tokens.saturating_add(completion);
    if both > context {
        return Some(Doubt::Certain(format!(
            "prompt and answer ({prompt_tokens} + {completion} tokens) exceed the context of {context}: the server dropped the beginning while it answered; {advice} or lower --max-tokens"
        )));
    }
    // Some servers keep one place free.
    let is_cut = answer.done_reason == DoneReason::Length
        && completion < u64::from(request.options.max_tokens)
        && both >= context - 1;
    is_cut.then(|| {
        Doubt::Certain(format!(
            "the answer ended after {completion} tokens because the context of {context} was full; {advice} or lower --max-tokens"
        ))
    })
}

/// Why `answers` do not count; `None` when they do.
///
/// `recount` learns how the model counts the text of one request. It is asked once at most, and
/// only when the tokenizer's figures, from another text, raise a doubt.
pub(crate) fn invalid<'a>(
    answers: impl Iterator<Item = (&'a GenerateRequest, &'a Generation)> + Clone,
    tokenizer: Tokenizer,
    recount: impl FnOnce(&GenerateRequest) -> Option<Tokenizer>,
) -> Option<String> {
    let find = |tokenizer| {
        answers
            .clone()
            .find_map(|(request, answer)| Some((request, doubt(request, answer, tokenizer)?)))
    };
    let reason = |doubt| match doubt {
        Doubt::Certain(reason) | Doubt::Estimated(reason) => reason,
    };
    match find(tokenizer)? {
        (request, Doubt::Estimated(first)) => match recount(request) {
            Some(tokenizer) => find(tokenizer).map(|(_, doubt)| reason(doubt)),
            None => Some(first),
        },
        (_, doubt) => Some(reason(doubt)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_itself(
        request: &GenerateRequest,
        answer: &Generation,
        tokenizer: Tokenizer,
    ) -> Option<String> {
        invalid(std::iter::once((request, answer)), tokenizer, |_| None)
    }

    fn check(
        bytes: usize,
        prompt: u64,
        completion: u64,
        ratio: Option<f64>,
        expected: Option<&str>,
    ) {
        let mut request = GenerateRequest::user("x".repeat(bytes));
        request.options.num_ctx = 1000;
        let answer = Generation {
            prompt_tokens: Some(prompt),
            completion_tokens: Some(completion),
            ..Generation::default()
        };
        let tokenizer = Tokenizer { bytes_per_token: ratio, ..Tokenizer::default() };
        let found = by_itself(&request, &answer, tokenizer);
        match expected {
            None => assert_eq!(found, None),
            Some(part) => {
                assert!(found.as_deref().is_some_and(|text| text.contains(part)), "{found:?}")
            }
        }
    }

    #[test]
    fn truncation_is_seen_by_both_signs() {
        check(3000, 750, 100, Some(4.0), None);
        check(8000, 1000, 5, Some(4.0), Some("fills the context"));
        check(8000, 500, 5, Some(4.0), Some("silently cut the prompt"));
        check(80_000, 700, 5, None, Some("silently cut the prompt"));
        check(100, 30, 5, Some(1.0), Some("silently cut the prompt"));
        check(60, 20, 5, Some(1.0), None);
        check(3000, 750, 251, Some(4.0), Some("exceed the context"));
    }

    #[test]
    fn an_answer_that_a_full_context_ended_says_nothing_about_the_model() {
        let mut request = GenerateRequest::user("x".repeat(400));
        request.options.num_ctx = 1000;
        request.options.max_tokens = 3000;
        let ended = |completion, done_reason| Generation {
            prompt_tokens: Some(100),
            completion_tokens: Some(completion),
            done_reason,
            ..Generation::default()
        };
        let judge = |answer| by_itself(&request, &answer, Tokenizer::default());
        for completion in [899, 900] {
            let found = judge(ended(completion, DoneReason::Length)).unwrap();
            assert!(found.contains("context of 1000 was full"), "{found}");
        }
        assert_eq!(judge(ended(900, DoneReason::Stop)), None);
        assert_eq!(judge(ended(700, DoneReason::Length)), None);
        request.options.max_tokens = 900;
        assert_eq!(
            by_itself(&request, &ended(900, DoneReason::Length), Tokenizer::default()),
            None
        );
    }

    #[test]
    fn text_of_another_kind_is_counted_by_itself_before_it_is_called_cut() {
        let mut request = GenerateRequest::user("x".repeat(3000));
        request.options.num_ctx = 8000;
        let counted = |tokens| Generation { prompt_tokens: Some(tokens), ..Generation::default() };
        let at = |bytes_per_token| Tokenizer {
            bytes_per_token: Some(bytes_per_token),
            ..Tokenizer::default()
        };
        let judge = |tokens, own: Option<f64>| {
            let answer = counted(tokens);
            let pairs = [(&request, &answer), (&request, &answer)];
            invalid(pairs.into_iter(), at(2.0), |asked| {
                assert_eq!(asked, &request);
                own.map(at)
            })
        };
        assert_eq!(judge(400, Some(8.0)), None);
        assert!(judge(100, Some(8.0)).unwrap().contains("about 375 were sent"));
        assert!(judge(400, None).unwrap().contains("about 1500 were sent"));
        // Nothing to doubt, nothing to ask.
        assert_eq!(judge(1500, None), None);
        assert!(judge(8000, None).unwrap().contains("fills the context"));
    }

    #[test]
    fn without_counts_nothing_is_claimed() {
        let request = GenerateRequest::user("x".repeat(100_000));
        assert_eq!(by_itself(&request, &Generation::default(), Tokenizer::default()), None);
    }

    #[test]
    fn a_context_that_was_never_asked_for_is_no_limit() {
        let mut request = GenerateRequest::user("x".repeat(8000));
        request.options.num_ctx = 1000;
        let counted = |prompt_tokens| Generation {
            prompt_tokens: Some(prompt_tokens),
            completion_tokens: Some(500),
            ..Generation::default()
        };
        let tokenizer = Tokenizer {
            bytes_per_token: Some(4.0),
            context_length: Some(4096),
            context_is_fixed: true,
            ..Tokenizer::default()
        };
        assert_eq!(by_itself(&request, &counted(2000), tokenizer), None);
        let parts =
            [(4096, "one of 4096"), (700, "start the server"), (3700, "exceed the context")];
        for (prompt_tokens, part) in parts {
            let found = by_itself(&request, &counted(prompt_tokens), tokenizer).unwrap();
            assert!(found.contains(part), "{found}");
        }
    }

    #[test]
    fn a_long_system_prompt_is_no_sign_of_truncation_and_the_trained_length_is_a_limit() {
        let mut request = GenerateRequest::user("x".repeat(4000));
        request.options.num_ctx = 100_000;
        let answer = Generation { prompt_tokens: Some(2200), ..Generation::default() };
        let tokenizer = |overhead_tokens, context_length| Tokenizer {
            bytes_per_token: Some(4.0),
            overhead_tokens,
            context_length,
            ..Tokenizer::default()
        };
        assert_eq!(by_itself(&request, &answer, tokenizer(1200.0, None)), None);
        assert!(by_itself(&request, &answer, tokenizer(4000.0, None)).is_some());
        assert!(by_itself(&request, &answer, tokenizer(1200.0, Some(2048))).is_some());
        assert_eq!(by_itself(&request, &answer, tokenizer(1200.0, Some(4096))), None);
    }
}
