//! Energy from counters and from power, with and without an idle draw.

use super::*;

const SECOND: u64 = 1_000_000_000;

fn series(name: &str, points: &[(f64, f64)]) -> Series {
    let sample = |(seconds, value): &(f64, f64)| Sample {
        at_ns: (seconds * 1e9) as u64,
        device: "gpu0".into(),
        values: [(name.to_owned(), *value)].into(),
    };
    let gpu = Device { id: "gpu0".into(), kind: DeviceKind::Gpu, ..Device::default() };
    Series {
        devices: vec![gpu],
        interval_ms: 500,
        samples: points.iter().map(sample).collect(),
        ..Series::default()
    }
}

fn window(from: u64, to: u64) -> Window {
    Window { from_ns: from * SECOND, to_ns: to * SECOND }
}

fn joules(series: &Series, windows: &[Window]) -> (Option<f64>, Option<EnergySource>) {
    let stats = of_device(series, "gpu0", windows, None);
    assert!(stats.joules.is_some() || stats.reason.is_some(), "{stats:?}");
    (stats.joules, stats.source)
}

#[test]
fn a_counter_counts_between_the_edges_of_the_window() {
    let counter = |points: &[(f64, f64)]| series(metric::ENERGY_JOULES, points);
    let counted = |joules: f64| (Some(joules), Some(EnergySource::Counter));
    // 100 W: the edges lie between readings.
    let steady = counter(&[(0.5, 50.0), (1.5, 150.0), (2.5, 250.0), (3.5, 350.0)]);
    assert_eq!(joules(&steady, &[window(1, 3)]), counted(200.0));
    assert_eq!(joules(&steady, &[window(1, 2), window(2, 3)]), counted(200.0));
    // A long gap does not matter to a counter.
    assert_eq!(joules(&counter(&[(0.0, 0.0), (100.0, 5_000.0)]), &[window(0, 100)]), counted(5e3));
    // A reading at the very instant counts as it is.
    assert_eq!(joules(&counter(&[(1.0, 10.0), (2.0, 30.0)]), &[window(1, 2)]), counted(20.0));
}

#[test]
fn a_counter_that_does_not_enclose_the_window_or_was_set_back_is_not_believed() {
    for points in [
        &[(1.5, 150.0), (3.5, 350.0)][..],
        &[(0.5, 50.0), (2.5, 250.0)],
        &[(0.5, 9e9), (2.0, 100.0), (3.5, 250.0)],
        &[],
    ] {
        let series = series(metric::ENERGY_JOULES, points);
        let stats = of_device(&series, "gpu0", &[window(1, 3)], None);
        assert_eq!((stats.joules, stats.source), (None, None), "{points:?}");
        assert!(stats.reason.is_some());
    }
}

#[test]
fn without_a_usable_counter_energy_is_estimated_from_power_and_says_why() {
    let mut both = series(metric::POWER_WATTS, &[(1.0, 100.0), (2.0, 300.0), (3.0, 300.0)]);
    for (sample, joules) in both.samples.iter_mut().zip([9e9, 100.0, 400.0]) {
        sample.values.insert(metric::ENERGY_JOULES.into(), joules);
    }
    let stats = of_device(&both, "gpu0", &[window(1, 3)], None);
    assert_eq!((stats.joules, stats.source), (Some(500.0), Some(EnergySource::Estimated)));
    assert!(stats.reason.unwrap().contains("set back"));
}

#[test]
fn power_is_not_filled_in_where_it_was_not_seen() {
    let power = series(metric::POWER_WATTS, &[(1.0, 100.0), (2.0, 100.0), (9.0, 100.0)]);
    let estimated = (Some(200.0), Some(EnergySource::Estimated));
    assert_eq!(joules(&power, &[window(1, 3)]), estimated);
    assert_eq!(joules(&power, &[window(1, 9)]), (None, None), "seven seconds were not seen");
    assert_eq!(joules(&power, &[window(0, 1)]), (None, None), "one sample");
    assert_eq!(joules(&power, &[window(1, 3), window(8, 10)]), (None, None), "one part is missing");
}

