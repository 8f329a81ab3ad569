//! Answers of several files: components, modules and declarations together.

use llmbench_api::{Artifact, Findings, FindingsStatus, Project};
use llmbench_plugin_ts_ast::judge;
use serde_json::json;

const VUE: &str = "<script setup lang=\"ts\">\nimport { total, type Line } from './store'\nconst props = defineProps<{ lines: Line[] }>()\nfunction sum(): number { return total(props.lines) }\n</script>\n<template><p>{{ sum() }}</p></template>\n";
const TS: &str = "export interface Line { price: number }\nexport function total(lines: Line[]): number { return lines.length }\n";
const INPUT_VUE: &str = "<script setup>\nimport { total } from './store'\nconst props = defineProps({ lines: Array })\nfunction sum() { return total(props.lines) }\n</script>\n<template><p>{{ sum() }}</p></template>\n";
const INPUT_JS: &str = "export function total(lines) { return lines.length }\n";
const CHECKS: &str = r#"{ "version": 1, "files": {
    "Cart.vue": { "checks": [{ "kind": "typed_props", "weight": 3 }], "required": ["script_lang"] },
    "store.ts": { "checks": [{ "kind": "parameters_typed" }], "required": ["parameters_typed"] } } }"#;

fn project(checks: Option<&str>) -> Project {
    let mut project = Project {
        options: json!({ "input": { "Cart.vue": "input/Cart.vue", "store.ts": "input/store.js" } }),
        ..Project::default()
    };
    project.files.insert("input/Cart.vue".into(), INPUT_VUE.into());
    project.files.insert("input/store.js".into(), INPUT_JS.into());
    project.files.extend(checks.map(|checks| ("ast_checks.json".into(), checks.into())));
    project
}

fn artifact(files: &[(&str, &str)]) -> Artifact {
    let mut artifact = Artifact { entry: files[0].0.into(), ..Artifact::default() };
    artifact.files.extend(files.iter().map(|(path, text)| ((*path).into(), (*text).into())));
    artifact
}

fn judged(vue: &str, ts: &str, checks: Option<&str>) -> Findings {
    judge(&artifact(&[("Cart.vue", vue), ("store.ts", ts)]), &project(checks)).unwrap()
}

#[test]
fn scores_are_means_by_weight_and_counts_are_sums() {
    let findings = judged(VUE, TS, Some(CHECKS));
    assert_eq!((findings.score, findings.status), (Some(10.0), FindingsStatus::Passed));
    let weights: Vec<_> = findings.checks.iter().filter(|check| check.weight > 0.0).collect();
    assert_eq!((weights[0].name.as_str(), weights[0].weight), ("Cart.vue/typed_props", 7.5));
    assert_eq!((weights[1].name.as_str(), weights[1].weight), ("store.ts/parameters_typed", 2.5));
    for (name, value) in [
        ("parse_error_count", 0.0),
        ("named_parameter_count", 1.0),
        ("function_count", 2.0),
        ("lost_name_count", 0.0),
        ("template_node_count", 1.0),
        ("input_template_node_count", 1.0),
        ("template_kept", 1.0),
    ] {
        assert_eq!(findings.measurements[name], value, "{name}");
    }
    let similarity = findings.measurements["edit_similarity"];
    assert!(similarity > 0.8 && similarity < 1.0, "{similarity}");

    let untyped = TS.replace("(lines: Line[])", "(lines)");
    let findings = judged(VUE, &untyped, Some(CHECKS));
    assert_eq!((findings.score, findings.status), (Some(7.5), FindingsStatus::Failed));
    assert_eq!(findings.details["missing"], json!(["store.ts/parameters_typed"]));
    assert_eq!(findings.details["files"]["store.ts"]["score"], 0.0);
}

#[test]
fn the_default_set_works_for_components_and_modules() {
    let findings = judged(VUE, TS, None);
    assert_eq!(findings.status, FindingsStatus::Passed);
    let failed: Vec<_> = findings.checks.iter().filter(|c| !c.passed).map(|c| &c.name).collect();
    assert_eq!(failed, ["Cart.vue/type_declared"]);
    let module = judge(&artifact(&[("store.ts", TS)]), &Project::default()).unwrap();
    assert_eq!((module.score, module.status), (Some(10.0), FindingsStatus::Passed), "{module:?}");
}

