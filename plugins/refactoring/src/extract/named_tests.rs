use std::collections::BTreeMap;

use crate::extract::{Extraction, extract};

const VUE: &str = "<script setup lang=\"ts\">\nimport { a } from './store'\n</script>\n<template><p>{{ a }}</p></template>\n";
const TS: &str = "export const a: number = 1\n";

fn targets() -> [String; 2] {
    ["Cart.vue".to_owned(), "store.ts".to_owned()]
}

fn found(answer: &str) -> Extraction {
    extract(answer, &targets(), &BTreeMap::new())
}

#[track_caller]
fn check(answer: &str, vue: Option<&str>, ts: Option<&str>) {
    let extraction = found(answer);
    let file = |name: &str| extraction.files.get(name).map(String::as_str);
    assert_eq!((file("Cart.vue"), file("store.ts")), (vue, ts), "{answer}\n{extraction:?}");
    assert_eq!(extraction.missing.len() + extraction.files.len(), 2);
    assert_eq!(extraction.files.is_empty(), extraction.reason.is_some(), "{answer}");
}

fn both(vue: &str, ts: &str) -> String {
    format!("{vue}{VUE}```\n\n{ts}{TS}```\n")
}

#[test]
fn fences_name_their_files_in_many_ways() {
    for (vue, ts) in [
        ("```vue Cart.vue\n", "```ts store.ts\n"),
        ("```vue title=\"Cart.vue\"\n", "```ts title='store.ts'\n"),
        ("```vue:src/Cart.vue\n", "```typescript:./store.ts\n"),
        ("```vue {file=src/views/Cart.vue}\n", "```ts filename=store.ts {1,3}\n"),
        ("```Cart.vue\n", "~~~store.ts\n"),
        ("### Cart.vue\n\n```vue\n", "### 2. `store.ts`\n```ts\n"),
        ("**Cart.vue**\n```vue\n", "**`src/store.ts`:**\n\n```ts\n"),
        ("`Cart.vue`:\n```html\n", "1. store.ts\n```\n"),
        (
            "Here is the new `Cart.vue` with all types:\n```vue\n",
            "And the **store.ts** that it uses now:\n```ts\n",
        ),
        ("```vue\n<!-- Cart.vue -->\n", "```ts\n// store.ts\n"),
        ("```vue\n<!-- File: src/Cart.vue -->\n", "```ts\n/* store.ts */\n"),
    ] {
        let answer = both(vue, ts).replace("~~~store.ts", "```store.ts");
        let comment = |code: &str, open: &str| match open.rsplit('\n').nth(1) {
            Some(line) if line.starts_with(['<', '/']) => format!("{line}\n{code}"),
            _ => code.to_owned(),
        };
        check(&answer, Some(&comment(VUE, vue)), Some(&comment(TS, ts)));
        let wrapped = format!("````markdown\n{answer}````\n");
        check(&wrapped, Some(&comment(VUE, vue)), Some(&comment(TS, ts)));
    }
}

#[test]
fn a_block_that_names_no_file_or_several_is_none() {
    check(&both("```vue\n", "```ts\n"), None, None);
    let reason = found(&both("```vue\n", "```ts\n")).reason.unwrap();
    assert!(reason.contains("none of the 2 code block(s)") && reason.contains("`store.ts`"));
    check("No.", None, None);
    let both_named = "`Cart.vue` uses `store.ts` now:\n";
    check(&both(&format!("{both_named}```vue\n"), "```ts store.ts\n"), None, Some(TS));
    check(
        &both("Cart.vue is what follows after some words\n```vue\n", "```ts store.ts\n"),
        None,
        Some(TS),
    );
    check(&both("```vue Other.vue\n", "```ts xstore.ts\n"), None, None);
    let extraction = found(&both("```vue\n", "```ts store.ts\n"));
    assert_eq!(extraction.missing, ["Cart.vue"]);
    assert_eq!(extraction.notes, ["left out 1 block(s) that name no file of the task"]);
}

