//! What the tests share: the server, the toolchain, fixtures, and the files of a run.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use llmbench_testkit::{FaultServer, LlmbenchCommand, OllamaServer, Output, Step, tools};
use serde_json::{Value, json};

/// Folder of the small fixture in the working directory of [`command`].
pub(crate) const SMALL: &str = "./small";

const SMALL_INPUT: &str = "<script setup>\nconst word = 'hello'\n</script>\n\n\
     <template>\n  <p>{{ word }}</p>\n</template>\n";
const SMALL_EXPECTED: &str = "<script setup lang=\"ts\">\nconst word: string = 'hello'\n</script>\n\n\
     <template>\n  <p>{{ word }}</p>\n</template>\n";

/// The repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("core/cli lies in it")
}

/// The folder of toolchains, installed once for all tests.
pub(crate) fn data_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("llmbench-data")
}

/// `llmbench` in an own directory that holds the small fixture.
pub(crate) fn command() -> LlmbenchCommand {
    let command =
        LlmbenchCommand::new().env("LLMBENCH_DATA_DIR", data_dir()).limit(Duration::from_secs(240));
    for (file, text) in [
        ("input.vue", SMALL_INPUT),
        ("expected.vue", SMALL_EXPECTED),
        ("prompt.md", "Add TypeScript types:\n{{ input_code }}\n"),
        ("ast_checks.json", r#"{"version": 1, "checks": [{"kind": "script_lang", "weight": 1}]}"#),
        (
            "fixture.json",
            r#"{"version": 1, "title": "One word", "level": 1, "max_scores": {"input.vue": 5}}"#,
        ),
    ] {
        command.write(Path::new(SMALL).join(file), text);
    }
    command
}

/// The tests' real Ollama, lent to one test at a time.
pub(crate) struct SharedOllama {
    server: &'static OllamaServer,
    _turn: MutexGuard<'static, ()>,
}

impl std::ops::Deref for SharedOllama {
    type Target = OllamaServer;

    fn deref(&self) -> &OllamaServer {
        self.server
    }
}

/// The tests' real Ollama with the tiny models; `None` after saying why there is none.
pub(crate) fn ollama() -> Option<SharedOllama> {
    static SERVER: OnceLock<Result<OllamaServer, tools::Missing>> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let server = own(SERVER.get_or_init(OllamaServer::tiny).as_ref())?;
    Some(SharedOllama { server, _turn: TURN.lock().unwrap_or_else(PoisonError::into_inner) })
}

/// The value, or `None` after saying what is missing.
pub(crate) fn own<T>(found: Result<T, impl std::fmt::Display>) -> Option<T> {
    match found {
        Ok(value) => Some(value),
        Err(missing) => {
            llmbench_testkit::skip_or_fail(missing);
            None
        }
    }
}

/// True when Node.js and npm are there; says so when not.
pub(crate) fn has_node() -> bool {
    own(tools::find_node().and_then(|_| tools::find_npm())).is_some()
}

/// A stand-in for an Ollama whose only model `parrot` gives always the same answer.
///
/// The tiny models never write Vue; this one shows what happens with an answer that is right.
pub(crate) fn parrot(answer: &str) -> FaultServer {
    let answer = Step::json(200, &format!("{}\n", chat_line(answer)));
    parrot_that(answer)
}

/// A stand-in whose model `parrot` does `chat` when asked.
pub(crate) fn parrot_that(chat: Vec<Step>) -> FaultServer {
    let model = json!({"name": "parrot:latest", "model": "parrot:latest", "size": 1, "digest": "ab".repeat(32)});
    let show = json!({"details": {"family": "llama"}, "model_info": {"general.architecture": "llama", "llama.context_length": 8192}});
    FaultServer::start([
        ("/api/version", Step::json(200, r#"{"version":"0.0.1"}"#)),
        ("/api/tags", Step::json(200, &json!({ "models": [model] }).to_string())),
        ("/api/ps", Step::json(200, r#"{"models":[]}"#)),
        ("/api/show", Step::json(200, &show.to_string())),
        ("/api/generate", chat.clone()),
        ("/api/chat", chat),
    ])
}

fn chat_line(answer: &str) -> Value {
    json!({
        "model": "parrot:latest", "created_at": "2026-01-01T00:00:00Z",
        "message": {"role": "assistant", "content": answer},
        "done": true, "done_reason": "stop", "total_duration": 3_000_000, "load_duration": 1_000_000,
        "prompt_eval_count": 100, "prompt_eval_duration": 1_000_000,
        "eval_count": 50, "eval_duration": 1_000_000,
    })
}

/// The right answer to the small fixture.
pub(crate) fn right_answer() -> String {
    format!("```vue\n{SMALL_EXPECTED}```\n")
}

/// The files of the only run below a folder.
pub(crate) struct RunFiles {
    /// The run's folder.
    pub(crate) dir: PathBuf,
    /// `run.json`.
    pub(crate) manifest: Value,
    /// `samples.jsonl`, line by line.
    pub(crate) samples: Vec<Value>,
}

impl RunFiles {
    /// Reads the only run in `results` of the command's working directory.
    pub(crate) fn of(command: &LlmbenchCommand) -> Self {
        Self::below(&command.dir().join("results"))
    }

    /// Reads the only run in `out`.
    pub(crate) fn below(out: &Path) -> Self {
        let runs = runs_in(out);
        let [dir] = runs.as_slice() else { panic!("not one run: {runs:?}") };
        let samples = std::fs::read_to_string(dir.join("samples.jsonl")).unwrap();
        Self {
            dir: dir.clone(),
            manifest: read_json(&dir.join("run.json")),
            samples: samples.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        }
    }

    /// One field of every sample.
    pub(crate) fn field(&self, name: &str) -> Vec<Value> {
        self.samples.iter().map(|sample| sample[name].clone()).collect()
    }
}

/// The folders of runs in `out`, sorted.
pub(crate) fn runs_in(out: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(out).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
    let mut runs: Vec<_> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    runs.sort();
    runs
}

/// A JSON file.
pub(crate) fn read_json(path: &Path) -> Value {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Checks the exit code; a failure shows everything that was said.
#[track_caller]
pub(crate) fn expect_code(output: &Output, code: i32) {
    assert_eq!(output.code, code, "{output}");
}

/// Checks that `text` holds every part; a failure shows all of it.
#[track_caller]
pub(crate) fn expect_parts(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}
