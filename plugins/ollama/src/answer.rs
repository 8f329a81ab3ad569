//! One answer: lines of a stream in, events and the finished [`Generation`] out.
//!
//! Knows nothing of the network, so that recorded lines test it.

use std::collections::BTreeMap;

use llmbench_api::{
    DoneReason, Error, ErrorKind, Event, EventKind, EventSink, Flow, Generation, Json, Result,
};
use serde_json::json;

use crate::error;
use crate::wire::{ChatLine, ChatMessage, error_text};

/// Ollama 0.6 gives up, without an end mark, once one piece came this often in a row.
const REPEAT_LIMIT: usize = 30;

/// Whether the answer is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    More,
    Done,
}

/// Gathers an answer while it arrives.
pub(crate) struct Answer<'a> {
    what: &'a str,
    sink: &'a dyn EventSink,
    text: String,
    thinking: String,
    pieces: usize,
    lines: usize,
    repeats: usize,
    last_piece: String,
    has_tool_calls: bool,
    first_token_at_ns: Option<u64>,
    last: Option<(ChatLine, Json, u64)>,
}

impl<'a> Answer<'a> {
    /// An answer of which nothing has arrived; `what` begins the messages of its errors.
    pub(crate) fn new(what: &'a str, sink: &'a dyn EventSink) -> Self {
        Self {
            what,
            sink,
            text: String::new(),
            thinking: String::new(),
            pieces: 0,
            lines: 0,
            repeats: 0,
            last_piece: String::new(),
            has_tool_calls: false,
            first_token_at_ns: None,
            last: None,
        }
    }

    /// Pieces of text, thinking or tool calls so far.
    pub(crate) fn pieces(&self) -> usize {
        self.pieces
    }

    /// Takes one line, whose last byte arrived at `at_ns`.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] when the sink wants no more, [`ErrorKind::Protocol`]
    /// for a line that is no JSON, and whatever an error line of the server tells.
    pub(crate) fn line(&mut self, line: &[u8], at_ns: u64) -> Result<Progress> {
        let garbage = |answer: &Self| {
            let arrived = answer.arrived();
            error::not_ollama(
                &format!("{}: cannot read a line of the answer{arrived}", self.what),
                line,
            )
        };
        let raw: Json = serde_json::from_slice(line).map_err(|_| garbage(self))?;
        // Serde would take a list for a struct, field by field.
        if !raw.is_object() {
            return Err(garbage(self));
        }
        let parsed: ChatLine = serde_json::from_value(raw.clone()).map_err(|_| garbage(self))?;
        if let Some(error) = &parsed.error {
            let text = format!("{}{}", error_text(error), self.arrived());
            return Err(error::from_text(None, &text, self.what));
        }
        if parsed.message.is_none() && parsed.done.is_none() {
            return Err(garbage(self));
        }
        self.lines += 1;
        if let Some(message) = &parsed.message {
            self.message(message, at_ns)?;
        }
        if parsed.done != Some(true) {
            return Ok(Progress::More);
        }
        if let Some(reason @ ("load" | "unload")) = parsed.done_reason.as_deref() {
            return Err(Error::new(
                ErrorKind::Protocol,
                format!("{}: the server did not answer but only did a {reason}", self.what),
            ));
        }
        self.emit(EventKind::Usage, &usage(&parsed).to_string(), at_ns)?;
        self.emit(EventKind::Done, parsed.done_reason.as_deref().unwrap_or_default(), at_ns)?;
        self.last = Some((parsed, raw, at_ns));
        Ok(Progress::Done)
    }

    /// The error for a stream that ended although the answer was not complete.
    pub(crate) fn ended_early(&self, rest: &[u8]) -> Error {
        if self.lines == 0 && !rest.is_empty() {
            return error::not_ollama(&format!("{}: the answer holds no line", self.what), rest);
        }
        let arrived = self.arrived();
        let cut = if rest.is_empty() {
            String::new()
        } else {
            format!(", the last line being cut: {}", error::excerpt(rest))
        };
        Error::new(
            ErrorKind::Protocol,
            format!("{}: the stream ended without its end mark{arrived}{cut}", self.what),
        )
        .with_hint("look whether the server still runs; its log says why it stopped")
    }

