//! Feeds damaged GGUF files to the engine until the time is over:
//!
//!     cargo run -p llmbench-plugin-embedded --example fuzz_gguf -- --minutes 10 [--seed N]
//!
//! Each case is a sound tiny file with one to four changes: bits, lengths, cuts,
//! splices, and swapped keys, types, shapes and offsets. Reading it may fail, but
//! not panic, hang, or take memory out of proportion to the file. Some of the
//! accepted ones are loaded and asked as well. A finding is written to the
//! temporary folder, and the program ends with 1.
#![allow(clippy::print_stdout, reason = "an example for people")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use llmbench_api::{Backend, GenerateRequest};
use llmbench_plugin_embedded::{Embedded, count_tokens};
use llmbench_testkit::context;
use llmbench_testkit::gguf::{ChatModel, Family, GgufFile, RawTensor, Sizes, Value, Weights};
use peak_alloc::PeakAlloc;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What reading a file may take: so many times its size, and a constant.
const TIMES: usize = 100;
const CONSTANT: usize = 48 << 20;
/// What running an accepted file may take.
const RUNNING: usize = 512 << 20;
const HANG: Duration = Duration::from_secs(30);
/// One in so many accepted files is run.
const RUN_ONE_OF: u32 = 8;
const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    3,
    31,
    33,
    255,
    4096,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 40,
    i64::MAX as u64,
    u64::MAX,
];

static PANICKED: AtomicBool = AtomicBool::new(false);

fn main() {
    let (minutes, seed) = arguments();
    println!("seed {seed}, {minutes} minutes");
    // Caught panics count as well.
    std::panic::set_hook(Box::new(|panic| {
        println!("{panic}");
        PANICKED.store(true, Ordering::SeqCst);
    }));
    let mut fuzzer = Fuzzer::new(seed);
    let end = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    let mut tally = Tally::default();
    let mut told = Instant::now();
    while Instant::now() < end {
        let case = fuzzer.case();
        if let Err(finding) = fuzzer.check(&case, &mut tally) {
            let path = fuzzer.keep(&case, tally.cases);
            println!("FOUND {finding}: {}\n{tally:?}", path.display());
            std::process::exit(1);
        }
        if told.elapsed() > Duration::from_secs(30) {
            told = Instant::now();
            println!("{tally:?}");
        }
    }
    println!("nothing found: {tally:?}");
}

fn arguments() -> (f64, u64) {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let minutes = value("--minutes").and_then(|text| text.parse().ok()).unwrap_or(10.0);
    let seed = value("--seed").and_then(|text| text.parse().ok());
    (minutes, seed.unwrap_or_else(|| clock.map_or(1, |now| now.as_secs())))
}

#[derive(Debug, Default)]
struct Tally {
    cases: u64,
    accepted: u64,
    run: u64,
    answered: u64,
    most_memory_for_its_size: f64,
    most_memory_mib: f64,
    slowest_ms: u128,
}

struct Fuzzer {
    random: ChaCha8Rng,
    seed: u64,
    files: Vec<GgufFile>,
    folder: PathBuf,
    backend: Embedded,
    /// Cases begun; odd while one is under way.
    step: Arc<AtomicU64>,
}

