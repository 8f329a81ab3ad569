//! Words for users in place of those of the library that reads settings.
//!
//! Plugins read their own settings with the same library, so its words arrive here from everywhere.

use crate::nearest::nearest;

/// What stands before the names that would have been right.
const UNKNOWN: [(&str, &str); 2] = [("unknown field `", "key"), ("unknown variant `", "value")];
const WRONG_VALUE: [&str; 2] = ["invalid type: ", "invalid value: "];

/// `text` with what it says about a key or value in a user's words, and the rest as it is.
pub(crate) fn plain(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| plain_line(line, text)).collect();
    lines.join("\n")
}

fn plain_line(line: &str, whole: &str) -> String {
    for (start, what) in UNKNOWN {
        if let Some((before, rest)) = line.split_once(start)
            && let Some((name, rest)) = rest.split_once("`, ")
        {
            return format!("{before}{}", unknown(name, what, rest));
        }
    }
    for start in WRONG_VALUE {
        if let Some((before, rest)) = line.split_once(start)
            && let Some((found, expected)) = rest.rsplit_once(", expected ")
        {
            let (found, expected) = (value_in_words(found), expected_in_words(expected, whole));
            return format!("{before}{found} where {expected} belongs");
        }
    }
    line.to_owned()
}

/// The question comes before the list, which may be long.
fn unknown(name: &str, what: &str, rest: &str) -> String {
    let names: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let question = match nearest(name, names.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    };
    let list: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let list = if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let end = if question.is_empty() { ";" } else { "" };
    format!("unknown {what} `{name}`{question}{end} expected: {list}")
}

fn value_in_words(found: &str) -> String {
    let number = ["integer `", "floating point `", "boolean `"]
        .iter()
        .find_map(|start| found.strip_prefix(start)?.strip_suffix('`'));
    match (number, found) {
        (Some(number), _) => number.to_owned(),
        (_, "sequence") => "a list".into(),
        (_, "map") => "a table".into(),
        (_, "null" | "unit value") => "nothing".into(),
        (_, found) => match found.strip_prefix("string ") {
            Some(text) => format!("the text {text}"),
            None => found.to_owned(),
        },
    }
}

fn expected_in_words(expected: &str, whole: &str) -> String {
    let is_negative = whole.contains("integer `-");
    match expected {
        "u8" => "a whole number from 0 to 255".into(),
        "u16" => "a whole number from 0 to 65535".into(),
        "u32" if !is_negative && whole.contains("invalid value: integer") => {
            format!("a whole number up to {}", u32::MAX)
        }
        "u32" | "u64" | "usize" => "a whole number from 0 on".into(),
        "i8" | "i16" | "i32" | "i64" => "a whole number".into(),
        "f32" | "f64" => "a number".into(),
        "a boolean" => "`true` or `false`".into(),
        "a string" | "a borrowed string" | "path string" | "string or map" => "a text".into(),
        "a sequence" => "a list such as `[1,2]`".into(),
        "a map" => "a table".into(),
        text if text.starts_with("struct ") => "a table".into(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_library_become_words_of_a_user() {
        let check = |text: &str, wanted: &str| assert_eq!(plain(text), wanted);
        check(
            "unknown field `runz`, expected one of `name`, `runs`",
            "unknown key `runz`; did you mean `runs`? expected: `name`, `runs`",
        );
        check("x: unknown field `a`, there are no fields", "x: unknown key `a`; expected: none");
        check(
            "unknown variant `race`, expected `load` or `bench`",
            "unknown value `race`; expected: `load`, `bench`",
        );
        check(
            "line 1\n  |\ninvalid type: string \"many\", expected u32\n",
            "line 1\n  |\nthe text \"many\" where a whole number from 0 on belongs",
        );
        check(
            "`node`: invalid type: integer `3`, expected path string",
            "`node`: 3 where a text belongs",
        );
        check(
            "invalid value: integer `-1`, expected u32",
            "-1 where a whole number from 0 on belongs",
        );
        check(
            "invalid type: boolean `true`, expected a sequence",
            "true where a list such as `[1,2]` belongs",
        );
        check("something else", "something else");
    }
}
