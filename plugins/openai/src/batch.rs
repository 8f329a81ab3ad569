//! Asks many requests at the times of a schedule.

use std::sync::Arc;
use std::time::{Duration, Instant};

use llmbench_api::{
    Arrival, CallContext, Clock, Error, ErrorKind, EventSink, GenerateRequest, Result,
};

use crate::answer::Answer;
use crate::exchange::{ChatExchange, Done, Exchange};
use crate::load::{ClosedLoop, Control, Job, Limits, Offsets, OpenLoop, Source, Worker};
use crate::net::{Pool, Route, Target};
use crate::settings::Settings;
use crate::sse::Lines;
use crate::wire;

/// What all requests of one call share.
pub(crate) struct Load<'a> {
    pub(crate) target: &'a Target,
    pub(crate) settings: &'a Settings,
    pub(crate) pool: &'a Pool,
    pub(crate) sink: &'a dyn EventSink,
    pub(crate) cx: &'a CallContext,
}

impl<'a> Load<'a> {
    /// Sends `count` requests, which `request` makes by their index, and hands each
    /// outcome to `done` exactly once, from any thread and in any order.
    ///
    /// Memory does not grow with the number of requests, only with those under way.
    ///
    /// # Errors
    /// Before the first request is sent: [`ErrorKind::Settings`] for a schedule that
    /// makes no sense, [`ErrorKind::Unavailable`] for a host that is not known.
    pub(crate) fn drive<'b>(
        &self,
        count: usize,
        arrival: &Arrival,
        seed: u64,
        request: &(dyn Fn(usize) -> GenerateRequest + Sync),
        done: Done<'b>,
    ) -> Result<()>
    where
        'a: 'b,
    {
        let route = self.target.route()?;
        let clock = self.cx.clock();
        let deadline = self.cx.deadline();
        let make = |index: usize, due: Instant| {
            let request = request(index);
            let limit = request.limit_ms.map(|ms| due + Duration::from_millis(ms));
            Job {
                due,
                expires_at: [limit, deadline].into_iter().flatten().min(),
                exchange: self.exchange(index, &request, Some(clock.at(due)), done),
            }
        };
        let control = Arc::new(Control::default());
        let halt = Arc::clone(&control);
        let _registered = self.cx.on_cancel(move || halt.halt());
        match arrival {
            Arrival::Closed { concurrency: 0 } => Err(nonsense("a load of 0 requests at a time")),
            Arrival::Sequential | Arrival::Closed { .. } => {
                let at_a_time = match arrival {
                    Arrival::Closed { concurrency } => *concurrency as usize,
                    _ => 1,
                };
                let threads = self.settings.threads().min(at_a_time);
                let source = ClosedLoop::new(count, &make);
                let share =
                    |worker| at_a_time / threads + usize::from(worker < at_a_time % threads);
                self.work(threads, &source, &route, &control, clock, share, || {})
            }
            Arrival::Open { rate_per_second, poisson } => {
                let offsets = Offsets::new(*rate_per_second, *poisson, seed).ok_or_else(|| {
                    nonsense(&format!("a load of {rate_per_second} requests per second"))
                })?;
                let most = self.settings.max_connections as usize;
                let threads = self.settings.threads().min(most);
                let source = OpenLoop::new(&make);
                let share = |worker| most / threads + usize::from(worker < most % threads);
                self.work(threads, &source, &route, &control, clock, share, || {
                    source.dispatch(count, offsets, Instant::now(), deadline, &control);
                })
            }
            other => Err(Error::new(
                ErrorKind::Unsupported,
                format!("this backend does not know the schedule {other:?}"),
            )
            .with_hint("use a closed or an open loop")),
        }
    }

    /// Runs the workers on threads of their own, and `meanwhile` on this one.
    #[expect(clippy::too_many_arguments, reason = "the parts of one load, passed once")]
    fn work<E: Exchange, S: Source<E>>(
        &self,
        threads: usize,
        source: &S,
        route: &Route,
        control: &Arc<Control>,
        clock: Clock,
        share: impl Fn(usize) -> usize,
        meanwhile: impl FnOnce(),
    ) -> Result<()> {
        let mut workers = Vec::new();
        for number in 0..threads {
            let limits =
                Limits { requests: share(number), connect: self.settings.connect_timeout() };
            let url = &self.target.base.url;
            workers.push(Worker::new(source, route, url, self.pool, control, clock, limits)?);
        }
        std::thread::scope(|scope| {
            for worker in workers {
                let name = "llmbench load".to_owned();
                // A thread that cannot be started panics here, before anything was sent on it.
                if let Err(error) =
                    std::thread::Builder::new().name(name).spawn_scoped(scope, || worker.run())
                {
                    control.halt();
                    return Err(Error::new(ErrorKind::Internal, "start a thread for the load")
                        .with_cause(&error));
                }
            }
            meanwhile();
            Ok(())
        })
    }

    /// A request that is ready to be sent.
    pub(crate) fn exchange<'b>(
        &self,
        index: usize,
        request: &GenerateRequest,
        scheduled_at_ns: Option<u64>,
        done: Done<'b>,
    ) -> ChatExchange<'b>
    where
        'a: 'b,
    {
        let body = wire::chat_body(request, self.settings);
        ChatExchange {
            index,
            request: self.target.request("POST", "/v1/chat/completions", Some(&body)),
            what: format!("ask model `{}`", request.model),
            secrets: &self.target.secrets,
            max_tokens: request.options.max_tokens,
            scheduled_at_ns,
            sink: self.sink,
            done,
            // The last message of each of thousands of answers would be kept for nothing.
            answer: Answer::new(scheduled_at_ns.is_none()),
            lines: Lines::default(),
            sent_at_ns: None,
            was_repeated: false,
            refusal: None,
            compression: None,
        }
    }
}

fn nonsense(what: &str) -> Error {
    Error::new(ErrorKind::Settings, format!("drive {what}")).with_hint("name a number above 0")
}
