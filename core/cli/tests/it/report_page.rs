//! `report.html` and `report --serve`, read by a real Chromium and by hand-made requests.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use llmbench_testkit::{LlmbenchCommand, tools};
use serde_json::{Value, json};

use crate::faults::wait_until;
use crate::setup::*;

/// An answer with a type error that tries to become part of the page.
const NASTY: &str = "```vue\n<script setup lang=\"ts\">\nconst word: number = 'hello'\n</script>\n\n\
     <template>\n  <p title=\"</script><script>document.title = 'owned'</script>\">{{ word }}</p>\n  \
     <img src=\"x\" onerror=\"document.title = 'owned'\">\n</template>\n```\n";

/// A finished run with `runs` attempts whose answers are all [`NASTY`].
fn nasty_run(command: &LlmbenchCommand, runs: &str, types: &str) -> RunFiles {
    let server = parrot(NASTY);
    let output = command.run(&[
        "run",
        "--model",
        "parrot",
        "--fixture",
        SMALL,
        "--url",
        &server.url(),
        "--runs",
        runs,
        "--warmup",
        "0",
        "--validator",
        types,
    ]);
    // Without types nothing is scored, which has a code of its own.
    expect_code(&output, if types == "types=none" { 4 } else { 0 });
    expect_parts(&output.stdout, &["report.html"]);
    RunFiles::of(command)
}

/// What one of the scripts beside this file sees.
pub(crate) fn browse(script: &str, arguments: &[&str]) -> Option<Value> {
    let node = own(tools::find_node())?;
    let chromium = own(tools::find_chromium())?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/browser").join(script);
    let output = Command::new(node).arg(script).arg(chromium).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    Some(serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}")))
}

#[test]
fn the_page_works_in_a_real_browser_and_an_answer_stays_text() {
    if !has_node() {
        return;
    }
    let command = command();
    let run = nasty_run(&command, "3", "types=tsc");
    let page = run.dir.join("report.html");
    let size = page.metadata().unwrap().len();
    assert!(size < 5 << 20, "a small report has {size} bytes");
    let address = format!("file://{}", page.display());
    let Some(seen) = browse("page.mjs", &[&address]) else { return };

    assert_eq!(seen["problems"], json!([]), "{seen}");
    assert_eq!(seen["requests"], json!([address]), "nothing but the page itself is asked for");
    let charts: Vec<u64> = serde_json::from_value(seen["charts"].clone()).unwrap();
    assert!(charts.len() >= 3 && charts.iter().all(|paths| *paths > 5), "{charts:?}");
    expect_parts(&seen["chart_names"].to_string(), &["Quality against speed. parrot", "median"]);
    assert_eq!(seen["landmarks"].as_array().unwrap().len(), 5, "{}", seen["landmarks"]);
    assert_eq!(seen["unnamed"], json!([]));
    assert_eq!((&seen["rows"], &seen["filtered"]), (&json!(3), &json!("1 of 3 attempts")));
    assert_eq!(seen["sorted"], json!(["321", "descending"]));
    assert_eq!(seen["sorted_again"], json!(["123", "ascending"]));

    assert_eq!(
        seen["title"],
        json!(format!("llmbench · {}", run.manifest["run_id"].as_str().unwrap()))
    );
    assert_eq!(seen["foreign"], 0, "no element comes from an answer");
    assert_eq!(seen["focus"], "attempt-title");
    let attempt = seen["attempt"].as_str().unwrap();
    let parts = [
        "<img src=\"x\" onerror=",
        "</script><script>",
        "TS2322",
        "const word: string = 'hello'",
        "Add TypeScript types:",
    ];
    expect_parts(attempt, &parts);
    assert!(seen["changed_lines"].as_u64().unwrap() > 0);
    assert_eq!(
        seen["said_below"][0], "2",
        "the error stands below its line: {}",
        seen["said_below"]
    );

    assert_ne!(seen["dark"], seen["switched"]);
    assert_eq!(seen["phone_width"], 390);
    assert_eq!(seen["pdf"][0], "%PDF-");
    assert!(seen["pdf"][1].as_u64().unwrap() > 20_000, "{}", seen["pdf"]);
}

