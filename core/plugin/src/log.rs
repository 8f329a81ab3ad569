//! Forwards this library's `tracing` events to the host's subscriber.
//!
//! Statics are per library, so the plugin has a dispatcher of its own; without
//! this its events would go nowhere. Level, target, typed fields and the names
//! and fields of the surrounding spans survive.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use abi_stable::std_types::RSlice;
use llmbench_abi::{LogBox, RawField, RawLogEvent};
use llmbench_api::{Error, ErrorKind, Result};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

/// Makes `host` the receiver of everything that this library logs.
///
/// A second host in the same process finds the first one's log still in place:
/// both end at the same subscriber.
pub(crate) fn install(host: LogBox) -> Result<()> {
    static INSTALLED: Mutex<bool> = Mutex::new(false);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if *installed {
        return Ok(());
    }
    let forward = Forward { host, next_id: AtomicU64::new(1), spans: Mutex::default() };
    tracing::subscriber::set_global_default(forward).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            "the plugin installed a log subscriber of its own; log through `tracing` only",
        )
        .with_cause(&error)
    })?;
    *installed = true;
    Ok(())
}

struct Forward {
    host: LogBox,
    next_id: AtomicU64,
    spans: Mutex<HashMap<u64, Span>>,
}

struct Span {
    label: String,
    handles: usize,
}

thread_local! {
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    /// Set while an event is under way, so that logging inside logging ends.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Marks this thread as logging until it is dropped, also by a panic in a field's `Debug`.
struct Busy;

impl Busy {
    fn enter() -> Option<Self> {
        (!BUSY.replace(true)).then_some(Self)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        BUSY.set(false);
    }
}

impl Forward {
    fn with_spans<T>(&self, work: impl FnOnce(&mut HashMap<u64, Span>) -> T) -> T {
        work(&mut self.spans.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn span_path(&self) -> String {
        ENTERED.with(|entered| {
            let entered = entered.borrow();
            if entered.is_empty() {
                return String::new();
            }
            self.with_spans(|spans| {
                let labels =
                    entered.iter().filter_map(|id| spans.get(id)).map(|span| span.label.as_str());
                labels.collect::<Vec<_>>().join(":")
            })
        })
    }
}

impl Subscriber for Forward {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if level_number(metadata.level()) > self.host.max_level() {
            Interest::never()
        } else {
            Interest::sometimes()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match self.host.max_level() {
            0 => LevelFilter::OFF,
            1 => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            4 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        })
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span()
            || self.host.enabled(level_number(metadata.level()), metadata.target().into())
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let name = attributes.metadata().name();
        let label = if fields.values.is_empty() {
            name.to_owned()
        } else {
            format!("{name}{{{}}}", fields.text())
        };
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.with_spans(|spans| spans.insert(id, Span { label, handles: 1 }));
        Id::from_u64(id)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        self.with_spans(|spans| {
            if let Some(span) = spans.get_mut(&id.into_u64()) {
                let _ = write!(span.label, "{{{}}}", fields.text());
            }
        });
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let Some(_busy) = Busy::enter() else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let spans = self.span_path();
        let raw: Vec<RawField<'_>> =
            fields.values.iter().map(|(name, value)| value.raw(name)).collect();
        let metadata = event.metadata();
        self.host.event(RawLogEvent {
            level: level_number(metadata.level()),
            target: metadata.target().into(),
            file: metadata.file().unwrap_or_default().into(),
            line: metadata.line().unwrap_or_default(),
            spans: spans.as_str().into(),
            message: fields.message.as_str().into(),
            fields: RSlice::from_slice(&raw),
        });
    }

    fn enter(&self, id: &Id) {
        ENTERED.with(|entered| entered.borrow_mut().push(id.into_u64()));
    }

    fn exit(&self, id: &Id) {
        ENTERED.with(|entered| {
            let mut entered = entered.borrow_mut();
            if let Some(position) = entered.iter().rposition(|other| *other == id.into_u64()) {
                entered.remove(position);
            }
        });
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.with_spans(|spans| {
            if let Some(span) = spans.get_mut(&id.into_u64()) {
                span.handles += 1;
            }
        });
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        self.with_spans(|spans| match spans.get_mut(&id.into_u64()) {
            Some(span) if span.handles > 1 => {
                span.handles -= 1;
                false
            }
            Some(_) => spans.remove(&id.into_u64()).is_some(),
            None => false,
        })
    }
}

fn level_number(level: &Level) -> u8 {
    match *level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

enum Value {
    Text(String),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Bool(bool),
}

impl Value {
    fn raw<'a>(&'a self, name: &'a str) -> RawField<'a> {
        let (tag, bits, text) = match self {
            Self::Text(text) => (0, 0, text.as_str()),
            Self::Signed(number) => (1, *number as u64, ""),
            Self::Unsigned(number) => (2, *number, ""),
            Self::Float(number) => (3, number.to_bits(), ""),
            Self::Bool(flag) => (4, u64::from(*flag), ""),
        };
        RawField { name: name.into(), tag, bits, text: text.into() }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Signed(number) => write!(f, "{number}"),
            Self::Unsigned(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number}"),
            Self::Bool(flag) => write!(f, "{flag}"),
        }
    }
}

/// The message and the other fields of an event or span.
#[derive(Default)]
struct Fields {
    message: String,
    values: Vec<(&'static str, Value)>,
}

impl Fields {
    fn text(&self) -> String {
        self.values
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn put(&mut self, field: &Field, value: Value) {
        if field.name() == "message" {
            self.message = value.to_string();
        } else {
            self.values.push((field.name(), value));
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, Value::Text(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::Text(value.to_owned()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Signed(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::Unsigned(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::Float(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Bool(value));
    }
}
