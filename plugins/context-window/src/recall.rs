//! Which codes an answer gives back.

use serde::{Deserialize, Serialize};

use crate::needles::Needle;

/// What an answer says about a needle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Recall {
    /// The code, digit for digit, not under another name.
    Exact,
    /// The code, but under another name.
    WrongName,
    /// The code is not there.
    Absent,
}

/// What `answer` says about each needle, in their order.
///
/// A code counts when it stands in the answer as a whole number (commas between
/// digits are ignored) and the last name before it is its own, or none was named
/// before it. Codes have seven digits, so that a guess hits one in nine million.
pub(crate) fn recall(answer: &str, needles: &[Needle]) -> Vec<Recall> {
    let answer = without_commas(&answer.to_lowercase());
    let numbers = numbers(&answer);
    let names: Vec<(usize, &str)> = needles
        .iter()
        .flat_map(|needle| answer.match_indices(needle.name).map(|(place, _)| (place, needle.name)))
        .collect();
    let name_before = |place: usize| {
        names.iter().filter(|(start, _)| *start < place).max().map(|(_, name)| *name)
    };
    let of_needle = |needle: &Needle| {
        let mut places =
            numbers.iter().filter(|(_, digits)| *digits == needle.code).map(|(place, _)| *place);
        let is_own = |place| name_before(place).is_none_or(|name| name == needle.name);
        match places.clone().next() {
            None => Recall::Absent,
            Some(_) if places.any(is_own) => Recall::Exact,
            Some(_) => Recall::WrongName,
        }
    };
    needles.iter().map(of_needle).collect()
}

/// The text without commas that stand between two digits.
fn without_commas(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let is_digit = |index: usize| chars.get(index).is_some_and(char::is_ascii_digit);
    let kept = chars.iter().enumerate().filter(|(index, c)| {
        !(**c == ',' && *index > 0 && is_digit(index - 1) && is_digit(index + 1))
    });
    kept.map(|(_, c)| *c).collect()
}

/// Each number with the place where it begins.
fn numbers(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut start = None;
    for (place, byte) in text.bytes().chain([b' ']).enumerate() {
        match (start, byte.is_ascii_digit()) {
            (None, true) => start = Some(place),
            (Some(first), false) => {
                found.push((first, &text[first..place]));
                start = None;
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::needles::Place;

    fn check(answer: &str, expected: [Recall; 2]) {
        let needle = |name, code: &str| Needle { name, code: code.into(), place: Place::Depth };
        let needles = [needle("heron", "1234567"), needle("teal", "7654321")];
        assert_eq!(recall(answer, &needles), expected, "{answer}");
    }

    #[test]
    fn a_code_counts_under_its_own_name_only() {
        use Recall::{Absent, Exact, WrongName};
        check("heron: 1234567\nteal: 7654321", [Exact, Exact]);
        check("**Heron**: 1,234,567.\nThe teal's code is 7654321!", [Exact, Exact]);
        check("1234567\n7654321", [Exact, Exact]);
        check("heron: 7654321\nteal: 1234567", [WrongName, WrongName]);
        check("heron: 1234567", [Exact, Absent]);
        check("heron: 12345678", [Absent, Absent]);
        check("heron: 1234566", [Absent, Absent]);
        check("teal: 1234567\nno, heron: 1234567", [Exact, Absent]);
        check("ärger – heron → 1234567", [Exact, Absent]);
        check("", [Absent, Absent]);
    }
}
