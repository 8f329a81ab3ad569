//! The backend itself: what each call of the host asks the server.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use llmbench_api::{
    Arrival, Backend, BatchOutcome, CallContext, Error, ErrorKind, EventSink, GenerateRequest,
    Generation, Json, ModelIdentity, ModelSummary, Result, ServerInfo,
};

use crate::batch::Load;
use crate::error::About;
use crate::exchange::Exchange;
use crate::http::Head;
use crate::identity;
use crate::load::{Control, Job, Limits, Single, Worker};
use crate::net::{Pool, Target};
use crate::question::{Question, Reply};
use crate::secret::ApiKey;
use crate::settings::Settings;
use crate::url::BaseUrl;

/// Limit for questions about the server and its models, which it answers at once.
const QUESTION_LIMIT: Duration = Duration::from_secs(30);
/// Models that a hint names.
const LONGEST_LIST: usize = 10;

/// Runs models on one server with OpenAI's chat API.
#[derive(Debug)]
pub struct OpenAi {
    target: Target,
    settings: Settings,
    pool: Pool,
}

impl OpenAi {
    /// A backend with these settings; nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] for a wrong key, value, URL or file.
    pub fn new(settings: Json) -> Result<Self> {
        let settings = Settings::read(settings)?;
        let env = |name: &str| std::env::var(name).ok();
        let base = BaseUrl::resolve(settings.url.as_deref(), env)?;
        let key = ApiKey::find(settings.api_key_file.as_deref(), env)?;
        let target = Target::new(base, &settings, key)?;
        Ok(Self { target, settings, pool: Pool::default() })
    }

    /// Drives a load without keeping its outcomes: `request` makes each request by its
    /// index, `done` takes each outcome exactly once, from any thread, in any order.
    ///
    /// Memory grows with the requests under way, not with `count`.
    ///
    /// # Errors
    /// As [`Backend::generate_batch`].
    pub fn drive(
        &self,
        count: usize,
        arrival: &Arrival,
        request: &(dyn Fn(usize) -> GenerateRequest + Sync),
        done: &(dyn Fn(usize, BatchOutcome) + Sync),
        cx: &CallContext,
    ) -> Result<()> {
        let seed = if count > 0 { request(0).options.seed } else { 0 };
        let redacted = |index, outcome| done(index, self.redact_outcome(outcome));
        self.load(&(), cx).drive(count, arrival, seed, request, &redacted)
    }

    pub(crate) fn base(&self) -> &BaseUrl {
        &self.target.base
    }

    pub(crate) fn has_key(&self) -> bool {
        self.target.has_key
    }

    /// The JSON that answers a question.
    ///
    /// # Errors
    /// Of the connection, of the status, or [`ErrorKind::Protocol`] for what is no JSON.
    pub(crate) fn question(
        &self,
        path: &str,
        body: Option<&Json>,
        what: &str,
        limit: Option<Duration>,
        cx: &CallContext,
    ) -> Result<Json> {
        let body = body.map(|body| body.to_string().into_bytes());
        let method = if body.is_some() { "POST" } else { "GET" };
        let reply: Mutex<Option<Result<Reply>>> = Mutex::new(None);
        let question = Question {
            request: self.target.request(method, path, body.as_deref()),
            what,
            head: Head::default(),
            body: Vec::new(),
            reply: &reply,
        };
        self.one(question, Some(limit.unwrap_or(QUESTION_LIMIT)), cx)?;
        reply
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .unwrap_or_else(|| Err(Error::new(ErrorKind::Internal, "a question was lost")))
            .and_then(|reply| reply.json(About { what, secrets: &self.target.secrets }))
            .map_err(|error| self.redact(error))
    }

