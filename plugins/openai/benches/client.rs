//! The backend's client beside two others, in one run on one server:
//!
//! ```console
//! $ cargo bench -p llmbench-plugin-openai
//! ```
//!
//! `bare socket` reads the bytes and looks at nothing: what the machine allows. `parse each event`
//! reads as the former and parses every event with `serde_json`, as clients usually do. Both have
//! one connection, which they keep. How exact the client is: the example `client_exactness`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use llmbench_api::{Backend, GenerateRequest};
use llmbench_plugin_openai::OpenAi;
use llmbench_schedule_server::{Schedule, ScheduleServer};
use llmbench_testkit::context;
use serde_json::{Value, json};

/// Pieces of the long answer.
const PIECES: u32 = 2000;
/// End of a chunked body.
const END: &[u8] = b"\r\n0\r\n\r\n";

fn clients(c: &mut Criterion) {
    let long = Schedule { tokens: Some(PIECES), per_write: 64, ..Schedule::default() };
    compare(c, "answer of 2,000 pieces", &long, PIECES);
    compare(c, "answer of one piece", &Schedule { tokens: Some(1), ..Schedule::default() }, 1);
}

fn compare(c: &mut Criterion, name: &str, schedule: &Schedule, pieces: u32) {
    let server = ScheduleServer::start().expect("a free loopback port");
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(pieces.into()));

    let backend = OpenAi::new(json!({ "url": server.url() })).expect("good settings");
    let request = GenerateRequest {
        model: schedule.to_string(),
        limit_ms: Some(60_000),
        ..GenerateRequest::user("Say something.")
    };
    let cx = context(Some(Duration::from_secs(600)));
    group.bench_function("llmbench", |b| {
        b.iter(|| {
            let answer = backend.generate(&request, &(), &cx).expect("the server answers");
            assert_eq!(answer.content_chunks, Some(pieces.into()));
        });
    });

    let mut socket = Socket::open(&server, schedule);
    group.bench_function("bare socket", |b| b.iter(|| socket.ask(|_| ())));
    group.bench_function("parse each event", |b| {
        b.iter(|| {
            let mut seen = 0;
            socket.ask(|line| {
                let Some(data) = line.strip_prefix(b"data: ") else { return };
                let Ok(event) = serde_json::from_slice::<Value>(data) else { return };
                let text = &event["choices"][0]["delta"]["content"];
                seen += u32::from(text.as_str().is_some_and(|text| !text.is_empty()));
            });
            assert_eq!(seen, pieces);
        });
    });
    group.finish();
}

/// A blocking client that knows just enough HTTP for this server.
struct Socket {
    stream: TcpStream,
    request: Vec<u8>,
    body: Vec<u8>,
}

impl Socket {
    fn open(server: &ScheduleServer, schedule: &Schedule) -> Self {
        let url = server.url();
        let address = url.strip_prefix("http://").expect("the server speaks http");
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        let body = json!({
            "model": schedule.to_string(), "stream": true, "max_tokens": PIECES,
            "messages": [{"role": "user", "content": "Say something."}],
        })
        .to_string();
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: {address}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Self { stream, request: request.into_bytes(), body: Vec::new() }
    }

    /// Asks, reads the whole answer, and hands out its lines.
    fn ask(&mut self, mut line: impl FnMut(&[u8])) {
        self.stream.write_all(&self.request).expect("the server reads");
        self.body.clear();
        let mut buffer = [0; 65536];
        while !self.body.ends_with(END) {
            let read = self.stream.read(&mut buffer).expect("the server answers");
            assert!(read > 0, "the server closed the connection");
            self.body.extend_from_slice(&buffer[..read]);
        }
        self.body.split(|byte| *byte == b'\n').for_each(&mut line);
    }
}

criterion_group!(benches, clients);
criterion_main!(benches);
