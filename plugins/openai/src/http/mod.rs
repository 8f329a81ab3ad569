//! As much of HTTP/1.1 as answers need: heads and the framing of bodies.

mod body;
mod response;

pub(crate) use response::{Head, Part, Response, SPEAKS_TLS, State};
