//! A process and everything it started.

use std::collections::{BTreeMap, BTreeSet};

/// `root` and its descendants, from pairs of process and parent.
pub(crate) fn descendants(
    root: u32,
    parents: impl IntoIterator<Item = (u32, u32)>,
) -> BTreeSet<u32> {
    let mut children = BTreeMap::<u32, Vec<u32>>::new();
    for (process, parent) in parents {
        children.entry(parent).or_default().push(process);
    }
    let mut tree = BTreeSet::from([root]);
    let mut open = vec![root];
    while let Some(process) = open.pop() {
        for &child in children.get(&process).into_iter().flatten() {
            if tree.insert(child) {
                open.push(child);
            }
        }
    }
    tree
}

/// Turns CPU times since their start into the use between two looks.
#[derive(Debug, Default)]
pub(crate) struct CpuMeter {
    previous: Option<Look>,
}

#[derive(Debug)]
struct Look {
    at_ns: u64,
    used_ms: BTreeMap<ProcessKey, u64>,
}

/// A process, told apart from a later one with the same number by its start.
pub(crate) type ProcessKey = (u32, u64);

impl CpuMeter {
    /// CPU use since the last look in percent of one core; `None` at the first.
    ///
    /// A process counts from the second look that sees it, because nobody
    /// knows when it used the time before.
    pub(crate) fn percent(
        &mut self,
        at_ns: u64,
        used_ms: BTreeMap<ProcessKey, u64>,
    ) -> Option<f64> {
        let previous = self.previous.replace(Look { at_ns, used_ms })?;
        let current = self.previous.as_ref()?;
        let elapsed_ms = at_ns.saturating_sub(previous.at_ns) as f64 / 1e6;
        if elapsed_ms <= 0.0 {
            return None;
        }
        let used_ms: u64 = current
            .used_ms
            .iter()
            .filter_map(|(key, now)| Some(now.saturating_sub(*previous.used_ms.get(key)?)))
            .sum();
        Some(used_ms as f64 / elapsed_ms * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_the_root_and_what_descends_from_it() {
        let check = |parents: &[(u32, u32)], expected: &[u32]| {
            let tree = descendants(10, parents.iter().copied());
            assert_eq!(tree, BTreeSet::from_iter(expected.iter().copied()));
        };
        check(&[], &[10]);
        check(&[(10, 1), (11, 10), (12, 11), (13, 1)], &[10, 11, 12]);
        // Numbers that were used again can make a circle.
        check(&[(11, 10), (10, 11)], &[10, 11]);
    }

    #[test]
    fn cpu_use_is_what_came_between_two_looks() {
        let mut meter = CpuMeter::default();
        let mut check = |at_ms: u64, used: &[(ProcessKey, u64)], expected: Option<f64>| {
            let used_ms = used.iter().copied().collect();
            assert_eq!(meter.percent(at_ms * 1_000_000, used_ms), expected);
        };
        let (server, runner, impostor) = ((10, 1), (11, 5), (10, 9));
        check(0, &[(server, 5_000)], None);
        check(500, &[(server, 5_250)], Some(50.0));
        // A new child counts from its second look on.
        check(1_000, &[(server, 5_250), (runner, 9_000)], Some(0.0));
        check(1_500, &[(server, 5_250), (runner, 10_000)], Some(200.0));
        // The same number, another process.
        check(2_000, &[(impostor, 99_999)], Some(0.0));
        check(2_000, &[(impostor, 99_999)], None);
    }
}
