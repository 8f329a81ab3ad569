//! What a plugin logs reaches the host's subscriber.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, OnceLock};

use llmbench_api::Json;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

use crate::{ask, host_with};

/// One event as the host saw it; values carry their type, as in `i64 -3`.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub level: Level,
    pub target: String,
    pub file: String,
    pub line: Option<u32>,
    pub fields: BTreeMap<&'static str, String>,
}

static SEEN: Mutex<Vec<Seen>> = Mutex::new(Vec::new());

/// Makes the whole test program keep what it logs; every test that loads a plugin may call it.
pub(crate) fn collect() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| tracing::subscriber::set_global_default(Collector).unwrap());
}

/// Events so far whose message contains `text`.
pub(crate) fn seen(text: &str) -> Vec<Seen> {
    let seen = SEEN.lock().unwrap();
    let matches = seen.iter().filter(|event| event.fields["message"].contains(text));
    matches.cloned().collect()
}

struct Collector;

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() != "border::muted"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        assert!(metadata.target() != "border::panics", "the subscriber itself fails");
        let mut fields = Fields::default();
        event.record(&mut fields);
        fields.0.entry("message").or_default();
        SEEN.lock().unwrap().push(Seen {
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            file: metadata.file().unwrap_or_default().to_owned(),
            line: metadata.line(),
            fields: fields.0,
        });
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name(), format!("i64 {value}"));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name(), format!("u64 {value}"));
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name(), format!("f64 {value}"));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name(), format!("bool {value}"));
    }
}

#[test]
fn every_level_arrives_with_typed_fields_and_spans() {
    collect();
    let (_dir, host) = host_with("good");
    let backend = host.backend("border", &Json::Null).unwrap().component;
    assert_eq!(ask(&*backend, "log").unwrap().text, "logged");

    let check = |level: Level, message: &str, expected: &[(&str, &str)]| {
        let found = seen(message);
        assert_eq!(found.len(), 1, "{message}");
        let event = &found[0];
        assert_eq!(event.level, level, "{message}");
        assert!(event.file.ends_with("good.rs") && event.line > Some(1), "{event:?}");
        let fields: Vec<_> =
            event.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut expected = [&[("message", message), ("plugin", "good")], expected].concat();
        expected.sort_unstable();
        assert_eq!(fields, expected);
    };
    let spans = ("spans", "outer{id=5}:inner");
    check(Level::ERROR, "an error, number 1", &[spans, ("text", "words"), ("signed", "i64 -3")]);
    check(
        Level::WARN,
        "a warning",
        &[spans, ("unsigned", "u64 7"), ("float", "f64 1.5"), ("flag", "bool true")],
    );
    check(Level::INFO, "for information", &[("spans", "outer{id=5}")]);
    check(Level::DEBUG, "for developers", &[("spans", "outer{id=5}"), ("debugged", "Some(1)")]);
    check(Level::TRACE, "every step", &[("spans", "outer{id=5}")]);
    assert_eq!(seen("for information")[0].target, "border::info");
    assert!(seen("nobody wants this").is_empty(), "the host's filter is asked first");
}
