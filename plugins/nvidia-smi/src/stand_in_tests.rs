//! The monitor against stand-ins for nvidia-smi: shell scripts that behave as
//! the real tool was seen to, well or badly. No test here needs a GPU.
//!
//! The stand-ins print the load row of `linux-x86_64__nvidia-l40s__595.80.txt`
//! (source: see `vector_tests`), with the utilisation replaced by a number that
//! tells which round a row is from.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use llmbench_api::{
    CallContext, CancelGuard, Control, ErrorKind, Monitor, MonitorOptions, Sample, SampleSink,
    Series, metric,
};

use super::NvidiaSmi;
use crate::settings::Settings;

/// Long enough for a loaded machine; a hanging stand-in sleeps ten times longer.
const TEST_LIMIT: Duration = Duration::from_secs(60);

const PRELUDE: &str = r#"#!/bin/sh
# Stand-in for nvidia-smi, written by a test. Not the real tool.
echo "$$" >> "$0.pids"
columns= loop=
for argument do
  case $argument in
    --query-gpu=*) columns=${argument#*=} ;;
    --loop-ms=*) loop=${argument#*=} ;;
  esac
done
# row INDEX UTILISATION: one row of the columns asked for.
row() {
  line=
  IFS=,
  for column in $columns; do
    case $column in
      index) cell=$1 ;;
      uuid) cell=GPU-0000000$1-0000-0000-0000-000000000000 ;;
      name) cell='NVIDIA L40S' ;;
      driver_version) cell=595.80 ;;
      pstate) cell=P0 ;;
      utilization.gpu) cell=$2 ;;
      utilization.memory) cell=2 ;;
      memory.total) cell=46068 ;;
      memory.used) cell=1235 ;;
      temperature.gpu) cell=54 ;;
      power.draw) cell=110.23 ;;
      power.draw.instant) cell=112.38 ;;
      enforced.power.limit) cell=350.00 ;;
      clocks.current.sm) cell=2520 ;;
      clocks_event_reasons.active) cell=0x0000000000000000 ;;
      clocks_throttle_reasons.active) cell=0x0000000000000048 ;;
      *) cell='[N/A]' ;;
    esac
    line="$line${line:+, }$cell"
  done
  unset IFS
  echo "$line"
}
# refuse COLUMN: fails as the tool does when it does not know that column.
refuse() {
  case ",$columns," in
    *",$1,"*) echo "Field \"$1\" is not a valid field to query."; echo; exit 2 ;;
  esac
}
# rounds LAST: rounds 0 to LAST of one GPU.
rounds() {
  round=0
  while [ "$round" -le "$1" ]; do
    row 0 "$round"
    round=$((round + 1))
    sleep 0.05
  done
}
"#;

struct StandIn {
    folder: tempfile::TempDir,
}

