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
