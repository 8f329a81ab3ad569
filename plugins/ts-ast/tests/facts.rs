//! What is seen in small components, one fact or trap each.

use llmbench_api::{Artifact, Findings, Project};
use llmbench_plugin_ts_ast::judge;

fn judge_script(script: &str) -> Findings {
    judge_component(&format!("<script setup lang=\"ts\">\n{script}\n</script>\n"))
}

fn judge_component(text: &str) -> Findings {
    judge(&Artifact::single("answer.vue", text), &Project::default()).unwrap()
}

/// Checks some measurements of a setup script, given as `name=value`.
#[track_caller]
fn check(script: &str, expected: &str) {
    check_findings(&judge_script(script), script, expected);
}

#[track_caller]
fn check_findings(findings: &Findings, text: &str, expected: &str) {
    assert_eq!(
        findings.measurements["parse_error_count"], 0.0,
        "{text}\n{:?}",
        findings.diagnostics
    );
    for pair in expected.split_whitespace() {
        let (name, value) = pair.split_once('=').unwrap();
        let measured = match findings.measurements.get(name) {
            Some(measured) => measured.to_string(),
            None => findings.details["facts"][name].to_string(),
        };
        assert_eq!(measured, value, "{name} of\n{text}\n{:#}", findings.details);
    }
}

#[test]
fn any_is_counted_wherever_it_stands() {
    check("const a: any = 1", "any_count=1");
    check("const a: Array<any> = []", "any_count=1");
    check("const a: Map<string, any[]> = new Map()", "any_count=1");
    check("const a = <any>b", "any_count=1 assertion_count=1");
    check("const a = ref<any>(1)", "any_count=1");
    check("function a(b: any): any {}", "any_count=2 typed_parameter_count=0 return_type_count=0");
    check("type A = Record<string, any>; let a: A", "any_count=1");
    check("const a: unknown = 1", "any_count=0");
}

#[test]
fn comments_and_strings_are_no_code() {
    check(
        "// const a: any = b as T\n/* interface A { b: any } */",
        "any_count=0 interface_count=0",
    );
    check(
        "const a = 'interface A { b: any }; x as T; @ts-ignore'",
        "any_count=0 interface_count=0",
    );
    check("const a = `// @ts-ignore`", "suppression_count=0");
    check("const a = \"\\n// @ts-nocheck\"", "suppression_count=0");
    check("const a = /any|as T/", "any_count=0 assertion_count=0");
    check("const any = 1; const b = { any, as: any }", "any_count=0 assertion_count=0");
}

#[test]
fn assertions_are_told_apart() {
    check("const a = b as T", "assertion_count=1 double_assertion_count=0");
    check("const a = <T>b", "assertion_count=1");
    check("const a = b as unknown as T", "assertion_count=0 double_assertion_count=1");
    check("const a = (b as unknown) as T", "assertion_count=0 double_assertion_count=1");
    check("const a = <T><unknown>b", "assertion_count=0 double_assertion_count=1");
    check("const a = b as any as T", "assertion_count=0 double_assertion_count=1 any_count=1");
    check("const a = b as never as T", "assertion_count=0 double_assertion_count=1");
    check("const a = b as A as T", "assertion_count=2 double_assertion_count=0");
    check("const a = [1] as const", "assertion_count=0");
    check("const a = <const>[1]", "assertion_count=0");
    check("const a = b satisfies T", "assertion_count=0 satisfies_count=1");
    check("const a = { b: Object as PropType<T> }", "assertion_count=0");
    check("const a = [] as T[]; const b = null as T | null", "assertion_count=0");
    check("const a = {} as T; const b = null as T", "assertion_count=2");
    check("const a = b!.c!; let d!: T", "non_null_count=3");
}

#[test]
fn weak_types_are_counted() {
    check("let a: Function, b: Object, c: object, d: {}", "weak_type_count=4");
    check("let a: 'x' | (string & {}); const b = {}; Object.keys(b)", "weak_type_count=0");
}

