//! The backend itself: loading, and answering one request after the other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use llmbench_api::{
    Backend, CallContext, DoneReason, Error, ErrorKind, Event, EventKind, EventSink, Flow,
    GenerateOptions, GenerateRequest, Generation, Json, Measured, ModelIdentity, ModelSummary,
    Result, ServerInfo,
};

use crate::engine::{self, Engine};
use crate::identity;
use crate::sampling::Sampler;
use crate::settings::{EngineName, Settings};
use crate::source::{self, Digests, SAMPLE, Source};
use crate::text::TextStream;

/// Runs GGUF models in this process.
pub struct Embedded {
    settings: Settings,
    /// Size of the largest model that was asked for: models are identified before the first is loaded.
    largest_bytes: AtomicU64,
    loaded: Mutex<Option<Loaded>>,
    digests: Digests,
}

/// The one model in memory.
struct Loaded {
    name: String,
    engine: Box<dyn Engine>,
}

impl Embedded {
    /// A backend with these settings; nothing is loaded yet.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] for a wrong key or value.
    pub fn new(settings: Json) -> Result<Self> {
        let settings: Settings = llmbench_plugin::settings("embedded", settings)?;
        settings.check()?;
        if settings.threads.is_some() {
            settings.apply_threads(0)?;
        }
        let largest_bytes = AtomicU64::new(0);
        Ok(Self { settings, largest_bytes, loaded: Mutex::new(None), digests: Digests::default() })
    }

    /// The model called `name` in memory, ready for a prompt, and the seconds that this took.
    fn model(
        &self,
        name: &str,
        options: &GenerateOptions,
    ) -> Result<(MutexGuard<'_, Option<Loaded>>, f64)> {
        let mut loaded = self.lock();
        let start = Instant::now();
        if loaded.as_ref().is_none_or(|loaded| loaded.name != name) {
            *loaded = None; // two models at once may not fit
            let source = Source::open(name)?;
            let threads = self.settings.apply_threads(self.largest_with(&source))?;
            let engine = engine::load(&source, name, &what(name), &self.settings, threads)?;
            *loaded = Some(Loaded { name: name.to_owned(), engine });
        }
        if let Some(Loaded { engine, .. }) = loaded.as_mut() {
            engine.start(engine.longest_context().min(options.num_ctx as usize))?;
        }
        Ok((loaded, start.elapsed().as_secs_f64()))
    }

