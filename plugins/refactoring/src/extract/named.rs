//! Blocks that say which file they hold: in the fence, in the line before it, or
//! in a comment on their first line.

use std::collections::BTreeMap;

use super::component::same_code;
use super::{Extraction, none};
use crate::fences::{FencedBlock, fenced_blocks};
use crate::sfc::Shape;

/// Longest line that still is a label and not a sentence.
const LABEL_WORDS: usize = 3;
/// Fences that hold text with further fences.
const WRAPPERS: [&str; 4] = ["markdown", "md", "text", ""];

/// How a block says which file it holds; the surest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Comment,
    Lead,
    Fence,
}

struct Named<'t> {
    target: &'t str,
    source: Source,
    block: FencedBlock,
}

/// All files of an answer of several.
pub(super) fn find(
    text: &str,
    targets: &[String],
    inputs: &BTreeMap<String, String>,
) -> Extraction {
    let (named, unnamed) = sort(blocks(text, 0), targets);
    let mut extraction = Extraction::default();
    for target in targets {
        let of_target: Vec<_> = named.iter().filter(|it| it.target == target).collect();
        let input = inputs.get(target).map(String::as_str);
        match choose(&of_target, input, &mut extraction.notes) {
            Some(chosen) => {
                if !chosen.block.closed {
                    extraction.truncated = true;
                    extraction.notes.push(format!("`{target}` is cut off: its block never ends"));
                }
                extraction.files.insert(target.clone(), chosen.block.content.clone());
            }
            None => extraction.missing.push(target.clone()),
        }
    }
    if extraction.files.is_empty() {
        return none(&why_nothing(unnamed, targets));
    }
    if unnamed > 0 {
        extraction.notes.push(format!("left out {unnamed} block(s) that name no file of the task"));
    }
    extraction.found = format!("{} named block(s)", extraction.files.len());
    extraction
}

/// The block whose fence names the one target, whatever it holds.
pub(super) fn verbatim(text: &str, target: &str) -> Option<Extraction> {
    let targets = [target.to_owned()];
    let (mut named, _) = sort(blocks(text, 0), &targets);
    named.retain(|it| it.source == Source::Fence);
    let all: Vec<_> = named.iter().collect();
    let mut notes = Vec::new();
    let chosen = choose(&all, None, &mut notes)?;
    if !chosen.block.closed {
        notes.push("the code is cut off: its block never ends".to_owned());
    }
    Some(Extraction {
        files: BTreeMap::from([(target.to_owned(), chosen.block.content.clone())]),
        found: format!("fence that names {target}"),
        truncated: !chosen.block.closed,
        notes,
        ..Extraction::default()
    })
}

/// The one file of an answer that is no component: named somehow, or the last block of code.
pub(super) fn find_module(
    text: &str,
    target: &str,
    inputs: &BTreeMap<String, String>,
) -> Extraction {
    let targets = [target.to_owned()];
    let named = find(text, &targets, inputs);
    if !named.files.is_empty() {
        return named;
    }
    let is_module = |block: &FencedBlock| {
        matches!(block.language.as_str(), "" | "ts" | "typescript" | "tsx" | "js" | "javascript")
            && !block.content.trim().is_empty()
    };
    let input = inputs.get(target).map_or("", String::as_str);
    let mut modules: Vec<_> = blocks(text, 0).into_iter().filter(is_module).collect();
    if modules.iter().any(|block| !same_code(&block.content, input)) {
        modules.retain(|block| !same_code(&block.content, input));
    }
    let last = modules.iter().rposition(|block| block.closed).or(modules.len().checked_sub(1));
    let Some(block) = last.map(|index| modules.swap_remove(index)) else { return named };
    Extraction {
        found: format!(
            "fence {}",
            if block.language.is_empty() { "without language" } else { &block.language }
        ),
        truncated: !block.closed,
        files: BTreeMap::from([(target.to_owned(), block.content)]),
        ..Extraction::default()
    }
}

/// All blocks, those in a wrapping fence instead of the wrapper.
fn blocks(text: &str, depth: usize) -> Vec<FencedBlock> {
    let mut all = Vec::new();
    for block in fenced_blocks(text) {
        let wraps = depth < 2 && WRAPPERS.contains(&block.language.as_str());
        let inner = if wraps { blocks(&block.content, depth + 1) } else { Vec::new() };
        if inner.is_empty() {
            all.push(block);
        } else {
            all.extend(inner);
        }
    }
    all
}

/// The blocks that name a target, and the number of those that name none.
fn sort(blocks: Vec<FencedBlock>, targets: &[String]) -> (Vec<Named<'_>>, usize) {
    let mut named = Vec::new();
    let mut unnamed = 0;
    for block in blocks {
        let found = in_words(info_words(&block.info), targets)
            .map(|target| (target, Source::Fence))
            .or_else(|| Some((in_label(&block.lead, targets)?, Source::Lead)))
            .or_else(|| Some((in_comment(&block.content, targets)?, Source::Comment)));
        match found {
            Some((target, source)) => named.push(Named { target, source, block }),
            None => unnamed += 1,
        }
    }
    (named, unnamed)
}

