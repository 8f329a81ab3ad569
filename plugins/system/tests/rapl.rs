//! Energy of the processors from a tree of files as the kernel has it, written by the test.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use llmbench_api::{DeviceKind, Monitor, MonitorOptions, Sample, metric};
use llmbench_plugin_system::SystemMonitor;
use llmbench_testkit::{Recorder, context};

/// As on a machine with one package, its core part, the platform, and the package once more.
fn tree(root: &Path) {
    for (zone, name) in [
        ("intel-rapl:0", "package-0"),
        ("intel-rapl:0:0", "core"),
        ("intel-rapl:1", "psys"),
        ("intel-rapl-mmio:0", "package-0"),
    ] {
        let zone = root.join("class/powercap").join(zone);
        fs::create_dir_all(&zone).unwrap();
        fs::write(zone.join("name"), format!("{name}\n")).unwrap();
        fs::write(zone.join("max_energy_range_uj"), "262143328850\n").unwrap();
        fs::write(zone.join("energy_uj"), "262143000000\n").unwrap();
    }
}

fn counter(root: &Path, microjoules: u64) {
    // In one step: it is read at any moment.
    let file = root.join("class/powercap/intel-rapl:0/energy_uj");
    let next = file.with_extension("next");
    fs::write(&next, format!("{microjoules}\n")).unwrap();
    fs::rename(next, file).unwrap();
}

fn monitor(root: &Path) -> SystemMonitor {
    SystemMonitor::new(serde_json::json!({ "sysfs": root })).unwrap()
}

fn joules(samples: &[Sample]) -> Vec<f64> {
    let of_cpu = samples.iter().filter(|sample| sample.device == "cpu0");
    of_cpu.map(|sample| sample.values[metric::ENERGY_JOULES]).collect()
}

#[test]
fn packages_are_devices_and_their_counter_is_followed_over_its_end() {
    let root = tempfile::tempdir().unwrap();
    tree(root.path());
    let monitor = monitor(root.path());
    let cx = context(None);
    let info = monitor.probe(&cx).unwrap();
    let found: Vec<(&str, DeviceKind)> =
        info.devices.iter().map(|device| (device.id.as_str(), device.kind)).collect();
    assert_eq!(found, [("system", DeviceKind::System), ("cpu0", DeviceKind::Cpu)]);

    let seen = Arc::new(Recorder::new());
    let options = MonitorOptions { interval_ms: 250, process_id: None };
    monitor.start(&options, seen.clone(), &cx).unwrap();
    assert!(!joules(&seen.samples()).is_empty(), "a first reading is taken before `start` returns");
    // 328,850 µJ up to the end of its range, and 1 J after it.
    counter(root.path(), 1_000_000);
    let series = monitor.stop(&cx).unwrap();
    let joules = joules(&series.samples);
    assert_eq!(joules[0], 0.0);
    assert_eq!(joules.last(), Some(&1.328_85), "a last reading is taken at the end");
}

#[test]
fn a_counter_that_is_set_back_after_the_first_reading_goes_back_in_the_samples() {
    let root = tempfile::tempdir().unwrap();
    tree(root.path());
    counter(root.path(), 5_000_000_000);
    let (monitor, cx) = (monitor(root.path()), context(None));
    let options = MonitorOptions { interval_ms: 3_600_000, process_id: None };
    monitor.start(&options, Arc::new(Recorder::new()), &cx).unwrap();
    counter(root.path(), 1_000);
    let joules = joules(&monitor.stop(&cx).unwrap().samples);
    assert!(joules.last() < joules.first(), "{joules:?}");
}

#[test]
fn a_counter_that_cannot_be_read_is_a_reason_and_no_zero() {
    let root = tempfile::tempdir().unwrap();
    tree(root.path());
    // For root every file can be read: a folder cannot.
    let file = root.path().join("class/powercap/intel-rapl:0/energy_uj");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let info = monitor(root.path()).probe(&context(None)).unwrap();
    assert!(info.devices[1].facts["energy_missing"].contains("energy_uj"), "{:?}", info.devices);
    assert!(info.notes.iter().any(|note| note.starts_with("cpu0: `")), "{:?}", info.notes);
}

#[test]
fn without_such_files_there_are_no_packages() {
    let root = tempfile::tempdir().unwrap();
    let info = monitor(root.path()).probe(&context(None)).unwrap();
    assert_eq!(info.devices.len(), 1);
}
