//! Makes up a run with several models, fixtures, levels, failures and GPU samples, and its reports.
//!
//! `cargo run -p llmbench-report --example make_demo_run -- DIR [RUNS]`
//!
//! For looking at the HTML report without a GPU: every figure in it is invented.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use llmbench_api::record::{AttemptRecord, RunManifest};
use llmbench_report::{Report, Run, write_derived};
use serde_json::{Value, json};

/// Name, quantisation, skill 0–1, tokens per second, GB.
const MODELS: [(&str, &str, f64, f64, f64); 4] = [
    ("qwen2.5-coder:7b-instruct-q8_0", "Q8_0", 0.78, 61.0, 9.1),
    ("qwen2.5-coder:3b-instruct-q4_K_M", "Q4_K_M", 0.52, 138.0, 3.4),
    ("llama3.1:8b-instruct-q4_K_M", "Q4_K_M", 0.58, 88.0, 6.2),
    ("codestral:22b-v0.1-q4_0", "Q4_0", 0.86, 27.0, 14.2),
];
const FIXTURES: [(&str, u8, &str); 8] = [
    ("simple-component", 1, "Type the props and the emits of a counter"),
    ("star-rating", 1, "Type a star rating"),
    ("todo-list", 2, "Type a list of things to do"),
    ("weather-fetch", 2, "Type a component that fetches"),
    ("search-box", 3, "Type a debounced search"),
    ("dynamic-form", 3, "Type a form of any fields"),
    ("file-tree", 4, "Type a recursive tree"),
    ("shop-checkout", 5, "Type a store, a composable and two components"),
];
const EXPECTED: &str = "<script setup lang=\"ts\">\nimport { computed, ref } from 'vue'\n\ninterface Props {\n  title: string\n  start?: number\n}\n\nconst props = withDefaults(defineProps<Props>(), { start: 0 })\nconst emit = defineEmits<{ change: [value: number] }>()\n\nconst count = ref<number>(props.start)\nconst doubled = computed<number>(() => count.value * 2)\n\nfunction add(step: number): void {\n  count.value += step\n  emit('change', count.value)\n}\n</script>\n\n<template>\n  <section>\n    <h2>{{ title }}</h2>\n    <button @click=\"add(1)\">{{ count }} ({{ doubled }})</button>\n  </section>\n</template>\n";

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1u64 << 31) as f64
    }

    fn around(&mut self, middle: f64, share: f64) -> f64 {
        middle * (1.0 + share * (self.roll() + self.roll() - 1.0))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().ok_or("name the folder to make")?);
    let runs: u32 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    fs::create_dir_all(&dir)?;
    let manifest = manifest(runs);
    let _: RunManifest = serde_json::from_value(manifest.clone())?;
    fs::write(dir.join("run.json"), serde_json::to_string_pretty(&manifest)?)?;
    for (fixture, ..) in FIXTURES {
        let folder = dir.join("fixtures").join(fixture);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("expected.md"), format!("```vue Component.vue\n{EXPECTED}```\n"))?;
    }
    let mut dice = Dice(7);
    let mut lines = String::new();
    let mut index = 0;
    for model in MODELS {
        for fixture in FIXTURES {
            for run in 1..=runs {
                let record = attempt(&dir, index, model, fixture, run, &mut dice)?;
                let _: AttemptRecord = serde_json::from_value(record.clone())?;
                lines.push_str(&format!("{record}\n"));
                index += 1;
            }
        }
    }
    fs::write(dir.join("samples.jsonl"), lines)?;
    let run = Run::open(&dir)?;
    write_derived(&dir, &Report::of(&run))?;
    Ok(())
}

