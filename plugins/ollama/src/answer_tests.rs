//! Recorded lines and small cases. The recordings come from a real Ollama 0.6.5
//! on a CPU with a tiny model of random weights; control characters as it sent them.

use llmbench_testkit::Recorder;

use super::*;

const RECORDED: [&str; 3] = [
    r#"{"model":"tiny","created_at":"2026-11-23T18:46:23.556633799Z","message":{"role":"assistant","content":"\u0003"},"done":false}"#,
    r#"{"model":"tiny","created_at":"2026-11-23T18:46:23.560697917Z","message":{"role":"assistant","content":"5"},"done":false}"#,
    r#"{"model":"tiny","created_at":"2026-11-23T18:46:24.539317569Z","message":{"role":"assistant","content":""},"done_reason":"length","done":true,"total_duration":1404337057,"load_duration":1464019,"prompt_eval_count":27,"prompt_eval_duration":404970413,"eval_count":12,"eval_duration":988047802}"#,
];

/// Feeds lines that arrive 1 s apart; the request was sent at 1 s.
fn answer(lines: &[&str]) -> (Result<Generation>, Recorder) {
    let sink = Recorder::new();
    let mut answer = Answer::new("ask `m`", &sink);
    let mut result = Ok(Progress::More);
    for (line, seconds) in lines.iter().zip(2..) {
        result = answer.line(line.as_bytes(), seconds * 1_000_000_000);
        if result != Ok(Progress::More) {
            break;
        }
    }
    let result = match result {
        Ok(Progress::Done) => answer.finish(1_000_000_000),
        Ok(Progress::More) => Err(answer.ended_early(b"")),
        Err(error) => Err(error),
    };
    (result, sink)
}

fn failed(lines: &[&str]) -> Error {
    answer(lines).0.unwrap_err()
}

#[test]
fn a_recorded_answer_keeps_every_figure_of_the_server() {
    let (generation, sink) = answer(&RECORDED);
    let generation = generation.unwrap();
    assert_eq!(generation.text, "\u{3}5");
    assert_eq!(generation.done_reason, DoneReason::Length);
    assert_eq!(generation.done_reason_raw.as_deref(), Some("length"));
    assert_eq!(generation.prompt_tokens, Some(27));
    assert_eq!(generation.completion_tokens, Some(12));
    assert_eq!(generation.load_sec, Some(0.001464019));
    assert_eq!(generation.prefill_sec, Some(0.404970413));
    assert_eq!(generation.decode_sec, Some(0.988047802));
    let rest = 1_404_337_057 - 1_464_019 - 404_970_413 - 988_047_802;
    assert_eq!(generation.queue_sec, Some(f64::from(rest) / 1e9));
    assert_eq!(generation.missing, BTreeMap::new());
    assert_eq!(generation.raw["eval_count"], 12);
    assert_eq!((generation.ttft_sec(), generation.duration_sec()), (Some(1.0), 3.0));

    let seen: Vec<_> = sink.events().into_iter().map(|e| (e.kind, e.at_ns, e.text)).collect();
    assert_eq!(
        seen,
        [
            (EventKind::Text, 2_000_000_000, "\u{3}".to_owned()),
            (EventKind::Text, 3_000_000_000, "5".to_owned()),
            (
                EventKind::Usage,
                4_000_000_000,
                r#"{"prompt_tokens":27,"completion_tokens":12}"#.to_owned()
            ),
            (EventKind::Done, 4_000_000_000, "length".to_owned()),
        ]
    );
}

#[test]
fn what_the_server_leaves_out_is_absent_with_a_reason() {
    let (generation, _) =
        answer(&[r#"{"message":{"content":"x"},"done":true,"prompt_eval_count":0}"#]);
    let generation = generation.unwrap();
    assert_eq!(generation.prompt_tokens, None);
    assert_eq!(generation.completion_tokens, None);
    assert_eq!(generation.decode_sec, None);
    assert_eq!(generation.queue_sec, None);
    assert_eq!(generation.done_reason, DoneReason::Unknown);
    let names: Vec<_> = generation.missing.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "completion_tokens",
            "decode_sec",
            "done_reason_raw",
            "load_sec",
            "prefill_sec",
            "prompt_tokens",
            "queue_sec"
        ]
    );
    assert!(generation.missing["prompt_tokens"].contains("prefix cache"));
}