impl StandIn {
    /// A script that does `body`.
    fn new(body: &str) -> Self {
        let stand_in = Self { folder: tempfile::tempdir().unwrap() };
        // Another process writes the file: if this one held it open for
        // writing, a process started meanwhile by another test would keep it
        // busy, and it could not be run.
        let mut writer = Command::new("sh")
            .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
            .arg(stand_in.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = writer.stdin.take().unwrap();
        input.write_all(format!("{PRELUDE}{body}\n").as_bytes()).unwrap();
        drop(input);
        assert!(writer.wait().unwrap().success());
        stand_in
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("stand-in-nvidia-smi")
    }

    fn monitor(&self, loop_mode: bool) -> NvidiaSmi {
        NvidiaSmi::from_settings(&Settings { path: self.path(), loop_mode })
            .with_patience(Duration::from_secs(2))
    }

    /// Processes that were started, oldest first: the stand-ins and what they wrote down.
    fn pids(&self) -> Vec<u32> {
        fs::read_to_string(self.path().with_file_name("stand-in-nvidia-smi.pids"))
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect()
    }

    fn assert_all_gone(&self) {
        let pids = self.pids();
        assert!(!pids.is_empty());
        for pid in pids {
            wait_for(&format!("process {pid} to be gone"), || !is_alive(pid));
        }
    }
}

/// A script that does `body` and a series of it: sampled until `is_enough`.
struct Sampled {
    stand_in: StandIn,
    series: Series,
    seen: Vec<Sample>,
}

fn sample(body: &str, is_enough: impl Fn(&StandIn, &[Sample]) -> bool) -> Sampled {
    sample_with(body, true, is_enough)
}

fn sample_with(
    body: &str,
    loop_mode: bool,
    is_enough: impl Fn(&StandIn, &[Sample]) -> bool,
) -> Sampled {
    let stand_in = StandIn::new(body);
    let monitor = Arc::new(stand_in.monitor(loop_mode));
    let (cx, _) = context(None);
    let sink = Arc::new(Collected::default());
    let options = MonitorOptions { interval_ms: 200, process_id: None };
    monitor.start(&options, sink.clone(), &cx).unwrap();
    wait_for("enough samples", || is_enough(&stand_in, &sink.0.lock().unwrap()));
    let series = within_limit(move || monitor.stop(&cx).unwrap());
    let seen = sink.0.lock().unwrap().clone();
    assert_eq!(seen, series.samples);
    stand_in.assert_all_gone();
    Sampled { stand_in, series, seen }
}

#[derive(Default)]
struct Collected(Mutex<Vec<Sample>>);

impl SampleSink for Collected {
    fn sample(&self, sample: &Sample) {
        self.0.lock().unwrap().push(sample.clone());
    }
}

struct Host {
    started: Instant,
    deadline_ns: Option<u64>,
    cancelled: AtomicBool,
}

impl Control for Host {
    fn now_ns(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }
    fn deadline_ns(&self) -> Option<u64> {
        self.deadline_ns
    }
    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }
    fn progress(&self, _: Option<f64>, _: &str) {}
    fn on_cancel(&self, _: Box<dyn FnOnce() + Send>) -> CancelGuard {
        CancelGuard::noop()
    }
}

fn context(deadline: Option<Duration>) -> (CallContext, Arc<Host>) {
    let host = Arc::new(Host {
        started: Instant::now(),
        deadline_ns: deadline.map(|after| after.as_nanos() as u64),
        cancelled: AtomicBool::new(false),
    });
    (CallContext::new(host.clone()), host)
}

