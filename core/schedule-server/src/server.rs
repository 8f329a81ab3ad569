//! The loop that serves all connections.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::connection::{Connection, Life};
use crate::record::Record;
use crate::render;

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
const FIRST_CONNECTION: usize = 2;
/// The system waits in whole milliseconds for events; what is shorter is slept.
const COARSE: Duration = Duration::from_millis(1);
/// A thread that does not answer within this has ended.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// A running server; ends when dropped.
#[derive(Debug)]
pub struct ScheduleServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    is_ending: AtomicBool,
    connections: AtomicUsize,
    questions: Mutex<Vec<Question>>,
}

/// What others want to know from the server's thread.
#[derive(Debug)]
enum Question {
    CpuTime(Sender<Option<Duration>>),
    Records(Sender<Vec<Record>>),
}

impl ScheduleServer {
    /// Starts a server on a free port of the loopback interface.
    ///
    /// # Errors
    /// Those of the system, when it has no port or no thread left.
    pub fn start() -> io::Result<Self> {
        Self::on_port(0)
    }

    /// As [`ScheduleServer::start`], with these models in its list, for clients that ask for no others.
    ///
    /// # Errors
    /// As [`ScheduleServer::start`].
    pub fn listing(models: &[&str]) -> io::Result<Self> {
        Self::serving(0, models)
    }

    /// Starts a server on `port` of the loopback interface; 0 is any free one.
    ///
    /// # Errors
    /// As [`ScheduleServer::start`], and when the port is taken.
    pub fn on_port(port: u16) -> io::Result<Self> {
        Self::serving(port, &["schedule:"])
    }

    fn serving(port: u16, models: &[&str]) -> io::Result<Self> {
        let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port).into())?;
        let address = listener.local_addr()?;
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let shared = Arc::new(Shared::default());
        let service = Service {
            poll,
            listener,
            connections: Vec::new(),
            free: Vec::new(),
            timers: BinaryHeap::new(),
            last_timer: 0,
            records: Vec::new(),
            list: render::models(models).into(),
            shared: Arc::clone(&shared),
        };
        let thread = std::thread::Builder::new()
            .name("schedule server".into())
            .spawn(move || service.run())?;
        Ok(Self { address, shared, waker, thread: Some(thread) })
    }

    /// Base URL of the server, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Connections that were accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Processor time that the server's thread has used so far, to be taken off that of
    /// a process which also holds the client. `None` where the system does not tell it.
    pub fn cpu_time(&self) -> Option<Duration> {
        self.ask(Question::CpuTime)?
    }

    /// The records of answers that ended since the last call, in the order of their ends.
    /// An answer whose end a client has read is among them.
    pub fn take_records(&self) -> Vec<Record> {
        self.ask(Question::Records).unwrap_or_default()
    }

    /// Asks the thread between two of its rounds; `None` when it has ended.
    fn ask<T>(&self, question: impl FnOnce(Sender<T>) -> Question) -> Option<T> {
        let (sender, receiver) = channel();
        let mut questions = self.shared.questions.lock().unwrap_or_else(PoisonError::into_inner);
        questions.push(question(sender));
        drop(questions);
        self.waker.wake().ok()?;
        receiver.recv_timeout(ANSWER_LIMIT).ok()
    }
}

impl Drop for ScheduleServer {
    fn drop(&mut self) {
        self.shared.is_ending.store(true, Ordering::SeqCst);
        let _ = self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Service {
    poll: Poll,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// When, which connection, and the number of its timer.
    timers: BinaryHeap<Reverse<(Instant, usize, u64)>>,
    /// Number of the timer that was set last; none is used twice.
    last_timer: u64,
    records: Vec<Record>,
    /// What the question for models is answered with.
    list: Arc<str>,
    shared: Arc<Shared>,
}

impl Service {
    fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        while !self.shared.is_ending.load(Ordering::SeqCst) {
            self.send_due();
            if self.wait(&mut events).is_err() {
                return;
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    WAKER => self.answer_questions(),
                    Token(token) => {
                        let index = token - FIRST_CONNECTION;
                        let (readable, writable) = (event.is_readable(), event.is_writable());
                        let is_leaving = event.is_read_closed() || event.is_error();
                        self.serve(index, |connection, records| {
                            if writable && connection.writable(records) == Life::Closed {
                                return Life::Closed;
                            }
                            if readable || is_leaving {
                                connection.readable(is_leaving, records)
                            } else {
                                Life::Open
                            }
                        });
                    }
                }
            }
        }
    }

    /// Waits for events, at most until the next bytes are due.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let next = self.timers.peek().map(|Reverse((due, _, _))| *due);
        let left = next.map(|due| due.saturating_duration_since(Instant::now()));
        let limit = match left {
            Some(left) if left < COARSE => {
                if !left.is_zero() {
                    std::thread::sleep(left);
                }
                Some(Duration::ZERO)
            }
            // Rounded down: better early once more than late.
            Some(left) => Some(Duration::from_millis(left.as_millis() as u64)),
            None => None,
        };
        match self.poll.poll(events, limit) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            other => other,
        }
    }

    fn accept(&mut self) {
        // Whatever fails here fails for the client too, and it will say so.
        while let Ok((mut stream, _)) = self.listener.accept() {
            self.shared.connections.fetch_add(1, Ordering::SeqCst);
            let index = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            let token = Token(index + FIRST_CONNECTION);
            let interest = Interest::READABLE | Interest::WRITABLE;
            if self.poll.registry().register(&mut stream, token, interest).is_ok() {
                self.connections[index] = Some(Connection::new(stream, Arc::clone(&self.list)));
                // The request may have come with the connection.
                self.serve(index, |connection, records| connection.readable(false, records));
            } else {
                self.free.push(index);
            }
        }
    }

    fn send_due(&mut self) {
        let until = Instant::now();
        while let Some(Reverse((due, index, timer))) = self.timers.peek().copied() {
            if due > until {
                return;
            }
            self.timers.pop();
            let is_current = self.connections[index]
                .as_ref()
                .is_some_and(|connection| connection.timer == timer);
            if is_current {
                self.serve(index, |connection, records| {
                    connection.advance(Instant::now(), records)
                });
            }
        }
    }

    /// Does `work` for a connection, then sets its timer or removes it.
    fn serve(
        &mut self,
        index: usize,
        work: impl FnOnce(&mut Connection, &mut Vec<Record>) -> Life,
    ) {
        let Some(connection) = self.connections.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        if work(connection, &mut self.records) == Life::Closed {
            if let Some(mut connection) = self.connections[index].take() {
                let _ = self.poll.registry().deregister(&mut connection.stream);
            }
            self.free.push(index);
            return;
        }
        if let Some(due) = connection.due() {
            self.last_timer += 1;
            connection.timer = self.last_timer;
            self.timers.push(Reverse((due, index, connection.timer)));
        }
    }

    fn answer_questions(&mut self) {
        let questions = &self.shared.questions;
        for question in questions.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // Whoever does not wait any more needs no answer.
            let _ = match question {
                Question::CpuTime(asker) => asker.send(thread_cpu_time()).ok(),
                Question::Records(asker) => asker.send(std::mem::take(&mut self.records)).ok(),
            };
        }
    }
}

#[cfg(unix)]
fn thread_cpu_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Some(Duration::new(time.tv_sec.try_into().ok()?, time.tv_nsec.try_into().ok()?))
}

#[cfg(not(unix))]
fn thread_cpu_time() -> Option<Duration> {
    None
}
