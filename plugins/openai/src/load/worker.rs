//! The loop of one thread over its connections.
//!
//! Each round reads all sockets that are ready first, each with its instant, and
//! makes sense of the bytes afterwards: a piece's instant does not wait for the
//! pieces of other connections to be parsed.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use llmbench_api::{Clock, Error, ErrorKind, Result};
use mio::{Events, Interest, Poll, Token, Waker};

use super::control::Seat;
use super::slot::{Slot, Stage, Task, Trouble, Turn};
use super::{Control, Job, Source};
use crate::error;
use crate::exchange::{Exchange, cancelled};
use crate::net::{Pool, Pulled, Route, Stream};

const WAKER: Token = Token(usize::MAX);

/// Limits of a worker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Requests under way at a time.
    pub(crate) requests: usize,
    /// For a connection to stand.
    pub(crate) connect: Duration,
}

/// One thread's share of a load.
pub(crate) struct Worker<'a, E, S> {
    seat: Arc<Seat>,
    poll: Poll,
    source: &'a S,
    route: &'a Route,
    url: &'a str,
    pool: &'a Pool,
    control: &'a Control,
    clock: Clock,
    limits: Limits,
    slots: Vec<Option<Slot<E>>>,
    free: Vec<usize>,
    idle: Vec<usize>,
    active: usize,
    /// Since when the places are free that have been taken before, oldest first.
    freed: VecDeque<Instant>,
    /// When the reads of this round were done: what ends in it has ended by then.
    read_at: Instant,
    /// Slots that have more to read, without another event.
    again: Vec<usize>,
    /// Number of the round, from 1.
    round: u64,
    next_check: Option<Instant>,
}

impl<'a, E: Exchange, S: Source<E>> Worker<'a, E, S> {
    /// A worker that `control` can wake.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the system has no more descriptors.
    pub(crate) fn new(
        source: &'a S,
        route: &'a Route,
        url: &'a str,
        pool: &'a Pool,
        control: &'a Arc<Control>,
        clock: Clock,
        limits: Limits,
    ) -> Result<Self> {
        let failed = |error: io::Error| {
            Error::new(ErrorKind::Internal, "wait for sockets")
                .with_hint("raise the limit of open files with `ulimit -n 4096`")
                .with_cause(&error)
        };
        let poll = Poll::new().map_err(failed)?;
        let waker = Waker::new(poll.registry(), WAKER).map_err(failed)?;
        Ok(Self {
            seat: control.add(waker, limits.requests),
            poll,
            source,
            route,
            url,
            pool,
            control,
            clock,
            limits,
            slots: Vec::new(),
            free: Vec::new(),
            idle: Vec::new(),
            active: 0,
            freed: VecDeque::new(),
            read_at: Instant::now(),
            again: Vec::new(),
            round: 0,
            next_check: None,
        })
    }

