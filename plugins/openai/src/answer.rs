//! One answer: lines of a stream in, events and the finished [`Generation`] out.
//!
//! Knows nothing of the network, so that recorded lines test it.

use llmbench_api::{
    DoneReason, Error, ErrorKind, Event, EventKind, EventSink, Flow, Generation, Json, Result,
};
use serde_json::json;

use crate::error::{self, About};
use crate::figures::Figures;
use crate::sse::{LONGEST_LINE, Line};
use crate::surrogates;
use crate::template::Template;
use crate::wire::{Chunk, Piece, Timings, Usage, error_text};

/// Bytes that are kept of a line that only an error would show.
const LONGEST_KEPT: usize = 1024;

/// Ollama ends a stream in good order but without an end mark once a model gave one piece more
/// often than this in a row.
const REPEAT_LIMIT: usize = 30;

/// Gathers an answer while it arrives.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    text: String,
    thinking: String,
    /// Bytes of both that the sink has seen.
    told: (usize, usize),
    tool_calls: Vec<String>,
    template: Template,
    /// Length of the last piece, and whether it was thinking.
    last_piece: (usize, bool),
    gaps_ns: Vec<u64>,
    longest_gap_ns: Option<u64>,
    chunks: u64,
    first_at_ns: Option<u64>,
    last_at_ns: u64,
    finish_reason: Option<String>,
    usage: Option<Usage>,
    timings: Option<Timings>,
    done_at_ns: Option<u64>,
    /// Whether the event under way is called `error`.
    is_named_error: bool,
    /// Lines of an event whose JSON is not whole yet.
    begun: Vec<u8>,
    /// The first line that only looks like part of a stream, before any event.
    first_other: Option<Vec<u8>>,
    /// The last message with figures, where it is wanted.
    raw: Json,
    keeps_raw: bool,
}

impl Answer {
    /// An answer of which nothing has arrived.
    pub(crate) fn new(keeps_raw: bool) -> Self {
        Self { keeps_raw, ..Self::default() }
    }

    /// Pieces of content so far.
    pub(crate) fn chunks(&self) -> u64 {
        self.chunks
    }

    /// True once text or thinking has arrived.
    pub(crate) fn has_begun(&self) -> bool {
        self.first_at_ns.is_some()
    }

    /// True once the server's own end mark has arrived.
    pub(crate) fn is_done(&self) -> bool {
        self.done_at_ns.is_some()
    }

    /// Takes one line, whose last byte arrived at `at_ns`; ignores those behind the end mark.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] for a line that is no JSON, and whatever an error of
    /// the server tells.
    pub(crate) fn line(&mut self, line: Line<'_>, at_ns: u64, about: About<'_>) -> Result<()> {
        let is_plain = self.begun.is_empty() && !self.is_named_error && !self.is_done();
        match line {
            Line::Data(data) if is_plain => {
                if let Some((piece, text)) = self.template.read(data) {
                    // Borrowed from `data`, not from the template.
                    self.last_piece = (text.len(), matches!(piece, Piece::Thinking));
                    push(&mut self.text, &mut self.thinking, piece, text);
                    self.note(at_ns);
                    return Ok(());
                }
                self.data(data, at_ns, about)
            }
            Line::End if is_plain => Ok(()),
            other => self.rare_line(other, at_ns, about),
        }
    }

    fn rare_line(&mut self, line: Line<'_>, at_ns: u64, about: About<'_>) -> Result<()> {
        match line {
            _ if self.is_done() => Ok(()),
            Line::Data(data) => self.further_data(data, at_ns, about),
            Line::End => {
                self.end_event(about)?;
                self.is_named_error = false;
                Ok(())
            }
            Line::Name(name) => {
                self.is_named_error = name == b"error";
                Ok(())
            }
            Line::Other(line) => {
                // Kept to be shown, should no event follow.
                let length = line.len().min(LONGEST_KEPT);
                self.first_other.get_or_insert_with(|| line[..length].to_vec());
                Ok(())
            }
            Line::Foreign(line) => Err(error::no_stream(about, line, self.chunks)),
        }
    }

