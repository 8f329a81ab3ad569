//! Builds the test plugins with cargo, once, into `target/border-tests`.
//!
//! Each variant is a small generated workspace: the sources of
//! `tests/plugins`, and, where the interface itself is changed, a patched copy
//! of `core/abi` and `core/plugin`. All share one target folder and the
//! versions of the repository's `Cargo.lock`, so that dependencies compile once.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX, EXE_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Instant;

/// What the test plugins are built against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// The interface as it is.
    Current,
    /// One minor version later, with an appended function and an appended method.
    Newer,
    /// One major version later.
    Major,
    /// The same version with a changed method: somebody forgot to raise it.
    Changed,
}

/// In place of a source file: the Rust blocks of this document.
const GUIDE: &str = "docs/writing-a-plugin.md";

/// A package of a generated workspace and its source in `tests/plugins`.
struct Package {
    name: &'static str,
    source: &'static str,
}

const fn package(name: &'static str, source: &'static str) -> Package {
    Package { name, source }
}

impl Variant {
    fn folder(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Newer => "newer",
            Self::Major => "major",
            Self::Changed => "changed",
        }
    }

    fn packages(self) -> &'static [Package] {
        const CURRENT: &[Package] = &[
            package("good", "good.rs"),
            package("panicky", "panicky.rs"),
            package("own_log", "own_log.rs"),
            package("stranger", "stranger.rs"),
            package("aborting", "minimal.rs"),
            package("guide", GUIDE),
        ];
        const NEWER: &[Package] =
            &[package("newer", "good.rs"), package("newer_host", "newer_host.rs")];
        const MAJOR: &[Package] = &[package("major", "minimal.rs")];
        const CHANGED: &[Package] = &[package("changed", "minimal.rs")];
        match self {
            Self::Current => CURRENT,
            Self::Newer => NEWER,
            Self::Major => MAJOR,
            Self::Changed => CHANGED,
        }
    }

    fn copies(self) -> &'static [&'static str] {
        match self {
            Self::Current => &[],
            Self::Newer => &["abi", "plugin", "host"],
            Self::Major | Self::Changed => &["abi", "plugin"],
        }
    }

    /// (file, what stands there, what is put there)
    fn patches(self) -> Vec<(&'static str, String, String)> {
        let patch = |file, from: &str, to: &str| (file, from.to_owned(), to.to_owned());
        let version = |major: u64, minor: u64| {
            patch(
                "core/abi/Cargo.toml",
                &format!("version = \"{}\"", llmbench_abi::ABI_VERSION),
                &format!("version = \"{major}.{minor}.0\""),
            )
        };
        let mut numbers = llmbench_abi::ABI_VERSION.split('.').map(|part| part.parse().unwrap());
        let (major, minor): (u64, u64) = (numbers.next().unwrap(), numbers.next().unwrap());
        match self {
            Self::Current => Vec::new(),
            Self::Newer => vec![
                version(major, minor + 1),
                patch(
                    "core/abi/src/module.rs",
                    "RawResult<TestTypeBox>,\n}",
                    "RawResult<TestTypeBox>,\n    /// Appended.\n    pub extra: extern \"C\" fn() -> u32,\n}",
                ),
                patch(
                    "core/plugin/src/macros.rs",
                    "            fn module()",
                    "            extern \"C\" fn extra() -> u32 { 8 }\n            fn module()",
                ),
                patch(
                    "core/plugin/src/macros.rs",
                    "create_test_type,\n                })",
                    "create_test_type,\n                    extra,\n                })",
                ),
                patch(
                    "core/abi/src/parts.rs",
                    "RawResult<RString>;\n}\n\n/// A shared backend.",
                    "RawResult<RString>;\n    /// Appended.\n    fn extra(&self) -> u32 { 7 }\n}\n\n/// A shared backend.",
                ),
                patch(
                    "core/plugin/src/export/components.rs",
                    "impl RawBackend for Exported<dyn Backend> {",
                    "impl RawBackend for Exported<dyn Backend> {\n    fn extra(&self) -> u32 { 8 }",
                ),
                patch(
                    "core/plugin/src/import/components.rs",
                    "from_raw_json(&self.plugin, self.raw.probe(export::context(cx)))\n    }\n\n    fn models",
                    "let info = from_raw_json(&self.plugin, self.raw.probe(export::context(cx)));\n        info.map(|mut info: ServerInfo| { info.notes.push(format!(\"extra {}\", self.raw.extra())); info })\n    }\n\n    fn models",
                ),
            ],
            Self::Major => vec![version(major + 1, 0)],
            Self::Changed => vec![
                patch(
                    "core/abi/src/parts.rs",
                    "fn stop(&self, cx: ContextBox)",
                    "fn stop(&self, wait_ms: u32, cx: ContextBox)",
                ),
                patch(
                    "core/plugin/src/export/components.rs",
                    "fn stop(&self, cx: ContextBox)",
                    "fn stop(&self, _wait_ms: u32, cx: ContextBox)",
                ),
                patch(
                    "core/plugin/src/import/components.rs",
                    "self.raw.stop(export::context(cx))",
                    "self.raw.stop(0, export::context(cx))",
                ),
            ],
        }
    }
}

