//! One answer: which bytes go out when. Knows nothing of sockets.

use std::time::{Duration, Instant};

use crate::render;
use crate::request::Chat;
use crate::schedule::{Fault, Prelude, Schedule};

/// Between the two writes of a piece that is split.
const SPLIT: Duration = Duration::from_micros(300);
/// Pieces of an answer where neither schedule nor request say how many.
const DEFAULT_TOKENS: u32 = 16;
/// Longer than any line that a client should take.
const OVERSIZED_BYTES: usize = 4_000_000;

/// What becomes of the connection after the bytes so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// More comes when it is due.
    Continue,
    /// The answer is complete.
    End,
    /// The sending side is to be closed.
    HalfClose,
    /// The connection is to be reset.
    Reset,
    /// Nothing more comes.
    Stall,
}

/// An answer under way.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) schedule: Schedule,
    pub(crate) received_at: Instant,
    pub(crate) sent_at: Vec<Instant>,
    tokens: u32,
    next: u32,
    /// Rest of a piece that was split, and when it is due.
    rest: Option<(Vec<u8>, Instant)>,
    text: Vec<u8>,
    thinking: Vec<u8>,
    usage: Option<u64>,
    has_head: bool,
}

impl Answer {
    pub(crate) fn new(
        schedule: Schedule,
        chat: &Chat,
        body_bytes: usize,
        received_at: Instant,
    ) -> Self {
        let asked = chat.max_tokens.or(chat.max_completion_tokens);
        let usage = chat.stream_options.as_ref().is_some_and(|options| options.include_usage);
        Self {
            tokens: schedule.tokens.or(asked).unwrap_or(DEFAULT_TOKENS).max(1),
            schedule,
            received_at,
            sent_at: Vec::new(),
            next: 0,
            rest: None,
            text: render::event(&render::chunk("{\"content\":\" a\"}", None)),
            thinking: render::event(&render::chunk("{\"reasoning_content\":\" a\"}", None)),
            // About four bytes are a token, in most tokenizers.
            usage: usage.then_some(body_bytes as u64 / 4),
            has_head: false,
        }
    }

    /// Appends what is sent at once.
    pub(crate) fn begin(&mut self, out: &mut Vec<u8>) {
        if self.schedule.fault != Fault::SlowHead {
            self.head(out);
        }
    }

    fn head(&mut self, out: &mut Vec<u8>) {
        self.has_head = true;
        out.extend_from_slice(render::STREAM_HEAD);
        match self.schedule.prelude {
            Prelude::None | Prelude::Reasoning => {}
            Prelude::Role => {
                let delta = "{\"role\":\"assistant\",\"content\":null}";
                out.extend(render::event(&render::chunk(delta, None)));
            }
            Prelude::Empty => {
                let delta = "{\"role\":\"assistant\",\"content\":\"\"}";
                out.extend(render::event(&render::chunk(delta, None)));
            }
        }
    }

    /// When the next bytes are due.
    pub(crate) fn due(&self) -> Instant {
        if let Some((_, due)) = &self.rest {
            return *due;
        }
        let mut after = self.schedule.first + self.schedule.every * self.next;
        if self.next >= self.schedule.at {
            after += self.schedule.pause;
        }
        self.received_at + after
    }

    /// Appends what goes out in one write at `now`.
    pub(crate) fn emit(&mut self, out: &mut Vec<u8>, now: Instant) -> Then {
        if !self.has_head {
            self.head(out);
        }
        if let Some((rest, _)) = self.rest.take() {
            out.extend(rest);
            self.sent(1, now);
            return self.end_if_complete(out);
        }
        if let Some(then) = self.fault(out) {
            return then;
        }
        if self.schedule.is_split {
            let piece = self.piece().to_vec();
            let half = piece.len() / 2;
            out.extend_from_slice(&piece[..half]);
            self.next += 1;
            self.rest = Some((piece[half..].to_vec(), now + SPLIT));
            return Then::Continue;
        }
        let mut count = self.schedule.pieces_per_write().min(self.tokens - self.next);
        if self.schedule.fault != Fault::None && self.next < self.schedule.at {
            count = count.min(self.schedule.at - self.next);
        }
        for _ in 0..count {
            let piece = if self.is_thinking() { &self.thinking } else { &self.text };
            out.extend_from_slice(piece);
            self.next += 1;
        }
        self.sent(count, now);
        self.end_if_complete(out)
    }