#[test]
fn the_last_complete_block_of_a_file_wins() {
    let old = TS.replace('1', "2");
    let answer =
        |first: &str, second: &str| format!("```vue Cart.vue\n{VUE}```\n{first}\n{second}");
    let fence = |open: &str, code: &str| format!("{open}\n{code}```\n");
    check(
        &answer(&fence("```ts store.ts", &old), &fence("```ts store.ts", TS)),
        Some(VUE),
        Some(TS),
    );
    check(
        &answer(&fence("```ts store.ts", TS), &format!("```ts store.ts\n{old}")),
        Some(VUE),
        Some(TS),
    );
    // What the fence says counts more than a heading above another one.
    check(
        &answer(&fence("```ts store.ts", TS), &fence("`store.ts`\n```ts", &old)),
        Some(VUE),
        Some(TS),
    );
    check(
        &answer(&fence("`store.ts`\n```ts", &old), &fence("`store.ts`\n```ts", TS)),
        Some(VUE),
        Some(TS),
    );
    // A part that is quoted later is not the component.
    let part = "The change in `Cart.vue`:\n```vue\n<script setup lang=\"ts\">\n</script>\n```\n";
    let headed = format!("## Cart.vue\n```vue\n{VUE}```\n## store.ts\n```ts\n{TS}```\n{part}");
    check(&headed, Some(VUE), Some(TS));
    let cut = found(&answer("", &format!("```ts store.ts\n{TS}")));
    assert!(cut.truncated && cut.notes[0].contains("`store.ts` is cut off"), "{cut:?}");
}

#[test]
fn quotes_of_the_input_are_left_aside_unless_the_fence_names_the_file() {
    let inputs = BTreeMap::from([("store.ts".to_owned(), "export const a = 1\n".to_owned())]);
    let answer = format!(
        "```vue Cart.vue\n{VUE}```\n`store.ts`\n```ts\n{TS}```\nBefore, `store.ts`:\n```js\nexport const a = 1\n```\n"
    );
    assert_eq!(extract(&answer, &targets(), &inputs).files["store.ts"], TS);
    let named = answer.replace("```js", "```js store.ts");
    assert_eq!(extract(&named, &targets(), &inputs).files["store.ts"], "export const a = 1\n");
}

#[test]
fn base_names_suffice_only_while_they_are_unique() {
    let targets = ["a/index.ts".to_owned(), "b/index.ts".to_owned(), "src/X.vue".to_owned()];
    let files = |open: &str| -> Vec<String> {
        let answer = format!("```{open}\nx\n```\n");
        extract(&answer, &targets, &BTreeMap::new()).files.into_keys().collect()
    };
    assert_eq!(files("ts index.ts"), [""; 0]);
    assert_eq!(files("ts b/index.ts"), ["b/index.ts"]);
    assert_eq!(files("vue X.vue"), ["src/X.vue"]);
    assert_eq!(files("vue app\\src\\X.vue"), ["src/X.vue"]);
    assert_eq!(files("vue tests/X.vue"), [""; 0]);
}

#[test]
fn a_fence_that_names_the_only_file_is_taken_whatever_it_holds() {
    let target = ["Component.vue".to_owned()];
    let one = |answer: &str| extract(answer, &target, &BTreeMap::new());
    let found = one(&format!("```vue\n{VUE}```\n```vue Component.vue\nnot a component\n```\n"));
    assert_eq!(found.files["Component.vue"], "not a component\n");
    assert_eq!(found.found, "fence that names Component.vue");
    // A heading is a weaker word than the component itself.
    let found = one(&format!("## Component.vue\n```sh\nnpm i\n```\n```vue\n{VUE}```\n"));
    assert_eq!(found.files["Component.vue"], VUE);
}

#[test]
fn the_only_file_may_be_a_module() {
    let target = ["useCart.ts".to_owned()];
    let inputs = BTreeMap::from([(target[0].clone(), "export const a = 1\n".to_owned())]);
    let one = |answer: &str| extract(answer, &target, &inputs).files.remove("useCart.ts");
    let quote = "```js\nexport const a = 1\n```\n";
    assert_eq!(one(&format!("```ts\n{TS}```\n{quote}")).as_deref(), Some(TS));
    assert_eq!(
        one(&format!("```sh\nls\n```\n`useCart.ts`\n```\n{TS}```\n{quote}")).as_deref(),
        Some(TS)
    );
    assert_eq!(one("```sh\nls\n```\n"), None);
}
