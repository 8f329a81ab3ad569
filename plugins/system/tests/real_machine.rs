//! The monitor on the machine that runs the tests.

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use llmbench_api::{
    CallContext, CancelGuard, Control, DeviceKind, ErrorKind, Json, Monitor, MonitorOptions,
    Sample, SampleSink, metric,
};
use llmbench_plugin_system::{PROCESS, SYSTEM, SystemMonitor};

/// Long enough for a loaded machine.
const TEST_LIMIT: Duration = Duration::from_secs(60);
const INTERVAL_MS: u64 = 250;

#[derive(Default)]
struct Collected(Mutex<Vec<Sample>>);

impl Collected {
    fn of(&self, device: &str) -> Vec<Sample> {
        let samples = self.0.lock().unwrap();
        samples.iter().filter(|sample| sample.device == device).cloned().collect()
    }
}

impl SampleSink for Collected {
    fn sample(&self, sample: &Sample) {
        self.0.lock().unwrap().push(sample.clone());
    }
}

struct Host(Instant);

impl Control for Host {
    fn now_ns(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
    fn deadline_ns(&self) -> Option<u64> {
        None
    }
    fn is_cancelled(&self) -> bool {
        false
    }
    fn progress(&self, _: Option<f64>, _: &str) {}
    fn on_cancel(&self, _: Box<dyn FnOnce() + Send>) -> CancelGuard {
        CancelGuard::noop()
    }
}

/// A shell that ends, with what it started, when its input is closed: when the
/// test ends, even by a panic.
struct Process(Child);

impl Process {
    fn start(script: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::null());
        Self(command.stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn context() -> CallContext {
    CallContext::new(Arc::new(Host(Instant::now())))
}

fn wait_for(what: &str, is_true: impl Fn() -> bool) {
    let limit = Instant::now() + TEST_LIMIT;
    while !is_true() {
        assert!(Instant::now() < limit, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn start(process_id: Option<u32>) -> (SystemMonitor, Arc<Collected>, CallContext) {
    let monitor = SystemMonitor::new(Json::Null).unwrap();
    let sink = Arc::new(Collected::default());
    let cx = context();
    monitor
        .start(&MonitorOptions { interval_ms: INTERVAL_MS, process_id }, sink.clone(), &cx)
        .unwrap();
    (monitor, sink, cx)
}

fn values_of(samples: &[Sample], name: &str) -> Vec<f64> {
    samples.iter().filter_map(|sample| sample.values.get(name).copied()).collect()
}

#[test]
fn a_probe_names_the_machine() {
    let info = SystemMonitor::new(Json::Null).unwrap().probe(&context()).unwrap();
    let [device] = &info.devices[..] else { panic!("one device, not {:?}", info.devices) };
    assert_eq!((device.id.as_str(), device.kind), (SYSTEM, DeviceKind::System));
    let number = |fact: &str| device.facts[fact].parse::<u64>().unwrap();
    let usable_cores = thread::available_parallelism().unwrap().get() as u64;
    assert!(number("cpu_logical_cores") >= usable_cores);
    assert!(number("memory_total_bytes") > 64 << 20);
    assert!(!device.facts["kernel"].is_empty());
}

#[test]
fn the_first_sample_has_memory_and_no_cpu_use() {
    let (monitor, sink, cx) = start(None);
    wait_for("three samples", || sink.of(SYSTEM).len() >= 3);
    let series = monitor.stop(&cx).unwrap();
    assert_eq!(series.samples, sink.of(SYSTEM));
    assert_eq!((series.devices.len(), series.interval_ms), (1, INTERVAL_MS));
    assert_eq!((series.reason, series.warnings), (None, vec![]));
    assert!(!series.samples[0].values.contains_key(metric::CPU_PERCENT));
    let cpu = values_of(&series.samples, metric::CPU_PERCENT);
    assert!(
        !cpu.is_empty() && cpu.iter().all(|percent| (0.0..=100.0).contains(percent)),
        "{cpu:?}"
    );
    for sample in &series.samples {
        let used = sample.values[metric::MEMORY_USED_BYTES];
        let total = sample.values[metric::MEMORY_TOTAL_BYTES];
        assert!(used > 1e6 && used < total, "{used} of {total}");
    }
    assert!(series.samples.is_sorted_by_key(|sample| sample.at_ns));
}

#[cfg(unix)]
#[test]
fn a_child_of_the_process_counts_as_the_process() {
    // The shell itself only waits; its child works.
    let process = Process::start("sh -c 'while :; do :; done' & read line; kill $!");
    let (monitor, sink, cx) = start(Some(process.0.id()));
    wait_for("CPU use", || {
        values_of(&sink.of(PROCESS), metric::CPU_PERCENT).iter().any(|percent| *percent > 0.0)
    });
    let series = monitor.stop(&cx).unwrap();
    let device = &series.devices[1];
    assert_eq!((device.id.as_str(), device.kind), (PROCESS, DeviceKind::Process));
    assert_eq!(device.facts["process_id"], process.0.id().to_string());
    let samples = sink.of(PROCESS);
    assert!(!samples[0].values.contains_key(metric::CPU_PERCENT), "nothing to compare with");
    assert!(!samples[0].values.contains_key(metric::MEMORY_TOTAL_BYTES));
    let cores = thread::available_parallelism().unwrap().get() as f64;
    for percent in values_of(&samples, metric::CPU_PERCENT) {
        assert!(percent <= 100.0 * cores + 50.0, "{percent} % of one core");
    }
    for bytes in values_of(&samples, metric::MEMORY_USED_BYTES) {
        assert!((1e5..1e9).contains(&bytes), "{bytes} bytes");
    }
    let busy = values_of(&sink.of(SYSTEM), metric::CPU_PERCENT);
    assert!(busy.iter().any(|percent| *percent > 0.0), "{busy:?}");
}

#[test]
fn threads_are_not_counted_beside_their_process() {
    use std::sync::atomic::{AtomicBool, Ordering};

    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let (monitor, sink, cx) = start(Some(std::process::id()));
        wait_for("CPU use", || values_of(&sink.of(PROCESS), metric::CPU_PERCENT).len() >= 3);
        monitor.stop(&cx).unwrap();
        done.store(true, Ordering::Relaxed);
        let cores = thread::available_parallelism().unwrap().get() as f64;
        for percent in values_of(&sink.of(PROCESS), metric::CPU_PERCENT) {
            assert!(percent <= 100.0 * cores + 50.0, "{percent} % of one core");
        }
    });
}

#[cfg(unix)]
#[test]
fn a_process_that_ends_is_a_gap_and_no_zeros() {
    let mut process = Process::start("read line");
    let id = process.0.id();
    let (monitor, sink, cx) = start(Some(id));
    wait_for("samples of the process", || sink.of(PROCESS).len() >= 2);
    process.0.kill().unwrap();
    // Not waited for: a zombie has ended, too.
    wait_for("a sample after the end", || {
        let last = sink.of(PROCESS).last().map_or(0, |sample| sample.at_ns);
        sink.of(SYSTEM).iter().filter(|sample| sample.at_ns > last).count() >= 3
    });
    let series = monitor.stop(&cx).unwrap();
    let gap = series.gaps.iter().find(|gap| gap.reason.ends_with("ended")).unwrap();
    assert!(gap.reason.starts_with(&format!("process {id} (")), "{}", gap.reason);
    let samples = sink.of(PROCESS);
    assert_eq!(gap.from_ns, samples.last().unwrap().at_ns);
    assert!(gap.to_ns > gap.from_ns);
    for bytes in values_of(&samples, metric::MEMORY_USED_BYTES) {
        assert!(bytes > 0.0);
    }
}

#[test]
fn a_process_that_was_never_there_is_a_gap() {
    let (monitor, sink, cx) = start(Some(u32::MAX - 1));
    wait_for("a sample", || !sink.of(SYSTEM).is_empty());
    let series = monitor.stop(&cx).unwrap();
    assert_eq!(series.devices.len(), 1);
    assert_eq!(series.gaps.len(), 1);
    assert_eq!(series.gaps[0].reason, format!("there is no process {}", u32::MAX - 1));
}

#[test]
fn an_interval_below_what_can_be_measured_is_lengthened_and_said() {
    let monitor = SystemMonitor::new(Json::Null).unwrap();
    let (cx, sink) = (context(), Arc::new(Collected::default()));
    let options = MonitorOptions { interval_ms: 10, process_id: None };
    monitor.start(&options, sink.clone(), &cx).unwrap();
    wait_for("samples", || sink.of(SYSTEM).len() >= 4);
    let series = monitor.stop(&cx).unwrap();
    assert_eq!(series.interval_ms, 10);
    assert_eq!(series.warnings.len(), 1);
    let cpu = values_of(&series.samples, metric::CPU_PERCENT);
    assert!(!cpu.is_empty(), "CPU use is measured all the same");
}

#[test]
fn sampling_is_started_once_and_stopped_once() {
    let (monitor, sink, cx) = start(None);
    assert!(monitor.start(&MonitorOptions::default(), sink, &cx).is_err());
    monitor.stop(&cx).unwrap();
    assert!(monitor.stop(&cx).is_err());
}

#[test]
fn a_long_interval_does_not_delay_the_stop() {
    let monitor = SystemMonitor::new(Json::Null).unwrap();
    let (cx, sink) = (context(), Arc::new(Collected::default()));
    let options = MonitorOptions { interval_ms: 3_600_000, process_id: None };
    monitor.start(&options, sink.clone(), &cx).unwrap();
    wait_for("the first sample", || !sink.of(SYSTEM).is_empty());
    let series = monitor.stop(&cx).unwrap();
    assert_eq!(series.samples.len(), 1);
    assert_eq!(series.warnings, Vec::<String>::new(), "the thread ended by itself");
}

#[test]
fn unknown_settings_are_refused() {
    let error = SystemMonitor::new(serde_json::json!({"interval": 5})).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Settings);
}
