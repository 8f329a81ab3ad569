//! Writes the folder of a large run with made-up results, to measure reports and comparisons on it.
//!
//!     cargo run --release -p llmbench-report --example make_large_run -- DIR [--attempts N] \
//!         [--models N] [--fixtures N] [--seed N] [--shift SCORE]
//!
//! The records have the size and the make-up of real ones: an answer of 1.5 KB, findings of three
//! validators, figures of a monitor, errors in answers that are wrong, a few lost attempts.
//! `--shift` adds to every score, so that two such runs have something to compare.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use llmbench_report::stats::Random;
use serde_json::{Value, json};

struct Options {
    dir: PathBuf,
    attempts: u64,
    models: u64,
    fixtures: u64,
    seed: u64,
    shift: f64,
}

fn main() -> ExitCode {
    let made = options().and_then(|options| write(&options).map_err(|error| error.to_string()));
    if let Err(message) = made {
        let _ = writeln!(std::io::stderr(), "error: {message}");
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}

fn options() -> Result<Options, String> {
    let mut arguments = std::env::args().skip(1);
    let mut options = Options {
        dir: PathBuf::new(),
        attempts: 100_000,
        models: 5,
        fixtures: 20,
        seed: 1,
        shift: 0.0,
    };
    while let Some(argument) = arguments.next() {
        let Some(name) = argument.strip_prefix("--") else {
            options.dir = argument.into();
            continue;
        };
        let value = arguments.next().ok_or_else(|| format!("`--{name}` needs a value"))?;
        let number: f64 = value.parse().map_err(|_| format!("`{value}` is no number"))?;
        match name {
            "attempts" => options.attempts = number as u64,
            "models" => options.models = number as u64,
            "fixtures" => options.fixtures = number as u64,
            "seed" => options.seed = number as u64,
            "shift" => options.shift = number,
            _ => return Err(format!("there is no option `--{name}`")),
        }
    }
    if options.dir.as_os_str().is_empty() || options.models == 0 || options.fixtures == 0 {
        return Err("name a folder, and at least one model and fixture".to_owned());
    }
    Ok(options)
}

fn write(options: &Options) -> std::io::Result<()> {
    let runs = options.attempts.div_ceil(options.models * options.fixtures).max(1);
    fs::create_dir_all(&options.dir)?;
    let manifest = manifest(options, runs);
    fs::write(options.dir.join("run.json"), serde_json::to_string_pretty(&manifest)?)?;
    let mut file = BufWriter::new(File::create(options.dir.join("samples.jsonl"))?);
    let mut random = Random::new(options.seed);
    let planned = (1..=runs).flat_map(|run| {
        (0..options.models)
            .flat_map(move |model| (0..options.fixtures).map(move |fixture| (model, fixture, run)))
    });
    for (model, fixture, run) in planned.take(options.attempts as usize) {
        let record = record(&mut random, options, model, fixture, run);
        serde_json::to_writer(&mut file, &record)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

fn model_name(model: u64) -> String {
    format!("example-coder:{}b-instruct-q8_0", model + 1)
}

fn fixture_name(fixture: u64) -> String {
    format!("example-task-{:02}", fixture + 1)
}

fn manifest(options: &Options, runs: u64) -> Value {
    let models: Vec<_> = (0..options.models).map(model_name).collect();
    let fixtures: Vec<_> = (0..options.fixtures).map(fixture_name).collect();
    let known = |value: Value| json!({"value": value, "reason": null});
    json!({
        "format_version": 1,
        "run_id": options.dir.file_name().map(|name| name.to_string_lossy()),
        "name": null, "status": "finished", "error": null, "llmbench_version": "0.1.0",
        "argv": ["llmbench", "run", "--fixture", "all"],
        "started_at": "2026-03-01T10:00:00Z", "finished_at": "2026-03-09T10:00:00Z",
        "elapsed_sec": 691_200.0, "test": "refactoring", "backend": "ollama", "default_choice": null,
        "settings": {
            "runs": {"value": runs, "origin": "flag"},
            "num_ctx": {"value": 8192, "origin": "default"},
            "temperature": {"value": 0.2, "origin": "default"},
        },
        "plan": {
            "sha256": "0".repeat(64), "models": models, "fixtures": fixtures, "runs": runs,
            "warmup": 1, "attempts": options.attempts, "shard": null,
        },
        "plugins": [],
        "fixtures": fixtures.iter().enumerate().map(|(index, name)| json!({
            "name": name, "sha256": format!("{index:064}"), "origin": "fixtures",
            "title": "An example", "level": index % 5 + 1,
        })).collect::<Vec<_>>(),
        "models": models.iter().map(|name| json!({
            "identity": {"name": name, "digest": known(json!(format!("sha256:{name}")))},
            "load_sec": 4.2,
        })).collect::<Vec<_>>(),
        "server": {
            "name": "ollama", "version": known(json!("0.6.5")),
            "location": "http://127.0.0.1:11434",
        },
        "roles": {"types": {"validator": "tsc"}, "structure": {"validator": "ts-ast"},
                  "behaviour": {"validator": "vitest"}},
        "monitors": [],
        "environment": {"os": "Linux", "architecture": "x86_64", "cpu": "Example CPU"},
        "scoring_version": "2", "max_score": 10.0, "warnings": [],
    })
}

fn record(random: &mut Random, options: &Options, model: u64, fixture: u64, run: u64) -> Value {
    let (model_name, fixture_name) = (model_name(model), fixture_name(fixture));
    let number = ((run - 1) * options.models + model) * options.fixtures + fixture + 1;
    let id = format!("{number:05}-{model_name}-{fixture_name}-r{run}").replace(':', "-");
    let ease = 6.0 + model as f64 * 0.4 - (fixture % 5) as f64 * 0.5 + options.shift;
    let score = (ease + 2.0 * random.normal()).clamp(0.0, 10.0);
    let lost = random.uniform() < 0.01;
    let wrong = score < 5.0;
    let seconds = 8.0 + 2.0 * random.uniform();
    let mut missing = BTreeMap::from([("load_sec", "the server does not tell")]);
    if lost {
        for field in ["score", "compiles", "ast_score", "tokens_per_sec", "output_code"] {
            missing.insert(field, "there is no complete answer");
        }
    }
    let errors = errors(random, wrong, lost);
    let measured = |value: f64| if lost { Value::Null } else { json!(value) };
    let day = run / 200 % 28 + 1;
    json!({
        "id": id, "model": model_name, "fixture": fixture_name,
        "timestamp": format!("2026-03-{day:02}T{:02}:{model:02}:{fixture:02}.123Z", run % 24),
        "run_number": run, "status": if lost { "timeout" } else { "scored" },
        "score": measured(score), "scoring_version": "2",
        "compiles": if lost { Value::Null } else { json!(!wrong) },
        "ast_score": measured((score + 1.0).min(10.0)),
        "tokens_per_sec": measured(60.0 - 8.0 * model as f64 + random.normal()),
        "duration_sec": measured(seconds), "ttft_sec": measured(0.3 + 0.05 * random.uniform()),
        "load_sec": null, "prefill_tokens_per_sec": measured(3000.0 + 100.0 * random.normal()),
        "queue_sec": 0.002, "prompt_tokens": 742, "completion_tokens": 400 + random.below(50),
        "done_reason": if lost { Value::Null } else { json!("stop") }, "seed": 41 + run,
        "gpu_avg_utilization": measured(94.0 + random.uniform()),
        "gpu_peak_utilization": measured(99.0), "gpu_avg_memory_gb": measured(8.9),
        "gpu_peak_memory_gb": measured(9.1), "energy_joules": measured(seconds * 250.0),
        "output_code": if lost { Value::Null } else { json!(answer(random)) },
        "errors": errors, "warnings": [], "missing": missing,
        "findings": findings(&errors, wrong), "monitors": monitors(),
        "retries": [], "prompt_cached": run > 1, "error_count": errors.len(),
        "gates": {"sfc": {"passed": true}, "compiles": {"passed": !wrong, "cap": 5.0}},
        "score_parts": {
            "types": {"weight": 0.5, "earned": 0.8}, "structure": {"weight": 0.5, "earned": 0.7},
        },
    })
}

fn errors(random: &mut Random, wrong: bool, lost: bool) -> Vec<String> {
    if lost {
        return vec!["no answer within 30 s".to_owned()];
    }
    let count = if wrong { 3 + random.below(5) } else { 0 };
    let mut error = || {
        format!(
            "Component.vue:{}:{} TS2345 Argument of type 'string' is not assignable to parameter of type 'number'.",
            random.below(80) + 1,
            random.below(40) + 1
        )
    };
    (0..count).map(|_| error()).collect()
}

/// About 1.5 KB of a component; no two are the same.
fn answer(random: &mut Random) -> String {
    let mut code =
        String::from("<script setup lang=\"ts\">\nimport { computed, ref } from 'vue'\n\n");
    for index in 0..18 {
        code.push_str(&format!(
            "const value{index} = computed<number>(() => props.items.length * {})\n",
            random.below(1000)
        ));
    }
    code.push_str("</script>\n\n<template>\n");
    for index in 0..9 {
        code.push_str(&format!("  <p class=\"line\">{{{{ value{index} }}}}</p>\n"));
    }
    code + "</template>\n"
}

fn findings(errors: &[String], wrong: bool) -> Value {
    let diagnostics: Vec<_> = errors
        .iter()
        .map(|error| {
            json!({"severity": "error", "file": "Component.vue", "line": 7, "column": 12,
                   "code": "TS2345", "message": error})
        })
        .collect();
    let checks: Vec<_> = (0..10)
        .map(|index| {
            json!({"name": format!("prop-{index}-is-typed"), "passed": true, "weight": 1.0,
                   "earned": 1.0, "message": null})
        })
        .collect();
    let part = |validator: &str, diagnostics: Vec<Value>, checks: Vec<Value>| {
        json!({"validator": validator, "status": if wrong { "failed" } else { "passed" },
               "reason": null, "score": 8.0, "diagnostics": diagnostics, "checks": checks,
               "measurements": {"check_ms": 212.0}, "kept_files": [], "details": null})
    };
    json!({
        "types": part("tsc", diagnostics, Vec::new()),
        "structure": part("ts-ast", Vec::new(), checks.clone()),
        "behaviour": part("vitest", Vec::new(), checks[..4].to_vec()),
    })
}

fn monitors() -> Value {
    let stats = |mean: f64| json!({"n": 19, "mean": mean, "min": mean * 0.9, "max": mean * 1.1});
    json!([{
        "monitor": "nvidia-smi", "interval_ms": 500, "sample_count": 19, "gap_count": 0,
        "gap_sec": 0.0, "reason": null,
        "devices": {"gpu0": {
            "gpu_utilization_percent": stats(90.0), "memory_used_bytes": stats(9e9),
            "power_watts": stats(250.0), "temperature_celsius": stats(66.0),
            "throttled": stats(0.0),
        }},
    }])
}
