//! A server that answers on an exact schedule, to measure a measuring client with.
//!
//! It speaks the streaming part of the OpenAI chat API on the loopback interface:
//! the first piece of content a fixed time after a request has arrived, each next
//! one a fixed time later, and it notes the instants at which it really sent them.
//! A client on the same machine reads the same clock, so the difference between
//! its instants and these is its own error.
//!
//! The model's name tells the schedule, so that any client can ask for one:
//! `schedule:first_us=50000,every_us=5000,tokens=40,id=7`; see [`Schedule`]. The
//! same name asks for faults ([`Fault`]) and for the ways in which real servers cut
//! and begin their streams ([`Prelude`]).
//!
//! One thread does everything, so that on two cores the other is the client's. It
//! computes nothing, speaks no TLS and listens on no other interface.

mod answer;
mod connection;
mod record;
mod render;
mod request;
mod schedule;
mod server;

pub use record::Record;
pub use schedule::{Fault, Prelude, Schedule};
pub use server::ScheduleServer;
