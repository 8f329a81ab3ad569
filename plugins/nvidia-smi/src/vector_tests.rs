//! Rows that real machines printed.
//!
//! Section A: column selections of the captures in `utkuozdemir/nvidia_gpu_exporter`
//! (MIT), folder `internal/captures/`, commit e656cd81a180e7e0e7862b53c9acd4c2fb0f590b,
//! the file named beside each row; units cut as `nounits` does. Section B: lines
//! quoted in the public thread named beside each.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use llmbench_api::metric;

use crate::query::Query;
use crate::reading::Reading;
use crate::row::Row;

const SECTION_A: &str = "index,uuid,name,driver_version,persistence_mode,mig.mode.current,pstate,\
    utilization.gpu,utilization.memory,memory.total,memory.reserved,memory.used,temperature.gpu,\
    power.draw,power.draw.instant,enforced.power.limit,clocks.current.sm,\
    clocks_event_reasons.active,pcie.link.gen.current,pcie.link.width.current";

const UUID: &str = "GPU-00000000-0000-0000-0000-000000000000";

fn columns(names: &str) -> Vec<String> {
    names.split(',').map(|name| name.trim().to_owned()).collect()
}

/// Utilisation of GPU and memory in %, memory used in MiB, temperature, power,
/// SM clock, and whether it throttled and was power-capped; `None` is absent.
struct Expected(Option<f64>, Option<f64>, f64, f64, f64, f64, bool, bool);

fn check_a(rest: &str, expected: &Expected) {
    let line = rest.replacen("0, ", &format!("0, {UUID}, "), 1);
    check_row(&line, expected);
    check_row(&with_units(&line), expected);
}

fn check_row(line: &str, expected: &Expected) {
    let reading = Reading::parse(&columns(SECTION_A), line).unwrap();
    let mut values = BTreeMap::from([
        (metric::MEMORY_USED_BYTES, expected.2 * 1_048_576.0),
        (metric::TEMPERATURE_CELSIUS, expected.3),
        (metric::POWER_WATTS, expected.4),
        (metric::CLOCK_SM_MHZ, expected.5),
        (metric::THROTTLED, f64::from(u8::from(expected.6))),
        (metric::POWER_CAPPED, f64::from(u8::from(expected.7))),
    ]);
    values.extend(expected.0.map(|percent| (metric::GPU_UTILIZATION_PERCENT, percent)));
    values.extend(expected.1.map(|percent| (metric::GPU_MEMORY_UTILIZATION_PERCENT, percent)));
    for name in [
        metric::GPU_UTILIZATION_PERCENT,
        metric::GPU_MEMORY_UTILIZATION_PERCENT,
        metric::MEMORY_USED_BYTES,
        metric::TEMPERATURE_CELSIUS,
        metric::POWER_WATTS,
        metric::CLOCK_SM_MHZ,
        metric::THROTTLED,
        metric::POWER_CAPPED,
    ] {
        assert_eq!(reading.values.get(name), values.get(name), "{name} in {line}");
    }
    assert_eq!(reading.unreadable, [], "{line}");
    assert_eq!(reading.device.id, "gpu0");
    assert_eq!(reading.device.facts["uuid"], UUID);
}

/// The same row as it is without `nounits`.
fn with_units(line: &str) -> String {
    let units =
        ["", "", "", "", "", "", "", "%", "%", "MiB", "MiB", "MiB", "", "W", "W", "W", "MHz"];
    line.split(", ")
        .enumerate()
        .map(|(position, cell)| match units.get(position) {
            Some(unit) if !unit.is_empty() && !cell.starts_with('[') => format!("{cell} {unit}"),
            _ => cell.to_owned(),
        })
        .collect::<Vec<_>>()
        .join(", ")
}