    /// Size of the largest model so far, this one included.
    fn largest_with(&self, source: &Source) -> u64 {
        let bytes = source.len() as u64;
        self.largest_bytes.fetch_max(bytes, Ordering::Relaxed).max(bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Loaded>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for Embedded {
    fn probe(&self, _: &CallContext) -> Result<ServerInfo> {
        Ok(ServerInfo {
            name: "embedded".into(),
            version: Measured::known(env!("CARGO_PKG_VERSION").to_owned()),
            location: "in this process".into(),
            process_id: Some(std::process::id()),
            caches_prompts: Some(false),
            context_is_fixed: false,
            notes: vec![format!("computes with {}", library(self.settings.engine))],
        })
    }

    fn models(&self, _: &CallContext) -> Result<Vec<ModelSummary>> {
        let summary = |(name, size): (String, u64)| {
            let digest = Measured::absent("a list is no reason to read whole files");
            let identity = Source::open(&name).and_then(|source| {
                identity::identity(&source, &name, &what(&name), &self.settings, digest, None)
            });
            let identity = identity.ok();
            ModelSummary {
                size_bytes: Some(size),
                quantization: identity.as_ref().and_then(|id| id.quantization.value.clone()),
                parameters: identity.as_ref().and_then(|id| id.parameters.value).map(in_words),
                digest: None,
                architecture: identity.as_ref().and_then(|id| id.architecture.value),
                active_parameters: identity.as_ref().and_then(|id| id.active_parameters.value),
                name,
            }
        };
        Ok(source::list().into_iter().map(summary).collect())
    }

    fn identify(&self, model: &str, cx: &CallContext) -> Result<ModelIdentity> {
        let source = Source::open(model)?;
        self.largest_with(&source);
        let digest = Measured::known(self.digests.of(model, &source, cx)?);
        let loaded = self.lock();
        let loaded = loaded.as_ref().filter(|loaded| loaded.name == model);
        let gpu_share = loaded.map(|loaded| loaded.engine.gpu_share());
        identity::identity(&source, model, &what(model), &self.settings, digest, gpu_share)
    }

    fn load(
        &self,
        model: &str,
        options: &GenerateOptions,
        _: &CallContext,
    ) -> Result<Measured<f64>> {
        let (_loaded, seconds) = self.model(model, options)?;
        let threads = self.settings.apply_threads(0)?;
        Ok(Measured::noted(seconds, format!("computes on {threads} CPU thread(s)")))
    }

    fn generate(
        &self,
        request: &GenerateRequest,
        sink: &dyn EventSink,
        cx: &CallContext,
    ) -> Result<Generation> {
        check(request)?;
        let clock = cx.clock();
        let (sent_at_ns, asked) = (clock.now_ns(), Instant::now());
        let (mut loaded, load_sec) = self.model(&request.model, &request.options)?;
        let queue_sec = (asked.elapsed().as_secs_f64() - load_sec).max(0.0);
        let Some(Loaded { engine, .. }) = loaded.as_mut() else {
            unreachable!("`Embedded::model` leaves a model behind")
        };
        let answer = Answer { request, sink, cx, what: what(&request.model) };
        let generation = answer.run(engine.as_mut())?;
        Ok(Generation {
            load_sec: Some(load_sec),
            queue_sec: Some(queue_sec),
            sent_at_ns,
            ..generation
        })
    }
}

/// One request under way.
struct Answer<'a> {
    request: &'a GenerateRequest,
    sink: &'a dyn EventSink,
    cx: &'a CallContext,
    what: String,
}

impl Answer<'_> {
    /// The answer, without the times before it.
    fn run(&self, model: &mut dyn Engine) -> Result<Generation> {
        let options = &self.request.options;
        let mut history = model.encode(&model.template().render(&self.request.messages)?);
        let prompt_tokens = history.len();
        let context = self.context(model, prompt_tokens)?;

        let start = Instant::now();
        let in_phase = |phase: &'static str| move |error: Error| error.with_phase(phase);
        let mut logits = model.prefill(&history, self.cx).map_err(in_phase("first_token"))?;
        let prefill_sec = start.elapsed().as_secs_f64();

        let clock = self.cx.clock();
        let start = Instant::now();
        let mut sampler = Sampler::new(options);
        let (mut text, mut stream) = (String::new(), TextStream::default());
        let mut first_token_at_ns = None;
        let done_reason = loop {
            let token = sampler.pick(logits, &history).ok_or_else(|| self.no_numbers())?;
            let at_ns = clock.now_ns();
            if model.is_end(token) {
                break DoneReason::Stop;
            }
            history.push(token);
            let piece = stream.push(&model.bytes(token));
            if !piece.is_empty() {
                first_token_at_ns.get_or_insert(at_ns);
                text.push_str(&piece);
                self.emit(EventKind::Text, at_ns, &piece)?;
            }
            if history.len() - prompt_tokens >= options.max_tokens as usize
                || history.len() >= context
            {
                break DoneReason::Length;
            }
            self.cx.check().map_err(in_phase("answer"))?;
            logits = model.forward(&[token], history.len() - 1)?;
        };
        let decode_sec = start.elapsed().as_secs_f64();
        let rest = stream.finish();
        let done_at_ns = clock.now_ns();
        if !rest.is_empty() {
            text.push_str(&rest);
            self.emit(EventKind::Text, done_at_ns, &rest)?;
        }
        let word = if done_reason == DoneReason::Stop { "stop" } else { "length" };
        self.emit(EventKind::Done, done_at_ns, word)?;
        Ok(Generation {
            text,
            done_reason,
            done_reason_raw: Some(word.to_owned()),
            prompt_tokens: Some(prompt_tokens as u64),
            completion_tokens: Some((history.len() - prompt_tokens) as u64),
            prefill_sec: Some(prefill_sec),
            decode_sec: Some(decode_sec),
            first_token_at_ns,
            done_at_ns,
            ..Generation::default()
        })
    }

    /// The context that this request may fill, unless its prompt alone fills it.
    fn context(&self, model: &dyn Engine, prompt_tokens: usize) -> Result<usize> {
        let (built_for, asked) = (model.longest_context(), self.request.options.num_ctx as usize);
        let context = built_for.min(asked);
        if prompt_tokens < context {
            return Ok(context);
        }
        let (limit, hint) = if asked < built_for {
            ("--num-ctx allows", "raise `--num-ctx`")
        } else {
            ("the model has", "take a model with a longer context, or shorten the prompt")
        };
        Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "ask {}: the prompt has {prompt_tokens} tokens, and {limit} a context of {context}",
                self.what
            ),
        )
        .with_hint(hint))
    }

    fn emit(&self, kind: EventKind, at_ns: u64, text: &str) -> Result<()> {
        match self.sink.event(Event { request_index: 0, kind, at_ns, text }) {
            Flow::Continue => Ok(()),
            Flow::Stop => Err(Error::new(ErrorKind::Cancelled, "the receiver wants no more")),
        }
    }

    fn no_numbers(&self) -> Error {
        Error::new(
            ErrorKind::InvalidInput,
            format!(
                "ask {}: the model computes no numbers (NaN); its weights are damaged",
                self.what
            ),
        )
    }
}

fn check(request: &GenerateRequest) -> Result<()> {
    let what = if request.messages.is_empty() {
        "a request without messages"
    } else if request.format.is_some() {
        "an answer that follows a schema"
    } else if request.options.max_tokens == 0 {
        "an answer of no tokens"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Unsupported, format!("the embedded engine cannot do {what}")))
}

fn library(engine: EngineName) -> &'static str {
    match engine {
        EngineName::Candle => "candle",
        EngineName::LlamaCpp => "llama.cpp",
    }
}

/// How errors call a model.
fn what(name: &str) -> String {
    if name == SAMPLE {
        "the sample model".to_owned()
    } else {
        format!("model `{}`", source::location(name).display())
    }
}

/// `1_490_112` → `1.5M`.
fn in_words(count: u64) -> String {
    match count as f64 {
        count if count >= 1e9 => format!("{:.1}B", count / 1e9),
        count => format!("{:.1}M", count / 1e6),
    }
}
