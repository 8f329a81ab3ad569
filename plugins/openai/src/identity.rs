//! What the server and its models are, from what each kind of server offers.

use std::time::Duration;

use llmbench_api::{
    Architecture, CallContext, Error, ErrorKind, Json, Measured, ModelIdentity, ModelSummary,
    Result, ServerInfo,
};
use serde_json::json;

use crate::backend::OpenAi;

/// For a question that a server may not know.
const OPTIONAL_LIMIT: Duration = Duration::from_secs(3);
const AS_STARTED: &str = "the longest that the server was started with";

/// Which server it is, as far as its answers tell, with its version where it has one.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Ollama { version: Option<String> },
    LlamaCpp { props: Json },
    LmStudio { models: Json },
    Vllm { version: Option<String> },
    Tgi { info: Json },
    Other,
}

impl Kind {
    /// Asks only for what the server should have; a question that it does not know counts as a no.
    fn find(backend: &OpenAi, list: &Json, cx: &CallContext) -> Self {
        let ask = |path: &str| optional(backend, path, None, cx);
        let owners: Vec<_> = entries(list).filter_map(|entry| text(entry, "owned_by")).collect();
        let is_owned_by = |name: &str| owners.iter().any(|owner| owner == name);
        if is_owned_by("vllm") {
            let version = ask("/version").and_then(|json| text(&json, "version"));
            return Self::Vllm { version };
        }
        if let Some(props) =
            ask("/props").filter(|json| json.get("default_generation_settings").is_some())
        {
            return Self::LlamaCpp { props };
        }
        if let Some(version) = ask("/api/version").and_then(|json| text(&json, "version")) {
            return Self::Ollama { version: Some(version).filter(|version| version != "0.0.0") };
        }
        if let Some(models) = ask("/api/v0/models").filter(|json| json["data"].is_array()) {
            return Self::LmStudio { models };
        }
        if let Some(info) = ask("/info").filter(|json| json.get("model_id").is_some()) {
            return Self::Tgi { info };
        }
        Self::Other
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Ollama { .. } => "ollama",
            Self::LlamaCpp { .. } => "llama.cpp",
            Self::LmStudio { .. } => "lm-studio",
            Self::Vllm { .. } => "vllm",
            Self::Tgi { .. } => "tgi",
            Self::Other => "openai",
        }
    }

    fn version(&self) -> Measured<String> {
        let version = match self {
            Self::Ollama { version } | Self::Vllm { version } => version.clone(),
            Self::LlamaCpp { props } => text(props, "build_info"),
            Self::Tgi { info } => text(info, "version"),
            Self::LmStudio { .. } | Self::Other => None,
        };
        Measured::or_absent(version, "the server does not tell it")
    }
}

/// What answers at the other end.
pub(crate) fn probe(backend: &OpenAi, cx: &CallContext) -> Result<ServerInfo> {
    let base = backend.base();
    let list = list(backend, &format!("reach the server at {}", base.url), cx)?;
    let kind = Kind::find(backend, &list, cx);
    let mut notes = vec!["the context size is the server's own: this API cannot set it".to_owned()];
    if backend.has_key() && !base.is_https && !base.is_loopback {
        notes.push("the API key is sent over plain http, readable on the way".to_owned());
    }
    if entries(&list).next().is_none() {
        notes.push("the server lists no model".to_owned());
    }
    Ok(ServerInfo {
        name: kind.name().into(),
        version: kind.version(),
        location: base.url.clone(),
        process_id: None,
        // Most keep prompts; which ones were cached, few tell.
        caches_prompts: None,
        context_is_fixed: true,
        notes,
    })
}

/// The names of the models that the server lists.
pub(crate) fn names(backend: &OpenAi, cx: &CallContext) -> Result<Vec<String>> {
    let list = list(backend, "list the models", cx)?;
    Ok(entries(&list).filter_map(|entry| text(entry, "id")).collect())
}

/// The models that the server lists, with what it tells of each.
pub(crate) fn models(backend: &OpenAi, cx: &CallContext) -> Result<Vec<ModelSummary>> {
    let list = list(backend, "list the models", cx)?;
    let source = Source::of(backend, &list, cx);
    let summary = |entry: &Json| {
        let name = text(entry, "id")?;
        let found = source.facts(entry, &name).identity(&name, &source.kind);
        Some(ModelSummary {
            size_bytes: found.size_bytes.value,
            quantization: found.quantization.value,
            parameters: found.parameters.value.map(rounded),
            digest: found.digest.value,
            architecture: found.architecture.value,
            active_parameters: found.active_parameters.value,
            name,
        })
    };
    Ok(entries(&list).filter_map(summary).collect())
}