#[test]
fn section_a_desktop_cards() {
    // linux-x86_64__nvidia-geforce-rtx-2080-super__595.71.05.txt
    check_a(
        "0, NVIDIA GeForce RTX 2080 SUPER, 595.71.05, Disabled, [N/A], P8, 0, 9, 8192, 408, 214, 40, 39.32, 39.32, 250.00, 765, 0x0000000000000004, 1, 16",
        &Expected(Some(0.0), Some(9.0), 214.0, 40.0, 39.32, 765.0, false, true),
    );
    check_a(
        "0, NVIDIA GeForce RTX 2080 SUPER, 595.71.05, Disabled, [N/A], P2, 8, 3, 8192, 408, 819, 45, 111.50, 111.50, 250.00, 2055, 0x0000000000000000, 3, 16",
        &Expected(Some(8.0), Some(3.0), 819.0, 45.0, 111.5, 2055.0, false, false),
    );
    // linux-x86_64__nvidia-geforce-rtx-2080-super__610.57.04.txt
    check_a(
        "0, NVIDIA GeForce RTX 2080 SUPER, 610.57.04, Disabled, [N/A], P8, 0, 0, 8192, 400, 211, 33, 39.17, 39.17, 250.00, 765, 0x0000000000000001, 1, 16",
        &Expected(Some(0.0), Some(0.0), 211.0, 33.0, 39.17, 765.0, false, false),
    );
    check_a(
        "0, NVIDIA GeForce RTX 2080 SUPER, 610.57.04, Disabled, [N/A], P2, 8, 3, 8192, 400, 815, 38, 98.14, 98.14, 250.00, 2070, 0x0000000000000000, 3, 16",
        &Expected(Some(8.0), Some(3.0), 815.0, 38.0, 98.14, 2070.0, false, false),
    );
    // linux-x86_64__nvidia-geforce-rtx-4080-super__595.71.05.txt
    check_a(
        "0, NVIDIA GeForce RTX 4080 SUPER, 595.71.05, Disabled, [N/A], P8, 0, 23, 16376, 434, 596, 43, 26.20, 28.77, 320.00, 210, 0x0000000000000001, 1, 16",
        &Expected(Some(0.0), Some(23.0), 596.0, 43.0, 26.2, 210.0, false, false),
    );
    check_a(
        "0, NVIDIA GeForce RTX 4080 SUPER, 595.71.05, Disabled, [N/A], P2, 7, 2, 16376, 434, 1474, 46, 84.24, 86.41, 320.00, 2805, 0x0000000000000000, 4, 16",
        &Expected(Some(7.0), Some(2.0), 1474.0, 46.0, 84.24, 2805.0, false, false),
    );
    // windows-x86_64__nvidia-geforce-rtx-2080-super__591.86.txt
    check_a(
        "0, NVIDIA GeForce RTX 2080 SUPER, 591.86, [N/A], [N/A], P8, 0, 0, 8192, 205, 702, 40, 38.92, 38.92, 250.00, 300, 0x0000000000000001, 3, 16",
        &Expected(Some(0.0), Some(0.0), 702.0, 40.0, 38.92, 300.0, false, false),
    );
    check_a(
        "0, NVIDIA GeForce RTX 2080 SUPER, 591.86, [N/A], [N/A], P2, 7, 3, 8192, 205, 1296, 45, 97.43, 97.43, 250.00, 2055, 0x0000000000000001, 3, 16",
        &Expected(Some(7.0), Some(3.0), 1296.0, 45.0, 97.43, 2055.0, false, false),
    );
    // windows-x86_64__nvidia-geforce-rtx-2080-super__610.62.txt
    check_a(
        "0, NVIDIA GeForce RTX 2080 SUPER, 610.62, [N/A], [N/A], P8, 0, 10, 8192, 205, 797, 40, 39.25, 39.25, 250.00, 300, 0x0000000000000001, 3, 16",
        &Expected(Some(0.0), Some(10.0), 797.0, 40.0, 39.25, 300.0, false, false),
    );
    check_a(
        "0, NVIDIA GeForce RTX 2080 SUPER, 610.62, [N/A], [N/A], P2, 7, 3, 8192, 205, 1366, 44, 97.99, 97.99, 250.00, 2040, 0x0000000000000000, 3, 16",
        &Expected(Some(7.0), Some(3.0), 1366.0, 44.0, 97.99, 2040.0, false, false),
    );
}

