//! Replaces whole words, for variants of fixtures.
//!
//! A word is a run of letters, digits, `_`, `$` and `-`: the names of a
//! programming language and the kebab-case spellings of a template. Nothing
//! here knows what a word means.

use std::collections::BTreeMap;

/// A map of words.
pub(crate) struct Words<'a> {
    names: &'a BTreeMap<String, String>,
}

impl<'a> Words<'a> {
    /// The map, checked for itself.
    ///
    /// # Errors
    /// What is no word, and two names that would become one.
    pub(crate) fn new(names: &'a BTreeMap<String, String>) -> Result<Self, String> {
        if names.is_empty() {
            return Err("names nothing to rename".into());
        }
        for (old, new) in names {
            for word in [old, new] {
                if word.is_empty() || !word.chars().all(is_word) {
                    return Err(format!("`{word}` is not one word"));
                }
            }
            if names.iter().any(|(other, value)| other != old && value == new) {
                return Err(format!("two names would become `{new}`"));
            }
        }
        Ok(Self { names })
    }

    /// Fails unless every old name occurs in `files` and no new one does.
    pub(crate) fn check(&self, files: &BTreeMap<String, String>) -> Result<(), String> {
        let occurs = |wanted: &str| {
            files
                .values()
                .any(|text| pieces(text).any(|(is_word, piece)| is_word && piece == wanted))
        };
        for (old, new) in self.names {
            if !occurs(old) {
                return Err(format!("`{old}` does not occur in the fixture"));
            }
            if occurs(new) {
                return Err(format!("`{new}` occurs in the fixture already"));
            }
        }
        Ok(())
    }

    /// `text` with every word of the map replaced.
    pub(crate) fn replace(&self, text: &str) -> String {
        pieces(text)
            .map(|(is_word, piece)| match self.names.get(piece) {
                Some(new) if is_word => new.as_str(),
                _ => piece,
            })
            .collect()
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$' | '-')
}

/// `text` cut where a word begins or ends.
fn pieces(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let inside = is_word(rest.chars().next()?);
        let end = rest.find(|character| is_word(character) != inside).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some((inside, piece))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect()
    }

    #[test]
    fn only_whole_words_are_replaced() {
        let names = names(&[("user", "member"), ("page-size", "rows"), ("$x", "$y")]);
        let words = Words::new(&names).unwrap();
        let check = |text: &str, expected: &str| assert_eq!(words.replace(text), expected);
        check("user.users[user]", "member.users[member]");
        check("<a :page-size=\"user\" page-sizes>", "<a :rows=\"member\" page-sizes>");
        check("`${user}$x` useré", "`${member}$y` useré");
        check("", "");
    }

    #[test]
    fn maps_that_would_change_the_task_are_refused() {
        let files = names(&[("a.vue", "let user = page")]);
        let check = |pairs: &[(&str, &str)], expected: &str| {
            let names = names(pairs);
            let found = Words::new(&names).and_then(|words| words.check(&files));
            assert_eq!(found.err().unwrap_or_default(), expected);
        };
        check(&[("user", "member")], "");
        check(&[], "names nothing to rename");
        check(&[("user", "a b")], "`a b` is not one word");
        check(&[("user", "x"), ("page", "x")], "two names would become `x`");
        check(&[("users", "x")], "`users` does not occur in the fixture");
        check(&[("user", "page")], "`page` occurs in the fixture already");
    }
}