/// Where facts about models come from.
struct Source<'a> {
    backend: &'a OpenAi,
    cx: &'a CallContext,
    kind: Kind,
    /// What Ollama has installed.
    tags: Json,
}

impl<'a> Source<'a> {
    fn of(backend: &'a OpenAi, list: &Json, cx: &'a CallContext) -> Self {
        let kind = Kind::find(backend, list, cx);
        let tags = match kind {
            Kind::Ollama { .. } => optional(backend, "/api/tags", None, cx).unwrap_or_default(),
            _ => Json::Null,
        };
        Self { backend, cx, kind, tags }
    }

    /// What the server tells of `model`, whose entry in its list is `entry`.
    fn facts(&self, entry: &Json, model: &str) -> Facts {
        let mut facts = Facts::of(&self.kind, entry, model);
        if matches!(self.kind, Kind::Ollama { .. }) {
            let body = json!({ "model": model });
            if let Some(show) = optional(self.backend, "/api/show", Some(&body), self.cx) {
                facts.add_show(&show);
            }
            let installed = self.tags["models"].as_array().into_iter().flatten();
            let is_it = |tag: &&Json| text(tag, "name").is_some_and(|name| is_same(&name, model));
            if let Some(tag) = installed.into_iter().find(is_it) {
                facts.digest = text(tag, "digest");
                facts.size_bytes = tag["size"].as_u64().filter(|size| *size > 0);
            }
        }
        facts
    }
}

/// What exactly `model` is.
pub(crate) fn identify(backend: &OpenAi, model: &str, cx: &CallContext) -> Result<ModelIdentity> {
    let list = list(backend, &format!("identify model `{model}`"), cx)?;
    let source = Source::of(backend, &list, cx);
    let same = |entry: &&Json| text(entry, "id").is_some_and(|id| is_same(&id, model));
    let entry = match entries(&list).find(same) {
        Some(entry) => entry,
        // These two answer under any name with the one model that they have.
        None if matches!(source.kind, Kind::LlamaCpp { .. } | Kind::Tgi { .. }) => &Json::Null,
        // A server without a list is believed; it will say so when it is asked.
        None if entries(&list).next().is_none() => &Json::Null,
        None => {
            return Err(Error::new(
                ErrorKind::ModelNotFound,
                format!("identify model `{model}`: the server does not list it"),
            ));
        }
    };
    Ok(source.facts(entry, model).identity(model, &source.kind))
}

/// What was found out about a model.
#[derive(Debug, Default)]
struct Facts {
    digest: Option<String>,
    family: Option<String>,
    quantization: Option<String>,
    parameters: Option<u64>,
    /// With a remark, or an empty one.
    context_length: Option<(u64, String)>,
    expert_count: Option<u64>,
    experts_used: Option<u64>,
    size_bytes: Option<u64>,
    /// True when the model's metadata would have counted experts.
    has_metadata: bool,
}

impl Facts {
    fn of(kind: &Kind, entry: &Json, model: &str) -> Self {
        let number = |value: &Json| value.as_u64().filter(|number| *number > 0);
        match kind {
            Kind::LlamaCpp { props } => Self {
                parameters: number(&entry["meta"]["n_params"]),
                size_bytes: number(&entry["meta"]["size"]),
                context_length: llama_cpp_context(
                    number(&props["default_generation_settings"]["n_ctx"]),
                    number(&entry["meta"]["n_ctx_train"]),
                ),
                quantization: text(props, "model_path").and_then(|path| quantization_in(&path)),
                ..Self::default()
            },
            Kind::LmStudio { models } => {
                let found = entries(models)
                    .find(|entry| text(entry, "id").is_some_and(|id| is_same(&id, model)));
                let entry = found.unwrap_or(&Json::Null);
                Self {
                    family: text(entry, "arch"),
                    quantization: text(entry, "quantization"),
                    context_length: number(&entry["max_context_length"])
                        .map(|length| (length, String::new())),
                    ..Self::default()
                }
            }
            Kind::Vllm { .. } => Self {
                context_length: number(&entry["max_model_len"])
                    .map(|length| (length, AS_STARTED.to_owned())),
                ..Self::default()
            },
            Kind::Tgi { info } => Self {
                digest: text(info, "model_sha"),
                quantization: text(info, "quantize").or_else(|| text(info, "model_dtype")),
                context_length: number(&info["max_total_tokens"])
                    .map(|length| (length, AS_STARTED.to_owned())),
                ..Self::default()
            },
            Kind::Ollama { .. } | Kind::Other => Self::default(),
        }
    }

