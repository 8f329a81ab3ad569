//! `llmbench report --serve`: the page over HTTP, for this machine only.
//!
//! The page asks for newer data every two seconds; an unchanged run answers
//! "not modified" without being read. Only three things are served: the page,
//! its data, and an attempt that the run knows; no path of a request becomes a
//! path of the file system. A request that does not name this server's own
//! address as its host is refused, so that a page from elsewhere cannot read
//! results by giving its own name this address (DNS rebinding).

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use axum::Router;
use axum::extract::{Path as Parts, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use llmbench_report::html::{attempt_data, content_security_policy, served_data, served_page};
use llmbench_report::{MANIFEST_FILE, Report, Run, SAMPLES_FILE};
use serde_json::{Value, json};

use super::{open, report_of, sources, tell_doubts};
use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::output;

/// What is known of the runs, and of which state of their files.
struct Known {
    tag: String,
    runs: Vec<Run>,
    data: Value,
}

struct Server {
    folders: Vec<PathBuf>,
    hosts: [String; 2],
    policy: HeaderValue,
    known: Mutex<Arc<Known>>,
}

/// Serves until Ctrl-C.
pub(super) fn serve(folders: Vec<PathBuf>, port: Option<u16>) -> Result<ExitCode> {
    let known = read(&folders)?;
    known.runs.iter().for_each(tell_doubts);
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        CliError::not_ready(format!("cannot {what}: {error}"))
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| failed("start a server", &error))?;
    runtime.block_on(async {
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)));
        let listener = tokio::net::TcpListener::bind(wanted).await;
        let listener = listener.map_err(|error| {
            failed(&format!("listen on {wanted}"), &error)
                .hint("name another port with `--port`, or leave it out for a free one")
        })?;
        let address =
            listener.local_addr().map_err(|error| failed("tell the server's address", &error))?;
        let policy = HeaderValue::from_str(&content_security_policy("'self'"));
        let server = Arc::new(Server {
            folders,
            hosts: [address.to_string(), format!("localhost:{}", address.port())],
            policy: policy.map_err(|error| failed("write the page's policy", &error))?,
            known: Mutex::new(Arc::new(known)),
        });
        let stop = interrupts();
        output::result(&format!("http://{address}/"));
        output::note("Ctrl-C ends it");
        let app = Router::new()
            .route("/", get(page))
            .route("/data", get(data))
            .route("/attempt/{run}/{id}", get(attempt))
            .layer(middleware::from_fn_with_state(Arc::clone(&server), guard))
            .with_state(server);
        tokio::select! {
            ended = axum::serve(listener, app).into_future() => {
                ended.map_err(|error| failed("go on serving", &error))?;
            }
            () = stop.notified() => {}
        }
        Ok(ExitCode::Done)
    })
}

fn interrupts() -> Arc<tokio::sync::Notify> {
    let stop = Arc::new(tokio::sync::Notify::new());
    let pressed = Arc::clone(&stop);
    if let Err(error) = ctrlc::set_handler(move || pressed.notify_one()) {
        output::warning(&format!(
            "Ctrl-C cannot be caught ({error}); it will end the server at once"
        ));
    }
    stop
}

/// Refuses requests for other hosts, and tells the browser what each answer may do.
async fn guard(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let mut response = if host.is_some_and(|host| server.hosts.iter().any(|own| own == host)) {
        next.run(request).await
    } else {
        (StatusCode::MISDIRECTED_REQUEST, "this server answers for its own address only\n")
            .into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, server.policy.clone());
    let fixed = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn page(State(server): State<Arc<Server>>) -> Response {
    let made = now(server, |known| served_page(&known.data)).await;
    made.map(|page| ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page)).into_response()
}

async fn data(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    let has =
        headers.get(header::IF_NONE_MATCH).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let made = now(server, move |known| {
        let is_known = has.as_ref() == Some(&known.tag);
        (known.tag.clone(), (!is_known).then(|| known.data.to_string()))
    });
    match made.await {
        Ok((_, None)) => StatusCode::NOT_MODIFIED.into_response(),
        Ok((tag, Some(text))) => ([(header::ETAG, tag)], json_text(text)).into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn attempt(
    State(server): State<Arc<Server>>,
    Parts((run, id)): Parts<(usize, String)>,
) -> Response {
    let made = now(server, move |known| {
        let run = known.runs.get(run)?;
        let report = report_of(run);
        let [source] = sources(std::slice::from_ref(run), std::slice::from_ref(&report))[..] else {
            return None;
        };
        attempt_data(source, &id).map(|data| data.to_string())
    });
    match made.await {
        Ok(Some(text)) => json_text(text).into_response(),
        Ok(None) => (StatusCode::NOT_FOUND, "no such attempt\n").into_response(),
        Err(problem) => problem.into_response(),
    }
}

fn json_text(text: String) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], text)
}

/// What `make` makes of the runs as they are now, away from the threads that answer.
async fn now<T: Send + 'static>(
    server: Arc<Server>,
    make: impl FnOnce(&Known) -> T + Send + 'static,
) -> std::result::Result<T, (StatusCode, String)> {
    let work = tokio::task::spawn_blocking(move || {
        let known = server
            .current()
            .map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", error.message)))?;
        Ok(make(&known))
    });
    work.await.unwrap_or_else(|_| {
        Err((StatusCode::INTERNAL_SERVER_ERROR, "the report could not be made\n".to_owned()))
    })
}

impl Server {
    /// The runs, read again when their files have changed.
    fn current(&self) -> Result<Arc<Known>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.tag != tag(&self.folders) {
            *known = Arc::new(read(&self.folders)?);
        }
        Ok(Arc::clone(&known))
    }
}

fn read(folders: &[PathBuf]) -> Result<Known> {
    // Before the files are read: what comes in between is then found the next time.
    let tag = tag(folders);
    let runs: Vec<Run> = folders.iter().map(|folder| open(folder)).collect::<Result<_>>()?;
    let reports: Vec<Report<'_>> = runs.iter().map(report_of).collect();
    let mut data = served_data(&sources(&runs, &reports));
    drop(reports);
    data["tag"] = json!(tag);
    Ok(Known { tag, runs, data })
}

/// Changes whenever a run's files do.
fn tag(folders: &[PathBuf]) -> String {
    let state = |path: &Path| {
        let Ok(metadata) = path.metadata() else { return String::new() };
        let modified =
            metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        format!("{:x}.{:x}", metadata.len(), modified.map_or(0, |time| time.as_nanos()))
    };
    let files = folders.iter().flat_map(|dir| [dir.join(MANIFEST_FILE), dir.join(SAMPLES_FILE)]);
    let states: Vec<_> = files.map(|path| state(&path)).collect();
    format!("\"{}\"", states.join("-"))
}
