//! Fixtures that are npm projects of their own, checked as their own vue-tsc does.

use std::path::{Path, PathBuf};
use std::process::Command;

use llmbench_api::{Artifact, ErrorKind, Findings, FindingsStatus, Project, Severity, Validator};
use llmbench_plugin_tsc::{Settings, Tsc};
use serde_json::{Value, json};

use crate::support::{cx, data_dir, own, passed, places, toolchain};

const TARGET: &str = "src/components/UserList.vue";

const FILES: [(&str, &str); 6] = [
    (
        "tsconfig.base.json",
        r#"{ "compilerOptions": { "target": "ES2022", "module": "ESNext", "moduleResolution": "bundler", "strict": true,
            "noEmit": true, "skipLibCheck": true, "allowJs": true, "lib": ["ES2022", "DOM"], "types": [] } }"#,
    ),
    (
        "tsconfig.json",
        r#"{ "extends": "./tsconfig.base.json",
            "compilerOptions": { "paths": { "@/*": ["./src/*"] } },
            "vueCompilerOptions": { "strictTemplates": true },
            "include": ["src/**/*.ts", "src/**/*.vue"] }"#,
    ),
    ("src/types.ts", "export interface User { id: number; name: string }\n"),
    (
        "src/App.vue",
        "<script setup lang=\"ts\">\nimport UserList from '@/components/UserList.vue'\n\
         import type { User } from '@/types'\nconst users: User[] = [{ id: 1, name: 'a' }]\n\
         function pick(user: User): void { console.log(user.name) }\n</script>\n\
         <template><UserList :users=\"users\" @pick=\"pick\" /></template>\n",
    ),
    (
        "src/main.ts",
        "import { createApp } from 'vue'\nimport App from './App.vue'\ncreateApp(App).mount('#app')\n",
    ),
    (TARGET, INPUT),
];

const INPUT: &str = "<script setup>
defineProps(['users'])
defineEmits(['pick'])
</script>
<template><p v-for=\"user in users\" :key=\"user.id\" @click=\"$emit('pick', user)\">{{ user.name }}</p></template>
";

const GOOD: &str = "<script setup lang=\"ts\">
import type { User } from '../types'
defineProps<{ users: User[] }>()
const emit = defineEmits<{ pick: [user: User] }>()
const total: number = 1
</script>
<template>
  <p v-for=\"user in users\" :key=\"user.id\" @click=\"emit('pick', user)\">{{ user.name }} {{ total }}</p>
</template>
";

fn answers() -> Vec<String> {
    let change = |from: &str, to: &str| {
        assert!(GOOD.contains(from), "{from}");
        GOOD.replace(from, to)
    };
    vec![
        GOOD.to_owned(),
        INPUT.to_owned(),
        format!("{GOOD}<!-- -->\n"),
        change("total: number = 1", "total: number = 'x'"),
        change("user.name }}", "user.nope }}"),
        change("users: User[]", "users: string[]"),
        change("users: User[]", "list: User[]"),
        change("users: User[]", "users: User[]; more: number"),
        change("pick: [user: User]", "pick: [name: string]"),
        change("emit('pick', user)", "emit('pick', user.id)"),
        change("emit('pick', user)", "emit('chosen', user)"),
        change("<p v-for", "<Unknown v-for").replace("</p>", "</Unknown>"),
        change("<p v-for", "<p nonsense=\"1\" v-for"),
        change("'../types'", "'../nowhere'"),
        change("total: number = 1", "total = = 1"),
        change("{{ total }}", "{{ total + }}"),
        change("</script>", ""),
        change("</p>", ""),
        change("<script setup lang=\"ts\">", "<script setup>"),
        change("const total", "// @ts-expect-error\nconst total"),
        change("const total: number = 1", "// @ts-ignore\nconst total: number = 'x'"),
        change("users: User[]", "users: any"),
        "<script lang=\"ts\">\nexport default 5\n</script>\n<template><p /></template>\n"
            .to_owned(),
        "<template><p>nothing</p></template>\n".to_owned(),
        String::new(),
    ]
}

