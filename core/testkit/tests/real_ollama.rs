//! The real server loads what the kit writes.

use std::time::{Duration, Instant};

use llmbench_testkit::ollama::{TINY, TINY_MOE};
use llmbench_testkit::{OllamaServer, skip_or_fail};

#[test]
fn a_server_has_both_tiny_models_and_leaves_nothing_behind() {
    let server = match OllamaServer::tiny() {
        Ok(server) => server,
        Err(missing) => return skip_or_fail(missing),
    };
    let tags = server.get("/api/tags").unwrap();
    for name in [TINY, TINY_MOE] {
        assert!(tags.contains(&format!("\"{name}:latest\"")), "{tags}");
    }

    let (dir, address) = (server.dir().to_owned(), server.address());
    drop(server);
    assert!(!dir.exists());
    let start = Instant::now();
    while std::net::TcpStream::connect(address).is_ok() {
        assert!(start.elapsed() < Duration::from_secs(10), "something still listens");
    }
}
