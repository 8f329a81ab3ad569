//! Whole components: what they score, and that nothing makes the validator fall.

use std::time::{Duration, Instant};

use llmbench_api::{Artifact, ErrorKind, Findings, FindingsStatus, Project};
use llmbench_plugin_ts_ast::{deep, judge};

const UNTYPED: &str = include_str!("components/untyped.vue");
const TYPED: &str = include_str!("components/typed.vue");

fn project() -> Project {
    let mut project = Project::default();
    project.files.insert("input.vue".into(), UNTYPED.into());
    project
}

fn judge_default(text: &str) -> Findings {
    judge(&Artifact::single("answer.vue", text), &project()).unwrap()
}

#[track_caller]
fn check_score(text: &str, range: std::ops::RangeInclusive<f64>) -> Findings {
    let findings = judge_default(text);
    let score = findings.score.unwrap();
    let told = serde_json::to_string_pretty(&findings.checks).unwrap();
    assert!(range.contains(&score), "{score} {:#}\n{told}\n{text}", findings.details);
    findings
}

#[test]
fn a_clean_answer_gets_ten_and_an_unchanged_one_next_to_nothing() {
    let findings = check_score(TYPED, 10.0..=10.0);
    assert_eq!(findings.status, FindingsStatus::Passed);
    assert_eq!(findings.diagnostics, []);
    for (name, value) in
        [("has_interfaces", true), ("has_type_annotations", true), ("has_script_lang", true)]
    {
        assert_eq!(findings.details[name], value, "{name}");
    }
    assert_eq!(findings.details["missing"], serde_json::json!([]));
    assert_eq!(findings.details["score"], 10.0);

    let findings = check_score(UNTYPED, 0.0..=2.0);
    assert_eq!(findings.status, FindingsStatus::Failed);
    assert_eq!(findings.details["has_type_annotations"], false);
    check_score(&UNTYPED.replace("<script setup>", "<script setup lang=\"ts\">"), 0.0..=2.0);
}

#[test]
fn tricks_do_not_pay() {
    // `any` everywhere.
    let mut any = TYPED.to_owned();
    for kind in ["string[]", "string", "number", "boolean", "Item[]", "Item | null"] {
        any = any.replace(&format!(": {kind}"), ": any").replace(&format!("<{kind}>"), "<any>");
    }
    any = any.replace("(item: Item)", "(item: any)").replace("[item: Item]", "[item: any]");
    check_score(&any, 0.0..=4.0);
    // An interface that nothing uses.
    let unused =
        UNTYPED.replace("<script setup>", "<script setup lang=\"ts\">\ninterface A { b: string }");
    check_score(&unused, 0.0..=2.0);
    // Types in comments and strings.
    let comment = TYPED.replace("<script setup lang=\"ts\">", "<script setup lang=\"ts\">/*");
    let comment = comment.replace("</script>", "*/ const a = 'interface A {}' </script>");
    check_score(&comment, 0.0..=2.0);
    // Suppressing.
    let suppressed = TYPED.replace("interface Item", "// @ts-nocheck\ninterface Item");
    check_score(&suppressed, 0.0..=4.0);
    // Deleting.
    check_score("<script setup lang=\"ts\"></script><template><p/></template>", 0.0..=2.0);
    // Small sins cost a little, and only a clean answer gets ten.
    check_score(&TYPED.replace("item.id ===", "item!.id ==="), 9.0..=9.9);
    check_score(
        &TYPED.replacen("return items.value", "return items.value as Item[]", 1),
        9.0..=9.9,
    );
    check_score(&TYPED.replace("(item: Item): void", "(item: Item)"), 9.0..=9.9);
    check_score(&TYPED.replace("function select(", "function choose("), 9.0..=9.9);
    // Broken.
    check_score(&TYPED.replace("</ul>", ""), 0.0..=0.0);
    check_score(&TYPED.replace("interface Item {", "interface Item "), 0.0..=0.0);
}

