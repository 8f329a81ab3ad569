//! Loads a model and sends it warm-up requests, measured apart from the attempts.
//!
//! Two kinds of requests are sent. A short one that starts with a nonce tells
//! how many bytes a token of this model has and how fast it reads a prompt that
//! cannot be in any cache. Then each fixture's own prompt is sent once for one
//! token: that is what a new prompt costs. The attempts that follow find it in
//! the server's cache.

use std::sync::Arc;

use llmbench_api::record::{ColdPrompt, ModelRecord};
use llmbench_api::{
    Case, Error, ErrorKind, Event, EventSink, Flow, GenerateRequest, Generation, History, Message,
    Role, Step,
};

use crate::call::bounded;
use crate::events::RunEvent;
use crate::session::Session;

/// Bytes of a fixture's prompt in the short request.
const SHORT_BYTES: usize = 1000;
/// A prompt that is read this much faster than a new one came from the cache.
const CACHED_FACTOR: f64 = 5.0;

/// The warm-up of one model.
pub(crate) struct WarmUp<'a> {
    session: &'a Session,
    record: &'a mut ModelRecord,
    /// Prefill speed on a prompt that cannot be cached.
    uncached_tokens_per_sec: Option<f64>,
    /// Cases whose prompt the model has seen.
    pub(crate) prompts_sent: Vec<usize>,
    /// What went wrong without being final.
    pub(crate) warnings: Vec<String>,
}

