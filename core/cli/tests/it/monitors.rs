//! Monitors through the real program and the real border, with a stand-in for NVIDIA's library.

use std::time::Duration;

use llmbench_testkit::{FaultServer, LlmbenchCommand, NvmlStub, Output, Step};
use serde_json::{Value, json};

use crate::setup::*;

/// A stand-in for a server whose answer takes most of a second.
fn slow_parrot() -> FaultServer {
    let piece = |content: &str| {
        let line = json!({
            "model": "parrot:latest", "created_at": "2026-01-01T00:00:00Z",
            "message": {"role": "assistant", "content": content}, "done": false,
        });
        Step::chunk(format!("{line}\n"))
    };
    let mut chat = vec![Step::ndjson()];
    for word in ["I ", "am ", "a ", "slow ", "parrot. "] {
        chat.extend([piece(word), Step::Pause(Duration::from_millis(150))]);
    }
    let end = json!({
        "model": "parrot:latest", "created_at": "2026-01-01T00:00:00Z",
        "message": {"role": "assistant", "content": ""},
        "done": true, "done_reason": "stop", "total_duration": 3_000_000, "load_duration": 1_000_000,
        "prompt_eval_count": 100, "prompt_eval_duration": 1_000_000,
        "eval_count": 50, "eval_duration": 1_000_000,
    });
    chat.push(Step::chunk(format!("{end}\n")));
    parrot_that(chat)
}

fn run(command: &LlmbenchCommand, server: &FaultServer, more: &[&str]) -> Output {
    let url = server.url();
    let fixed = ["run", "--model", "parrot", "--fixture", SMALL, "--url", &url, "--runs", "1"];
    let fast = ["--warmup", "0", "--validator", "types=none", "--validator", "behaviour=none"];
    let often = ["--set", "monitor_interval=50ms", "--set", "idle_baseline=400ms"];
    command.run(&[&fixed[..], &fast, &often, more].concat())
}

fn library(stub: &NvmlStub) -> String {
    format!("nvml.library={}", stub.library().display())
}

fn monitor<'a>(run: &'a RunFiles, name: &str) -> &'a Value {
    let monitors = run.manifest["monitors"].as_array().unwrap();
    monitors.iter().find(|monitor| monitor["name"] == name).expect(name)
}

#[test]
fn energy_is_counted_and_the_idle_draw_subtracted() {
    let Some(stub) = own(NvmlStub::new(
        // A driver that takes its time to tell names.
        "gpus 2\ngpu0.utilization 0\ngpu1.utilization 0\nname_delay_us 8000",
    )) else {
        return;
    };
    let (server, command) = (slow_parrot(), command());
    let output = run(&command, &server, &["--monitor", "nvml", "--set", &library(&stub)]);
    expect_code(&output, 0);
    let run = RunFiles::of(&command);
    let sample = &run.samples[0];
    // Each GPU of the stand-in draws 200 W, and its counter says so.
    let number =
        |field: &str| sample[field].as_f64().unwrap_or_else(|| panic!("{field}: {sample}"));
    let expected = 400.0 * number("duration_sec");
    assert!((number("energy_joules") / expected - 1.0).abs() < 0.02, "{expected} {sample}");
    assert_eq!(sample["energy_source"], "counter");
    assert!(number("energy_above_idle_joules").abs() < 0.02 * expected, "{sample}");
    assert!(number("gpu_peak_memory_gb") > 15.9);
    assert_eq!(run.manifest["environment"]["gpus"].as_array().unwrap().len(), 2);

    let idle = &monitor(&run, "nvml")["idle"];
    let watts = idle["devices"]["gpu1"]["power_watts"].as_f64().unwrap();
    assert!((watts - 200.0).abs() < 4.0 && idle["measured_sec"].as_f64().unwrap() >= 0.4, "{idle}");
    let seen = &sample["monitors"][0];
    assert_eq!(seen["energy"]["gpu0"]["source"], "counter", "{seen}");
    assert!(seen["sample_count"].as_u64().unwrap() >= 5, "{seen}");
    assert!(sample["missing"].get("energy_joules").is_none());
}

#[test]
fn auto_takes_the_first_that_finds_a_gpu_and_says_why_not_an_earlier_one() {
    let Some(stub) = own(NvmlStub::new("gpus 1")) else { return };
    let (server, first) = (slow_parrot(), command());
    let output = run(&first, &server, &["--set", &library(&stub)]);
    expect_code(&output, 0);
    expect_parts(&output.stderr, &["GPUs are watched by `nvml`\n"]);
    let files = RunFiles::of(&first);
    assert!(monitor(&files, "nvml")["unavailable"].is_null());
    let not_asked = monitor(&files, "nvidia-smi")["unavailable"].as_str().unwrap();
    assert_eq!(not_asked, "not asked: `nvml` watches the GPUs");
    assert!(monitor(&files, "system")["unavailable"].is_null());

    // Without the library the next one is taken, here a tree with an AMD GPU.
    let second = command();
    for (file, text) in
        [("uevent", "DRIVER=amdgpu\nPCI_ID=1002:73BF\n"), ("gpu_busy_percent", "9\n")]
    {
        second.write(std::path::Path::new("sys/class/drm/card0/device").join(file), text);
    }
    let output = run(
        &second,
        &server,
        &[
            "--set",
            "nvml.library=/gone.so",
            "--set",
            "nvidia-smi.path=/gone",
            "--set",
            "amdgpu.sysfs=sys",
        ],
    );
    expect_code(&output, 0);
    let parts = [
        "GPUs are watched by `amdgpu` (nvml: `/gone.so` could not be loaded",
        "; nvidia-smi: `/gone`",
    ];
    expect_parts(&output.stderr, &parts);
    let files = RunFiles::of(&second);
    assert_eq!(files.samples[0]["gpu_avg_utilization"], 9.0, "{}", files.samples[0]);
}

#[test]
fn a_gpu_lost_midway_costs_no_attempt_and_a_missing_library_is_said() {
    let Some(stub) = own(NvmlStub::new("gpus 1\ngpu0.return 15")) else { return };
    let (server, lost) = (slow_parrot(), command());
    let output = run(&lost, &server, &["--monitor", "nvml", "--set", &library(&stub)]);
    expect_code(&output, 0);
    let files = RunFiles::of(&lost);
    let sample = &files.samples[0];
    assert_eq!((&sample["status"], sample["energy_joules"].is_null()), (&json!("scored"), true));
    expect_parts(sample["missing"]["gpu_avg_utilization"].as_str().unwrap(), &["fell off the bus"]);

    let gone = command();
    let output = run(&gone, &server, &["--monitor", "nvml", "--set", "nvml.library=/gone.so"]);
    expect_code(&output, 3);
    expect_parts(&output.stderr, &["monitor `nvml` has nothing to watch", "/gone.so"]);
}