#[test]
fn what_is_allowed_costs_nothing() {
    let mut project = project();
    let spec = r#"{"version":1,"checks":[{"kind":"parameters_typed"}],"allow":{"assertions":1,"lost_names":["select"]}}"#;
    project.files.insert("ast_checks.json".into(), spec.into());
    let text = TYPED.replacen("return items.value", "return items.value as Item[]", 1);
    let once = judge(&Artifact::single("a.vue", text.clone()), &project).unwrap();
    assert_eq!(once.score, Some(10.0), "{:#}", once.details);
    let twice = text.replace("item.id ===", "(item as Item).id ===");
    assert_eq!(judge(&Artifact::single("a.vue", twice), &project).unwrap().score, Some(9.5));
}

#[test]
fn a_wrong_specification_is_an_error_that_names_the_file() {
    let mut project = project();
    project
        .files
        .insert("ast_checks.json".into(), r#"{"version":1,"checks":[{"kind":"x"}]}"#.into());
    let error = judge(&Artifact::single("a.vue", TYPED), &project).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidInput);
    assert!(error.message.starts_with("ast_checks.json: $.checks[0].kind is `x`"), "{error}");
}

#[test]
fn the_same_answer_gets_the_same_findings_whatever_its_line_ends() {
    assert_eq!(judge_default(TYPED), judge_default(TYPED));
    let windows = format!("\u{feff}{}", TYPED.replace('\n', "\r\n"));
    assert_eq!(judge_default(&windows).score, Some(10.0));
}

#[test]
fn odd_texts_are_judged_and_nothing_falls() {
    for text in [
        "",
        " ",
        "\u{feff}",
        "\0",
        "<",
        "<!",
        "</",
        "<script",
        "<script lang",
        "<script lang=",
        "<script lang='ts",
        "<script lang='ts'>",
        "<template>{{",
        "<template><",
        "<template v-pre>{{ a",
        "<script setup lang=\"ts\" generic=\"\"></script>",
        "<script setup lang=\"ts\" generic=\">(\"></script>",
        "<script lang=\"ts\">\u{2028}\u{feff}const ä = '🙂'\u{85}</script>",
        "<a =/>",
        "<a ='",
        "<!-->",
        "<script/>",
        "<template><p v-for=\" in \" #=\")\" @=\"}\" :=\"\" v-on=\"(\"/></template>",
    ] {
        judge_default(text);
    }
}

#[test]
fn large_texts_are_refused_and_not_parsed() {
    let large = format!("<script lang=\"ts\">{}</script>", "a = [1];\n".repeat(120_000));
    assert!(large.len() > 1_000_000);
    let findings = judge_default(&large);
    assert_eq!(findings.status, FindingsStatus::Failed);
    assert!(findings.diagnostics[0].message.contains("tokens"), "{:?}", findings.diagnostics);
    let words = format!("<script lang=\"ts\">let a = '{}'</script>", "b".repeat(1_000_000));
    assert_eq!(judge_default(&words).measurements["parse_error_count"], 0.0);
}

