//! How a prompt is cut into parts must not change what follows it.

use llmbench_plugin_embedded::logits;
use llmbench_testkit::gguf::{ChatModel, Family, Weights};

use crate::support::Files;

const TOKENS: usize = 600;

#[test]
fn a_prompt_computed_in_chunks_is_the_one_computed_token_by_token() {
    let files = Files::new();
    for family in [Family::Llama, Family::LlamaBpe, Family::Qwen2, Family::Qwen3] {
        let model = ChatModel::new(family, Weights::F32);
        let name = files.put(&format!("{family:?}.gguf"), &model.file());
        let vocabulary = model.vocabulary().len();
        let tokens: Vec<u32> = (0..TOKENS).map(|at| (at * 7919 % vocabulary) as u32).collect();
        let whole = logits(&name, &tokens, TOKENS).unwrap();
        let most = whole.iter().fold(0f32, |most, logit| most.max(logit.abs()));
        for chunk in [256, 1] {
            let parts = logits(&name, &tokens, chunk).unwrap();
            let pairs = whole.iter().zip(&parts);
            let off = pairs.fold(0f32, |off, (a, b)| off.max((a - b).abs()));
            assert!(off < most * 1e-3, "{family:?} in chunks of {chunk}: off by {off} of {most}");
        }
        // The tokens far back count: this is no test of a model that ignores them.
        let other = logits(&name, &[&[tokens[1]], &tokens[1..]].concat(), TOKENS).unwrap();
        assert_ne!(whole, other);
    }
}
