//! The engine of llama.cpp, in builds with the cargo feature `llama-cpp`.
//!
//! llama.cpp reads the file, splits text and computes; the chat template, the
//! sampling and the answer loop are the plugin's own, as with candle. What
//! llama.cpp logs goes to `tracing`, and its reasons into errors.

mod log;
mod session;

use std::io::Write as _;
use std::sync::{Arc, OnceLock};

use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use llmbench_api::{Error, ErrorKind, Result};

use crate::engine::Engine;
use crate::error::{broken, unsupported};
use crate::gguf::Gguf;
use crate::identity::Facts;
use crate::settings::Settings;
use crate::source::{self, Source};
use crate::template::Template;
use log::Log;
use session::Session;

/// Tokens that llama.cpp computes at once; its own default.
const CHUNK: usize = 512;
const TEMPLATE: &str = "tokenizer.chat_template";

/// A model that llama.cpp has loaded.
pub(crate) struct LlamaCpp {
    model: Arc<LlamaModel>,
    /// The memory of the conversation, once [`Engine::start`] has said how long it may be.
    session: Option<Session>,
    template: Template,
    what: String,
    threads: i32,
    on_gpu: bool,
    gpu_share: Option<f64>,
}

impl LlamaCpp {
    /// Loads the model called `name`.
    ///
    /// # Errors
    /// `InvalidInput` for a damaged file, `Unsupported` for what llama.cpp does not know,
    /// `OutOfMemory` when it says so, `Settings` for GPU layers without a GPU.
    pub(crate) fn load(
        source: &Source,
        name: &str,
        what: &str,
        settings: &Settings,
        threads: usize,
    ) -> Result<Self> {
        let layers = gpu_layers(settings)?;
        let params = LlamaModelParams::default().with_n_gpu_layers(layers);
        let (model, log) = open(source, name, what, params)?;
        if meta(&model, "tokenizer.ggml.model").is_none_or(|kind| kind == "no_vocab") {
            return Err(unsupported(what, "it has no vocabulary"));
        }
        let vocab = model.vocab();
        let (begin, end) = (text(&model, vocab.bos()), text(&model, vocab.eos()));
        let stored = meta(&model, TEMPLATE);
        let template =
            Template::read(stored.as_deref(), what, settings.chat_template.as_deref(), begin, end)?;
        Ok(Self {
            model: Arc::new(model),
            session: None,
            template,
            what: what.to_owned(),
            threads: i32::try_from(threads).unwrap_or(i32::MAX),
            on_gpu: layers > 0,
            gpu_share: if layers > 0 { log.gpu_share() } else { Some(0.0) },
        })
    }

    fn failed(&self, why: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::Internal, format!("compute {}: {why}", self.what))
    }
}

impl Engine for LlamaCpp {
    fn template(&self) -> &Template {
        &self.template
    }

    fn longest_context(&self) -> usize {
        self.model.n_ctx_train() as usize
    }

    fn encode(&self, text: &str) -> Vec<u32> {
        let vocab = self.model.vocab();
        let mut tokens = vocab.tokenize(text.as_bytes(), true, true);
        // Many templates write the beginning token themselves.
        if vocab.should_add_bos() && matches!(tokens[..], [a, b, ..] if a == b && a == vocab.bos())
        {
            tokens.remove(0);
        }
        // An answer follows, so the prompt does not end here.
        if vocab.should_add_eos() && tokens.last() == Some(&vocab.eos()) {
            tokens.pop();
        }
        tokens.into_iter().map(|token| token.0.cast_unsigned()).collect()
    }

    fn is_end(&self, token: u32) -> bool {
        self.model.vocab().is_eog(LlamaToken(token.cast_signed()))
    }

    fn bytes(&self, token: u32) -> Vec<u8> {
        self.model.vocab().token_to_piece(LlamaToken(token.cast_signed()), true, None)
    }

    fn start(&mut self, context: usize) -> Result<()> {
        if let Some(session) = self.session.as_mut().filter(|session| session.room() == context) {
            session.clear();
            return Ok(());
        }
        self.session = None; // two at once may not fit
        let room = u32::try_from(context).unwrap_or(u32::MAX).max(1);
        let chunk = CHUNK as u32;
        let params = LlamaContextParams::default()
            .with_n_ctx(std::num::NonZeroU32::new(room))
            .with_n_batch(chunk)
            .with_n_ubatch(chunk)
            .with_n_threads(self.threads)
            .with_n_threads_batch(self.threads)
            .with_offload_kqv(self.on_gpu)
            .with_op_offload(self.on_gpu);
        let (session, log) =
            log::collect(|| Session::open(Arc::clone(&self.model), backend(), params, context));
        self.session = Some(session.map_err(|error| {
            Error::new(
                ErrorKind::OutOfMemory,
                format!(
                    "load {}: llama.cpp makes no context of {context} tokens: {}",
                    self.what,
                    log.reason().unwrap_or_else(|| error.to_string())
                ),
            )
            .with_hint("ask for a shorter context: `--num-ctx`")
        })?);
        Ok(())
    }

