use llmbench_testkit::Recorder;

use super::*;
use crate::secret::Secrets;
use crate::sse::Lines;

const NONE: &Secrets = &Secrets::none();
const ABOUT: About<'_> = About { what: "ask model `m`", secrets: NONE };

/// Reads a stream whose lines each have their instant.
fn read(lines: &[(u64, &str)]) -> Result<Answer> {
    let mut answer = Answer::new(true);
    let mut cut = Lines::default();
    for (at_ns, line) in lines {
        cut.feed(format!("{line}\n").as_bytes(), |line| answer.line(line, *at_ns, ABOUT))
            .unwrap()?;
    }
    Ok(answer)
}

fn finish(lines: &[(u64, &str)]) -> Result<Generation> {
    read(lines)?.finish(100, 9_999, 8, ABOUT)
}

fn chunk(delta: &str) -> String {
    format!(r#"data: {{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#)
}

const STOP: &str = r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str =
    r#"data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8}}"#;
const DONE: &str = "data: [DONE]";

#[test]
fn role_only_and_empty_chunks_are_no_first_token() {
    let (role, empty, text) = (
        chunk(r#"{"role":"assistant","content":null}"#),
        chunk(r#"{"role":"assistant","content":""}"#),
        chunk(r#"{"content":"hi"}"#),
    );
    let answer = finish(&[
        (200, &role),
        (300, &empty),
        (400, &text),
        (500, STOP),
        (500, USAGE),
        (600, DONE),
    ])
    .unwrap();
    assert_eq!(answer.first_token_at_ns, Some(400));
    assert_eq!((answer.content_chunks, answer.longest_gap_ns), (Some(1), None));
    assert_eq!((answer.sent_at_ns, answer.done_at_ns), (100, 600));
    assert_eq!((answer.prompt_tokens, answer.completion_tokens), (Some(5), Some(3)));
    assert_eq!(answer.done_reason, DoneReason::Stop);
    assert!(answer.warnings.is_empty() && answer.gaps_ns.is_empty());
}

#[test]
fn reasoning_first_is_the_first_token_by_either_name() {
    for name in ["reasoning", "reasoning_content"] {
        let (thought, text) =
            (chunk(&format!(r#"{{"{name}":"hm"}}"#)), chunk(r#"{"content":"hi"}"#));
        let answer = finish(&[(200, &thought), (700, &text), (800, STOP), (800, DONE)]).unwrap();
        assert_eq!(answer.first_token_at_ns, Some(200));
        assert_eq!((answer.thinking.as_str(), answer.text.as_str()), ("hm", "hi"));
        assert_eq!(answer.gaps_ns, [500]);
    }
    // Under both names at once it is the same text, once.
    let both = chunk(r#"{"reasoning":"hm","reasoning_content":"hm"}"#);
    assert_eq!(finish(&[(200, &both), (800, STOP), (800, DONE)]).unwrap().thinking, "hm");
}

#[test]
fn every_gap_is_kept_and_a_stall_is_seen() {
    let lines: Vec<_> =
        ["a", "b", "c", "d"].map(|text| chunk(&format!(r#"{{"content":"{text}"}}"#))).into();
    let at = [1_000, 6_000, 406_000, 406_000];
    let mut stream: Vec<_> = at.into_iter().zip(lines.iter().map(String::as_str)).collect();
    stream.extend([(407_000, STOP), (407_000, DONE)]);
    let answer = finish(&stream).unwrap();
    assert_eq!(answer.gaps_ns, [5_000, 400_000, 0]);
    assert_eq!((answer.longest_gap_ns, answer.content_chunks), (Some(400_000), Some(4)));
}

#[test]
fn gaps_are_bounded_and_the_longest_is_exact_beyond() {
    let text = chunk(r#"{"content":"a"}"#);
    let count = Generation::MOST_GAPS as u64 + 10;
    let mut stream: Vec<_> = (0..count).map(|index| (index * 10, text.as_str())).collect();
    stream.push((count * 10 + 5_000, &text));
    stream.extend([(count * 20, STOP), (count * 20, DONE)]);
    let answer = finish(&stream).unwrap();
    assert_eq!(answer.gaps_ns.len(), Generation::MOST_GAPS);
    assert_eq!(answer.longest_gap_ns, Some(5_010));
    assert_eq!(answer.content_chunks, Some(count + 1));
}

#[test]
fn an_answer_longer_than_its_cap_is_flagged() {
    let text = chunk(r#"{"content":"a"}"#);
    let long = USAGE.replace("\"completion_tokens\":3", "\"completion_tokens\":950");
    let answer = finish(&[(1, &text), (2, STOP), (3, &long), (4, DONE)]).unwrap();
    assert!(answer.warnings[0].contains("950 tokens"), "{:?}", answer.warnings);
    // Without counts of the server, by its pieces.
    let mut stream: Vec<_> = (0..9).map(|at| (at, text.as_str())).collect();
    stream.extend([(10, STOP), (10, DONE)]);
    let answer = finish(&stream).unwrap();
    assert!(answer.warnings[0].contains("9 pieces"), "{:?}", answer.warnings);
    assert!(answer.missing["completion_tokens"].contains("usage"));
}

#[test]
fn figures_that_the_server_does_not_send_are_absent_with_a_reason() {
    let text = chunk(r#"{"content":"a"}"#);
    let answer = finish(&[(1, &text), (2, STOP), (4, DONE)]).unwrap();
    for name in ["prompt_tokens", "completion_tokens", "load_sec", "prefill_sec", "decode_sec"] {
        assert!(answer.missing.contains_key(name), "{name}");
    }
    assert_eq!((answer.prompt_tokens, answer.decode_sec), (None, None));
}

#[test]
fn llama_cpp_tells_durations_and_how_many_tokens_they_are_of() {
    let line = r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":50,"completion_tokens":3},"timings":{"prompt_n":30,"prompt_ms":20.0,"predicted_n":3,"predicted_ms":40.0,"predicted_per_second":50.0}}"#;
    let answer = finish(&[(2, line), (4, DONE)]).unwrap();
    assert_eq!((answer.prefill_sec, answer.decode_sec), (Some(0.02), Some(0.04)));
    assert_eq!((answer.cached_prompt_tokens, answer.decode_tokens), (Some(20), Some(2)));
    assert_eq!(answer.prefill_tokens_per_sec(), Some(1500.0));
    assert_eq!(answer.tokens_per_sec(), Some(50.0));
}

#[test]
fn counts_that_cannot_be_do_not_cost_the_answer() {
    let text = chunk(r#"{"content":"a"}"#);
    for count in ["0", "-1", "1.5", "9223372036854775808", "36893488147419103232"] {
        let usage =
            USAGE.replace("\"completion_tokens\":3", &format!("\"completion_tokens\":{count}"));
        let answer = finish(&[(1, &text), (2, STOP), (3, &usage), (4, DONE)]).unwrap();
        assert_eq!((answer.prompt_tokens, answer.completion_tokens), (Some(5), None), "{count}");
        assert!(answer.missing["completion_tokens"].starts_with("the server counts"), "{count}");
        assert!(answer.warnings.is_empty(), "{:?}", answer.warnings);
    }
}

#[test]
fn an_answer_that_the_server_gave_up_is_its_failure_and_an_unknown_reason_a_warning() {
    let text = chunk(r#"{"content":"a"}"#);
    for word in ["abort", "error"] {
        let error = finish(&[(1, &text), (2, &STOP.replace("stop", word)), (4, DONE)]).unwrap_err();
        assert_eq!((error.kind, error.phase.as_deref()), (ErrorKind::Protocol, Some("answer")));
        assert!(error.message.contains(word) && error.hint.is_some(), "{error}");
    }
    let answer = finish(&[(1, &text), (2, &STOP.replace("stop", "tired")), (4, DONE)]).unwrap();
    assert_eq!(answer.done_reason, DoneReason::Unknown);
    assert!(answer.warnings[0].contains("`tired`"), "{:?}", answer.warnings);
}

#[test]
fn an_end_without_the_servers_word_is_an_error_and_without_its_mark_a_warning() {
    let text = chunk(r#"{"content":"a"}"#);
    let error = finish(&[(1, &text), (2, DONE)]).unwrap_err();
    assert!(error.message.contains("without a reason") && error.kind == ErrorKind::Protocol);
    assert_eq!(error.phase.as_deref(), Some("answer"));
    let usage = r#"data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":1}}"#;
    let answer = finish(&[(1, &text), (2, usage), (3, DONE)]).unwrap();
    assert_eq!(answer.done_reason, DoneReason::Unknown);
    let error = finish(&[(1, &text)]).unwrap_err();
    assert_eq!((error.kind, error.phase.as_deref()), (ErrorKind::Protocol, Some("answer")));
    let answer = finish(&[(1, &text), (2, STOP)]).unwrap();
    assert!(answer.warnings[0].contains("[DONE]"));
    assert_eq!(answer.done_at_ns, 9_999);
}

#[test]
fn a_loop_that_the_server_gave_up_on_is_the_models_failure() {
    let pieces = |words: &[&str], times: usize| -> Vec<(u64, String)> {
        let word = |place: usize| words[place % words.len()];
        (0..times)
            .map(|place| (place as u64 + 1, chunk(&format!(r#"{{"content":"{}"}}"#, word(place)))))
            .collect()
    };
    let ended = |lines: &[(u64, String)]| {
        let lines: Vec<_> = lines.iter().map(|(at, line)| (*at, line.as_str())).collect();
        finish(&lines)
    };
    let answer = ended(&pieces(&["add", " add"], 31)).unwrap();
    assert_eq!((answer.done_reason, answer.completion_tokens), (DoneReason::Repetition, None));
    assert!(answer.missing.contains_key("completion_tokens") && answer.text.ends_with("addadd"));
    assert!(answer.warnings[0].contains("gave up"), "{:?}", answer.warnings);
    assert_eq!(ended(&pieces(&["\\n"], 31)).unwrap().done_reason, DoneReason::Repetition);
    for lines in [pieces(&["add"], 30), pieces(&["a", "b"], 80), Vec::new()] {
        let error = ended(&lines).unwrap_err();
        assert!(error.message.contains("without its end mark"), "{error}");
    }
}

#[test]
fn errors_in_the_stream_and_what_is_no_stream_are_told_apart() {
    for (line, kind, part) in [
        (r#"data: {"error":{"message":"server busy","code":503}}"#, ErrorKind::Busy, "server busy"),
        (r#"data: {"error":"CUDA out of memory"}"#, ErrorKind::OutOfMemory, "CUDA"),
        ("data: {\"choices\":[}", ErrorKind::Protocol, "cannot read an event"),
        ("data: [1,2]", ErrorKind::Protocol, "cannot read an event"),
        ("<html><body>Welcome", ErrorKind::Protocol, "HTML"),
        (r#"{"choices":[{"message":{"content":"x"}}]}"#, ErrorKind::Protocol, "no stream"),
    ] {
        let error = read(&[(1, line)]).unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.to_string().contains(part) && error.hint.is_some(), "{error}");
    }
}

#[test]
fn an_event_called_an_error_is_one_whatever_it_holds_and_only_that_event() {
    let text = chunk(r#"{"content":"a"}"#);
    let last = chunk(r#"{"content":"engine died"}"#);
    let (name, end) = ("event: error", "");
    for (lines, parts) in [
        // The fast path would read the second.
        (vec![&*text, &*text, end, name, &*last], ["engine died", "answer"]),
        (
            vec![name, "data: overloaded,", "data: come back", end],
            ["overloaded, come back", "first"],
        ),
        (vec![name, r#"data: {"message":"too much","code":503}"#], ["too much", "first"]),
    ] {
        let lines: Vec<_> = lines.into_iter().map(|line| (1, line)).collect();
        let error = read(&lines).unwrap_err();
        assert!(error.message.contains(parts[0]), "{error}");
        assert!(error.phase.as_deref().unwrap().starts_with(parts[1]), "{error:?}");
    }
    let lines = [(1, name), (1, end), (2, &*text), (3, STOP), (4, DONE)];
    assert_eq!(finish(&lines).unwrap().text, "a");
}

#[test]
fn what_the_standard_lets_a_stream_hold_does_no_harm() {
    let text = chunk(r#"{"content":"a"}"#);
    let (begin, rest) = text.split_at(text.find("\"delta\"").unwrap());
    let rest = format!("data: {rest}");
    let answer = finish(&[
        (1, "\u{feff}: hello"),
        (1, "retry: 3"),
        (1, "foo: bar"),
        (2, begin),
        (3, &rest),
        (3, ""),
        (4, STOP),
        (5, DONE),
        (6, "<html>"),
        (7, &text),
    ])
    .unwrap();
    assert_eq!((answer.text.as_str(), answer.first_token_at_ns), ("a", Some(3)));
    assert_eq!(answer.done_at_ns, 5);
    let error = read(&[(1, begin), (2, "")]).unwrap_err();
    assert!(error.message.contains("cannot read an event"), "{error}");
    // A text that looks like a field is shown when nothing else came.
    let error = finish(&[(1, "Error: no such page")]).unwrap_err();
    assert!(error.message.contains("no stream of events: Error: no such page"), "{error}");
}

#[test]
fn what_is_no_stream_has_the_phase_in_which_it_came() {
    let text = chunk(r#"{"content":"a"}"#);
    let error = read(&[(1, &text), (2, "<html>")]).unwrap_err();
    assert_eq!(error.phase.as_deref(), Some("answer"));
    let error = read(&[(2, "<html>")]).unwrap_err();
    assert_eq!(error.phase.as_deref(), Some("first_token"));
}

#[test]
fn half_an_emoji_costs_a_letter_and_not_the_answer() {
    let (text, half) = (chunk(r#"{"content":"a"}"#), chunk(r#"{"content":"\ud83d"}"#));
    let lines = [(1, &*text), (2, &*half), (3, &*text), (4, STOP), (5, DONE)];
    let answer = finish(&lines).unwrap();
    assert_eq!((answer.text.as_str(), answer.content_chunks), ("a\u{fffd}a", Some(3)));
}

#[test]
fn the_sink_sees_each_text_once_and_can_stop() {
    let text = |text: &str| chunk(&format!(r#"{{"content":"{text}"}}"#));
    let sink = Recorder::new();
    let mut answer = read(&[(1, &text("a")), (1, &text("b\\n"))]).unwrap();
    answer.tell(&sink, 0, 1).unwrap();
    answer.tell(&sink, 0, 2).unwrap();
    assert_eq!(sink.text(EventKind::Text), "ab\n");
    let mut answer = read(&[(1, &text("a"))]).unwrap();
    let error = answer.tell(&Recorder::stopping_after(0), 0, 1).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
}
