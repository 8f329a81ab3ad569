//! A plugin that breaks a rule: it installs a log subscriber of its own, before the host can.

use llmbench_plugin::{
    Case, Fixture, History, Json, Result, Step, TestDescription, TestType, Verdict,
};

/// Keeps nothing.
struct Deaf;

impl tracing::Subscriber for Deaf {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        false
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

extern "C" fn before_main() {
    let _ = tracing::subscriber::set_global_default(Deaf);
}

// SAFETY: the loader calls each function of this section once, without arguments that matter here.
#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(windows, unsafe(link_section = ".CRT$XCU"))]
static BEFORE_MAIN: extern "C" fn() = before_main;

struct Rude;

impl Rude {
    fn new(_: Json) -> Result<Self> {
        Ok(Self)
    }
}

impl TestType for Rude {
    fn describe(&self) -> TestDescription {
        TestDescription::default()
    }
    fn load(&self, fixture: &Fixture) -> Result<Case> {
        Ok(Case::new(fixture, Json::Null))
    }
    fn next(&self, _: &Case, _: &History) -> Result<Step> {
        Ok(Step::done(Verdict::scored(1.0)))
    }
}

llmbench_plugin::register!(TestType, "rude", "logs on its own", Rude::new);
llmbench_plugin::export_plugin!();