    /// The data of an event that has several lines, or of one that is called an error.
    fn further_data(&mut self, data: &[u8], at_ns: u64, about: About<'_>) -> Result<()> {
        if self.begun.len() + data.len() > LONGEST_LINE {
            return Err(error::too_long(about.what, self.chunks, LONGEST_LINE));
        }
        if !self.begun.is_empty() {
            self.begun.push(b'\n');
        }
        self.begun.extend_from_slice(data);
        let data = std::mem::take(&mut self.begun);
        if !self.is_named_error {
            return self.data(&data, at_ns, about);
        }
        if let Ok(json) = serde_json::from_slice::<Json>(&data) {
            let error = json.get("error").unwrap_or(&json);
            return Err(self.told(error, about));
        }
        self.begun = data;
        Ok(())
    }

    /// What is left of an event at its end is an error, or no JSON.
    ///
    /// # Errors
    /// As [`Answer::line`].
    pub(crate) fn end_event(&mut self, about: About<'_>) -> Result<()> {
        match self.begun.as_slice() {
            [] => Ok(()),
            data if self.is_named_error => {
                let text = String::from_utf8_lossy(data).into_owned();
                Err(self.told(&Json::String(text), about))
            }
            data => Err(error::garbage(about, data, self.chunks)),
        }
    }

    /// An error in the server's words.
    fn told(&self, error: &Json, about: About<'_>) -> Error {
        error::from_text(error::code(error), &error_text(error), about)
            .with_phase(error::phase(self.chunks))
    }

