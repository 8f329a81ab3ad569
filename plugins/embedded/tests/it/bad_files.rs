//! Files that are damaged, or sound but of another kind: a clear error, never a panic,
//! never memory for what a header merely claims.

use llmbench_api::*;
use llmbench_testkit::context;
use llmbench_testkit::gguf::{Family, GgufFile, RawTensor, TinyModel, Value};

use crate::support::*;

/// What a header may claim; nothing of the kind may be allocated.
const HUGE: u64 = 1 << 61;

/// The error of loading `bytes`, which has to name the file.
fn refusal(bytes: &[u8]) -> Error {
    let files = Files::new();
    let name = files.put_bytes("odd.gguf", bytes);
    let (backend, cx) = (embedded(), context(None));
    let error = backend.load(&name, &GenerateOptions::default(), &cx).unwrap_err();
    assert!(error.message.contains("odd.gguf"), "{error}");
    assert!(error.hint.is_some(), "{error}");
    // A run asks for the identity first: nothing is prepared for a model that cannot load.
    assert_eq!(backend.identify(&name, &cx).unwrap_err(), error);
    error
}

/// Loads a sound file after `change`; `parts` have to be in the message or the hint.
fn check(family: Family, change: impl FnOnce(&mut GgufFile), kind: ErrorKind, parts: &[&str]) {
    let mut file = small(family);
    change(&mut file);
    expect(&refusal(&file.bytes()), kind, parts);
}

fn check_bytes(bytes: &[u8], parts: &[&str]) {
    expect(&refusal(bytes), ErrorKind::InvalidInput, parts);
}

