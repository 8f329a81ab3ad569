//! The backend itself: what each call of the host asks the server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use llmbench_api::{
    Backend, CallContext, Error, ErrorKind, EventSink, GenerateOptions, GenerateRequest,
    Generation, Json, Measured, ModelIdentity, ModelSummary, Result, ServerInfo,
};
use llmbench_plugin::runtime::block_on;
use serde_json::json;

use crate::chat::Chat;
use crate::client::Client;
use crate::identity::{self, Facts};
use crate::settings::Settings;
use crate::url::BaseUrl;
use crate::watch::{Watch, Work};
use crate::wire::{self, ChatLine, Models, Show, Version};
use crate::{error, names, process};

/// How long a list may take to tell which models are mixtures.
const DETAILS_LIMIT: Duration = Duration::from_secs(3);
/// Version that a server reports when it was built without one, as `go install` does.
const NO_VERSION: &str = "0.0.0";

/// Runs models on one Ollama server.
#[derive(Debug)]
pub struct Ollama {
    client: Client,
    settings: Settings,
}

impl Ollama {
    /// A backend with these settings; nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorKind::Settings`] for a wrong key, value or URL.
    pub fn new(settings: Json) -> Result<Self> {
        let settings: Settings = llmbench_plugin::settings("ollama", settings)?;
        let base = BaseUrl::resolve(settings.url.as_deref(), |name| std::env::var(name).ok())?;
        let client = Client::new(base, &settings)?;
        Ok(Self { client, settings })
    }

    /// Runs `work`, adding to a limit that passes how long was waited and for what.
    fn run<T>(
        &self,
        cx: &CallContext,
        watch: &Watch,
        what: &str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let start = Instant::now();
        block_on(cx, work).map_err(|error| watch.explain(error, what, start.elapsed()))
    }

    /// Runs questions that the server answers at once.
    fn question<T>(
        &self,
        cx: &CallContext,
        what: &str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.run(cx, &Watch::new(Work::Question), what, work)
    }

    async fn version(&self) -> Result<String> {
        let answer: Version = self.client.get("/api/version", "ask the server's version").await?;
        answer.version.ok_or_else(|| {
            Error::new(
                ErrorKind::Protocol,
                format!("ask the server's version: {} does not tell it", self.client.base().url),
            )
            .with_hint("is this an Ollama server? check `--url`")
        })
    }

    async fn show(&self, model: &str) -> Result<Show> {
        let what = format!("identify model `{model}`");
        let plain: Show = self.client.ask("/api/show", &json!({ "model": model }), &what).await?;
        if plain.tensors.as_ref().is_some_and(|tensors| !tensors.is_empty()) {
            return Ok(plain);
        }
        // Some versions list the tensors only in the long answer; without one the short is enough.
        let body = json!({ "model": model, "verbose": true });
        Ok(self.client.ask("/api/show", &body, &what).await.unwrap_or(plain))
    }

    /// What the server tells of a model's weights; nothing when it does not.
    fn weights(&self, entry: &wire::ModelEntry, cx: &CallContext) -> Option<ModelIdentity> {
        let name = entry.name();
        let show = self.question(cx, &format!("identify model `{name}`"), self.show(name)).ok()?;
        Some(identity::identity(Facts {
            name,
            installed: Some(entry),
            show: &show,
            loaded: Err("not asked".into()),
            server_version: Measured::absent("not asked"),
        }))
    }

    async fn identity(&self, model: &str) -> Result<ModelIdentity> {
        let show = match self.show(model).await {
            Ok(show) => show,
            Err(error) => return Err(self.client.with_installed(error, model).await),
        };
        let installed = self.client.installed().await?;
        let loaded: Result<Models> = self.client.get("/api/ps", "list the loaded models").await;
        let loaded = loaded.map(|models| models.models.unwrap_or_default());
        Ok(identity::identity(Facts {
            name: model,
            installed: installed.iter().find(|entry| names::is_same(entry.name(), model)),
            show: &show,
            loaded: match &loaded {
                Ok(models) => Ok(models.iter().find(|entry| names::is_same(entry.name(), model))),
                Err(error) => Err(error.to_string()),
            },
            server_version: match self.version().await {
                Ok(version) => measured_version(version),
                Err(error) => Measured::absent(error.to_string()),
            },
        }))
    }
}

