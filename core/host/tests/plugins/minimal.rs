//! The smallest plugin; built against changed interfaces and with `panic = "abort"`.

use llmbench_plugin::{
    Case, Fixture, History, Json, Result, Step, TestDescription, TestType, Verdict,
};

struct Minimal;

impl Minimal {
    fn new(_: Json) -> Result<Self> {
        Ok(Self)
    }
}

impl TestType for Minimal {
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

llmbench_plugin::register!(TestType, "minimal", "does nothing", Minimal::new);
llmbench_plugin::export_plugin!();