impl<'a> WarmUp<'a> {
    pub(crate) fn new(session: &'a Session, record: &'a mut ModelRecord) -> Self {
        Self {
            session,
            record,
            uncached_tokens_per_sec: None,
            prompts_sent: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Loads the model.
    pub(crate) fn load(&mut self) -> Result<(), Error> {
        let (backend, name) =
            (Arc::clone(&self.session.backend), self.record.identity.name.clone());
        let options = self.session.options.generate.clone();
        let cx = self.session.context(self.session.options.load_timeout);
        match bounded("loading a model", &cx, move |cx| backend.load(&name, &options, cx)) {
            Ok(loaded) => {
                self.record.load_sec = loaded.value;
                self.record.load_remark = loaded.reason;
                Ok(())
            }
            Err(error) => {
                self.record.load_remark = Some(error.to_string());
                self.survive(error)
            }
        }
    }

    /// Sends the case's first prompt; before the very first one the short request.
    pub(crate) fn request(&mut self, index: usize, case: &Case, round: u32) -> Result<(), Error> {
        let Some(request) = self.first_request(case)? else { return Ok(()) };
        if round == 0
            && self.record.bytes_per_token.is_none()
            && let Err(error) = self.short(&request)
        {
            self.survive(error)?;
        }
        match self.generate(request) {
            Ok(answer) => {
                if round == 0 {
                    self.record.cold_prompts.push(cold_prompt(
                        &case.name,
                        &answer,
                        self.uncached_tokens_per_sec,
                    ));
                }
                self.prompts_sent.push(index);
                Ok(())
            }
            Err(error) => self.survive(error),
        }
    }

    /// Asks again what the model is: some facts, and the process that computes, are known only when it is loaded.
    pub(crate) fn identify(&mut self) {
        let limit = self.session.options.request_timeout;
        let (backend, name) =
            (Arc::clone(&self.session.backend), self.record.identity.name.clone());
        let identified = bounded("identifying a model", &self.session.context(limit), move |cx| {
            backend.identify(&name, cx)
        });
        if let Ok(identity) = identified {
            self.record.identity = identity;
        }
        let backend = Arc::clone(&self.session.backend);
        if let Ok(server) =
            bounded("probing the backend", &self.session.context(limit), move |cx| {
                backend.probe(cx)
            })
        {
            *self.session.process_id.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
                server.process_id;
        }
    }

    /// The first prompt of a case, for an answer of one token.
    fn first_request(&self, case: &Case) -> Result<Option<GenerateRequest>, Error> {
        let Step::Ask { requests, .. } = self.session.test.next(case, &History::default())? else {
            return Ok(None);
        };
        Ok(requests.into_iter().next())
    }

    fn short(&mut self, like: &GenerateRequest) -> Result<(), Error> {
        let text: String = like.messages.iter().map(|message| message.content.as_str()).collect();
        let nonce = uuid::Uuid::new_v4().simple();
        let text = format!("[{nonce}] {}", &text[..text.floor_char_boundary(SHORT_BYTES)]);
        let bytes = text.len() as f64;
        let answer = self.generate(GenerateRequest::conversation(vec![Message {
            role: Role::User,
            content: text,
        }]))?;
        self.uncached_tokens_per_sec = answer.prefill_tokens_per_sec();
        self.record.bytes_per_token =
            answer.prompt_tokens.filter(|tokens| *tokens > 0).map(|tokens| bytes / tokens as f64);
        Ok(())
    }

    fn generate(&self, mut request: GenerateRequest) -> Result<Generation, Error> {
        request.model = self.record.identity.name.clone();
        request.options = self.session.options.generate.clone();
        request.options.max_tokens = 1;
        let cx = self.session.context(self.session.options.load_timeout);
        let backend = Arc::clone(&self.session.backend);
        bounded("the backend", &cx, move |cx| backend.generate(&request, &Ignore, cx))
    }

    /// Passes on errors after which no attempt can succeed; others become warnings.
    fn survive(&mut self, error: Error) -> Result<(), Error> {
        use ErrorKind::{Cancelled, ModelNotFound, OutOfMemory, Panicked, Unsupported};
        if matches!(error.kind, Cancelled | ModelNotFound | OutOfMemory | Panicked | Unsupported) {
            return Err(error);
        }
        let message = format!("warming up `{}` failed: {error}", self.record.identity.name);
        self.session.tell(&RunEvent::Warning { message: &message });
        self.warnings.push(message);
        Ok(())
    }
}

/// What a new prompt cost, unless an earlier run left it in the server's cache.
fn cold_prompt(fixture: &str, answer: &Generation, uncached: Option<f64>) -> ColdPrompt {
    let speed = answer.prefill_tokens_per_sec();
    let cached = match (speed, uncached) {
        (Some(speed), Some(uncached)) => speed > CACHED_FACTOR * uncached,
        _ => false,
    };
    let reason = if cached {
        Some("an earlier request left the prompt in the server's cache".to_owned())
    } else {
        let absent = speed
            .is_none()
            .then(|| "the server does not report the time for the prompt".to_owned());
        absent.or_else(|| answer.ttft_sec().is_none().then(|| "the answer held no text".to_owned()))
    };
    ColdPrompt {
        fixture: fixture.to_owned(),
        prompt_tokens: answer.prompt_tokens,
        ttft_sec: answer.ttft_sec().filter(|_| !cached),
        prefill_tokens_per_sec: speed.filter(|_| !cached),
        reason,
    }
}

struct Ignore;

impl EventSink for Ignore {
    fn event(&self, _: Event<'_>) -> Flow {
        Flow::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(prefill_sec: f64) -> Generation {
        Generation {
            prompt_tokens: Some(1000),
            prefill_sec: Some(prefill_sec),
            sent_at_ns: 0,
            first_token_at_ns: Some((prefill_sec * 1e9) as u64),
            ..Generation::default()
        }
    }

    #[test]
    fn a_prompt_from_the_cache_is_no_measurement() {
        let cold = cold_prompt("f", &answer(2.0), Some(400.0));
        assert_eq!(
            (cold.ttft_sec, cold.prefill_tokens_per_sec, cold.reason),
            (Some(2.0), Some(500.0), None)
        );
        let cached = cold_prompt("f", &answer(0.01), Some(400.0));
        assert_eq!((cached.ttft_sec, cached.prefill_tokens_per_sec), (None, None));
        assert!(cached.reason.is_some());
    }
}
