//! A real Ollama server for one test target.

use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::gguf::TinyModel;
use crate::guardian::{self, Guardian, Served};
use crate::tools::{Missing, find_ollama};

/// Name of the dense model that [`OllamaServer::tiny`] makes.
pub const TINY: &str = "tiny";
/// Name of the mixture of experts that [`OllamaServer::tiny`] makes.
pub const TINY_MOE: &str = "tiny-moe";
/// The prompt as it is; the models were trained on nothing.
pub const PLAIN_TEMPLATE: &str = "{{ .System }} {{ .Prompt }}";

/// Settings of an [`OllamaServer`].
#[derive(Debug, Clone, Default)]
pub struct OllamaOptions {
    env: Vec<(String, String)>,
}

impl OllamaOptions {
    /// Settings without any variable beyond those that keep the server to itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a variable of the server, for example `OLLAMA_MAX_QUEUE`.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts a server with these settings; see [`OllamaServer::start`].
    ///
    /// # Errors
    /// As [`OllamaServer::start`].
    pub fn start(self) -> Result<OllamaServer, Missing> {
        OllamaServer::start_with(&self)
    }
}

/// A running Ollama with its own directory, port and models.
///
/// Its whole process group ends when the value is dropped, and also when the
/// test process ends without dropping it.
#[derive(Debug)]
pub struct OllamaServer {
    program: PathBuf,
    address: SocketAddr,
    guardian: Guardian,
    dir: TempDir,
}

impl OllamaServer {
    /// Starts a server without models and waits until it answers.
    ///
    /// # Errors
    /// [`Missing`] when there is no `ollama` program.
    ///
    /// # Panics
    /// When the program is there but does not answer within a minute.
    pub fn start() -> Result<Self, Missing> {
        OllamaOptions::new().start()
    }

    /// Starts a server that has the models [`TINY`] and [`TINY_MOE`].
    ///
    /// # Errors
    /// As [`OllamaServer::start`].
    ///
    /// # Panics
    /// As [`OllamaServer::start`].
    pub fn tiny() -> Result<Self, Missing> {
        let server = Self::start()?;
        server.create_tiny_models();
        Ok(server)
    }

    fn start_with(options: &OllamaOptions) -> Result<Self, Missing> {
        let program = find_ollama()?;
        Ok(guardian::start(&program, || Self::spawn(&program, options)))
    }

