//! Verdicts on answers that mean no harm.

use llmbench_api::{Artifact, ErrorKind, FindingsStatus, Project, Validator};
use llmbench_plugin_vitest::{NO_UNHANDLED_ERRORS, STAYS_IN_SANDBOX};
use serde_json::json;

use crate::answers::{GOOD, INPUT, SPEC, counter, with};
use crate::support::{check, cx, fixture, modes, summary, validator};

#[test]
fn a_good_answer_passes_and_a_wrong_one_fails_where_it_is_wrong() {
    for mode in modes() {
        let vitest = validator(*mode);
        let findings = check(&vitest, GOOD, &counter()).unwrap();
        assert_eq!(findings.status, FindingsStatus::Passed, "{}", summary(&findings));
        let names: Vec<_> = findings.checks.iter().map(|check| check.name.as_str()).collect();
        let tests = ["starts where it is told", "counts up", "tells the new value"];
        let expected = tests.map(|test| format!("counter > {test}"));
        assert_eq!(names[..3], expected.each_ref().map(String::as_str));
        assert_eq!(names[3..], [STAYS_IN_SANDBOX]);
        assert_eq!(findings.measurements["test_count"], 3.0);
        assert_eq!(findings.measurements["passed_test_count"], 3.0);
        assert!(findings.measurements["cpu_sec"] > 0.1);
        assert!(findings.measurements["peak_memory_bytes"] > 1e7);
        assert_eq!(findings.details["ended"], "completed");

        let wrong = GOOD.replace("count.value)", "1)");
        let findings = check(&vitest, &wrong, &counter()).unwrap();
        assert_eq!(findings.status, FindingsStatus::Failed, "{}", summary(&findings));
        assert_eq!(findings.measurements["passed_test_count"], 2.0);
        assert!(!findings.check("counter > tells the new value").unwrap().passed);
    }
}

#[test]
fn tests_that_do_not_run_are_missing_and_failed() {
    let Some(mode) = modes().first() else { return };
    let vitest = validator(*mode);
    for answer in [
        "<script setup lang=\"ts\">\nconst a = {\n",
        "",
        "<template><p></template>",
        &with("import { x } from './missing'\nconsole.log(x)"),
    ] {
        let findings = check(&vitest, answer, &counter()).unwrap();
        assert_eq!(findings.status, FindingsStatus::Failed, "{answer}: {}", summary(&findings));
        assert_eq!(findings.measurements["test_count"], 3.0);
        assert_eq!(findings.measurements["passed_test_count"], 0.0);
    }
    let findings = check(&vitest, "<script setup lang=\"ts\">\nconst a = {\n", &counter()).unwrap();
    let missing = findings.check("counter > counts up").unwrap().message.clone();
    assert_eq!(missing.as_deref(), Some("missing in the output"));
    assert!(findings.diagnostics.iter().any(|found| found.code.as_deref() == Some("LOAD")));
}

#[test]
fn an_error_that_nobody_catches_fails_the_answer() {
    let Some(mode) = modes().first() else { return };
    let vitest = validator(*mode);
    let findings = check(&vitest, &with("Promise.reject(new Error('lost'))"), &counter()).unwrap();
    assert_eq!(findings.status, FindingsStatus::Failed, "{}", summary(&findings));
    let found = findings.check(NO_UNHANDLED_ERRORS).unwrap();
    assert!(found.message.as_deref().is_some_and(|text| text.contains("lost")));
}

#[test]
fn a_spec_that_fails_on_the_input_is_a_broken_fixture() {
    let Some(mode) = modes().first() else { return };
    let vitest = validator(*mode);
    let check = |spec: &str, input: &str, in_message: &str| {
        let project = fixture(spec, input);
        let error = vitest.prepare(&project, &cx()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidInput, "{error}");
        assert!(error.message.contains("counter"), "{error}");
        assert!(error.message.contains(in_message), "{error}");
    };
    check(SPEC, &INPUT.replace("+= 1", "+= 2"), "counts up");
    check("import { it } from 'vitest'\nit.skip('nothing', () => {})", INPUT, "no tests");
    check("import './missing'", INPUT, "missing");
}

#[test]
fn a_fixture_without_tests_is_skipped() {
    let Some(mode) = modes().first() else { return };
    let findings = check(&validator(*mode), GOOD, &Project::default()).unwrap();
    assert_eq!(findings.status, FindingsStatus::Skipped);
    assert!(findings.reason.is_some());
}