fn expect(error: &Error, kind: ErrorKind, parts: &[&str]) {
    assert_eq!(error.kind, kind, "{error}");
    let text = format!("{error}\n{}", error.hint.as_deref().unwrap_or_default());
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

fn set(key: &str, value: Value) -> impl FnOnce(&mut GgufFile) {
    move |file| file.set(key, value)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

use ErrorKind::{InvalidInput, Unsupported};
use Family::{Llama, LlamaBpe, Qwen2, Qwen3};

#[test]
fn sound_files_load() {
    let files = Files::new();
    for family in [Llama, LlamaBpe, Qwen2, Qwen3] {
        let name = files.put(&format!("{family:?}.gguf"), &small(family));
        let loaded = embedded().load(&name, &GenerateOptions::default(), &context(None)).unwrap();
        assert!(loaded.value.is_some_and(|seconds| seconds > 0.0));
    }
}

#[test]
fn what_is_no_gguf_is_told() {
    check_bytes(b"", &["0 bytes"]);
    check_bytes(b"GGU", &["3 bytes"]);
    check_bytes(&[0; 4096], &["does not begin with `GGUF`"]);
    check_bytes(b"PK\x03\x04 this is some other file", &["does not begin with `GGUF`"]);
    let version = |version: u32| {
        let mut bytes = small(Llama).bytes();
        bytes[4..8].copy_from_slice(&version.to_le_bytes());
        refusal(&bytes)
    };
    expect(&version(4), Unsupported, &["version 4"]);
    expect(&version(3u32.swap_bytes()), Unsupported, &["big-endian"]);
}

#[test]
fn a_file_cut_off_anywhere_is_damaged() {
    let bytes = small(Llama).bytes();
    let files = Files::new();
    let (backend, cx) = (embedded(), context(None));
    for length in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        let name = files.put_bytes(&format!("cut-{length}.gguf"), &bytes[..length]);
        let error = backend.load(&name, &GenerateOptions::default(), &cx).unwrap_err();
        assert_eq!(error.kind, InvalidInput, "{length}: {error}");
        assert!(error.message.contains(&format!("cut-{length}.gguf")), "{error}");
    }
}

#[test]
fn huge_claims_take_no_memory() {
    let before = peak_kib();
    let sound = small(Llama).bytes();
    let with = |at: usize, number: u64| {
        let mut bytes = sound.clone();
        bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        bytes
    };
    for claim in [1 << 20, 1 << 30, 1 << 40, HUGE, u64::MAX] {
        check_bytes(&with(8, claim), &[]); // tensors
        check_bytes(&with(16, claim), &[]); // metadata
        check_bytes(&with(24, claim), &["cut off"]); // the first key's length
        let list = |kind: u32| {
            let mut list = kind.to_le_bytes().to_vec();
            list.extend(claim.to_le_bytes());
            Value::Raw(9, list)
        };
        for kind in [0, 8, 12] {
            check(Llama, set("tokenizer.ggml.tokens", list(kind)), InvalidInput, &[]);
        }
        let shape = |file: &mut GgufFile| file.tensor("token_embd.weight").shape = vec![32, claim];
        check(Llama, shape, InvalidInput, &["token_embd.weight"]);
        let shape = |file: &mut GgufFile| file.tensor("token_embd.weight").shape = vec![claim; 4];
        check(Llama, shape, InvalidInput, &["token_embd.weight"]);
        let offset = |file: &mut GgufFile| file.tensor("token_embd.weight").offset = Some(claim);
        check(Llama, offset, InvalidInput, &["token_embd.weight"]);
        for key in
            ["block_count", "embedding_length", "feed_forward_length", "attention.head_count"]
        {
            let key = format!("llama.{key}");
            check(Llama, set(&key, Value::Long(claim)), InvalidInput, &[]);
        }
        check(Qwen3, set("qwen3.attention.key_length", Value::Long(claim)), InvalidInput, &[]);
    }
    let many = |file: &mut GgufFile| file.tensor("token_embd.weight").shape = vec![1; 1000];
    check(Llama, many, InvalidInput, &["dimensions"]);
    if let (Some(before), Some(after)) = (before, peak_kib()) {
        // Threads reserve address space of their own; claims begin at a million entries.
        assert!(after - before < 4 << 20, "{before} KiB became {after} KiB");
    }
}

/// Most address space that this process ever had.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmPeak:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn an_alignment_is_a_power_of_two() {
    for wrong in [0, 3, u32::MAX] {
        let parts = [&*format!("{wrong} is no valid alignment")];
        check(Llama, set("general.alignment", Value::Number(wrong)), InvalidInput, &parts);
    }
    check(Llama, set("general.alignment", text("32")), InvalidInput, &[]);
}

#[test]
fn other_kinds_of_models_are_sent_elsewhere() {
    let elsewhere = ["--backend ollama", "llama.cpp"];
    let cases: [(Family, &str, Value, &str); 9] = [
        (Llama, "general.architecture", text("mamba"), "architecture `mamba`"),
        (Llama, "llama.expert_count", Value::Number(4), "mixture of experts"),
        (Llama, "llama.rope.scaling.type", text("yarn"), "`yarn`"),
        (Llama, "llama.rope.scaling.type", text("linear"), "`linear`"),
        (Qwen2, "qwen2.attention.sliding_window", Value::Number(128), "sliding window"),
        (Llama, "llama.rope.dimension_count", Value::Number(8), "heads of a size"),
        (Llama, "tokenizer.ggml.model", text("t5"), "tokenizer is `t5`"),
        (Qwen2, "tokenizer.ggml.pre", text("tekken"), "pre-tokenizer is `tekken`"),
        (LlamaBpe, "tokenizer.ggml.pre", text(""), "pre-tokenizer is ``"),
    ];
    for (family, key, value, part) in cases {
        check(family, set(key, value), Unsupported, &[elsewhere[0], elsewhere[1], part]);
    }
    let no_name = |file: &mut GgufFile| file.remove("tokenizer.ggml.pre");
    check(Qwen2, no_name, Unsupported, &["tokenizer.ggml.pre", elsewhere[0]]);
    let add = |name: &'static str| {
        move |file: &mut GgufFile| file.tensors.push(RawTensor::f32(name, &[8], &[1.0; 8]))
    };
    check(Llama, add("rope_freqs.weight"), Unsupported, &["`rope_freqs.weight`", elsewhere[0]]);
    check(Llama, add("blk.0.ffn_gate_exps.weight"), Unsupported, &["experts", elsewhere[1]]);
    check(Llama, add("blk.0.attn_q.bias"), Unsupported, &["`blk.0.attn_q.bias`"]);
    let kind = |file: &mut GgufFile| file.tensor("blk.0.attn_q.weight").kind = 38;
    check(Llama, kind, Unsupported, &["weights in a format", elsewhere[0]]);

    let files = Files::new();
    let name = files.put_bytes("mixture.gguf", b"");
    TinyModel::mixture().write(name.as_ref()).unwrap();
    let error = embedded().identify(&name, &context(None)).unwrap_err();
    expect(&error, Unsupported, &["mixture of experts", elsewhere[0], elsewhere[1]]);
}