#[test]
fn section_a_server_cards() {
    // linux-x86_64__nvidia-h100-80gb-hbm3__590.48.01.txt
    check_a(
        "0, NVIDIA H100 80GB HBM3, 590.48.01, Enabled, Disabled, P0, 0, 0, 81559, 479, 0, 41, 69.85, 69.62, 700.00, 345, 0x0000000000000001, 5, 16",
        &Expected(Some(0.0), Some(0.0), 0.0, 41.0, 69.85, 345.0, false, false),
    );
    check_a(
        "0, NVIDIA H100 80GB HBM3, 590.48.01, Enabled, Disabled, P0, 100, 11, 81559, 479, 19818, 59, 631.95, 625.68, 700.00, 1980, 0x0000000000000000, 5, 16",
        &Expected(Some(100.0), Some(11.0), 19818.0, 59.0, 631.95, 1980.0, false, false),
    );
    // linux-x86_64__nvidia-h200__590.48.01.txt
    check_a(
        "0, NVIDIA H200, 590.48.01, Enabled, Disabled, P0, 0, 0, 143771, 614, 0, 28, 77.71, 78.21, 700.00, 345, 0x0000000000000001, 5, 16",
        &Expected(Some(0.0), Some(0.0), 0.0, 28.0, 77.71, 345.0, false, false),
    );
    check_a(
        "0, NVIDIA H200, 590.48.01, Enabled, Disabled, P0, 100, 7, 143771, 614, 32362, 52, 627.40, 626.26, 700.00, 1980, 0x0000000000000000, 5, 16",
        &Expected(Some(100.0), Some(7.0), 32362.0, 52.0, 627.4, 1980.0, false, false),
    );
    // linux-x86_64__nvidia-l40s__595.80.txt; 100 % with no memory in use: the
    // query itself woke the driver, which is why a first sample is dropped.
    check_a(
        "0, NVIDIA L40S, 595.80, Disabled, [N/A], P0, 100, 9, 46068, 609, 0, 63, 144.97, 127.67, 350.00, 2520, 0x0000000000000000, 4, 16",
        &Expected(Some(100.0), Some(9.0), 0.0, 63.0, 144.97, 2520.0, false, false),
    );
    check_a(
        "0, NVIDIA L40S, 595.80, Disabled, [N/A], P0, 9, 2, 46068, 609, 1235, 54, 110.23, 112.38, 350.00, 2520, 0x0000000000000000, 4, 16",
        &Expected(Some(9.0), Some(2.0), 1235.0, 54.0, 110.23, 2520.0, false, false),
    );
}

#[test]
fn section_a_split_cards_report_no_utilisation_and_say_why() {
    // linux-x86_64__nvidia-h100-mig__590.48.01.txt
    check_a(
        "0, NVIDIA H100 80GB HBM3, 590.48.01, Enabled, Enabled, P0, [N/A], [N/A], 81559, 479, 59, 42, 71.15, 70.72, 700.00, 345, 0x0000000000000001, 5, 16",
        &Expected(None, None, 59.0, 42.0, 71.15, 345.0, false, false),
    );
    check_a(
        "0, NVIDIA H100 80GB HBM3, 590.48.01, Enabled, Enabled, P0, [N/A], [N/A], 81559, 479, 11125, 53, 433.78, 447.35, 700.00, 1980, 0x0000000000000000, 5, 16",
        &Expected(None, None, 11125.0, 53.0, 433.78, 1980.0, false, false),
    );
    // linux-x86_64__nvidia-h200-mig__590.48.01.txt
    check_a(
        "0, NVIDIA H200, 590.48.01, Enabled, Enabled, P0, [N/A], [N/A], 143771, 614, 55, 28, 78.28, 78.21, 700.00, 345, 0x0000000000000001, 5, 16",
        &Expected(None, None, 55.0, 28.0, 78.28, 345.0, false, false),
    );
    let line = "0, GPU-0, NVIDIA H200, 590.48.01, Enabled, Enabled, P0, [N/A], [N/A], 143771, 614, 16959, 36, 295.01, 294.14, 700.00, 1980, 0x0000000000000000, 5, 16";
    check_row(
        &line.replace("GPU-0", UUID),
        &Expected(None, None, 16959.0, 36.0, 295.01, 1980.0, false, false),
    );
    let reading = Reading::parse(&columns(SECTION_A), line).unwrap();
    let remarks = reading.remarks();
    assert_eq!(remarks.len(), 1);
    assert!(remarks[0].contains("MIG is enabled"), "{}", remarks[0]);
    assert_eq!(reading.device.facts["mig_mode"], "Enabled");
    assert_eq!(reading.device.facts["memory_total_bytes"], "150754820096");
    assert_eq!(reading.device.facts["power_limit_watts"], "700");
}

/// `None` is absent, a number is a number; anything else is not checked here.
fn check_b(names: &str, line: &str, expected: &[(&str, Option<f64>)]) {
    let names = columns(names);
    let row = Row::parse(&names, line).unwrap();
    for (name, number) in expected {
        assert_eq!(row.number(name), Ok(*number), "{name} in {line}");
    }
}

