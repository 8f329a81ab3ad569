//! Splits an answer into prose, reasoning and fenced code blocks.
//!
//! Follows CommonMark where models do, and leaves it where they do not: a fence
//! may be indented as deep as it likes, and a fence inside an unclosed block of
//! a component (Markdown in a template string, say) does not end the answer.

use crate::sfc::{self, BlockKind};

/// A fenced block. `content` has the indentation of its fence removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FencedBlock {
    pub(crate) language: String,
    /// All that stands behind the fence's marks.
    pub(crate) info: String,
    /// The last line before it that is not blank; empty when another block ends there.
    pub(crate) lead: String,
    pub(crate) content: String,
    pub(crate) closed: bool,
    /// It stands inside an HTML comment of the prose.
    pub(crate) commented: bool,
}

/// What is left of an answer without its reasoning.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spoken {
    pub(crate) text: String,
    /// Something was removed.
    pub(crate) removed: bool,
    /// The reasoning never ended.
    pub(crate) unfinished: bool,
}

const REASONING_TAGS: [&str; 2] = ["think", "thinking"];

/// `text` without its `<think>` and `<thinking>` blocks.
///
/// An opening tag counts at the beginning of a line outside code. A closing tag
/// without an opening one ends a reasoning whose beginning the server swallowed;
/// within code it counts only where it stands alone on its line.
pub(crate) fn without_reasoning(text: &str) -> Spoken {
    let lower = text.to_ascii_lowercase();
    let mut spoken = Spoken { text: String::new(), removed: false, unfinished: false };
    let mut fence: Option<Fence<'_>> = None;
    let mut at = 0;
    while at < text.len() {
        let line_end = lower[at..].find('\n').map_or(text.len(), |end| at + end + 1);
        let line = &lower[at..line_end];
        let lead = line.len() - line.trim_start().len();
        let tag = REASONING_TAGS.iter().find(|tag| line[lead..].starts_with(&format!("<{tag}>")));
        if let Some(tag) = tag.filter(|_| fence.is_none()) {
            spoken.removed = true;
            let close = format!("</{tag}>");
            match lower[at..].find(&close) {
                Some(end) => at += end + close.len(),
                None => {
                    spoken.unfinished = true;
                    return spoken;
                }
            }
            continue;
        }
        fence = match fence.take() {
            Some(open) => Some(open).filter(|open| !open.is_closed_by(line)),
            None => Fence::of(line),
        };
        let orphan = REASONING_TAGS.iter().find_map(|tag| {
            let close = format!("</{tag}>");
            let counts = fence.is_none() || line.trim() == close;
            line.find(&close).filter(|_| counts).map(|end| at + end + close.len())
        });
        if let Some(end) = orphan {
            spoken.text.clear();
            spoken.removed = true;
            fence = None;
            at = end;
            continue;
        }
        spoken.text.push_str(&text[at..line_end]);
        at = line_end;
    }
    spoken
}

/// The fenced blocks of `text`, in order.
pub(crate) fn fenced_blocks(text: &str) -> Vec<FencedBlock> {
    let lines: Vec<&str> = text.lines().collect();
    let mut blocks = Vec::new();
    let mut in_comment = false;
    let mut lead = "";
    let mut index = 0;
    while index < lines.len() {
        let Some(fence) = Fence::of(lines[index]) else {
            in_comment = comment_state(lines[index], in_comment);
            lead = if lines[index].trim().is_empty() { lead } else { lines[index] };
            index += 1;
            continue;
        };
        let body = block_body(&lines, index + 1, &fence);
        blocks.push(FencedBlock {
            language: fence.language(),
            info: fence.info.to_owned(),
            lead: std::mem::take(&mut lead).to_owned(),
            content: body.content,
            closed: body.closed,
            commented: in_comment,
        });
        index = body.last_line + 1;
    }
    blocks
}

struct Fence<'a> {
    indent: usize,
    mark: char,
    length: usize,
    info: &'a str,
}

impl<'a> Fence<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let rest = line.trim_start_matches([' ', '\t']);
        let indent = line.len() - rest.len();
        // A fence may follow the bullet of a list: "- ```vue", "1. ```vue".
        let rest = bullet_free(rest);
        let mark = rest.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let length = rest.chars().take_while(|character| *character == mark).count();
        let info = rest[length..].trim();
        let inline = mark == '`' && info.contains('`');
        (length >= 3 && !inline).then_some(Self { indent, mark, length, info })
    }

    fn language(&self) -> String {
        let word = self.info.split([' ', '{', ',', ':', '\t']).find(|word| !word.is_empty());
        word.unwrap_or_default().trim_matches(['.', '}']).to_ascii_lowercase()
    }

    fn is_closed_by(&self, line: &str) -> bool {
        Fence::of(line).is_some_and(|other| {
            other.mark == self.mark && other.length >= self.length && other.info.is_empty()
        })
    }
}

fn bullet_free(line: &str) -> &str {
    let number = line.trim_start_matches(|character: char| character.is_ascii_digit());
    let after = if number.len() < line.len() {
        number.strip_prefix(['.', ')'])
    } else {
        line.strip_prefix(['-', '*', '+'])
    };
    after.filter(|rest| rest.starts_with(' ')).map_or(line, str::trim_start)
}