#[test]
fn contradictions_are_told() {
    for key in [
        "general.architecture",
        "llama.context_length",
        "llama.attention.head_count",
        "llama.attention.head_count_kv",
        "llama.block_count",
        "tokenizer.ggml.model",
        "tokenizer.ggml.tokens",
        "tokenizer.ggml.token_type",
        "tokenizer.ggml.scores",
        "tokenizer.ggml.bos_token_id",
    ] {
        check(Llama, |file| file.remove(key), InvalidInput, &[key]);
    }
    check(Llama, |file| file.remove("llama.rope.dimension_count"), InvalidInput, &["header lacks"]);
    check(Qwen2, |file| file.remove("tokenizer.ggml.merges"), InvalidInput, &["merges"]);
    check(Qwen3, |file| file.remove("qwen3.rope.freq_base"), InvalidInput, &["header lacks"]);
    for (key, value) in [
        ("llama.attention.head_count", Value::Number(0)),
        ("llama.attention.head_count_kv", Value::Number(0)),
        ("llama.attention.head_count_kv", Value::Number(3)),
        ("llama.context_length", Value::Number(0)),
        ("llama.block_count", Value::Number(0)),
        ("llama.block_count", Value::Number(2)),
        ("llama.embedding_length", Value::Number(31)),
        ("llama.attention.layer_norm_rms_epsilon", Value::Number(0)),
        ("tokenizer.ggml.eos_token_id", Value::Number(100_000)),
        ("tokenizer.ggml.tokens", Value::Texts(vec!["a".into()])),
        ("tokenizer.ggml.tokens", Value::Reals(vec![0.0; 278])),
        ("tokenizer.ggml.scores", Value::Reals(vec![0.0])),
        ("tokenizer.ggml.token_type", Value::Number(1)),
    ] {
        check(Llama, set(key, value), InvalidInput, &[]);
    }
    let merges = |merge: &str| set("tokenizer.ggml.merges", Value::Texts(vec![merge.to_owned()]));
    check(Qwen2, merges("nope nope"), InvalidInput, &["merges"]);
    check(Qwen2, merges("nospace"), InvalidInput, &["merges"]);
    let lost = |file: &mut GgufFile| {
        let tokens = file.get("tokenizer.ggml.tokens").cloned();
        let Some(Value::Texts(mut texts)) = tokens else { unreachable!() };
        texts[65] = "[lost]".into();
        file.set("tokenizer.ggml.tokens", Value::Texts(texts));
    };
    check(Qwen2, lost, InvalidInput, &["single bytes"]);
}