    fn data(&mut self, data: &[u8], at_ns: u64, about: About<'_>) -> Result<()> {
        if data.trim_ascii() == b"[DONE]" {
            self.done_at_ns.get_or_insert(at_ns);
            return Ok(());
        }
        match serde_json::from_slice::<Chunk<'_>>(data) {
            Ok(chunk) => self.chunk_of(&chunk, data, at_ns, about),
            // The rest may come in the event's next line.
            Err(error) if error.is_eof() => {
                self.begun = data.to_vec();
                Ok(())
            }
            Err(error) => {
                let mended = surrogates::mend(data);
                match mended.as_deref().map(serde_json::from_slice::<Chunk<'_>>) {
                    Some(Ok(chunk)) => {
                        self.chunk_of(&chunk, mended.as_deref().unwrap_or(data), at_ns, about)
                    }
                    _ => Err(error::garbage(about, data, self.chunks).with_cause(&error)),
                }
            }
        }
    }

    fn chunk_of(
        &mut self,
        chunk: &Chunk<'_>,
        data: &[u8],
        at_ns: u64,
        about: About<'_>,
    ) -> Result<()> {
        if let Some(error) = &chunk.error {
            return Err(self.told(error, about));
        }
        if chunk.choices.is_none() && chunk.usage.is_none() {
            return Err(error::garbage(about, data, self.chunks));
        }
        if let Some((piece, text)) = chunk.only_piece() {
            self.template.learn(data, text, piece);
        }
        self.chunk(chunk, at_ns);
        if let Some(word @ ("abort" | "error")) = self.finish_reason.as_deref() {
            return Err(error::given_up(about.what, word, self.chunks));
        }
        if self.keeps_raw && (self.usage.is_some() || self.finish_reason.is_some()) {
            let data = about.secrets.redact(&String::from_utf8_lossy(data));
            self.raw = serde_json::from_str(&data).unwrap_or_default();
        }
        Ok(())
    }

    fn chunk(&mut self, chunk: &Chunk<'_>, at_ns: u64) {
        if chunk.usage.is_some() {
            self.usage = chunk.usage;
        }
        if chunk.timings.is_some() {
            self.timings = chunk.timings;
        }
        for choice in chunk.choices.iter().flatten() {
            if let Some(delta) = &choice.delta {
                let (thinking, text) = (delta.thinking(), delta.answer());
                if let Some(text) = thinking {
                    push(&mut self.text, &mut self.thinking, Piece::Thinking, text);
                }
                if let Some(text) = text {
                    push(&mut self.text, &mut self.thinking, Piece::Answer, text);
                }
                if let Some(last) = text.or(thinking) {
                    self.last_piece = (last.len(), text.is_none());
                    self.note(at_ns);
                }
                let calls = delta.tool_calls.iter().flatten();
                self.tool_calls.extend(calls.map(Json::to_string));
            }
            if let Some(reason) = &choice.finish_reason {
                self.finish_reason = Some(reason.clone());
            }
        }
    }

    /// Notes that a piece of content arrived.
    fn note(&mut self, at_ns: u64) {
        if self.first_at_ns.is_none() {
            self.first_at_ns = Some(at_ns);
        } else {
            let gap_ns = at_ns.saturating_sub(self.last_at_ns);
            if self.gaps_ns.len() < Generation::MOST_GAPS {
                self.gaps_ns.push(gap_ns);
            }
            self.longest_gap_ns = self.longest_gap_ns.max(Some(gap_ns));
        }
        self.last_at_ns = at_ns;
        self.chunks += 1;
    }

    /// Passes on what has come since the last time; once for each read, so that a
    /// fast stream does not cost a call for each piece.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] when the sink wants no more.
    pub(crate) fn tell(&mut self, sink: &dyn EventSink, index: u32, at_ns: u64) -> Result<()> {
        let event = |kind, text: &str| match sink.event(Event {
            request_index: index,
            kind,
            at_ns,
            text,
        }) {
            Flow::Continue => Ok(()),
            Flow::Stop => {
                Err(Error::new(ErrorKind::Cancelled, "stopped by the receiver")
                    .with_phase("answer"))
            }
        };
        if self.thinking.len() > self.told.1 {
            event(EventKind::Thinking, &self.thinking[self.told.1..])?;
            self.told.1 = self.thinking.len();
        }
        if self.text.len() > self.told.0 {
            event(EventKind::Text, &self.text[self.told.0..])?;
            self.told.0 = self.text.len();
        }
        for call in self.tool_calls.drain(..) {
            event(EventKind::ToolCall, &call)?;
        }
        Ok(())
    }

    /// Passes on the counts and the end.
    ///
    /// # Errors
    /// As [`Answer::tell`].
    pub(crate) fn tell_end(
        sink: &dyn EventSink,
        index: u32,
        generation: &Generation,
    ) -> Result<()> {
        let usage = json!({
            "prompt_tokens": generation.prompt_tokens,
            "completion_tokens": generation.completion_tokens,
        })
        .to_string();
        let reason = generation.done_reason_raw.as_deref().unwrap_or_default();
        for (kind, text) in [(EventKind::Usage, usage.as_str()), (EventKind::Done, reason)] {
            let event = Event { request_index: index, kind, at_ns: generation.done_at_ns, text };
            if sink.event(event) == Flow::Stop {
                return Err(Error::new(ErrorKind::Cancelled, "stopped by the receiver"));
            }
        }
        Ok(())
    }

    /// Whether the answer ends with one piece, but for blanks around it, more than
    /// [`REPEAT_LIMIT`] times in a row.
    fn ends_in_a_loop(&self) -> bool {
        let (length, is_thinking) = self.last_piece;
        let text = if is_thinking { &self.thinking } else { &self.text };
        let Some(piece) = text.get(text.len() - length..).map(str::trim) else { return false };
        if piece.is_empty() {
            return text.chars().rev().take_while(|letter| letter.is_whitespace()).count()
                > REPEAT_LIMIT;
        }
        let mut rest = text.trim_end();
        let mut count = 0;
        while let Some(before) = rest.strip_suffix(piece) {
            rest = before.trim_end();
            count += 1;
        }
        count > REPEAT_LIMIT
    }

    /// The finished answer, after a body that ended properly at `ended_at_ns`.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] when the server did not say that the answer is complete.
    pub(crate) fn finish(
        self,
        sent_at_ns: u64,
        ended_at_ns: u64,
        max_tokens: u32,
        about: About<'_>,
    ) -> Result<Generation> {
        let what = about.what;
        let mut warnings = Vec::new();
        let figures = Figures::of(self.usage, self.timings, self.first_at_ns.is_some());
        let is_counted = figures.completion_tokens.is_some();
        let done_at_ns = match (self.done_at_ns, &self.finish_reason) {
            // What llama-cpp-python's server does to an answer when the next request comes.
            (Some(_), None) if !is_counted => return Err(error::dropped(what, self.chunks)),
            (Some(at), _) => at,
            (None, Some(_)) => {
                warnings.push("the stream ended without `[DONE]`, after a finish reason".into());
                ended_at_ns
            }
            (None, None) if self.chunks > 0 && self.ends_in_a_loop() => {
                warnings.push(format!(
                    "the model repeated one piece more than {REPEAT_LIMIT} times and the server gave up on it"
                ));
                ended_at_ns
            }
            (None, None) => {
                return Err(match &self.first_other {
                    Some(line) if self.chunks == 0 => error::no_stream(about, line, 0),
                    _ => error::ended_early(what, self.chunks),
                });
            }
        };
        let mut missing = figures.missing;
        let mut absent = |name: &str, reason: &str| {
            missing.insert(name.to_owned(), reason.to_owned());
        };
        absent("load_sec", "this API does not report it");
        absent("queue_sec", "this API does not report it");
        if self.first_at_ns.is_none() {
            absent("first_token_at_ns", "the answer holds no text");
        }
        if self.finish_reason.is_none() {
            absent("done_reason_raw", "the server did not say why it ended the answer");
        }
        warnings.extend(cap_warning(max_tokens, figures.completion_tokens, self.chunks));
        let is_given_up = self.done_at_ns.is_none() && self.finish_reason.is_none();
        let done_reason = match is_given_up {
            true => Some(Some(DoneReason::Repetition)),
            false => self.finish_reason.as_deref().map(done_reason),
        };
        if done_reason == Some(None)
            && let Some(word) = &self.finish_reason
        {
            let word = error::excerpt(word.as_bytes(), about.secrets);
            warnings.push(format!("the server ended the answer for an unknown reason: `{word}`"));
        }
        Ok(Generation {
            done_reason: done_reason.flatten().unwrap_or_default(),
            done_reason_raw: self.finish_reason,
            text: self.text,
            thinking: self.thinking,
            prompt_tokens: figures.prompt_tokens,
            cached_prompt_tokens: figures.cached_prompt_tokens,
            completion_tokens: figures.completion_tokens,
            prefill_sec: figures.prefill_sec,
            decode_sec: figures.decode_sec,
            decode_tokens: figures.decode_tokens,
            sent_at_ns,
            first_token_at_ns: self.first_at_ns,
            done_at_ns,
            gaps_ns: self.gaps_ns,
            longest_gap_ns: self.longest_gap_ns,
            content_chunks: Some(self.chunks),
            missing,
            warnings,
            raw: self.raw,
            ..Generation::default()
        })
    }
}