impl Fuzzer {
    fn new(seed: u64) -> Self {
        let sizes = Sizes {
            embedding: 32,
            feed_forward: 32,
            layers: 1,
            heads: 2,
            key_value_heads: 1,
            context: 64,
        };
        let families = [Family::Llama, Family::LlamaBpe, Family::Qwen2, Family::Qwen3];
        let files = families.into_iter().flat_map(|family| {
            [Weights::F32, Weights::Q8_0].map(|weights| {
                ChatModel { sizes, tied: true, ..ChatModel::new(family, weights) }.file()
            })
        });
        let step = Arc::new(AtomicU64::new(0));
        let folder = std::env::temp_dir().join(format!("llmbench-fuzz-{seed}"));
        std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
        watch(step.clone(), folder.clone());
        Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            seed,
            files: files.collect(),
            folder,
            backend: Embedded::new(serde_json::json!({})).expect("no setting is wrong"),
            step,
        }
    }

    /// A sound file with some changes.
    fn case(&mut self) -> Vec<u8> {
        let mut file = self.files.choose(&mut self.random).expect("there are files").clone();
        for _ in 0..self.random.random_range(0..3) {
            self.change_structure(&mut file);
        }
        let mut bytes = file.bytes();
        for _ in 0..self.random.random_range(0..3) {
            self.change_bytes(&mut bytes);
        }
        bytes
    }

    fn change_structure(&mut self, file: &mut GgufFile) {
        let number = *NUMBERS.choose(&mut self.random).expect("there are numbers");
        let key = self.random.random_range(0..file.metadata.len());
        let other = self.random.random_range(0..file.metadata.len());
        let tensor = self.random.random_range(0..file.tensors.len());
        match self.random.random_range(0..13) {
            0 => drop(file.metadata.remove(key)),
            1 => file.metadata[key].1 = file.metadata[other].1.clone(),
            2 => file.metadata[key].0 = file.metadata[other].0.clone(),
            3 => file.metadata[key].1 = Value::Long(number),
            4 => file.metadata[key].1 = Value::Number(number as u32),
            5 => file.metadata[key].1 = Value::Real(f32::from_bits(self.random.random())),
            6 => {
                let kind = self.random.random_range(0..14);
                let bytes = (0..self.random.random_range(0..64)).map(|_| self.random.random());
                file.metadata[key].1 = Value::Raw(kind, bytes.collect());
            }
            7 => self.change_list(&mut file.metadata[key].1),
            8 => drop(file.tensors.remove(tensor)),
            9 => {
                let shape = &mut file.tensors[tensor].shape;
                let at = self.random.random_range(0..shape.len());
                shape[at] = number;
            }
            10 => file.tensors[tensor].kind = self.random.random_range(0..40),
            11 => file.tensors[tensor].offset = Some(number),
            _ => {
                let names = ["rope_freqs.weight", "blk.1.attn_q.weight", "token_embd.weight", ""];
                let name = names.choose(&mut self.random).expect("there are names");
                let shape = vec![number % 70; self.random.random_range(0..6)];
                let values = vec![1.0; (number % 70) as usize];
                file.tensors.push(RawTensor::f32(name, &shape, &values));
            }
        }
    }

    fn change_list(&mut self, value: &mut Value) {
        let random = &mut self.random;
        match value {
            Value::Texts(texts) if !texts.is_empty() => {
                let (at, other) =
                    (random.random_range(0..texts.len()), random.random_range(0..texts.len()));
                match random.random_range(0..5) {
                    0 => texts.truncate(at),
                    1 => texts[at] = texts[other].clone(),
                    2 => texts[at].clear(),
                    3 => texts[at] = ["\u{10ffff}", "<0xZZ>", "a b c", " ", "\0\0"][at % 5].into(),
                    _ => texts.extend(vec![texts[other].clone(); at]),
                }
            }
            Value::Reals(reals) if !reals.is_empty() => {
                let at = random.random_range(0..reals.len());
                reals[at] = f32::from_bits(random.random());
            }
            Value::Integers(integers) if !integers.is_empty() => {
                let at = random.random_range(0..integers.len());
                integers[at] = random.random_range(-1..9);
            }
            Value::Text(text) => {
                let odd = [
                    "{{ 1/0 }}",
                    "{% for x in y %}",
                    "{{ '",
                    "{%- macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
                    "",
                ];
                *text = match random.random_range(0..6) {
                    5 => "{% if 1 %}".repeat(random.random_range(0..2000)),
                    index => odd[index].to_owned(),
                };
            }
            _ => {}
        }
    }

    fn change_bytes(&mut self, bytes: &mut Vec<u8>) {
        let random = &mut self.random;
        if bytes.len() < 16 {
            return;
        }
        // Most of a file is weights, where little can go wrong.
        let limit = if random.random_bool(0.9) { bytes.len().min(20_000) } else { bytes.len() };
        let at = random.random_range(0..limit - 8);
        match random.random_range(0..8) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = random.random(),
            2 => {
                let number = NUMBERS.choose(random).expect("there are numbers");
                bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
            }
            3 => {
                let number = *NUMBERS.choose(random).expect("there are numbers") as u32;
                bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
            }
            4 => bytes.truncate(at),
            5 => {
                let end = (at + random.random_range(1..64)).min(bytes.len());
                bytes.drain(at..end);
            }
            6 => {
                let end = (at + random.random_range(1..256)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                let target = random.random_range(0..limit);
                bytes.splice(target..target, copy);
            }
            _ => {
                let other = self.files.choose(random).expect("there are files").bytes();
                let end = (at + random.random_range(1..4096)).min(bytes.len()).min(other.len());
                if at < end {
                    bytes[at..end].copy_from_slice(&other[at..end]);
                }
            }
        }
    }

    fn check(&mut self, case: &[u8], tally: &mut Tally) -> Result<(), String> {
        tally.cases += 1;
        std::fs::write(self.folder.join("current.gguf"), case)
            .map_err(|error| error.to_string())?;
        self.step.fetch_add(1, Ordering::SeqCst);
        let start = Instant::now();
        let (read, memory) = measured(|| count_tokens(case, "It's 12 日本 <|im_end|>\n\n"));
        let bound = case.len() * TIMES + CONSTANT;
        let ratio = memory as f64 / case.len().max(1) as f64;
        if case.len() > 1000 {
            tally.most_memory_for_its_size = tally.most_memory_for_its_size.max(ratio);
        }
        tally.most_memory_mib = tally.most_memory_mib.max(memory as f64 / 1048576.0);
        let mut outcome = match read {
            None => Err("a panic while reading".to_owned()),
            Some(_) if memory > bound => Err(format!("{memory} bytes for {}", case.len())),
            Some(Err(error)) if error.message.is_empty() => Err("an empty message".to_owned()),
            Some(Err(_)) => Ok(()),
            Some(Ok(_)) => {
                tally.accepted += 1;
                Err(String::new())
            }
        };
        if outcome.as_ref().is_err_and(String::is_empty) {
            outcome =
                if self.random.random_ratio(1, RUN_ONE_OF) { self.run(tally) } else { Ok(()) };
        }
        tally.slowest_ms = tally.slowest_ms.max(start.elapsed().as_millis());
        self.step.fetch_add(1, Ordering::SeqCst);
        outcome
    }

    /// Asks the file that was accepted.
    fn run(&self, tally: &mut Tally) -> Result<(), String> {
        // A file that is mapped must not change: each has a name of its own.
        let path = self.folder.join(format!("run-{}.gguf", tally.cases));
        std::fs::copy(self.folder.join("current.gguf"), &path)
            .map_err(|error| error.to_string())?;
        let mut request = GenerateRequest::user("the 12");
        request.model = path.to_string_lossy().into_owned();
        request.options.max_tokens = 3;
        let (answer, memory) = measured(|| self.backend.generate(&request, &(), &context(None)));
        let _ = std::fs::remove_file(path);
        tally.run += 1;
        match answer {
            None => Err("a panic while running".to_owned()),
            Some(_) if memory > RUNNING => Err(format!("{memory} bytes while running")),
            Some(answer) => {
                tally.answered += u64::from(answer.is_ok());
                Ok(())
            }
        }
    }

    fn keep(&self, case: &[u8], number: u64) -> PathBuf {
        let path = std::env::temp_dir().join(format!("llmbench-fuzz-{}-{number}.gguf", self.seed));
        let _ = std::fs::write(&path, case);
        path
    }
}

/// What `work` returns, unless it panics, and the most bytes that it held.
fn measured<T>(work: impl FnOnce() -> T) -> (Option<T>, usize) {
    PANICKED.store(false, Ordering::SeqCst);
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let result = catch_unwind(AssertUnwindSafe(work)).ok();
    let memory = MEMORY.peak_usage().saturating_sub(before);
    (result.filter(|_| !PANICKED.load(Ordering::SeqCst)), memory)
}

/// Ends the program when one case takes too long.
fn watch(step: Arc<AtomicU64>, folder: PathBuf) {
    std::thread::spawn(move || {
        let mut last = (0, Instant::now());
        loop {
            std::thread::sleep(Duration::from_millis(500));
            let now = step.load(Ordering::SeqCst);
            if now != last.0 || now.is_multiple_of(2) {
                last = (now, Instant::now());
            } else if last.1.elapsed() > HANG {
                println!("FOUND a hang: {}", Path::new(&folder).join("current.gguf").display());
                std::process::exit(1);
            }
        }
    });
}
