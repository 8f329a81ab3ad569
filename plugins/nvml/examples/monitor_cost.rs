//! What the monitor costs at ten samples a second, and whether it moves the time
//! stamps of tokens. Runs on any Linux machine: NVML is the stand-in of the tests.
//!
//! ```console
//! $ cargo run --release -p llmbench-plugin-nvml --example monitor_cost -- --seconds 20 --gpus 2
//! ```
//!
//! The cost is the processor time of all threads of this process, from the
//! kernel's `schedstat`, while nothing but the monitor runs. A real driver adds
//! what its own calls take. For the tokens, a server on loopback sends one
//! every 5 ms and notes when; the error is the instant of the read less that
//! of the sending, in turns without and with the monitor.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use std::{fs, thread};

use llmbench_api::{Monitor, MonitorOptions, Sample, SampleSink};
use llmbench_plugin_nvml::{Nvml, Settings};
use llmbench_testkit::{NvmlStub, context};

const INTERVAL_MS: u64 = 100;
const TOKEN_INTERVAL: Duration = Duration::from_millis(5);
const TOKENS: usize = 400;
const TURNS: usize = 5;

struct Nowhere;

impl SampleSink for Nowhere {
    fn sample(&self, _: &Sample) {}
}

#[expect(clippy::print_stdout, reason = "an example's output is its purpose")]
fn main() {
    let option = |name: &str, otherwise: u64| {
        let mut arguments = std::env::args().skip_while(|argument| argument != name);
        arguments.nth(1).and_then(|value| value.parse().ok()).unwrap_or(otherwise)
    };
    let (seconds, gpus) = (option("--seconds", 20), option("--gpus", 1));
    let stub = match NvmlStub::unchanging(&format!("gpus {gpus}")) {
        Ok(stub) => stub,
        Err(missing) => return println!("cannot run here: {missing}"),
    };
    let monitor =
        Nvml::from_settings(&Settings { library: Some(stub.library()), ..Settings::default() });

    let cx = context(None);
    let options = MonitorOptions { interval_ms: INTERVAL_MS, process_id: Some(std::process::id()) };
    monitor.start(&options, Arc::new(Nowhere), &cx).expect("it is not sampling yet");
    thread::sleep(Duration::from_secs(1));
    let (before, began) = (processor_time(), Instant::now());
    thread::sleep(Duration::from_secs(seconds));
    let (used, took) = (processor_time() - before, began.elapsed());
    let series = monitor.stop(&cx).expect("it is sampling");
    println!(
        "{gpus} GPU(s), {} samples, every {INTERVAL_MS} ms: {:.3} % of one core ({:.0} µs a sample)",
        series.samples.len(),
        used.as_secs_f64() / took.as_secs_f64() * 100.0,
        used.as_secs_f64() * 1e6 / (took.as_secs_f64() * 1e3 / INTERVAL_MS as f64),
    );

    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        without.extend(token_errors());
        monitor.start(&options, Arc::new(Nowhere), &cx).expect("it is not sampling");
        with.extend(token_errors());
        monitor.stop(&cx).expect("it is sampling");
    }
    println!("error of a token's time stamp, {} tokens each:", with.len());
    for (name, errors) in [("without monitor", &mut without), ("with monitor", &mut with)] {
        errors.sort();
        let at =
            |share: f64| errors[((errors.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
        println!(
            "  {name:<16} median {:7.1} µs   p99 {:7.1} µs   longest {:7.1} µs",
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
}

/// Processor time of all threads that live now.
fn processor_time() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux has it");
    let used = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(used.sum())
}

/// For each token, how long after its sending it was read.
fn token_errors() -> Vec<Duration> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
    let address = listener.local_addr().expect("it is bound");
    let (sent, when_sent) = channel();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the client connects");
        stream.set_nodelay(true).expect("it is a TCP stream");
        let mut due = Instant::now();
        for _ in 0..TOKENS {
            due += TOKEN_INTERVAL;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let now = Instant::now();
            stream.write_all(b"token\n").expect("the client reads");
            sent.send(now).expect("it is waited for");
        }
    });
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let mut buffer = [0; 6];
    let read_at: Vec<Instant> = (0..TOKENS)
        .map(|_| {
            stream.read_exact(&mut buffer).expect("the server writes");
            Instant::now()
        })
        .collect();
    server.join().expect("the server does not panic");
    read_at.iter().zip(when_sent).map(|(read, sent)| read.duration_since(sent)).collect()
}
