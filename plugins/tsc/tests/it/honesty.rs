//! What an answer hides: suppressed errors, and identifiers without a type.

use llmbench_api::Findings;

use crate::cases::{VALID, cases};
use crate::support::{check, is_any, shared};

fn component(script: &str, template: &str) -> String {
    format!(
        "<script setup lang=\"ts\">\n{script}\n</script>\n\n<template>\n{template}\n</template>\n"
    )
}

fn findings(source: &str) -> Option<Findings> {
    shared().map(|tsc| check(tsc, source).unwrap())
}

/// `line:column word` of each identifier of type `any`.
fn untyped(findings: &Findings) -> Vec<String> {
    let listed = findings.diagnostics.iter().filter(|found| is_any(found));
    let place = |found: &llmbench_api::Diagnostic| {
        let word = found.message.split('`').nth(1).unwrap();
        format!("{}:{} {word}", found.line.unwrap(), found.column.unwrap())
    };
    listed.map(place).collect()
}

#[track_caller]
fn check_untyped(script: &str, template: &str, expected: &[&str]) {
    let Some(findings) = findings(&component(script, template)) else { return };
    assert_eq!(untyped(&findings), expected, "{:#?}", findings.diagnostics);
    let [count, any, share] = ["identifier_count", "any_identifier_count", "type_coverage"]
        .map(|name| findings.measurements[name]);
    assert_eq!(any, expected.len() as f64);
    assert!(count >= any && share == (count - any) / count, "{count} {any} {share}");
}

#[test]
fn an_identifier_without_a_type_counts_wherever_it_stands() {
    check_untyped("const a = 1", "<p>{{ a }}</p>", &[]);
    check_untyped("const a: any = 1", "<p>{{ a }}</p>", &["2:7 a", "6:7 a"]);
    check_untyped(
        "const list: { id: number }[] = JSON.parse('[]')",
        "<p v-for=\"row in list\" :key=\"row.id\">{{ row.id }}</p>",
        &[],
    );
    check_untyped(
        "const list: any[] = []",
        "<p v-for=\"row in list\" :key=\"row.id\" @click=\"row.pick($event)\">{{ row }}</p>",
        &["6:11 row", "6:30 row", "6:34 id", "6:46 row", "6:50 pick", "6:67 row"],
    );
    check_untyped(
        "function first(rows: number[], done: (x: any) => void): void { done(rows[0]) }",
        "<p @click=\"first([1], (x) => x)\" />",
        &["2:39 x", "6:24 x", "6:30 x"],
    );
    // What is unknown has a type.
    check_untyped("try { void 0 } catch (error) { console.error(error) }", "<p />", &[]);
}

#[test]
fn an_alias_hides_nothing() {
    check_untyped(
        "type Anything = ReturnType<typeof JSON.parse>\nconst a: Anything = 1\nconst b = a.c",
        "<p>{{ b }}</p>",
        &["2:6 Anything", "3:7 a", "3:10 Anything", "4:7 b", "4:11 a", "4:13 c", "8:7 b"],
    );
}

#[test]
fn neither_errors_nor_generated_code_are_taken_for_any() {
    // An unknown name is an error already.
    check_untyped("import x from './nope'\nconst y = x.z", "<p>{{ y }}{{ typo }}</p>", &[]);
    check_untyped(
        "const open = defineModel<boolean>()\ndefineSlots<{ row: (p: { id: number }) => unknown }>()",
        "<router-link v-slot=\"link\" to=\"/\">x</router-link>\n\
         <input v-model=\"open\" type=\"checkbox\"><slot name=\"row\" :id=\"1\" />",
        &["7:22 link"],
    );
    let Some(findings) = findings(VALID) else { return };
    assert_eq!(untyped(&findings), [""; 0]);
    assert_eq!(findings.measurements["type_coverage"], 1.0);
    // The second time Vue's compiler has seen the text before.
    let again = check(shared().unwrap(), VALID).unwrap();
    let count = "identifier_count";
    assert_eq!(again.measurements[count], findings.measurements[count]);
}

#[test]
fn at_most_twenty_are_listed_and_all_are_counted() {
    let script: Vec<_> = (0..30).map(|number| format!("const a{number}: any = 1")).collect();
    let Some(findings) = findings(&component(&script.join("\n"), "<p />")) else { return };
    assert_eq!(untyped(&findings).len(), 20);
    assert_eq!(findings.measurements["any_identifier_count"], 30.0);
    assert_eq!(findings.measurements["type_coverage"], 0.0);
}

#[test]
fn what_was_not_measured_is_absent_with_a_reason() {
    for case in cases() {
        let Some(findings) = findings(&case.source) else { return };
        let measured = findings.measurements.contains_key("type_coverage");
        let reason = findings.details["type_coverage"].as_str();
        assert!(measured != reason.is_some_and(|text| !text.is_empty()), "{}", case.name);
        assert_eq!(measured, findings.measurements.contains_key("identifier_count"));
    }
    let broken = component("const a = = 1", "<p />");
    let details = findings(&broken).unwrap().details;
    assert_eq!(details["type_coverage"], "the syntax of the answer is wrong");
}

#[track_caller]
fn check_suppressed(source: &str, with: f64, without: f64) {
    let Some(findings) = findings(source) else { return };
    let measured = ["error_count", "error_count_without_suppressions"];
    let measured = measured.map(|name| findings.measurements[name]);
    assert_eq!(measured, [with, without], "{:#?}\n{source}", findings.diagnostics);
}

#[test]
fn suppressed_errors_are_counted() {
    let wrong = "const a: number = 'x'\nconst b: string = 1";
    let script = |comment: &str| component(&format!("{comment}\n{wrong}"), "<p>{{ a }}{{ b }}</p>");
    check_suppressed(&script(""), 2.0, 2.0);
    check_suppressed(&script("// @ts-nocheck"), 0.0, 2.0);
    check_suppressed(&script("// @TS-NoCheck"), 0.0, 2.0);
    check_suppressed(&script("// @ts-ignore"), 1.0, 2.0);
    check_suppressed(&script("/* @ts-expect-error: later */"), 1.0, 2.0);
    check_suppressed(&script("const text = 'no @ts-ignore'"), 2.0, 2.0);

    let template =
        |comment: &str| component("const a = 1", &format!("{comment}<p :title=\"a.b\" />"));
    check_suppressed(&template(""), 1.0, 1.0);
    check_suppressed(&template("<!-- @vue-ignore -->"), 0.0, 1.0);
    check_suppressed(&template("<!-- @vue-skip -->"), 0.0, 1.0);
    check_suppressed(&template("<!-- @vue-expect-error -->"), 0.0, 1.0);
    // A comment in the root sets options of Vue's language tools.
    check_suppressed(&format!("<!-- @skipTemplateCodegen true -->\n{}", template("")), 0.0, 1.0);
    check_suppressed(
        &format!("{}<!-- note\n@skipTemplateCodegen true -->", template("")),
        0.0,
        1.0,
    );
}