    /// The answer of a model that repeated itself until the server gave up, which
    /// Ollama 0.6 does by ending the stream without an end mark.
    ///
    /// The text is all that the model said; counts and durations are absent.
    /// `None` when the stream ended for another reason.
    pub(crate) fn given_up(
        &mut self,
        rest: &[u8],
        sent_at_ns: u64,
        ended_at_ns: u64,
    ) -> Option<Generation> {
        if self.repeats < REPEAT_LIMIT || !rest.is_empty() {
            return None;
        }
        let reason = "the server gave up on an answer that repeated itself and sent no figures";
        let names = ["prompt_tokens", "completion_tokens", "load_sec", "prefill_sec", "decode_sec"];
        let missing = names.into_iter().chain(["queue_sec", "done_reason_raw"]);
        Some(Generation {
            text: std::mem::take(&mut self.text),
            thinking: std::mem::take(&mut self.thinking),
            done_reason: DoneReason::Repetition,
            sent_at_ns,
            first_token_at_ns: self.first_token_at_ns,
            done_at_ns: ended_at_ns,
            missing: missing.map(|name| (name.to_owned(), reason.to_owned())).collect(),
            warnings: vec![format!(
                "the model repeated one piece more than {REPEAT_LIMIT} times and the server gave up on it"
            )],
            ..Generation::default()
        })
    }

    /// The finished answer; the caller has seen [`Progress::Done`].
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] when the end mark is missing after all.
    pub(crate) fn finish(mut self, sent_at_ns: u64) -> Result<Generation> {
        let Some((line, raw, done_at_ns)) = self.last.take() else {
            return Err(self.ended_early(b""));
        };
        let mut missing = BTreeMap::new();
        let mut absent = |name: &str, reason: &str| {
            missing.insert(name.to_owned(), reason.to_owned());
        };
        let prompt_tokens = positive(line.prompt_eval_count);
        if prompt_tokens.is_none() {
            absent(
                "prompt_tokens",
                "the server left out prompt_eval_count, as it does when the whole prompt was \
                 served from its prefix cache",
            );
        }
        let completion_tokens = positive(line.eval_count);
        if completion_tokens.is_none() {
            absent("completion_tokens", "the server left out eval_count");
        }
        let mut seconds = |name: &str, field: &str, nanoseconds: Option<u64>| {
            let value = positive(nanoseconds).map(|ns| ns as f64 / 1e9);
            if value.is_none() {
                absent(name, &format!("the server left out {field}"));
            }
            value
        };
        let load_sec = seconds("load_sec", "load_duration", line.load_duration);
        let prefill_sec = seconds("prefill_sec", "prompt_eval_duration", line.prompt_eval_duration);
        let decode_sec = seconds("decode_sec", "eval_duration", line.eval_duration);
        let queue_sec = match queue_sec(&line) {
            Ok(seconds) => Some(seconds),
            Err(reason) => {
                absent("queue_sec", &reason);
                None
            }
        };
        if self.first_token_at_ns.is_none() {
            absent("first_token_at_ns", "the answer holds no text");
        }
        if line.done_reason.is_none() {
            absent("done_reason_raw", "the server did not say why it ended the answer");
        }
        let wall_sec = done_at_ns.saturating_sub(sent_at_ns) as f64 / 1e9;
        Ok(Generation {
            done_reason: self.done_reason(&line),
            text: self.text,
            thinking: self.thinking,
            done_reason_raw: line.done_reason.clone(),
            prompt_tokens,
            completion_tokens,
            load_sec,
            prefill_sec,
            decode_sec,
            queue_sec,
            sent_at_ns,
            first_token_at_ns: self.first_token_at_ns,
            done_at_ns,
            missing,
            warnings: clock_warning(wall_sec, positive(line.total_duration)).into_iter().collect(),
            raw,
            // The host counts the pieces of requests that are sent one by one.
            ..Generation::default()
        })
    }

    fn message(&mut self, message: &ChatMessage, at_ns: u64) -> Result<()> {
        if let Some(piece) = message.thinking.as_deref().filter(|piece| !piece.is_empty()) {
            self.first_token_at_ns.get_or_insert(at_ns);
            self.thinking.push_str(piece);
            self.piece(EventKind::Thinking, piece, at_ns)?;
        }
        if let Some(piece) = message.content.as_deref().filter(|piece| !piece.is_empty()) {
            self.first_token_at_ns.get_or_insert(at_ns);
            self.text.push_str(piece);
            self.piece(EventKind::Text, piece, at_ns)?;
        }
        for call in message.tool_calls.iter().flatten() {
            self.has_tool_calls = true;
            self.piece(EventKind::ToolCall, &call.to_string(), at_ns)?;
        }
        Ok(())
    }

    fn piece(&mut self, kind: EventKind, piece: &str, at_ns: u64) -> Result<()> {
        self.pieces += 1;
        if piece.trim() == self.last_piece {
            self.repeats += 1;
        } else {
            self.repeats = 0;
            self.last_piece = piece.trim().to_owned();
        }
        self.emit(kind, piece, at_ns)
    }

    fn emit(&self, kind: EventKind, text: &str, at_ns: u64) -> Result<()> {
        match self.sink.event(Event { request_index: 0, kind, at_ns, text }) {
            Flow::Continue => Ok(()),
            Flow::Stop => Err(Error::new(
                ErrorKind::Cancelled,
                format!("{}: stopped by the receiver{}", self.what, self.arrived()),
            )
            .with_phase("answer")),
        }
    }

    fn done_reason(&self, line: &ChatLine) -> DoneReason {
        match line.done_reason.as_deref() {
            Some("length") => DoneReason::Length,
            _ if self.has_tool_calls => DoneReason::ToolCalls,
            Some("stop") => DoneReason::Stop,
            _ => DoneReason::Unknown,
        }
    }

    fn arrived(&self) -> String {
        if self.lines == 0 {
            " before any text".to_owned()
        } else {
            let characters = self.text.chars().count() + self.thinking.chars().count();
            format!(" after {} pieces ({characters} characters)", self.pieces)
        }
    }
}

