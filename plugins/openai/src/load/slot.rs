//! A connection within a worker, and the request on it.

use std::io;
use std::time::{Duration, Instant};

use llmbench_api::{Clock, Error, ErrorKind};

use super::Job;
use crate::error;
use crate::exchange::Exchange;
use crate::http::{Part, Response, State};
use crate::net::{Pulled, Route, Stream};

/// How long the rest of a body may take once all that matters has come.
const DRAIN: Duration = Duration::from_millis(100);

/// A server that closes a connection that waits does so within this time of a request that it
/// never saw, beside the time of the way; one that reads the request needs longer to answer.
const RACE: Duration = Duration::from_millis(10);

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Connecting,
    /// A proxy was asked for a tunnel.
    Tunnel,
    Handshake,
    /// Requests can be sent and answers read.
    Open,
}

/// What becomes of a slot after something happened on it.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It waits for more.
    Wait,
    /// It has more to read at once.
    Again,
    /// Its request is finished, and the connection may be used again; where it `has_more` to
    /// read, only once [`Slot::settle`] has read that.
    Idle { has_more: bool },
    /// The connection is of no use any more; what was on it is finished or is to be.
    Close(Result<(), Trouble>),
}

/// Why a request cannot go on.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// No connection was made.
    Connect(io::Error),
    /// A connection that stood has gone, before or within the answer.
    Lost(Option<io::Error>),
    /// No TLS was agreed upon.
    Tls(rustls::Error),
    /// Anything that another attempt would not change.
    Final(Error),
}

/// A request under way.
pub(crate) struct Task<E> {
    pub(crate) exchange: E,
    pub(crate) due: Instant,
    pub(crate) expires_at: Option<Instant>,
    pub(crate) connect_by: Instant,
    pub(crate) drain_by: Option<Instant>,
    /// Addresses that were tried.
    pub(crate) addresses: usize,
    /// Whether it was sent on a connection that had gone meanwhile.
    pub(crate) was_repeated: bool,
    /// When its first byte was handed to the network, by this attempt.
    sent: Option<Instant>,
    response: Response,
    written: usize,
}

impl<E> Task<E> {
    pub(crate) fn new(job: Job<E>, connect_by: Instant) -> Self {
        Self {
            exchange: job.exchange,
            due: job.due,
            expires_at: job.expires_at,
            connect_by,
            drain_by: None,
            addresses: 0,
            was_repeated: false,
            sent: None,
            response: Response::default(),
            written: 0,
        }
    }

    /// The same request as if nothing had been sent; only for one that was not answered.
    pub(crate) fn again(self, connect_by: Instant) -> Self {
        Self { connect_by, response: Response::default(), written: 0, sent: None, ..self }
    }

    /// True when nothing of an answer has come.
    pub(crate) fn is_unanswered(&self) -> bool {
        !self.response.has_begun()
    }
}

/// A connection and the request on it, if there is one.
pub(crate) struct Slot<E> {
    pub(crate) stream: Stream,
    pub(crate) stage: Stage,
    pub(crate) task: Option<Task<E>>,
    /// Round of the worker in which its socket was read last.
    pub(crate) pulled_in: u64,
}

impl<E: Exchange> Slot<E> {
    /// Goes as far as it can without reading: connects, opens tunnel and TLS, sends.
    pub(crate) fn push(&mut self, route: &Route, clock: Clock) -> Turn {
        loop {
            match self.stage {
                Stage::Connecting => match self.stream.is_connected() {
                    Ok(false) => return Turn::Wait,
                    Ok(true) => {
                        if let Err(turn) = self.connected(route) {
                            return turn;
                        }
                    }
                    Err(error) => return Turn::Close(Err(Trouble::Connect(error))),
                },
                Stage::Tunnel => return Turn::Wait,
                Stage::Handshake if self.stream.is_handshaking() => {
                    return match self.stream.push_tls() {
                        Ok(()) => Turn::Wait,
                        Err(error) => Turn::Close(Err(Trouble::Lost(Some(error)))),
                    };
                }
                Stage::Handshake => self.stage = Stage::Open,
                Stage::Open => return self.send(clock),
            }
        }
    }

    /// Whether the connection, which has gone, went so soon that the server cannot have begun
    /// with the request on it: as one does that a server closes because it waited too long.
    pub(crate) fn lost_a_race(&self) -> bool {
        let Some(task) = &self.task else { return false };
        let limit = RACE + self.stream.round_trip;
        self.stream.was_used
            && task.is_unanswered()
            && !task.was_repeated
            && task.sent.is_some_and(|sent| sent.elapsed() <= limit)
    }

