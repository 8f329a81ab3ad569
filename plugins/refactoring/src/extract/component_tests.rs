use std::collections::BTreeMap;

use crate::extract::{Extraction, extract as extract_files};

const INPUT: &str = "<script setup>\nconst a = 1\n</script>\n<template><p>{{ a }}</p></template>\n";
const SFC: &str = "<script setup lang=\"ts\">\nconst a: number = 1\n</script>\n<template><p>{{ a }}</p></template>\n";
const SCRIPT: &str = "<script setup lang=\"ts\">\nconst a: number = 1\n</script>\n";
const TEMPLATE: &str = "<template><p>{{ a }}</p></template>\n";
const STYLE: &str = "<style scoped>\np { color: red }\n</style>\n";

fn extract(answer: &str) -> Extraction {
    let inputs = BTreeMap::from([("Component.vue".to_owned(), INPUT.to_owned())]);
    extract_files(answer, &["Component.vue".to_owned()], &inputs)
}

fn code(extraction: &Extraction) -> Option<String> {
    extraction.files.get("Component.vue").cloned()
}

#[derive(Debug, PartialEq)]
struct Seen {
    code: Option<String>,
    found: String,
    truncated: bool,
}

fn seen(answer: &str) -> Seen {
    let extraction = extract(answer);
    assert_eq!(extraction.files.is_empty(), extraction.reason.is_some(), "{answer}");
    Seen { code: code(&extraction), found: extraction.found, truncated: extraction.truncated }
}

#[track_caller]
fn check(answer: &str, code: &str, found: &str) {
    let expected = Seen { code: Some(code.into()), found: found.into(), truncated: false };
    assert_eq!(seen(answer), expected, "{answer}");
}

#[track_caller]
fn check_truncated(answer: &str, code: &str) {
    let found = seen(answer);
    assert_eq!((found.code.as_deref(), found.truncated), (Some(code), true), "{answer}");
}

#[track_caller]
fn check_none(answer: &str, reason: &str) {
    let extraction = extract(answer);
    assert_eq!(code(&extraction), None, "{answer}");
    let found = extraction.reason.unwrap_or_default();
    assert!(found.contains(reason), "`{found}` does not say `{reason}`");
}

fn fence(language: &str, code: &str) -> String {
    format!("```{language}\n{code}```\n")
}

#[test]
fn one_fence_of_any_language() {
    for language in
        ["vue", "html", "typescript", "ts", "tsx", "xml", "Vue", "vue title=\"C.vue\"", "vue:C.vue"]
    {
        let word = language.split([' ', ':']).next().unwrap().to_lowercase();
        check(&fence(language, SFC), SFC, &format!("fence {word}"));
    }
    check(&fence("", SFC), SFC, "fence without language");
    check(&format!("~~~vue\n{SFC}~~~"), SFC, "fence vue");
    check(&format!("````vue\n{SFC}````"), SFC, "fence vue");
    check(&format!("Sure!\n\n{}\nI typed `a`.", fence("vue", SFC)), SFC, "fence vue");
    check(&fence("vue", SFC).replace('\n', "\r\n"), SFC, "fence vue");
}

#[test]
fn a_fence_that_ends_on_the_last_line_of_code_still_ends() {
    check(&format!("```vue\n{}```\nDone: `a` is typed.\n", SFC.trim_end()), SFC, "fence vue");
    let glued = "<script>\nconst a = `\n```js\nx```\n`\n</script>\n<template><p/></template>\n";
    check(&fence("vue", glued), glued, "fence vue");
}

#[test]
fn indented_fences_lose_the_indentation_of_the_fence() {
    let indented: String = fence("vue", SFC).lines().map(|line| format!("   {line}\n")).collect();
    check(&format!("1. The component:\n\n{indented}"), SFC, "fence vue");
    check(&format!("- ```vue\n{SFC}```"), SFC, "fence vue");
}

#[test]
fn of_several_blocks_the_component_is_taken() {
    let shell = fence("bash", "npm i -D typescript\n");
    let types = fence("ts", "export interface A { a: number }\n");
    check(&format!("{shell}{}{types}", fence("vue", SFC)), SFC, "fence vue");
    let better = SFC.replace("const a", "const b");
    check(
        &format!("{}Wait, better:\n{}", fence("vue", SFC), fence("vue", &better)),
        &better,
        "fence vue",
    );
    check(&format!("{}Before:\n{}", fence("vue", SFC), fence("vue", INPUT)), SFC, "fence vue");
    check(&format!("{}After:\n{}", fence("vue", INPUT), fence("vue", SFC)), SFC, "fence vue");
    check(&fence("vue", INPUT), INPUT, "fence vue");
    let usage = format!("<script setup>\nimport C from './Component.vue'\n</script>\n{TEMPLATE}");
    check(&format!("{}Use it so:\n{}", fence("vue", SFC), fence("vue", &usage)), SFC, "fence vue");
    let cut = "<script setup lang=\"ts\">\nconst a";
    check(&format!("{}Shorter:\n```vue\n{cut}", fence("vue", SFC)), SFC, "fence vue");
}

#[test]
fn a_quote_of_the_input_is_known_whatever_its_white_space() {
    let quoted = INPUT.replace('\n', "\n\n  ").replace("\n  <", "\n<");
    check(&format!("{}Before:\n{}", fence("vue", SFC), fence("vue", &quoted)), SFC, "fence vue");
}

