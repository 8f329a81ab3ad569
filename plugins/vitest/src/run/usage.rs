//! What a process and its children use, as `/proc` tells.

use std::time::Duration;

/// Sums over a process and all its descendants.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Usage {
    pub(super) cpu_sec: f64,
    pub(super) memory_bytes: u64,
    pub(super) threads: u64,
}

/// `None` when the process is gone.
pub(super) fn of(id: u32) -> Option<Usage> {
    let mut total = one(id)?;
    for child in descendants(id) {
        if let Some(usage) = one(child) {
            total.cpu_sec += usage.cpu_sec;
            total.memory_bytes += usage.memory_bytes;
            total.threads += usage.threads;
        }
    }
    Some(total)
}

/// How long the thread that waited longest for a processor has waited, of a process and all its
/// descendants: time that the machine took, and not the code.
pub(super) fn starved(id: u32) -> Duration {
    let threads = std::iter::once(id).chain(descendants(id)).flat_map(|process| {
        let tasks = std::fs::read_dir(format!("/proc/{process}/task"));
        tasks.into_iter().flatten().flatten()
    });
    let waited = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        parse_waited(&text)
    });
    waited.max().unwrap_or_default()
}

/// The second number is the nanoseconds in a queue for a processor
/// (the kernel's `Documentation/scheduler/sched-stats.rst`).
fn parse_waited(schedstat: &str) -> Option<Duration> {
    schedstat.split_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}

fn descendants(id: u32) -> Vec<u32> {
    let mut found = Vec::new();
    // Deep enough for shell, bubblewrap, its supervisor and Node.
    let mut open = vec![(id, 0)];
    while let Some((parent, depth)) = open.pop() {
        for child in children(parent) {
            found.push(child);
            if depth < 4 {
                open.push((child, depth + 1));
            }
        }
    }
    found
}

/// The children that the main thread of a process has.
fn children(id: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
    text.unwrap_or_default().split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

fn one(id: u32) -> Option<Usage> {
    parse(&std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

/// Fields as proc(5) counts them; the name in field 2 may hold anything.
fn parse(stat: &str) -> Option<Usage> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let ticks = field(14)? + field(15)?;
    Some(Usage {
        cpu_sec: ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
        memory_bytes: field(24)? * rustix::param::page_size() as u64,
        threads: field(20)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_brackets_does_not_shift_the_fields() {
        let stat =
            "12 (a b) c) S 1 12 12 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 7 0 99 1000 25 18446";
        let usage = parse(stat).unwrap();
        assert_eq!(usage.threads, 7);
        assert_eq!(usage.memory_bytes, 25 * rustix::param::page_size() as u64);
        assert!(usage.cpu_sec > 0.0);
        assert!(parse("12 (a").is_none());
    }

    #[test]
    fn the_wait_for_a_processor_is_the_second_number() {
        assert_eq!(parse_waited("1199170 4297329 9\n"), Some(Duration::from_nanos(4_297_329)));
        assert_eq!(parse_waited("1199170"), None);
    }

    #[test]
    fn this_process_is_seen() {
        assert!(of(std::process::id()).is_some_and(|usage| usage.memory_bytes > 0));
        assert!(of(u32::MAX).is_none());
    }
}