#[test]
fn an_answer_may_have_several_files_packages_and_support() {
    let spec = r#"
import { mount } from '@vue/test-utils'
import { createPinia } from 'pinia'
import { expect, it, vi } from 'vitest'
import Cart from './Cart.vue'
import { load } from './api'

vi.mock('./api', () => ({ load: vi.fn(() => 4) }))

it('adds up', () => {
  expect(mount(Cart, { global: { plugins: [createPinia()] } }).text()).toBe('sum 7')
  expect(load).toHaveBeenCalledOnce()
})
"#;
    let store = "import { defineStore } from 'pinia'\nimport { load } from './api'\nexport const useCart = defineStore('cart', { state: () => ({ sum: 3 + load() }) })";
    let cart = "<script setup>\nimport { useCart } from './cart'\nimport Row from './Row.vue'\nconst cart = useCart()\n</script>\n<template><Row :sum=\"cart.sum\" /></template>\n<style scoped>p { color: red }</style>";
    let row = "<script setup>\ndefineProps(['sum'])\n</script>\n<template><p>sum {{ sum }}</p></template>";
    let mut project = Project { id: "cart".to_owned(), ..Project::default() };
    for (name, text) in [
        ("spec.ts", spec),
        ("api.ts", "export function load(): number { return 1 }"),
        ("probe.ts", "nothing that could be run"),
        ("input/cart.js", store),
        ("input/Cart.vue", cart),
        ("input/Row.vue", row),
    ] {
        project.files.insert(name.to_owned(), text.to_owned());
    }
    project.options = json!({
        "spec": "spec.ts", "probe": "probe.ts",
        "input": { "Cart.vue": "input/Cart.vue", "Row.vue": "input/Row.vue", "cart.ts": "input/cart.js" },
    });
    let typed_row = "<script setup lang=\"ts\">\nimport type { Sum } from './cart'\ndefineProps<Sum>()\n</script>\n<template><p>sum {{ sum }}</p></template>\n<style lang=\"scss\" scoped>p { color: red; &:hover { color: blue } }</style>";
    let mut artifact =
        Artifact::single("Cart.vue", cart.replace("<script setup>", "<script setup lang=\"ts\">"));
    artifact.files.insert("Row.vue".to_owned(), typed_row.to_owned());
    artifact
        .files
        .insert("cart.ts".to_owned(), format!("{store}\nexport interface Sum {{ sum: number }}"));
    for mode in modes() {
        let findings = validator(*mode).check(&artifact, &project, &cx()).unwrap();
        assert_eq!(findings.status, FindingsStatus::Passed, "{}", summary(&findings));
        assert_eq!(findings.checks[0].name, "adds up");
    }
    // Without them in the input, the same packages are out of bounds.
    let Some(mode) = modes().first() else { return };
    let findings = check(
        &validator(*mode),
        &with("import { defineStore } from 'pinia'\nconsole.log(defineStore)"),
        &counter(),
    );
    assert!(!findings.unwrap().check(STAYS_IN_SANDBOX).unwrap().passed);
}

#[test]
fn checks_may_run_at_the_same_time() {
    let Some(mode) = modes().first() else { return };
    let vitest = validator(*mode);
    let wrong = GOOD.replace("+= 1", "+= 2");
    std::thread::scope(|scope| {
        let good = scope.spawn(|| check(&vitest, GOOD, &counter()).unwrap().status);
        let bad = scope.spawn(|| check(&vitest, &wrong, &counter()).unwrap().status);
        assert_eq!(good.join().unwrap(), FindingsStatus::Passed);
        assert_eq!(bad.join().unwrap(), FindingsStatus::Failed);
    });
}

#[test]
fn what_is_guarded_may_still_be_used_and_inherited() {
    let Some(mode) = modes().first() else { return };
    let code = r#"
import { reactive } from 'vue'
const list = reactive([{ n: 1 }, { n: 2 }])
for (const item of list) item.n += 1
for (const [, item] of list.entries()) item.n += 1
const own = [1] as number[]
own.push = (...more) => more.length
const map = new Map([[1, 2]])
map.get = () => 3
const thing: Record<string, unknown> = {}
thing.toString = () => 'thing'
thing.constructor = Array
class Wrong extends Error {
  constructor() {
    super('wrong')
    this.name = 'Wrong'
  }
}
class Stack extends Array<number> {
  map() { return this as any }
}
const done = Promise.resolve(1)
done.then = done.then.bind(done)
const sum = [...new Stack(3), ...map.values(), own.push(1), String(new Wrong()).length, `${thing}`.length]
if (list[0].n !== 3 || map.get(1) !== 3 || sum.length !== 7) throw new Error('broken')
process.env.NODE_ENV && console.log(JSON.parse(JSON.stringify(sum)), import.meta.env.MODE, globalThis.setTimeout)
"#;
    let findings = check(&validator(*mode), &with(code), &counter()).unwrap();
    assert_eq!(findings.status, FindingsStatus::Passed, "{}", summary(&findings));
}
