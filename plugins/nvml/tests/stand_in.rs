//! The monitor against a stand-in for NVML (`core/testkit/src/nvml/stub.c`): every
//! way in which the library can fail. No test here needs a GPU.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use llmbench_api::{
    DeviceKind, ErrorKind, Monitor, MonitorInfo, MonitorOptions, Result, Sample, Series, metric,
};
use llmbench_plugin_nvml::{Nvml, Settings};
use llmbench_testkit::{NvmlStub, Recorder, TestContext, context, skip_or_fail};

/// Long enough for a loaded machine.
const TEST_LIMIT: Duration = Duration::from_secs(60);
const INTERVAL_MS: u64 = 20;

/// A stand-in that says `control`; without a compiler the test is skipped.
macro_rules! stub {
    ($($arguments:expr),+) => {
        match NvmlStub::without($($arguments),+) {
            Ok(stub) => stub,
            Err(missing) => return skip_or_fail(missing),
        }
    };
}

fn monitor(stub: &NvmlStub) -> Nvml {
    Nvml::from_settings(&Settings { library: Some(stub.library()), ..Settings::default() })
}

fn probe(stub: &NvmlStub) -> Result<MonitorInfo> {
    monitor(stub).probe(&context(None))
}

/// A monitor that samples.
struct Sampling {
    monitor: Nvml,
    seen: Arc<Recorder>,
    cx: TestContext,
}

impl Sampling {
    fn start(stub: &NvmlStub, process_id: Option<u32>) -> Self {
        Self::of(monitor(stub), process_id)
    }

    fn of(monitor: Nvml, process_id: Option<u32>) -> Self {
        let (seen, cx) = (Arc::new(Recorder::new()), context(None));
        let options = MonitorOptions { interval_ms: INTERVAL_MS, process_id };
        monitor.start(&options, seen.clone(), &cx).unwrap();
        Self { monitor, seen, cx }
    }

    fn samples(&self, device: &str) -> Vec<Sample> {
        self.seen.samples().into_iter().filter(|sample| sample.device == device).collect()
    }

    /// Waits until `device` has given `count` samples more than it has now.
    fn wait_for(&self, device: &str, count: usize) {
        let before = self.samples(device).len();
        wait_for(&format!("{count} samples of {device}"), || {
            self.samples(device).len() >= before + count
        });
    }

    fn stop(self) -> Series {
        self.monitor.stop(&self.cx).unwrap()
    }
}