/// A fixture's folder that holds the project of that name.
struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let fixture = Self { folder };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/projects").join(name);
        for file in ["package.json", "package-lock.json"] {
            fixture.write(file, &std::fs::read_to_string(source.join(file)).unwrap());
        }
        FILES.iter().for_each(|(name, text)| fixture.write(name, text));
        fixture
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.dir().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn project(&self, mut options: Value) -> Project {
        options["dir"] = json!("project");
        let dir = Some(self.folder.path().to_owned());
        Project { dir, options: json!({ "project": options }), ..Project::default() }
    }

    /// `file(line,column): code` of each error that the project's own vue-tsc prints.
    fn cold(&self, modules: &Path, answer: &str, arguments: &[&str]) -> Vec<String> {
        self.write(TARGET, answer);
        let link = self.dir().join("node_modules");
        if !link.exists() {
            std::os::unix::fs::symlink(modules, link).unwrap();
        }
        let output = Command::new("node")
            .arg(modules.join("vue-tsc/bin/vue-tsc.js"))
            .args(arguments)
            .args(["--pretty", "false"])
            .current_dir(self.dir())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut found: Vec<_> = text
            .lines()
            .filter_map(|line| {
                let (place, rest) = line.split_once(": error ")?;
                Some(format!("{place}: {}", rest.split_once(':')?.0))
            })
            .collect();
        assert_eq!(found.is_empty(), output.status.success(), "{text}");
        found.sort();
        found
    }
}

/// A validator, the prepared fixture and its packages.
fn installed(name: &str) -> Option<(Tsc, Fixture, PathBuf)> {
    toolchain()?;
    let (tsc, fixture) = (own(Settings::default())?, Fixture::new(name));
    let info = tsc.prepare(&fixture.project(json!({ "install": true })), &cx()).unwrap();
    let modules = info.location.unwrap().join("node_modules");
    assert!(modules.starts_with(data_dir().join("projects")), "{}", modules.display());
    Some((tsc, fixture, modules))
}

fn check(tsc: &Tsc, project: &Project, answer: &str) -> Findings {
    let findings = tsc.check(&Artifact::single(TARGET, answer), project, &cx()).unwrap();
    findings.kept_files.iter().for_each(|path| std::fs::remove_file(path).unwrap());
    findings
}

fn warm(findings: &Findings) -> Vec<String> {
    let typescript = |code: &str| code.starts_with("TS");
    let errors = findings.diagnostics.iter().filter(|found| {
        found.severity == Severity::Error && found.code.as_deref().is_some_and(typescript)
    });
    let place = |found: &llmbench_api::Diagnostic| {
        let (line, column) = (found.line.unwrap(), found.column.unwrap());
        format!("{}({line},{column}): {}", found.file, found.code.as_deref().unwrap())
    };
    let mut errors: Vec<_> = errors.map(place).collect();
    errors.sort();
    errors
}

#[track_caller]
fn check_like_cold(name: &str) {
    let Some((tsc, fixture, modules)) = installed(name) else { return };
    let project = fixture.project(json!({}));
    let judged: Vec<_> = answers().iter().map(|answer| check(&tsc, &project, answer)).collect();
    let mut wrong = Vec::new();
    for (answer, findings) in answers().iter().zip(&judged) {
        let cold = fixture.cold(&modules, answer, &["--noEmit"]);
        assert_eq!(findings.measurements["baseline_error_count"], 0.0);
        let compiles = findings.check("compiles").unwrap().passed;
        let count = findings.measurements["error_count"];
        if warm(findings) != cold || compiles != cold.is_empty() || count != cold.len() as f64 {
            wrong.push(format!("{answer}\ncold {cold:?}\nwarm {:?}", warm(findings)));
        }
    }
    let good = judged.iter().filter(|findings| findings.status == FindingsStatus::Passed).count();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!((4..judged.len() - 10).contains(&good), "{good} of {}", judged.len());
}

#[test]
fn answers_are_judged_as_by_vue_tsc_3() {
    check_like_cold("vue-tsc-3");
}

#[test]
fn answers_are_judged_as_by_vue_tsc_2() {
    check_like_cold("vue-tsc-2");
}

