//! Comments that silence a checker.

/// What TypeScript or Vue's checker obeys when it begins a line of a comment.
const DIRECTIVES: [&str; 8] = [
    "@ts-nocheck",
    "@ts-ignore",
    "@ts-expect-error",
    "@vue-skip",
    "@vue-ignore",
    "@vue-nocheck",
    "@vue-expect-error",
    "@skipTemplateCodegen",
];

/// Those that TypeScript obeys even when the word goes on.
const OPEN_ENDED: [&str; 2] = ["@ts-ignore", "@ts-expect-error"];

/// Offset within the comment and name of every directive in it.
///
/// `comment` may come with or without delimiters. A directive in the middle of
/// a sentence is none, neither for the checkers nor here. As TypeScript does, capitals
/// are taken for small letters, and `@ts-ignored` for `@ts-ignore`.
pub(super) fn find(comment: &str) -> impl Iterator<Item = (usize, &'static str)> + '_ {
    let mut line_offset = 0;
    comment.split_inclusive('\n').filter_map(move |line| {
        let offset = line_offset;
        line_offset += line.len();
        let start = line.trim_start_matches(|c: char| c.is_whitespace() || c == '*' || c == '/');
        let directive = DIRECTIVES.into_iter().find(|directive| {
            let Some((word, rest)) = start.split_at_checked(directive.len()) else { return false };
            let goes_on = rest.starts_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_');
            word.eq_ignore_ascii_case(directive) && (!goes_on || OPEN_ENDED.contains(directive))
        })?;
        Some((offset + line.len() - start.len(), directive))
    })
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn only_what_begins_a_line_counts() {
        for (comment, expected) in [
            ("// @ts-ignore", vec![(3, "@ts-ignore")]),
            ("//@ts-expect-error because", vec![(2, "@ts-expect-error")]),
            ("/* @ts-nocheck */", vec![(3, "@ts-nocheck")]),
            ("/**\n * text\n * @ts-ignore\n */", vec![(15, "@ts-ignore")]),
            (" @vue-skip ", vec![(1, "@vue-skip")]),
            ("// we need no @ts-ignore here", vec![]),
            ("// @ts-ignored", vec![(3, "@ts-ignore")]),
            ("// @TS-NoCheck", vec![(3, "@ts-nocheck")]),
            ("// @ts-nochecked", vec![]),
            ("// @é", vec![]),
            ("// @ts-check", vec![]),
        ] {
            assert_eq!(find(comment).collect::<Vec<_>>(), expected, "{comment}");
        }
    }
}
