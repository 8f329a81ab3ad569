//! What is found in which component.

use llmbench_api::{Artifact, FindingsStatus, Project, Validator};

use crate::cases::{VALID, cases};
use crate::support::{check, check_with_probe, cx, passed, places, shared, toolchain};

#[test]
fn every_component_gets_its_findings_in_any_order() {
    let Some(tsc) = shared() else { return };
    let cases = cases();
    let mut wrong = Vec::new();
    for case in cases.iter().chain(cases.iter().rev()) {
        let findings = check(tsc, &case.source).unwrap();
        let good = case.passed.contains(&"compiles");
        let as_expected = places(&findings) == case.found
            && passed(&findings) == case.passed
            && (findings.status == FindingsStatus::Passed) == good
            && findings.measurements["error_count"] == case.found.len() as f64
            && findings.kept_files.is_empty() == case.found.is_empty();
        if !as_expected {
            wrong.push(format!("{}: {:?} {:?}", case.name, passed(&findings), places(&findings)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

const PROBE: &str = "import { h } from 'vue'
import Component from './Component.vue'

h(Component, { items: [{ id: 1, label: 'a' }], title: 'x' })
// @ts-expect-error items are no strings
h(Component, { items: ['a'] })
// @ts-expect-error an item has a label
h(Component, { items: [{ id: 1 }] })
";

#[track_caller]
fn check_probe(source: &str, status: FindingsStatus, probe_passed: bool, found: &[&str]) {
    let Some(tsc) = shared() else { return };
    let findings = check_with_probe(tsc, source, Some(PROBE)).unwrap();
    assert_eq!(places(&findings), found, "{:#?}", findings.diagnostics);
    assert_eq!(findings.status, status);
    assert_eq!(findings.check("probe").unwrap().passed, probe_passed);
    let in_probe = found.iter().filter(|place| place.starts_with("probe.ts")).count();
    assert_eq!(findings.measurements["probe_error_count"], in_probe as f64);
    assert_eq!(findings.measurements["error_count"], (found.len() - in_probe) as f64);
}

#[test]
fn a_probe_shows_what_callers_may_do() {
    check_probe(VALID, FindingsStatus::Passed, true, &[]);
    // The component compiles, but lets its callers do anything.
    let loose = VALID.replace("items: Item[]", "items: any[]");
    let unused = ["probe.ts:5 TS2578", "probe.ts:7 TS2578"];
    check_probe(&loose, FindingsStatus::Passed, false, &unused);
    // The component is wrong, but its callers are served well.
    let wrong =
        VALID.replace("function pick(item: Item): void {", "function pick(item: Item): 5 {");
    check_probe(&wrong, FindingsStatus::Failed, true, &["Component.vue:21 TS2355"]);
    // Nothing is known about callers while the syntax is wrong.
    let broken = VALID.replace("defineExpose({ pick })", "const x = = 1");
    let found = ["Component.vue:24 TS1109", "Component.vue:24 VUE-SCRIPT"];
    check_probe(&broken, FindingsStatus::Failed, false, &found);
}

#[test]
fn files_of_the_fixture_can_be_imported_and_are_not_judged() {
    let Some(tsc) = shared() else { return };
    let mut project = Project::default();
    let mut add = |name: &str, text: &str| project.files.insert(name.to_owned(), text.to_owned());
    add("types.ts", "export interface Row { id: number }\nexport const wrong: number = 'x'\n");
    add("env.d.ts", "declare const BUILD: string\n");
    add("README.md", "not code");
    let source = "<script setup lang=\"ts\">\nimport type { Row } from './types'\n\
                  defineProps<Row>()\nconst build: string = BUILD\n</script>\n\
                  <template><p>{{ id.toFixed() }}{{ build }}</p></template>\n";
    let artifact = Artifact::single("Component.vue", source);
    let findings = tsc.check(&artifact, &project, &cx()).unwrap();
    assert_eq!(findings.status, FindingsStatus::Passed, "{:#?}", findings.diagnostics);
    assert_eq!(places(&findings), ["types.ts:2 TS2322"]);
    assert_eq!(findings.kept_files, Vec::<std::path::PathBuf>::new());
}

#[test]
fn an_import_that_was_missing_is_found_once_it_is_there() {
    let Some(tsc) = shared() else { return };
    let source = "<script setup lang=\"ts\">\nimport Row from './Row.vue'\n</script>\n\
                  <template><Row :id=\"1\" :nope=\"2\" /></template>\n";
    let row = "<script setup lang=\"ts\">\ndefineProps<{ id: number }>()\n</script>\n\
               <template><p>{{ id }}</p></template>\n";
    let alone = Artifact::single("Component.vue", source);
    let mut both = alone.clone();
    both.files.insert("Row.vue".to_owned(), row.to_owned());
    for _ in 0..2 {
        let findings = tsc.check(&alone, &Project::default(), &cx()).unwrap();
        assert_eq!(places(&findings), ["Component.vue:2 TS2307"]);
        let kept = tsc.check(&both, &Project::default(), &cx()).unwrap();
        assert_eq!(places(&kept), ["Component.vue:4 TS2353"], "unknown property");
        assert_eq!(kept.kept_files.len(), 2);
        for path in findings.kept_files.iter().chain(&kept.kept_files) {
            std::fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn whatever_is_no_component_is_skipped_with_a_reason() {
    let Some(tsc) = shared() else { return };
    let artifact = Artifact::single("main.rs", "fn main() {}");
    let findings = tsc.check(&artifact, &Project::default(), &cx()).unwrap();
    assert_eq!(findings.status, FindingsStatus::Skipped);
    assert!(findings.reason.unwrap().contains("main.rs"));
}

#[test]
fn the_tools_are_named_with_versions_and_place() {
    let Some(tsc) = shared() else { return };
    let info = tsc.prepare(&Project::default(), &cx()).unwrap();
    assert_eq!(info.tools["typescript"], "6.0.3");
    assert_eq!(info.tools["vue-tsc"], "3.3.14");
    assert_eq!(info.tools["vue"], "3.5.45");
    assert!(info.tools.contains_key("node"));
    let hash = info.lock_sha256.unwrap();
    let root = toolchain().unwrap();
    assert_eq!(info.location.as_deref(), Some(root));
    assert_eq!(root.file_name().unwrap().to_str().unwrap(), format!("tsc-{}", &hash[..16]));
    // The pinned packages need no remark; the version of Node.js may.
    let remarks = info.notes.iter().filter(|note| !note.starts_with("Node.js"));
    assert_eq!(remarks.count(), 0);
}