#[test]
fn parameters_of_named_functions_count_and_callbacks_do_not() {
    check("function a(b: number, c, ...d) {}", "named_parameter_count=3 typed_parameter_count=1");
    check("const a = (b, c: string) => 1", "named_parameter_count=2 typed_parameter_count=1");
    check("const a = function (b) {}", "named_parameter_count=1 typed_parameter_count=0");
    check(
        "const a: (b: number) => void = (b) => {}",
        "typed_parameter_count=1 return_type_count=1",
    );
    check("const a: any = (b) => {}", "typed_parameter_count=0");
    check("list.map((a) => a); watch(b, (c, d) => {})", "named_parameter_count=0 function_count=0");
    check("watch(b, { handler(c) {} })", "named_parameter_count=0 function_count=0");
    check("const a = computed({ get() { return 1 }, set(b) {} })", "named_parameter_count=0");
    check(
        "const a = { b(c) {}, d: (e: number) => {} }",
        "named_parameter_count=2 typed_parameter_count=1",
    );
    check("const a: A = { b(c) {} }; const d = { e(f) {} } satisfies A", "named_parameter_count=0");
    check("list.map(() => { function a(b) {} })", "named_parameter_count=1");
    check(
        "class A { constructor(private a) {} b(c: number): void {} set d(e) {} f = (g) => 1 }",
        "named_parameter_count=4 typed_parameter_count=1 function_count=2 return_type_count=1",
    );
    check("function a({ b, c }: A, [d]) {}", "named_parameter_count=2 typed_parameter_count=1");
    check("function a(this: A, b: number) {}", "named_parameter_count=1 typed_parameter_count=1");
}

#[test]
fn a_default_counts_as_a_type_when_it_determines_one() {
    check(
        "function a(b = 1, c = '', d = [0], e = { f: 1 }, g = new Date()) {}",
        "typed_parameter_count=5",
    );
    check(
        "function a(b = null, c = [], d = {}, e = undefined, f = new Map(), g = { h: [] }) {}",
        "named_parameter_count=6 typed_parameter_count=0",
    );
}

#[test]
fn return_types_are_counted() {
    check(
        "function a(): void {}\nfunction b() {}\nconst c = (): number => 1",
        "function_count=3 return_type_count=2",
    );
    check("async function a(): Promise<any> {}", "return_type_count=0 any_count=1");
    check(
        "function a(b: string): b is 'x'\nfunction a(b: string) { return true }",
        "function_count=1",
    );
}

#[test]
fn types_are_listed() {
    check(
        "interface A { b: string }\ntype C = A\nexport type D = 1",
        "interface_count=1 type_alias_count=2",
    );
    check(
        "type A<T extends readonly string[]> = T[number]; const a = <const T,>(b: T): T => b\nusing c = d; enum E { F }; let g: `${A<['x']>}`",
        "type_alias_count=1 typed_parameter_count=1",
    );
}

#[test]
fn suppressions_count_where_a_checker_obeys_them() {
    check("// @ts-ignore\nconst a = 1", "suppression_count=1");
    check("/* @ts-expect-error */\nconst a = 1", "suppression_count=1");
    check("/**\n * @ts-nocheck\n */", "suppression_count=1");
    check("// we do without @ts-ignore", "suppression_count=0");
    check("/* @vue-ignore */ // @vue-skip", "suppression_count=2");
    for (text, count) in [
        ("<!-- @vue-nocheck --><script lang='ts'></script>", 1),
        ("<!-- @skipTemplateCodegen --><script lang='ts'></script>", 1),
        ("<template><!-- @vue-expect-error why --><p/></template><script lang='ts'></script>", 1),
        ("<template><p :a=\"/* @ts-ignore */ b\"/></template><script lang='ts'></script>", 1),
        ("<template><p>@ts-ignore {{ '@ts-ignore' }}</p></template><script lang='ts'></script>", 0),
    ] {
        check_findings(&judge_component(text), text, &format!("suppression_count={count}"));
    }
}

#[test]
fn template_expressions_are_read_as_code() {
    for (text, expected) in [
        (
            "<p @click=\"save(a as any)\">{{ b! }}</p>",
            "any_count=1 assertion_count=1 non_null_count=1",
        ),
        (
            "<p @click=\"a = 1; b()\" @input=\"(e) => c(e)\"/>",
            "named_parameter_count=0 statement_count=0",
        ),
        (
            "<p v-for=\"(a, i) in list\" :key=\"i\">{{ a.any }}</p>",
            "any_count=0 template_node_count=1",
        ),
        ("<p v-for=\"{ a, b } of list\"/><b #x=\"{ c }\"/>", "template_node_count=2"),
        ("<p v-pre>{{ a b }}</p><p :a.b=\"{ c: 1 }\" :user v-else/>", "template_node_count=2"),
        (
            "<p>{{ a < b ? '<p>' : 1 }}</p><p :a=\"b &amp;&amp; '&quot;'\">{{ }}</p>",
            "template_node_count=2",
        ),
        ("<p @click=\"async () => { await a() }\" @b=\"if (c) d()\"/>", "template_node_count=1"),
    ] {
        let text = format!("<template>{text}</template><script setup lang=\"ts\"></script>");
        check_findings(&judge_component(&text), &text, expected);
    }
}

