//! Facts of the recorded tiny models (real Ollama 0.6.5) and of larger ones, in short.

use serde_json::json;

use super::*;

fn show(json: Json) -> Show {
    serde_json::from_value(json).unwrap()
}

/// The recorded answer for a mixture of four experts with one layer left.
fn recorded_mixture() -> Json {
    json!({
        "details": {"family": "llama", "parameter_size": "7.22M", "quantization_level": "unknown"},
        "model_info": {
            "general.architecture": "llama", "general.file_type": 0,
            "general.parameter_count": 7223040, "llama.context_length": 4096,
            "llama.expert_count": 4, "llama.expert_used_count": 2,
        },
        "tensors": [
            {"name": "token_embd.weight", "type": "F32", "shape": [256, 271]},
            {"name": "blk.0.ffn_gate_inp.weight", "type": "F32", "shape": [256, 4]},
            {"name": "blk.0.ffn_gate_exps.weight", "type": "F32", "shape": [256, 512, 4]},
        ],
    })
}

fn of(name: &str, json: Json) -> ModelIdentity {
    identity(Facts {
        name,
        installed: None,
        show: &show(json),
        loaded: Ok(None),
        server_version: Measured::known("0.6.5".into()),
    })
}

#[test]
fn a_mixture_is_known_by_its_experts() {
    let model = of("moe", recorded_mixture());
    assert_eq!(model.architecture, Measured::known(Architecture::MixtureOfExperts));
    assert_eq!(model.expert_count.value, Some(4));
    assert_eq!(model.experts_used.value, Some(2));
    assert_eq!(model.parameters, Measured::known(7_223_040));
    assert_eq!(model.active_parameters.value, Some(256 * 271 + 256 * 4 + 256 * 512 * 2));
    assert_eq!(model.context_length.value, Some(4096));
    assert_eq!(model.family.value.as_deref(), Some("llama"));
    assert_eq!(model.quantization, Measured::absent("the server calls it `unknown`"));
    assert_eq!(model.digest.value, None);
}

#[test]
fn the_rules_for_the_architecture_apply_in_their_order() {
    use Architecture::{Dense, MixtureOfExperts};
    let info = |kind: &str| json!({"general.architecture": kind});
    let tensors = |name: &str| json!([{"name": name, "shape": [2, 3]}]);
    let check = |name: &str, json: Json, expected: Option<Architecture>, remark: &str| {
        let architecture = of(name, json).architecture;
        assert_eq!(architecture.value, expected, "{name}: {architecture:?}");
        let reason = architecture.reason.unwrap_or_default();
        assert!(reason.contains(remark), "{name}: {reason}");
    };
    check(
        "x",
        json!({"tensors": tensors("blk.0.ffn_up_exps.weight"), "model_info": info("qwen2")}),
        Some(MixtureOfExperts),
        "tensors of experts",
    );
    check(
        "x",
        json!({"tensors": tensors("a"), "model_info": info("qwen3moe")}),
        Some(MixtureOfExperts),
        "every `qwen3moe`",
    );
    check("x", json!({"model_info": info("deepseek2")}), Some(MixtureOfExperts), "every");
    check("mixtral", json!({"tensors": tensors("a")}), Some(Dense), "no tensors of experts");
    check("mixtral", json!({"model_info": info("gemma2")}), Some(Dense), "every `gemma2`");
    check("mixtral:8x7b", json!({"model_info": info("llama")}), Some(MixtureOfExperts), "a guess");
    check("llama3", json!({"model_info": info("llama")}), None, "neither");
    check("x", json!({}), None, "neither");
    // One expert is no mixture.
    let one = json!({"general.architecture": "llama", "llama.expert_count": 1});
    check("x", json!({"model_info": one, "tensors": tensors("a")}), Some(Dense), "no tensors");
}

#[test]
fn names_are_only_taken_for_mixtures_when_they_say_so() {
    for (name, expected) in [
        ("mixtral", true),
        ("mixtral-8x22b:latest", true),
        ("dolphin:8x7b", true),
        ("qwen3:30b-a3b", true),
        ("granite3-moe", true),
        ("phi3.5-moe", true),
        ("qwen2.5-coder:7b-instruct-q8_0", false),
        ("llama3:8b", false),
        ("x", false),
        ("ab:b", false),
    ] {
        assert_eq!(name_tells_mixture(name), expected, "{name}");
    }
}

#[test]
fn active_parameters_need_shapes_and_counts() {
    let mut without_tensors = recorded_mixture();
    without_tensors["tensors"] = Json::Null;
    let mut without_used = recorded_mixture();
    without_used["model_info"]["llama.expert_used_count"] = Json::Null;
    for (json, reason) in [
        (without_tensors, "no shapes"),
        (without_used, "how many experts are used"),
        (json!({}), "not known whether"),
    ] {
        let active = of("x", json).active_parameters;
        assert_eq!(active.value, None);
        assert!(active.reason.unwrap().contains(reason));
    }
    let dense = json!({
        "model_info": {"general.architecture": "qwen2", "general.parameter_count": 7.6e9},
    });
    assert_eq!(of("x", dense).active_parameters.value, Some(7_600_000_000));
}

#[test]
fn parameters_are_counted_when_the_server_does_not() {
    let json = json!({"tensors": [{"name": "a", "shape": [2, 3]}, {"name": "b", "shape": [4]}]});
    assert_eq!(of("x", json).parameters, Measured::noted(10, "counted from the tensors"));
    assert_eq!(of("x", json!({})).parameters.value, None);
}

#[test]
fn the_offload_share_is_only_known_of_a_loaded_model() {
    let share = gpu_offload_share;
    let entry = |json: Json| serde_json::from_value::<ModelEntry>(json).unwrap();
    // Recorded on a machine without a GPU: a share of 0 was measured.
    let cpu = entry(json!({"name": "tiny:latest", "size": 186150912, "size_vram": 0}));
    assert_eq!(share(Ok(Some(&cpu))), Measured::known(0.0));
    let half = entry(json!({"size": 200, "size_vram": 100}));
    assert_eq!(share(Ok(Some(&half))), Measured::known(0.5));
    assert_eq!(share(Ok(None)), Measured::absent("the model is not loaded"));
    assert_eq!(share(Ok(Some(&entry(json!({}))))).value, None);
    assert_eq!(share(Err("no answer".into())).value, None);
}

#[test]
fn a_known_quantization_is_reported() {
    let json = json!({"details": {"quantization_level": "Q8_0"}});
    assert_eq!(of("x", json).quantization, Measured::known("Q8_0".into()));
    assert_eq!(of("x", json!({})).quantization.value, None);
}