fn wait_for(what: &str, is_true: impl Fn() -> bool) {
    let limit = Instant::now() + TEST_LIMIT;
    while !is_true() {
        assert!(Instant::now() < limit, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// What `work` returns; fails when it hangs.
fn within_limit<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || sender.send(work()));
    receiver.recv_timeout(TEST_LIMIT).expect("the call hangs or panicked")
}

/// True while a process runs; what only waits to be reaped does not.
fn is_alive(pid: u32) -> bool {
    let output = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
    let state = String::from_utf8_lossy(&output.stdout);
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

fn probe(stand_in: &StandIn) -> llmbench_api::Result<llmbench_api::MonitorInfo> {
    let monitor = stand_in.monitor(true);
    within_limit(move || monitor.probe(&context(None).0))
}

fn rounds_of<'a>(samples: &'a [Sample], device: &'a str) -> Vec<f64> {
    samples
        .iter()
        .filter(|sample| sample.device == device)
        .map(|sample| sample.values[metric::GPU_UTILIZATION_PERCENT])
        .collect()
}

fn all_reasons(series: &Series) -> String {
    series.gaps.iter().map(|gap| gap.reason.as_str()).collect::<Vec<_>>().join(" | ")
}

#[test]
fn loop_mode_gives_samples_of_every_gpu_and_drops_the_first_round() {
    let body = "i=0; while :; do row 0 $i; row 1 $i; i=$((i + 1)); sleep 0.05; done";
    let sampled = sample(body, |_, samples| samples.len() >= 6);
    assert_eq!(rounds_of(&sampled.seen, "gpu0")[..3], [1.0, 2.0, 3.0]);
    assert_eq!(rounds_of(&sampled.seen, "gpu1")[..2], [1.0, 2.0]);
    for pair in sampled.seen.chunks_exact(2) {
        assert_eq!(pair[0].at_ns, pair[1].at_ns, "rows of one round share a stamp");
    }
    let ids: Vec<&str> = sampled.series.devices.iter().map(|device| device.id.as_str()).collect();
    assert_eq!(ids, ["gpu0", "gpu1"]);
    let values = &sampled.seen[0].values;
    assert_eq!(values[metric::MEMORY_USED_BYTES], 1_235.0 * 1_048_576.0);
    assert_eq!(values[metric::POWER_WATTS], 110.23);
    assert_eq!(values[metric::THROTTLED], 0.0);
    assert!(!values.contains_key(metric::CLOCK_MEMORY_MHZ), "[N/A] is absent");
    assert_eq!(sampled.stand_in.pids().len(), 1, "one process for all samples");
    assert_eq!(sampled.series.reason, None);
}

#[test]
fn without_loop_mode_every_sample_is_a_call() {
    let body = r#"[ -z "$loop" ] || exit 1; row 0 "$(wc -l < "$0.pids" | tr -d ' ')""#;
    let sampled = sample_with(body, false, |_, samples| samples.len() >= 3);
    assert_eq!(rounds_of(&sampled.seen, "gpu0")[..3], [2.0, 3.0, 4.0], "the first is dropped");
}

#[test]
fn a_tool_that_hangs_at_once_is_a_gap_and_nothing_waits_for_it() {
    let hanging = sample("sleep 600", |stand_in, _| stand_in.pids().len() >= 3);
    assert_eq!(hanging.series.samples, []);
    assert_eq!(hanging.series.gaps.len(), 1);
    assert!(hanging.series.reason.unwrap().contains("no usable row within 2000 ms"));
}

#[test]
fn a_tool_that_hangs_after_some_rows_is_started_again() {
    let sampled = sample("rounds 4; sleep 600", |_, samples| samples.len() >= 7);
    assert_eq!(rounds_of(&sampled.seen, "gpu0")[..6], [1.0, 2.0, 3.0, 4.0, 1.0, 2.0]);
    let gap = sampled.series.gaps.iter().find(|gap| gap.reason.contains("no usable row")).unwrap();
    assert_eq!(gap.from_ns, sampled.seen[3].at_ns);
    assert_eq!(gap.to_ns, sampled.seen[4].at_ns);
}

#[test]
fn a_loop_that_dies_is_followed_by_single_calls() {
    let lost = "Unable to determine the device handle for GPU 0000:0B:00.0: Unknown Error";
    let body =
        format!("[ -z \"$loop\" ] && {{ row 0 77; exit 0; }}; rounds 3; echo '{lost}'; exit 15");
    let sampled = sample(&body, |_, samples| samples.len() >= 6);
    assert_eq!(rounds_of(&sampled.seen, "gpu0")[..5], [1.0, 2.0, 3.0, 77.0, 77.0]);
    assert!(all_reasons(&sampled.series).contains(lost), "{:?}", sampled.series.gaps);
    assert!(sampled.series.warnings.iter().any(|warning| warning.contains("call of its own")));
}

#[test]
fn a_tool_that_prints_garbage_gives_nothing_and_says_what_it_printed() {
    let garbage =
        sample("while :; do echo lorem, ipsum; done", |stand_in, _| stand_in.pids().len() >= 3);
    assert_eq!(garbage.series.samples, []);
    let reason = garbage.series.reason.unwrap();
    assert!(reason.contains("it printed `lorem, ipsum`"), "{reason}");
    assert!(
        garbage.series.warnings.iter().any(|warning| warning.contains("found 2: `lorem, ipsum`")),
        "{:?}",
        garbage.series.warnings
    );
}

#[test]
fn broken_rows_among_good_ones_are_counted() {
    let body = "i=0; while :; do row 0 $i; echo '0, torn'; i=$((i + 1)); sleep 0.05; done";
    let sampled = sample(body, |_, samples| samples.len() >= 3);
    assert_eq!(rounds_of(&sampled.seen, "gpu0")[..3], [1.0, 2.0, 3.0]);
    assert_eq!(sampled.series.warnings.len(), 1, "{:?}", sampled.series.warnings);
    assert!(sampled.series.warnings[0].contains("expected 17 cells, found 2: `0, torn`"));
}

#[test]
fn refused_columns_are_asked_for_by_their_old_name_or_left_out() {
    let body = "refuse power.draw.instant; refuse clocks_event_reasons.active; rounds 100";
    let sampled = sample(body, |_, samples| samples.len() >= 2);
    let values = &sampled.seen[0].values;
    assert_eq!(values[metric::POWER_WATTS], 110.23);
    assert!(!values.contains_key("power_instant_watts"));
    assert_eq!(values[metric::THROTTLED], 1.0, "read from the old name");
    let reasons = all_reasons(&sampled.series);
    assert!(!reasons.contains("valid field"), "finding the columns out is no gap: {reasons}");
    assert!(sampled.series.warnings.iter().any(|warning| warning.contains("power.draw.instant")));

    let info = probe(&StandIn::new(&body.replace("rounds 100", "row 0 1"))).unwrap();
    assert_eq!(info.devices.len(), 1);
    assert!(info.notes[0].contains("does not know `power.draw.instant`"), "{:?}", info.notes);
    assert!(info.notes[1].contains("`clocks_throttle_reasons.active` instead"));
}

#[test]
fn a_tool_that_refuses_every_column_ends_the_attempt() {
    let body = r#"echo "Field \"${columns%%,*}\" is not a valid field to query."; exit 2"#;
    assert_eq!(probe(&StandIn::new(body)).unwrap_err().kind, ErrorKind::Unavailable);
}

#[test]
fn a_probe_names_devices_with_their_facts() {
    let info = probe(&StandIn::new("row 0 1; row 1 2")).unwrap();
    assert_eq!(info.source, "nvidia-smi (driver 595.80)");
    assert_eq!(info.devices.len(), 2);
    let device = &info.devices[1];
    assert_eq!((device.id.as_str(), device.name.as_str()), ("gpu1", "NVIDIA L40S"));
    for (fact, value) in [
        ("uuid", "GPU-00000001-0000-0000-0000-000000000000"),
        ("driver_version", "595.80"),
        ("memory_total_bytes", "48305799168"),
        ("power_limit_watts", "350"),
    ] {
        assert_eq!(device.facts[fact], value);
    }
    assert!(!device.facts.contains_key("mig_mode"), "[N/A] is absent");
}

/// Texts from public threads: B11, B12, B13, B14, B17 of the project's vectors.
#[test]
fn every_error_text_reaches_the_user_with_its_reason() {
    for (text, status) in [
        (
            "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 535.161",
            18,
        ),
        (
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.",
            9,
        ),
        ("Unable to determine the device handle for GPU 0000:0B:00.0: Unknown Error", 255),
        (
            "Unable to determine the device handle for GPU 0000:02:00.0: GPU is lost. Reboot the system to recover this GPU",
            15,
        ),
        ("No devices were found", 0),
        ("No devices were found", 6),
        ("Failed to initialize NVML: Insufficient Permissions", 4),
    ] {
        let body = format!("cat <<'END'\n{text}\nEND\nexit {status}");
        let first_line = text.lines().next().unwrap();
        let error = probe(&StandIn::new(&body)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert!(error.message.contains(first_line), "{}", error.message);
        assert!(error.message.contains(&format!("exit status {status}")), "{}", error.message);
        assert!(error.hint.is_some());

        let sampled = sample(&body, |stand_in, _| stand_in.pids().len() >= 2);
        assert_eq!(sampled.series.samples, []);
        assert!(sampled.series.reason.unwrap().contains(first_line));
        assert_eq!(sampled.series.gaps.len(), 1);
    }
}

#[test]
fn a_probe_does_not_wait_for_a_hanging_tool() {
    // B18 of the project's vectors: a child keeps the output open.
    let stand_in = StandIn::new("sleep 600 & echo $! >> \"$0.pids\"; wait");
    let monitor = stand_in.monitor(true);
    let (cx, _) = context(Some(Duration::from_millis(500)));
    let error = within_limit(move || monitor.probe(&cx)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("no usable row within"), "{}", error.message);
    stand_in.assert_all_gone();
}

#[test]
fn a_grandchild_that_keeps_the_output_open_does_not_hold_up_an_answer() {
    let stand_in = StandIn::new("sleep 600 & echo $! >> \"$0.pids\"; row 0 5; exit 0");
    assert_eq!(probe(&stand_in).unwrap().devices.len(), 1);
    stand_in.assert_all_gone();
    // The loop ends, its output does not.
    let body = "sleep 600 & echo $! >> \"$0.pids\"; row 0 5; exit 0";
    let sampled = sample(body, |_, samples| samples.len() >= 2);
    assert_eq!(rounds_of(&sampled.seen, "gpu0")[..2], [5.0, 5.0]);
}

#[test]
fn a_cancelled_probe_ends_at_once() {
    let stand_in = StandIn::new("sleep 600");
    let monitor = stand_in.monitor(true);
    let (cx, host) = context(None);
    let call = thread::spawn(move || monitor.probe(&cx));
    wait_for("the stand-in to run", || !stand_in.pids().is_empty());
    host.cancelled.store(true, Ordering::Release);
    let error = within_limit(move || call.join().unwrap()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    stand_in.assert_all_gone();
}

#[test]
fn a_split_gpu_has_no_utilisation_and_a_warning() {
    let body = "row() { echo '0, GPU-00000000-0000-0000-0000-000000000000, NVIDIA H200, 590.48.01, \
                Enabled, P0, [N/A], [N/A], 143771, 16959, 36, 295.01, 294.14, 700.00, 1980, [N/A], \
                0x0000000000000000'; }; rounds 100";
    let sampled = sample(body, |_, samples| samples.len() >= 2);
    let values = &sampled.seen[0].values;
    assert!(!values.contains_key(metric::GPU_UTILIZATION_PERCENT));
    assert_eq!(values[metric::POWER_WATTS], 295.01);
    assert_eq!(sampled.series.devices[0].facts["mig_mode"], "Enabled");
    assert!(sampled.series.warnings[0].contains("MIG is enabled"), "{:?}", sampled.series.warnings);
}

#[test]
fn a_tool_that_is_not_there_is_named() {
    let path = Path::new("no-such-folder/nvidia-smi").to_path_buf();
    let monitor = NvidiaSmi::from_settings(&Settings { path, loop_mode: true });
    let (cx, _) = context(None);
    let error = monitor.probe(&cx).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert_eq!(error.message, "`no-such-folder/nvidia-smi` was not found");

    monitor.start(&MonitorOptions::default(), Arc::new(Collected::default()), &cx).unwrap();
    let series = monitor.stop(&cx).unwrap();
    assert_eq!(series.interval_ms, 500);
    assert!(series.reason.is_some());
}

#[test]
fn sampling_is_started_once_and_stopped_once() {
    let stand_in = StandIn::new("rounds 1000");
    let monitor = stand_in.monitor(true);
    let (cx, _) = context(None);
    let start = || monitor.start(&MonitorOptions::default(), Arc::new(Collected::default()), &cx);
    assert!(monitor.stop(&cx).is_err());
    start().unwrap();
    assert!(start().is_err());
    wait_for("the stand-in to run", || !stand_in.pids().is_empty());
    monitor.stop(&cx).unwrap();
    assert!(monitor.stop(&cx).is_err());
    start().unwrap();
    drop(monitor);
    stand_in.assert_all_gone();
}