/// What a server's word for the end of an answer means; `None` for an unknown one.
fn done_reason(word: &str) -> Option<DoneReason> {
    Some(match word {
        "stop" | "eos_token" | "stop_sequence" => DoneReason::Stop,
        "length" | "max_tokens" => DoneReason::Length,
        "tool_calls" | "function_call" => DoneReason::ToolCalls,
        // vLLM's.
        "repetition" => DoneReason::Repetition,
        _ => return None,
    })
}

fn push(answer: &mut String, thinking: &mut String, piece: Piece, text: &str) {
    match piece {
        Piece::Answer => answer.push_str(text),
        Piece::Thinking => thinking.push_str(text),
    }
}

/// A remark when an answer is longer than it was allowed to be.
fn cap_warning(max_tokens: u32, completion_tokens: Option<u64>, chunks: u64) -> Option<String> {
    let cap = u64::from(max_tokens);
    match completion_tokens {
        Some(count) if count > cap => Some(format!(
            "the answer has {count} tokens although at most {cap} were asked for: the server \
             ignores `max_tokens`"
        )),
        // A chunk holds at least one token.
        None if chunks > cap => Some(format!(
            "the answer came in {chunks} pieces although at most {cap} tokens were asked for: the \
             server ignores `max_tokens`"
        )),
        _ => None,
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