impl Backend for Ollama {
    fn probe(&self, cx: &CallContext) -> Result<ServerInfo> {
        let base = self.client.base();
        let what = format!("reach Ollama at {}", base.url);
        let version = self.question(cx, &what, self.version())?;
        let mut notes = Vec::new();
        if version == NO_VERSION {
            notes.push(format!(
                "the server reports version {NO_VERSION}: it was built from source without one"
            ));
        }
        let process_id = match base.is_loopback.then(process::runner_id) {
            None => None,
            Some(Ok(id)) => Some(id),
            Some(Err(reason)) => {
                tracing::debug!(reason, "the computing process is not known");
                None
            }
        };
        Ok(ServerInfo {
            name: "ollama".into(),
            version: measured_version(version),
            location: base.url.clone(),
            process_id,
            caches_prompts: Some(true),
            context_is_fixed: false,
            notes,
        })
    }

    fn models(&self, cx: &CallContext) -> Result<Vec<ModelSummary>> {
        let installed = self.question(cx, "list the models", self.client.installed())?;
        let start = Instant::now();
        let summary = |entry: wire::ModelEntry| {
            // A long list, or a slow server, is no reason to wait: the rest is then left out.
            let is_time = start.elapsed() < DETAILS_LIMIT;
            let weights = if is_time { self.weights(&entry, cx) } else { None };
            ModelSummary {
                name: entry.name().to_owned(),
                size_bytes: entry.size,
                quantization: identity::known_quantization(&entry.details),
                parameters: entry.details.parameter_size.filter(|size| !size.is_empty()),
                digest: entry.digest,
                architecture: weights.as_ref().and_then(|weights| weights.architecture.value),
                active_parameters: weights.and_then(|weights| weights.active_parameters.value),
            }
        };
        Ok(installed.into_iter().map(summary).collect())
    }

    fn identify(&self, model: &str, cx: &CallContext) -> Result<ModelIdentity> {
        self.question(cx, &format!("identify model `{model}`"), self.identity(model))
    }

    fn load(
        &self,
        model: &str,
        options: &GenerateOptions,
        cx: &CallContext,
    ) -> Result<Measured<f64>> {
        let what = format!("load model `{model}`");
        let (watch, clock) = (Arc::new(Watch::new(Work::Load)), cx.clock());
        let started_at_ns = clock.now_ns();
        let body = wire::load_body(model, options, &self.settings.keep_alive);
        let answer: ChatLine = self.run(cx, &watch, &what, async {
            match self.client.post("/api/chat", &body, &what, &watch, clock).await {
                Ok(answer) => Ok(answer),
                Err(error) => Err(self.client.with_installed(error, model).await),
            }
        })?;
        if answer.done != Some(true) {
            let sent = format!("{what}: {} does not say that it is done", self.client.base().url);
            return Err(error::not_ollama(&sent, b""));
        }
        if let Some(nanoseconds) = answer.load_duration.filter(|ns| *ns > 0) {
            return Ok(Measured::known(nanoseconds as f64 / 1e9));
        }
        let sent_at_ns = watch.sent_at_ns().unwrap_or(started_at_ns);
        let seconds = clock.now_ns().saturating_sub(sent_at_ns) as f64 / 1e9;
        Ok(Measured::noted(
            seconds,
            "wall time until the server said that the model is loaded; short when it already was",
        ))
    }

    fn generate(
        &self,
        request: &GenerateRequest,
        sink: &dyn EventSink,
        cx: &CallContext,
    ) -> Result<Generation> {
        let model = &request.model;
        let what = format!("ask model `{model}`");
        let watch = Arc::new(Watch::new(Work::Answer));
        let chat = Chat {
            client: &self.client,
            what: &what,
            keep_alive: &self.settings.keep_alive,
            first_token_timeout: self.settings.first_token_timeout(),
            clock: cx.clock(),
            watch: Arc::clone(&watch),
        };
        let generation = self.run(cx, &watch, &what, async {
            match chat.run(request, sink).await {
                Ok(generation) => Ok(generation),
                Err(error) => Err(self.client.with_installed(error, model).await),
            }
        })?;
        tracing::debug!(
            model = model.as_str(),
            seconds = generation.duration_sec(),
            tokens = generation.completion_tokens,
            "answered"
        );
        Ok(generation)
    }
}

fn measured_version(version: String) -> Measured<String> {
    if version == NO_VERSION {
        Measured::noted(version, "the server was built from source without a version")
    } else {
        Measured::known(version)
    }
}
