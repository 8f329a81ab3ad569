//! `llmbench doctor --calibrate`: how exact this machine's own measuring is.

mod measure;

use llmbench_api::record::{Calibration, ErrorFigures};
use llmbench_engine::CancelToken;

use self::measure::Bench;
use super::stop_on_interrupt;
use crate::args::{Format, GlobalArgs};
use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::wiring::Wiring;
use crate::{calibration, environment, output};

/// Measures, shows and keeps the figures.
///
/// # Errors
/// A backend that is not there, a port that cannot be had, a folder that cannot be written.
pub(super) fn calibrate(
    global: &GlobalArgs,
    wiring: &mut Wiring,
    format: Format,
) -> Result<ExitCode> {
    let note = |text: &str| {
        if !global.quiet {
            output::note(text);
        }
    };
    let cancel = CancelToken::default();
    stop_on_interrupt(&cancel, "nothing is kept");
    let machine = environment::record(&[]);
    if cfg!(debug_assertions) {
        output::warning("this is a debug build: its figures are not those of a release build");
    }
    let server = llmbench_schedule_server::ScheduleServer::start().map_err(|error| {
        CliError::not_ready(format!("start the server to measure against: {error}"))
            .hint("it needs a port of the loopback interface; look what keeps it from one")
    })?;
    let backend = wiring.client(&server.url())?;
    note("measuring the client against a server with an exact schedule (about 15 s)");
    let bench = Bench { server: &server, backend: &backend, cancel: &cancel };
    let mut found = Calibration {
        measured_at: jiff::Timestamp::now().to_string(),
        llmbench_version: env!("CARGO_PKG_VERSION").into(),
        cpu: machine.cpu,
        logical_cpus: machine.logical_cpus,
        load_average_1min: machine.load_average_1min,
        ..Calibration::default()
    };
    for streams in [1, 32, 128] {
        found.streams.push(bench.errors(streams)?);
    }
    certify(&mut found);
    bench.capacity(&mut found)?;
    let busy = found.load_average_1min.zip(found.logical_cpus);
    if let Some((load, cpus)) = busy.filter(|(load, cpus)| *load > 0.5 * *cpus as f64) {
        output::warning(&format!(
            "the machine was busy when it began (load {load:.1} on {cpus} processors): the figures \
             are worse than on a quiet one"
        ));
    }
    let file = calibration::store(&found)?;
    match format {
        Format::Json => output::json(&found),
        Format::Text => output::result(&text(&found)),
    }
    note(&format!("kept in {}; runs copy it into run.json", file.display()));
    Ok(ExitCode::Done)
}

/// Notes up to how many streams the errors are small enough, all smaller numbers included.
fn certify(found: &mut Calibration) {
    let is_exact = |error: &ErrorFigures| {
        error.mean <= Calibration::MOST_MEAN_ERROR_MS && error.p99 <= Calibration::MOST_P99_ERROR_MS
    };
    let good = found.streams.iter().take_while(|level| is_exact(&level.ttft_error_ms));
    found.certified_streams = good.last().map(|level| level.streams);
    if found.certified_streams.is_none() {
        found.missing.insert(
            "certified_streams".into(),
            format!(
                "not even one stream kept within {} ms on average and {} ms for 99 of 100",
                Calibration::MOST_MEAN_ERROR_MS,
                Calibration::MOST_P99_ERROR_MS
            ),
        );
    }
}

fn text(found: &Calibration) -> String {
    let mut lines = vec![format!(
        "{:>7}  {:>36}  {:>33}  {:>11}",
        "streams", "first token, error in ms", "each gap, error in µs", "mean gap µs"
    )];
    let header = ["mean", "median", "p99", "max"];
    lines.push(format!(
        "{:>7}  {:>9}{:>9}{:>9}{:>9}  {:>11}{:>11}{:>11}  {:>11}",
        "", header[0], header[1], header[2], header[3], header[1], header[2], header[3], "error"
    ));
    for level in &found.streams {
        let (first, gap) = (&level.ttft_error_ms, &level.itl_error_us);
        lines.push(format!(
            "{:>7}  {:>9.3}{:>9.3}{:>9.3}{:>9.3}  {:>11.1}{:>11.1}{:>11.1}  {:>11.3}",
            level.streams,
            first.mean,
            first.median,
            first.p99,
            first.max,
            gap.median,
            gap.p99,
            gap.max,
            level.mean_itl_error_us
        ));
    }
    let figure = |value: Option<f64>, name: &str, show: &dyn Fn(f64) -> String| match value {
        Some(value) => show(value),
        None => format!("not known: {}", found.missing.get(name).map_or("", String::as_str)),
    };
    lines.push(String::new());
    lines.push(format!(
        "exact up to      {}",
        figure(found.certified_streams.map(|n| n as f64), "certified_streams", &|n| {
            format!("{n:.0} streams at a time")
        })
    ));
    lines.push(format!(
        "client capacity  {}, {}",
        figure(found.chunks_per_sec, "chunks_per_sec", &|n| format!("{:.2} M chunks/s", n / 1e6)),
        figure(found.requests_per_sec, "requests_per_sec", &|n| {
            format!("{:.1} k one-token requests/s", n / 1e3)
        })
    ));
    lines.push(format!(
        "client CPU       {}",
        figure(found.cpu_us_per_chunk, "cpu_us_per_chunk", &|n| format!("{n:.3} µs per chunk"))
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use llmbench_api::record::StreamCalibration;

    use super::*;

    fn level(streams: u64, mean: f64, p99: f64) -> StreamCalibration {
        let ttft_error_ms = ErrorFigures { mean, p99, ..Default::default() };
        StreamCalibration { streams, ttft_error_ms, ..Default::default() }
    }

    #[test]
    fn what_is_certified_holds_for_all_smaller_loads_too() {
        fn check(levels: [StreamCalibration; 3], expected: Option<u64>) {
            let mut found = Calibration { streams: levels.to_vec(), ..Default::default() };
            certify(&mut found);
            assert_eq!(found.certified_streams, expected);
            assert_eq!(found.missing.contains_key("certified_streams"), expected.is_none());
            assert!(text(&found).contains("exact up to"));
        }
        check([level(1, 0.1, 0.2), level(32, 0.5, 1.0), level(128, 0.6, 0.9)], Some(32));
        check([level(1, 0.1, 0.2), level(32, 0.1, 1.1), level(128, 0.1, 0.9)], Some(1));
        check([level(1, 0.6, 0.7), level(32, 0.1, 0.1), level(128, 0.1, 0.1)], None);
    }
}
