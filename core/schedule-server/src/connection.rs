//! One connection of a client.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use socket2::SockRef;

use crate::answer::{Answer, Then};
use crate::record::Record;
use crate::render;
use crate::request::{self, Chat, Request};
use crate::schedule::{Fault, Schedule};

/// Bytes read at a time.
const READ_BYTES: usize = 16 * 1024;
/// Writes in a row for one connection before others get their turn.
const MOST_WRITES: usize = 8;

/// Whether a connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Open,
    Closed,
}

/// A connection and what is sent on it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// Of the timer that counts; those set before it do not.
    pub(crate) timer: u64,
    received: Vec<u8>,
    out: Vec<u8>,
    written: usize,
    answer: Option<Answer>,
    list: Arc<str>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, list: Arc<str>) -> Self {
        // Without it the system may hold back small writes, and the instants mean nothing.
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            timer: 0,
            received: Vec::new(),
            out: Vec::new(),
            written: 0,
            answer: None,
            list,
        }
    }

    /// When its next bytes are due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.answer.as_ref().filter(|_| self.out.is_empty()).map(Answer::due)
    }

    /// Reads what has come, and begins to answer complete requests. A client that
    /// `is_leaving` has left behind the last bytes, and no other event will tell.
    pub(crate) fn readable(&mut self, is_leaving: bool, records: &mut Vec<Record>) -> Life {
        loop {
            let length = self.received.len();
            self.received.resize(length + READ_BYTES, 0);
            let read = self.stream.read(&mut self.received[length..]);
            self.received.truncate(length + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return self.lost(records),
                Ok(count) if count < READ_BYTES && !is_leaving => break,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.lost(records),
            }
        }
        self.take_request(records)
    }

    fn take_request(&mut self, records: &mut Vec<Record>) -> Life {
        while self.answer.is_none() && self.out.is_empty() {
            match request::parse(&self.received) {
                Err(()) => return Life::Closed,
                Ok(None) => return Life::Open,
                Ok(Some(request)) => {
                    let end = request.body.end;
                    self.respond(&request, Instant::now());
                    self.received.drain(..end);
                }
            }
            // What is due at once goes out with the head, as one write.
            let life = match self.due() {
                Some(due) if due <= Instant::now() => self.advance(Instant::now(), records),
                _ => self.flush(records),
            };
            if life == Life::Closed {
                return life;
            }
        }
        Life::Open
    }

    fn respond(&mut self, request: &Request, received_at: Instant) {
        let body = &self.received[request.body.clone()];
        match (request.is_post, request.path.as_str()) {
            (false, "/v1/models") => self.out.extend(render::json(200, &self.list)),
            (false, "/health") => self.out.extend(render::error(500, "no health is known here")),
            (true, "/v1/chat/completions") => match serde_json::from_slice::<Chat>(body) {
                Err(error) => self.out.extend(render::error(400, &error.to_string())),
                Ok(chat) if !chat.stream => {
                    self.out.extend(render::error(400, "only streams are scheduled"));
                }
                Ok(chat) => match chat.model.parse::<Schedule>() {
                    Err(error) => self.out.extend(render::error(404, &error)),
                    Ok(schedule) => match schedule.fault {
                        Fault::Status(status) => {
                            self.out.extend(render::error(status, "as the schedule asks"));
                        }
                        Fault::ContentType => self.out.extend_from_slice(render::HTML),
                        _ => {
                            let mut answer = Answer::new(schedule, &chat, body.len(), received_at);
                            answer.begin(&mut self.out);
                            self.answer = Some(answer);
                        }
                    },
                },
            },
            _ => self.out.extend(render::error(404, "no such path")),
        }
    }

    /// Sends what is due at `now`.
    pub(crate) fn advance(&mut self, mut now: Instant, records: &mut Vec<Record>) -> Life {
        for _ in 0..MOST_WRITES {
            let Some(answer) = self.answer.as_mut().filter(|answer| answer.due() <= now) else {
                return Life::Open;
            };
            let then = answer.emit(&mut self.out, now);
            match then {
                Then::Continue => {}
                Then::End => self.finish(true, records),
                Then::HalfClose | Then::Stall | Then::Reset => self.finish(false, records),
            }
            if then == Then::Reset {
                let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
                return Life::Closed;
            }
            if self.flush(records) == Life::Closed {
                return Life::Closed;
            }
            if then == Then::HalfClose {
                let _ = self.stream.shutdown(std::net::Shutdown::Write);
            }
            if then != Then::Continue || !self.out.is_empty() {
                return Life::Open;
            }
            now = Instant::now();
        }
        Life::Open
    }

    /// Writes what waits, and takes the next request when all is out.
    pub(crate) fn writable(&mut self, records: &mut Vec<Record>) -> Life {
        match self.flush(records) {
            Life::Open if self.out.is_empty() && !self.received.is_empty() => {
                self.take_request(records)
            }
            life => life,
        }
    }

    fn flush(&mut self, records: &mut Vec<Record>) -> Life {
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(0) => return self.lost(records),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Life::Open,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.lost(records),
            }
        }
        self.written = 0;
        self.out.clear();
        Life::Open
    }

    fn lost(&mut self, records: &mut Vec<Record>) -> Life {
        self.finish(false, records);
        Life::Closed
    }

    fn finish(&mut self, is_complete: bool, records: &mut Vec<Record>) {
        let Some(answer) = self.answer.take() else { return };
        if let Some(id) = answer.schedule.id {
            let Answer { received_at, sent_at, .. } = answer;
            records.push(Record { id, received_at, sent_at, is_complete });
        }
    }
}