#[test]
fn errors_that_were_there_before_do_not_count() {
    let Some((tsc, fixture, _)) = installed("vue-tsc-3") else { return };
    fixture.write("src/old.ts", "export const old: number = 'x'\n");
    let mut project = fixture.project(json!({}));
    // Another state of the project, and so another worker.
    "old".clone_into(&mut project.id);
    let findings = check(&tsc, &project, GOOD);
    assert_eq!(findings.status, FindingsStatus::Passed, "{:#?}", findings.diagnostics);
    assert_eq!(findings.measurements["baseline_error_count"], 1.0);
    assert_eq!(findings.measurements["type_coverage"], 1.0);
    let caused = GOOD.replace("users: User[]", "list: User[]");
    let findings = check(&tsc, &project, &caused);
    assert!(places(&findings).iter().any(|place| place.starts_with("src/App.vue:7")));
    assert!(!places(&findings).iter().any(|place| place.starts_with("src/old.ts")));

    // Vue's own compiler refuses what vue-tsc lets pass.
    let twice = GOOD.replace("const total", "defineProps<{ a: 1 }>()\nconst total");
    let findings = check(&tsc, &project, &twice);
    assert!(!passed(&findings).contains(&"sfc_parses"));
    // A script without types passes where the project's own check lets it pass.
    assert_eq!(passed(&check(&tsc, &project, INPUT)), ["sfc_parses", "compiles"]);
    let hidden = GOOD.replace("const total: number = 1", "// @ts-ignore\nconst total: number = ''");
    let findings = check(&tsc, &project, &hidden);
    assert_eq!(findings.measurements["error_count"], 0.0);
    assert_eq!(findings.measurements["error_count_without_suppressions"], 1.0);

    let probe = "import UserList from './src/components/UserList.vue'\nconst a: 5 = UserList\n";
    project.files.insert("probe.ts".to_owned(), probe.to_owned());
    let findings = check(&tsc, &project, GOOD);
    assert_eq!(passed(&findings), ["sfc_parses", "script_lang_ts", "compiles"]);
    assert_eq!(findings.measurements["probe_error_count"], 1.0);
}

#[test]
fn an_answer_may_bring_new_files() {
    let Some((tsc, fixture, _)) = installed("vue-tsc-3") else { return };
    let project = fixture.project(json!({}));
    let mut answer = Artifact::single(TARGET, GOOD.replace("'../types'", "'../model'"));
    let alone = tsc.check(&answer, &project, &cx()).unwrap();
    assert_eq!(places(&alone), [format!("{TARGET}:2 TS2307")]);
    let model = "export interface User { id: number; name: string }\n";
    answer.files.insert("src/model.ts".to_owned(), model.to_owned());
    let findings = tsc.check(&answer, &project, &cx()).unwrap();
    assert_eq!(findings.status, FindingsStatus::Passed, "{:#?}", findings.diagnostics);
    // Nothing imports it, and the project's configuration names it all the same.
    answer.files.insert("src/more.ts".to_owned(), "export const a: number = ''\n".to_owned());
    let more = tsc.check(&answer, &project, &cx()).unwrap();
    assert_eq!(places(&more), ["src/more.ts:1 TS2322"]);
    for path in alone.kept_files.iter().chain(&more.kept_files) {
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn referenced_configurations_are_followed_as_by_a_build() {
    let Some((tsc, fixture, modules)) = installed("vue-tsc-3") else { return };
    let app = FILES[1].1;
    fixture.write("tsconfig.app.json", app);
    fixture.write(
        "tsconfig.json",
        r#"{ "files": [], "references": [{ "path": "./tsconfig.app.json" }] }"#,
    );
    let wrong = GOOD.replace("total: number = 1", "total: number = 'x'");
    let error = tsc.check(
        &Artifact::single(TARGET, GOOD),
        &fixture.project(json!({ "tsconfig": "tsconfig.json" })),
        &cx(),
    );
    let error = error.unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidInput, "{error}");

    let project = fixture.project(json!({ "build": true }));
    assert_eq!(check(&tsc, &project, GOOD).status, FindingsStatus::Passed);
    let findings = check(&tsc, &project, &wrong);
    assert_eq!(warm(&findings), fixture.cold(&modules, &wrong, &["-b"]));
    assert_eq!(warm(&findings), [format!("{TARGET}(5,7): TS2322")]);
}

#[test]
fn packages_that_are_not_installed_are_no_failure_of_the_answer() {
    if toolchain().is_none() {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let tsc = Tsc::with_settings(Settings::default()).in_data_dir(data.path());
    let fixture = Fixture::new("vue-tsc-3");
    let error = tsc.prepare(&fixture.project(json!({})), &cx()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert!(error.hint.unwrap().contains("llmbench fixtures install --fixture"));
}
