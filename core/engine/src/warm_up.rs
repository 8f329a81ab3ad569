//! Loads a model and sends it warm-up requests, measured apart from the attempts.
//!
//! Two short requests tell how this model counts: tokens that the server adds to
//! every prompt, and bytes for one more token. Then each fixture's prompt is sent
//! twice for one token: first behind a nonce, so that nothing of it can be in the
//! server's cache, which is what a new prompt costs; then as it is, so that the
//! attempts that follow all find it in the cache. A backend that says that it
//! caches nothing is spared both: each of its attempts tells what a prompt costs. So
//! it is in a test whose attempts do not repeat their prompts.

use std::sync::Arc;

use llmbench_api::record::{ColdPrompt, ModelRecord};
use llmbench_api::{Case, Error, ErrorKind, GenerateRequest, Generation, History, Purpose, Step};

use crate::call::bounded;
use crate::counting::{Count, behind_nonce, one_token};
use crate::events::RunEvent;
use crate::session::Session;

/// The warm-up of one model.
pub(crate) struct WarmUp<'a> {
    session: &'a Session,
    record: &'a mut ModelRecord,
    caches_prompts: bool,
    /// Cases whose prompt the model has seen.
    pub(crate) prompts_sent: Vec<usize>,
    /// What went wrong without being final.
    pub(crate) warnings: Vec<String>,
}

impl<'a> WarmUp<'a> {
    pub(crate) fn new(
        session: &'a Session,
        record: &'a mut ModelRecord,
        caches_prompts: bool,
    ) -> Self {
        Self { session, record, caches_prompts, prompts_sent: Vec::new(), warnings: Vec::new() }
    }

    /// Loads the model; false when the server did not answer, so that asking it more is in vain.
    pub(crate) fn load(&mut self) -> Result<bool, Error> {
        let (backend, name) =
            (Arc::clone(&self.session.backend), self.record.identity.name.clone());
        let options = self.session.options.generate.clone();
        let cx = self.session.context(self.session.options.load_timeout);
        match bounded("loading a model", &cx, move |cx| backend.load(&name, &options, cx)) {
            Ok(loaded) => {
                // A run that goes on keeps what was measured first: now the model may be loaded already.
                if self.record.load_sec.is_none() {
                    self.record.load_sec = loaded.value;
                    self.record.load_remark = loaded.reason;
                }
                Ok(true)
            }
            Err(error) => {
                self.record.load_remark = Some(error.to_string());
                let answered = !matches!(error.kind, ErrorKind::Timeout | ErrorKind::Unavailable);
                self.survive(error).map(|()| answered)
            }
        }
    }

    /// Sends the case's first prompt; before the very first one the short requests.
    pub(crate) fn request(&mut self, index: usize, case: &Case, round: u32) -> Result<(), Error> {
        let Some(request) = self.first_request(case)? else { return Ok(()) };
        if round == 0
            && self.record.bytes_per_token.is_none()
            && let Err(error) = self.count_tokens(&request)
        {
            self.survive(error)?;
        }
        if !self.caches_prompts || !self.session.description.repeats_prompt {
            return Ok(());
        }
        let is_measured = self.record.cold_prompts.iter().any(|cold| cold.fixture == case.name);
        if round == 0 && !is_measured {
            match self.generate(behind_nonce(&request)) {
                Ok(answer) => self.record.cold_prompts.push(cold_prompt(&case.name, &answer)),
                Err(error) => self.survive(error)?,
            }
        }
        match self.generate(request) {
            Ok(_) => {
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

    /// The first prompt of a case, for an answer of one token: the first that is measured.
    fn first_request(&self, case: &Case) -> Result<Option<GenerateRequest>, Error> {
        let Step::Ask { requests, .. } = self.session.next_step(case, &History::default())? else {
            return Ok(None);
        };
        let measured =
            requests.iter().position(|request| request.purpose == Purpose::Measured).unwrap_or(0);
        Ok(requests.into_iter().nth(measured))
    }

    /// Learns how the model counts text like that of `like`.
    fn count_tokens(&mut self, like: &GenerateRequest) -> Result<(), Error> {
        if let Some(count) = Count::learn(self.session, &self.record.identity.name, like)? {
            self.record.bytes_per_token = Some(count.bytes_per_token);
            self.record.prompt_overhead_tokens = Some(count.overhead_tokens);
        }
        Ok(())
    }

    fn generate(&self, request: GenerateRequest) -> Result<Generation, Error> {
        one_token(self.session, &self.record.identity.name, request)
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

/// What a new prompt cost.
fn cold_prompt(fixture: &str, answer: &Generation) -> ColdPrompt {
    let (ttft_sec, speed) = (answer.ttft_sec(), answer.prefill_tokens_per_sec());
    let reason = match (ttft_sec, speed) {
        (None, _) => Some("the answer held no text"),
        (_, None) => Some("the server does not report the time for the prompt"),
        _ => None,
    };
    ColdPrompt {
        fixture: fixture.to_owned(),
        prompt_tokens: answer.prompt_tokens,
        ttft_sec,
        prefill_tokens_per_sec: speed,
        reason: reason.map(str::to_owned),
    }
}
