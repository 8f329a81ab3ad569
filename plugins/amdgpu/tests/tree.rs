//! The monitor over a tree of files as the driver has it, written by the test. Names,
//! units and formats are those of the kernel's `Documentation/gpu/amdgpu`. No GPU is needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use llmbench_api::{DeviceKind, ErrorKind, Monitor, MonitorOptions, Series, metric};
use llmbench_plugin_amdgpu::{AmdGpu, Settings};
use llmbench_testkit::{Recorder, context};

/// Long enough for a loaded machine.
const TEST_LIMIT: Duration = Duration::from_secs(60);

/// A card as an RX 6800 XT shows itself.
const RX_6800_XT: [(&str, &str); 23] = [
    ("uevent", "DRIVER=amdgpu\nPCI_CLASS=30000\nPCI_ID=1002:73BF\nPCI_SLOT_NAME=0000:0b:00.0\n"),
    ("unique_id", "9a2f0c11d1e5b8c7\n"),
    ("vbios_version", "113-D4120100-101\n"),
    ("current_link_speed", "16.0 GT/s PCIe\n"),
    ("current_link_width", "16\n"),
    ("power/runtime_status", "active\n"),
    ("gpu_busy_percent", "97\n"),
    ("mem_busy_percent", "41\n"),
    ("mem_info_vram_total", "17163091968\n"),
    ("mem_info_vram_used", "8589934592\n"),
    ("mem_info_gtt_used", "1048576\n"),
    ("hwmon/hwmon3/name", "amdgpu\n"),
    ("hwmon/hwmon3/power1_average", "255000000\n"),
    ("hwmon/hwmon3/power1_cap", "272000000\n"),
    ("hwmon/hwmon3/temp1_label", "edge\n"),
    ("hwmon/hwmon3/temp1_input", "61000\n"),
    ("hwmon/hwmon3/temp2_label", "junction\n"),
    ("hwmon/hwmon3/temp2_input", "78000\n"),
    ("hwmon/hwmon3/temp3_label", "mem\n"),
    ("hwmon/hwmon3/temp3_input", "70000\n"),
    ("hwmon/hwmon3/freq1_label", "sclk\n"),
    ("hwmon/hwmon3/freq1_input", "2400000000\n"),
    ("hwmon/hwmon3/power1_label", "PPT\n"),
];

/// A tree of files; it goes when this is dropped.
struct Tree(tempfile::TempDir);

impl Tree {
    /// A machine with a card of another maker and those of `cards` (number, files).
    fn new(cards: &[(u32, &[(&str, &str)])]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        write(&tree.card(0), &[("uevent", "DRIVER=i915\n"), ("gpu_busy_percent", "1\n")]);
        for (number, files) in cards {
            write(&tree.card(*number), files);
        }
        // A connector, not a card.
        fs::create_dir_all(tree.0.path().join("class/drm/card1-DP-1")).unwrap();
        tree
    }

    fn card(&self, number: u32) -> PathBuf {
        self.0.path().join(format!("class/drm/card{number}/device"))
    }

