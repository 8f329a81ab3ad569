//! What exactly a model is, from its file.

use llmbench_api::{Architecture, Measured, ModelIdentity, Result};

use crate::gguf::Gguf;
use crate::model;
use crate::settings::{EngineName, Settings};
use crate::source::{SAMPLE, Source};

/// The bindings, which bring llama.cpp along; the version is pinned in Cargo.toml.
const LLAMA_CPP: &str = "llama.cpp of llama-cpp-2 0.1.160";

/// Names of `general.file_type`, from `llama_ftype` in llama.cpp.
const FILE_TYPES: [(u64, &str); 33] = [
    (0, "F32"),
    (1, "F16"),
    (2, "Q4_0"),
    (3, "Q4_1"),
    (7, "Q8_0"),
    (8, "Q5_0"),
    (9, "Q5_1"),
    (10, "Q2_K"),
    (11, "Q3_K_S"),
    (12, "Q3_K_M"),
    (13, "Q3_K_L"),
    (14, "Q4_K_S"),
    (15, "Q4_K_M"),
    (16, "Q5_K_S"),
    (17, "Q5_K_M"),
    (18, "Q6_K"),
    (19, "IQ2_XXS"),
    (20, "IQ2_XS"),
    (21, "Q2_K_S"),
    (22, "IQ3_XS"),
    (23, "IQ3_XXS"),
    (24, "IQ1_S"),
    (25, "IQ4_NL"),
    (26, "IQ3_S"),
    (27, "IQ3_M"),
    (28, "IQ2_S"),
    (29, "IQ2_M"),
    (30, "IQ4_XS"),
    (31, "IQ1_M"),
    (32, "BF16"),
    (36, "TQ1_0"),
    (37, "TQ2_0"),
    (38, "MXFP4"),
];

/// What a file says about its model.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) family: Option<String>,
    pub(crate) file_type: Option<u64>,
    pub(crate) parameters: u64,
    /// `None` when it cannot be told which weights belong to experts.
    pub(crate) active_parameters: Option<u64>,
    pub(crate) experts: Option<u64>,
    pub(crate) experts_used: Option<u64>,
    pub(crate) context: Option<u64>,
}

impl Facts {
    /// What the header says.
    pub(crate) fn read(gguf: &Gguf) -> Self {
        let family = gguf.text("general.architecture").map(str::to_owned);
        let number = |key: &str| gguf.number(&format!("{}.{key}", family.as_ref()?));
        let experts = number("expert_count").filter(|count| *count > 1);
        let experts_used = number("expert_used_count").filter(|_| experts.is_some());
        Self {
            file_type: gguf.number("general.file_type"),
            parameters: gguf.parameters(),
            active_parameters: match (experts, experts_used) {
                (Some(count), Some(used)) => Some(gguf.active_parameters(used, count)),
                (Some(_), None) => None,
                _ => Some(gguf.parameters()),
            },
            experts,
            experts_used,
            context: number("context_length"),
            family,
        }
    }
}

/// The identity of the model called `name`; `gpu_share` is what its engine says, once it is loaded.
///
/// # Errors
/// As loading the model, apart from its weights: whoever asks learns early what is wrong.
pub(crate) fn identity(
    source: &Source,
    name: &str,
    what: &str,
    settings: &Settings,
    digest: Measured<String>,
    gpu_share: Option<Option<f64>>,
) -> Result<ModelIdentity> {
    let facts = match settings.engine {
        EngineName::Candle => {
            let (gguf, dims, ..) = model::read(source, what, settings.chat_template.as_deref())?;
            Facts { context: Some(dims.context), ..Facts::read(&gguf) }
        }
        #[cfg(feature = "llama-cpp")]
        EngineName::LlamaCpp => crate::llama_cpp::facts(source, name, what)?,
        #[cfg(not(feature = "llama-cpp"))]
        EngineName::LlamaCpp => return Err(crate::engine::not_built()),
    };
    let quantization = FILE_TYPES.iter().find(|(number, _)| Some(*number) == facts.file_type);
    let kind =
        if facts.experts.is_some() { Architecture::MixtureOfExperts } else { Architecture::Dense };
    let experts = |count: Option<u64>| match facts.experts {
        None => Measured::absent("a dense model has none"),
        Some(_) => Measured::or_absent(count, "the file does not say it"),
    };
    Ok(ModelIdentity {
        name: name.to_owned(),
        size_bytes: Measured::known(source.len() as u64),
        digest,
        family: Measured::or_absent(facts.family, "the file does not say it"),
        quantization: Measured::or_absent(
            quantization.map(|(_, name)| (*name).to_owned()),
            "`general.file_type` of the file names none that is known",
        ),
        parameters: Measured::known(facts.parameters),
        active_parameters: Measured::or_absent(
            facts.active_parameters,
            "it cannot be told which weights of the file belong to experts",
        ),
        architecture: if name == SAMPLE {
            Measured::noted(kind, "a demo model, no reference for quality")
        } else {
            Measured::known(kind)
        },
        expert_count: experts(facts.experts),
        experts_used: experts(facts.experts_used),
        context_length: Measured::or_absent(facts.context, "the file does not say it"),
        gpu_offload_share: offload(settings.engine, gpu_share),
        server_version: Measured::noted(
            env!("CARGO_PKG_VERSION").to_owned(),
            match settings.engine {
                EngineName::Candle => "version of the embedded engine".to_owned(),
                EngineName::LlamaCpp => {
                    format!("version of the embedded engine, which computes with {LLAMA_CPP}")
                }
            },
        ),
    })
}

fn offload(engine: EngineName, gpu_share: Option<Option<f64>>) -> Measured<f64> {
    match (engine, gpu_share) {
        (EngineName::Candle, _) => Measured::noted(0.0, "the embedded engine computes on the CPU"),
        (EngineName::LlamaCpp, None) => Measured::absent("the model is not loaded yet"),
        (EngineName::LlamaCpp, Some(share)) => {
            Measured::or_absent(share, "llama.cpp did not report where it put the weights")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_is_reported_is_the_one_that_is_pinned() {
        let version = LLAMA_CPP.rsplit(' ').next().unwrap();
        let pinned = format!("llama-cpp-2 = {{ version = \"={version}\"");
        assert!(include_str!("../Cargo.toml").contains(&pinned), "{pinned}");
    }
}
