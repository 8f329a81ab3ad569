//! Connections that wait for the next call.

use std::sync::{Mutex, PoisonError};

use super::stream::Stream;

/// Connections that are kept at most.
const MOST: usize = 64;

/// Connections that no call uses at the moment.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Vec<Stream>>);

impl Pool {
    /// A connection that still stands, the one used last first.
    pub(crate) fn take(&self) -> Option<Stream> {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mut stream) = streams.pop() {
            if stream.is_alive() {
                return Some(stream);
            }
        }
        None
    }

    /// Keeps a connection on which nothing is under way.
    pub(crate) fn give(&self, stream: Stream) {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if streams.len() < MOST {
            streams.push(stream);
        }
    }
}