fn manifest(runs: u32) -> Value {
    let known = |value: Value| json!({ "value": value, "reason": null });
    let models: Vec<_> = MODELS
        .iter()
        .map(|(name, quantization, ..)| {
            json!({ "identity": { "name": name, "quantization": known(json!(quantization)),
                "context_length": known(json!(32_768)),
                "active_parameters": { "value": null, "reason": "the server does not tell" } },
                "load_sec": 3.4 })
        })
        .collect();
    let fixtures: Vec<_> = FIXTURES
        .iter()
        .map(|(name, level, title)| {
            json!({ "name": name, "level": level, "title": title,
            "sha256": "5f1c0e7a9b2d", "origin": "shipped with plugin refactoring" })
        })
        .collect();
    let names = |list: Vec<&str>| json!(list);
    json!({
        "format_version": 1, "run_id": "20260301T100000Z-refactoring-made-up", "name": "Four models on one card (made-up figures)",
        "status": "finished", "error": null, "llmbench_version": env!("CARGO_PKG_VERSION"),
        "argv": ["llmbench", "run", "--plugin", "refactoring", "--fixture", "all"],
        "started_at": "2026-03-01T10:00:00Z", "finished_at": "2026-03-01T10:41:12Z", "elapsed_sec": 2472.0,
        "test": "refactoring", "backend": "ollama", "default_choice": null,
        "settings": { "runs": { "value": runs, "origin": "flag --runs" },
            "temperature": { "value": 0.2, "origin": "default" },
            "num_ctx": { "value": 8192, "origin": "llmbench.toml" },
            "timeout": { "value": "30s", "origin": "default" } },
        "plan": { "sha256": "c0ffee", "models": names(MODELS.iter().map(|m| m.0).collect()),
            "fixtures": names(FIXTURES.iter().map(|f| f.0).collect()), "runs": runs, "warmup": 1,
            "attempts": runs as usize * MODELS.len() * FIXTURES.len() },
        "plugins": [{ "kind": "test", "name": "refactoring", "package": "llmbench-plugin-refactoring", "version": "0.1.0" }],
        "fixtures": fixtures, "models": models,
        "server": { "name": "ollama", "version": known(json!("0.6.5")), "location": "http://127.0.0.1:11434" },
        "roles": { "types": { "validator": "tsc", "info": { "tools": { "typescript": "5.9.3", "vue-tsc": "3.1.0" } } } },
        "monitors": [{ "name": "nvidia-smi", "info": { "source": "nvidia-smi, loop mode" } }],
        "environment": { "os": "Debian GNU/Linux 12", "kernel": "6.1.0", "architecture": "x86_64", "cpu": "Example CPU",
            "logical_cpus": 16, "memory_total_bytes": 64_000_000_000u64, "load_average_1min": 0.42,
            "gpus": [{ "id": "gpu0", "kind": "gpu", "name": "Example GPU", "facts": { "driver_version": "570.00" } }] },
        "scoring_version": "2", "max_score": 10.0,
        "warnings": ["every figure of this run is made up"],
    })
}