    /// Adds what Ollama's own API tells.
    fn add_show(&mut self, show: &Json) {
        let info = &show["model_info"];
        let architecture = text(info, "general.architecture");
        let number = |key: &str| {
            let key = format!("{}.{key}", architecture.as_deref()?);
            info[key.as_str()].as_u64().filter(|number| *number > 0)
        };
        self.has_metadata = architecture.is_some();
        self.context_length = number("context_length").map(|length| (length, String::new()));
        self.expert_count = number("expert_count");
        self.experts_used = number("expert_used_count");
        self.parameters = info["general.parameter_count"].as_u64().filter(|count| *count > 0);
        self.quantization = text(&show["details"], "quantization_level")
            .filter(|level| !level.eq_ignore_ascii_case("unknown"));
        self.family = text(&show["details"], "family").or(architecture);
    }

    fn identity(self, model: &str, kind: &Kind) -> ModelIdentity {
        let untold = format!("{} does not tell it through its API", kind.name());
        let architecture = match self.expert_count {
            Some(count) if count > 1 => Measured::known(Architecture::MixtureOfExperts),
            _ if self.has_metadata => {
                Measured::noted(Architecture::Dense, "its metadata counts no experts")
            }
            _ => Measured::absent(untold.clone()),
        };
        let active_parameters = match (architecture.value, self.parameters) {
            (Some(Architecture::Dense), Some(count)) => {
                Measured::noted(count, "the model is dense: all of them")
            }
            (Some(Architecture::MixtureOfExperts), _) => {
                Measured::absent("the shapes of the experts' tensors are not known here")
            }
            _ => Measured::absent(untold.clone()),
        };
        let experts = |value: Option<u64>| match (value, architecture.value) {
            (None, Some(Architecture::Dense)) => Measured::absent("the model is dense"),
            (value, _) => Measured::or_absent(value, untold.clone()),
        };
        ModelIdentity {
            name: model.to_owned(),
            digest: Measured::or_absent(self.digest, untold.clone()),
            family: Measured::or_absent(self.family, untold.clone()),
            quantization: Measured::or_absent(self.quantization, untold.clone()),
            parameters: Measured::or_absent(self.parameters, untold.clone()),
            active_parameters,
            expert_count: experts(self.expert_count),
            experts_used: experts(self.experts_used),
            architecture,
            context_length: match self.context_length {
                Some((length, remark)) if remark.is_empty() => Measured::known(length),
                Some((length, remark)) => Measured::noted(length, remark),
                None => Measured::absent(untold.clone()),
            },
            gpu_offload_share: Measured::absent(untold.clone()),
            size_bytes: Measured::or_absent(self.size_bytes, untold),
            server_version: kind.version(),
        }
    }
}

/// What each of a server's slots has counts, not what the model was trained with.
fn llama_cpp_context(slot: Option<u64>, trained: Option<u64>) -> Option<(u64, String)> {
    match (slot, trained) {
        (Some(slot), Some(trained)) if slot < trained => {
            Some((slot, format!("{AS_STARTED}; the model was trained with {trained}")))
        }
        (Some(slot), None) => Some((slot, AS_STARTED.to_owned())),
        (_, trained) => Some((trained?, String::new())),
    }
}

fn list(backend: &OpenAi, what: &str, cx: &CallContext) -> Result<Json> {
    backend.question("/v1/models", None, what, None, cx)
}

/// The JSON that a server answers with, where it knows the question.
fn optional(backend: &OpenAi, path: &str, body: Option<&Json>, cx: &CallContext) -> Option<Json> {
    backend.question(path, body, path, Some(OPTIONAL_LIMIT), cx).ok()
}

fn entries(list: &Json) -> impl Iterator<Item = &Json> {
    // Some servers leave `data` out, some send a bare list.
    list.get("data").unwrap_or(list).as_array().into_iter().flatten()
}

fn text(json: &Json, key: &str) -> Option<String> {
    json.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Ollama adds `:latest` to a name without a tag.
fn is_same(listed: &str, wanted: &str) -> bool {
    let plain = |name: &str| name.strip_suffix(":latest").unwrap_or(name).to_owned();
    plain(listed) == plain(wanted)
}

/// The quantisation in a file's name, such as `Q4_K_M` in `qwen2-7b.Q4_K_M.gguf`.
fn quantization_in(path: &str) -> Option<String> {
    let name = path.rsplit(['/', '\\']).next()?.strip_suffix(".gguf")?;
    name.split(['-', '.']).rev().map(str::to_uppercase).find(|word| {
        let digits = word.strip_prefix("IQ").or_else(|| word.strip_prefix('Q'));
        digits.is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()))
            || matches!(word.as_str(), "F16" | "F32" | "BF16")
    })
}

/// A count as people write it, for example `7.6B`.
fn rounded(count: u64) -> String {
    match count {
        1_000_000_000.. => format!("{:.1}B", count as f64 / 1e9),
        1_000_000.. => format!("{:.0}M", count as f64 / 1e6),
        _ => count.to_string(),
    }
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