    /// Works until every request of the source is finished, or the load is halted.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        let mut pulled: Vec<(usize, Pulled)> = Vec::new();
        let start = Instant::now();
        loop {
            if self.control.is_halted() {
                self.cancel_all();
                break;
            }
            while self.active < self.limits.requests
                && let Some(job) = self.source.take(self.freed.front().copied().unwrap_or(start))
            {
                self.freed.pop_front();
                self.begin(job);
            }
            if self.active == 0 && self.source.is_exhausted() {
                break;
            }
            if self.wait(&mut events).is_err() {
                // Cannot happen with a poll that was made; if it does, nothing may be lost.
                self.cancel_all();
                break;
            }
            self.round += 1;
            // Reading first; of a socket that is named twice only once, or the bytes of the
            // first read would be lost. Events come first: they tell of ends.
            for event in &events {
                let is_ending = event.is_read_closed() || event.is_error();
                if event.token() != WAKER && (event.is_readable() || is_ending) {
                    self.pull(event.token().0, is_ending, &mut pulled);
                }
            }
            for index in std::mem::take(&mut self.again) {
                self.pull(index, false, &mut pulled);
            }
            self.read_at = Instant::now();
            for (index, pulled) in pulled.drain(..) {
                let (route, clock) = (self.route, self.clock);
                self.turn(index, |slot| slot.take_in(pulled, route, clock));
            }
            for event in &events {
                if event.token() != WAKER && event.is_writable() {
                    let (route, clock) = (self.route, self.clock);
                    self.turn(event.token().0, |slot| slot.push(route, clock));
                }
            }
            self.expire();
        }
        for mut slot in self.slots.into_iter().flatten() {
            if self.poll.registry().deregister(&mut slot.stream.tcp).is_ok()
                && slot.task.is_none()
                && slot.stage == Stage::Open
            {
                self.pool.give(slot.stream);
            }
        }
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let limit = if self.again.is_empty() {
            self.next_check.map(|at| at.saturating_duration_since(Instant::now()))
        } else {
            Some(Duration::ZERO)
        };
        self.seat.set_waiting(true);
        let polled = self.poll.poll(events, limit);
        self.seat.set_waiting(false);
        match polled {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            other => other,
        }
    }

    /// Reads once from a socket. One that `is_ending` has its end behind the bytes of
    /// this read, and no other event will tell.
    fn pull(&mut self, index: usize, is_ending: bool, pulled: &mut Vec<(usize, Pulled)>) {
        if let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut)
            && slot.stage != Stage::Connecting
            && slot.pulled_in != self.round
        {
            slot.pulled_in = self.round;
            pulled.push(match slot.stream.pull(self.clock) {
                Pulled::All if is_ending => (index, Pulled::More),
                other => (index, other),
            });
        }
    }

    fn begin(&mut self, job: Job<E>) {
        let now = Instant::now();
        if job.expires_at.is_some_and(|at| at <= now) {
            let seconds = now.saturating_duration_since(job.due).as_secs_f64();
            let error = error::timeout(job.exchange.what(), "schedule", seconds, 0);
            job.exchange.finish(Err(error), self.clock.now_ns());
            self.freed.push_back(now);
            return;
        }
        self.set_active(self.active + 1);
        let task = Task::new(job, now + self.limits.connect);
        self.check_at(task.expires_at);
        let (route, clock) = (self.route, self.clock);
        if let Some(index) = self.idle.pop()
            && let Some(slot) = &mut self.slots[index]
        {
            slot.task = Some(task);
            self.turn(index, |slot| slot.push(route, clock));
        } else if let Some(stream) = self.pool.take() {
            self.place(stream, Stage::Open, task);
        } else {
            self.connect(task);
        }
    }

    /// Opens a connection for `task`, to the next address that was not tried.
    fn connect(&mut self, mut task: Task<E>) {
        loop {
            let Some(address) = self.route.addresses.get(task.addresses) else {
                let cause = io::ErrorKind::AddrNotAvailable.into();
                let error = error::no_connection(task.exchange.what(), self.url, &cause);
                return self.end(task, Err(error));
            };
            task.addresses += 1;
            match Stream::connect(*address) {
                Ok(stream) => {
                    self.check_at(Some(task.connect_by));
                    return self.place(stream, Stage::Connecting, task);
                }
                Err(error) if task.addresses == self.route.addresses.len() => {
                    let error = error::no_connection(task.exchange.what(), self.url, &error);
                    return self.end(task, Err(error));
                }
                Err(_) => {}
            }
        }
    }

    fn place(&mut self, mut stream: Stream, stage: Stage, task: Task<E>) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self.poll.registry().register(&mut stream.tcp, Token(index), interest) {
            Ok(()) => {
                self.slots[index] = Some(Slot { stream, stage, task: Some(task), pulled_in: 0 });
                if stage == Stage::Open {
                    let (route, clock) = (self.route, self.clock);
                    self.turn(index, |slot| slot.push(route, clock));
                }
            }
            Err(cause) => {
                self.free.push(index);
                let error = error::no_connection(task.exchange.what(), self.url, &cause);
                self.end(task, Err(error));
            }
        }
    }

    /// Does `work` for a slot and what follows from it.
    fn turn(&mut self, index: usize, work: impl FnOnce(&mut Slot<E>) -> Turn) {
        let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else { return };
        match work(slot) {
            Turn::Wait => {
                let drain_by = slot.task.as_ref().and_then(|task| task.drain_by);
                self.check_at(drain_by);
            }
            Turn::Again => self.again.push(index),
            Turn::Idle { has_more } => {
                let task = slot.task.take();
                // A connection that ended with its answer is not for the next request.
                match if has_more { slot.settle(self.clock) } else { Turn::Wait } {
                    Turn::Close(result) => self.close(index, result),
                    _ => self.idle.push(index),
                }
                if let Some(task) = task {
                    self.end(task, Ok(()));
                }
            }
            Turn::Close(result) => self.close(index, result),
        }
    }

    /// Removes a connection; its request ends, or begins again on another one.
    fn close(&mut self, index: usize, result: Result<(), Trouble>) {
        let Some(mut slot) = self.slots[index].take() else { return };
        let _ = self.poll.registry().deregister(&mut slot.stream.tcp);
        self.free.push(index);
        self.idle.retain(|idle| *idle != index);
        let lost_a_race = slot.lost_a_race();
        let Some(mut task) = slot.task.take() else { return };
        let connect_by = Instant::now() + self.limits.connect;
        let what = task.exchange.what();
        match result {
            Ok(()) => self.end(task, Ok(())),
            Err(Trouble::Final(error)) => self.end(task, Err(error)),
            Err(Trouble::Tls(cause)) => {
                let error = error::no_tls(what, self.url, &cause);
                self.end(task, Err(error));
            }
            Err(Trouble::Connect(_)) if task.addresses < self.route.addresses.len() => {
                self.connect(task.again(connect_by));
            }
            Err(Trouble::Connect(cause)) if cause.kind() == io::ErrorKind::TimedOut => {
                let seconds = self.limits.connect.as_secs_f64();
                let error = error::timeout(what, "connect", seconds, 0);
                self.end(task, Err(error));
            }
            Err(Trouble::Connect(cause)) => {
                let error = error::no_connection(what, self.url, &cause);
                self.end(task, Err(error));
            }
            // A server may close a connection that waits at the moment of the next
            // request. The request was not begun, so it can be sent again, once.
            Err(Trouble::Lost(_)) if lost_a_race => {
                task.was_repeated = true;
                task.addresses = 0;
                self.connect(task.again(connect_by));
            }
            Err(Trouble::Lost(cause)) => {
                let pieces = task.exchange.pieces();
                let error = match cause {
                    Some(cause) => error::broken(what, pieces, &cause),
                    None => error::ended_early(what, pieces),
                };
                self.end(task, Err(error));
            }
        }
    }

    fn end(&mut self, task: Task<E>, result: Result<()>) {
        self.set_active(self.active - 1);
        self.freed.push_back(self.read_at);
        // The receiver wants no more of anything.
        if result.as_ref().is_err_and(|error| error.kind == ErrorKind::Cancelled) {
            self.control.halt();
        }
        task.exchange.finish(result, self.clock.now_ns());
    }

    fn set_active(&mut self, active: usize) {
        self.active = active;
        self.seat.set_room(self.limits.requests.saturating_sub(active));
    }

    fn check_at(&mut self, at: Option<Instant>) {
        self.next_check = [self.next_check, at].into_iter().flatten().min();
    }

    fn expire(&mut self) {
        let now = Instant::now();
        if self.next_check.is_none_or(|at| at > now) {
            return;
        }
        for index in 0..self.slots.len() {
            if let Some(result) = self.slots[index].as_ref().and_then(|slot| slot.expired(now)) {
                self.close(index, result);
            }
        }
        self.next_check = self.slots.iter().flatten().filter_map(Slot::next_check).min();
    }

    /// Ends everything that is under way and everything that would have come.
    fn cancel_all(&mut self) {
        for index in 0..self.slots.len() {
            if let Some(task) = self.slots[index].as_mut().and_then(|slot| slot.task.take()) {
                self.active -= 1;
                let error = cancelled(task.exchange.what(), task.exchange.phase());
                task.exchange.finish(Err(error), self.clock.now_ns());
                // Its answer is still coming: the connection is of no use.
                if let Some(mut slot) = self.slots[index].take() {
                    let _ = self.poll.registry().deregister(&mut slot.stream.tcp);
                }
            }
        }
        loop {
            while let Some(job) = self.source.take(self.read_at) {
                let error = cancelled(job.exchange.what(), "schedule");
                job.exchange.finish(Err(error), self.clock.now_ns());
            }
            if self.source.is_exhausted() {
                return;
            }
            // The dispatcher has seen the halt too and hands out the rest at once.
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}
