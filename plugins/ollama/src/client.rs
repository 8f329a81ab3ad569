//! HTTP requests to one server.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use llmbench_api::{Clock, Error, ErrorKind, Json, Result};
use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;

use crate::error;
use crate::settings::Settings;
use crate::url::BaseUrl;
use crate::watch::Watch;
use crate::wire::{ModelEntry, Models};

/// Limit for questions about the server and its models, which it answers at once.
const QUESTION_LIMIT: Duration = Duration::from_secs(30);
/// Bytes of an error answer that are read.
const LONGEST_ERROR_BYTES: usize = 64 * 1024;

/// Speaks to one server; every request uses a connection of its own.
///
/// A connection that is kept may be closed by the server at the moment of the
/// next request; a new one costs less than a millisecond and does not count:
/// the time of a request begins when it is written.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: BaseUrl,
}

impl Client {
    pub(crate) fn new(base: BaseUrl, settings: &Settings) -> Result<Self> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(settings.connect_timeout())
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .pool_max_idle_per_host(0);
        if base.is_loopback {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| {
            Error::new(ErrorKind::Internal, "set up the HTTP client").with_cause(&error)
        })?;
        Ok(Self { http, base })
    }

    pub(crate) fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// The JSON answer to a GET request.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, what: &str) -> Result<T> {
        let request = self.http.get(self.address(path)).send();
        self.at_once(what, async { self.read(request.await, what).await }).await
    }

    /// The JSON answer to a question that the server answers at once.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Json,
        what: &str,
    ) -> Result<T> {
        let request = self.http.post(self.address(path)).json(body).send();
        self.at_once(what, async { self.read(request.await, what).await }).await
    }

    /// The JSON answer to a request that may take as long as the caller's deadline allows.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Json,
        what: &str,
        watch: &Arc<Watch>,
        clock: Clock,
    ) -> Result<T> {
        self.read(self.send_watched(path, body, watch, clock).await, what).await
    }

    /// The beginning of a streamed answer; its status is a success.
    pub(crate) async fn open(
        &self,
        path: &str,
        body: &Json,
        what: &str,
        watch: &Arc<Watch>,
        clock: Clock,
    ) -> Result<Response> {
        self.checked(self.send_watched(path, body, watch, clock).await, what).await
    }

    /// The next chunk of a streamed answer, `None` at its end.
    pub(crate) async fn chunk(&self, response: &mut Response, what: &str) -> Result<Option<Bytes>> {
        response.chunk().await.map_err(|e| error::from_transport(&e, what, &self.base.url))
    }

    /// The installed models, in the server's order.
    pub(crate) async fn installed(&self) -> Result<Vec<ModelEntry>> {
        let models: Models = self.get("/api/tags", "list the models").await?;
        models.models.ok_or_else(|| {
            error::not_ollama(&format!("list the models: {} sent no list", self.base.url), b"")
        })
    }

    /// `error`, and when the model is missing, which ones there are.
    pub(crate) async fn with_installed(&self, error: Error, model: &str) -> Error {
        if error.kind != ErrorKind::ModelNotFound || error.hint.is_some() {
            return error;
        }
        match self.installed().await {
            Ok(installed) => {
                let names: Vec<_> = installed.iter().map(|m| m.name().to_owned()).collect();
                error::with_installed(error, model, &names)
            }
            Err(_) => error.with_hint(format!("run `ollama pull {model}`")),
        }
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base.url)
    }

    async fn send_watched(
        &self,
        path: &str,
        body: &Json,
        watch: &Arc<Watch>,
        clock: Clock,
    ) -> reqwest::Result<Response> {
        let body = WatchedBody {
            bytes: Some(Bytes::from(body.to_string())),
            watch: Arc::clone(watch),
            clock,
        };
        self.http
            .post(self.address(path))
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(reqwest::Body::wrap(body))
            .send()
            .await
    }

    async fn at_once<T>(&self, what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::time::timeout(QUESTION_LIMIT, work).await.unwrap_or_else(|_| {
            let seconds = QUESTION_LIMIT.as_secs();
            Err(Error::new(
                ErrorKind::Timeout,
                format!("{what}: {} did not answer within {seconds} s", self.base.url),
            )
            .with_phase("answer")
            .with_hint("look whether the server hangs; restart it with `ollama serve`"))
        })
    }

    async fn checked(&self, sent: reqwest::Result<Response>, what: &str) -> Result<Response> {
        let mut response = sent.map_err(|e| error::from_transport(&e, what, &self.base.url))?;
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(response);
        }
        let mut body = Vec::new();
        // What was read until then is enough to tell the error.
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST_ERROR_BYTES {
                break;
            }
        }
        Err(error::from_status(status.as_u16(), &body, what, &self.base.url))
    }

    async fn read<T: DeserializeOwned>(
        &self,
        sent: reqwest::Result<Response>,
        what: &str,
    ) -> Result<T> {
        let response = self.checked(sent, what).await?;
        let body =
            response.bytes().await.map_err(|e| error::from_transport(&e, what, &self.base.url))?;
        serde_json::from_slice(&body).map_err(|error| {
            error::not_ollama(&format!("{what}: cannot read what {} sent", self.base.url), &body)
                .with_cause(&error)
        })
    }
}

/// A request body that notes when it is taken: then the connection stands.
struct WatchedBody {
    bytes: Option<Bytes>,
    watch: Arc<Watch>,
    clock: Clock,
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.watch.sent(self.clock);
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, Bytes::len) as u64)
    }
}
