//! A stand-in for a server that misbehaves.
//!
//! It speaks just enough HTTP/1.1 to break it: it hangs, sends garbage, cuts
//! lines and characters, and goes away. Whatever a real server can be made to
//! show is tested against the real one instead.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// One thing that the server does with a connection.
#[derive(Debug, Clone)]
pub enum Step {
    /// Status line and headers; the body follows in chunks.
    Head {
        /// For example 200.
        status: u16,
        /// For example `application/x-ndjson`.
        content_type: &'static str,
    },
    /// These bytes as one HTTP chunk, flushed.
    Chunk(Vec<u8>),
    /// What this makes of the request, as one HTTP chunk.
    Reply(fn(&Request) -> String),
    /// These bytes as they are, instead of HTTP.
    Raw(Vec<u8>),
    /// Waits, so that the bytes before arrive on their own.
    Pause(Duration),
    /// Says nothing more until the client goes away.
    Hang,
    /// Closes the connection without ending the body.
    Abort,
}

impl Step {
    /// Head of a successful stream of JSON lines.
    pub fn ndjson() -> Self {
        Self::Head { status: 200, content_type: "application/x-ndjson" }
    }

    /// Text as one chunk.
    pub fn chunk(text: impl Into<Vec<u8>>) -> Self {
        Self::Chunk(text.into())
    }

    /// A whole JSON answer with `status`.
    pub fn json(status: u16, body: &str) -> Vec<Self> {
        vec![
            Self::Head { status, content_type: "application/json; charset=utf-8" },
            Self::chunk(body),
        ]
    }
}

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// For example `POST`.
    pub method: String,
    /// For example `/api/chat`.
    pub path: String,
    /// The whole body.
    pub body: String,
}

/// An address at which connections are neither made nor refused.
///
/// It listens, never accepts, and its queue is full: the system then drops
/// what arrives, as a firewall does.
#[derive(Debug)]
pub struct DeafAddress {
    address: SocketAddr,
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl DeafAddress {
    /// A deaf address on the loopback interface, `None` where the system
    /// accepts any number of connections by itself.
    ///
    /// # Panics
    /// When the loopback interface has no free port.
    pub fn new() -> Option<Self> {
        const LARGEST_QUEUE: usize = 5000;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let mut queued = Vec::new();
        while queued.len() < LARGEST_QUEUE {
            match TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
                Ok(stream) => queued.push(stream),
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    return Some(Self { address, _listener: listener, _queued: queued });
                }
                Err(_) => return None,
            }
        }
        None
    }

    /// Its URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// The running stand-in; ends when dropped.
#[derive(Debug)]
pub struct FaultServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    routes: HashMap<String, Vec<Step>>,
    requests: Mutex<Vec<Request>>,
    disconnects: Mutex<usize>,
    disconnected: Condvar,
    ended: AtomicBool,
}

impl FaultServer {
    /// Starts a server that does `routes[path]` for every request to that path,
    /// and answers 404 to any other.
    ///
    /// # Panics
    /// When the loopback interface has no free port.
    pub fn start<const N: usize>(routes: [(&str, Vec<Step>); N]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            routes: routes.into_iter().map(|(path, steps)| (path.to_owned(), steps)).collect(),
            requests: Mutex::default(),
            disconnects: Mutex::default(),
            disconnected: Condvar::new(),
            ended: AtomicBool::new(false),
        });
        let server = Self { address, shared: shared.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.ended.load(Ordering::SeqCst) {
                    return;
                }
                let shared = shared.clone();
                std::thread::spawn(move || {
                    // A client that goes away is part of what is tested.
                    let _ = serve(stream, &shared);
                });
            }
        });
        server
    }

    /// A URL on which nothing listens.
    ///
    /// # Panics
    /// When the loopback interface has no free port.
    pub fn unreachable_url() -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
        format!("http://{}", listener.local_addr().expect("a bound socket has an address"))
    }

    /// Base URL of the server, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests so far, in their order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// True once a client has left a [`Step::Hang`], waiting at most `limit` for it.
    pub fn client_left(&self, limit: Duration) -> bool {
        let count = self.shared.disconnects.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, _) = self
            .shared
            .disconnected
            .wait_timeout_while(count, limit, |count| *count == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *count > 0
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the accepting thread.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let request = read_request(&mut reader)?;
    let steps = shared.routes.get(&request.path).cloned();
    shared.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
    let steps = steps.unwrap_or_else(|| Step::json(404, r#"{"error":"no such route"}"#));
    let mut has_body = false;
    for step in steps {
        match step {
            Step::Head { status, content_type } => {
                has_body = true;
                write!(
                    stream,
                    "HTTP/1.1 {status} Stand-in\r\nContent-Type: {content_type}\r\n\
                     Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                )?;
            }
            Step::Chunk(bytes) => write_chunk(&mut stream, &bytes)?,
            Step::Reply(reply) => write_chunk(&mut stream, reply(&request).as_bytes())?,
            Step::Raw(bytes) => stream.write_all(&bytes)?,
            Step::Pause(time) => std::thread::sleep(time),
            Step::Hang => {
                // Ends with the client: nothing else is ever sent on this connection.
                let _ = reader.read(&mut [0; 1]);
                *shared.disconnects.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                shared.disconnected.notify_all();
                return Ok(());
            }
            Step::Abort => return stream.shutdown(Shutdown::Both),
        }
        stream.flush()?;
    }
    if has_body {
        stream.write_all(b"0\r\n\r\n")?;
    }
    Ok(())
}

fn write_chunk(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend(bytes);
    chunk.extend(b"\r\n");
    stream.write_all(&chunk)
}

fn read_request(reader: &mut impl BufRead) -> std::io::Result<Request> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Request { method, path, body: String::from_utf8_lossy(&body).into_owned() })
}
