//! Every command line in the documents is one that the program understands.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use llmbench_testkit::LlmbenchCommand;

use crate::setup::*;

#[test]
fn documented_commands_exist() {
    let root = repository();
    let mut files = vec![root.join("README.md")];
    markdown_below(&root.join("docs"), &mut files);
    let mut program = Program::new();
    let mut command_count = 0;
    let mut wrong = String::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(root).unwrap().display();
        for (line, command) in commands(&text) {
            command_count += 1;
            if let Err(reason) = program.understands(&command) {
                writeln!(wrong, "{name}:{line}: `{command}`: {reason}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(command_count > 20, "only {command_count} commands were found in the documents");
}

#[test]
fn what_is_not_documented_rightly_is_found() {
    let mut program = Program::new();
    let mut check = |text: &str, expected: &[(usize, &str)]| {
        let found: Vec<_> = commands(text)
            .into_iter()
            .filter_map(|(line, command)| Some((line, program.understands(&command).err()?)))
            .collect();
        let expected: Vec<_> =
            expected.iter().map(|(line, reason)| (*line, (*reason).to_owned())).collect();
        assert_eq!(found, expected, "{text}");
    };
    for right in [
        "```sh\n$ llmbench run --model a:b --runs=5   # five\nllmbench fixtures check | less\n```",
        "`llmbench help`, `llmbench help run`, `llmbench COMMAND --help`, `llmbench plugins`",
        "`llmbench report RUN --format md`, `llmbench -q --plugin-dir DIR models`",
        "`llmbench --config FILE run --set 'a=b c' --dry-run`",
        "```sh\nllmbench run \\\n  --runs 5\n```\n\n    llmbench (cli) ──► host",
        "```toml\nllmbench = { path = \"validate\" }\n```\nllmbench validate is prose",
    ] {
        check(right, &[]);
    }
    check("\n`llmbench conquer FILE`", &[(2, "there is no command `conquer`")]);
    check("`llmbench fixtures\nchek`", &[(1, "there is no command `fixtures chek`")]);
    check("```\n\n$ llmbench run --retrace\n```", &[(3, "`run` has no option `--retrace`")]);
    check("```sh\nllmbench run \\\n  --retrace\n```", &[(2, "`run` has no option `--retrace`")]);
    check("`llmbench run -z`", &[(1, "`run` has no option `-z`")]);
    check("`llmbench run --dry`", &[(1, "`run` has no option `--dry`")]);
    check("    llmbench fixtures check DIR", &[(1, "`fixtures check` takes no argument `DIR`")]);
    check("`llmbench rejudge A B`", &[(1, "`rejudge` takes no argument `B`")]);
}

fn markdown_below(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            markdown_below(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
}

/// The command lines of a page with their lines, from 1: those in code blocks, then those in prose.
fn commands(text: &str) -> Vec<(usize, String)> {
    let mut commands = Vec::new();
    let mut prose = String::new();
    let mut in_fence = false;
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let is_fence = ["```", "~~~"].iter().any(|fence| line.trim_start().starts_with(fence));
        in_fence ^= is_fence;
        if is_fence || !(in_fence || line.starts_with("    ")) {
            prose += if is_fence { "" } else { line };
            prose.push('\n');
            continue;
        }
        prose.push('\n');
        let line = line.trim();
        let mut command = line.strip_prefix("$ ").unwrap_or(line).to_owned();
        if !is_command(&command) {
            continue;
        }
        while let Some(begun) = command.strip_suffix('\\') {
            let Some((_, more)) = lines.next() else { break };
            prose.push('\n');
            command = format!("{begun}{}", more.trim());
        }
        commands.push((index + 1, command));
    }
    for (start, _) in prose.match_indices("`llmbench ") {
        let command = prose[start + 1..].split('`').next().unwrap_or_default().replace('\n', " ");
        if is_command(&command) {
            commands.push((prose[..start].matches('\n').count() + 1, command));
        }
    }
    commands
}

/// Tells commands from drawings and tables of keys, in which the program's name stands as well.
fn is_command(line: &str) -> bool {
    line.strip_prefix("llmbench ").is_some_and(|rest| {
        rest.trim_start().starts_with(|first: char| first.is_alphanumeric() || first == '-')
    })
}

/// The words up to a comment or to whatever the shell does with the output.
fn words(command: &str) -> Vec<&str> {
    let mut is_quoted = false;
    let words = command.split(|character: char| {
        is_quoted ^= matches!(character, '\'' | '"');
        character.is_whitespace() && !is_quoted
    });
    words
        .filter(|word| !word.is_empty())
        .take_while(|word| !(word.starts_with(['#', '>', '|', '&', ';']) || word.starts_with("2>")))
        .collect()
}

/// What `--help` tells of a command.
#[derive(Default)]
struct Help {
    commands: BTreeSet<String>,
    /// Option → whether it takes a value.
    options: BTreeMap<String, bool>,
    argument_count: usize,
}

impl Help {
    fn parse(text: &str) -> Self {
        let mut help = Self::default();
        let mut section = "";
        for line in text.lines().filter(|line| !line.is_empty()) {
            if !line.starts_with(' ') {
                section = line.trim();
                continue;
            }
            let entry = line.trim();
            let is_entry = line.starts_with("  ") && !line.starts_with("   ");
            match section {
                "Commands:" if is_entry => {
                    help.commands.extend(entry.split_whitespace().next().map(str::to_owned));
                }
                "Arguments:" if is_entry && entry.contains("...") => {
                    help.argument_count = usize::MAX;
                }
                "Arguments:" if is_entry => {
                    help.argument_count = help.argument_count.saturating_add(1);
                }
                "Options:" if entry.starts_with('-') && !entry.starts_with("- ") => {
                    // Two spaces part the names from what the option does.
                    let names = entry.split("  ").next().unwrap_or_default();
                    let takes_value = names.contains('<');
                    for name in names.split([' ', ',']).filter(|name| name.starts_with('-')) {
                        help.options.insert(name.trim_end_matches("...").to_owned(), takes_value);
                    }
                }
                _ => {}
            }
        }
        help
    }
}

/// The real program; each command is asked for its help once.
struct Program {
    command: LlmbenchCommand,
    helps: BTreeMap<String, Help>,
}

impl Program {
    fn new() -> Self {
        Self { command: command(), helps: BTreeMap::new() }
    }

    fn help(&mut self, path: &[&str]) -> &Help {
        let command = &self.command;
        self.helps.entry(path.join(" ")).or_insert_with(|| {
            let output = command.run(&[path, &["--help"]].concat());
            expect_code(&output, 0);
            Help::parse(&output.stdout)
        })
    }

    /// Checks commands, options and the number of arguments; values may be anything.
    fn understands(&mut self, command: &str) -> Result<(), String> {
        let mut path: Vec<&str> = Vec::new();
        let mut argument_count = 0;
        let mut words = words(command).into_iter().skip(1);
        while let Some(word) = words.next() {
            let help = self.help(&path);
            let shown = if path.is_empty() { "llmbench".to_owned() } else { path.join(" ") };
            if word.starts_with('-') {
                let (name, value) =
                    word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
                let Some(takes_value) = help.options.get(name) else {
                    return Err(format!("`{shown}` has no option `{name}`"));
                };
                if *takes_value && value.is_none() {
                    words.next();
                }
            } else if help.commands.is_empty() {
                argument_count += 1;
                if argument_count > help.argument_count {
                    return Err(format!("`{shown}` takes no argument `{word}`"));
                }
            } else if word == "help" {
                return Ok(());
            } else if help.commands.contains(word) {
                path.push(word);
            } else if !is_placeholder(word) {
                path.push(word);
                return Err(format!("there is no command `{}`", path.join(" ")));
            }
        }
        Ok(())
    }
}

fn is_placeholder(word: &str) -> bool {
    !word.chars().any(char::is_lowercase)
}