/// What stands in the block that begins at line `start`, and where it ends.
struct BlockBody {
    content: String,
    last_line: usize,
    closed: bool,
}

fn block_body(lines: &[&str], start: usize, fence: &Fence<'_>) -> BlockBody {
    for index in start..lines.len() {
        if let Some(last) = glued(lines[index], fence) {
            let mut content = content(&lines[start..index], fence.indent);
            content.push_str(unindented(last, fence.indent));
            content.push('\n');
            if sfc::root_blocks(&content).last().is_some_and(|block| block.closed) {
                return BlockBody { content, last_line: index, closed: true };
            }
        }
        if !fence.is_closed_by(lines[index]) {
            continue;
        }
        let content = content(&lines[start..index], fence.indent);
        let open = sfc::root_blocks(&content).pop().filter(|block| !block.closed);
        if open.is_some_and(|block| continues(&lines[index + 1..], fence, block.kind)) {
            continue;
        }
        return BlockBody { content, last_line: index, closed: true };
    }
    let content = content(&lines[start..], fence.indent);
    BlockBody { content, last_line: lines.len(), closed: false }
}

/// The code before a closing fence that stands on the last line of code: `</template>` + fence.
fn glued<'a>(line: &'a str, fence: &Fence<'_>) -> Option<&'a str> {
    let line = line.trim_end();
    let code = line.trim_end_matches(fence.mark);
    let ends_block = ["</script>", "</template>", "</style>"].iter().any(|tag| code.ends_with(tag));
    (line.len() - code.len() >= fence.length && ends_block).then_some(code)
}

/// True when the open root block ends after this fence and before another one
/// begins: the fence is then part of the component.
fn continues(rest: &[&str], fence: &Fence<'_>, open: BlockKind) -> bool {
    let close = format!("</{}", open.tag());
    for line in rest {
        if line.contains(&close) {
            return true;
        }
        let line = unindented(line, fence.indent);
        let opens = ["script", "template", "style"].iter().any(|tag| sfc::opens(line, tag));
        if opens {
            return false;
        }
    }
    false
}

fn content(lines: &[&str], indent: usize) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(unindented(line, indent));
        text.push('\n');
    }
    text
}

fn unindented(line: &str, indent: usize) -> &str {
    let lead = line.len() - line.trim_start_matches([' ', '\t']).len();
    &line[lead.min(indent)..]
}

fn comment_state(line: &str, inside: bool) -> bool {
    match (line.rfind("<!--"), line.rfind("-->")) {
        (Some(open), Some(close)) => open > close,
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => inside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str, bool)]) {
        let found = fenced_blocks(text);
        let found: Vec<_> = found
            .iter()
            .map(|block| (block.language.as_str(), block.content.as_str(), block.closed))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn fences_are_found_as_models_write_them() {
        check("```vue\na\n```", &[("vue", "a\n", true)]);
        check("```\na\n```\n~~~ts\nb\n~~~", &[("", "a\n", true), ("ts", "b\n", true)]);
        check("````md\n```vue\na\n```\n````", &[("md", "```vue\na\n```\n", true)]);
        check("1. Here:\n   ```vue\n   a\n     b\n   ```", &[("vue", "a\n  b\n", true)]);
        check("- ```vue\na\n```", &[("vue", "a\n", true)]);
        check("```vue\na", &[("vue", "a\n", false)]);
        check("```Vue {1,2} title=\"x\"\na\n```", &[("vue", "a\n", true)]);
        check("```vue:Component.vue\na\n```", &[("vue", "a\n", true)]);
        check("use ```x``` inline\n```x``` too", &[]);
        check("~~~\n```\n~~~", &[("", "```\n", true)]);
        check("```vue\n```", &[("vue", "", true)]);
    }

    #[test]
    fn a_fence_within_an_open_block_of_a_component_is_part_of_it() {
        let code = "<script>\nconst help = `\n```js\nx\n```\n`\n</script>\n";
        check(&format!("```vue\n{code}```"), &[("vue", code, true)]);
        let broken = "<script>\nlet a\n";
        let again = "<script>\nlet b\n</script>\n";
        check(
            &format!("```vue\n{broken}```\nBetter:\n```vue\n{again}```"),
            &[("vue", broken, true), ("vue", again, true)],
        );
    }

    #[test]
    fn reasoning_is_removed_before_anything_is_read() {
        let check = |text: &str, left: &str, unfinished: bool| {
            let spoken = without_reasoning(text);
            assert_eq!((spoken.text.trim(), spoken.unfinished), (left, unfinished), "{text}");
        };
        check("<think>a</think>b", "b", false);
        check("<THINKING>\na\n</thinking>\nb", "b", false);
        check("b\n<think>a", "b", true);
        check("reasoning ```\n</think>\nb", "b", false);
        check("```\n<think>\n```", "```\n<think>\n```", false);
        check("<think>a</think>b\n<think>c</think>d", "b\nd", false);
        check("<thinker>", "<thinker>", false);
        let code = "```ts\nconst end = '</think>'\n```";
        check(code, code, false);
        let nested = "````md\n```\n<think>\n```\n````";
        check(nested, nested, false);
    }
}