/// The worst nesting that fits into the bound must fit into the stack as well.
#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    for (open, middle, close) in [
        ("(", "a", ")"),
        ("[", "", "]"),
        ("{a:", "1", "}"),
        ("!", "a", ""),
        ("- ", "a", ""),
        ("a+", "a", ""),
        ("a**", "a", ""),
        ("a=", "a", ""),
        ("a=>", "a", ""),
        ("a?", "a", ":a"),
        ("a??", "a", ""),
        ("", "a", ".a"),
        ("", "a", "!"),
        ("", "a", "()"),
        ("", "a", " as A"),
        ("<A>", "a", ""),
        ("`${", "a", "}`"),
        ("new ", "a", ""),
        ("await ", "a", ""),
        ("function(){", "", "}"),
        ("class{a=", "1", "}"),
        ("0 as ", "A", ""),
        ("0 as (", "A", ")"),
    ] {
        let tokens = deep::count_tokens(&format!("{open}{close}")).max(1);
        let times = (deep::MAX_TOKENS - 100) / tokens;
        let (open, close) = (open.repeat(times), close.repeat(times));
        let code = format!("<script lang=\"ts\">x = {open}{middle}{close}</script>");
        judge_default(&code);
        judge_default(&format!("<template>{{{{ {open}{middle}{close} }}}}</template>"));
    }
    for (open, middle, close) in [
        ("{", "", "}"),
        ("if(a)", "b", ""),
        ("if(a);else ", "b", ""),
        ("a:", "b", ""),
        ("for(;;)", "b", ""),
        ("namespace a{", "", "}"),
        ("type A=", "B", ""),
        ("let a:{a:", "B", "}"),
        ("let a: ", "B", "[]"),
        ("let a: keyof ", "B", ""),
        ("let a: B<", "B", ">"),
        ("let a: ()=>", "B", ""),
        ("let a: B extends B ? B :", "B", ""),
        ("let [", "a", "]"),
    ] {
        let repeated = open.trim_start_matches("let a:").trim_start_matches("let ");
        let first = &open[..open.len() - repeated.len()];
        let tokens = deep::count_tokens(&format!("{repeated}{close}")).max(1);
        let times = (deep::MAX_TOKENS - 100) / tokens;
        let code = format!("{first}{}{middle}{}", repeated.repeat(times), close.repeat(times));
        judge_default(&format!("<script lang=\"ts\">{code}</script>"));
    }
    let tags = deep::MAX_TOKENS / 8;
    judge_default(&format!("<template>{}{}</template>", "<a>".repeat(tags), "</a>".repeat(tags)));
    judge_default(&format!("<template>{}{}</template>", "<a>".repeat(tags), "</b>".repeat(tags)));
}

/// Mutated components, by a generator with a fixed seed.
#[test]
fn mutated_components_never_make_it_fall() {
    const PIECES: [&str; 24] = [
        "<script>",
        "</script>",
        "<template>",
        "</template>",
        "{{",
        "}}",
        "<!--",
        "-->",
        "\"",
        "'",
        "`",
        "${",
        "{",
        "}",
        "(",
        ")",
        "<",
        ">",
        " as ",
        ": any",
        "=>",
        "\r\n",
        "🙂",
        "\0",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % bound.max(1) as u64) as usize
    };
    let end = Instant::now() + Duration::from_secs(3);
    let mut rounds = 0;
    while rounds < 3_000 && (rounds < 100 || Instant::now() < end) {
        rounds += 1;
        let mut text = if next(2) == 0 { TYPED } else { UNTYPED }.to_owned();
        for _ in 0..=next(6) {
            let at = text.floor_char_boundary(next(text.len()));
            match next(4) {
                0 => text.insert_str(at, PIECES[next(PIECES.len())]),
                1 => text.truncate(at),
                2 => {
                    let to = text.ceil_char_boundary((at + next(40)).min(text.len()));
                    text.replace_range(at..to, "");
                }
                _ => {
                    let to = text.ceil_char_boundary((at + next(200)).min(text.len()));
                    let piece = text[at..to].to_owned();
                    let place = text.floor_char_boundary(next(text.len()));
                    text.insert_str(place, &piece);
                }
            }
        }
        let findings = judge_default(&text);
        let score = findings.score.unwrap();
        assert!((0.0..=10.0).contains(&score), "{score} {text}");
        assert!(score == 0.0 || findings.check("parses").unwrap().passed, "{text}");
        for diagnostic in &findings.diagnostics {
            let lines = text.split('\n').count() as u32;
            assert!(
                diagnostic.line.is_some_and(|line| (1..=lines).contains(&line)),
                "{diagnostic:?}"
            );
        }
    }
}
