//! Makes untrusted text harmless in each format.

/// The text on one line: line ends and tabs become spaces, other control
/// characters and those that turn the direction of writing become visible.
pub(super) fn one_line(text: &str) -> String {
    let text = visible(text);
    text.split(['\n', '\t']).map(str::trim_end).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// The text with its lines, but without characters that change how others are shown.
pub fn visible(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\n' || character == '\t' || !is_invisible(character) {
            safe.push(character);
        } else {
            safe.extend(character.escape_unicode());
        }
    }
    safe
}

/// Text for a Markdown paragraph, list item or table cell, on one line.
///
/// By CommonMark 0.31 a backslash makes any ASCII punctuation literal, and by
/// GitHub's extension `\|` does so in a table cell.
pub(super) fn markdown(text: &str) -> String {
    let text = one_line(text);
    let mut safe = String::with_capacity(text.len() + 8);
    for (index, character) in text.char_indices() {
        let rest = &text[index..];
        match character {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '_' if is_within_word(&text, index) => safe.push(character),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => {
                safe.push('\\');
                safe.push(character);
            }
            // A heading, a list or a rule; only at the start.
            '#' | '+' | '-' if index == 0 && !rest[1..].starts_with(char::is_alphanumeric) => {
                safe.push('\\');
                safe.push(character);
            }
            // A numbered list; only at the start, before a space or the end.
            '.' | ')'
                if index > 0
                    && text[..index].bytes().all(|byte| byte.is_ascii_digit())
                    && !rest[1..].starts_with(|next: char| next != ' ') =>
            {
                safe.push('\\');
                safe.push(character);
            }
            // Bare addresses become links.
            ':' if rest.starts_with("://") => safe.push_str("\\:"),
            '.' if text[..index].to_ascii_lowercase().ends_with("www") => safe.push_str("\\."),
            '@' => safe.push_str("&#64;"),
            _ => safe.push(character),
        }
    }
    safe
}

/// By GitHub's rules an underscore between letters or digits is just that.
fn is_within_word(text: &str, index: usize) -> bool {
    text[..index].ends_with(char::is_alphanumeric)
        && text[index + 1..].starts_with(char::is_alphanumeric)
}

/// Text for the content of an HTML element, on one line.
pub(crate) fn html(text: &str) -> String {
    let text = one_line(text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A fenced code block whose fence is longer than any run of backticks inside.
pub(super) fn fenced(text: &str) -> String {
    let text = visible(text);
    let (mut longest, mut run) = (0, 0);
    for character in text.chars() {
        run = if character == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat((longest + 1).max(3));
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}\n{text}{end}{fence}\n")
}

/// A spreadsheet cell that no program takes for a formula, on one line.
///
/// Cells that start with `=`, `+`, `-`, `@`, tab or carriage return get a `'`
/// in front, unless they are plain numbers (OWASP, “CSV Injection”).
pub(super) fn spreadsheet(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_plain_number(text);
    let line = one_line(text);
    // What was in front may have been trimmed away.
    let becomes_formula = line.starts_with(['=', '+', '-', '@']) && !is_plain_number(&line);
    if is_formula || becomes_formula { format!("'{line}") } else { line }
}

fn is_plain_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
        && text.parse::<f64>().is_ok()
}

/// Control characters, and those that reorder or hide text (Unicode TR 36, section 2.5).
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_one_line() {
        fn check(input: &str, expected: &str) {
            assert_eq!(one_line(input), expected);
        }
        check("plain – text", "plain – text");
        check("two\nlines\r\nand\ta tab", "two lines and a tab");
        check("\x1b[31mred\x07", "\\u{1b}[31mred\\u{7}");
        check("abc\u{202e}fed", "abc\\u{202e}fed");
        check("over\rwritten", "over\\u{d}written");
    }

    #[test]
    fn markdown_stays_text() {
        fn check(input: &str, expected: &str) {
            assert_eq!(markdown(input), expected);
        }
        check("qwen2.5-coder:7b", "qwen2.5-coder:7b");
        check("<script>a && b</script>", "&lt;script&gt;a &amp;&amp; b&lt;/script&gt;");
        check("a|b\\|c", "a\\|b\\\\\\|c");
        check("q8_0 *bold* `code` ~~x~~", "q8_0 \\*bold\\* \\`code\\` \\~\\~x\\~\\~");
        check("![x](javascript:y)", "!\\[x\\](javascript:y)");
        check("https://evil.test www.evil.test", "https\\://evil.test www\\.evil.test");
        check("me@evil.test", "me&#64;evil.test");
        check("# heading", "\\# heading");
        check("- item", "\\- item");
        check("1. item", "1\\. item");
        check("1)", "1\\)");
        check("8.5", "8.5");
        check("-1", "-1");
        check("---", "\\---");
        check("_em_ a_b __init__", "\\_em\\_ a_b \\_\\_init\\_\\_");
        check("two\n\nparagraphs", "two  paragraphs");
    }

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        fn check(input: &str, expected: &str) {
            assert_eq!(fenced(input), expected);
        }
        check("x", "```\nx\n```\n");
        check("", "```\n```\n");
        check("```\nx\n```\n", "````\n```\nx\n```\n````\n");
        check("a `````` b", "```````\na `````` b\n```````\n");
        check("\x1b]0;title\x07", "```\n\\u{1b}]0;title\\u{7}\n```\n");
    }

    #[test]
    fn no_cell_is_a_formula() {
        fn check(input: &str, expected: &str) {
            assert_eq!(spreadsheet(input), expected);
        }
        check("=cmd()", "'=cmd()");
        check("+1+1", "'+1+1");
        check("-1+1", "'-1+1");
        check("@SUM(A1)", "'@SUM(A1)");
        check("\t=1", "'=1");
        check(" =1", "'=1");
        check("\r=1", "'\\u{d}=1");
        check("-1.5e-3", "-1.5e-3");
        check("+2", "+2");
        check("-inf", "'-inf");
        check("a=b", "a=b");
        check("", "");
    }

    #[test]
    fn html_is_text() {
        assert_eq!(html("<b a=\"1\">&"), "&lt;b a=&quot;1&quot;&gt;&amp;");
    }
}