/// The library `name`, built when needed.
pub(crate) fn library(variant: Variant, name: &str) -> PathBuf {
    built(variant).join(file_name(name))
}

/// The program `name`, built when needed.
pub(crate) fn program(variant: Variant, name: &str) -> PathBuf {
    built(variant).join(format!("{name}{EXE_SUFFIX}"))
}

/// The file name that cargo gives to the library of test plugin `name`.
pub(crate) fn file_name(name: &str) -> String {
    format!("{DLL_PREFIX}llmbench_plugin_{name}{DLL_SUFFIX}")
}

/// The folder of the built files; the first caller of each variant builds.
fn built(variant: Variant) -> PathBuf {
    static DONE: [OnceLock<()>; 4] = [const { OnceLock::new() }; 4];
    DONE[variant as usize].get_or_init(|| build(variant, false));
    target_dir().join("debug")
}

/// The library `name` of the current interface, with optimisation, for measurements.
#[allow(dead_code, reason = "only the example measures")]
pub(crate) fn optimised(name: &str) -> PathBuf {
    build(Variant::Current, true);
    target_dir().join("release").join(file_name(name))
}

fn build(variant: Variant, release: bool) {
    let root = target_dir().join(variant.folder());
    generate(variant, &root);
    let profile = if release { &["--release"][..] } else { &[] };
    let started = Instant::now();
    run_cargo(&root, &[&["build", "--workspace", "--exclude", "aborting"], profile].concat());
    if variant == Variant::Current && !release {
        let arguments = ["rustc", "--package", "aborting", "--lib", "--", "-C", "panic=abort"];
        run_cargo(&root, &arguments);
    }
    let names: Vec<_> = variant.packages().iter().map(|package| package.name).collect();
    let seconds = started.elapsed().as_secs_f64();
    note(&format!("{} ({}): {seconds:.1} s", variant.folder(), names.join(", ")));
}