#[test]
fn an_answer_without_text_has_no_first_token() {
    let (generation, _) = answer(&[r#"{"done":true,"done_reason":"stop"}"#]);
    let generation = generation.unwrap();
    assert_eq!(generation.first_token_at_ns, None);
    assert!(generation.missing.contains_key("first_token_at_ns"));
}

#[test]
fn parts_that_exceed_the_total_give_no_queue_time() {
    let (generation, _) = answer(&[
        r#"{"done":true,"total_duration":10,"load_duration":5,"prompt_eval_duration":5,"eval_duration":5}"#,
    ]);
    let generation = generation.unwrap();
    assert_eq!(generation.queue_sec, None);
    assert!(generation.missing["queue_sec"].contains("more than its total"));
}

#[test]
fn thinking_and_tool_calls_are_kept_apart_from_the_text() {
    let (generation, sink) = answer(&[
        r#"{"message":{"role":"assistant","content":"","thinking":"hm"},"done":false}"#,
        r#"{"message":{"role":"assistant","content":"ok"},"done":false}"#,
        r#"{"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":false}"#,
        r#"{"message":{"role":"assistant","content":""},"done_reason":"stop","done":true,"eval_count":3}"#,
    ]);
    let generation = generation.unwrap();
    assert_eq!((generation.text.as_str(), generation.thinking.as_str()), ("ok", "hm"));
    assert_eq!(generation.done_reason, DoneReason::ToolCalls);
    assert_eq!(generation.ttft_sec(), Some(1.0));
    assert_eq!(sink.text(EventKind::Thinking), "hm");
    assert_eq!(sink.text(EventKind::ToolCall), r#"{"function":{"name":"f","arguments":{}}}"#);
}

#[test]
fn reasons_of_the_end_are_told_apart() {
    for (raw, expected) in [
        ("stop", DoneReason::Stop),
        ("length", DoneReason::Length),
        ("content_filter", DoneReason::Unknown),
    ] {
        let line = format!(r#"{{"message":{{"content":"x"}},"done":true,"done_reason":"{raw}"}}"#);
        let generation = answer(&[&line]).0.unwrap();
        assert_eq!(generation.done_reason, expected);
        assert_eq!(generation.done_reason_raw.as_deref(), Some(raw));
    }
}

#[test]
fn only_the_end_mark_makes_an_answer() {
    let error = failed(&RECORDED[..2]);
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert!(
        error.message.contains("without its end mark after 2 pieces (2 characters)"),
        "{error}"
    );
    for reason in ["load", "unload"] {
        let line =
            format!(r#"{{"message":{{"content":""}},"done":true,"done_reason":"{reason}"}}"#);
        let error = failed(&[&line]);
        assert!(error.kind == ErrorKind::Protocol && error.message.contains(reason), "{error}");
    }
}

#[test]
fn a_loop_that_the_server_gave_up_on_is_the_models_failure() {
    let check = |pieces: usize, rest: &[u8], expected: bool| {
        let recorder = Recorder::new();
        let mut answer = Answer::new("ask", &recorder);
        for _ in 0..pieces {
            let line = br#"{"message":{"content":"x"},"done":false}"#;
            answer.line(line, 5).unwrap();
        }
        let given_up = answer.given_up(rest, 1, 9);
        assert_eq!(given_up.is_some(), expected, "{pieces}");
        if let Some(generation) = given_up {
            assert_eq!(generation.done_reason, DoneReason::Repetition);
            assert_eq!((generation.text.len(), generation.completion_tokens), (pieces, None));
            assert!(generation.missing.contains_key("completion_tokens"));
        }
    };
    check(31, b"", true);
    check(30, b"", false);
    // A cut line is a lost connection, whatever stood before it.
    check(31, b"{\"mess", false);
}

#[test]
fn an_error_line_tells_its_kind_and_what_had_arrived() {
    // Recorded: the runner was killed in the middle of an answer.
    let broken = r#"{"error":"an error was encountered while running the model: unexpected EOF"}"#;
    let error = failed(&[RECORDED[0], broken]);
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert!(error.message.contains("unexpected EOF after 1 pieces"), "{error}");
    let memory = r#"{"error":"CUDA error: out of memory"}"#;
    assert_eq!(failed(&[RECORDED[0], memory]).kind, ErrorKind::OutOfMemory);
}

#[test]
fn garbage_is_no_answer() {
    for line in
        ["<html><body>hello</body></html>", "data: {}", "{\"done\":", "[1]", "{}", "{\"x\":1}"]
    {
        let error = failed(&[line]);
        assert_eq!(error.kind, ErrorKind::Protocol, "{line}");
        assert!(error.hint.unwrap().contains("is this an Ollama server?"), "{line}");
    }
}

#[test]
fn a_sink_that_stops_cancels() {
    let sink = Recorder::stopping_after(1);
    let mut answer = Answer::new("ask `m`", &sink);
    let error = answer.line(RECORDED[0].as_bytes(), 1).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    assert_eq!(sink.events().len(), 1);
}

#[test]
fn clocks_that_disagree_are_remarked() {
    assert_eq!(clock_warning(1.4, Some(1_404_000_000)), None);
    assert_eq!(clock_warning(10.9, Some(10_000_000_000)), None);
    assert_eq!(clock_warning(9.0, None), None);
    assert!(clock_warning(9.0, Some(2_000_000_000)).unwrap().contains("9.00 s here"));
    assert!(clock_warning(2.0, Some(9_000_000_000)).is_some());
}
