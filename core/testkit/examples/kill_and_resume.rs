//! Kills `llmbench run` with `kill -9` at random instants against a real
//! Ollama, resumes it until it is complete, and proves that every attempt is
//! there once and that no finished one was made again:
//!
//!     cargo build --release
//!     cargo run --release -p llmbench-testkit --example kill_and_resume -- --kills 200
//!
//! `--seed N` decides the instants. `--full` judges types as well, for which
//! it needs Node.js; each process then takes seconds to start.
#![allow(clippy::print_stdout, reason = "an example for people")]

use std::time::Duration;

use llmbench_testkit::kill::{self, FIXTURE, KillOptions};
use llmbench_testkit::{LlmbenchCommand, OllamaServer};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: u64| {
        let place = arguments.iter().position(|argument| argument == name);
        let text = place.and_then(|place| arguments.get(place + 1));
        text.map_or(default, |text| text.parse().expect("a number after the option"))
    };
    let server = match OllamaServer::tiny() {
        Ok(server) => server,
        Err(missing) => {
            println!("{missing}");
            std::process::exit(3);
        }
    };
    let mut command = LlmbenchCommand::new().limit(Duration::from_secs(600));
    if let Ok(dir) = std::env::var("LLMBENCH_DATA_DIR") {
        command = command.env("LLMBENCH_DATA_DIR", dir);
    }
    kill::write_fixture(&command);
    let is_full = arguments.iter().any(|argument| argument == "--full");
    let roles: &[&str] = if is_full { &[] } else { &["--validator", "types=none"] };
    let url = server.url();
    let fixed = ["--model", "tiny", "--fixture", FIXTURE, "--url", &url, "--max-tokens", "24"];
    let fast = ["--validator", "behaviour=none", "--set", "monitor_interval=100ms"];
    let options = KillOptions {
        kills: number("--kills", 200) as u32,
        seed: number("--seed", 1),
        runs: number("--runs", 60) as u32,
        arguments: [&fixed[..], &fast, roles].concat().iter().map(ToString::to_string).collect(),
    };
    println!("{}", kill::kill_and_resume(&command, &options));
}