#[test]
fn what_was_left_out_is_said() {
    let notes = |answer: &str| extract(answer).notes.join("; ");
    let better = fence("vue", &SFC.replace("const a", "const b"));
    let twice = notes(&format!("{}{better}", fence("vue", SFC)));
    assert_eq!(twice, "2 complete components, the last one is judged");
    let quoted = notes(&format!("{}{better}", fence("vue", INPUT)));
    assert_eq!(quoted, "left out 1 block(s): a quote of the input");
    assert_eq!(notes(&format!("<think>\n</think>\n{better}")), "a reasoning block was left out");
    assert_eq!(notes(&better), "");
}

#[test]
fn blocks_in_blocks() {
    check(&format!("````markdown\n{}````", fence("vue", SFC)), SFC, "fence vue");
    check(&format!("```markdown\n{}```", fence("vue", SFC)), SFC, "fence vue");
    let markdown = "const a: string = `\n```js\nx\n```\n`";
    let nested = SFC.replace("const a: number = 1", markdown);
    check(&fence("vue", &nested), &nested, "fence vue");
    let comment =
        SFC.replace("<p>", "<!--\n```\nold\n```\n--><p>").replace("<template>", "<template>\n");
    check(&fence("vue", &comment), &comment, "fence vue");
    let aside = format!("<!--\n{}-->\n", fence("vue", &SFC.replace("1", "2")));
    check(&format!("{}{aside}", fence("vue", SFC)), SFC, "fence vue");
    check(&format!("<!--\n{}-->\n", fence("vue", SFC)), SFC, "fence vue");
}

#[test]
fn reasoning_never_counts() {
    let draft = fence("vue", &SFC.replace("1", "2"));
    for tag in ["think", "thinking"] {
        check(&format!("<{tag}>\n{draft}\n</{tag}>\n{}", fence("vue", SFC)), SFC, "fence vue");
    }
    check(&format!("{draft}hm\n</think>\n{}", fence("vue", SFC)), SFC, "fence vue");
    check(&format!("{}<think>\n{draft}", fence("vue", SFC)), SFC, "fence vue");
    check_none(&format!("<think>\n{draft}"), "never ends");
    check_none("<think>hm</think>\n", "nothing but a reasoning block");
}

#[test]
fn code_without_fences() {
    check(SFC, SFC, "raw text");
    check(&format!("Here it is:\n\n{SFC}\nEnjoy the <template>."), SFC, "raw text");
    check(&format!("Before:\n{INPUT}\nAfter:\n{SFC}"), SFC, "raw text");
    check(&format!("{SFC}\n{}", fence("bash", "npm run build\n")), SFC, "raw text");
    let commented = SFC.replace("<template>", "<!-- view -->\n<template>");
    check(&commented, &commented, "raw text");
}

#[test]
fn separate_blocks_are_joined_when_only_one_way_is_possible() {
    let joined = format!("{SCRIPT}\n{TEMPLATE}");
    check(
        &format!("{}and\n{}", fence("vue", SCRIPT), fence("html", TEMPLATE)),
        &joined,
        "joined fences",
    );
    check(&format!("{}{}", fence("html", TEMPLATE), fence("ts", SCRIPT)), &joined, "joined fences");
    let styled = format!("{joined}\n{STYLE}");
    let parts = [SCRIPT, TEMPLATE, STYLE].map(|part| fence("vue", part)).join("and\n");
    check(&parts, &styled, "joined fences");
    check(&format!("Script:\n{SCRIPT}Template:\n{TEMPLATE}"), &joined, "joined raw text");
    let twice =
        format!("{}{}{}", fence("vue", SCRIPT), fence("vue", SCRIPT), fence("vue", TEMPLATE));
    check_none(&twice, "not clear");
    check(&fence("vue", SCRIPT), SCRIPT, "fence vue");
    check(&fence("vue", TEMPLATE), TEMPLATE, "fence vue");
}

#[test]
fn what_is_cut_off_is_kept_and_said() {
    check_truncated(&format!("```vue\n{SFC}"), SFC);
    let cut = "<script setup lang=\"ts\">\nconst a: num\n";
    check_truncated(&format!("```vue\n{cut}"), cut);
    check_truncated(&format!("Sure:\n{cut}"), cut);
    let later = format!("{SCRIPT}<template>\n  <p\n");
    check_truncated(&format!("{}```vue\n{later}", fence("vue", INPUT)), &later);
    // The model ended the block itself: broken, but not cut off.
    let broken = seen(&fence("vue", &later));
    assert_eq!((broken.code, broken.truncated), (Some(later), false));
}

#[test]
fn answers_without_a_component() {
    check_none("", "empty");
    check_none(" \r\n\t", "empty");
    check_none("I can't help with that.", "holds no code");
    check_none("Use `<script setup lang=\"ts\">` and defineProps.", "holds no code");
    check_none(&fence("ts", "const a: number = 1\n"), "none of the 1 code block(s)");
    check_none(&fence("css", STYLE), "none of the 1");
    check_none(&SFC.replace('<', "&lt;").replace('>', "&gt;"), "HTML entities");
    check_none(&fence("vue", &SFC.replace('<', "&lt;")), "HTML entities");
    check_none("```vue\n```", "none of the 1");
}

#[test]
fn no_answer_makes_it_panic() {
    let pieces = [
        "```",
        "~~~vue\n",
        "<script",
        ">",
        "</script>",
        "<template>",
        "\n",
        "é🙂",
        "<!--",
        "-->",
        "<think>",
        "</think>",
        "- ",
        "'",
    ];
    let mut state = 7_u64;
    for _ in 0..3000 {
        let mut text = String::new();
        for _ in 0..12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text.push_str(pieces[(state >> 33) as usize % pieces.len()]);
        }
        let extraction = extract(&text);
        assert_eq!(extraction.files.is_empty(), extraction.reason.is_some(), "{text}");
    }
}
