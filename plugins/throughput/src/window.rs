//! Tells ramp, steady state and drain of a load apart.
//!
//! - **A fixed number under way** (c): all c begin at once, so the ramp lasts until c requests have
//!   been answered and every place has been taken over once. The drain begins when there is no
//!   request left to take a free place. One at a time has neither.
//! - **A rate**: the ramp lasts as long as the median request; the drain begins with the last
//!   request. Where a request takes more than half of the schedule there is no steady state.
//!
//! Latencies are those of requests that were due in the steady state, whenever they ended: to
//! leave those out that end in the drain would leave out the slow ones.

use llmbench_api::Arrival;

use crate::request::{Request, ms};

/// Requests by which more may be under way at the end before that is more than chance.
const LEAST_GROWTH: f64 = 3.0;
/// Share of the requests that arrived, above which the growth of those under way is no chance.
const GROWTH_SHARE: f64 = 0.1;
/// Share above which that is clear even before a steady state could be reached.
const CLEAR_GROWTH_SHARE: f64 = 0.5;

/// A stretch of the load on the host's clock.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Window {
    pub(crate) from_ns: u64,
    pub(crate) to_ns: u64,
    /// From the first request to the window; `None` where there is no steady state.
    pub(crate) ramp_sec: Option<f64>,
    /// Why there is none; the window is then the whole load.
    pub(crate) reason: Option<String>,
}

