//! "Did you mean …?" for a name that is nearly right.

/// The one of `known` that `name` was probably meant to be; `None` where nothing is near.
///
/// Near is what a slip or two make of it, or a beginning that only one name has.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let name = plain(name);
    let length = name.chars().count();
    let known: Vec<&str> = known.into_iter().collect();
    let by_slips = known.iter().map(|known| (strsim::osa_distance(&name, &plain(known)), *known));
    if let Some((slips, found)) = by_slips.min_by_key(|(slips, _)| *slips)
        && slips <= (length / 3).clamp(1, 3)
        && slips < length
    {
        return Some(found);
    }
    let mut longer = known.iter().filter(|known| length >= 3 && plain(known).starts_with(&name));
    longer.next().copied().filter(|_| longer.next().is_none())
}

/// The hint `rest`, after a question about the name of `known` that is nearest to `name`.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    rest: &str,
) -> String {
    match nearest(name, known) {
        Some(found) => format!("did you mean `{found}`? {rest}"),
        None => rest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_and_unique_beginnings_are_near_and_other_words_are_not() {
        let roles = ["types", "structure", "behaviour"];
        let check = |name: &str, known: &[&str], found: Option<&str>| {
            assert_eq!(nearest(name, known.iter().copied()), found, "{name}");
        };
        check("behavior", &roles, Some("behaviour"));
        check("typs", &roles, Some("types"));
        check("sampel", &["sample"], Some("sample"));
        check("Max-Tokens", &["max_tokens", "max_runs"], Some("max_tokens"));
        check(
            "qwen2.5-coder:7b",
            &["qwen2.5-coder:7b-instruct", "llama3"],
            Some("qwen2.5-coder:7b-instruct"),
        );
        check("qwen", &["qwen2", "qwen3"], Some("qwen2"));
        check("max", &["max_tokens", "max_runs"], None);
        check("nope", &roles, None);
        check("x", &["a"], None);
    }
}