    fn sent(&mut self, count: u32, now: Instant) {
        if self.schedule.id.is_some() {
            self.sent_at.extend((0..count).map(|_| now));
        }
    }

    fn is_thinking(&self) -> bool {
        self.schedule.prelude == Prelude::Reasoning && self.next < self.tokens / 2
    }

    fn piece(&self) -> &[u8] {
        if self.is_thinking() { &self.thinking } else { &self.text }
    }

    fn fault(&self, out: &mut Vec<u8>) -> Option<Then> {
        if self.next != self.schedule.at {
            return None;
        }
        match self.schedule.fault {
            Fault::Reset => Some(Then::Reset),
            Fault::Stall => Some(Then::Stall),
            Fault::HalfClose => Some(Then::HalfClose),
            Fault::Malformed => {
                out.extend(render::event(render::MALFORMED));
                Some(Then::Stall)
            }
            Fault::Oversized => {
                let line = format!("{OVERSIZED_BYTES:x}\r\ndata: {}", " ".repeat(OVERSIZED_BYTES));
                out.extend_from_slice(line.as_bytes());
                Some(Then::Stall)
            }
            // These come before the stream, or are none.
            Fault::None | Fault::SlowHead | Fault::ContentType | Fault::Status(_) => None,
        }
    }

    fn end_if_complete(&self, out: &mut Vec<u8>) -> Then {
        if self.next < self.tokens {
            return Then::Continue;
        }
        out.extend(render::event(&render::chunk("{}", Some("length"))));
        if let Some(prompt_tokens) = self.usage {
            out.extend(render::event(&render::usage(prompt_tokens, self.tokens)));
        }
        out.extend(render::event("[DONE]"));
        out.extend_from_slice(render::STREAM_END);
        Then::End
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &str) -> Answer {
        let body = format!(
            r#"{{"model":"{name}","stream":true,"stream_options":{{"include_usage":true}}}}"#
        );
        let chat: Chat = serde_json::from_str(&body).unwrap();
        Answer::new(name.parse().unwrap(), &chat, body.len(), Instant::now())
    }

    fn all(name: &str) -> (String, Then, Answer) {
        let (mut answer, mut out) = (answer(name), Vec::new());
        answer.begin(&mut out);
        loop {
            match answer.emit(&mut out, Instant::now()) {
                Then::Continue => {}
                then => return (String::from_utf8(out).unwrap(), then, answer),
            }
        }
    }

    #[test]
    fn pieces_are_due_at_exact_times() {
        let mut answer =
            answer("schedule:first_us=50000,every_us=5000,tokens=9,at=2,pause_us=400000");
        let dues: Vec<_> = (0..4)
            .map(|_| {
                let due = answer.due() - answer.received_at;
                answer.emit(&mut Vec::new(), Instant::now());
                due.as_millis()
            })
            .collect();
        assert_eq!(dues, [50, 55, 460, 465]);
    }

    #[test]
    fn a_complete_answer_has_its_pieces_usage_and_end_marks() {
        let (text, then, answer) = all("schedule:tokens=5,per_write=2,id=1");
        assert_eq!(then, Then::End);
        assert_eq!(text.matches("\"content\":\" a\"").count(), 5);
        assert!(text.contains("\"completion_tokens\":5"));
        assert!(text.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"));
        assert_eq!(answer.sent_at.len(), 5);
    }

    #[test]
    fn a_fault_comes_at_its_piece() {
        for (fault, expected) in [
            ("reset", Then::Reset),
            ("stall", Then::Stall),
            ("half_close", Then::HalfClose),
            ("malformed", Then::Stall),
            ("oversized", Then::Stall),
        ] {
            let (text, then, _) = all(&format!("schedule:tokens=9,per_write=4,at=3,fault={fault}"));
            assert_eq!(then, expected, "{fault}");
            assert_eq!(text.matches("\"content\":\" a\"").count(), 3, "{fault}");
        }
    }

    #[test]
    fn preludes_come_before_the_first_piece_and_a_split_piece_in_two_writes() {
        assert!(all("schedule:tokens=1,prelude=role").0.contains("\"content\":null"));
        assert!(all("schedule:tokens=1,prelude=empty").0.contains("\"content\":\"\""));
        let (text, _, _) = all("schedule:tokens=4,prelude=reasoning");
        assert_eq!(text.matches("reasoning_content").count(), 2);
        let (text, _, answer) = all("schedule:tokens=3,split=1,id=1");
        assert_eq!((text.matches("\" a\"").count(), answer.sent_at.len()), (3, 3));
    }
}
