//! What a model is, from the server's own facts; pure functions over its answers.

use std::collections::BTreeMap;

use llmbench_api::{Architecture, Json, Measured, ModelIdentity};

use crate::wire::{Details, ModelEntry, Show, Tensor};

/// Architectures of GGUF files that are mixtures in every size they come in.
const MIXTURES: [&str; 15] = [
    "arctic",
    "bailingmoe",
    "dbrx",
    "deepseek2",
    "dots1",
    "ernie4_5-moe",
    "glm4moe",
    "gpt-oss",
    "gptoss",
    "granitemoe",
    "grok",
    "llama4",
    "olmoe",
    "phimoe",
    "qwen2moe",
];
/// Architectures that are dense in every size. `llama` is neither: Mixtral is one.
const DENSE: [&str; 14] = [
    "bert",
    "command-r",
    "falcon",
    "gemma",
    "gemma2",
    "gemma3",
    "mllama",
    "nomic-bert",
    "phi2",
    "phi3",
    "qwen2",
    "qwen3",
    "stablelm",
    "starcoder2",
];

/// What the server told about one model.
pub(crate) struct Facts<'a> {
    /// As the user gave it.
    pub(crate) name: &'a str,
    /// Its entry among the installed models.
    pub(crate) installed: Option<&'a ModelEntry>,
    /// The answer of `/api/show`.
    pub(crate) show: &'a Show,
    /// Its entry among the loaded models, or why that is not known.
    pub(crate) loaded: Result<Option<&'a ModelEntry>, String>,
    /// Version of the server.
    pub(crate) server_version: Measured<String>,
}

/// Everything that the facts tell, the rest absent with its reason.
pub(crate) fn identity(facts: Facts<'_>) -> ModelIdentity {
    let empty = BTreeMap::new();
    let info = Info { fields: facts.show.model_info.as_ref().unwrap_or(&empty) };
    let tensors = facts.show.tensors.as_deref().unwrap_or_default();
    let details = &facts.show.details;
    let count = info.of_architecture("expert_count").filter(|count| *count > 0);
    let used = info.of_architecture("expert_used_count").filter(|used| *used > 0);
    let architecture = architecture(facts.name, &info, count, tensors);
    let experts = |value: Option<u64>, key: &str| match (value, architecture.value) {
        (Some(value), _) => Measured::known(value),
        (None, Some(Architecture::Dense)) => Measured::absent("the model is dense"),
        (None, _) => Measured::absent(format!("the server reports no {key}")),
    };
    let parameters = parameters(&info, tensors);
    ModelIdentity {
        name: facts.name.to_owned(),
        digest: Measured::or_absent(
            facts.installed.and_then(|entry| entry.digest.clone()).filter(|d| !d.is_empty()),
            "the model is not in the server's list, or the list has no digest",
        ),
        family: family(details, &info),
        quantization: quantization(details),
        active_parameters: active_parameters(
            tensors,
            &parameters,
            architecture.value,
            count.zip(used),
        ),
        parameters,
        expert_count: experts(count, "expert_count"),
        experts_used: experts(used, "expert_used_count"),
        architecture,
        context_length: Measured::or_absent(
            info.of_architecture("context_length").filter(|length| *length > 0),
            "the server reports no context_length",
        ),
        gpu_offload_share: gpu_offload_share(facts.loaded),
        server_version: facts.server_version,
        size_bytes: Measured::or_absent(
            facts.installed.and_then(|entry| entry.size).filter(|size| *size > 0),
            "the server's list does not tell the size",
        ),
    }
}

/// The quantisation that the server calls by name; it says `unknown` for those it does not know.
pub(crate) fn known_quantization(details: &Details) -> Option<String> {
    let level = details.quantization_level.as_deref()?.trim();
    (!level.is_empty() && !level.eq_ignore_ascii_case("unknown")).then(|| level.to_owned())
}

struct Info<'a> {
    fields: &'a BTreeMap<String, Json>,
}

impl Info<'_> {
    fn architecture(&self) -> Option<&str> {
        self.fields.get("general.architecture")?.as_str().filter(|name| !name.is_empty())
    }

    fn number(&self, key: &str) -> Option<u64> {
        let value = self.fields.get(key)?;
        // Go writes large numbers as floating-point ones.
        value.as_u64().or_else(|| value.as_f64().filter(|v| *v >= 0.0).map(|v| v as u64))
    }

    fn of_architecture(&self, key: &str) -> Option<u64> {
        self.number(&format!("{}.{key}", self.architecture()?))
    }
}