    fn connected(&mut self, route: &Route) -> Result<(), Turn> {
        let lost = |error| Turn::Close(Err(Trouble::Lost(Some(error))));
        match &route.tunnel {
            Some(request) => {
                // Some hundred bytes on a new connection: they are taken as a whole.
                self.stream.write(request.as_bytes()).map_err(lost)?;
                self.stage = Stage::Tunnel;
            }
            None => self.start_tls(route).map_err(lost)?,
        }
        Ok(())
    }

    fn start_tls(&mut self, route: &Route) -> io::Result<()> {
        if let Some((config, name)) = &route.tls {
            self.stream.start_tls(config.clone(), name.clone())?;
            self.stage = Stage::Handshake;
        } else {
            self.stage = Stage::Open;
        }
        Ok(())
    }

    fn send(&mut self, clock: Clock) -> Turn {
        let lost = |error| Turn::Close(Err(Trouble::Lost(Some(error))));
        let Some(task) = &mut self.task else { return Turn::Wait };
        let request = task.exchange.request();
        if task.written == request.len() {
            return self.stream.push_tls().map_or_else(lost, |()| Turn::Wait);
        }
        if task.written == 0 {
            task.exchange.sent(clock.now_ns());
            task.sent = Some(Instant::now());
        }
        match self.stream.write(&task.exchange.request()[task.written..]) {
            Ok(count) => {
                task.written += count;
                Turn::Wait
            }
            Err(error) => lost(error),
        }
    }

    /// Takes in what was pulled from the socket.
    pub(crate) fn take_in(&mut self, pulled: Pulled, route: &Route, clock: Clock) -> Turn {
        if self.task.is_none() {
            return self.take_in_idle(&pulled);
        }
        match pulled {
            Pulled::Nothing => return Turn::Wait,
            Pulled::Broken(error) => return self.ended(Some(error)),
            Pulled::End => return self.ended(None),
            Pulled::More | Pulled::All => {}
        }
        if self.stage == Stage::Tunnel {
            return self.tunnel(route, clock);
        }
        let turn = self.answer();
        if self.stage == Stage::Handshake && matches!(turn, Turn::Wait) {
            // The handshake may be done by now, and the request can go.
            match self.push(route, clock) {
                Turn::Wait => {}
                other => return other,
            }
        }
        match (turn, pulled) {
            (Turn::Wait, Pulled::More) => Turn::Again,
            // Behind the answer may be the connection's end.
            (Turn::Idle { .. }, Pulled::More) => Turn::Idle { has_more: true },
            (turn, _) => turn,
        }
    }

    /// Reads what is behind an answer: nothing, a ticket of TLS, or the connection's end.
    pub(crate) fn settle(&mut self, clock: Clock) -> Turn {
        loop {
            let pulled = self.stream.pull(clock);
            match self.take_in_idle(&pulled) {
                Turn::Again => {}
                other => return other,
            }
        }
    }

    fn take_in_idle(&mut self, pulled: &Pulled) -> Turn {
        match pulled {
            Pulled::Nothing => Turn::Wait,
            Pulled::End | Pulled::Broken(_) => Turn::Close(Ok(())),
            // With TLS it may be a ticket; an answer that nobody asked for is not.
            Pulled::More | Pulled::All => match self.stream.each(|_, _| Err(())) {
                Ok(Ok(())) if matches!(pulled, Pulled::More) => Turn::Again,
                Ok(Ok(())) => Turn::Wait,
                _ => Turn::Close(Ok(())),
            },
        }
    }

