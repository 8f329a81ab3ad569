//! Serves schedules to any client, and tells what was really sent:
//!
//! ```console
//! $ cargo run --release -p llmbench-schedule-server --example serve -- 8099
//! ```
//!
//! Each line on stdin is answered by one line of JSON about the answers that ended since
//! the last one, as far as their schedule has an `id`: how many were complete, and from
//! the request's last byte to the first piece (mean, median, p99, max) and between pieces
//! (mean), as the server sent them. A number on the line leaves all but so many out of the
//! times: those whose requests came last, without what a client sent for warm-up. The end
//! of stdin ends the server.

#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::time::Duration;

use llmbench_schedule_server::{Record, ScheduleServer};
use serde_json::{Value, json};

fn main() {
    let port = std::env::args().nth(1).map_or(0, |port| port.parse().expect("a port number"));
    let server = ScheduleServer::on_port(port).expect("a free port of the loopback interface");
    println!("{}", server.url());
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let last = line.trim().parse().unwrap_or(usize::MAX);
        println!("{}", summary(&server.take_records(), last));
    }
}

/// What was sent, with the times of the `last` complete answers.
fn summary(records: &[Record], last: usize) -> Value {
    let mut complete: Vec<_> = records.iter().filter(|record| record.is_complete).collect();
    let all_complete = complete.len();
    complete.sort_by_key(|record| record.received_at);
    complete.drain(..all_complete.saturating_sub(last));
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let mut first_ms: Vec<_> =
        complete.iter().map(|record| ms(record.sent_at[0] - record.received_at)).collect();
    first_ms.sort_by(f64::total_cmp);
    let gaps_ms: Vec<_> = complete
        .iter()
        .flat_map(|record| record.sent_at.windows(2).map(|pair| ms(pair[1] - pair[0])))
        .collect();
    // Without any there is no figure, rather than a zero.
    let mean = |values: &[f64]| {
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let at = |share: f64| {
        first_ms.get(((first_ms.len().max(1) - 1) as f64 * share).round() as usize).copied()
    };
    json!({
        "answers": records.len(),
        "complete": all_complete,
        "first_ms": {"mean": mean(&first_ms), "median": at(0.5), "p99": at(0.99), "max": at(1.0)},
        "mean_gap_ms": mean(&gaps_ms),
    })
}
