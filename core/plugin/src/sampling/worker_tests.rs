//! Sampling with a body that needs no hardware.

use std::sync::atomic::{AtomicBool, Ordering};

use llmbench_api::{CancelGuard, Control};

use super::*;

struct Timeless(Instant);

impl Control for Timeless {
    fn now_ns(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
    fn deadline_ns(&self) -> Option<u64> {
        None
    }
    fn is_cancelled(&self) -> bool {
        false
    }
    fn progress(&self, _fraction: Option<f64>, _message: &str) {}
    fn on_cancel(&self, _callback: Box<dyn FnOnce() + Send>) -> CancelGuard {
        CancelGuard::noop()
    }
}

/// A run that was cancelled.
struct Cancelled;

impl Control for Cancelled {
    fn now_ns(&self) -> u64 {
        0
    }
    fn deadline_ns(&self) -> Option<u64> {
        None
    }
    fn is_cancelled(&self) -> bool {
        true
    }
    fn progress(&self, _fraction: Option<f64>, _message: &str) {}
    fn on_cancel(&self, _callback: Box<dyn FnOnce() + Send>) -> CancelGuard {
        CancelGuard::noop()
    }
}

struct Nowhere;

impl SampleSink for Nowhere {
    fn sample(&self, _: &Sample) {}
}

fn context() -> CallContext {
    CallContext::new(Arc::new(Timeless(Instant::now())))
}

fn options(interval_ms: u64) -> MonitorOptions {
    MonitorOptions { interval_ms, process_id: None }
}

fn beat(sampler: &Sampler) {
    let at_ns = sampler.clock().now_ns();
    sampler.keep(Sample { at_ns, device: "clock".into(), ..Sample::default() });
}

#[test]
fn samples_come_until_it_is_stopped_and_it_can_be_started_again() {
    let sampling = Sampling::new("test");
    for _ in 0..2 {
        let cx = context();
        let (enough, reached) = channel();
        let body = move |sampler: &Sampler| {
            let mut count = 0;
            sampler.each_tick(|sampler| {
                beat(sampler);
                count += 1;
                if count == 3 {
                    enough.send(()).unwrap();
                }
            });
        };
        sampling.start(&options(5), Arc::new(Nowhere), &cx, body).unwrap();
        let again = sampling.start(&options(5), Arc::new(Nowhere), &cx, |_| {}).unwrap_err();
        assert_eq!(again.message, "test is sampling already");
        reached.recv().unwrap();
        let series = sampling.stop().unwrap();
        assert!(series.samples.len() >= 3, "{}", series.samples.len());
        assert_eq!(series.interval_ms, 5);
    }
    assert_eq!(sampling.stop().unwrap_err().message, "test is not sampling");
}

#[test]
fn an_interval_that_is_too_short_is_lengthened_and_said() {
    let least = Duration::from_millis(250);
    let sampling = Sampling::new("slow").with_least_interval(least, "the shortest there is");
    let (interval, used) = channel();
    let body = move |sampler: &Sampler| interval.send(sampler.interval()).unwrap();
    sampling.start(&options(10), Arc::new(Nowhere), &context(), body).unwrap();
    assert_eq!(used.recv().unwrap(), least);
    let series = sampling.stop().unwrap();
    let warning = "slow: sampled every 250 ms instead of 10 ms, the shortest there is";
    assert_eq!((series.interval_ms, series.warnings), (10, vec![warning.to_owned()]));
}

#[test]
fn a_body_that_waits_elsewhere_is_woken() {
    let sampling = Sampling::new("woken");
    let (wake, woken) = channel();
    let was_stopped = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&was_stopped);
    let body = move |sampler: &Sampler| {
        woken.recv().unwrap();
        seen.store(sampler.is_stopped(), Ordering::SeqCst);
    };
    let wake = move || {
        let _ = wake.send(());
    };
    sampling.start_with_wake(&options(0), Arc::new(Nowhere), &context(), wake, body).unwrap();
    let series = sampling.stop().unwrap();
    assert!(was_stopped.load(Ordering::SeqCst));
    assert_eq!(series.interval_ms, 500);
}

#[test]
fn a_panic_of_the_body_is_a_reason() {
    let sampling = Sampling::new("fragile");
    let body = |_: &Sampler| std::panic::resume_unwind(Box::new("lost"));
    sampling.start(&options(5), Arc::new(Nowhere), &context(), body).unwrap();
    let reason = sampling.stop().unwrap().reason;
    assert_eq!(reason.as_deref(), Some("the sampling thread panicked"));
}

#[test]
fn start_returns_when_every_device_was_read_once() {
    let sampling = Sampling::new("slow");
    let cx = context();
    let body = |sampler: &Sampler| {
        sampler.each_tick(|sampler| {
            thread::sleep(Duration::from_millis(30));
            beat(sampler);
        });
    };
    sampling.start(&options(3_600_000), Arc::new(Nowhere), &cx, body).unwrap();
    let from_ns = cx.clock().now_ns();
    let series = sampling.stop().unwrap();
    assert_eq!(series.samples.len(), 1, "{series:?}");
    assert!(series.samples[0].at_ns <= from_ns);
}

#[test]
fn start_waits_neither_for_a_body_that_hangs_nor_for_one_that_failed_or_need_not_be_waited_for() {
    /// Less than [`FIRST_ROUND_LIMIT`], with room for a loaded machine.
    const SOON: Duration = Duration::from_millis(1_500);
    let started = |cx: &CallContext, body: fn(&Sampler)| {
        let (sampling, began) = (Sampling::new("odd"), Instant::now());
        sampling.start(&options(5), Arc::new(Nowhere), cx, body).unwrap();
        began.elapsed()
    };
    let hangs: fn(&Sampler) = |sampler| {
        while !sampler.is_stopped() {
            thread::sleep(Duration::from_millis(5));
        }
    };
    let waited = started(&context(), hangs);
    assert!(waited >= FIRST_ROUND_LIMIT && waited < FIRST_ROUND_LIMIT * 10, "{waited:?}");
    let cancelled = CallContext::new(Arc::new(Cancelled));
    let says_so = |sampler: &Sampler| {
        sampler.end_first_round();
        while sampler.wait_until(Instant::now()) {}
    };
    for (what, waited) in [
        ("ends", started(&context(), |_| {})),
        ("panics", started(&context(), |_| std::panic::resume_unwind(Box::new("lost")))),
        ("says so", started(&context(), says_so)),
        ("cancelled", started(&cancelled, hangs)),
    ] {
        assert!(waited < SOON, "{what}: {waited:?}");
    }
    let (sampling, began) = (Sampling::new("unwaited"), Instant::now());
    sampling.start_with_wake(&options(5), Arc::new(Nowhere), &context(), || {}, hangs).unwrap();
    assert!(began.elapsed() < SOON);
    sampling.stop().unwrap();
}
