//! How exact the backend's client is, and how much it takes, against a server with an
//! exact schedule:
//!
//! ```console
//! $ cargo run --release -p llmbench-plugin-openai --example client_exactness
//! ```
//!
//! Errors are taken against the instants at which the server really sent. Capacity,
//! processor time and memory are those of this process alone: there the server is
//! another one. Run it on a quiet machine; it says how busy it found it.

#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use llmbench_api::{Arrival, Backend, BatchOutcome, GenerateRequest, Generation};
use llmbench_plugin_openai::OpenAi;
use llmbench_schedule_server::{Schedule, ScheduleServer};
use llmbench_testkit::context;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("serve") => serve(),
        Some("memory") => memory(),
        Some("capacity") => capacity(),
        Some("exactness") => exactness(),
        _ => {
            // Each in a process of its own, so that its peak of memory is its own.
            for part in ["exactness", "capacity", "memory"] {
                let this = std::env::current_exe().expect("this program has a path");
                let status = Command::new(this).arg(part).status().expect("it can be started");
                assert!(status.success(), "{part} failed");
            }
        }
    }
}

fn request(schedule: &Schedule) -> GenerateRequest {
    let mut request = GenerateRequest::user("Say something.");
    request.model = schedule.to_string();
    request.limit_ms = Some(60_000);
    request
}

fn exactness() {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load of the machine at the start: {}", load.trim());
    println!("first token after 50 ms, then every 5 ms, 40 tokens");
    println!(
        "streams     TTFT error ms: mean  median     p99     max   ITL error µs: of the mean  p99 of each"
    );
    for (streams, rounds) in [(1, 30), (32, 6), (128, 3)] {
        let server = ScheduleServer::start().expect("a free loopback port");
        let backend = OpenAi::new(json!({ "url": server.url() })).expect("good settings");
        let requests: Vec<_> = (0..streams * rounds)
            .map(|id| {
                request(&Schedule {
                    first: Duration::from_millis(50),
                    every: Duration::from_millis(5),
                    tokens: Some(40),
                    id: Some(id),
                    ..Schedule::default()
                })
            })
            .collect();
        let cx = context(None);
        let arrival = Arrival::Closed { concurrency: streams as u32 };
        let outcomes =
            backend.generate_batch(&requests, &arrival, &(), &cx).expect("the load runs");
        let clock = cx.clock();
        let (mut ttft_ms, mut mean_gap_us, mut gap_us) = (Vec::new(), Vec::new(), Vec::new());
        for record in server.take_records() {
            let BatchOutcome::Answered(answer) = &outcomes[record.id as usize] else {
                panic!("a request failed: {:?}", outcomes[record.id as usize]);
            };
            let sent: Vec<_> = record.sent_at.iter().map(|at| clock.at(*at)).collect();
            let first = answer.first_token_at_ns.expect("a token");
            ttft_ms.push((first as f64 - sent[0] as f64) / 1e6);
            let real: Vec<_> = sent.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert_eq!(real.len(), answer.gaps_ns.len());
            let mean = |gaps: &[u64]| gaps.iter().sum::<u64>() as f64 / gaps.len() as f64 / 1e3;
            mean_gap_us.push(mean(&answer.gaps_ns) - mean(&real));
            let pairs = answer.gaps_ns.iter().zip(&real);
            gap_us.extend(pairs.map(|(seen, real)| (*seen as f64 - *real as f64).abs() / 1e3));
        }
        let all_gaps = mean_gap_us.iter().sum::<f64>() / mean_gap_us.len() as f64;
        println!(
            "{streams:7} {:26.3} {:7.3} {:7.3} {:7.3} {:24.3} {:12.1}",
            ttft_ms.iter().sum::<f64>() / ttft_ms.len() as f64,
            quantile(&mut ttft_ms, 0.5),
            quantile(&mut ttft_ms, 0.99),
            quantile(&mut ttft_ms, 1.0),
            all_gaps,
            quantile(&mut gap_us, 0.99),
        );
    }
}

fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

/// A server in a process of its own; ends with it.
struct Server(Child, String);

impl Server {
    fn start() -> Self {
        let this = std::env::current_exe().expect("this program has a path");
        let mut child = Command::new(this)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let mut url = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut url).expect("the server tells its address");
        Self(child, url.trim().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve() {
    let server = ScheduleServer::start().expect("a free loopback port");
    println!("{}", server.url());
    // Until whoever started it is gone.
    let _ = std::io::stdin().read_line(&mut String::new());
}

struct Figures {
    seconds: f64,
    cpu: Duration,
    pieces: u64,
}

fn drive(backend: &OpenAi, schedule: &Schedule, streams: u32, requests: usize) -> Figures {
    let (pieces, failed) = (AtomicU64::new(0), Mutex::new(None));
    let before = cpu_time();
    let start = Instant::now();
    let done = |_: usize, outcome| match outcome {
        BatchOutcome::Answered(Generation { content_chunks, .. }) => {
            pieces.fetch_add(content_chunks.unwrap_or(0), Ordering::Relaxed);
        }
        BatchOutcome::Failed(error) => {
            *failed.lock().expect("no panic") = Some(error);
        }
    };
    let arrival = Arrival::Closed { concurrency: streams };
    backend
        .drive(requests, &arrival, &|_| request(schedule), &done, &context(None))
        .expect("the load runs");
    assert!(failed.lock().expect("no panic").is_none(), "a request failed: {failed:?}");
    Figures {
        seconds: start.elapsed().as_secs_f64(),
        cpu: cpu_time() - before,
        pieces: pieces.into_inner(),
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn capacity() {
    let server = Server::start();
    for threads in [1, 2] {
        let settings = json!({ "url": server.1, "threads": threads });
        let backend = OpenAi::new(settings).expect("good settings");
        let flood = Schedule { tokens: Some(2000), per_write: 64, ..Schedule::default() };
        drive(&backend, &flood, 32, 200);
        let figures = drive(&backend, &flood, 32, 5000);
        println!(
            "32 streams, {threads} thread(s): {:.2} M chunks/s, {:.3} µs CPU per chunk",
            figures.pieces as f64 / figures.seconds / 1e6,
            figures.cpu.as_secs_f64() * 1e6 / figures.pieces as f64,
        );
        let one = Schedule { tokens: Some(1), ..Schedule::default() };
        let figures = drive(&backend, &one, 32, 100_000);
        println!(
            "32 streams, {threads} thread(s): {:.1} k one-token requests/s, {:.2} µs CPU per request",
            figures.pieces as f64 / figures.seconds / 1e3,
            figures.cpu.as_secs_f64() * 1e6 / figures.pieces as f64,
        );
    }
    println!("peak memory of the client: {}", peak_memory());
}

fn memory() {
    let server = Server::start();
    let backend = OpenAi::new(json!({ "url": server.1 })).expect("good settings");
    let schedule = Schedule { tokens: Some(20), per_write: 4, ..Schedule::default() };
    for part in 1..=10 {
        drive(&backend, &schedule, 64, 10_000);
        println!(
            "after {:3} k requests at 64 streams: {} now, {} at most",
            part * 10,
            memory_line("VmRSS:"),
            peak_memory()
        );
    }
}

fn peak_memory() -> String {
    memory_line("VmHWM:")
}

fn memory_line(name: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes = status.lines().find_map(|line| {
        line.strip_prefix(name)?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok()
    });
    kibibytes.map_or("unknown".to_owned(), |kibibytes| format!("{:.1} MiB", kibibytes / 1024.0))
}
