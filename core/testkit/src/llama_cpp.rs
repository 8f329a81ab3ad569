//! A real llama.cpp server for one test target.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

use crate::gguf::TinyModel;
use crate::guardian::{self, Guardian, Served};
use crate::tools::{Missing, find_llama_server};

/// Name under which the server's model goes.
pub const ALIAS: &str = "tiny";
/// Context of each of the server's slots, in tokens.
pub const SLOT_CONTEXT: u32 = 1024;
/// Requests that it answers at the same time.
pub const SLOTS: u32 = 2;

/// A running `llama-server` with its own directory and port and one tiny model.
///
/// It ends when the value is dropped, and also when the test process ends without dropping it.
#[derive(Debug)]
pub struct LlamaCppServer {
    address: SocketAddr,
    _guardian: Guardian,
    dir: TempDir,
}

impl LlamaCppServer {
    /// Starts a server with `model` and these further arguments, and waits until it is ready.
    ///
    /// # Errors
    /// [`Missing`] when there is no `llama-server` program.
    ///
    /// # Panics
    /// When the program is there but is not ready within a minute.
    pub fn start(model: TinyModel, arguments: &[&str]) -> Result<Self, Missing> {
        let program = find_llama_server()?;
        Ok(guardian::start(&program, || Self::spawn(&program, model, arguments)))
    }

    fn spawn(program: &Path, model: TinyModel, arguments: &[&str]) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("llmbench-llama-cpp-").tempdir()?;
        let address = guardian::free_address()?;
        let file = dir.path().join(format!("{ALIAS}.F32.gguf"));
        model.write(&file)?;
        let (port, slots) = (address.port().to_string(), SLOTS.to_string());
        let (file, context) = (file.to_string_lossy(), (SLOTS * SLOT_CONTEXT).to_string());
        let mut all = vec!["--model", &file, "--alias", ALIAS, "--host", "127.0.0.1"];
        all.extend(["--port", &port, "--ctx-size", &context, "--parallel", &slots]);
        all.extend(["--threads", "1"]);
        all.extend(arguments);
        let _guardian = Guardian::start(program, &all, dir.path(), |command| {
            // The server takes every one of its arguments from the environment, too.
            let own = |name: &String| name.starts_with("LLAMA_");
            let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
            names.filter(own).for_each(|name| {
                command.env_remove(name);
            });
        })?;
        Ok(Self { address, _guardian, dir })
    }

    /// Base URL of the server, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A directory that goes with the server.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        guardian::log(self.dir.path())
    }
}

impl Served for LlamaCppServer {
    const PORT_TAKEN: &str = "couldn't bind";

    fn is_ready(&self) -> bool {
        guardian::get(self.address, "/health").is_ok_and(|answer| answer.contains(" 200 "))
    }

    fn log(&self) -> String {
        Self::log(self)
    }
}