#[test]
fn missing_and_misshapen_tensors_are_named() {
    let reshape = |file: &mut GgufFile| file.tensor("token_embd.weight").shape = vec![32, 1];
    check(Llama, reshape, InvalidInput, &["weight` is ["]);
    for name in ["token_embd.weight", "output_norm.weight", "blk.0.attn_k.weight"] {
        let drop = |file: &mut GgufFile| file.tensors.retain(|tensor| tensor.name != name);
        check(Llama, drop, InvalidInput, &[name]);
        if name == "token_embd.weight" {
            continue; // its own size is the one that the others are held against
        }
        let reshape = |file: &mut GgufFile| file.tensor(name).shape = vec![32, 1];
        check(Llama, reshape, InvalidInput, &[name]);
    }
    let drop = |file: &mut GgufFile| file.tensors.retain(|t| t.name != "blk.0.attn_k.bias");
    check(Qwen2, drop, InvalidInput, &["blk.0.attn_k.bias"]);
    // Q5_0: candle takes two blocks of 32 at once.
    let kind = |file: &mut GgufFile| file.tensor("blk.0.attn_k.weight").kind = 6;
    check(Llama, kind, InvalidInput, &["blk.0.attn_k.weight", "no valid shape"]);
    let vocabulary = |file: &mut GgufFile| {
        for name in ["token_embd.weight", "output.weight"] {
            file.tensor(name).shape[1] -= 1;
        }
    };
    check(Llama, vocabulary, InvalidInput, &["tokens, but embeddings for"]);
}

#[test]
fn a_model_without_a_chat_template_cannot_chat() {
    let without = |file: &mut GgufFile| file.remove("tokenizer.chat_template");
    check(Llama, without, Unsupported, &["no chat template", "embedded.chat_template=FILE", "raw"]);
    let broken = set("tokenizer.chat_template", text("{% for x in %}"));
    check(Llama, broken, Unsupported, &["chat template", "embedded.chat_template=FILE"]);
}

#[test]
fn a_prompt_longer_than_the_context_is_refused_and_never_cut() {
    let files = Files::new();
    let name = files.put("small.gguf", &small(Llama));
    let backend = embedded();
    let long = "the const x = let function ".repeat(40);
    let ask = |num_ctx, prompt: &str| {
        let mut request = request(&name, prompt, 4);
        request.options.num_ctx = num_ctx;
        generate(&backend, &request)
    };
    let error = ask(2048, &long).unwrap_err();
    expect(&error, Unsupported, &["small.gguf", "context of 256", "the model has"]);
    let error = ask(16, "the const x = let function").unwrap_err();
    expect(&error, Unsupported, &["context of 16", "--num-ctx"]);

    // A prompt that just fits is answered until the context is full.
    let prompt_tokens = ask(256, "the").unwrap().prompt_tokens.unwrap();
    let num_ctx = prompt_tokens as u32 + 2;
    let generation = ask(num_ctx, "the").unwrap();
    assert_eq!(generation.done_reason, DoneReason::Length);
    assert_eq!(generation.completion_tokens, Some(2));
    let error = ask(prompt_tokens as u32, "the").unwrap_err();
    expect(&error, Unsupported, &[&format!("the prompt has {prompt_tokens} tokens")]);
}

#[test]
fn weights_that_are_no_numbers_give_no_answer() {
    let mut file = small(Llama);
    let norm = file.tensor("output_norm.weight");
    norm.data = f32::NAN.to_le_bytes().repeat(32);
    let files = Files::new();
    let name = files.put("nan.gguf", &file);
    for temperature in [0.0, 1.0] {
        let mut request = request(&name, "the", 4);
        request.options.temperature = temperature;
        let error = generate(&embedded(), &request).unwrap_err();
        expect(&error, InvalidInput, &["nan.gguf", "NaN"]);
    }
}

#[test]
fn what_is_not_there_or_no_file_is_not_found() {
    let files = Files::new();
    let folder = std::path::Path::new(&files.put_bytes("x", b"")).parent().unwrap().to_owned();
    for name in ["no-such.gguf", folder.to_str().unwrap(), "llama3"] {
        let error = embedded().identify(name, &context(None)).unwrap_err();
        expect(&error, ErrorKind::ModelNotFound, &[name, "`sample`"]);
    }
}
