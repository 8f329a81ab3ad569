//! Starts a real Ollama with the models `tiny` and `tiny-moe` until it is
//! interrupted, for trying llmbench by hand:
//!
//!     cargo run -p llmbench-testkit --example serve_tiny
#![allow(clippy::print_stdout, reason = "an example for people")]

use std::io::Write;

fn main() {
    let server = match llmbench_testkit::OllamaServer::tiny() {
        Ok(server) => server,
        Err(missing) => {
            println!("{missing}");
            std::process::exit(3);
        }
    };
    println!("export OLLAMA_HOST={}", server.url());
    let _ = std::io::stdout().flush();
    loop {
        std::thread::park();
    }
}