#[test]
fn both_script_blocks_are_read() {
    let text = "<script lang='ts'>export interface A { a: any }</script>\n<script setup lang='ts'>const b = c as A</script>";
    check_findings(&judge_component(text), text, "any_count=1 assertion_count=1 interface_count=1");
}

#[test]
fn the_options_api_is_read() {
    let text = "<script lang='ts'>\nexport default defineComponent({ props: { a: String }, \
        data() { return { b: 1 } }, setup(props, { emit }) { const c = (d) => 1 }, \
        computed: { e(): number { return 1 }, f() { return 2 } }, \
        methods: { g(h: number, i) {} }, watch: { a(j) {} }, created() {} })\n</script>";
    check_findings(
        &judge_component(text),
        text,
        "named_parameter_count=3 typed_parameter_count=1 function_count=4 return_type_count=1",
    );
}

/// `expected` is the line and column of the first error, and a part of its message.
#[track_caller]
fn check_error(text: &str, (line, column): (u32, u32), expected: &str) {
    let findings = judge_component(text);
    let first = findings.diagnostics.first().unwrap_or_else(|| panic!("no error in {text}"));
    assert_eq!((first.line, first.column), (Some(line), Some(column)), "{text} {first:?}");
    assert!(first.message.contains(expected), "{text} {first:?}");
    assert_eq!(first.file, "answer.vue");
    assert_eq!(findings.score, Some(0.0));
    assert_eq!(findings.status, llmbench_api::FindingsStatus::Failed);
    assert!(!findings.check("parses").unwrap().passed);
    assert_eq!(findings.measurements.len(), 1, "only the number of errors is known");
}

#[test]
fn what_does_not_parse_is_located_in_the_file() {
    check_error("", (1, 1), "no `<template>`");
    check_error("Here is the code", (1, 1), "no `<template>`");
    check_error("<script lang='ts'>\r\nconst a =\r\n</script>", (3, 1), "nexpected");
    check_error("<script setup lang='ts'>\nconst = 1\n</script>", (2, 7), "nexpected");
    check_error("<script lang='ts'>const a = '</script>'</script>", (1, 29), "nterminated");
    check_error("<template><p></template><script lang='ts'></script>", (1, 11), "`<p>` is never");
    check_error("<template>\n<p>{{ a b }}</p></template>", (2, 9), "");
    check_error("<template>\n <p :a=\"b +\"/></template>", (2, 12), "nexpected");
    check_error("<template><p v-for=\"a\"/></template>", (1, 21), "item in items");
    check_error("<script>let a: number = 1</script>", (1, 1), "TypeScript in a script without");
    check_error("<script lang='coffee'>a</script>", (1, 1), "neither TypeScript");
    check_error("<script lang='ts' src='./a.ts'></script>", (1, 1), "another file");
    check_error("<script setup lang='ts'>\nexport default {}\n</script>", (2, 1), "export default");
    check_error("<script lang='ts'>const a = <b>c</b></script>", (1, 34), "");
}

#[test]
fn jsx_is_only_read_where_it_is_declared() {
    let text = "<script lang='tsx'>const a = () => <b>c</b></script>";
    check_findings(&judge_component(text), text, "any_count=0");
}

#[test]
fn places_are_given_in_the_file() {
    let text = "<template>\n  <p :a=\"b as any\"/>\n</template>\n<script lang='ts'>\n  // @ts-ignore\n  let c: any\n</script>";
    let found: Vec<String> = judge_component(text)
        .diagnostics
        .iter()
        .map(|d| {
            let code = d.code.as_deref().unwrap();
            format!("{}:{} {code} {:?}", d.line.unwrap(), d.column.unwrap(), d.severity)
        })
        .collect();
    assert_eq!(
        found,
        ["2:10 assertion Warning", "2:15 any Warning", "5:6 suppression Error", "6:10 any Warning",]
    );
}