    fn answer(&mut self) -> Turn {
        enum Stop {
            Http(&'static str),
            Own(Error),
        }
        let Self { stream, task: Some(task), .. } = self else { return Turn::Wait };
        let Task { response, exchange, .. } = task;
        let mut state = State::More;
        let fed = stream.each(|bytes, at_ns| {
            let fed = response.feed(bytes, |part| match part {
                Part::Head(head) => {
                    exchange.head(head);
                    Ok(())
                }
                Part::Body(bytes) => exchange.body(bytes, at_ns),
            });
            state = fed.map_err(Stop::Http)?.map_err(Stop::Own)?;
            Ok(())
        });
        match fed {
            Err(error) => return self.ended(Some(error)),
            Ok(Err(Stop::Own(error))) => return Turn::Close(Err(Trouble::Final(error))),
            Ok(Err(Stop::Http(reason))) => {
                let (what, phase) = (task.exchange.what(), task.exchange.phase());
                let error = error::no_http(what, phase, reason);
                return Turn::Close(Err(Trouble::Final(error)));
            }
            Ok(Ok(())) => {}
        }
        self.stream.was_used |= !task.is_unanswered();
        if state == State::Done {
            let keeps_alive = task.response.head().is_some_and(|head| head.keeps_alive);
            // An answer before the request was sent in full leaves the rest of it in between.
            let is_in_step = task.written == task.exchange.request().len();
            return if keeps_alive && is_in_step {
                Turn::Idle { has_more: false }
            } else {
                Turn::Close(Ok(()))
            };
        }
        if task.exchange.is_complete() && task.drain_by.is_none() {
            task.drain_by = Some(Instant::now() + DRAIN);
        }
        Turn::Wait
    }

    /// The connection ended, by itself or by `cause`.
    fn ended(&mut self, cause: Option<io::Error>) -> Turn {
        let Some(task) = &self.task else { return Turn::Close(Ok(())) };
        if self.stage == Stage::Connecting {
            let cause = cause.unwrap_or_else(|| io::ErrorKind::ConnectionAborted.into());
            return Turn::Close(Err(Trouble::Connect(cause)));
        }
        let tls = cause.as_ref().and_then(|cause| cause.get_ref()?.downcast_ref());
        if let Some(tls) = tls.filter(|_| self.stage == Stage::Handshake) {
            return Turn::Close(Err(Trouble::Tls(rustls::Error::clone(tls))));
        }
        let is_whole = cause.is_none() && task.response.ends_with_connection();
        if is_whole || task.exchange.is_complete() {
            return Turn::Close(Ok(()));
        }
        Turn::Close(Err(Trouble::Lost(cause)))
    }

    fn tunnel(&mut self, route: &Route, clock: Clock) -> Turn {
        let Self { stream, task: Some(task), .. } = self else { return Turn::Wait };
        let response = &mut task.response;
        let fed = stream.each(|bytes, _| response.feed(bytes, |_| Ok::<_, ()>(())).map(drop));
        let status = response.head().map(|head| head.status);
        match (fed, status) {
            (Ok(Ok(())), None) => Turn::Wait,
            (Ok(Ok(())), Some(200)) => {
                task.response = Response::default();
                match self.start_tls(route) {
                    Ok(()) => self.push(route, clock),
                    Err(error) => Turn::Close(Err(Trouble::Lost(Some(error)))),
                }
            }
            (_, status) => {
                let what = task.exchange.what();
                let found =
                    status.map_or("no HTTP".to_owned(), |status| format!("status {status}"));
                let error = Error::new(
                    ErrorKind::Unavailable,
                    format!("{what}: the proxy opens no tunnel but answers with {found}"),
                )
                .with_phase("connect")
                .with_hint("check HTTPS_PROXY, or set `openai.proxy` to `none`");
                Turn::Close(Err(Trouble::Final(error)))
            }
        }
    }

    /// Limits that have passed at `now`: the error, or `Ok` for an answer that is complete.
    pub(crate) fn expired(&self, now: Instant) -> Option<Result<(), Trouble>> {
        let task = self.task.as_ref()?;
        if task.drain_by.is_some_and(|at| at <= now) {
            return Some(Ok(()));
        }
        let what = task.exchange.what();
        let is_open = self.stage == Stage::Open;
        if task.expires_at.is_some_and(|at| at <= now) {
            if task.exchange.is_complete() {
                return Some(Ok(()));
            }
            let seconds = now.saturating_duration_since(task.due).as_secs_f64();
            let phase = if is_open { task.exchange.phase() } else { "connect" };
            let error = error::timeout(what, phase, seconds, task.exchange.pieces());
            return Some(Err(Trouble::Final(error)));
        }
        if !is_open && task.connect_by <= now {
            return Some(Err(Trouble::Connect(io::ErrorKind::TimedOut.into())));
        }
        None
    }

    /// When [`Slot::expired`] has to be asked next.
    pub(crate) fn next_check(&self) -> Option<Instant> {
        let task = self.task.as_ref()?;
        let connect_by = (self.stage != Stage::Open).then_some(task.connect_by);
        [task.expires_at, task.drain_by, connect_by].into_iter().flatten().min()
    }
}