/// Servers leave out what is zero, so a zero is no measurement either.
fn positive(value: Option<u64>) -> Option<u64> {
    value.filter(|value| *value > 0)
}

/// Seconds in the server that are neither load, prefill nor decode, or why they cannot be told.
fn queue_sec(line: &ChatLine) -> Result<f64, String> {
    let mut rest = positive(line.total_duration).ok_or("the server left out total_duration")?;
    for (name, part) in [
        ("load_duration", line.load_duration),
        ("prompt_eval_duration", line.prompt_eval_duration),
        ("eval_duration", line.eval_duration),
    ] {
        let part = positive(part).ok_or_else(|| format!("the server left out {name}"))?;
        rest = rest
            .checked_sub(part)
            .ok_or("the durations that the server reports add up to more than its total")?;
    }
    Ok(rest as f64 / 1e9)
}

/// A remark when the server's own total and the time on this side have little to do with each other.
fn clock_warning(wall_sec: f64, total_ns: Option<u64>) -> Option<String> {
    let total_sec = total_ns? as f64 / 1e9;
    let allowed = 0.5 + 0.1 * wall_sec.min(total_sec);
    ((wall_sec - total_sec).abs() > allowed).then(|| {
        format!(
            "the answer took {wall_sec:.2} s here, but {total_sec:.2} s by the server's own \
             account: a slow network, a proxy that buffers, or a clock that is off"
        )
    })
}

fn usage(line: &ChatLine) -> Json {
    json!({
        "prompt_tokens": positive(line.prompt_eval_count),
        "completion_tokens": positive(line.eval_count),
    })
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
