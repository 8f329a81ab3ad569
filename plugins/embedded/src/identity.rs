//! What exactly a model is, from its file.

use llmbench_api::{Architecture, Measured, ModelIdentity, Result};

use crate::arch::Dims;
use crate::gguf::Gguf;
use crate::source::{SAMPLE, Source};

/// Names of `general.file_type`, from `llama_ftype` in llama.cpp.
const FILE_TYPES: [(u64, &str); 15] = [
    (0, "F32"),
    (1, "F16"),
    (2, "Q4_0"),
    (3, "Q4_1"),
    (7, "Q8_0"),
    (8, "Q5_0"),
    (9, "Q5_1"),
    (10, "Q2_K"),
    (12, "Q3_K_M"),
    (14, "Q4_K_S"),
    (15, "Q4_K_M"),
    (16, "Q5_K_S"),
    (17, "Q5_K_M"),
    (18, "Q6_K"),
    (32, "BF16"),
];

/// The identity of the model called `name`.
///
/// # Errors
/// As [`Gguf::read`] and [`Dims::read`].
pub(crate) fn identity(name: &str, source: &Source, what: &str) -> Result<ModelIdentity> {
    let gguf = Gguf::read(source, what)?;
    let dims = Dims::read(&gguf)?;
    let file_type = gguf.number("general.file_type");
    let quantization = FILE_TYPES.iter().find(|(number, _)| Some(*number) == file_type);
    let parameters = gguf.parameters();
    let dense = || Measured::absent("a dense model has none");
    Ok(ModelIdentity {
        name: name.to_owned(),
        digest: Measured::known(source.digest()),
        family: Measured::or_absent(gguf.text("general.architecture").map(str::to_owned), ""),
        quantization: Measured::or_absent(
            quantization.map(|(_, name)| (*name).to_owned()),
            "`general.file_type` of the file names none that is known",
        ),
        parameters: Measured::known(parameters),
        active_parameters: Measured::known(parameters),
        architecture: if name == SAMPLE {
            Measured::noted(Architecture::Dense, "a demo model, no reference for quality")
        } else {
            Measured::known(Architecture::Dense)
        },
        expert_count: dense(),
        experts_used: dense(),
        context_length: Measured::known(dims.context),
        gpu_offload_share: Measured::noted(0.0, "the embedded engine computes on the CPU"),
        server_version: Measured::noted(
            env!("CARGO_PKG_VERSION").to_owned(),
            "version of the embedded engine",
        ),
    })
}
