//! A request and its answer, as the loop over the sockets sees them.

use llmbench_api::{BatchOutcome, Error, ErrorKind, EventSink, Generation, Result};

use crate::answer::Answer;
use crate::error::{self, About};
use crate::http::Head;
use crate::secret::Secrets;
use crate::sse::{LONGEST_LINE, Lines};

/// Most bytes of an answer that tells an error.
const LONGEST_ERROR: usize = 64 * 1024;

/// Noted with an answer that took two attempts.
const REPEATED: &str = "the server closed the connection as the request was sent, and it was sent \
                        again on a new one; times count from the first attempt";

/// One request and what comes back.
pub(crate) trait Exchange: Send {
    /// What is sent.
    fn request(&self) -> &[u8];
    /// The request is being handed to the network; a second time where the first found
    /// a connection that had just gone.
    fn sent(&mut self, at_ns: u64);
    /// The head of the answer.
    fn head(&mut self, head: &Head);
    /// Bytes of the answer's body, read at `at_ns`.
    fn body(&mut self, bytes: &[u8], at_ns: u64) -> Result<()>;
    /// True when all that matters has come, although the body may not have ended.
    fn is_complete(&self) -> bool;
    /// How far it is: `first_token` or `answer`.
    fn phase(&self) -> &'static str;
    /// Pieces of an answer so far, for messages.
    fn pieces(&self) -> u64;
    /// What it does, to begin messages with.
    fn what(&self) -> &str;
    /// Its end: the body ended properly, or why not.
    fn finish(self, ended: Result<(), Error>, at_ns: u64);
}

/// Takes the outcome of one request.
pub(crate) type Done<'a> = &'a (dyn Fn(usize, BatchOutcome) + Sync);

/// A chat request.
pub(crate) struct ChatExchange<'a> {
    pub(crate) index: usize,
    pub(crate) request: Vec<u8>,
    pub(crate) what: String,
    pub(crate) secrets: &'a Secrets,
    pub(crate) max_tokens: u32,
    /// Absent outside a batch.
    pub(crate) scheduled_at_ns: Option<u64>,
    pub(crate) sink: &'a dyn EventSink,
    pub(crate) done: Done<'a>,
    pub(crate) answer: Answer,
    pub(crate) lines: Lines,
    /// The first time.
    pub(crate) sent_at_ns: Option<u64>,
    pub(crate) was_repeated: bool,
    pub(crate) refusal: Option<(Head, Vec<u8>)>,
    pub(crate) compression: Option<String>,
}

impl Exchange for ChatExchange<'_> {
    fn request(&self) -> &[u8] {
        &self.request
    }

    fn sent(&mut self, at_ns: u64) {
        self.was_repeated = self.sent_at_ns.is_some();
        self.sent_at_ns.get_or_insert(at_ns);
    }

    fn head(&mut self, head: &Head) {
        self.compression = head.compression.clone();
        self.refusal = (head.status != 200).then(|| (head.clone(), Vec::new()));
    }

    fn body(&mut self, bytes: &[u8], at_ns: u64) -> Result<()> {
        if let Some((_, body)) = &mut self.refusal {
            let room = LONGEST_ERROR.saturating_sub(body.len());
            body.extend_from_slice(&bytes[..bytes.len().min(room)]);
            return Ok(());
        }
        if self.answer.is_done() {
            return Ok(());
        }
        let Self { answer, lines, what, secrets, .. } = self;
        let about = About { what, secrets };
        if let Some(form) = &self.compression {
            return Err(error::compressed(about, form));
        }
        match lines.feed(bytes, |line| answer.line(line, at_ns, about)) {
            Ok(fed) => fed?,
            Err(_) => return Err(error::too_long(what, answer.chunks(), LONGEST_LINE)),
        }
        answer.tell(self.sink, self.index as u32, at_ns)
    }

    fn is_complete(&self) -> bool {
        self.answer.is_done()
    }

    fn phase(&self) -> &'static str {
        if self.answer.has_begun() { "answer" } else { "first_token" }
    }

    fn pieces(&self) -> u64 {
        self.answer.chunks()
    }

    fn what(&self) -> &str {
        &self.what
    }

    fn finish(mut self, ended: Result<(), Error>, at_ns: u64) {
        let (done, index) = (self.done, self.index);
        let outcome = match ended.and_then(|()| self.generation(at_ns)) {
            Ok(generation) => BatchOutcome::Answered(generation),
            Err(error) => BatchOutcome::Failed(error),
        };
        done(index, outcome);
    }
}

impl ChatExchange<'_> {
    fn generation(&mut self, ended_at_ns: u64) -> Result<Generation> {
        let about = About { what: &self.what, secrets: self.secrets };
        if let Some((head, body)) = &self.refusal {
            return Err(error::from_status(head, body, about));
        }
        // The last line needs no line end, and the last event no empty line.
        if !self.answer.is_done() {
            if let Some(line) = crate::sse::classify(self.lines.rest()) {
                self.answer.line(line, ended_at_ns, about)?;
            }
            self.answer.end_event(about)?;
            self.answer.tell(self.sink, self.index as u32, ended_at_ns)?;
        }
        let answer = std::mem::take(&mut self.answer);
        let sent_at_ns = self.sent_at_ns.unwrap_or(ended_at_ns);
        let mut generation = answer.finish(sent_at_ns, ended_at_ns, self.max_tokens, about)?;
        if self.was_repeated {
            generation.warnings.push(REPEATED.to_owned());
        }
        Answer::tell_end(self.sink, self.index as u32, &generation)?;
        Ok(Generation { scheduled_at_ns: self.scheduled_at_ns, ..generation })
    }
}

/// The error for what was cancelled.
pub(crate) fn cancelled(what: &str, phase: &str) -> Error {
    Error::new(ErrorKind::Cancelled, format!("{what}: cancelled")).with_phase(phase)
}
