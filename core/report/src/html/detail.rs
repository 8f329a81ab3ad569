//! One attempt in full: prompt, raw answer, findings, monitors, and its diff to the solution.

use llmbench_api::record::AttemptRecord;
use llmbench_api::{Answer, Findings, Message, Role};
use serde_json::{Value, json};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::artifacts::{self, Exchanges};
use super::{Source, series};
use crate::Attempt;

/// Bytes of one text that are shown; the files have all.
const MOST_TEXT_BYTES: usize = 256 << 10;
/// Diagnostics of one role that are shown; the files have all.
const MOST_DIAGNOSTICS: usize = 200;
/// Lines of a file up to which it is compared: comparing grows with their product.
const MOST_DIFF_LINES: usize = 4000;

pub(super) fn detail(source: Source<'_>, attempt: &Attempt) -> Value {
    let record = source.report.details(attempt);
    let exchanges = artifacts::exchanges(source.dir, &attempt.id);
    let monitors = artifacts::monitors(source.dir, &attempt.id);
    let expected = artifacts::expected(source.dir, &attempt.fixture);
    let (record, record_reason) = match record {
        Ok(Some(record)) => (Some(record), None),
        Ok(None) => (None, Some("the report was made without the whole records".to_owned())),
        Err(error) => (None, Some(error.to_string())),
    };
    let code = record.as_ref().and_then(|record| record.output_code.as_deref());
    json!({
        "id": attempt.id, "timestamp": attempt.timestamp, "seed": attempt.seed,
        "done_reason": attempt.done_reason, "reason": record_reason,
        "errors": attempt.errors.iter().map(|error| &**error).collect::<Vec<_>>(),
        "warnings": *attempt.warnings, "retries": attempt.retries, "missing": *attempt.missing,
        "scoring": record.as_ref().map(scoring),
        "findings": record.as_ref().map(findings),
        "files": files(code, expected.as_deref()),
        "expected_reason": expected.is_none().then_some(
            "this run keeps no expected solution of the fixture: it was made by an older llmbench, or the test states none"),
        "answer_reason": code.is_none().then(|| {
            let missing = attempt.missing.get("output_code").cloned();
            missing.unwrap_or_else(|| "there is no code".to_owned())
        }),
        "conversation": conversation(&exchanges), "conversation_reason": exchanges.reason,
        "timeline": series::timeline(&exchanges.answers, &monitors),
    })
}

/// Gates and parts of the score, where the test tells them.
fn scoring(record: &AttemptRecord) -> Value {
    json!({ "gates": record.extra.get("gates"), "parts": record.extra.get("score_parts") })
}

fn findings(record: &AttemptRecord) -> Value {
    record.findings.iter().map(|(role, findings)| of_role(role, findings)).collect()
}

fn of_role(role: &str, findings: &Findings) -> Value {
    let shown = findings.diagnostics.len().min(MOST_DIAGNOSTICS);
    json!({
        "role": role, "validator": findings.validator, "status": findings.status,
        "reason": findings.reason, "score": findings.score, "checks": findings.checks,
        "diagnostics": findings.diagnostics[..shown],
        "more_diagnostics": findings.diagnostics.len() - shown,
    })
}

