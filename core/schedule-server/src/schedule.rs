//! What a request asks the server to do, written as a model name.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const PREFIX: &str = "schedule:";

/// What comes before the first piece of content. Real servers do each of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Prelude {
    /// Nothing.
    #[default]
    None,
    /// At once a chunk that only names the role, as OpenAI, vLLM and llama.cpp send it.
    Role,
    /// At once a chunk whose content is empty.
    Empty,
    /// The first half of the pieces is `reasoning_content`.
    Reasoning,
}

/// What goes wrong, at piece [`Schedule::at`] where it is one within the stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// The connection is reset.
    Reset,
    /// Nothing more is sent, and the connection stays.
    Stall,
    /// A chunk that is no JSON.
    Malformed,
    /// The sending side is closed, the receiving one stays open.
    HalfClose,
    /// A line of four million bytes.
    Oversized,
    /// Status 200 with an HTML page.
    ContentType,
    /// Not even a status line comes before the first piece.
    SlowHead,
    /// This status, with `Retry-After: 1` and a JSON error.
    Status(u16),
}

/// An exact schedule: what is sent when.
///
/// As a model name it is `schedule:` and `KEY=VALUE` pairs with commas between
/// them; what is left out has the default. Times are in microseconds.
///
/// ```
/// use llmbench_schedule_server::{Fault, Schedule};
///
/// let schedule: Schedule = "schedule:first_us=500,tokens=3,fault=429".parse().unwrap();
/// assert_eq!(schedule.fault, Fault::Status(429));
/// assert_eq!(schedule.to_string().parse(), Ok(schedule));
/// assert!("schedule:fist_us=1".parse::<Schedule>().is_err());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    /// `first_us`: from the request's last byte to the first piece of content.
    pub first: Duration,
    /// `every_us`: between two pieces.
    pub every: Duration,
    /// `tokens`: pieces of content; the request's `max_tokens` when absent.
    pub tokens: Option<u32>,
    /// `per_write`: pieces that go into one write, at the time of the first of them; 0 is 1.
    pub per_write: u32,
    /// `split=1`: each piece goes out in two writes, 300 µs apart.
    pub is_split: bool,
    /// `pause_us`: an additional wait before piece `at`.
    pub pause: Duration,
    /// `at`: piece, from 0, at which the pause or the fault comes.
    pub at: u32,
    /// `prelude`: `role`, `empty` or `reasoning`.
    pub prelude: Prelude,
    /// `fault`: `reset`, `stall`, `malformed`, `half_close`, `oversized`, `content_type`,
    /// `slow_head` or a status such as `503`.
    pub fault: Fault,
    /// `id`: asks for a [`crate::Record`] under this number.
    pub id: Option<u64>,
}

impl Schedule {
    /// Pieces in one write, at least one.
    pub(crate) fn pieces_per_write(&self) -> u32 {
        self.per_write.max(1)
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        // Clients put their own prefix before a model's name; it ends with a slash.
        let (_, pairs) = name
            .split_once(PREFIX)
            .ok_or_else(|| format!("the model `{name}` does not begin with `{PREFIX}`"))?;
        let mut schedule = Self::default();
        for pair in pairs.split(',').filter(|pair| !pair.is_empty()) {
            let wrong = || format!("`{pair}` in the model's name is no `KEY=VALUE` of a schedule");
            let (key, value) = pair.split_once('=').ok_or_else(wrong)?;
            let number = || value.parse::<u64>().map_err(|_| wrong());
            let count = || value.parse::<u32>().map_err(|_| wrong());
            match key {
                "first_us" => schedule.first = Duration::from_micros(number()?),
                "every_us" => schedule.every = Duration::from_micros(number()?),
                "pause_us" => schedule.pause = Duration::from_micros(number()?),
                "tokens" => schedule.tokens = Some(count()?),
                "per_write" => schedule.per_write = count()?,
                "split" => schedule.is_split = number()? != 0,
                "at" => schedule.at = count()?,
                "id" => schedule.id = Some(number()?),
                "prelude" => schedule.prelude = prelude(value).ok_or_else(wrong)?,
                "fault" => schedule.fault = fault(value).ok_or_else(wrong)?,
                _ => return Err(wrong()),
            }
        }
        Ok(schedule)
    }
}

const PRELUDES: [(&str, Prelude); 4] = [
    ("none", Prelude::None),
    ("role", Prelude::Role),
    ("empty", Prelude::Empty),
    ("reasoning", Prelude::Reasoning),
];

const FAULTS: [(&str, Fault); 8] = [
    ("none", Fault::None),
    ("reset", Fault::Reset),
    ("stall", Fault::Stall),
    ("malformed", Fault::Malformed),
    ("half_close", Fault::HalfClose),
    ("oversized", Fault::Oversized),
    ("content_type", Fault::ContentType),
    ("slow_head", Fault::SlowHead),
];

fn prelude(name: &str) -> Option<Prelude> {
    PRELUDES.iter().find(|(known, _)| *known == name).map(|(_, prelude)| *prelude)
}

fn fault(name: &str) -> Option<Fault> {
    FAULTS.iter().find(|(known, _)| *known == name).map(|(_, fault)| *fault).or_else(|| {
        let status = name.parse().ok()?;
        (400..600).contains(&status).then_some(Fault::Status(status))
    })
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{PREFIX}first_us={},every_us={}",
            self.first.as_micros(),
            self.every.as_micros()
        )?;
        if let Some(tokens) = self.tokens {
            write!(f, ",tokens={tokens}")?;
        }
        if self.per_write > 0 {
            write!(f, ",per_write={}", self.per_write)?;
        }
        if self.is_split {
            f.write_str(",split=1")?;
        }
        if !self.pause.is_zero() {
            write!(f, ",pause_us={}", self.pause.as_micros())?;
        }
        if self.at > 0 {
            write!(f, ",at={}", self.at)?;
        }
        if let Some((name, _)) = PRELUDES[1..].iter().find(|(_, known)| *known == self.prelude) {
            write!(f, ",prelude={name}")?;
        }
        match self.fault {
            Fault::Status(status) => write!(f, ",fault={status}")?,
            fault => {
                if let Some((name, _)) = FAULTS[1..].iter().find(|(_, known)| *known == fault) {
                    write!(f, ",fault={name}")?;
                }
            }
        }
        match self.id {
            Some(id) => write!(f, ",id={id}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_survives_being_a_model_name() {
        for fault in [Fault::None, Fault::Reset, Fault::SlowHead, Fault::Status(503)] {
            for prelude in PRELUDES.map(|(_, prelude)| prelude) {
                let schedule = Schedule {
                    first: Duration::from_micros(50_000),
                    every: Duration::from_micros(5),
                    tokens: Some(40),
                    per_write: 3,
                    is_split: true,
                    pause: Duration::from_micros(9),
                    at: 7,
                    prelude,
                    fault,
                    id: Some(12),
                };
                assert_eq!(schedule.to_string().parse(), Ok(schedule));
            }
        }
        assert_eq!(Schedule::default().to_string().parse(), Ok(Schedule::default()));
    }

    #[test]
    fn wrong_names_are_refused_with_the_part_that_is_wrong() {
        for (name, part) in [
            ("gpt-4", "`gpt-4`"),
            ("schedule:first=1", "`first=1`"),
            ("schedule:first_us=-1", "`first_us=-1`"),
            ("schedule:fault=nova", "`fault=nova`"),
            ("schedule:fault=200", "`fault=200`"),
            ("schedule:tokens", "`tokens`"),
        ] {
            let error = name.parse::<Schedule>().unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
