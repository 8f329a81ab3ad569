//! Finds a component that no fence names: in fences of any language, or in the text itself.

use std::collections::BTreeMap;

use super::{Extraction, none};
use crate::fences::{self, FencedBlock};
use crate::sfc::{self, Shape};

/// The component in `text`, which holds no reasoning any more.
///
/// `input` is the component that the model was asked about, so that a quote of
/// it is not taken for the answer; `target` is the file name of the component,
/// so that an example that imports it is not taken either.
pub(super) fn find(text: &str, input: &str, target: &str) -> Extraction {
    let mut notes = Vec::new();
    let mut candidates = fenced_candidates(text, 0);
    let fence_count = candidates.len();
    candidates.retain(|candidate| candidate.shape.is_code() || candidate.is_style());
    if !candidates.iter().any(|candidate| candidate.shape.is_code()) {
        candidates = raw_candidates(text);
    }
    set_aside(&mut candidates, &mut notes, "inside an HTML comment", |it| it.commented);
    set_aside(&mut candidates, &mut notes, "a quote of the input", |it| same_code(&it.code, input));
    set_aside(&mut candidates, &mut notes, "an example that imports the component", |it| {
        imports(&it.code, target)
    });
    let mut extraction = match choose(&candidates, &mut notes) {
        Some(chosen) => Extraction {
            truncated: !chosen.closed || (chosen.raw && !chosen.shape.closed),
            files: BTreeMap::from([(target.to_owned(), chosen.code)]),
            found: chosen.found,
            ..Extraction::default()
        },
        None => none(&why_nothing(text, fence_count, &candidates)),
    };
    if extraction.truncated {
        notes.push("the code is cut off: its block never ends".to_owned());
    }
    extraction.notes = notes;
    extraction
}

/// True when two texts differ in nothing but white space.
pub fn same_code(left: &str, right: &str) -> bool {
    let visible = |text: &str| -> String { text.split_whitespace().collect() };
    visible(left) == visible(right)
}

#[derive(Debug, Clone)]
struct Candidate {
    code: String,
    found: String,
    shape: Shape,
    closed: bool,
    commented: bool,
    raw: bool,
}

impl Candidate {
    fn of_fence(block: FencedBlock) -> Self {
        let language = if block.language.is_empty() { "without language" } else { &block.language };
        Self {
            shape: Shape::of(&block.content),
            found: format!("fence {language}"),
            code: block.content,
            closed: block.closed,
            commented: block.commented,
            raw: false,
        }
    }

    fn is_style(&self) -> bool {
        self.shape.styles > 0 && !self.shape.is_code()
    }

    fn is_script_only(&self) -> bool {
        self.shape.scripts > 0 && self.shape.templates == 0
    }

    fn is_template_only(&self) -> bool {
        self.shape.templates > 0 && self.shape.scripts == 0
    }
}

fn fenced_candidates(text: &str, depth: usize) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for block in fences::fenced_blocks(text) {
        let wraps = starts_with_fence(&block) || !Shape::of(&block.content).is_code();
        let inner = if depth < 2 && wraps {
            fenced_candidates(&block.content, depth + 1)
        } else {
            Vec::new()
        };
        if inner.iter().any(|candidate| candidate.shape.is_code()) {
            // The outer fence ended, so the inner one is complete even when its mark was taken.
            let closed = block.closed;
            candidates.extend(inner.into_iter().map(|mut candidate| {
                candidate.closed |= closed;
                candidate
            }));
        } else {
            candidates.push(Candidate::of_fence(block));
        }
    }
    candidates
}

fn starts_with_fence(block: &FencedBlock) -> bool {
    let start = block.content.trim_start();
    start.starts_with("```") || start.starts_with("~~~")
}

/// Root blocks that stand in the text itself; blocks with prose between them are apart.
fn raw_candidates(text: &str) -> Vec<Candidate> {
    let mut groups: Vec<std::ops::Range<usize>> = Vec::new();
    for block in sfc::root_blocks(text) {
        match groups.last_mut() {
            Some(group) if is_filler(&text[group.end..block.range.start]) => {
                group.end = block.range.end;
            }
            _ => groups.push(block.range),
        }
    }
    let candidate = |range: std::ops::Range<usize>| {
        let code = format!("{}\n", text[range].trim_end());
        Candidate {
            shape: Shape::of(&code),
            code,
            found: "raw text".to_owned(),
            closed: true,
            commented: false,
            raw: true,
        }
    };
    groups.into_iter().map(candidate).collect()
}

