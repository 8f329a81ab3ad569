//! Prints how often the intervals hold the true value, and how often the tests of `compare` find a
//! difference where there is none. The table of `docs/statistics.md`.
//!
//!     cargo run --release -p llmbench-report --example interval_coverage [-- TRIALS]

use std::io::Write;

use llmbench_report::stats::simulation::{self, Outcome};

fn main() {
    let trials = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(20_000);
    let mut out = std::io::stdout().lock();
    let mut show = |title: &str, outcomes: Vec<Outcome>| {
        let _ = writeln!(out, "\n{title}\n");
        for outcome in outcomes {
            let mark = if outcome.holds() { "" } else { "  outside" };
            let _ = writeln!(out, "  {:<58}{:>7.2} %{mark}", outcome.what, 100.0 * outcome.share);
        }
    };
    show(
        &format!("Coverage of 95 % intervals, {trials} trials each (wanted: 93 to 97 %)"),
        simulation::coverage(trials, 1),
    );
    show(
        "Other populations and intervals, also where they fail (no promise is made for these)",
        simulation::hard_coverage(trials, 2),
    );
    show(
        &format!("False positives of compare, {trials} trials each (wanted: at most 5 %)"),
        simulation::false_positives(trials, 3),
    );
    show(
        "Adding runs until the half-width is small enough (--until-ci; expected below 95 %)",
        simulation::sequential(trials.min(4_000), 4),
    );
}
