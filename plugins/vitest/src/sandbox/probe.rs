//! Proof that a sandbox holds on this machine.
//!
//! A script inside tries what an answer must not be able to do, and what it
//! must be able to do. Its word counts only for what it was able to do; that
//! nothing happened outside is seen from outside.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use llmbench_api::{CallContext, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::{Limits, Place, Sandbox};
use crate::run::{self, Ended};

const SECRET: &str = "llmbench-probe-secret";
const LIMITS: Limits = Limits { cpu_sec: 10, memory_bytes: 1 << 30, disk_bytes: 8 << 20 };

#[derive(Serialize)]
struct Job {
    nonce: String,
    secret_file: String,
    outside_file: String,
    outside_folder: String,
    port: u16,
    process_id: u32,
}

#[derive(Deserialize)]
struct Report {
    /// What worked although it must not.
    breaches: Vec<String>,
    /// What did not work although it must.
    failures: Vec<String>,
}

/// Fails when `sandbox` cannot run Node or lets it do what it must not.
pub(super) fn holds(
    sandbox: &Sandbox,
    node: &Path,
    packages: &Path,
    cx: &CallContext,
) -> Result<()> {
    let unavailable = |what: &str| Error::new(ErrorKind::Unavailable, what);
    let cannot = |error: std::io::Error| {
        unavailable("cannot prepare the probe of the sandbox").with_cause(&error)
    };
    let place = Place::new(node, packages).map_err(cannot)?;
    let outside = tempfile::Builder::new().prefix("llmbench-probe-").tempdir().map_err(cannot)?;
    let (secret_file, outside_file) = (outside.path().join("secret"), outside.path().join("file"));
    std::fs::write(&secret_file, SECRET).map_err(cannot)?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(cannot)?;
    listener.set_nonblocking(true).map_err(cannot)?;
    let job = Job {
        nonce: uuid::Uuid::new_v4().to_string(),
        secret_file: secret_file.to_string_lossy().into_owned(),
        outside_file: outside_file.to_string_lossy().into_owned(),
        outside_folder: outside.path().to_string_lossy().into_owned(),
        port: listener.local_addr().map_err(cannot)?.port(),
        process_id: std::process::id(),
    };
    let text = serde_json::to_string(&job).expect("a job is plain data");
    let outcome = run::run(
        sandbox,
        &place,
        run::Task { script: "probe.mjs", job: &text, nonce: &job.nonce },
        &LIMITS,
        Duration::from_secs(20),
        cx,
    )?;
    let report = match outcome.ended {
        Ended::Completed(result) => serde_json::from_value::<Report>(result).map_err(|error| {
            unavailable("the probe said something unexpected").with_cause(&error)
        })?,
        other => return Err(unavailable(&format!("the probe ended early: {}", other.describe()))),
    };
    let mut breaches = report.breaches;
    if outside_file.exists() {
        breaches.push("wrote a file outside".to_owned());
    }
    if listener.accept().is_ok() {
        breaches.push("connected to a port of this machine".to_owned());
    }
    if std::fs::read(&secret_file).ok().as_deref() != Some(SECRET.as_bytes()) {
        breaches.push("changed a file outside".to_owned());
    }
    if !breaches.is_empty() {
        return Err(unavailable(&format!("it does not hold: {}", breaches.join(", "))));
    }
    if !report.failures.is_empty() {
        return Err(unavailable(&format!(
            "Node cannot work in it: {}",
            report.failures.join(", ")
        )));
    }
    Ok(())
}
