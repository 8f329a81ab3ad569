//! Connections: addresses, proxies, TLS, and the sockets themselves.

mod pool;
mod proxy;
mod stream;
mod target;
mod tls;

pub(crate) use pool::Pool;
pub(crate) use stream::{Pulled, Stream};
pub(crate) use target::{Route, Target};