    fn load<'a>(&'a self, sink: &'a dyn EventSink, cx: &'a CallContext) -> Load<'a> {
        let (target, settings, pool) = (&self.target, &self.settings, &self.pool);
        Load { target, settings, pool, sink, cx }
    }

    /// Runs one exchange on this thread.
    fn one<E: Exchange>(
        &self,
        exchange: E,
        limit: Option<Duration>,
        cx: &CallContext,
    ) -> Result<()> {
        let route = self.target.route()?;
        let due = Instant::now();
        let limit = limit.map(|limit| due + limit);
        let expires_at = [limit, cx.deadline()].into_iter().flatten().min();
        let source = Single(Mutex::new(Some(Job { exchange, due, expires_at })));
        let control = Arc::new(Control::default());
        let limits = Limits { requests: 1, connect: self.settings.connect_timeout() };
        let url = &self.target.base.url;
        let worker = Worker::new(&source, &route, url, &self.pool, &control, cx.clock(), limits)?;
        let halt = Arc::clone(&control);
        let _registered = cx.on_cancel(move || halt.halt());
        worker.run();
        Ok(())
    }

    fn redact(&self, error: Error) -> Error {
        let redact = |text: &String| self.target.secrets.redact_again(text);
        Error {
            message: redact(&error.message),
            hint: error.hint.as_ref().map(redact),
            causes: error.causes.iter().map(redact).collect(),
            ..error
        }
    }

    fn redact_outcome(&self, outcome: BatchOutcome) -> BatchOutcome {
        match outcome {
            BatchOutcome::Failed(error) => BatchOutcome::Failed(self.redact(error)),
            answered => answered,
        }
    }

    /// `error`, and when the model is missing, which ones there are.
    fn with_models(&self, error: Error, cx: &CallContext) -> Error {
        if error.kind != ErrorKind::ModelNotFound {
            return error;
        }
        let Ok(names) = identity::names(self, cx) else { return error };
        let names: Vec<_> = names.iter().map(|name| self.target.secrets.redact(name)).collect();
        let list = match names.as_slice() {
            [] => return error.with_hint("the server lists no model"),
            names if names.len() > LONGEST_LIST => format!(
                "{} and {} more",
                names[..LONGEST_LIST].join(", "),
                names.len() - LONGEST_LIST
            ),
            names => names.join(", "),
        };
        error.with_hint(format!("the server has: {list}"))
    }
}

impl Backend for OpenAi {
    fn probe(&self, cx: &CallContext) -> Result<ServerInfo> {
        identity::probe(self, cx)
    }

    fn models(&self, cx: &CallContext) -> Result<Vec<ModelSummary>> {
        identity::models(self, cx)
    }

    fn identify(&self, model: &str, cx: &CallContext) -> Result<ModelIdentity> {
        identity::identify(self, model, cx).map_err(|error| self.with_models(error, cx))
    }

    fn generate(
        &self,
        request: &GenerateRequest,
        sink: &dyn EventSink,
        cx: &CallContext,
    ) -> Result<Generation> {
        check(request)?;
        let outcome = Mutex::new(None);
        let done = |_: usize, ended: BatchOutcome| {
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
        };
        self.one(self.load(sink, cx).exchange(0, request, None, &done), None, cx)?;
        match outcome.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(BatchOutcome::Answered(generation)) => Ok(generation),
            Some(BatchOutcome::Failed(error)) => Err(self.with_models(self.redact(error), cx)),
            None => Err(Error::new(ErrorKind::Internal, "a request was lost")),
        }
    }

    fn generate_batch(
        &self,
        requests: &[GenerateRequest],
        arrival: &Arrival,
        sink: &dyn EventSink,
        cx: &CallContext,
    ) -> Result<Vec<BatchOutcome>> {
        requests.iter().try_for_each(check)?;
        let outcomes = Mutex::new(vec![None; requests.len()]);
        let done = |index: usize, ended: BatchOutcome| {
            let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            outcomes[index] = Some(self.redact_outcome(ended));
        };
        let seed = requests.first().map_or(0, |request| request.options.seed);
        let request = |index: usize| requests[index].clone();
        self.load(sink, cx).drive(requests.len(), arrival, seed, &request, &done)?;
        let lost = || BatchOutcome::Failed(Error::new(ErrorKind::Internal, "a request was lost"));
        let outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(lost)).collect())
    }
}

/// Refuses what servers would take and misunderstand.
fn check(request: &GenerateRequest) -> Result<()> {
    let refuse =
        |reason: &str, hint: &str| Err(Error::new(ErrorKind::Settings, reason).with_hint(hint));
    let options = &request.options;
    if request.messages.is_empty() {
        return refuse("ask a model without any message", "give the request at least one message");
    }
    if options.max_tokens == 0 {
        return refuse(
            "ask for at most 0 tokens: some servers read that as no limit",
            "set `--max-tokens` to 1 or more",
        );
    }
    let numbers = [options.temperature, options.top_p, options.repeat_penalty];
    if numbers.iter().any(|number| !number.is_finite()) {
        return refuse("use an option that is not a finite number", "correct the sampling options");
    }
    Ok(())
}
