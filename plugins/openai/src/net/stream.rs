//! One socket, plain or with TLS, read in two steps: first the bytes and their
//! instant, then whatever is made of them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use llmbench_api::Clock;
use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

/// Bytes of a read: some sixty pieces of a fast stream.
const BUFFER_BYTES: usize = 16 * 1024;

/// A way that seems longer was one that lost packets.
const LONGEST_ROUND_TRIP: Duration = Duration::from_millis(300);

/// What one look at a socket has brought.
#[derive(Debug)]
pub(crate) enum Pulled {
    /// Bytes; there may be more.
    More,
    /// Bytes, and nothing is left.
    All,
    /// Nothing.
    Nothing,
    /// The other side sends no more.
    End,
    /// The connection broke.
    Broken(io::Error),
}

/// A connection. Never blocks.
pub(crate) struct Stream {
    pub(crate) tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
    buffer: Box<[u8]>,
    filled: usize,
    at_ns: u64,
    /// True once an answer came over it.
    pub(crate) was_used: bool,
    begun: Instant,
    /// How long the way to the other side and back took when it connected.
    pub(crate) round_trip: Duration,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("tcp", &self.tcp).finish_non_exhaustive()
    }
}

impl Stream {
    /// Begins to connect.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            tcp: TcpStream::connect(address)?,
            tls: None,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            filled: 0,
            at_ns: 0,
            was_used: false,
            begun: Instant::now(),
            round_trip: Duration::ZERO,
        })
    }

    /// Whether the connection stands by now; an error when it never will.
    pub(crate) fn is_connected(&mut self) -> io::Result<bool> {
        if let Some(error) = self.tcp.take_error()? {
            return Err(error);
        }
        match self.tcp.peer_addr() {
            Ok(_) => {
                self.round_trip = self.begun.elapsed().min(LONGEST_ROUND_TRIP);
                self.tcp.set_nodelay(true)?;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Begins TLS on the connection that stands.
    pub(crate) fn start_tls(
        &mut self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<()> {
        let mut tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
        // A request may be larger than the usual limit of what waits to be encrypted.
        tls.set_buffer_limit(None);
        self.tls = Some(Box::new(tls));
        self.push_tls()
    }

    /// Whether the handshake, if there is one, is still to be done.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    /// Writes as much as the system takes and returns how much that was.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(tls) = &mut self.tls {
            let count = tls.writer().write(bytes)?;
            self.push_tls()?;
            return Ok(count);
        }
        let mut written = 0;
        while written < bytes.len() {
            match self.tcp.write(&bytes[written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    /// Sends encrypted bytes that wait.
    pub(crate) fn push_tls(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            match tls.write_tls(&mut self.tcp) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads once from the socket and notes the instant, before anything else is done.
    pub(crate) fn pull(&mut self, clock: Clock) -> Pulled {
        self.filled = 0;
        loop {
            let read = match &mut self.tls {
                None => self.tcp.read(&mut self.buffer),
                Some(tls) => tls.read_tls(&mut self.tcp),
            };
            self.at_ns = clock.now_ns();
            return match read {
                Ok(0) => Pulled::End,
                Ok(count) if self.tls.is_none() => {
                    self.filled = count;
                    // A short read has emptied the socket.
                    if count < self.buffer.len() { Pulled::All } else { Pulled::More }
                }
                Ok(_) => Pulled::More,
                Err(error) if error.kind() == ErrorKind::WouldBlock => Pulled::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Pulled::Broken(error),
            };
        }
    }

    /// Hands what was pulled to `take`, in pieces of any size.
    ///
    /// # Errors
    /// Of TLS, as an I/O error; those of `take` come back inside.
    pub(crate) fn each<E>(
        &mut self,
        mut take: impl FnMut(&[u8], u64) -> Result<(), E>,
    ) -> io::Result<Result<(), E>> {
        let Some(tls) = &mut self.tls else {
            return Ok(match self.filled {
                0 => Ok(()),
                filled => take(&self.buffer[..filled], self.at_ns),
            });
        };
        let processed = tls.process_new_packets();
        // Handshakes, key updates and alerts have something to send.
        let pushed = self.push_tls();
        processed.map_err(io::Error::other)?;
        pushed?;
        let Some(tls) = &mut self.tls else { return Ok(Ok(())) };
        loop {
            match tls.reader().read(&mut self.buffer) {
                // The other side said good-bye; the socket's own end follows.
                Ok(0) => return Ok(Ok(())),
                Ok(count) => {
                    if let Err(error) = take(&self.buffer[..count], self.at_ns) {
                        return Ok(Err(error));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Ok(())),
                // Cut off without a good-bye: the same as the socket's end.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Ok(())),
                Err(error) => return Err(error),
            }
        }
    }

    /// False once the other side has left, or sent what nobody asked for.
    pub(crate) fn is_alive(&mut self) -> bool {
        match self.tcp.peek(&mut [0; 1]) {
            Err(error) => error.kind() == ErrorKind::WouldBlock,
            // With TLS it may be a ticket for later sessions.
            Ok(count) => count > 0 && self.tls.is_some(),
        }
    }
}
