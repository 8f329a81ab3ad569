//! Takes out of an answer what makes no difference.
//!
//! Of an answer with fenced blocks, the blocks are compared and nothing else.
//! In them, comments go and every run of white space becomes one space. Text
//! without a block only has its white space evened out. Strings are left as they
//! are; names, order and punctuation always count.

/// What is compared: two answers agree when this is equal, byte for byte.
pub(crate) fn normalised(answer: &str) -> String {
    let blocks = blocks(answer);
    if blocks.is_empty() {
        return even_spaces(answer);
    }
    let code = blocks.iter().map(|block| even_spaces(&without_comments(block)));
    code.collect::<Vec<_>>().join("\n")
}

/// The fenced blocks together, or the whole answer where there are none.
pub(crate) fn code_of(answer: &str) -> String {
    let blocks = blocks(answer);
    if blocks.is_empty() {
        return answer.to_owned();
    }
    blocks.into_iter().map(|block| block.code).collect::<Vec<_>>().join("\n")
}

struct Block {
    language: String,
    code: String,
}

/// Fenced blocks; one that is never closed ends with the answer.
fn blocks(answer: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, Block)> = None;
    for line in answer.lines() {
        let text = line.trim_start();
        let ticks = text.len() - text.trim_start_matches('`').len();
        match &mut open {
            None if ticks >= 3 => {
                let language = text[ticks..].split_whitespace().next().unwrap_or_default();
                let block = Block { language: language.to_lowercase(), code: String::new() };
                open = Some((ticks, block));
            }
            None => {}
            Some((opened, _)) if ticks >= *opened && text[ticks..].trim().is_empty() => {
                blocks.extend(open.take().map(|(_, block)| block));
            }
            Some((_, block)) => {
                block.code.push_str(line);
                block.code.push('\n');
            }
        }
    }
    blocks.extend(open.map(|(_, block)| block));
    blocks
}

/// How a language writes comments; the first ends with the line.
fn comments(language: &str) -> (Option<&'static str>, &'static [(&'static str, &'static str)]) {
    match language {
        "py" | "python" | "sh" | "bash" | "shell" | "yaml" | "yml" | "toml" | "rb" | "ruby" => {
            (Some("#"), &[])
        }
        "json" | "md" | "markdown" | "text" | "txt" => (None, &[]),
        "html" | "xml" | "svg" => (None, &[("<!--", "-->")]),
        "css" => (None, &[("/*", "*/")]),
        "sql" => (Some("--"), &[("/*", "*/")]),
        "vue" | "svelte" => (Some("//"), &[("/*", "*/"), ("<!--", "-->")]),
        _ => (Some("//"), &[("/*", "*/")]),
    }
}

/// The code without its comments; what stands in quotes is no comment, nor is `//` behind a colon.
fn without_comments(block: &Block) -> String {
    let (line_comment, ranges) = comments(&block.language);
    let mut out = String::with_capacity(block.code.len());
    let mut rest = block.code.as_str();
    let mut quote: Option<char> = None;
    while let Some(c) = rest.chars().next() {
        if let Some(mark) = quote {
            // A quote of one line ends with it: apostrophes in text open none that last.
            if c == mark || (c == '\n' && mark != '`') {
                quote = None;
            }
            let escaped = c == '\\' && rest.len() > 1;
            let next = rest[c.len_utf8()..].chars().next().filter(|_| escaped);
            let taken = c.len_utf8() + next.map_or(0, char::len_utf8);
            out.push_str(&rest[..taken]);
            rest = &rest[taken..];
            continue;
        }
        if let Some((start, end)) = ranges.iter().find(|(start, _)| rest.starts_with(start)) {
            let behind = &rest[start.len()..];
            rest = behind.find(end).map_or("", |place| &behind[place + end.len()..]);
            out.push(' ');
            continue;
        }
        if line_comment.is_some_and(|mark| rest.starts_with(mark)) && !out.ends_with(':') {
            rest = rest.find('\n').map_or("", |place| &rest[place..]);
            continue;
        }
        if matches!(c, '"' | '\'' | '`') {
            quote = Some(c);
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

fn even_spaces(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str, expected: &str) {
        assert_eq!(normalised(answer), expected);
    }

    #[test]
    fn comments_and_spaces_make_no_difference() {
        check("Sure!\n```ts\nlet a = 1 // one\n\n/* two\n */let b\n```\nBye", "let a = 1 let b");
        check("```python\nx = 1  # one\n```", "x = 1");
        check("```vue\n<!-- x --><b>it's</b>\n```", "<b>it's</b>");
        check("```ts\nconst u = 'http://a' // c\n```", "const u = 'http://a'");
        check("```ts\nhttps://a.b/c\n```", "https://a.b/c");
        check("```ts\nconst s = \"a \\\" // b\"\n```", "const s = \"a \\\" // b\"");
        check("  The   answer\nis 4 // not 5 ", "The answer is 4 // not 5");
        check("```ts\nlet open", "let open");
        check("```ts\na\n```\n```ts\nb\n```", "a\nb");
        check("````md\n```\nx\n```\n````", "``` x ```");
        check("", "");
    }

    #[test]
    fn names_and_order_do() {
        assert_ne!(normalised("```ts\na; b\n```"), normalised("```ts\nb; a\n```"));
        assert_ne!(normalised("```ts\nlet a\n```"), normalised("```ts\nlet A\n```"));
    }
}