#[test]
fn section_b_rows_of_public_threads() {
    // B1: https://github.com/unslothai/unsloth/pull/10283
    check_b(
        "memory.free,memory.total,memory.used",
        "[N/A], [N/A], [N/A]",
        &[("memory.free", None), ("memory.total", None), ("memory.used", None)],
    );
    // B2: https://github.com/XuehaiPan/nvitop/pull/208
    check_b(
        "memory.total,memory.used,memory.free,utilization.gpu,power.draw,temperature.gpu",
        "[N/A], [N/A], [N/A], 0 %, 11.17 W, 35",
        &[
            ("memory.used", None),
            ("utilization.gpu", Some(0.0)),
            ("power.draw", Some(11.17)),
            ("temperature.gpu", Some(35.0)),
        ],
    );
    // B3: https://github.com/mostlygeek/llama-swap/issues/782
    check_b(
        "memory.used,memory.total,utilization.memory",
        "[N/A], [N/A], 0",
        &[("memory.used", None), ("memory.total", None), ("utilization.memory", Some(0.0))],
    );
    // B4: the same thread
    check_b(
        "gpu_uuid,pid,process_name,used_memory",
        "GPU-..., 114687, /usr/local/bin/python, 19135",
        &[("pid", Some(114_687.0)), ("used_memory", Some(19_135.0))],
    );
    // B5: https://github.com/HSF/prmon/pull/318
    check_b(
        "clocks.max.sm,memory.total,gpu_name",
        "[N/A], 24576, NVIDIA H100L-2-24C",
        &[("clocks.max.sm", None), ("memory.total", Some(24_576.0))],
    );
    // B6: https://github.com/Quake4/MindMiner/issues/627; drawing more than the limit happens.
    check_b(
        "name,utilization.gpu,utilization.memory,fan.speed,power.draw,power.limit,temperature.gpu,clocks.sm,clocks.mem,power.max_limit",
        "GeForce RTX 2080 Ti, 100, 37, 56, 228.82, 210.00, 56, 1560, 6800, [Unknown Error]",
        &[("power.draw", Some(228.82)), ("power.limit", Some(210.0)), ("power.max_limit", None)],
    );
    // B7: https://github.com/pmav99/nvsmi/issues/2, https://github.com/enkore/i3pystatus/pull/850
    check_b("fan.speed", "[N/A]", &[("fan.speed", None)]);
    check_b("fan.speed", "39", &[("fan.speed", Some(39.0))]);
    check_b("fan.speed", "[Unknown Error]", &[("fan.speed", None)]);
    // B8: https://github.com/responsibleproblemsolving/energy-usage/issues/1
    check_b("power.draw", "[Not Supported]", &[("power.draw", None)]);
    // B9: https://github.com/plambe/zabbix-nvidia-smi-multi-gpu/issues/17, up to where the
    // quotation is cut; the columns' names are positions, as the thread's query is not quoted.
    check_b(
        "c0,c1,c2,c3,c4,c5,c6,c7,c8,c9,c10,c11,c12,c13,c14,c15,c16,c17,c18,c19,c20,c21",
        "2021/08/31 11:37:40.983, 0, NVIDIA GeForce RTX 3080, GPU-8fe3a97d-51f6-a669-0d80-b4530b81b816, [N/A], [N/A], [N/A], 10240, 9029, 1211, [N/A], [N/A], 0, 54, Default, [N/A], [N/A], [N/A], [N/A], [N/A], P3, [N/A]",
        &[
            ("c1", Some(0.0)),
            ("c4", None),
            ("c7", Some(10_240.0)),
            ("c13", Some(54.0)),
            ("c21", None),
        ],
    );
    // B15: https://github.com/NVIDIA/nvidia-docker/issues/1483
    check_b("pid,used_memory", "524, [Insufficient Permissions]", &[("used_memory", None)]);
    // B16: two cards
    for (line, used) in [("61, 80, 68.0, 9000, 12282", 9_000.0), ("40, 5, 12.0, 500, 12282", 500.0)]
    {
        check_b(
            "temperature.gpu,utilization.gpu,power.draw,memory.used,memory.total",
            line,
            &[("memory.used", Some(used)), ("memory.total", Some(12_282.0))],
        );
    }
}

#[test]
fn every_token_for_absent_is_absent_in_any_case() {
    for token in [
        "",
        "N/A",
        "[N/A]",
        "[n/a]",
        "[Not Supported]",
        "[Unknown Error]",
        "[Insufficient Permissions]",
        "[GPU requires reset]",
        "ERR!",
    ] {
        check_b("power.draw,fan.speed", &format!("{token}, 1"), &[("power.draw", None)]);
        let names = columns("clocks_event_reasons.active,fan.speed");
        let line = format!("{token}, 1");
        assert_eq!(Row::parse(&names, &line).unwrap().mask(&names[0]), Ok(None), "{token}");
    }
}