#[test]
fn every_file_is_parsed_for_what_it_is() {
    let check = |path: &str, text: &str, parses: bool| {
        let findings = judge(&artifact(&[(path, text)]), &Project::default()).unwrap();
        let errors = findings.measurements["parse_error_count"];
        assert_eq!(errors == 0.0, parses, "{path}: {:?}", findings.diagnostics);
        findings
    };
    check("a.ts", "const a = <string>b", true);
    check("a.tsx", "const a = <p>b</p>", true);
    check("a.ts", "const a = <p>b</p>", false);
    check("a.js", "const a: string = b", false);
    check("a.vue", "const a = 1", false);
    let declared =
        check("a.d.ts", "declare function a(b: string): void\ninterface C { d: number }", true);
    assert_eq!(declared.check("type_declared").map(|check| check.passed), Some(true));
    let types = check("types.ts", "export type Role = 'admin' | 'viewer'", true);
    assert_eq!(types.score, Some(10.0), "{types:?}");
    let hidden = check("types.ts", "type Role = 'admin'\nexport const a = 1", true);
    assert_eq!(hidden.check("type_declared").map(|check| check.passed), Some(false));
    let listed = check("types.ts", "type Role = 'admin'\nexport type { Role }", true);
    assert_eq!(listed.check("type_declared").map(|check| check.passed), Some(true));
}

#[test]
fn a_missing_file_fails_and_nothing_is_lost_by_it() {
    let findings = judge(&artifact(&[("Cart.vue", VUE)]), &project(Some(CHECKS))).unwrap();
    assert_eq!((findings.score, findings.status), (Some(7.5), FindingsStatus::Failed));
    let check = findings.check("store.ts/parameters_typed").unwrap();
    assert_eq!(check.message.as_deref(), Some("the answer has no `store.ts`"));
    assert_eq!(findings.measurements["parse_error_count"], 0.0);
    assert_eq!(findings.measurements["lost_name_count"], 0.0);
}

#[test]
fn what_moves_to_another_file_is_not_lost() {
    let moved =
        VUE.replace("function sum(): number { return total(props.lines) }", "const a: number = 1");
    let lost = judged(&moved, TS, Some(CHECKS)).measurements["lost_name_count"];
    assert_eq!(lost, 1.0);
    let with = format!("{TS}export function sum(): number {{ return 1 }}\n");
    assert_eq!(judged(&moved, &with, Some(CHECKS)).measurements["lost_name_count"], 0.0);
}

#[test]
fn what_does_not_parse_leaves_nothing_counted() {
    let findings = judged(VUE, "export const a = {", Some(CHECKS));
    assert_eq!(findings.measurements.len(), 1);
    assert_eq!(findings.diagnostics[0].file, "store.ts");
    assert_eq!((findings.score, findings.status), (Some(7.5), FindingsStatus::Failed));
}

#[test]
fn assertions_to_any_are_counted_beside_assertions() {
    let count = |code: &str| {
        let findings = judge(&artifact(&[("a.ts", code)]), &Project::default()).unwrap();
        let of = |name: &str| findings.measurements[name];
        (of("any_assertion_count"), of("assertion_count"), of("double_assertion_count"))
    };
    assert_eq!(count("const a = b as any"), (1.0, 1.0, 0.0));
    assert_eq!(count("const a = <any>b"), (1.0, 1.0, 0.0));
    assert_eq!(count("const a = b as Record<string, any>"), (1.0, 1.0, 0.0));
    assert_eq!(count("const a = b as never"), (1.0, 1.0, 0.0));
    assert_eq!(count("const a = b as string"), (0.0, 1.0, 0.0));
    assert_eq!(count("const a = b as unknown as string"), (0.0, 0.0, 1.0));
    assert_eq!(count("const a: any = b"), (0.0, 0.0, 0.0));
}

#[test]
fn an_answer_that_only_says_typescript_is_the_same_code() {
    let renamed = INPUT_VUE.replace("<script setup>", "<script setup lang=\"ts\">");
    let commented = renamed.replace("const props", "/** @type {{ lines: Line[] }} */\nconst props");
    for same in [&renamed, &commented] {
        let findings = judged(same, INPUT_JS, Some(CHECKS));
        assert_eq!(findings.measurements["edit_similarity"], 1.0);
        assert_eq!(findings.measurements["annotation_count"], 0.0);
    }
    let typed = judged(VUE, TS, Some(CHECKS));
    assert!(typed.measurements["annotation_count"] > 3.0);
}

#[test]
fn the_actions_and_the_state_of_a_store_are_judged() {
    let count = |code: &str| {
        let code = format!("export const useCart = defineStore('cart', {{ {code} }})");
        let findings = judge(&artifact(&[("a.ts", &code)]), &Project::default()).unwrap();
        let of = |name: &str| findings.measurements[name];
        let state = findings.check("state_typed").map(|check| check.passed);
        (of("function_count"), of("named_parameter_count"), of("typed_parameter_count"), state)
    };
    assert_eq!(count("actions: { add(a: A, b) { } }"), (1.0, 2.0, 1.0, None));
    assert_eq!(count("getters: { size: (state) => 1 }"), (0.0, 0.0, 0.0, None));
    assert_eq!(count("state: () => ({ lines: [] })"), (0.0, 0.0, 0.0, Some(false)));
    assert_eq!(count("state: (): State => ({ lines: [] })"), (0.0, 0.0, 0.0, Some(true)));
}