fn attempt(
    dir: &Path,
    index: usize,
    (model, _, skill, speed, memory): (&str, &str, f64, f64, f64),
    (fixture, level, _): (&str, u8, &str),
    run: u32,
    dice: &mut Dice,
) -> Result<Value, Box<dyn Error>> {
    let slug: String = model.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    let id = format!("{index:05}-{slug}-{fixture}-r{run}");
    let luck = skill - 0.09 * f64::from(level - 1) + 0.25 * (dice.roll() - 0.5);
    let status = match dice.roll() {
        roll if roll > 0.985 => "infra_error",
        roll if roll > 0.965 => "timeout",
        _ => "scored",
    };
    let is_scored = status == "scored";
    let is_right = luck > 0.42;
    let points =
        if is_right { (7.0 + 5.0 * (luck - 0.42)).min(10.0) } else { (8.0 * luck).clamp(0.0, 4.9) };
    let tokens = dice.around(260.0 + 90.0 * f64::from(level), 0.2) as u64;
    let rate = dice.around(speed, 0.05);
    let answer = if is_right { EXPECTED.to_owned() } else { broken(dice.roll() > 0.8) };
    let answer = if points > 9.5 { answer } else { answer.replace("ref<number>", "ref") };
    let error =
        "TS2345: Argument of type 'string' is not assignable to parameter of type 'number'.";
    let errors: Vec<&str> = match status {
        "timeout" => vec!["no complete answer within 30 s"],
        "infra_error" => vec!["the server closed the connection before its end mark"],
        _ if !is_right => vec![error],
        _ => vec![],
    };
    let duration = 0.12 + tokens as f64 / rate;
    let missing =
        if is_scored { json!({}) } else { json!({ "score": "there is no complete answer" }) };
    let folder = dir.join("artifacts").join(&id);
    fs::create_dir_all(&folder)?;
    let prompt = format!(
        "Rewrite this component of `{fixture}` with types. Answer with the whole file.\n\n```vue Component.vue\n<script setup>\n…\n</script>\n```\n"
    );
    let request = json!([{ "model": model, "messages": [{ "role": "user", "content": prompt }] }]);
    fs::write(folder.join("1-request.json"), request.to_string())?;
    let text = format!(
        "Here is the typed component:\n\n```vue\n{answer}```\n\nAll props are typed now.\n"
    );
    let start = 5_000_000_000u64;
    let ns = |sec: f64| start + (sec * 1e9) as u64;
    let response = json!([{ "answered": { "text": text, "done_reason": "stop", "sent_at_ns": start,
        "first_token_at_ns": ns(0.12), "done_at_ns": ns(duration) } }]);
    fs::write(folder.join("1-response.json"), response.to_string())?;
    fs::write(
        folder.join("monitor-1-nvidia-smi.json"),
        series(duration, memory, dice, &ns).to_string(),
    )?;
    let value = |number: f64| if is_scored { json!(number) } else { Value::Null };
    let diagnostics = if is_scored && !is_right {
        json!([{ "severity": "error", "file": "Component.vue", "line": 9, "column": 27, "code": "TS2345", "message": error },
               { "severity": "error", "file": "Component.vue", "line": 13, "column": 3, "code": "TS2322", "message": "Type 'any' is not assignable to type 'never'." }])
    } else {
        json!([])
    };
    let findings = if is_scored {
        json!({ "types": { "validator": "tsc", "status": if is_right { "passed" } else { "failed" }, "diagnostics": diagnostics,
            "checks": [{ "name": "caller probe", "passed": is_right, "weight": 1.0, "earned": f64::from(u8::from(is_right)), "message": "a wrong use compiles" }] } })
    } else {
        json!({})
    };
    Ok(json!({
        "id": id, "model": model, "fixture": fixture, "run_number": run,
        "timestamp": format!("2026-03-01T10:{:02}:{:02}Z", index / 4 % 60, index * 13 % 60), "status": status,
        "score": value(points), "scoring_version": "2", "compiles": is_scored.then_some(is_right), "ast_score": value((points + 1.0).min(10.0)),
        "tokens_per_sec": value(rate), "duration_sec": value(duration), "ttft_sec": value(0.12), "load_sec": value(0.01),
        "prefill_tokens_per_sec": value(5200.0), "queue_sec": value(0.001), "prompt_tokens": is_scored.then_some(742),
        "completion_tokens": is_scored.then_some(tokens), "done_reason": is_scored.then_some("stop"), "seed": 41 + u64::from(run),
        "gpu_avg_utilization": value(dice.around(94.0, 0.03)), "gpu_peak_utilization": value(99.0),
        "gpu_avg_memory_gb": value(memory), "gpu_peak_memory_gb": value(memory + 0.3), "energy_joules": value(duration * 210.0),
        "output_code": is_scored.then_some(answer), "errors": errors, "warnings": [], "missing": missing,
        "findings": findings, "monitors": [], "retries": [], "prompt_cached": run > 1,
        "gates": if is_scored { json!({ "types": { "passed": is_right, "cap": 5.0 }, "probe": { "passed": is_right, "cap": 2.0 } }) } else { json!({}) },
        "score_parts": if is_scored { json!({ "typedness": { "weight": 3.0, "earned": luck.clamp(0.0, 1.0) }, "structure": { "weight": 4.0, "earned": (luck + 0.1).clamp(0.0, 1.0) } }) } else { json!({}) },
    }))
}

/// An answer that is wrong; a nasty one tries to become part of the page.
fn broken(nasty: bool) -> String {
    let text = EXPECTED
        .replace("ref<number>(props.start)", "ref(props.title)")
        .replace("(step: number): void", "(step: any)");
    if nasty {
        text.replace("<h2>", "<h2 onclick=\"alert(1)\"><img src=x onerror=\"document.title='owned'\"></script><script>document.title='owned'</script>")
    } else {
        text
    }
}

fn series(duration: f64, memory: f64, dice: &mut Dice, ns: &impl Fn(f64) -> u64) -> Value {
    let mut samples = Vec::new();
    let mut at = 0.0;
    while at < duration + 0.4 {
        let is_busy = at > 0.1 && at < duration;
        let load = if is_busy { dice.around(95.0, 0.04).min(100.0) } else { 4.0 };
        let power = if is_busy { dice.around(232.0, 0.06) } else { 58.0 };
        samples.push(json!({ "at_ns": ns(at), "device": "gpu0", "values": { "gpu_utilization_percent": load, "memory_used_bytes": memory * 1e9, "power_watts": power } }));
        samples.push(json!({ "at_ns": ns(at), "device": "system", "values": { "cpu_percent": dice.around(14.0, 0.5) } }));
        at += 0.25;
    }
    json!({ "devices": [{ "id": "gpu0", "kind": "gpu", "name": "Example GPU" }, { "id": "system", "kind": "system", "name": "" }],
        "interval_ms": 250, "samples": samples, "gaps": [] })
}