/// Requests and answers in order; of a request that goes on with the one before, only what is new.
fn conversation(exchanges: &Exchanges) -> Value {
    let mut messages = Vec::new();
    let mut before: &[Message] = &[];
    for (index, request) in exchanges.requests.iter().enumerate() {
        // With the answer behind it. The same question again is another one.
        let goes_on = request.messages.len() > before.len() && request.messages.starts_with(before);
        let known = if goes_on && !before.is_empty() { before.len() + 1 } else { 0 };
        messages.extend(
            request.messages[known.min(request.messages.len())..]
                .iter()
                .map(|message| entry(role(message.role), &message.content)),
        );
        before = &request.messages;
        match exchanges.answers.get(index) {
            Some(Answer::Answered(generation)) => {
                if !generation.thinking.is_empty() {
                    messages.push(entry("reasoning", &generation.thinking));
                }
                messages.push(entry("answer", &generation.text));
            }
            Some(Answer::Failed(error)) => messages.push(entry("failure", &error.to_string())),
            None => messages.push(entry("failure", "no answer came")),
        }
    }
    Value::Array(messages)
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "prompt",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

fn entry(kind: &str, text: &str) -> Value {
    let (head, rest) = cut(text);
    json!({ "kind": kind, "text": head, "bytes_left_out": rest })
}

fn cut(text: &str) -> (&str, usize) {
    let head = &text[..text.floor_char_boundary(MOST_TEXT_BYTES)];
    (head, text.len() - head.len())
}

/// The answer's files beside the solution's, with the edits that lead from one to the other.
fn files(answer: Option<&str>, expected: Option<&str>) -> Value {
    let expected = expected.map(blocks).unwrap_or_default();
    let answer = match (answer, &expected[..]) {
        (None, _) => Vec::new(),
        // A task of one file has it as its answer; one of several has fenced blocks.
        (Some(answer), [(name, _)]) => vec![(name.clone(), cut(answer).0.to_owned())],
        (Some(answer), _) => match blocks(answer) {
            blocks if blocks.is_empty() => vec![("answer".to_owned(), cut(answer).0.to_owned())],
            blocks => blocks,
        },
    };
    let mut names: Vec<&String> = expected.iter().map(|(name, _)| name).collect();
    names.extend(answer.iter().map(|(name, _)| name));
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(*name));
    let find = |files: &[(String, String)], name: &str| {
        files.iter().find(|(known, _)| known == name).map(|(_, text)| text.clone())
    };
    let file = |name: &String| {
        let (answer, expected) = (find(&answer, name), find(&expected, name));
        let edits = answer.as_deref().zip(expected.as_deref()).and_then(|(a, b)| edits(a, b));
        json!({ "name": name, "answer": answer, "expected": expected, "edits": edits })
    };
    names.into_iter().map(file).collect()
}

/// `[kind, from, length, from, length]` over lines: `=` equal, `-` only in the answer, `+` only in the solution, `~` changed.
fn edits(answer: &str, expected: &str) -> Option<Vec<Value>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (answer.lines().collect(), expected.lines().collect());
    if old.len() > MOST_DIFF_LINES || new.len() > MOST_DIFF_LINES {
        return None;
    }
    let edit = |op: DiffOp| match op {
        DiffOp::Equal { old_index, new_index, len } => json!(["=", old_index, len, new_index, len]),
        DiffOp::Delete { old_index, old_len, new_index } => {
            json!(["-", old_index, old_len, new_index, 0])
        }
        DiffOp::Insert { old_index, new_index, new_len } => {
            json!(["+", old_index, 0, new_index, new_len])
        }
        DiffOp::Replace { old_index, old_len, new_index, new_len } => {
            json!(["~", old_index, old_len, new_index, new_len])
        }
    };
    Some(capture_diff_slices(Algorithm::Patience, &old, &new).into_iter().map(edit).collect())
}

/// The fenced blocks of a text that llmbench put together itself: name after the language, then content.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let fence: String = line.chars().take_while(|c| *c == '`').collect();
        if fence.len() < 3 {
            continue;
        }
        let name = line[fence.len()..].split_once(' ').map_or("answer", |(_, name)| name.trim());
        let content: Vec<_> = lines.by_ref().take_while(|line| *line != fence).collect();
        found.push((name.to_owned(), content.join("\n") + "\n"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_is_compared_with_the_solution_line_by_line() {
        let files = files(Some("a\nx\nc\n"), Some("```vue C.vue\na\nb\nc\nd\n```\n"));
        assert_eq!(files[0]["name"], "C.vue");
        let expected =
            json!([["=", 0, 1, 0, 1], ["~", 1, 1, 1, 1], ["=", 2, 1, 2, 1], ["+", 3, 0, 3, 1]]);
        assert_eq!(files[0]["edits"], expected);
    }

    #[test]
    fn several_files_are_found_by_their_names_and_longer_fences_hold_shorter_ones() {
        let answer = "````ts a.ts\n```\nx\n```\n````\n\n```vue B.vue\ny\n```\n";
        let expected = "```ts a.ts\nz\n```\n\n```vue C.vue\nq\n```\n";
        let files = files(Some(answer), Some(expected));
        let of = |n: usize| {
            (files[n]["name"].clone(), files[n]["answer"].clone(), files[n]["expected"].clone())
        };
        assert_eq!(of(0), (json!("a.ts"), json!("```\nx\n```\n"), json!("z\n")));
        assert_eq!(of(1), (json!("C.vue"), Value::Null, json!("q\n")));
        assert_eq!(of(2), (json!("B.vue"), json!("y\n"), Value::Null));
    }

    #[test]
    fn without_a_solution_the_answer_stands_alone() {
        let files = files(Some("<script>\n"), None);
        assert_eq!(
            files,
            json!([{ "name": "answer", "answer": "<script>\n", "expected": null, "edits": null }])
        );
    }
}
