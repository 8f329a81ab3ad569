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

/// Offset within the comment and name of every directive in it.
///
/// `comment` may come with or without delimiters. A directive in the middle of
/// a sentence is none, neither for the checkers nor here.
pub(super) fn find(comment: &str) -> impl Iterator<Item = (usize, &'static str)> + '_ {
    let mut line_offset = 0;
    comment.split_inclusive('\n').filter_map(move |line| {
        let offset = line_offset;
        line_offset += line.len();
        let start = line.trim_start_matches(|c: char| c.is_whitespace() || c == '*' || c == '/');
        let directive = DIRECTIVES.into_iter().find(|directive| {
            start.strip_prefix(directive).is_some_and(|rest| {
                !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_')
            })
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
            ("// @ts-ignored", vec![]),
            ("// @ts-check", vec![]),
        ] {
            assert_eq!(find(comment).collect::<Vec<_>>(), expected, "{comment}");
        }
    }
}
