use super::*;

#[test]
fn quantisations_are_found_in_file_names_and_nowhere_else() {
    fn check(path: &str, expected: Option<&str>) {
        assert_eq!(quantization_in(path).as_deref(), expected, "{path}");
    }
    check("/models/qwen2-7b.Q4_K_M.gguf", Some("Q4_K_M"));
    check("C:\\models\\llama-3-8b-iq3_xs.gguf", Some("IQ3_XS"));
    check("tiny-f16.gguf", Some("F16"));
    check("qwen.gguf", None);
    check("model.bin", None);
}

#[test]
fn facts_that_a_server_does_not_tell_are_absent_with_a_reason() {
    let kind = Kind::Vllm { version: Some("0.33.0".into()) };
    let facts = Facts::of(&kind, &json!({"id": "m", "max_model_len": 8192}), "m");
    let identity = facts.identity("m", &kind);
    assert_eq!(identity.context_length.value, Some(8192));
    assert_eq!(identity.server_version.value.as_deref(), Some("0.33.0"));
    for reason in [&identity.digest.reason, &identity.quantization.reason] {
        assert!(reason.as_ref().is_some_and(|reason| reason.contains("vllm")), "{reason:?}");
    }
    assert_eq!(identity.parameters.value, None);
}

#[track_caller]
fn expect_trained(length: &Measured<u64>) {
    let note = length.reason.as_deref().unwrap();
    assert!(note.contains("started with; the model was trained with 32768"), "{note}");
}

#[test]
fn llama_cpp_and_lm_studio_tell_more() {
    let props =
        json!({"model_path": "/m/x-Q8_0.gguf", "default_generation_settings": {"n_ctx": 4096}});
    let kind = Kind::LlamaCpp { props };
    let facts = Facts::of(&kind, &json!({"meta": {"n_params": 500, "n_ctx_train": 32768}}), "x");
    let identity = facts.identity("x", &kind);
    assert_eq!(identity.parameters.value, Some(500));
    assert_eq!(identity.context_length.value, Some(4096));
    expect_trained(&identity.context_length);
    assert_eq!(llama_cpp_context(Some(9), Some(8)), Some((8, String::new())));
    assert_eq!(llama_cpp_context(None, None), None);
    assert_eq!(identity.quantization.value.as_deref(), Some("Q8_0"));

    let models = json!({"data": [{"id": "y", "arch": "qwen2", "quantization": "4bit",
        "max_context_length": 1000}]});
    let kind = Kind::LmStudio { models };
    let identity = Facts::of(&kind, &json!({"id": "y"}), "y").identity("y", &kind);
    assert_eq!(identity.family.value.as_deref(), Some("qwen2"));
    assert_eq!(identity.context_length.value, Some(1000));
}

#[test]
fn a_mixture_is_known_by_its_experts() {
    let mut facts = Facts::default();
    facts.add_show(&json!({
        "details": {"family": "qwen3moe", "quantization_level": "Q4_K_M"},
        "model_info": {"general.architecture": "qwen3moe", "general.parameter_count": 30,
            "qwen3moe.expert_count": 128, "qwen3moe.expert_used_count": 8,
            "qwen3moe.context_length": 40960},
    }));
    let kind = Kind::Ollama { version: None };
    let identity = facts.identity("m", &kind);
    assert_eq!(identity.architecture.value, Some(Architecture::MixtureOfExperts));
    assert_eq!((identity.expert_count.value, identity.experts_used.value), (Some(128), Some(8)));
    assert_eq!(identity.active_parameters.value, None);
}