fn run_cargo(root: &Path, arguments: &[&str]) {
    let run = |offline: bool| -> Output {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .arg(arguments[0])
            .arg("--quiet")
            .arg("--manifest-path")
            .arg(root.join("Cargo.toml"));
        command.arg("--target-dir").arg(target_dir());
        if offline {
            command.arg("--offline");
        }
        command.args(&arguments[1..]).output().expect("cargo can be started")
    };
    let mut output = run(true);
    if !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("--offline") {
        output = run(false);
    }
    assert!(
        output.status.success(),
        "`cargo {}` failed in {}:\n{}",
        arguments.join(" "),
        root.display(),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn generate(variant: Variant, root: &Path) {
    let repository = repository();
    for copied in variant.copies() {
        let from = repository.join("core").join(copied);
        copy_sources(&from, &root.join("core").join(copied), variant, &format!("core/{copied}"));
    }
    for package in variant.packages() {
        let source = if package.source == GUIDE {
            let source = root.join("guide.rs");
            write(&source, &plugins_of_the_guide(&repository));
            source
        } else {
            repository.join("core/host/tests/plugins").join(package.source)
        };
        let manifest = root.join("plugins").join(package.name).join("Cargo.toml");
        write(&manifest, &manifest_of(package, &source));
    }
    write(&root.join("Cargo.toml"), &workspace_manifest(variant, &repository));

    // cargo drops what these packages do not need from its copy of the lock
    // file, so the copy is only renewed when the original has changed.
    let lock = fs::read_to_string(repository.join("Cargo.lock")).expect("the lock file is there");
    let origin = root.join("Cargo.lock.origin");
    if fs::read_to_string(&origin).ok().as_ref() != Some(&lock) {
        write(&root.join("Cargo.lock"), &lock);
        write(&origin, &lock);
    }
}

/// Every Rust block of the guide as a module, and one `export_plugin!` for all of them.
fn plugins_of_the_guide(repository: &Path) -> String {
    let text = fs::read_to_string(repository.join(GUIDE)).expect("the guide is there");
    let mut source = String::new();
    for (index, block) in text.split("```rust\n").skip(1).enumerate() {
        let (code, _) = block.split_once("```").expect("a block ends");
        let code = code.replace("llmbench_plugin::export_plugin!();\n", "");
        source += &format!("mod block_{index} {{\n{code}}}\n");
    }
    source + "llmbench_plugin::export_plugin!();\n"
}

fn manifest_of(package: &Package, source: &Path) -> String {
    let Package { name, .. } = package;
    let target = if *name == "newer_host" {
        "[[bin]]\nname = \"newer_host\"\n"
    } else {
        &format!("[lib]\nname = \"llmbench_plugin_{name}\"\ncrate-type = [\"cdylib\"]\n")
    };
    let dependencies = match *name {
        "stranger" => "",
        "newer_host" => "llmbench-api.workspace = true\nllmbench-host.workspace = true\n",
        _ => {
            "llmbench-api.workspace = true\nllmbench-plugin.workspace = true\nserde.workspace = true\nserde_json.workspace = true\ntracing.workspace = true\n"
        }
    };
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.1\"\nedition = \"2024\"\n\n{target}path = {source:?}\n\n[dependencies]\n{dependencies}"
    )
}

/// The repository's manifest with other members and, for crates that are not copied, full paths.
fn workspace_manifest(variant: Variant, repository: &Path) -> String {
    let original =
        fs::read_to_string(repository.join("Cargo.toml")).expect("the workspace manifest is there");
    let (head, _) = original.split_once("[profile.dev]").expect("profiles come last");
    let mut text = String::new();
    for line in head.lines() {
        if line.starts_with("default-members") || line.starts_with("exclude") {
            continue;
        }
        if line.starts_with("members") {
            let core = if variant.copies().is_empty() { "" } else { "\"core/*\", " };
            text += &format!("members = [{core}\"plugins/*\"]\n");
            continue;
        }
        let path = line.split_once("path = \"core/").and_then(|(_, rest)| rest.split_once('"'));
        match path {
            Some((name, _)) if !variant.copies().contains(&name) => {
                let full = repository.join("core").join(name);
                text += &line.replace(&format!("\"core/{name}\""), &format!("{full:?}"));
            }
            _ => text += line,
        }
        text.push('\n');
    }
    text + "[profile.dev]\ndebug = false\nincremental = false\n\n[profile.release]\nstrip = true\n"
}

fn copy_sources(from: &Path, to: &Path, variant: Variant, place: &str) {
    for entry in fs::read_dir(from).expect("a source folder").flatten() {
        let name = entry.file_name().into_string().expect("source files have plain names");
        let (path, place) = (entry.path(), format!("{place}/{name}"));
        if path.is_dir() {
            if name == "src" || from.ends_with("src") {
                copy_sources(&path, &to.join(&name), variant, &place);
            }
            continue;
        }
        let mut text = fs::read_to_string(&path).expect("sources are text");
        for (_, old, new) in variant.patches().iter().filter(|(file, ..)| *file == place) {
            assert!(
                text.contains(old),
                "{place} no longer holds {old:?}; correct the patches here"
            );
            text = text.replacen(old, new, 1);
        }
        write(&to.join(&name), &text);
    }
}

/// Writes a file unless it is like that already, so that cargo sees no change.
fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return;
    }
    fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a writable target");
    fs::write(path, text).expect("a writable target");
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace root")
}

/// `border-tests` in the target folder that this program was built into.
fn target_dir() -> PathBuf {
    let own = std::env::current_exe().expect("a path to this program");
    let target = own.ancestors().find(|dir| dir.join("CACHEDIR.TAG").is_file());
    target.expect("cargo marks its target folder").join("border-tests")
}

#[allow(clippy::print_stderr, reason = "tells a waiting developer what is built")]
fn note(text: &str) {
    eprintln!("border-tests: built {text}");
}