fn quantization(details: &Details) -> Measured<String> {
    Measured::or_absent(
        known_quantization(details),
        match details.quantization_level.as_deref() {
            Some(level) if !level.is_empty() => format!("the server calls it `{level}`"),
            _ => "the server does not report it".to_owned(),
        },
    )
}

fn family(details: &Details, info: &Info<'_>) -> Measured<String> {
    match details.family.as_deref().filter(|family| !family.is_empty()) {
        Some(family) => Measured::known(family.to_owned()),
        None => Measured::or_absent(
            info.architecture().map(str::to_owned),
            "the server does not report it",
        ),
    }
}

fn parameters(info: &Info<'_>, tensors: &[Tensor]) -> Measured<u64> {
    match info.number("general.parameter_count").filter(|count| *count > 0) {
        Some(count) => Measured::known(count),
        None if !tensors.is_empty() => {
            Measured::noted(tensors.iter().map(Tensor::len).sum(), "counted from the tensors")
        }
        None => Measured::absent("the server reports no general.parameter_count"),
    }
}

/// The first rule that applies: experts counted, expert tensors, known architecture, name.
fn architecture(
    name: &str,
    info: &Info<'_>,
    expert_count: Option<u64>,
    tensors: &[Tensor],
) -> Measured<Architecture> {
    let kind = info.architecture();
    if expert_count.is_some_and(|count| count > 1) {
        return Measured::known(Architecture::MixtureOfExperts);
    }
    if tensors.iter().any(is_expert) {
        return Measured::noted(Architecture::MixtureOfExperts, "it has tensors of experts");
    }
    if let Some(kind) = kind.filter(|kind| MIXTURES.contains(kind) || kind.ends_with("moe")) {
        let remark = format!("every `{kind}` model is a mixture of experts");
        return Measured::noted(Architecture::MixtureOfExperts, remark);
    }
    if !tensors.is_empty() {
        return Measured::noted(Architecture::Dense, "it has no tensors of experts");
    }
    if let Some(kind) = kind.filter(|kind| DENSE.contains(kind)) {
        return Measured::noted(Architecture::Dense, format!("every `{kind}` model is dense"));
    }
    if name_tells_mixture(name) {
        return Measured::noted(Architecture::MixtureOfExperts, "a guess from the name");
    }
    Measured::absent("neither experts, tensors, architecture nor name tell")
}

/// True for names such as `qwen3-moe`, `mixtral`, `8x7b` and `30b-a3b`.
fn name_tells_mixture(name: &str) -> bool {
    let name = name.to_lowercase();
    name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        let is_size = |text: &str| {
            let digits = text.strip_suffix('b').unwrap_or(text);
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        word.ends_with("moe")
            || word.starts_with("mixtral")
            || word.split_once('x').is_some_and(|(a, b)| is_size(a) && is_size(b))
            || (word.ends_with('b') && word.strip_prefix('a').is_some_and(is_size))
    })
}

fn is_expert(tensor: &Tensor) -> bool {
    tensor.name.contains("_exps")
}

fn active_parameters(
    tensors: &[Tensor],
    parameters: &Measured<u64>,
    architecture: Option<Architecture>,
    experts: Option<(u64, u64)>,
) -> Measured<u64> {
    match (architecture, experts) {
        (Some(Architecture::Dense), _) => match parameters.value {
            Some(count) => Measured::noted(count, "the model is dense: all of them"),
            None => Measured::absent("the server reports no parameter count"),
        },
        (Some(Architecture::MixtureOfExperts), Some((count, used))) if used <= count => {
            if !tensors.iter().any(is_expert) {
                return Measured::absent("the server reports no shapes of the experts' tensors");
            }
            let active = tensors.iter().map(|tensor| {
                let share = if is_expert(tensor) { (used, count) } else { (1, 1) };
                // Whole experts: the last dimension counts them.
                tensor.len() / share.1 * share.0
            });
            Measured::noted(
                active.sum(),
                format!("all tensors, of the experts' ones {used} of {count} parts"),
            )
        }
        (Some(Architecture::MixtureOfExperts), _) => {
            Measured::absent("the server does not report how many experts are used")
        }
        _ => Measured::absent("it is not known whether the model is a mixture of experts"),
    }
}

fn gpu_offload_share(loaded: Result<Option<&ModelEntry>, String>) -> Measured<f64> {
    match loaded {
        Err(reason) => Measured::absent(format!("the loaded models are not known: {reason}")),
        Ok(None) => Measured::absent("the model is not loaded"),
        Ok(Some(entry)) => match (entry.size, entry.size_vram) {
            (Some(size), Some(vram)) if size > 0 => {
                Measured::known((vram as f64 / size as f64).min(1.0))
            }
            _ => Measured::absent("the server does not report the sizes"),
        },
    }
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