    fn monitor(&self) -> AmdGpu {
        AmdGpu::from_settings(Settings { sysfs: self.0.path().to_owned() })
    }
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (file, text) in files {
        let file = folder.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
}

/// A series in which something happened after `count` samples.
fn sampled(tree: &Tree, count: usize, then: impl FnOnce()) -> Series {
    let (monitor, seen, cx) = (tree.monitor(), Arc::new(Recorder::new()), context(None));
    let options = MonitorOptions { interval_ms: 20, process_id: None };
    monitor.start(&options, seen.clone(), &cx).unwrap();
    let limit = Instant::now() + TEST_LIMIT;
    while seen.samples().len() < count {
        assert!(Instant::now() < limit, "waited in vain for samples");
        thread::sleep(Duration::from_millis(5));
    }
    then();
    monitor.stop(&cx).unwrap()
}

#[test]
fn cards_of_the_driver_are_found_with_their_facts() {
    let info = Tree::new(&[(1, &RX_6800_XT)]).monitor().probe(&context(None)).unwrap();
    let [device] = &info.devices[..] else { panic!("one GPU, not {:?}", info.devices) };
    assert_eq!((device.id.as_str(), device.kind), ("gpu0", DeviceKind::Gpu));
    assert_eq!(device.name, "AMD GPU 1002:73BF");
    for (fact, value) in [
        ("uuid", "9a2f0c11d1e5b8c7"),
        ("pci_address", "0000:0b:00.0"),
        ("memory_total_bytes", "17163091968"),
        ("power_limit_watts", "272"),
        ("vbios_version", "113-D4120100-101"),
        ("pcie_lanes", "16"),
    ] {
        assert_eq!(device.facts[fact], value, "{fact}");
    }
    assert_eq!(info.notes, Vec::<String>::new());
}

#[test]
fn values_are_in_the_units_of_their_names_and_the_first_looks_not_back() {
    let series = sampled(&Tree::new(&[(1, &RX_6800_XT)]), 3, || ());
    let (first, second) = (&series.samples[0].values, &series.samples[1].values);
    assert!(!first.contains_key(metric::GPU_UTILIZATION_PERCENT));
    assert_eq!(first[metric::MEMORY_USED_BYTES], 8_589_934_592.0);
    let near = |name: &str, value: f64| {
        assert!((second[name] - value).abs() < 1e-6, "{name}: {}", second[name]);
    };
    near(metric::GPU_UTILIZATION_PERCENT, 97.0);
    near(metric::GPU_MEMORY_UTILIZATION_PERCENT, 41.0);
    near(metric::MEMORY_TOTAL_BYTES, 17_163_091_968.0);
    near(metric::POWER_WATTS, 255.0);
    near(metric::TEMPERATURE_CELSIUS, 61.0);
    near("junction_temperature_celsius", 78.0);
    near(metric::MEMORY_TEMPERATURE_CELSIUS, 70.0);
    near(metric::CLOCK_SM_MHZ, 2400.0);
    near("shared_memory_used_bytes", 1_048_576.0);
    assert!(!second.contains_key(metric::CLOCK_MEMORY_MHZ), "there is no such file");
    assert!(!second.contains_key(metric::ENERGY_JOULES));
    assert_eq!(series.warnings, Vec::<String>::new());
}

#[test]
fn the_momentary_power_stands_in_for_the_mean_where_there_is_only_that() {
    let newer: Vec<(&str, &str)> = RX_6800_XT
        .into_iter()
        .filter(|(file, _)| !file.ends_with("power1_average"))
        .chain([("hwmon/hwmon3/power1_input", "180000000\n")])
        .collect();
    let series = sampled(&Tree::new(&[(1, &newer)]), 2, || ());
    let values = &series.samples[1].values;
    assert!((values[metric::POWER_WATTS] - 180.0).abs() < 1e-6);
    assert!((values[metric::POWER_INSTANT_WATTS] - 180.0).abs() < 1e-6);
}

#[test]
fn an_energy_counter_is_read_before_start_returns_and_when_sampling_stops() {
    let tree = Tree::new(&[(1, &RX_6800_XT), (2, &RX_6800_XT)]);
    let counter = |microjoules: &str| {
        for number in [1, 2] {
            write(&tree.card(number), &[("hwmon/hwmon3/energy1_input", microjoules)]);
        }
    };
    counter("7000000\n");
    let (monitor, seen, cx) = (tree.monitor(), Arc::new(Recorder::new()), context(None));
    let options = MonitorOptions { interval_ms: 3_600_000, process_id: None };
    for _ in 0..3 {
        counter("7000000\n");
        monitor.start(&options, seen.clone(), &cx).unwrap();
        counter("9500000\n");
        let series = monitor.stop(&cx).unwrap();
        let joules: Vec<f64> =
            series.samples.iter().map(|sample| sample.values[metric::ENERGY_JOULES]).collect();
        assert_eq!(joules, [7.0, 7.0, 9.5, 9.5]);
    }
}

#[test]
fn what_is_not_reported_is_absent_with_a_remark() {
    let bare = [("uevent", "DRIVER=amdgpu\nPCI_ID=1002:164E\n"), ("mem_info_vram_used", "5\n")];
    let tree = Tree::new(&[(1, &bare)]);
    let notes = tree.monitor().probe(&context(None)).unwrap().notes;
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].starts_with("gpu0: utilisation not measured"), "{notes:?}");
    assert!(notes[1].starts_with("gpu0: power not measured"), "{notes:?}");
}

#[test]
fn a_card_that_vanishes_is_a_gap_of_its_own_and_the_other_goes_on() {
    let tree = Tree::new(&[(1, &RX_6800_XT), (2, &RX_6800_XT)]);
    let series = sampled(&tree, 6, || {
        fs::remove_dir_all(tree.card(1)).unwrap();
        thread::sleep(Duration::from_millis(200));
    });
    let gap = series.gaps.iter().find(|gap| gap.reason.contains("cannot be read any more"));
    assert!(gap.unwrap().reason.starts_with("gpu0: "), "{:?}", series.gaps);
    let count = |id: &str| series.samples.iter().filter(|sample| sample.device == id).count();
    assert!(count("gpu1") > count("gpu0"), "{} and {}", count("gpu1"), count("gpu0"));
}

#[test]
fn a_card_that_sleeps_is_left_to_sleep() {
    let tree = Tree::new(&[(1, &RX_6800_XT), (2, &RX_6800_XT)]);
    write(&tree.card(2), &[("power/runtime_status", "suspended\n")]);
    let series = sampled(&tree, 3, || ());
    assert!(series.samples.iter().all(|sample| sample.device == "gpu0"));
    let gap = series.gaps.iter().find(|gap| gap.reason.contains("sleeps"));
    assert!(gap.is_some(), "{:?}", series.gaps);
}

#[test]
fn a_machine_without_such_a_card_says_so() {
    let error = Tree::new(&[]).monitor().probe(&context(None)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.starts_with("no AMD GPU in"), "{}", error.message);
    let nowhere = AmdGpu::from_settings(Settings { sysfs: "/no-such-folder".into() });
    let error = nowhere.probe(&context(None)).unwrap_err();
    assert!(error.message.contains("cannot be read"), "{}", error.message);
    assert!(AmdGpu::new(serde_json::json!({"sysf": "/"})).is_err());
}