    fn forward(&mut self, tokens: &[u32], position: usize) -> Result<Vec<f32>> {
        let mut batch = LlamaBatch::new(tokens.len().max(1), 1);
        for (index, token) in tokens.iter().enumerate() {
            let at = i32::try_from(position + index).map_err(|error| self.failed(error))?;
            let last = index + 1 == tokens.len();
            batch
                .add(LlamaToken(token.cast_signed()), at, &[0], last)
                .map_err(|error| self.failed(error))?;
        }
        let Some(session) = self.session.as_mut() else {
            return Err(self.failed("no prompt was begun"));
        };
        session.decode(&mut batch).map_err(|error| self.failed(error))
    }

    fn chunk(&self) -> usize {
        CHUNK
    }

    fn gpu_share(&self) -> Option<f64> {
        self.gpu_share
    }
}

/// What the file says about its model, also where only llama.cpp reads it.
///
/// # Errors
/// As [`LlamaCpp::load`].
pub(crate) fn facts(source: &Source, name: &str, what: &str) -> Result<Facts> {
    match Gguf::read(source, what) {
        Ok(gguf) => return Ok(Facts::read(&gguf)),
        Err(error) if error.kind != ErrorKind::Unsupported => return Err(error),
        Err(_) => {}
    }
    let (model, _) = open(source, name, what, LlamaModelParams::default().with_no_alloc(true))?;
    let family = meta(&model, "general.architecture");
    let number = |key: &str| meta(&model, key)?.parse::<u64>().ok();
    let own = |key: &str| number(&format!("{}.{key}", family.as_ref()?));
    let experts = own("expert_count").filter(|count| *count > 1);
    Ok(Facts {
        file_type: number("general.file_type"),
        parameters: model.n_params(),
        active_parameters: experts.is_none().then(|| model.n_params()),
        experts_used: own("expert_used_count").filter(|_| experts.is_some()),
        experts,
        context: own("context_length"),
        family,
    })
}

/// llama.cpp itself, ready; its log goes to `tracing` from here on.
fn backend() -> &'static LlamaBackend {
    static BACKEND: OnceLock<LlamaBackend> = OnceLock::new();
    BACKEND.get_or_init(|| {
        llama_cpp_2::send_logs_to_tracing(llama_cpp_2::LogOptions::default());
        LlamaBackend::init().expect("nothing else in this library starts llama.cpp")
    })
}

/// How many layers the settings want in GPU memory.
///
/// # Errors
/// [`ErrorKind::Settings`] when they want some and llama.cpp finds no GPU.
pub(crate) fn gpu_layers(settings: &Settings) -> Result<u32> {
    match (settings.gpu_layers, backend().supports_gpu_offload()) {
        (Some(layers), true) => Ok(layers),
        (None, true) => Ok(u32::MAX),
        (None | Some(0), false) => Ok(0),
        (Some(layers), false) => Err(Error::new(
            ErrorKind::Settings,
            format!("embedded.gpu_layers is {layers}, but llama.cpp finds no GPU that it can use"),
        )
        .with_hint("leave it out, or build for your GPU (docs/llama-cpp.md)")),
    }
}

fn open(
    source: &Source,
    name: &str,
    what: &str,
    params: LlamaModelParams,
) -> Result<(LlamaModel, Log)> {
    // Some damages would end the process inside llama.cpp.
    match Gguf::read(source, what) {
        Err(error) if error.kind != ErrorKind::Unsupported => return Err(error),
        _ => {}
    }
    // The default callback writes dots.
    let params = params.with_progress_callback(|_| true);
    let backend = backend();
    let (loaded, log) = match source {
        Source::File(_) => {
            let path = source::location(name);
            log::collect(|| LlamaModel::load_from_file(backend, path, &params))
        }
        Source::Sample => {
            let file = written(source).map_err(|error| {
                Error::new(ErrorKind::Unavailable, format!("load {what}: write it to a file"))
                    .with_cause(&error)
            })?;
            let params = params.with_use_mmap(false); // the file does not stay
            log::collect(|| LlamaModel::load_from_file(backend, file.path(), &params))
        }
    };
    let model = loaded.map_err(|error| refused(what, log.reason(), &error.to_string()))?;
    Ok((model, log))
}

/// The bytes in a file, for llama.cpp reads nothing else.
fn written(source: &Source) -> std::io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new().suffix(".gguf").tempfile()?;
    file.write_all(source)?;
    Ok(file)
}

fn refused(what: &str, reason: Option<String>, otherwise: &str) -> Error {
    let reason = reason.unwrap_or_else(|| otherwise.to_owned());
    if reason.contains("allocate") {
        Error::new(ErrorKind::OutOfMemory, format!("load {what}: {reason}"))
            .with_hint("take a smaller model, or fewer `embedded.gpu_layers`")
    } else if reason.contains("unknown ") {
        let error = Error::new(ErrorKind::Unsupported, format!("load {what}: {reason}"));
        error.with_hint("this llama.cpp does not know the model yet; a newer Ollama may")
    } else {
        broken(what, reason)
    }
}

fn meta(model: &LlamaModel, key: &str) -> Option<String> {
    model.meta_val_str(key).ok()
}

/// Text of a token, for chat templates; empty when there is no such token.
fn text(model: &LlamaModel, token: LlamaToken) -> String {
    let vocab = model.vocab();
    if !(0..vocab.n_tokens()).contains(&token.0) {
        return String::new();
    }
    vocab.text(token).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}
