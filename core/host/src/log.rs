//! The host's end of the log: re-emits a plugin's events to our subscriber.
//!
//! `tracing` wants static metadata, so each distinct call site of a plugin is
//! made once and leaked; their number is bounded by the plugin's source code.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use abi_stable::std_types::RStr;
use llmbench_abi::{RawField, RawLog, RawLogEvent};
use llmbench_plugin::guard::guard_or;
use tracing::callsite::Identifier;
use tracing::field::{Field, FieldSet, Value, display};
use tracing::level_filters::LevelFilter;
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Callsite, Event, Level, Metadata};

/// `tracing` takes at most 32 values in one event; three are ours.
const MAX_FIELDS: usize = 32;
const OWN_FIELDS: [&str; 3] = ["message", "plugin", "spans"];

/// Receives the events of one plugin.
pub(crate) struct HostLog {
    plugin: String,
}

impl HostLog {
    pub(crate) fn new(plugin: &str) -> Self {
        Self { plugin: plugin.to_owned() }
    }
}

impl RawLog for HostLog {
    fn max_level(&self) -> u8 {
        match LevelFilter::current() {
            LevelFilter::OFF => 0,
            LevelFilter::ERROR => 1,
            LevelFilter::WARN => 2,
            LevelFilter::INFO => 3,
            LevelFilter::DEBUG => 4,
            _ => 5,
        }
    }

    fn enabled(&self, level: u8, target: RStr<'_>) -> bool {
        guard_or(false, || {
            let site = site(SiteKey { level, target: target.to_string(), ..SiteKey::default() });
            tracing::dispatcher::get_default(|dispatch| dispatch.enabled(site.metadata()))
        })
    }

    fn event(&self, event: RawLogEvent<'_>) {
        guard_or((), || self.emit(&event));
    }
}

impl HostLog {
    fn emit(&self, event: &RawLogEvent<'_>) {
        let raw_fields = &event.fields[..event.fields.len().min(MAX_FIELDS - OWN_FIELDS.len())];
        let site = site(SiteKey {
            level: event.level,
            target: event.target.to_string(),
            file: event.file.to_string(),
            line: event.line,
            fields: raw_fields.iter().map(|field| field.name.to_string()).collect(),
        });
        let metadata = site.metadata();
        tracing::dispatcher::get_default(|dispatch| {
            if !dispatch.enabled(metadata) {
                return;
            }
            let fields: Vec<Field> = metadata.fields().iter().collect();
            let spans = event.spans.as_str();
            let mut values: Vec<Option<Box<dyn Value + '_>>> = vec![
                Some(Box::new(display(event.message.as_str()))),
                Some(Box::new(self.plugin.as_str())),
                (!spans.is_empty()).then(|| Box::new(spans) as Box<dyn Value>),
            ];
            values.extend(raw_fields.iter().map(|field| Some(field_value(field))));
            let pairs: [(&Field, Option<&dyn Value>); MAX_FIELDS] =
                std::array::from_fn(|index| match (fields.get(index), values.get(index)) {
                    (Some(field), Some(value)) => (field, value.as_deref()),
                    _ => (&fields[0], None),
                });
            dispatch.event(&Event::new(metadata, &metadata.fields().value_set(&pairs)));
        });
    }
}

fn field_value<'a>(field: &'a RawField<'a>) -> Box<dyn Value + 'a> {
    match field.tag {
        1 => Box::new(field.bits as i64),
        2 => Box::new(field.bits),
        3 => Box::new(f64::from_bits(field.bits)),
        4 => Box::new(field.bits != 0),
        _ => Box::new(display(field.text.as_str())),
    }
}

/// A call site of a plugin, as far as our subscriber can tell them apart.
#[derive(Default, PartialEq, Eq, Hash, Clone)]
struct SiteKey {
    level: u8,
    target: String,
    file: String,
    line: u32,
    fields: Vec<String>,
}

struct Site {
    metadata: OnceLock<Metadata<'static>>,
}

impl Site {
    fn metadata(&self) -> &Metadata<'static> {
        self.metadata.get().expect("filled in before a site is shared")
    }
}

impl Callsite for Site {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        Site::metadata(self)
    }
}

fn site(key: SiteKey) -> &'static Site {
    static SITES: OnceLock<Mutex<HashMap<SiteKey, &'static Site>>> = OnceLock::new();
    let mut sites =
        SITES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(site) = sites.get(&key) {
        return site;
    }
    let site: &'static Site = Box::leak(Box::new(Site { metadata: OnceLock::new() }));
    let names: Vec<&'static str> =
        OWN_FIELDS.into_iter().chain(key.fields.iter().map(|name| leak(name))).collect();
    let metadata = Metadata::new(
        "plugin event",
        leak(&key.target),
        level(key.level),
        Some(leak(&key.file)),
        Some(key.line),
        None,
        FieldSet::new(names.leak(), Identifier(site)),
        Kind::EVENT,
    );
    let _ = site.metadata.set(metadata);
    sites.insert(key, site);
    site
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn level(number: u8) -> Level {
    match number {
        1 => Level::ERROR,
        2 => Level::WARN,
        3 => Level::INFO,
        4 => Level::DEBUG,
        _ => Level::TRACE,
    }
}
