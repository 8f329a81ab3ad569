//! Measures `llmbench history` over many made-up runs: without an index, with it, and after one run changed.
//!
//! `cargo run --release -p llmbench --example history_times -- [RUNS] [ATTEMPTS]` (1,000 and 9 without arguments)
//! makes the runs in a temporary folder, lists them as CSV into stdout and writes the times to stderr.
#![expect(clippy::print_stderr, reason = "an example tells its figures")]
// A record is one long literal.
#![recursion_limit = "256"]

use std::error::Error;
use std::ffi::OsString;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u32>());
    let runs = numbers.next().transpose()?.unwrap_or(1000);
    let attempts = numbers.next().transpose()?.unwrap_or(9);
    let dir = tempfile::tempdir()?;
    for run in 0..runs {
        write_run(dir.path(), run, attempts)?;
    }
    list(dir.path(), &format!("{runs} runs of {attempts} attempts, no index"));
    list(dir.path(), "the same with the index");
    write_run(dir.path(), 0, attempts + 1)?;
    list(dir.path(), "after one run changed");
    let bytes = std::fs::metadata(dir.path().join(".index.sqlite"))?.len();
    eprintln!("index: {:.1} MB", bytes as f64 / 1e6);
    Ok(())
}

fn list(dir: &Path, what: &str) {
    let arguments = ["llmbench", "history", "--format", "csv"].map(OsString::from);
    let begun = Instant::now();
    let code = llmbench_cli::run(arguments.into_iter().chain([dir.into()]));
    eprintln!(
        "{what}: {:.0} ms (exit code {})",
        begun.elapsed().as_secs_f64() * 1e3,
        i32::from(code)
    );
}

fn write_run(dir: &Path, run: u32, attempts: u32) -> Result<(), Box<dyn Error>> {
    let id =
        format!("202601{:02}T{:02}{:02}00Z-refactoring-{run:06}", run % 28 + 1, run % 24, run % 60);
    let folder = dir.join(&id);
    std::fs::create_dir_all(&folder)?;
    let started = format!("2026-01-{:02}T{:02}:{:02}:00Z", run % 28 + 1, run % 24, run % 60);
    let fixtures = ["props-basic", "store-composable", "untyped-library"];
    let manifest = json!({
        "format_version": 1, "run_id": id, "name": null, "status": "finished", "error": null,
        "llmbench_version": "0.1.0", "argv": [], "started_at": started, "finished_at": started,
        "elapsed_sec": 60.0, "test": "refactoring", "backend": "ollama", "default_choice": null,
        "settings": {}, "plugins": [], "fixtures": [], "models": [],
        "plan": { "models": ["m:7b"], "fixtures": fixtures, "runs": attempts / 3, "attempts": attempts },
        "server": { "name": "ollama" }, "roles": {}, "monitors": [], "environment": {},
        "scoring_version": "2", "max_score": 10.0, "warnings": [],
    });
    std::fs::write(folder.join("run.json"), serde_json::to_vec_pretty(&manifest)?)?;
    let lines: Vec<String> = (0..attempts)
        .map(|attempt| record(attempt, fixtures[attempt as usize % fixtures.len()]).to_string())
        .collect();
    std::fs::write(folder.join("samples.jsonl"), lines.join("\n") + "\n")?;
    Ok(())
}

/// About as long as a real one: 7 kB.
fn record(attempt: u32, fixture: &str) -> Value {
    let diagnostic = json!({
        "severity": "error", "file": "Component.vue", "line": 7, "column": 12, "code": "TS2345",
        "message": "Argument of type 'string' is not assignable to parameter of type 'number'.",
    });
    json!({
        "id": format!("{attempt:05}"), "model": "m:7b", "fixture": fixture,
        "timestamp": "2026-01-01T10:00:00Z", "run_number": attempt / 3 + 1, "status": "scored",
        "score": f64::from(attempt % 10), "scoring_version": "2", "compiles": true,
        "ast_score": 8.0, "tokens_per_sec": 40.0 + f64::from(attempt), "duration_sec": 5.0,
        "ttft_sec": 0.2, "load_sec": 0.0, "prefill_tokens_per_sec": 900.0, "queue_sec": 0.0,
        "prompt_tokens": 700, "completion_tokens": 400, "done_reason": "stop", "seed": 42,
        "gpu_avg_utilization": 95.0, "gpu_peak_utilization": 99.0, "gpu_avg_memory_gb": 8.0,
        "gpu_peak_memory_gb": 8.2, "energy_joules": 900.0,
        "output_code": "const word: string = 'hello'\n".repeat(100), "errors": [], "warnings": [],
        "missing": {}, "monitors": [], "retries": [],
        "findings": { "types": { "validator": "tsc", "status": "failed", "reason": null,
            "score": null, "diagnostics": vec![diagnostic; 20], "checks": [],
            "measurements": {}, "kept_files": [], "details": null } },
    })
}