fn is_filler(between: &str) -> bool {
    let mut rest = between.trim_start();
    while let Some(comment) = rest.strip_prefix("<!--") {
        let Some(end) = comment.find("-->") else { return false };
        rest = comment[end + 3..].trim_start();
    }
    rest.is_empty()
}

/// Leaves out the candidates that `is_aside` names, unless nothing else would be left.
fn set_aside(
    candidates: &mut Vec<Candidate>,
    notes: &mut Vec<String>,
    what: &str,
    is_aside: impl Fn(&Candidate) -> bool,
) {
    let (aside, proper): (Vec<_>, Vec<_>) = candidates.drain(..).partition(|it| is_aside(it));
    if proper.iter().any(|candidate| candidate.shape.is_code()) {
        if !aside.is_empty() {
            notes.push(format!("left out {} block(s): {what}", aside.len()));
        }
        *candidates = proper;
    } else {
        *candidates = aside.into_iter().chain(proper).collect();
    }
}

fn imports(code: &str, target: &str) -> bool {
    ['"', '\''].iter().any(|quote| code.contains(&format!("/{target}{quote}")))
}

fn choose(candidates: &[Candidate], notes: &mut Vec<String>) -> Option<Candidate> {
    let complete: Vec<_> =
        candidates.iter().filter(|it| it.shape.is_whole() && it.shape.closed).collect();
    if let Some(last) = complete.last() {
        if complete.len() > 1 {
            notes.push(format!("{} complete components, the last one is judged", complete.len()));
        }
        return Some((*last).clone());
    }
    if let Some(joined) = join(candidates) {
        notes.push("script and template came in separate blocks and were joined".to_owned());
        return Some(joined);
    }
    let code: Vec<_> = candidates.iter().filter(|it| it.shape.is_code()).collect();
    if let Some(broken) = code.iter().rev().find(|it| it.shape.is_whole() || !it.shape.closed) {
        notes.push("the component is not complete".to_owned());
        return Some((*broken).clone());
    }
    let has_templates = code.iter().any(|it| it.is_template_only());
    let has_scripts = code.iter().any(|it| it.is_script_only());
    if has_templates && has_scripts {
        return None;
    }
    let last = code.last()?;
    notes.push(format!("the component has no {}", if has_scripts { "template" } else { "script" }));
    Some((*last).clone())
}

/// The one script and the one template that together form the component.
fn join(candidates: &[Candidate]) -> Option<Candidate> {
    let only = |wanted: fn(&Candidate) -> bool| -> Vec<&Candidate> {
        candidates.iter().filter(|it| wanted(it)).collect()
    };
    let scripts = only(Candidate::is_script_only);
    let templates = only(Candidate::is_template_only);
    let styles = only(Candidate::is_style);
    let ([script], [template], true) = (scripts.as_slice(), templates.as_slice(), styles.len() < 2)
    else {
        return None;
    };
    let parts: Vec<_> = [*script, *template].into_iter().chain(styles).collect();
    let code: Vec<_> = parts.iter().map(|part| part.code.trim_end()).collect();
    let code = format!("{}\n", code.join("\n\n"));
    Some(Candidate {
        shape: Shape::of(&code),
        code,
        found: if script.raw { "joined raw text" } else { "joined fences" }.to_owned(),
        closed: parts.iter().all(|part| part.closed),
        commented: false,
        raw: script.raw,
    })
}

fn why_nothing(text: &str, fence_count: usize, candidates: &[Candidate]) -> String {
    if candidates.iter().any(|candidate| candidate.shape.is_code()) {
        "the answer holds several scripts or templates in separate blocks, and which of them \
         belong together is not clear"
            .to_owned()
    } else if text.contains("&lt;script") || text.contains("&lt;template") {
        "the component is written with HTML entities (`&lt;script`), which is not code".to_owned()
    } else if fence_count > 0 {
        format!("none of the {fence_count} code block(s) holds a Vue single-file component")
    } else {
        "the answer holds no code".to_owned()
    }
}

#[cfg(test)]
#[path = "component_tests.rs"]
mod tests;