fn wait_for(what: &str, is_true: impl Fn() -> bool) {
    let limit = Instant::now() + TEST_LIMIT;
    while !is_true() {
        assert!(Instant::now() < limit, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A series of a stand-in that says `control`, with at least `count` samples of gpu0.
fn sampled(stub: &NvmlStub, count: usize) -> Series {
    let sampling = Sampling::start(stub, None);
    sampling.wait_for("gpu0", count);
    sampling.stop()
}

fn all_reasons(series: &Series) -> String {
    series.gaps.iter().map(|gap| gap.reason.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_probe_names_the_gpus_with_their_facts() {
    let stub = stub!(&[], "gpus 2");
    let info = probe(&stub).unwrap();
    assert_eq!(info.source, "NVML (driver 595.80)");
    assert_eq!(info.notes, Vec::<String>::new());
    let ids: Vec<&str> = info.devices.iter().map(|device| device.id.as_str()).collect();
    assert_eq!(ids, ["gpu0", "gpu1"]);
    let device = &info.devices[1];
    assert_eq!((device.kind, device.name.as_str()), (DeviceKind::Gpu, "NVIDIA Stand-in"));
    for (fact, value) in [
        ("uuid", "GPU-00000001-0000-0000-0000-000000000000"),
        ("driver_version", "595.80"),
        ("memory_total_bytes", "48000000000"),
        ("power_limit_watts", "350"),
        ("mig_mode", "Disabled"),
        ("pcie_generation", "4"),
        ("pcie_lanes", "16"),
    ] {
        assert_eq!(device.facts[fact], value, "{fact}");
    }
}

#[test]
fn two_gpus_are_read_in_one_round_in_the_units_of_the_names() {
    let stub = stub!(&[], "gpus 2\ngpu1.utilization 7\ngpu1.clock_reasons 68\ngpu0.pstate 2");
    let series = sampled(&stub, 4);
    assert_eq!((series.interval_ms, &series.reason), (INTERVAL_MS, &None));
    assert_eq!(series.warnings, Vec::<String>::new());
    for pair in series.samples.chunks_exact(2) {
        assert_eq!(pair[0].at_ns, pair[1].at_ns, "one round, one instant");
        assert_eq!((pair[0].device.as_str(), pair[1].device.as_str()), ("gpu0", "gpu1"));
    }
    let (gpu0, gpu1) = (&series.samples[2].values, &series.samples[3].values);
    for (name, value) in [
        (metric::GPU_UTILIZATION_PERCENT, 90.0),
        (metric::GPU_MEMORY_UTILIZATION_PERCENT, 40.0),
        (metric::MEMORY_USED_BYTES, 8e9),
        (metric::MEMORY_TOTAL_BYTES, 48e9),
        (metric::POWER_WATTS, 200.0),
        (metric::POWER_INSTANT_WATTS, 200.0),
        (metric::TEMPERATURE_CELSIUS, 61.0),
        (metric::MEMORY_TEMPERATURE_CELSIUS, 70.0),
        (metric::CLOCK_SM_MHZ, 2520.0),
        (metric::CLOCK_MEMORY_MHZ, 9001.0),
        (metric::PERFORMANCE_STATE, 2.0),
        (metric::THROTTLED, 0.0),
    ] {
        assert_eq!(gpu0[name], value, "{name}");
    }
    assert_eq!(gpu1[metric::GPU_UTILIZATION_PERCENT], 7.0);
    // 68 is a hardware thermal slowdown (0x40) and the power cap (0x4).
    assert_eq!((gpu1[metric::THROTTLED], gpu1[metric::POWER_CAPPED]), (1.0, 1.0));
    assert_eq!(gpu1[metric::CLOCK_REASONS_MASK], 68.0);
    assert!(gpu0[metric::ENERGY_JOULES] >= 5000.0);
    // The counter of the stand-in grows by 1 MB and 2 MB a second.
    let sent = gpu0[metric::PCIE_SENT_BYTES_PER_SECOND];
    let received = gpu0[metric::PCIE_RECEIVED_BYTES_PER_SECOND];
    assert!(sent > 0.0 && received > sent, "{sent} {received}");
}

#[test]
fn the_first_reading_has_no_figures_of_the_time_before_it() {
    let stub = stub!(&[], "gpus 1");
    let series = sampled(&stub, 3);
    let (first, second) = (&series.samples[0].values, &series.samples[1].values);
    for name in [metric::GPU_UTILIZATION_PERCENT, metric::POWER_WATTS] {
        assert!(!first.contains_key(name) && second.contains_key(name), "{name}");
    }
    assert!(first.contains_key(metric::ENERGY_JOULES), "a counter is exact at once");
    assert!(first.contains_key(metric::MEMORY_USED_BYTES));
}

#[test]
fn a_last_reading_is_taken_when_sampling_stops() {
    let stub = stub!(&[], "gpus 1");
    let (monitor, seen, cx) = (monitor(&stub), Arc::new(Recorder::new()), context(None));
    let options = MonitorOptions { interval_ms: 3_600_000, process_id: None };
    monitor.start(&options, seen.clone(), &cx).unwrap();
    wait_for("the first sample", || !seen.samples().is_empty());
    let series = monitor.stop(&cx).unwrap();
    let joules: Vec<f64> =
        series.samples.iter().map(|sample| sample.values[metric::ENERGY_JOULES]).collect();
    assert!(joules.len() == 2 && joules[1] > joules[0], "{joules:?}");
}

#[test]
fn what_the_driver_does_not_report_is_absent_with_a_remark() {
    let control = "gpus 1\nutilization.return 3\npower.return 4\nenergy.return 3\nfields.return 3";
    let stub = stub!(&[], control);
    let series = sampled(&stub, 3);
    for sample in &series.samples {
        for name in [
            metric::GPU_UTILIZATION_PERCENT,
            metric::POWER_WATTS,
            metric::ENERGY_JOULES,
            metric::POWER_INSTANT_WATTS,
        ] {
            assert!(!sample.values.contains_key(name), "{name}");
        }
        assert_eq!(sample.values[metric::MEMORY_USED_BYTES], 8e9);
    }
    assert_eq!(
        series.warnings,
        [
            "gpu0: utilisation not measured: the driver does not report it for this GPU",
            "gpu0: power not measured: this user may not ask for it",
        ]
    );
    assert_eq!(probe(&stub).unwrap().notes, series.warnings);
}

#[test]
fn missing_functions_of_an_old_library_are_a_reason() {
    let stub = stub!(&["POWER", "ENERGY"], "gpus 1");
    let series = sampled(&stub, 3);
    let values = &series.samples[2].values;
    assert!(!values.contains_key(metric::POWER_WATTS));
    assert!(!values.contains_key(metric::ENERGY_JOULES));
    assert_eq!(values[metric::GPU_UTILIZATION_PERCENT], 90.0);
    let warning = "gpu0: power not measured: this NVML has no `nvmlDeviceGetPowerUsage`";
    assert_eq!(series.warnings, [warning]);

    let unusable = stub!(&["INIT"], "gpus 1");
    let error = probe(&unusable).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("has no `nvmlInit_v2`"), "{}", error.message);
}

#[test]
fn a_library_that_is_not_there_is_a_reason_with_a_hint() {
    let settings = Settings { library: Some("/no-such/libnvidia-ml.so.1".into()), pcie: true };
    let monitor = Nvml::from_settings(&settings);
    let error = monitor.probe(&context(None)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.starts_with("`/no-such/libnvidia-ml.so.1` could not be loaded"));
    assert!(error.hint.unwrap().contains("nvml.library"));

    let sampling = Sampling::of(monitor, None);
    let looked = Instant::now() + Duration::from_millis(100);
    wait_for("a look", || Instant::now() > looked);
    let series = sampling.stop();
    assert!(series.reason.unwrap().contains("could not be loaded"));
}

#[test]
fn every_refusal_of_the_library_reaches_the_user() {
    for (control, words) in [
        ("init.return 9", "NVIDIA driver is not loaded"),
        ("init.return 4", "does not have permission"),
        ("init.return 18", "driver/library version mismatch"),
        ("init.return 999", "internal driver error"),
        ("count.return 1", "not first initialized"),
        ("gpus 0", "finds no GPU"),
        ("gpus 1\nhandle0.return 4", "gpu0: this user may not ask for it"),
        ("gpus 1\nhandle0.return 15", "gpu0: device fell off the bus"),
    ] {
        let stub = stub!(&[], control);
        let error = probe(&stub).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable, "{control}");
        assert!(error.message.contains(words), "{control}: {}", error.message);
        assert!(error.hint.is_some(), "{control}");
    }
}

#[test]
fn a_gpu_lost_midway_is_a_gap_of_its_own_and_the_other_goes_on() {
    let stub = stub!(&[], "gpus 2");
    let sampling = Sampling::start(&stub, None);
    sampling.wait_for("gpu1", 3);
    stub.say("gpus 2\ngpu1.return 15");
    sampling.wait_for("gpu0", 20);
    let (lost, kept) = (sampling.samples("gpu1"), sampling.samples("gpu0"));
    assert!(kept.len() > lost.len() + 10, "{} and {}", kept.len(), lost.len());
    // It comes back, as it does after a reset.
    stub.say("gpus 2");
    sampling.wait_for("gpu1", 1);
    let series = sampling.stop();
    let gap = series.gaps.iter().find(|gap| gap.reason.contains("fell off the bus")).unwrap();
    assert!(gap.reason.starts_with("gpu1: "), "{}", gap.reason);
    assert_eq!(gap.from_ns, lost.last().unwrap().at_ns);
    assert!(series.samples.iter().any(|one| one.device == "gpu1" && one.at_ns == gap.to_ns));
}

#[test]
fn a_gpu_that_stays_lost_is_a_gap_until_the_end_and_gives_no_zeros() {
    let stub = stub!(&[], "gpus 1");
    let sampling = Sampling::start(&stub, None);
    sampling.wait_for("gpu0", 3);
    stub.say("gpus 1\ngpu0.return 15");
    let last = || sampling.samples("gpu0").len();
    let (mut before, mut quiet_since) = (last(), Instant::now());
    while quiet_since.elapsed() < Duration::from_millis(400) {
        if last() != before {
            (before, quiet_since) = (last(), Instant::now());
        }
        thread::sleep(Duration::from_millis(5));
    }
    let series = sampling.stop();
    assert!(all_reasons(&series).contains("gpu0: device fell off the bus"));
    assert!(series.samples.iter().all(|one| one.values[metric::MEMORY_USED_BYTES] > 0.0));
}

#[test]
fn a_library_that_forgot_its_start_is_opened_again() {
    let stub = stub!(&[], "gpus 1");
    let sampling = Sampling::start(&stub, None);
    sampling.wait_for("gpu0", 3);
    stub.say("gpus 1\nuninitialised 1");
    thread::sleep(Duration::from_millis(200));
    stub.say("gpus 1");
    sampling.wait_for("gpu0", 3);
    let series = sampling.stop();
    assert!(all_reasons(&series).contains("not first initialized"), "{:?}", series.gaps);
    assert_eq!(series.reason, None);
}

#[test]
fn a_reading_that_fails_once_is_absent_once() {
    let stub = stub!(&[], "gpus 1");
    let sampling = Sampling::start(&stub, None);
    sampling.wait_for("gpu0", 3);
    stub.say("gpus 1\nutilization.return 999");
    sampling.wait_for("gpu0", 3);
    stub.say("gpus 1");
    sampling.wait_for("gpu0", 3);
    let series = sampling.stop();
    let has = |sample: &Sample| sample.values.contains_key(metric::GPU_UTILIZATION_PERCENT);
    assert!(series.samples[1..].iter().any(|sample| !has(sample)));
    assert!(has(series.samples.last().unwrap()));
    assert_eq!(series.warnings, Vec::<String>::new());
}

#[test]
fn instances_of_a_split_gpu_have_memory_and_do_not_count_as_gpus() {
    let control = "gpus 1\ngpu0.mig 1\nutilization.return 3\n\
                   gpu0.mig0.memory_used 3e9\ngpu0.mig2.memory_used 1e9";
    let stub = stub!(&[], control);
    let series = sampled(&stub, 3);
    let found: Vec<(&str, DeviceKind)> =
        series.devices.iter().map(|device| (device.id.as_str(), device.kind)).collect();
    let other = DeviceKind::Other;
    assert_eq!(found, [("gpu0", DeviceKind::Gpu), ("gpu0.mig0", other), ("gpu0.mig2", other)]);
    assert_eq!(series.devices[0].facts["mig_mode"], "Enabled");
    assert_eq!(series.devices[1].facts["instance_of"], "gpu0");
    let instance = series.samples.iter().find(|sample| sample.device == "gpu0.mig2").unwrap();
    assert_eq!(instance.values[metric::MEMORY_USED_BYTES], 1e9);
    assert!(series.warnings[0].contains("MIG is enabled"), "{:?}", series.warnings);
}

#[test]
fn memory_is_told_apart_by_whose_process_it_is() {
    // This test is the server, its child is what the server started, and process 1 is another.
    let stub = stub!(&[], "gpus 1");
    let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let server = std::process::id();
    stub.say(&format!("gpus 1\ngpu0.processes {server}:100,{}:20,1:7", child.id()));
    let sampling = Sampling::start(&stub, Some(server));
    sampling.wait_for("gpu0", 2);
    let series = sampling.stop();
    child.kill().unwrap();
    child.wait().unwrap();
    let values = &series.samples[1].values;
    assert_eq!(values[metric::SERVER_MEMORY_BYTES], 120.0);
    assert_eq!(values[metric::OTHER_PROCESSES_MEMORY_BYTES], 7.0);
    assert_eq!(values[metric::OTHER_PROCESSES], 1.0);
    let warning = "gpu0: another process computed on it too; its figures are not the model's alone";
    assert_eq!(series.warnings, [warning]);
}

#[test]
fn processes_that_cannot_be_told_apart_are_said_to_be_so() {
    let stub = stub!(&[], "gpus 1\ngpu0.processes 4000000001:7,4000000002:18446744073709551615");
    let sampling = Sampling::start(&stub, Some(std::process::id()));
    sampling.wait_for("gpu0", 2);
    let series = sampling.stop();
    let values = &series.samples[1].values;
    assert!(!values.contains_key(metric::SERVER_MEMORY_BYTES));
    assert!(!values.contains_key(metric::OTHER_PROCESSES_MEMORY_BYTES), "one is not told");
    assert_eq!(values[metric::OTHER_PROCESSES], 2.0);
    assert!(series.warnings[0].contains("none is known as the server's"), "{:?}", series.warnings);
}

#[test]
fn without_counters_the_library_measures_pcie_in_the_time_between_samples() {
    let stub = stub!(&[], "gpus 1\ngpu0.pcie_counters 0");
    let (monitor, seen, cx) = (monitor(&stub), Arc::new(Recorder::new()), context(None));
    let options = MonitorOptions { interval_ms: 200, process_id: None };
    monitor.start(&options, seen.clone(), &cx).unwrap();
    wait_for("three samples", || seen.samples().len() >= 3);
    let series = monitor.stop(&cx).unwrap();
    let measured = series.samples.iter().find_map(|sample| {
        let received = sample.values.get(metric::PCIE_RECEIVED_BYTES_PER_SECOND)?;
        Some((sample.values[metric::PCIE_SENT_BYTES_PER_SECOND], *received))
    });
    assert_eq!(measured, Some((1.5e6, 2.5e6)));
}

#[test]
fn a_driver_that_hangs_holds_up_neither_a_probe_nor_the_end() {
    let stub = stub!(&[], "gpus 1\nhang init");
    let error = monitor(&stub).probe(&context(Some(Duration::from_millis(300)))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("did not answer within"), "{}", error.message);

    let stub = stub!(&[], "gpus 1");
    let sampling = Sampling::start(&stub, None);
    sampling.wait_for("gpu0", 3);
    stub.say("gpus 1\nhang utilization");
    thread::sleep(Duration::from_millis(100));
    let series = sampling.stop();
    assert!(series.samples.len() >= 3);
    assert!(series.warnings.iter().any(|warning| warning.contains("left behind")));
}

#[test]
fn sampling_is_started_once_and_stopped_once() {
    let stub = stub!(&[], "gpus 1");
    let (monitor, cx) = (monitor(&stub), context(None));
    let start = || monitor.start(&MonitorOptions::default(), Arc::new(Recorder::new()), &cx);
    assert!(monitor.stop(&cx).is_err());
    start().unwrap();
    assert!(start().is_err());
    monitor.stop(&cx).unwrap();
    start().unwrap();
    monitor.stop(&cx).unwrap();
}

#[test]
fn unknown_settings_are_refused() {
    let error = Nvml::new(serde_json::json!({"libary": "/x"})).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Settings);
}
