//! A host of a later minor version: loads the plugins it is given and uses them.

use std::path::PathBuf;
use std::sync::Arc;

use llmbench_api::{CallContext, CancelGuard, Control, Json};
use llmbench_host::{Host, SearchPath};

struct Quiet;

impl Control for Quiet {
    fn now_ns(&self) -> u64 {
        0
    }
    fn deadline_ns(&self) -> Option<u64> {
        None
    }
    fn is_cancelled(&self) -> bool {
        false
    }
    fn progress(&self, _: Option<f64>, _: &str) {}
    fn on_cancel(&self, _: Box<dyn FnOnce() + Send>) -> CancelGuard {
        CancelGuard::noop()
    }
}

/// Prints one line for each argument: its interface version and what its backend notes.
fn main() {
    for path in std::env::args_os().skip(1).map(PathBuf::from) {
        let dir = path.parent().expect("a full path").to_owned();
        let origin = llmbench_host::Origin::Flag;
        let host =
            Host::new(SearchPath::only(vec![llmbench_host::SearchDir { path: dir, origin }]));
        match host.load(&path) {
            Err(error) => println!("{error}"),
            Ok(plugin) => {
                let cx = CallContext::new(Arc::new(Quiet));
                let backend = host.backend("border", &Json::Null).expect("it registers `border`");
                let info = backend.component.probe(&cx).expect("it answers");
                println!("{} {:?} {:?}", plugin.info.abi, info.name, info.notes);
            }
        }
    }
}
