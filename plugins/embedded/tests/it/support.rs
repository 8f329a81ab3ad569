//! What the tests share.

use llmbench_api::*;
use llmbench_plugin_embedded::Embedded;
use llmbench_testkit::gguf::{ChatModel, Family, GgufFile, Sizes, Weights};
use llmbench_testkit::{Recorder, context};
use serde_json::json;
use tempfile::TempDir;

/// A folder with models.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes `file` and returns the name to ask for.
    pub(crate) fn put(&self, name: &str, file: &GgufFile) -> String {
        self.put_bytes(name, &file.bytes())
    }

    pub(crate) fn put_bytes(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.into_os_string().into_string().unwrap()
    }
}

/// The smallest model that works.
pub(crate) fn small(family: Family) -> GgufFile {
    let sizes = Sizes {
        embedding: 32,
        feed_forward: 32,
        layers: 1,
        heads: 2,
        key_value_heads: 1,
        context: 256,
    };
    ChatModel { sizes, ..ChatModel::new(family, Weights::F32) }.file()
}

pub(crate) fn embedded() -> Embedded {
    Embedded::new(json!({})).unwrap()
}

/// A greedy request without penalties.
pub(crate) fn request(model: &str, prompt: &str, max_tokens: u32) -> GenerateRequest {
    let mut request = GenerateRequest::user(prompt);
    request.model = model.to_owned();
    request.options = GenerateOptions {
        num_ctx: 2048,
        max_tokens,
        temperature: 0.0,
        repeat_penalty: 1.0,
        ..GenerateOptions::default()
    };
    request
}

pub(crate) fn generate(backend: &dyn Backend, request: &GenerateRequest) -> Result<Generation> {
    backend.generate(request, &Recorder::new(), &context(None))
}
