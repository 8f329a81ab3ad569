//! The same file in a real Ollama and in this engine: equal token counts, equal text.
//!
//! Skipped where there is no `ollama` program. Ollama keeps its cache of keys and
//! values in 16 bits and sums in another order, so texts may part where two tokens
//! are nearly as likely; counts may not.

use llmbench_api::*;
use llmbench_plugin_ollama::Ollama;
use llmbench_testkit::gguf::{ChatModel, Family, Weights};
use llmbench_testkit::{OllamaServer, skip_or_fail};
use serde_json::json;

use crate::sample_prompts::{conversations, in_style};
use crate::support::*;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sample-model/vue-ts-sample.gguf");
const SAMPLE_TEMPLATE: &str = "{{ if .System }}<|system|>{{ .System }}{{ end }}{{ if .Prompt }}<|user|>{{ .Prompt }}{{ end }}<|assistant|>{{ .Response }}<|end|>";
/// What tokenizers get wrong.
const NASTY: [&str; 20] = [
    "the const x = let function",
    "1234567890 12 123 1 0001 3.14159 1,000,000",
    "I'm you're WE'LL they've I'D 'tis it'S o'clock 'S",
    "日本語のテキスト 中文字符 한국어 ไทย हिन्दी",
    "😀😃 👩‍🚀👨‍👩‍👧‍👦 🇩🇪 ✔️",
    "trailing spaces   ",
    "   leading spaces",
    "a  b   c    d     e\tf\t\tg",
    "\n\n\nnewlines\n\n \n  \n\r\n\r\nmore\n",
    "café naïve Zürich ÅÆØ ß ﬁ",
    "e\u{301} combining a\u{308}\u{323}",
    "<|im_start|>user\nspecial<|im_end|> inside <|endoftext|> text",
    "<|eot_id|><|start_header_id|>x<|end_header_id|> <s> </s> <unk> <|user|>",
    "<|im_start <|im_end| im_end|> <0x41> <0xE2>",
    "!!!???...,,,;;;:::((([[[{{{}}}]]])))",
    "const f = (a: number): string => `${a}`; // ok\n/* x */\n",
    "\u{a0}no-break\u{2003}em\u{3000}wide\u{200b}zero\u{85}next\u{2028}line",
    "½ ² ③ Ⅷ ٣٤٥ १२३ 𝟘𝟙",
    "ÀÉÎÕÜ ǅ ʰ ª º _under_score__ snake_case $dollar #hash @at",
    "\u{feff}bom \u{fffd}replacement \u{10ffff}last \u{7f}del \u{1}one",
];

struct Sides {
    ours: Box<dyn Backend>,
    theirs: Ollama,
}

impl Sides {
    fn new(server: &OllamaServer) -> Self {
        let theirs = Ollama::new(json!({ "url": server.url() })).unwrap();
        Self { ours: Box::new(embedded()), theirs }
    }

    /// Asks `conversation` of the file `path` and of Ollama's model `name`.
    fn ask(
        &self,
        path: &str,
        name: &str,
        conversation: &[Message],
        max_tokens: u32,
    ) -> [Generation; 2] {
        let mut request = request(path, "", max_tokens);
        request.messages = conversation.to_vec();
        let ours = generate(&*self.ours, &request).unwrap();
        name.clone_into(&mut request.model);
        let mut theirs = generate(&self.theirs, &request).unwrap();
        if theirs.prompt_tokens.is_none() {
            // Where it breaks off an answer that repeats itself, it tells no figures.
            request.options.max_tokens = 1;
            theirs.prompt_tokens = generate(&self.theirs, &request).unwrap().prompt_tokens;
        }
        [ours, theirs]
    }
}

/// Counts over all prompts; differences are printed.
#[derive(Debug, Default)]
struct Tally {
    prompts: usize,
    equal_counts: usize,
    equal_texts: usize,
}

impl Tally {
    #[expect(clippy::print_stderr, reason = "says where the two part")]
    fn add(&mut self, what: &str, [ours, theirs]: &[Generation; 2]) {
        self.prompts += 1;
        if ours.prompt_tokens == theirs.prompt_tokens {
            self.equal_counts += 1;
        } else {
            eprintln!("{what}: {:?} tokens, Ollama {:?}", ours.prompt_tokens, theirs.prompt_tokens);
        }
        let is_equal = if theirs.done_reason == DoneReason::Repetition {
            ours.text.starts_with(theirs.text.trim_end())
        } else {
            ours.text == theirs.text && ours.done_reason == theirs.done_reason
        };
        if is_equal {
            self.equal_texts += 1;
        } else {
            eprintln!("{what}: texts part\n  ours   {:?}\n  theirs {:?}", ours.text, theirs.text);
        }
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "the tally is worth reading")]
fn the_sample_model_says_what_it_says_in_ollama() {
    let server = match OllamaServer::start() {
        Ok(server) => server,
        Err(missing) => return skip_or_fail(missing),
    };
    server.create("sample", SAMPLE.as_ref(), SAMPLE_TEMPLATE);
    let sides = Sides::new(&server);
    let (mut texts, mut counts) = (Tally::default(), Tally::default());
    for (index, conversation) in in_style().iter().enumerate() {
        let answers = sides.ask(SAMPLE, "sample", conversation, 200);
        assert!(!answers[0].text.is_empty());
        texts.add(&format!("prompt {index}"), &answers);
    }
    assert_eq!((texts.prompts, texts.equal_counts), (20, 20));
    assert!(texts.equal_texts >= 19, "{texts:?}");
    // Far from its training it wavers between tokens, and so between machines: only counts.
    for (index, conversation) in conversations().iter().enumerate() {
        let answers = sides.ask(SAMPLE, "sample", conversation, 40);
        counts.add(&format!("odd prompt {index}"), &answers);
    }
    assert_eq!((counts.prompts, counts.equal_counts), (20, 20), "{counts:?}");
    eprintln!("in style {texts:?}, odd {counts:?}");
}

#[test]
#[expect(clippy::print_stderr, reason = "the tally is worth reading")]
fn random_models_of_every_kind_say_what_they_say_in_ollama() {
    let server = match OllamaServer::start() {
        Ok(server) => server,
        Err(missing) => return skip_or_fail(missing),
    };
    let sides = Sides::new(&server);
    let files = Files::new();
    let kinds = [
        (Family::Llama, Weights::F32, false),
        (Family::LlamaBpe, Weights::F32, false),
        (Family::LlamaBpe, Weights::Q8_0, false),
        (Family::Qwen2, Weights::F32, false),
        (Family::Qwen2, Weights::Q8_0, true),
    ];
    for (family, weights, tied) in kinds {
        let model = ChatModel { tied, ..ChatModel::new(family, weights) };
        let name = format!("{family:?}-{weights:?}-{tied}").to_lowercase();
        let path = files.put(&format!("{name}.gguf"), &model.file());
        server.create(&name, path.as_ref(), model.ollama_template());
        let mut tally = Tally::default();
        for text in NASTY {
            let user = Message { role: Role::User, content: text.to_owned() };
            tally.add(&format!("{name} {text:?}"), &sides.ask(&path, &name, &[user], 16));
        }
        eprintln!("{name}: {tally:?}");
        assert_eq!(tally.equal_counts, NASTY.len(), "{name}");
        // Of random logits the best two are often close: sixteen choices in a row meet
        // one in a hundred that 8-bit arithmetic decides either way.
        let least = if weights == Weights::F32 { 18 } else { 14 };
        assert!(tally.equal_texts >= least, "{name}: {tally:?}");
    }
}
