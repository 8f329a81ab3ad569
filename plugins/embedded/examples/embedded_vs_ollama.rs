//! Compares the speed of this engine with a real Ollama, on the same file:
//!
//!     cargo run --release -p llmbench-plugin-embedded --example embedded_vs_ollama [-- --rounds 5]
//!
//! Writes a `llama` model of random weights (57 million, Q8_0) and asks both for
//! 64 tokens after a prompt of about 500, in turns, with one thread and with two.
//! Each prompt begins differently, so that no cache of prompts helps. Prints the
//! medians of prefill and decode speed, and what the Ollama build says of the
//! processor features it uses. Nothing else should run on the machine meanwhile.
#![allow(clippy::print_stdout, reason = "an example for people")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use llmbench_api::{Backend, GenerateRequest, Generation};
use llmbench_plugin_embedded::Embedded;
use llmbench_plugin_ollama::Ollama;
use llmbench_testkit::gguf::{ChatModel, Family, Sizes, Weights};
use llmbench_testkit::{OllamaOptions, OllamaServer, context};
use serde_json::json;

const THREADS: [usize; 2] = [1, 2];
const NEW_TOKENS: u32 = 64;
const SIZES: Sizes = Sizes {
    embedding: 768,
    feed_forward: 2048,
    layers: 8,
    heads: 12,
    key_value_heads: 12,
    context: 2048,
};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "--engine", model, threads] => answer(model, threads),
        [_, "--rounds", rounds] => compare(rounds.parse().expect("a number of rounds")),
        _ => compare(5),
    }
}

/// Tokens in a second.
#[derive(Debug, Clone, Copy)]
struct Speed {
    prefill: f64,
    decode: f64,
}

type Figure = fn(&Speed) -> f64;

impl Speed {
    fn of(generation: &Generation) -> Self {
        assert_eq!(generation.completion_tokens, Some(NEW_TOKENS.into()));
        Self {
            prefill: generation.prefill_tokens_per_sec().expect("both tell their figures"),
            decode: generation.tokens_per_sec().expect("both tell their figures"),
        }
    }
}

fn compare(rounds: usize) {
    let server = match OllamaOptions::new().env("OLLAMA_MAX_LOADED_MODELS", "2").start() {
        Ok(server) => server,
        Err(missing) => {
            println!("{missing}");
            std::process::exit(3);
        }
    };
    let model = ChatModel { sizes: SIZES, ..ChatModel::new(Family::LlamaBpe, Weights::Q8_0) };
    let file = model.file();
    let weights: u64 = file.tensors.iter().map(|t| t.shape.iter().product::<u64>()).sum();
    let path = server.dir().join("compared.gguf");
    file.write(&path).expect("the server's directory is writable");
    drop(file);
    println!("model: llama, {weights} weights, Q8_0; {NEW_TOKENS} new tokens");

    let ollama = Ollama::new(json!({ "url": server.url() })).expect("no setting is wrong");
    let mut engines = THREADS.map(|threads| Engine::start(&path, threads));
    for threads in THREADS {
        let parameters = [("num_thread", &*threads.to_string())];
        server.create_with(&name(threads), &path, model.ollama_template(), &parameters);
    }
    // [threads][embedded, ollama]
    let mut speeds: [[Vec<Speed>; 2]; 2] = Default::default();
    for round in 0..=rounds {
        for (index, threads) in THREADS.into_iter().enumerate() {
            let nonce = round * 10 + index;
            let embedded = engines[index].ask(nonce);
            let generation = ollama
                .generate(&request(&name(threads), nonce), &(), &context(None))
                .expect("Ollama answers");
            if round == 0 {
                let prompt = generation.prompt_tokens.unwrap_or(0);
                println!("warmed up with {threads} threads; the prompt has {prompt} tokens");
                continue;
            }
            speeds[index][0].push(embedded);
            speeds[index][1].push(Speed::of(&generation));
        }
    }
    println!("threads  phase     embedded    Ollama   ratio   (median of {rounds}, tokens/s)");
    for (threads, [embedded, theirs]) in THREADS.into_iter().zip(&speeds) {
        let prefill: Figure = |speed| speed.prefill;
        let decode: Figure = |speed| speed.decode;
        for (phase, figure) in [("prefill", prefill), ("decode", decode)] {
            let (ours, theirs) = (median(embedded, figure), median(theirs, figure));
            let ratio = ours / theirs;
            println!("{threads:>7}  {phase:8} {ours:>9.1} {theirs:>9.1} {ratio:>7.2}");
        }
    }
    tell_features(&server);
}

fn name(threads: usize) -> String {
    format!("compared-{threads}")
}

fn request(model: &str, nonce: usize) -> GenerateRequest {
    let line = "const total = items.map((item) => item.price * 12).reduce(add);\n";
    let mut request = GenerateRequest::user(format!("{nonce} {}", line.repeat(8)));
    request.model = model.to_owned();
    request.options.num_ctx = 1024;
    request.options.max_tokens = NEW_TOKENS;
    request.options.temperature = 0.0;
    request.options.repeat_penalty = 1.0;
    request
}

fn median(speeds: &[Speed], figure: Figure) -> f64 {
    let mut figures: Vec<f64> = speeds.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len() % 2 == 1 {
        figures[middle]
    } else {
        (figures[middle - 1] + figures[middle]) / 2.0
    }
}

/// What the server logged about the processor.
fn tell_features(server: &OllamaServer) {
    let log = server.log();
    let mut lines: Vec<&str> = log.lines().filter(|line| line.contains("msg=system")).collect();
    lines.dedup_by_key(|line| line.split("msg=").nth(1).unwrap_or_default().to_owned());
    println!("features that Ollama's runner logs:");
    lines.iter().for_each(|line| println!("  {line}"));
    if !lines.iter().any(|line| line.contains("AVX")) {
        println!(
            "  (no vector extensions: `go install` builds Ollama without the runner libraries for \
             each processor; a release of Ollama is faster than this one)"
        );
    }
    println!("features that candle says it uses in this build:");
    println!(
        "  avx2 {}, fma {}, f16c {}",
        candle_core::utils::with_avx(),
        cfg!(target_feature = "fma"),
        candle_core::utils::with_f16c()
    );
}

/// This engine in a process of its own: the number of threads is fixed for a process.
struct Engine {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Engine {
    fn start(model: &std::path::Path, threads: usize) -> Self {
        let program = std::env::current_exe().expect("a running program has a path");
        let mut child = Command::new(program)
            .arg("--engine")
            .arg(model)
            .arg(threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program runs");
        let requests = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, requests, answers }
    }

    fn ask(&mut self, nonce: usize) -> Speed {
        writeln!(self.requests, "{nonce}").expect("the child reads");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the child answers");
        let mut figures = line.split_whitespace().map(|figure| figure.parse().expect("a figure"));
        let mut next = || figures.next().expect("two figures");
        Speed { prefill: next(), decode: next() }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child: a line with a number in, a line with two figures out.
fn answer(model: &str, threads: &str) {
    let backend = Embedded::new(json!({ "threads": threads })).expect("no setting is wrong");
    for line in std::io::stdin().lines() {
        let nonce = line.ok().and_then(|line| line.parse().ok()).expect("a number");
        let generation = backend.generate(&request(model, nonce), &(), &context(None));
        let speed = Speed::of(&generation.expect("the engine answers"));
        println!("{} {}", speed.prefill, speed.decode);
    }
}
