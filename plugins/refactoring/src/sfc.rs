//! The outline of a Vue single-file component: which root blocks a text holds.
//!
//! Splits text as far as choosing an answer needs it. Whether the component is
//! right is for the validators to say; nothing here judges it.

use std::ops::Range;

/// What a root block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockKind {
    Script,
    Template,
    Style,
}

impl BlockKind {
    const ALL: [Self; 3] = [Self::Script, Self::Template, Self::Style];

    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::Template => "template",
            Self::Style => "style",
        }
    }
}

/// A root block; `range` includes its tags and reaches to the end when it is not closed.
#[derive(Debug, Clone)]
pub(crate) struct RootBlock {
    pub(crate) kind: BlockKind,
    pub(crate) range: Range<usize>,
    pub(crate) closed: bool,
}

/// Which root blocks a text holds, and whether all of them are closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) scripts: usize,
    pub(crate) templates: usize,
    pub(crate) styles: usize,
    pub(crate) closed: bool,
}

impl Shape {
    pub(crate) fn of(text: &str) -> Self {
        let mut shape = Self { closed: true, ..Self::default() };
        for block in root_blocks(text) {
            match block.kind {
                BlockKind::Script => shape.scripts += 1,
                BlockKind::Template => shape.templates += 1,
                BlockKind::Style => shape.styles += 1,
            }
            shape.closed &= block.closed;
        }
        shape
    }

    pub(crate) fn is_code(self) -> bool {
        self.scripts + self.templates > 0
    }

    pub(crate) fn is_whole(self) -> bool {
        self.scripts > 0 && self.templates > 0
    }
}

/// The root blocks of `text`, in order.
///
/// A block begins where nothing but white space stands before it on its line,
/// so that a tag named in a sentence is none.
pub(crate) fn root_blocks(text: &str) -> Vec<RootBlock> {
    let mut blocks: Vec<RootBlock> = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find('<') {
        let start = at + found;
        if text[start..].starts_with("<!--") {
            at = text[start..].find("-->").map_or(text.len(), |end| start + end + 3);
            continue;
        }
        let kind = BlockKind::ALL.into_iter().find(|kind| opens(&text[start..], kind.tag()));
        let Some(kind) = kind.filter(|_| begins_line(text, start, blocks.last())) else {
            at = start + 1;
            continue;
        };
        let (end, closed) = block_end(text, start, kind);
        blocks.push(RootBlock { kind, range: start..end, closed });
        at = end;
    }
    blocks
}

/// True when `text` begins with the tag `<name`.
pub(crate) fn opens(text: &str, name: &str) -> bool {
    text.strip_prefix('<')
        .and_then(|rest| rest.strip_prefix(name))
        .is_some_and(|rest| rest.starts_with(['>', '/', ' ', '\t', '\n']) || rest.is_empty())
}

fn begins_line(text: &str, start: usize, before: Option<&RootBlock>) -> bool {
    let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let from = before.map_or(line, |block| block.range.end.max(line));
    let lead = &text[from..start];
    lead.trim().is_empty() || lead.trim_end().ends_with("-->")
}

fn block_end(text: &str, start: usize, kind: BlockKind) -> (usize, bool) {
    let Some((mut at, self_closing)) = tag_end(text, start) else { return (text.len(), false) };
    if self_closing {
        return (at, true);
    }
    let close = format!("</{}", kind.tag());
    let mut depth = 1;
    while let Some(found) = text[at..].find('<') {
        let here = at + found;
        let rest = &text[here..];
        if rest.starts_with(&close) {
            at = rest.find('>').map_or(text.len(), |end| here + end + 1);
            depth -= 1;
            if depth == 0 {
                return (at, true);
            }
        } else if kind == BlockKind::Template && rest.starts_with("<!--") {
            at = rest.find("-->").map_or(text.len(), |end| here + end + 3);
        } else if kind == BlockKind::Template && opens(rest, kind.tag()) {
            let Some((end, self_closing)) = tag_end(text, here) else { return (text.len(), false) };
            depth += usize::from(!self_closing);
            at = end;
        } else {
            at = here + 1;
        }
    }
    (text.len(), false)
}

/// Where the opening tag at `start` ends, and whether it closes itself.
fn tag_end(text: &str, start: usize) -> Option<(usize, bool)> {
    let mut quote = None;
    let mut previous = ' ';
    for (offset, character) in text[start..].char_indices() {
        match quote {
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if character == '"' || character == '\'' => quote = Some(character),
            None if character == '>' => return Some((start + offset + 1, previous == '/')),
            None => {}
        }
        previous = character;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, scripts: usize, templates: usize, closed: bool) {
        let shape = Shape::of(text);
        assert_eq!(
            (shape.scripts, shape.templates, shape.closed),
            (scripts, templates, closed),
            "{text}"
        );
    }

    #[test]
    fn root_blocks_are_counted_and_closed() {
        check("<script setup>\nlet a\n</script>\n<template><p/></template>", 1, 1, true);
        check("<template><p/></template><script>let a</script>", 1, 1, true);
        check("<template><template #x><p/></template></template>", 0, 1, true);
        check("<template><template #x /></template>", 0, 1, true);
        check("<template><template #x><p/></template>", 0, 1, false);
        check("<template><!-- </template> --><p/></template>", 0, 1, true);
        check("<script setup generic=\"T extends Array<string>\">\n</script>", 1, 0, true);
        check("<script setup lang=\"ts\">\nconst a = '", 1, 0, false);
        check("<script", 1, 0, false);
        check("<!-- Component.vue --><script></script>", 1, 0, true);
        check("Use <script setup> and </script>.", 0, 0, true);
        check("<scripted></scripted>", 0, 0, true);
        check("<script>const t = `<template></template>`</script>", 1, 0, true);
    }
}