#[test]
fn several_runs_come_into_one_page_and_only_there() {
    let command = command();
    let first = nasty_run(&command, "1", "types=none");
    let copy = command.dir().join("results/copy");
    std::fs::create_dir(&copy).unwrap();
    let manifest = std::fs::read_to_string(first.dir.join("run.json")).unwrap();
    let id = first.manifest["run_id"].as_str().unwrap();
    std::fs::write(copy.join("run.json"), manifest.replace(id, "the-copy")).unwrap();
    std::fs::copy(first.dir.join("samples.jsonl"), copy.join("samples.jsonl")).unwrap();
    let both = [id, "copy"];
    let page =
        command.run(&[&["report"][..], &both, &["--format", "html", "-o", "both.html"]].concat());
    expect_code(&page, 0);
    let page = std::fs::read_to_string(command.dir().join("both.html")).unwrap();
    expect_parts(&page, &[id, "the-copy", "Content-Security-Policy", "connect-src 'none'"]);
    assert!(!page.contains("onerror=\"document"), "markup of an answer is escaped");
    let text = command.run(&[&["report"][..], &both].concat());
    expect_code(&text, 2);
    expect_parts(&text.stderr, &["--format html"]);
}

/// A `report --serve` on a port of its own.
struct Served {
    address: SocketAddr,
    running: llmbench_testkit::Running,
}

impl Served {
    fn of(command: &LlmbenchCommand, run: &RunFiles) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let port = address.port().to_string();
        let running =
            command.start(&["report", run.dir.to_str().unwrap(), "--serve", "--port", &port]);
        wait_until("the server", || TcpStream::connect(address).is_ok());
        Self { address, running }
    }

    /// Head and body of the answer to a request.
    fn get(&self, path: &str, host: &str, more: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n")
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_ascii_lowercase(), body.to_owned())
    }
}

#[test]
fn it_serves_the_page_its_data_and_known_attempts_to_this_machine_only() {
    let command = command();
    let run = nasty_run(&command, "1", "types=none");
    let served = Served::of(&command, &run);
    let host = served.address.to_string();
    let (head, body) = served.get("/", &host, "");
    expect_parts(
        &head,
        &["200 ok", "content-security-policy: default-src 'none'", "nosniff", "no-store"],
    );
    expect_parts(&body, &["<!doctype html>", "connect-src 'self'"]);

    let (head, _) = served.get("/data", &host, "");
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let same = format!("If-None-Match: {tag}\r\n");
    expect_parts(&served.get("/data", &host, &same).0, &["304"]);

    let id = run.samples[0]["id"].as_str().unwrap();
    let (head, body) = served.get(&format!("/attempt/0/{id}"), &host, "");
    expect_parts(&head, &["200 ok", "application/json"]);
    expect_parts(&body, &["onerror", "conversation"]);
    for path in [
        "/attempt/1/x",
        "/attempt/0/..%2f..%2frun.json",
        "/attempt/0/../../run.json",
        "/run.json",
        "/../run.json",
        "/artifacts",
    ] {
        expect_parts(&served.get(path, &host, "").0, &["http/1.1 404"]);
    }
    for host in ["evil.example", "127.0.0.1", "127.0.0.1:1"] {
        let (head, body) = served.get("/data", host, "");
        expect_parts(&head, &["http/1.1 421"]);
        assert!(!body.contains("parrot"), "{body}");
    }
    served.running.interrupt();
    let output = served.running.wait();
    expect_code(&output, 0);
    expect_parts(&output.stdout, &[&format!("http://{host}/")]);
}

#[test]
fn a_served_page_follows_the_run() {
    let command = command();
    let run = nasty_run(&command, "1", "types=none");
    let served = Served::of(&command, &run);
    let samples: PathBuf = run.dir.join("samples.jsonl");
    let mut next = run.samples[0].clone();
    next["id"] = json!("00001-parrot-small-r2");
    next["run_number"] = json!(2);
    let address = format!("http://{}/", served.address);
    let arguments = [address.as_str(), samples.to_str().unwrap(), &next.to_string()];
    let Some(seen) = browse("live.mjs", &arguments) else { return };
    assert_eq!((&seen["before"], &seen["after"]), (&json!(1), &json!(2)), "{seen}");
    assert_eq!(seen["still_open"], true);
    assert!(seen["charts"].as_u64().unwrap() >= 3, "{seen}");
    assert_eq!(seen["problems"], json!([]));
}