    fn spawn(program: &Path, options: &OllamaOptions) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("llmbench-ollama-").tempdir()?;
        let address = guardian::free_address()?;
        std::fs::create_dir(dir.path().join("home"))?;
        let guardian = Guardian::start(program, &["serve"], dir.path(), |command| {
            isolate(command, dir.path(), address);
            command.envs(options.env.iter().map(|(name, value)| (name, value)));
        })?;
        Ok(Self { program: program.to_owned(), address, guardian, dir })
    }

    /// Base URL of the server, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        guardian::log(self.dir.path())
    }

    /// A directory that goes with the server.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Makes a model of a GGUF file; `template` is Ollama's prompt template.
    ///
    /// The model uses one thread, which is fastest for the tiny ones.
    ///
    /// # Panics
    /// When the server refuses the file.
    pub fn create(&self, name: &str, gguf_path: &Path, template: &str) {
        self.create_with(name, gguf_path, template, &[("num_thread", "1")]);
    }

    /// As [`OllamaServer::create`], with these parameters of a Modelfile alone.
    ///
    /// # Panics
    /// When the server refuses the file.
    pub fn create_with(
        &self,
        name: &str,
        gguf_path: &Path,
        template: &str,
        parameters: &[(&str, &str)],
    ) {
        let modelfile =
            self.dir.path().join(format!("{}.modelfile", name.replace([':', '/'], "-")));
        let mut text = format!("FROM {}\nTEMPLATE \"\"\"{template}\"\"\"\n", gguf_path.display());
        for (key, value) in parameters {
            text.push_str(&format!("PARAMETER {key} {value}\n"));
        }
        std::fs::write(&modelfile, text).expect("the server's directory is writable");
        let mut command = Command::new(&self.program);
        isolate(&mut command, self.dir.path(), self.address);
        let output = command
            .args(["create", name, "-f"])
            .arg(&modelfile)
            .stdin(Stdio::null())
            .output()
            .expect("the program that serves also runs");
        assert!(
            output.status.success(),
            "`ollama create {name}` failed: {}\n{}",
            String::from_utf8_lossy(&output.stderr),
            self.log()
        );
    }

    /// Makes the models [`TINY`] and [`TINY_MOE`].
    ///
    /// # Panics
    /// As [`OllamaServer::create`].
    pub fn create_tiny_models(&self) {
        for (name, model) in [(TINY, TinyModel::dense()), (TINY_MOE, TinyModel::mixture())] {
            let path = self.dir.path().join(format!("{name}.gguf"));
            model.write(&path).expect("the server's directory is writable");
            self.create(name, &path, PLAIN_TEMPLATE);
            // The server has its own copy now.
            let _ = std::fs::remove_file(path);
        }
    }

    /// Process ids of the runners, which compute; the server itself only relays.
    ///
    /// Empty where there is no `/proc`.
    pub fn runner_ids(&self) -> Vec<u32> {
        self.group_members()
            .into_iter()
            .filter(|(_, arguments)| arguments.iter().any(|argument| argument == "runner"))
            .map(|(id, _)| id)
            .collect()
    }

    /// Kills every runner, as the system does when memory runs out.
    pub fn kill_runners(&self) {
        self.runner_ids().into_iter().for_each(kill);
    }

    /// Kills the server process and its runners; the value stays usable for its log.
    pub fn kill_server(&self) {
        for (id, arguments) in self.group_members() {
            if arguments.iter().any(|argument| argument == "serve" || argument == "runner")
                && id != self.guardian.id()
            {
                kill(id);
            }
        }
    }

    /// Sends a GET request and returns the whole answer with its headers.
    ///
    /// # Errors
    /// When nothing answers.
    pub fn get(&self, path: &str) -> io::Result<String> {
        guardian::get(self.address, path)
    }

    fn group_members(&self) -> Vec<(u32, Vec<String>)> {
        let group = self.guardian.id();
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
            .filter(|id| process_group(*id) == Some(group))
            .filter_map(|id| Some((id, arguments(id)?)))
            .collect()
    }
}

impl Served for OllamaServer {
    const PORT_TAKEN: &str = "address already in use";

    fn is_ready(&self) -> bool {
        self.get("/api/version").is_ok_and(|answer| answer.contains("version"))
            && self.log().contains("Listening on")
    }

    fn log(&self) -> String {
        Self::log(self)
    }
}

fn isolate(command: &mut Command, dir: &Path, address: SocketAddr) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OLLAMA_") {
            command.env_remove(name);
        }
    }
    command.env("OLLAMA_HOST", address.to_string());
    command.env("OLLAMA_MODELS", dir.join("models"));
    command.env("HOME", dir.join("home"));
}

fn kill(id: u32) {
    // Through the system's tool: the standard library only kills its own children.
    let _ = Command::new("kill").args(["-KILL", &id.to_string()]).status();
}

/// The fifth field of `/proc/<id>/stat`, counted behind the name in parentheses.
fn process_group(id: u32) -> Option<u32> {
    let mut stat = String::new();
    File::open(format!("/proc/{id}/stat")).ok()?.read_to_string(&mut stat).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok()
}

fn arguments(id: u32) -> Option<Vec<String>> {
    let line = std::fs::read(format!("/proc/{id}/cmdline")).ok()?;
    Some(line.split(|byte| *byte == 0).map(|a| String::from_utf8_lossy(a).into_owned()).collect())
}