#[test]
fn what_is_no_value_is_no_value() {
    for text in ["nan", "inf", "-1", "12 apples", "0x10", "1e999"] {
        let names = columns("power.draw");
        assert!(Row::parse(&names, text).unwrap().number("power.draw").is_err(), "{text}");
    }
    let line = "0, 101, broken, zz";
    let names = columns("index,utilization.gpu,power.draw,clocks_event_reasons.active");
    let reading = Reading::parse(&names, line).unwrap();
    assert_eq!(reading.values, BTreeMap::new());
    assert_eq!(reading.unreadable.len(), 3);
    assert_eq!(
        reading.remarks()[1],
        "gpu0: `broken` in column power.draw is not a value; not measured"
    );
}

#[test]
fn rows_of_another_length_or_without_a_device_are_rejected() {
    let names = columns("index,power.draw");
    for line in ["0", "0, 1, 2", "", "GPU 0, 12.5", "[N/A], 12.5", "-1, 12.5"] {
        assert!(Reading::parse(&names, line).is_err(), "{line}");
    }
}

/// The clock reasons of `nvml.h`, one at a time.
#[test]
fn only_heat_and_power_brakes_are_throttling() {
    for (mask, throttled, capped) in [
        ("0x0000000000000000", 0.0, 0.0),
        ("0x0000000000000001", 0.0, 0.0), // idle
        ("0x0000000000000002", 0.0, 0.0), // application clocks
        ("0x0000000000000004", 0.0, 1.0), // software power cap
        ("0x0000000000000008", 1.0, 0.0), // hardware slowdown
        ("0x0000000000000010", 0.0, 0.0), // sync boost
        ("0x0000000000000020", 1.0, 0.0), // software thermal slowdown
        ("0x0000000000000040", 1.0, 0.0), // hardware thermal slowdown
        ("0x0000000000000080", 1.0, 0.0), // hardware power brake
        ("0x0000000000000100", 0.0, 0.0), // display clocks
        ("0x0000000000000024", 1.0, 1.0),
    ] {
        for name in ["clocks_event_reasons.active", "clocks_throttle_reasons.active"] {
            let names = columns(&format!("index,{name}"));
            let reading = Reading::parse(&names, &format!("0, {mask}")).unwrap();
            assert_eq!(reading.values[metric::THROTTLED], throttled, "{mask}");
            assert_eq!(reading.values[metric::POWER_CAPPED], capped, "{mask}");
        }
    }
}

#[test]
fn the_momentary_power_stands_in_for_a_mean_that_is_not_reported() {
    let names = columns("index,power.draw,power.draw.instant");
    let reading = Reading::parse(&names, "0, [N/A], 12.5").unwrap();
    assert_eq!(reading.values[metric::POWER_WATTS], 12.5);
    assert_eq!(reading.remarks(), Vec::<String>::new());
}

/// Every row of the full captures, where they lie beside the project.
#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says why")]
fn full_captures() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/nvidia-smi-captures");
    let Ok(entries) = fs::read_dir(&folder) else {
        eprintln!("SKIPPED: the captures are not beside the project ({})", folder.display());
        return;
    };
    let mut rows = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2) {
            if !pair[0].contains("driver_version, ") || !pair[0].contains("utilization.gpu") {
                continue;
            }
            let names: Vec<String> = pair[0]
                .split(',')
                .map(|name| name.split('[').next().unwrap_or_default().trim().to_owned())
                .collect();
            let reading = Reading::parse(&names, pair[1])
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(reading.unreadable, [], "{}", path.display());
            assert!(reading.values.contains_key(metric::POWER_WATTS), "{}", path.display());
            assert!(reading.values.contains_key(metric::THROTTLED), "{}", path.display());
            let row = Row::parse(&names, pair[1]).unwrap();
            for column in Query::full().columns() {
                assert!(names.contains(column), "{} lacks {column}", path.display());
            }
            let sum = ["memory.used", "memory.free", "memory.reserved"]
                .iter()
                .map(|name| row.number(name).unwrap().unwrap())
                .sum::<f64>();
            let total = row.number("memory.total").unwrap().unwrap();
            assert!((sum - total).abs() <= 2.0, "{sum} of {total} MiB in {}", path.display());
            rows += 1;
        }
    }
    assert!(rows >= 20, "only {rows} rows were found in the captures");
}