/// The last complete block of a target: one whose fence names it rather than another.
fn choose<'n, 't>(
    all: &[&'n Named<'t>],
    input: Option<&str>,
    notes: &mut Vec<String>,
) -> Option<&'n Named<'t>> {
    let proper = |it: &Named<'_>| {
        it.source == Source::Fence
            || (!it.block.commented
                && input.is_none_or(|input| !same_code(&it.block.content, input)))
    };
    let mut left: Vec<_> = all.iter().copied().filter(|it| proper(it)).collect();
    if left.is_empty() {
        left = all.to_vec();
    }
    // A part of a component, quoted to explain it, is not the component.
    let is_whole =
        |it: &Named<'_>| it.source == Source::Fence || Shape::of(&it.block.content).is_whole();
    let is_component = left.first().is_some_and(|it| it.target.ends_with(".vue"));
    if is_component && left.iter().any(|it| it.block.closed && is_whole(it)) {
        left.retain(|it| is_whole(it));
    }
    let best = left.iter().map(|it| (it.block.closed, it.source == Source::Fence)).max()?;
    left.retain(|it| (it.block.closed, it.source == Source::Fence) == best);
    if left.len() > 1 {
        let target = left[0].target;
        notes.push(format!("{} blocks for `{target}`, the last one is judged", left.len()));
    }
    left.pop()
}

fn why_nothing(unnamed: usize, targets: &[String]) -> String {
    let names: Vec<_> = targets.iter().map(|target| format!("`{target}`")).collect();
    let names = names.join(", ");
    if unnamed > 0 {
        format!("none of the {unnamed} code block(s) says that it holds one of the files {names}")
    } else {
        format!("the answer holds no code block for the files {names}")
    }
}

/// What may be a path behind a fence: `vue src/X.vue`, `ts title="a.ts"`, `vue:X.vue`, `{a.ts}`.
fn info_words(info: &str) -> impl Iterator<Item = &str> {
    info.split(|c: char| c.is_whitespace() || "\"'={}(),:;`".contains(c))
}

/// The one target that a heading or label names.
fn in_label<'t>(line: &str, targets: &'t [String]) -> Option<&'t str> {
    let line = line.trim();
    let plain: String = line.chars().filter(|c| !"#*_`>".contains(*c)).collect();
    let is_label = line.starts_with('#') || plain.split_whitespace().count() <= LABEL_WORDS;
    if is_label {
        return in_words(line.split_whitespace(), targets);
    }
    let marked = ["`", "**", "__"].into_iter().flat_map(|mark| line.split(mark).skip(1).step_by(2));
    in_words(marked, targets)
}

/// The one target that a comment on the first line of code names.
fn in_comment<'t>(code: &str, targets: &'t [String]) -> Option<&'t str> {
    let line = code.lines().map(str::trim).find(|line| !line.is_empty())?;
    let inside = line
        .strip_prefix("//")
        .or_else(|| line.strip_prefix("/*").map(|rest| rest.trim_end_matches("*/")))
        .or_else(|| line.strip_prefix("<!--").map(|rest| rest.trim_end_matches("-->")))
        .or_else(|| line.strip_prefix('#'))?;
    let words: Vec<_> = inside.split_whitespace().collect();
    (words.len() <= LABEL_WORDS).then(|| in_words(words, targets)).flatten()
}

/// The one target that the words name; `None` when they name none or several.
fn in_words<'w, 't>(
    words: impl IntoIterator<Item = &'w str>,
    targets: &'t [String],
) -> Option<&'t str> {
    let mut found = words.into_iter().filter_map(|word| resolve(word, targets));
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

/// The target that a path stands for: the same, or one whose folders it does not contradict.
pub(crate) fn resolve<'t>(word: &str, targets: &'t [String]) -> Option<&'t str> {
    if let Some(same) = targets.iter().find(|target| *target == word) {
        return Some(same);
    }
    let word = word.trim_matches(|c: char| "\"'`*_#:,;()<>".contains(c)).replace('\\', "/");
    let word = word.trim_start_matches("./").trim_start_matches('/').trim_end_matches('.');
    if let Some(same) = targets.iter().find(|target| *target == word) {
        return Some(same);
    }
    let fits = |target: &&String| {
        let ends = |long: &str, short: &str| {
            long.strip_suffix(short).is_some_and(|rest| rest.ends_with('/'))
        };
        ends(word, target) || ends(target, word)
    };
    let mut fitting = targets.iter().filter(fits);
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

#[cfg(test)]
#[path = "named_tests.rs"]
mod tests;