#[test]
fn the_idle_draw_is_measured_and_subtracted() {
    let quiet = series(metric::ENERGY_JOULES, &[(0.0, 0.0), (1.0, 30.0), (2.0, 60.0)]);
    let idle = idle(&quiet, window(0, 2));
    assert_eq!(idle.measured_sec, 2.0);
    let device = &idle.devices["gpu0"];
    assert_eq!((device.power_watts, device.source), (Some(30.0), Some(EnergySource::Counter)));

    let busy = series(metric::ENERGY_JOULES, &[(10.0, 100.0), (12.0, 700.0)]);
    let stats = of_device(&busy, "gpu0", &[window(10, 12)], Some(device));
    assert_eq!(stats.joules, Some(600.0));
    assert_eq!((stats.idle_watts, stats.above_idle_joules), (Some(30.0), Some(540.0)));
    let figures = sum(&[stats], Some(&idle));
    assert_eq!((figures.joules, figures.above_idle_joules), (Some(600.0), Some(540.0)));
}

#[test]
fn a_gpu_at_work_has_no_idle_draw() {
    let mut series = series(metric::POWER_WATTS, &[(0.0, 200.0), (1.0, 210.0)]);
    for sample in &mut series.samples {
        sample.values.insert(metric::GPU_UTILIZATION_PERCENT.into(), 40.0);
    }
    let idle = idle(&series, window(0, 1));
    let device = &idle.devices["gpu0"];
    assert_eq!((device.power_watts, device.utilization_percent), (None, Some(40.0)));
    let figures = sum(&[of_device(&series, "gpu0", &[window(0, 1)], Some(device))], Some(&idle));
    assert_eq!(figures.above_idle_joules, None);
    assert!(figures.idle_reason.unwrap().contains("not idle: 40 %"));
}

#[test]
fn a_processor_at_work_has_no_idle_draw() {
    let device = |id: &str, kind| Device { id: id.into(), kind, ..Device::default() };
    let idle_at = |cpu_percent: f64| {
        let sample = |at_ns: u64, device: &str, name: &str, value: f64| Sample {
            at_ns,
            device: device.into(),
            values: [(name.to_owned(), value)].into(),
        };
        let joules = |at_ns, value| sample(at_ns, "cpu0", metric::ENERGY_JOULES, value);
        let samples = vec![
            joules(0, 0.0),
            sample(500_000_000, "system", metric::CPU_PERCENT, cpu_percent),
            joules(1_000_000_000, 20.0),
        ];
        let devices = vec![device("system", DeviceKind::System), device("cpu0", DeviceKind::Cpu)];
        let series = Series { devices, samples, ..Series::default() };
        idle(&series, window(0, 1)).devices["cpu0"].clone()
    };
    assert_eq!(idle_at(3.0).power_watts, Some(20.0));
    let busy = idle_at(60.0);
    assert_eq!((busy.power_watts, busy.utilization_percent), (None, Some(60.0)));
    assert!(busy.reason.unwrap().contains("the processor was not idle: 60 %"));
}

#[test]
fn several_devices_and_exchanges_are_added_and_one_estimate_makes_an_estimate() {
    let part = |joules: Option<f64>, source| EnergyStats { joules, source, ..Default::default() };
    let counted = part(Some(10.0), Some(EnergySource::Counter));
    let estimated = part(Some(5.0), Some(EnergySource::Estimated));
    let both = sum(&[counted.clone(), estimated], None);
    assert_eq!((both.joules, both.source), (Some(15.0), Some(EnergySource::Estimated)));
    let one = sum(std::slice::from_ref(&counted), None);
    assert_eq!(one.source, Some(EnergySource::Counter));
    assert_eq!(sum(&[counted, part(None, None)], None).joules, None);
    assert_eq!(sum(&[], None).joules, None);
    let twice = together(&[&one, &both]);
    assert_eq!((twice.joules, twice.source), (Some(25.0), Some(EnergySource::Estimated)));
}
