//! Learns how a model counts tokens, from two short prompts.

use std::sync::Arc;

use llmbench_api::{Error, GenerateRequest, Generation};

use crate::attempt::apply;
use crate::call::bounded;
use crate::session::Session;
use crate::validity::prompt_bytes;

/// Bytes of text in the longer of the two short prompts.
const SHORT_BYTES: usize = 1000;

/// How a model counts the tokens of one kind of text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Count {
    /// Bytes for one more token.
    pub(crate) bytes_per_token: f64,
    /// Tokens that the server adds to every prompt.
    pub(crate) overhead_tokens: f64,
}

impl Count {
    /// Asks for one token each behind no text and behind the beginning of that of `like`, both
    /// with a nonce before them. `None` when the server does not count.
    ///
    /// # Errors
    /// Those of the backend.
    pub(crate) fn learn(
        session: &Session,
        model: &str,
        like: &GenerateRequest,
    ) -> Result<Option<Self>, Error> {
        let text: String = like.messages.iter().map(|message| message.content.as_str()).collect();
        let ask = |text: &str| -> Result<Option<(f64, f64)>, Error> {
            let overrides = like.overrides.clone();
            let request =
                behind_nonce(&GenerateRequest { overrides, ..GenerateRequest::user(text) });
            let bytes = prompt_bytes(&request) as f64;
            let tokens = one_token(session, model, request)?.prompt_tokens;
            Ok(tokens.map(|tokens| (bytes, tokens as f64)))
        };
        let short = ask("")?;
        let longer = ask(&text[..text.floor_char_boundary(SHORT_BYTES)])?;
        Ok(short.zip(longer).and_then(Self::between))
    }

    /// From two prompts of (bytes, tokens).
    fn between(((few_bytes, few), (many_bytes, many)): ((f64, f64), (f64, f64))) -> Option<Self> {
        let bytes_per_token = (many_bytes - few_bytes) / (many - few);
        let overhead_tokens = (few - few_bytes / bytes_per_token).max(0.0);
        let plausible = many > few && bytes_per_token.is_finite() && bytes_per_token > 0.0;
        plausible.then_some(Self { bytes_per_token, overhead_tokens })
    }
}

/// The answer to `request`, cut off at one token, with the run's options.
///
/// # Errors
/// Those of the backend.
pub(crate) fn one_token(
    session: &Session,
    model: &str,
    mut request: GenerateRequest,
) -> Result<Generation, Error> {
    model.clone_into(&mut request.model);
    request.options = session.options.generate.clone();
    // As the attempts send it: another context would make servers load the model again.
    apply(&request.overrides, &mut request.options);
    request.options.max_tokens = 1;
    let cx = session.context(session.options.load_timeout);
    let backend = Arc::clone(&session.backend);
    bounded("the backend", &cx, move |cx| backend.generate(&request, &(), cx))
}

/// The same request with a first line that no earlier request had.
pub(crate) fn behind_nonce(request: &GenerateRequest) -> GenerateRequest {
    let mut request = request.clone();
    let nonce = uuid::Uuid::new_v4().simple();
    match request.messages.first_mut() {
        Some(message) => message.content.insert_str(0, &format!("[{nonce}]\n")),
        None => request.messages = GenerateRequest::user(format!("[{nonce}]")).messages,
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_prompts_give_slope_and_overhead() {
        // 100 bytes are 1,225 tokens and 1,100 bytes 1,475: 4 bytes a token after 1,200.
        let found = Count::between(((100.0, 1225.0), (1100.0, 1475.0)));
        assert_eq!(found, Some(Count { bytes_per_token: 4.0, overhead_tokens: 1200.0 }));
        assert_eq!(Count::between(((100.0, 50.0), (1100.0, 50.0))), None);
        assert_eq!(Count::between(((100.0, 50.0), (1100.0, 40.0))), None);
    }

    #[test]
    fn a_nonce_stands_before_everything_else() {
        let request = GenerateRequest::user("hello");
        let (first, second) = (behind_nonce(&request), behind_nonce(&request));
        assert_ne!(first.messages[0].content, second.messages[0].content);
        assert!(first.messages[0].content.ends_with("]\nhello"));
    }
}
