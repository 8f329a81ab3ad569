//! One request to `/api/chat`, from sending it to its end mark.

use std::sync::Arc;
use std::time::Duration;

use llmbench_api::{Clock, Error, ErrorKind, EventSink, GenerateRequest, Generation, Json, Result};
use tokio::time::Instant;

use crate::answer::{Answer, Progress};
use crate::client::Client;
use crate::lines::Lines;
use crate::watch::Watch;
use crate::wire;

/// Limits and settings of one request.
pub(crate) struct Chat<'a> {
    pub(crate) client: &'a Client,
    pub(crate) what: &'a str,
    pub(crate) keep_alive: &'a Json,
    pub(crate) first_token_timeout: Option<Duration>,
    pub(crate) clock: Clock,
    pub(crate) watch: Arc<Watch>,
}

impl Chat<'_> {
    /// The complete answer. Dropping the future closes the connection, and the
    /// server then stops computing.
    pub(crate) async fn run(
        &self,
        request: &GenerateRequest,
        sink: &dyn EventSink,
    ) -> Result<Generation> {
        check(request)?;
        let body = wire::chat_body(request, self.keep_alive);
        let first_token_deadline = self.first_token_timeout.map(|limit| Instant::now() + limit);
        let started_at_ns = self.clock.now_ns();
        let opened = self.client.open("/api/chat", &body, self.what, &self.watch, self.clock);
        let mut response = self.until(first_token_deadline, opened).await?;

        let mut answer = Answer::new(self.what, sink);
        let mut lines = Lines::default();
        loop {
            let deadline = first_token_deadline.filter(|_| !self.watch.has_first_token());
            let chunk = self.client.chunk(&mut response, self.what);
            let Some(chunk) = self.until(deadline, chunk).await.map_err(|e| lost(e, &answer))?
            else {
                // The last line needs no line end.
                let rest = lines.rest();
                if serde_json::from_slice::<Json>(rest).is_ok()
                    && answer.line(rest, self.clock.now_ns())? == Progress::Done
                {
                    break;
                }
                let sent_at_ns = self.watch.sent_at_ns().unwrap_or(started_at_ns);
                let given_up = answer.given_up(rest, sent_at_ns, self.clock.now_ns());
                return given_up.ok_or_else(|| answer.ended_early(rest));
            };
            let at_ns = self.clock.now_ns();
            lines.push(&chunk);
            let mut progress = Progress::More;
            while progress == Progress::More
                && let Some(line) = lines.next()
            {
                progress = answer.line(line, at_ns)?;
            }
            self.watch.arrived(answer.pieces());
            if progress == Progress::Done {
                break;
            }
            if lines.is_too_long() {
                return Err(answer.ended_early(lines.rest()));
            }
        }
        let mut generation = answer.finish(self.watch.sent_at_ns().unwrap_or(started_at_ns))?;
        let (given, sent) = (request.options.seed, wire::seed(request.options.seed));
        if given != sent {
            generation.warnings.push(format!(
                "seed {given} was sent as {sent}, because the server keeps only 31 bits"
            ));
        }
        Ok(generation)
    }

    async fn until<T>(
        &self,
        deadline: Option<Instant>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some(deadline) = deadline else { return work.await };
        tokio::time::timeout_at(deadline, work).await.unwrap_or_else(|_| {
            let seconds = self.first_token_timeout.unwrap_or_default().as_secs_f64();
            Err(Error::new(
                ErrorKind::Timeout,
                format!("{}: no token within {seconds:.1} s", self.what),
            )
            .with_phase("first_token")
            .with_hint(
                "raise the setting `first_token_timeout_ms`, or leave it out so that only \
                 `--timeout` counts",
            ))
        })
    }
}

/// Refuses what the server would take and misunderstand.
fn check(request: &GenerateRequest) -> Result<()> {
    let refuse =
        |reason: &str, hint: &str| Err(Error::new(ErrorKind::Settings, reason).with_hint(hint));
    let options = &request.options;
    if request.messages.is_empty() {
        return refuse(
            "ask a model without any message: Ollama would only load it",
            "give the request at least one message",
        );
    }
    if options.max_tokens == 0 {
        return refuse(
            "ask for at most 0 tokens: Ollama would read that as no limit",
            "set `--max-tokens` to 1 or more",
        );
    }
    if options.num_ctx == 0 {
        return refuse(
            "ask for a context of 0 tokens: Ollama would choose one itself",
            "set `--num-ctx` to 1 or more",
        );
    }
    let numbers = [options.temperature, options.top_p, options.repeat_penalty];
    if numbers.iter().any(|number| !number.is_finite()) {
        return refuse("use an option that is not a finite number", "correct the sampling options");
    }
    Ok(())
}

/// A connection that broke in the middle of an answer, with what had arrived.
fn lost(error: Error, answer: &Answer<'_>) -> Error {
    if error.kind != ErrorKind::Protocol {
        return error;
    }
    let early = answer.ended_early(b"");
    Error { message: format!("{} ({})", early.message, error), hint: early.hint, ..error }
}
