//! Measures what the plugin border costs: `cargo run --release -p llmbench-host --example border_cost`.
#![allow(clippy::print_stdout, reason = "a measuring program")]

#[path = "../tests/border/workshop.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod workshop;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use llmbench_api::*;
use llmbench_host::{Host, Origin, SearchDir, SearchPath};
use serde_json::json;

const EVENTS: u32 = 5_000_000;
const CALLS: u32 = 50_000;
const LIBRARIES: usize = 10;
const REPEATS: usize = 5;

struct NoControl(Instant);

impl Control for NoControl {
    fn now_ns(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
    fn deadline_ns(&self) -> Option<u64> {
        None
    }
    fn is_cancelled(&self) -> bool {
        false
    }
    fn progress(&self, _: Option<f64>, _: &str) {}
    fn on_cancel(&self, _: Box<dyn FnOnce() + Send>) -> CancelGuard {
        CancelGuard::noop()
    }
}

/// Adds up what it gets, so that nothing is optimised away.
struct Count(AtomicU64);

impl EventSink for Count {
    fn event(&self, event: Event<'_>) -> Flow {
        self.0.fetch_add(event.text.len() as u64, Ordering::Relaxed);
        Flow::Continue
    }
}

fn main() {
    let built = workshop::optimised("good");
    let copies: Vec<_> = (0..LIBRARIES)
        .map(|_| {
            let dir = tempfile::tempdir().expect("a temporary folder");
            std::fs::copy(&built, dir.path().join(workshop::file_name("good"))).expect("a copy");
            dir
        })
        .collect();
    let mut load_ms: Vec<f64> = copies
        .iter()
        .map(|dir| {
            let path = dir.path().join(workshop::file_name("good"));
            let host = Host::new(SearchPath::only(Vec::new()));
            let started = Instant::now();
            host.load(&path).expect("it loads");
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    println!(
        "load: first {:.2} ms, all {LIBRARIES} {:.2} ms",
        load_ms[0],
        load_ms.iter().sum::<f64>()
    );
    load_ms.sort_by(f64::total_cmp);
    println!("load: median {:.2} ms", load_ms[LIBRARIES / 2]);

    let path = copies[0].path().to_owned();
    let host = Host::new(SearchPath::only(vec![SearchDir { path, origin: Origin::Flag }]));
    let backend =
        host.backend("border", &json!({"tokens": EVENTS})).expect("it is there").component;
    let cx = CallContext::new(Arc::new(NoControl(Instant::now())));
    let sink = Count(AtomicU64::new(0));

    let clock = cx.clock();
    let own = best(|| {
        let sink: &dyn EventSink = std::hint::black_box(&sink);
        per_item_ns(EVENTS, || {
            let at_ns = clock.now_ns();
            sink.event(Event { request_index: 0, kind: EventKind::Text, at_ns, text: " token" });
        })
    });
    let ask = |word: &str| {
        let answer = backend.generate(&GenerateRequest::user(word), &sink, &cx).expect("an answer");
        answer.text.parse::<f64>().expect("nanoseconds")
    };
    let across = best(|| ask("burst"));
    println!("token with its time stamp: {across:.1} ns across, {own:.1} ns within one library");
    println!("log event that nobody wants: {:.2} ns", best(|| ask("silent log")));
    let call = best(|| per_item_ns(CALLS, || drop(backend.probe(&cx).expect("an answer"))));
    println!("call with a JSON result: {:.2} µs", call / 1e3);
}

/// The smallest of some repeats: the one that the rest of the machine disturbed least.
fn best(mut measure: impl FnMut() -> f64) -> f64 {
    (0..REPEATS).map(|_| measure()).fold(f64::INFINITY, f64::min)
}

fn per_item_ns(count: u32, mut work: impl FnMut()) -> f64 {
    let started = Instant::now();
    for _ in 0..count {
        work();
    }
    started.elapsed().as_nanos() as f64 / f64::from(count)
}
