//! The results of load tests.

use llmbench_api::record::{GroupSummary, LoadSummary, Rate};

use super::table;
use crate::Report;
use crate::render::load::{arrival, goodput, legend, p50_p99, points, short};
use crate::render::{figures, remarks};

/// Tables of load points, failures and sweeps; empty for other tests.
pub(super) fn tables(report: &Report<'_>) -> String {
    let points = points(report);
    if points.is_empty() {
        return String::new();
    }
    let mut out = format!("{}\n{}\n", latencies(report, &points), legend(true, true));
    out.push_str(&format!("\n### Throughput and speeds\n\n{}", rates(&points)));
    out.push_str(&format!("\n{}\n", WEIGHTS));
    if points.iter().any(|(_, load)| !load.errors.is_empty()) {
        out.push_str(&format!("\n### Failed requests\n\n{}", failures(&points)));
    }
    if points.iter().any(|(_, load)| !load.sweep.is_empty()) {
        out.push_str(&format!("\n### Sweeps\n\n{}", sweeps(&points)));
    }
    out
}

const WEIGHTS: &str = "GB/s of weights is an estimate: size of the weights × active ÷ all parameters × decode speed of one request. Caches, activations and the experts of other requests are left out.";

type Point<'a> = (&'a GroupSummary, &'a LoadSummary);

fn latencies(report: &Report<'_>, points: &[Point<'_>]) -> String {
    let header = [
        "Model",
        "Load",
        "Arrival",
        "Runs",
        "Answered",
        "In steady state",
        "TTFT ms",
        "ITL ms",
        "TPOT ms p50",
        "E2E ms",
        "Stall ms",
        "Good",
    ];
    let rows = points.iter().map(|(group, load)| {
        vec![
            group.model.clone(),
            remarks::fixture_name(group).to_owned(),
            arrival(&load.point),
            report.runs(group),
            format!("{}/{}", load.answered, load.requests),
            load.steady_requests.to_string(),
            p50_p99(&load.ttft_p50_ms, &load.ttft_p99_ms),
            p50_p99(&load.itl_p50_ms, &load.itl_p99_ms),
            short(load.tpot_p50_ms.mean),
            p50_p99(&load.e2e_p50_ms, &load.e2e_p99_ms),
            short(load.longest_gap_ms.max),
            goodput(load),
        ]
    });
    table(&header.map(str::to_owned), rows)
}

fn rates(points: &[Point<'_>]) -> String {
    let header = [
        "Model",
        "Load",
        "Answers/s",
        "Output tok/s",
        "Input tok/s",
        "pp tok/s",
        "tg tok/s",
        "Good/s",
        "Saturated",
        "tg tok/s for each 10⁹ active parameters",
        "GB/s of weights",
    ];
    let rows = points.iter().map(|(group, load)| {
        let or_why = |value: Option<f64>, field: &str| match (value, group.absent.get(field)) {
            (None, Some(reason)) => format!("{} ({reason})", figures::ABSENT),
            (value, _) => short(value),
        };
        vec![
            group.model.clone(),
            remarks::fixture_name(group).to_owned(),
            figures::mean_and_interval(&load.requests_per_sec, 2),
            figures::mean_and_interval(&load.output_tokens_per_sec, 1),
            figures::mean_and_interval(&load.input_tokens_per_sec, 1),
            figures::mean_and_interval(&load.prefill_tokens_per_sec, 1),
            figures::mean_and_interval(&load.decode_tokens_per_sec, 1),
            short(load.goodput_per_sec.mean),
            saturated(&load.saturated),
            or_why(group.tokens_per_sec_per_active_billion, "tokens_per_sec_per_active_billion"),
            or_why(group.weight_bandwidth_gb_per_sec, "weight_bandwidth_gb_per_sec"),
        ]
    });
    table(&header.map(str::to_owned), rows)
}

fn saturated(rate: &Rate) -> String {
    figures::rate(rate)
}

fn failures(points: &[Point<'_>]) -> String {
    let header = ["Model", "Load", "Class", "Requests", "Of"].map(str::to_owned);
    let rows = points.iter().flat_map(|(group, load)| {
        load.errors.iter().map(move |(class, count)| {
            vec![
                group.model.clone(),
                remarks::fixture_name(group).to_owned(),
                class.clone(),
                count.to_string(),
                load.requests.to_string(),
            ]
        })
    });
    table(&header, rows)
}

fn sweeps(points: &[Point<'_>]) -> String {
    let header = [
        "Model",
        "Rate /s",
        "Offered /s",
        "Answers/s",
        "Output tok/s",
        "TTFT ms p50",
        "E2E ms p50",
        "Failed",
        "Saturated",
    ];
    let rows = points.iter().flat_map(|(group, load)| {
        load.sweep.iter().map(move |point| {
            vec![
                group.model.clone(),
                short(Some(point.rate_per_second)),
                short(point.offered_rate_per_sec),
                short(point.requests_per_sec),
                short(point.output_tokens_per_sec),
                short(point.ttft_p50_ms),
                short(point.e2e_p50_ms),
                format!("{}/{}", point.failed, point.requests),
                if point.saturated { "yes" } else { "no" }.to_owned(),
            ]
        })
    });
    table(&header.map(str::to_owned), rows)
}