/// The steady state of a load; `None` without an answer.
pub(crate) fn steady(arrival: &Arrival, requests: &[Request<'_>]) -> Option<Window> {
    let first = requests.iter().map(|request| request.due_ns()).min()?;
    let last_due = requests.iter().map(|request| request.due_ns()).max()?;
    let mut ends: Vec<u64> = requests.iter().map(|request| request.done_ns()).collect();
    ends.sort_unstable();
    let last = *ends.last()?;
    let whole = |reason: Option<String>| Window {
        from_ns: first,
        to_ns: last,
        ramp_sec: reason.is_none().then_some(0.0),
        reason,
    };
    let window = |from_ns: u64, to_ns: u64| Window {
        from_ns,
        to_ns,
        ramp_sec: Some(ms(first, from_ns) / 1e3),
        reason: None,
    };
    let few = |n: usize| {
        Some(format!(
            "{n} answers are too few to tell ramp and steady state apart, so all count; raise `requests`"
        ))
    };
    match arrival {
        Arrival::Closed { concurrency } => {
            let (n, places) = (ends.len(), *concurrency as usize);
            if n < 3 * places {
                return Some(whole(few(n)));
            }
            Some(window(ends[places - 1], ends[n - places]))
        }
        Arrival::Open { .. } => {
            let (life, schedule) = (median_life_ns(requests), last_due - first);
            if life > schedule / 2 {
                return Some(whole(Some(format!(
                    "a request takes {:.1} s and they came for {:.1} s only, too short to tell ramp and steady state apart, so all count; raise `requests`",
                    life as f64 / 1e9,
                    schedule as f64 / 1e9
                ))));
            }
            let from = first + life;
            let has_some = requests.iter().any(|request| request.due_ns() >= from);
            if last_due <= from || !has_some {
                return Some(whole(few(ends.len())));
            }
            Some(window(from, last_due))
        }
        _ => Some(whole(None)),
    }
}

impl Window {
    pub(crate) fn sec(&self) -> f64 {
        ms(self.from_ns, self.to_ns) / 1e3
    }

    /// True for a request that was due in the steady state.
    pub(crate) fn is_due(&self, request: Request<'_>) -> bool {
        (self.from_ns..=self.to_ns).contains(&request.due_ns())
    }

    /// True for a request that was answered in it.
    pub(crate) fn is_done(&self, request: Request<'_>) -> bool {
        let from = self.from_ns;
        // The answer that opens the window ends the ramp.
        let opens = self.ramp_sec.is_some_and(|ramp| ramp > 0.0) && request.done_ns() == from;
        !opens && (from..=self.to_ns).contains(&request.done_ns())
    }

    /// Mean number of requests under way.
    pub(crate) fn mean_concurrency(&self, requests: &[Request<'_>]) -> Option<f64> {
        let within = |request: &Request<'_>| {
            ms(request.due_ns().max(self.from_ns), request.done_ns().min(self.to_ns))
        };
        let sum: f64 = requests.iter().map(within).sum();
        (self.sec() > 0.0).then(|| sum / 1e3 / self.sec())
    }
}

/// How long the median request takes from the instant at which it was due; of one or more.
fn median_life_ns(requests: &[Request<'_>]) -> u64 {
    let mut lives: Vec<u64> =
        requests.iter().map(|one| one.done_ns().saturating_sub(one.due_ns())).collect();
    lives.sort_unstable();
    lives[lives.len() / 2]
}

/// Whether requests came faster than they were answered; `None` where they did not come for long
/// enough to tell.
///
/// By how much longer the requests of the last quarter took than those of the second: times their
/// rate that is how many more were under way (Little's law). Requests that just take long take
/// equally long.
pub(crate) fn is_outrun(requests: &[Request<'_>]) -> Option<bool> {
    let mut by_due = requests.to_vec();
    by_due.sort_unstable_by_key(|one| (one.due_ns(), one.done_ns()));
    let quarter = by_due.len() / 4;
    let schedule = (by_due.last()?.due_ns() - by_due.first()?.due_ns()) as f64;
    if quarter == 0 || schedule == 0.0 {
        return None;
    }
    let life = |from: usize| median_life_ns(&by_due[from..from + quarter]) as f64;
    let (early, late) = (life(quarter), life(by_due.len() - quarter));
    let rate = (by_due.len() - 1) as f64 / schedule;
    let (more, came) = (rate * (late - early), by_due.len() as f64 / 2.0);
    if more > (came * CLEAR_GROWTH_SHARE).max(LEAST_GROWTH) {
        return Some(true);
    }
    if early > schedule / 2.0 {
        return None;
    }
    Some(more > (came * GROWTH_SHARE).max(LEAST_GROWTH))
}

#[cfg(test)]
mod tests {
    use llmbench_api::Generation;

    use super::*;

    /// Answers that were due and done at these instants.
    fn answers(instants: &[(u64, u64)]) -> Vec<Generation> {
        let one = |(due, done): &(u64, u64)| Generation {
            scheduled_at_ns: Some(*due),
            sent_at_ns: *due,
            done_at_ns: *done,
            ..Generation::default()
        };
        instants.iter().map(one).collect()
    }

    fn with(instants: &[(u64, u64)], check: impl FnOnce(&[Request<'_>])) {
        let answers = answers(instants);
        check(&answers.iter().map(Request::new).collect::<Vec<_>>());
    }

    #[test]
    fn two_under_way_are_steady_from_the_second_answer_to_the_last_but_one() {
        // Two at a time: 0–10 and 0–12, then each place takes the next at once.
        let instants = [(0, 10), (0, 12), (10, 20), (12, 22), (20, 30), (22, 32)];
        with(&instants, |requests| {
            let window = steady(&Arrival::Closed { concurrency: 2 }, requests).unwrap();
            assert_eq!((window.from_ns, window.to_ns), (12, 30));
            let due = requests.iter().filter(|one| window.is_due(**one)).count();
            let done = requests.iter().filter(|one| window.is_done(**one)).count();
            // 20, 22 and 30; the one at 12 opens the window.
            assert_eq!((due, done), (3, 3));
            assert_eq!(window.mean_concurrency(requests), Some(2.0));
        });
    }

    #[test]
    fn too_few_requests_have_no_steady_state_and_all_count() {
        with(&[(0, 10), (0, 12), (10, 20), (12, 22)], |requests| {
            let window = steady(&Arrival::Closed { concurrency: 2 }, requests).unwrap();
            assert_eq!((window.from_ns, window.to_ns, window.ramp_sec), (0, 22, None));
            assert!(window.reason.unwrap().contains("4 answers"));
        });
        with(&[], |requests| assert_eq!(steady(&Arrival::Sequential, requests), None));
    }

    #[test]
    fn one_at_a_time_is_steady_from_the_start() {
        with(&[(5, 10), (11, 20)], |requests| {
            let window = steady(&Arrival::Sequential, requests).unwrap();
            assert_eq!((window.from_ns, window.to_ns, window.ramp_sec), (5, 20, Some(0.0)));
            assert!(requests.iter().all(|one| window.is_due(*one) && window.is_done(*one)));
        });
    }

    const RATE: Arrival = Arrival::Open { rate_per_second: 1.0, poisson: false };

    #[test]
    fn a_rate_that_is_kept_up_with_is_steady_after_one_request() {
        let instants: Vec<_> = (0..20).map(|n| (n * 10, n * 10 + 25)).collect();
        with(&instants, |requests| {
            let window = steady(&RATE, requests).unwrap();
            assert_eq!((window.from_ns, window.to_ns), (25, 190));
            assert_eq!(requests.iter().filter(|one| window.is_due(**one)).count(), 17);
            assert_eq!(is_outrun(requests), Some(false));
        });
    }

    #[test]
    fn a_rate_that_is_not_kept_up_with_is_seen_by_those_that_wait() {
        // One comes every 10, one is answered every 40.
        let instants: Vec<_> = (0..20).map(|n| (n * 10, (n + 1) * 40)).collect();
        with(&instants, |requests| {
            let window = steady(&RATE, requests).unwrap();
            assert_eq!((window.from_ns, window.to_ns, window.ramp_sec), (0, 800, None));
            assert_eq!(is_outrun(requests), Some(true));
        });
    }

    #[test]
    fn requests_that_only_take_long_do_not_outrun_the_server() {
        // Any number at a time, each 80, while requests come for 190 and for 39.
        for (between, outrun) in [(10, Some(false)), (2, None)] {
            let instants: Vec<_> = (0..20).map(|n| (n * between, n * between + 80)).collect();
            with(&instants, |requests| {
                let window = steady(&RATE, requests).unwrap();
                assert_eq!(window.reason.is_some(), outrun.is_none(), "{window:?}");
                assert_eq!(is_outrun(requests), outrun);
            });
        }
        with(&[(0, 10), (5, 20)], |requests| assert_eq!(is_outrun(requests), None));
    }
}
