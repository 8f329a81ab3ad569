//! The backend of a command that asks no model.

use llmbench_api::{
    Backend, CallContext, Error, ErrorKind, EventSink, GenerateRequest, Generation, ModelIdentity,
    ModelSummary, Result, ServerInfo,
};

/// Refuses everything.
pub(super) struct NoModel;

impl NoModel {
    fn refuse<T>() -> Result<T> {
        Err(Error::new(ErrorKind::Unsupported, "no model takes part in this command"))
    }
}

impl Backend for NoModel {
    fn probe(&self, _: &CallContext) -> Result<ServerInfo> {
        Self::refuse()
    }

    fn models(&self, _: &CallContext) -> Result<Vec<ModelSummary>> {
        Self::refuse()
    }

    fn identify(&self, _: &str, _: &CallContext) -> Result<ModelIdentity> {
        Self::refuse()
    }

    fn generate(
        &self,
        _: &GenerateRequest,
        _: &dyn EventSink,
        _: &CallContext,
    ) -> Result<Generation> {
        Self::refuse()
    }
}
