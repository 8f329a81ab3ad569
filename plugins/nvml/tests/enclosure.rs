//! The energy counter is read before `start` returns and after `stop` began, however long
//! the driver takes for names. Against the stand-in; no test here needs a GPU.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use llmbench_api::{Monitor, MonitorOptions, Series, metric};
use llmbench_plugin::sampling::{FIRST_ROUND_LIMIT, STOP_LIMIT};
use llmbench_plugin_nvml::{Nvml, Settings};
use llmbench_testkit::{NvmlStub, Recorder, context, skip_or_fail};

/// Room for a loaded machine.
const ROOM: Duration = Duration::from_secs(20);
/// Long: no tick but the first and the last falls into a test.
const OPTIONS: MonitorOptions = MonitorOptions { interval_ms: 3_600_000, process_id: None };

/// A stand-in that says `control`; without a compiler the test is skipped.
macro_rules! stub {
    ($control:expr) => {
        match NvmlStub::new($control) {
            Ok(stub) => stub,
            Err(missing) => return skip_or_fail(missing),
        }
    };
}

fn monitor(stub: &NvmlStub) -> Nvml {
    Nvml::from_settings(&Settings { library: Some(stub.library()), ..Settings::default() })
}

/// Instants at which the counter of `device` was read.
fn readings(series: &Series, device: &str) -> Vec<u64> {
    let of = series.samples.iter().filter(|sample| {
        sample.device == device && sample.values.contains_key(metric::ENERGY_JOULES)
    });
    of.map(|sample| sample.at_ns).collect()
}

#[test]
fn readings_of_every_gpu_enclose_each_generation() {
    let stub = stub!("gpus 2\nname_delay_us 8000");
    let (monitor, cx) = (monitor(&stub), context(None));
    for attempt in 0..3 {
        monitor.start(&OPTIONS, Arc::new(Recorder::new()), &cx).unwrap();
        let from_ns = cx.clock().now_ns();
        thread::sleep(Duration::from_millis(30));
        let to_ns = cx.clock().now_ns();
        let series = monitor.stop(&cx).unwrap();
        for device in ["gpu0", "gpu1"] {
            let at_ns = readings(&series, device);
            let is_enclosed = at_ns.first().is_some_and(|first| *first <= from_ns)
                && at_ns.last().is_some_and(|last| *last >= to_ns);
            assert!(is_enclosed, "{attempt}, {device}: {at_ns:?} and {from_ns}..{to_ns}");
        }
        let names: Vec<&str> = series.devices.iter().map(|device| device.name.as_str()).collect();
        assert_eq!(names, ["NVIDIA Stand-in"; 2]);
        assert_eq!(series.devices[1].facts["driver_version"], "595.80");
    }
}

#[test]
fn facts_that_never_come_hold_up_neither_the_first_reading_nor_the_run() {
    let stub = stub!("gpus 1\nhang name");
    let (monitor, seen, cx) = (monitor(&stub), Arc::new(Recorder::new()), context(None));
    let began = Instant::now();
    monitor.start(&OPTIONS, seen.clone(), &cx).unwrap();
    let waited = began.elapsed();
    assert!((FIRST_ROUND_LIMIT..FIRST_ROUND_LIMIT + ROOM).contains(&waited), "{waited:?}");
    let samples = seen.samples();
    assert_eq!(samples.len(), 1, "{samples:?}");
    assert!(samples[0].values.contains_key(metric::ENERGY_JOULES));
    let series = monitor.stop(&cx).unwrap();
    assert!(began.elapsed() < waited + STOP_LIMIT + ROOM);
    assert!(series.warnings.iter().any(|warning| warning.contains("left behind")));
}

#[test]
fn a_library_that_refuses_is_not_waited_for() {
    for control in ["init.return 9", "count.return 999", "gpus 1\ngpu0.return 15"] {
        let stub = stub!(control);
        let (monitor, cx) = (monitor(&stub), context(None));
        let began = Instant::now();
        monitor.start(&OPTIONS, Arc::new(Recorder::new()), &cx).unwrap();
        let waited = began.elapsed();
        assert!(waited < FIRST_ROUND_LIMIT, "{control}: {waited:?}");
        let series = monitor.stop(&cx).unwrap();
        assert!(series.reason.is_some(), "{control}: it was looked before `start` returned");
    }
}
