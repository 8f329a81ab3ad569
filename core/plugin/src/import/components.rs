//! Components of a plugin, made plain inside the host.

use std::collections::BTreeMap;
use std::sync::Arc;

use llmbench_abi::{BackendBox, MonitorBox, TestTypeBox, ValidatorBox};
use llmbench_api::{
    Arrival, Artifact, Backend, BatchOutcome, CallContext, Case, EventSink, Findings, Fixture,
    GenerateOptions, GenerateRequest, Generation, History, Measured, ModelIdentity, ModelSummary,
    Monitor, MonitorInfo, MonitorOptions, Project, Reference, Result, SampleSink, Series,
    ServerInfo, Step, TestDescription, TestType, Validator, ValidatorInfo, only_file,
};

use crate::export;
use crate::guard::{encode, from_raw, from_raw_json};

/// A raw component and the plugin it came from, for error messages.
struct Imported<T> {
    plugin: Arc<str>,
    raw: T,
}

/// A plugin's backend.
pub fn backend(plugin: Arc<str>, raw: BackendBox) -> Arc<dyn Backend> {
    Arc::new(Imported { plugin, raw })
}

impl Backend for Imported<BackendBox> {
    fn probe(&self, cx: &CallContext) -> Result<ServerInfo> {
        from_raw_json(&self.plugin, self.raw.probe(export::context(cx)))
    }

    fn models(&self, cx: &CallContext) -> Result<Vec<ModelSummary>> {
        from_raw_json(&self.plugin, self.raw.models(export::context(cx)))
    }

    fn identify(&self, model: &str, cx: &CallContext) -> Result<ModelIdentity> {
        from_raw_json(&self.plugin, self.raw.identify(model.into(), export::context(cx)))
    }

    fn load(
        &self,
        model: &str,
        options: &GenerateOptions,
        cx: &CallContext,
    ) -> Result<Measured<f64>> {
        let options = encode(options)?;
        from_raw_json(
            &self.plugin,
            self.raw.load(model.into(), options.as_str().into(), export::context(cx)),
        )
    }

    fn generate(
        &self,
        request: &GenerateRequest,
        sink: &dyn EventSink,
        cx: &CallContext,
    ) -> Result<Generation> {
        let request = encode(request)?;
        let sink = export::event_sink(sink);
        from_raw_json(
            &self.plugin,
            self.raw.generate(request.as_str().into(), sink.raw(), export::context(cx)),
        )
    }

    fn generate_batch(
        &self,
        requests: &[GenerateRequest],
        arrival: &Arrival,
        sink: &dyn EventSink,
        cx: &CallContext,
    ) -> Result<Vec<BatchOutcome>> {
        let (requests, arrival) = (encode(&requests)?, encode(arrival)?);
        let sink = export::event_sink(sink);
        let outcome = self.raw.generate_batch(
            requests.as_str().into(),
            arrival.as_str().into(),
            sink.raw(),
            export::context(cx),
        );
        from_raw_json(&self.plugin, outcome)
    }
}

/// A plugin's monitor.
pub fn monitor(plugin: Arc<str>, raw: MonitorBox) -> Arc<dyn Monitor> {
    Arc::new(Imported { plugin, raw })
}

impl Monitor for Imported<MonitorBox> {
    fn probe(&self, cx: &CallContext) -> Result<MonitorInfo> {
        from_raw_json(&self.plugin, self.raw.probe(export::context(cx)))
    }

    fn start(
        &self,
        options: &MonitorOptions,
        sink: Arc<dyn SampleSink>,
        cx: &CallContext,
    ) -> Result<()> {
        let options = encode(options)?;
        let started =
            self.raw.start(options.as_str().into(), export::sample_sink(sink), export::context(cx));
        from_raw(&self.plugin, started)
    }

    fn stop(&self, cx: &CallContext) -> Result<Series> {
        from_raw_json(&self.plugin, self.raw.stop(export::context(cx)))
    }
}

/// A plugin's validator.
pub fn validator(plugin: Arc<str>, raw: ValidatorBox) -> Arc<dyn Validator> {
    Arc::new(Imported { plugin, raw })
}

impl Validator for Imported<ValidatorBox> {
    fn prepare(&self, project: &Project, cx: &CallContext) -> Result<ValidatorInfo> {
        let project = encode(project)?;
        from_raw_json(&self.plugin, self.raw.prepare(project.as_str().into(), export::context(cx)))
    }

    fn check(&self, artifact: &Artifact, project: &Project, cx: &CallContext) -> Result<Findings> {
        let (artifact, project) = (encode(artifact)?, encode(project)?);
        let found =
            self.raw.check(artifact.as_str().into(), project.as_str().into(), export::context(cx));
        from_raw_json(&self.plugin, found)
    }
}

/// A plugin's test type, with its description read once.
pub struct ImportedTestType {
    plugin: Arc<str>,
    raw: TestTypeBox,
    description: TestDescription,
    fixtures: Vec<Fixture>,
}

/// A plugin's test type.
///
/// # Errors
/// When the plugin fails to describe it.
pub fn test_type(plugin: Arc<str>, raw: TestTypeBox) -> Result<Arc<dyn TestType>> {
    let description = from_raw_json(&plugin, raw.describe())?;
    let fixtures = from_raw_json(&plugin, raw.shipped_fixtures())?;
    Ok(Arc::new(ImportedTestType { plugin, raw, description, fixtures }))
}

impl TestType for ImportedTestType {
    fn describe(&self) -> TestDescription {
        self.description.clone()
    }

    fn shipped_fixtures(&self) -> Vec<Fixture> {
        self.fixtures.clone()
    }

    fn load(&self, fixture: &Fixture) -> Result<Case> {
        let fixture = encode(fixture)?;
        from_raw_json(&self.plugin, self.raw.load(fixture.as_str().into()))
    }

    fn next(&self, case: &Case, history: &History) -> Result<Step> {
        let (case, history) = (encode(case)?, encode(history)?);
        from_raw_json(&self.plugin, self.raw.next(case.as_str().into(), history.as_str().into()))
    }

    fn references(&self, case: &Case) -> Result<Vec<Reference>> {
        let case = encode(case)?;
        from_raw_json(&self.plugin, self.raw.references(case.as_str().into()))
    }

    fn answer_from_files(&self, case: &Case, files: &BTreeMap<String, String>) -> Result<String> {
        let (encoded_case, encoded_files) = (encode(case)?, encode(files)?);
        let answer: Option<String> = from_raw_json(
            &self.plugin,
            self.raw.answer_from_files(encoded_case.as_str().into(), encoded_files.as_str().into()),
        )?;
        answer.map_or_else(|| only_file(case, files), Ok)
    }
}
