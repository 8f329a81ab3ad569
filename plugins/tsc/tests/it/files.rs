//! Answers of several files, and answers that are no component.

use llmbench_api::{Artifact, Findings, FindingsStatus, Project, Validator};
use serde_json::json;

use crate::support::{cx, passed, places, shared};

fn artifact(files: &[(&str, &str)]) -> Artifact {
    let mut artifact = Artifact::single(files[0].0, files[0].1);
    artifact
        .files
        .extend(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
    artifact
}

fn project(files: &[(&str, &str)]) -> Project {
    let mut project = Project::default();
    project.files.extend(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
    project
}

#[track_caller]
fn check(artifact: &Artifact, project: &Project, found: &[&str]) -> Option<Findings> {
    let findings = shared()?.check(artifact, project, &cx()).unwrap();
    assert_eq!(places(&findings), found, "{:#?}", findings.diagnostics);
    assert_eq!(findings.status == FindingsStatus::Passed, found.is_empty());
    for path in &findings.kept_files {
        std::fs::remove_file(path).unwrap();
    }
    Some(findings)
}

const CART: &str = "<script setup lang=\"ts\">
import CartLine from './CartLine.vue'
import { useCart } from './useCart'
const { lines, add } = useCart()
</script>
<template><CartLine v-for=\"line in lines\" :key=\"line.id\" :line=\"line\" @click=\"add(line.id)\" /></template>
";
const LINE: &str = "<script setup lang=\"ts\">
import type { Line } from './useCart'
defineProps<{ line: Line }>()
</script>
<template><p>{{ line.id.toFixed() }}</p></template>
";
const STORE: &str = "import { ref } from 'vue'
export interface Line { id: number }
export function useCart() {
  const lines = ref<Line[]>([])
  return { lines, add: (id: number): void => void lines.value.push({ id }) }
}
";

#[test]
fn every_file_of_the_answer_is_judged() {
    let good = artifact(&[("Cart.vue", CART), ("CartLine.vue", LINE), ("useCart.ts", STORE)]);
    let Some(findings) = check(&good, &Project::default(), &[]) else { return };
    assert_eq!(findings.measurements["type_coverage"], 1.0);
    let all = findings.measurements["identifier_count"];

    let change = |name: &str, from: &str, to: &str, found: &[&str]| {
        let mut changed = good.clone();
        let text = changed.files[name].replace(from, to);
        assert_ne!(text, good.files[name]);
        changed.files.insert(name.to_owned(), text);
        check(&changed, &Project::default(), found).unwrap()
    };
    let script = "<script setup lang=\"ts\">\nimport type { Line } from './useCart'\n\
                  defineProps<{ line: Line }>()";
    let findings = change(
        "CartLine.vue",
        script,
        "<script setup>\ndefineProps(['line'])",
        &["Cart.vue:2 TS7016", "CartLine.vue:1 VUE-LANG"],
    );
    assert_eq!(passed(&findings), ["sfc_parses"]);
    let findings = change("CartLine.vue", "</p>", "", &["CartLine.vue:5 VUE24"]);
    assert_eq!(passed(&findings), ["script_lang_ts"]);
    change(
        "useCart.ts",
        "id: number }",
        "id: string }",
        &["Cart.vue:6 TS2345", "CartLine.vue:5 TS2551", "useCart.ts:5 TS2322"],
    );
    let findings = change("useCart.ts", "(id: number)", "(id: any)", &[]);
    assert_eq!(findings.measurements["any_identifier_count"], 2.0, "{:?}", findings.diagnostics);
    assert_eq!(findings.measurements["identifier_count"], all);
    let findings = change("useCart.ts", "import", "// @ts-nocheck\nimport", &[]);
    assert_eq!(findings.measurements["error_count_without_suppressions"], 0.0);
    // Nothing imports it, and it is judged all the same.
    let mut more = good.clone();
    more.files.insert("unused.ts".to_owned(), "const a: number = 'x'\nexport {}\n".to_owned());
    check(&more, &Project::default(), &["unused.ts:1 TS2322"]);
}

#[test]
fn an_answer_may_be_a_script() {
    let project =
        project(&[("probe.ts", "import { useCart } from './useCart'\nuseCart().add(1)\n")]);
    let Some(findings) = check(&artifact(&[("useCart.ts", STORE)]), &project, &[]) else { return };
    assert_eq!(passed(&findings), ["sfc_parses", "script_lang_ts", "compiles", "probe"]);
    let wrong = STORE.replace("void lines", "lines");
    check(&artifact(&[("useCart.ts", &wrong)]), &project, &["useCart.ts:5 TS2322"]);
    let untyped = artifact(&[("useCart.js", "export const useCart = () => 1\n")]);
    let findings =
        check(&untyped, &Project::default(), &["useCart.js:- VUE-LANG", "importer.ts:1 TS7016"]);
    assert_eq!(passed(&findings.unwrap()), ["sfc_parses"]);
    check(
        &artifact(&[("cart.d.ts", "export declare const a: number\n")]),
        &Project::default(),
        &[],
    );
}

#[test]
fn support_files_may_be_javascript_and_the_input_is_hidden() {
    let source = "<script setup lang=\"ts\">\nimport { a } from './api'\n</script>\n\
                  <template><p>{{ a }}</p></template>\n";
    let api = ("api.js", "export const a = 1\n");
    let answer = artifact(&[("Component.vue", source)]);
    check(&answer, &project(&[api]), &["Component.vue:2 TS7016"]);
    check(&answer, &project(&[api, ("api.d.ts", "export declare const a: number\n")]), &[]);
    let peek = source.replace("./api", "./input/old");
    let mut project = project(&[("input/old.ts", "export const a = 1\n")]);
    check(&artifact(&[("Component.vue", &peek)]), &project, &[]);
    project.options = json!({"input": {"Component.vue": "input/old.ts"}});
    check(&artifact(&[("Component.vue", &peek)]), &project, &["Component.vue:2 TS2307"]);
}

#[test]
fn stores_and_routes_are_typed() {
    let source = "<script setup lang=\"ts\">
import { defineStore, storeToRefs } from 'pinia'
import { useRoute, type RouteLocationNormalizedLoaded } from 'vue-router'
const useCart = defineStore('cart', { state: () => ({ count: 0 }), getters: { twice: (state) => state.count * 2 } })
const { twice } = storeToRefs(useCart())
const route: RouteLocationNormalizedLoaded = useRoute()
const wrong: string = twice.value
</script>
<template><RouterLink to=\"/\">{{ twice.toFixed() }}{{ route.path.length }}{{ wrong }}</RouterLink></template>
";
    check(
        &artifact(&[("Component.vue", source)]),
        &Project::default(),
        &["Component.vue:7 TS2322"],
    );
}
