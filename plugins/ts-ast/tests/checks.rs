//! Every kind of check, passed and failed.

use llmbench_api::{Artifact, Findings, FindingsStatus, Project};
use llmbench_plugin_ts_ast::judge;

fn judge_with(checks: &str, text: &str, input: Option<&str>) -> Findings {
    let mut project = Project::default();
    let spec = format!(r#"{{"version":1,"checks":[{checks}]}}"#);
    project.files.insert("ast_checks.json".into(), spec);
    if let Some(input) = input {
        project.files.insert("input.vue".into(), input.into());
    }
    judge(&Artifact::single("answer.vue", text), &project).unwrap()
}

/// What the first check earns; it has passed when that is 1.
#[track_caller]
fn check(spec: &str, script: &str, earned: f64) {
    check_component(spec, &format!("<script setup lang=\"ts\">\n{script}\n</script>"), earned);
}

#[track_caller]
fn check_component(spec: &str, text: &str, earned: f64) {
    let findings = judge_with(spec, text, None);
    assert!(findings.check("parses").unwrap().passed, "{text} {:?}", findings.diagnostics);
    let first = &findings.checks[0];
    assert!((first.earned - earned).abs() < 1e-9, "{spec}\n{text}\n{first:?}");
    assert_eq!(first.passed, earned == 1.0, "{spec}\n{text}\n{first:?}");
    assert!(first.message.as_ref().is_some_and(|message| !message.is_empty()));
}

#[test]
fn script_lang_and_setup() {
    let lang = r#"{"kind":"script_lang"}"#;
    check_component(lang, "<script lang='ts'></script>", 1.0);
    check_component(lang, "<script lang=tsx></script>", 1.0);
    check_component(lang, "<script></script>", 0.0);
    check_component(lang, "<template><p/></template>", 0.0);
    check_component(lang, "<!-- <script lang='ts'></script> --><script></script>", 0.0);
    let setup = r#"{"kind":"script_setup"}"#;
    check_component(setup, "<script setup lang='ts'></script>", 1.0);
    check_component(setup, "<script lang='ts'>const setup = 1</script>", 0.0);
}

#[test]
fn type_declared() {
    let user = r#"{"kind":"type_declared","matches":"^User$","members":["id"]}"#;
    check(user, "interface User { id: number }\nlet a: User", 1.0);
    check(user, "type User = { id: number }\nlet a: User", 1.0);
    check(user, "interface Base { id: number }\ninterface User extends Base {}\nlet a: User", 1.0);
    check(user, "interface User { id: number }", 0.0);
    check(user, "export interface User { id: number }", 0.0);
    check(user, "interface User { id: number }\ninterface B { a: User }", 0.0);
    check(user, "interface User { id: number; next: User }", 0.0);
    check(user, "interface User { id: any }\nlet a: User", 0.0);
    check(user, "interface User { name: string }\nlet a: User", 0.0);
    check(user, "interface Users { id: number }\nlet a: Users", 0.0);
    check(user, "// interface User { id: number }\nlet a: User", 0.0);
    let interface = r#"{"kind":"type_declared","declaration":"interface","min_members":2}"#;
    check(interface, "interface A { b: 1; c: 2 }\nlet d: A", 1.0);
    check(interface, "type A = { b: 1; c: 2 }; let d: A", 0.0);
    check(interface, "interface A { b: 1; c: any }\nlet d: A", 0.0);
    let any_type = r#"{"kind":"type_declared"}"#;
    check(any_type, "type A = 'b' | 'c'; let d: A", 1.0);
    check(any_type, "type A = (b: string) => void; const d: A = () => {}", 1.0);
    check(any_type, "type A = any; let d: A", 0.0);
    check(any_type, "type A = Function; let d: A", 0.0);
    check(any_type, "type A = {}; let d: A", 0.0);
    check_component(
        any_type,
        "<script setup lang='ts' generic='T extends A'>interface A { b: 1 }</script>",
        1.0,
    );
}

#[test]
fn typed_props() {
    let props = r#"{"kind":"typed_props"}"#;
    check(props, "defineProps<{ a: string; b?: number }>()", 1.0);
    check(props, "interface P { a: string }\nconst p = withDefaults(defineProps<P>(), {})", 1.0);
    check(props, "const { a = 1 } = defineProps<{ a?: number }>()", 1.0);
    check(props, "import type { P } from './p'\ndefineProps<P>()", 1.0);
    check(props, "defineProps<Readonly<{ a: string }>>()", 1.0);
    check(props, "interface P { a: string; b: any }\ndefineProps<P>()", 0.5);
    check(props, "defineProps<P>()", 0.0);
    check(props, "defineProps<any>()", 0.0);
    check(props, "defineProps<object>()", 0.0);
    check(props, "defineProps<Record<string, any>>()", 0.0);
    check(props, "defineProps(['a', 'b'])", 0.0);
    check(props, "defineProps({ a: String, b: [Number, Date], c: { type: Boolean } })", 1.0);
    check(
        props,
        "defineProps({ a: Object as PropType<A>, b: { type: Array as PropType<B[]> } })",
        1.0,
    );
    check(props, "defineProps({ a: Object, b: { type: Array }, c: null, d: {} })", 0.0);
    check(props, "defineProps({ a: Object as PropType<any>, b: String })", 0.5);
    check(props, "const a = 'defineProps<{ a: string }>()'", 0.0);
    check_component(
        props,
        "<script lang='ts'>export default defineComponent({ props: { a: String, b: Object } })</script>",
        0.5,
    );
    let named = r#"{"kind":"typed_props","names":["a","b"],"min_share":0.5}"#;
    check(named, "defineProps<{ a: string }>()", 1.0);
    check(named, "defineProps<{ c: string }>()", 0.0);
    check(named, "interface A { a: 1 }\ninterface B { b: 1 }\ndefineProps<A & B>()", 1.0);
}

#[test]
fn typed_emits() {
    let emits = r#"{"kind":"typed_emits"}"#;
    check(
        emits,
        "const emit = defineEmits<{ (e: 'a', b: number): void; (e: 'c' | 'd'): void }>()",
        1.0,
    );
    check(emits, "const emit = defineEmits<{ a: [b: number]; c: [] }>()", 1.0);
    check(emits, "const emit = defineEmits<(e: 'a', b: string) => void>()", 1.0);
    check(emits, "interface E { (e: 'a', b: string): void }\ndefineEmits<E>()", 1.0);
    check(emits, "defineEmits({ a: (b: string) => true, c: () => true })", 1.0);
    check(emits, "defineEmits<{ (e: 'a', b: any): void; (e: 'c'): void }>()", 0.5);
    check(emits, "defineEmits<{ a: any[]; c: [] }>()", 0.5);
    check(emits, "defineEmits(['a'])", 0.0);
    check(emits, "defineEmits({ a: null, b: (c) => true })", 0.0);
    check(emits, "const emit = (a: string) => {}; emit('a')", 0.0);
    let named = r#"{"kind":"typed_emits","names":["a"]}"#;
    check(named, "defineEmits<{ a: []; b: any }>()", 1.0);
    check(named, "defineEmits<{ b: [] }>()", 0.0);
}

#[test]
fn typed_model() {
    let model = r#"{"kind":"typed_model"}"#;
    check(model, "const a = defineModel<string>()", 1.0);
    check(model, "const a = defineModel('b', { type: Number })", 1.0);
    check(model, "const a = defineModel<string>(); const b = defineModel('b')", 0.5);
    check(model, "const a = defineModel<any>()", 0.0);
    check(model, "const a = 1", 0.0);
    check(r#"{"kind":"typed_model","model":"b"}"#, "defineModel(); defineModel<1>('b')", 1.0);
}

#[test]
fn parameters_and_returns() {
    let parameters = r#"{"kind":"parameters_typed"}"#;
    check(parameters, "function a(b: number, c = 1) {}", 1.0);
    check(parameters, "function a(b: number, c) {}\nconst d = (e: any, f: any[]) => 1", 0.25);
    check(parameters, "[1].map((a: number) => a)", 0.0);
    check(r#"{"kind":"parameters_typed","min_share":0.5}"#, "function a(b: 1, c) {}", 1.0);
    check(
        r#"{"kind":"parameters_typed","function":"a"}"#,
        "function a(b: 1) {}\nfunction c(d) {}",
        1.0,
    );
    check(r#"{"kind":"parameters_typed","function":"x"}"#, "function a(b: 1) {}", 0.0);
    let returns = r#"{"kind":"returns_typed"}"#;
    check(returns, "function a(): void {}\nconst b = (): number => 1", 1.0);
    check(returns, "function a(): void {}\nfunction b() {}", 0.5);
    check(returns, "function a(): any {}", 0.0);
    check(returns, "const a = 1", 0.0);
    check(r#"{"kind":"returns_typed","function":"a"}"#, "function a(): 1 {}\nfunction b() {}", 1.0);
}

#[test]
fn state_typed() {
    let state = r#"{"kind":"state_typed"}"#;
    check(state, "const a = ref<string[]>([]); const b: Ref<number> = ref(0)", 1.0);
    check(
        state,
        "const a = ref(0); const b = reactive({ c: '' }); const d = computed(() => 1)",
        1.0,
    );
    check(
        state,
        "const a = ref([]); const b = ref(null); const c = ref(); const d = reactive({ e: [] })",
        0.0,
    );
    check(state, "const a = ref<any>(0); const b = ref<A<any>>(0); const c: any = ref([])", 0.0);
    check(state, "const a = computed((): any => 1); const b = ref([] as any[])", 0.0);
    check(state, "const a = ref([] as A[]); const b = shallowRef(new Map<string, A>())", 1.0);
    check(state, "const a = 1", 0.0);
    let explicit = r#"{"kind":"state_typed","explicit":true}"#;
    check(explicit, "const a = ref<number>(0); const b = computed((): number => 1)", 1.0);
    check(explicit, "const a = ref(0); const b = computed<number>(() => 1)", 0.5);
    let named = r#"{"kind":"state_typed","variable":"a","calls":["ref"]}"#;
    check(named, "const a = ref(0); const b = ref([])", 1.0);
    check(named, "const a = reactive({}); const b = ref(0)", 0.0);
    check_component(
        state,
        "<script lang='ts'>export default { data() { return { a: 1, b: [], c: null as A | null } } }</script>",
        2.0 / 3.0,
    );
}

#[test]
fn imports() {
    let vue = r#"{"kind":"imports","from":"vue","names":["ref"]}"#;
    check(vue, "import { ref } from 'vue'\nref(0)", 1.0);
    check(vue, "import { ref as r } from 'vue'\nr(0)", 1.0);
    check(vue, "import { ref } from 'vue'", 0.0);
    check(vue, "import { ref } from 'vuex'\nref(0)", 0.0);
    check(vue, "import { computed } from 'vue'\ncomputed(a)", 0.0);
    check(vue, "// import { ref } from 'vue'\nref(0)", 0.0);
    let types = r#"{"kind":"imports","from":"vue","type_only":true}"#;
    check(types, "import type { Ref } from 'vue'\nlet a: Ref", 1.0);
    check(types, "import { type Ref } from 'vue'\nlet a: Ref", 1.0);
    check(types, "import { Ref } from 'vue'\nlet a: Ref", 0.0);
    check_component(
        r#"{"kind":"imports","from":"./A.vue","names":["default"]}"#,
        "<script setup lang='ts'>import MyA from './A.vue'</script><template><my-a/></template>",
        1.0,
    );
}

#[test]
fn at_most() {
    for (kind, bad) in [
        ("no_any", "let a: any"),
        ("no_assertions", "b as T"),
        ("no_assertions", "b as unknown as T"),
        ("no_non_null", "b!"),
        ("no_weak_types", "let a: Function"),
        ("no_suppressions", "// @ts-ignore"),
    ] {
        check(&format!(r#"{{"kind":"{kind}"}}"#), "let a: string", 1.0);
        check(&format!(r#"{{"kind":"{kind}"}}"#), bad, 0.0);
        check(&format!(r#"{{"kind":"{kind}","max":1}}"#), bad, 1.0);
    }
}

#[test]
fn absence_is_worth_what_presence_has_earned() {
    let spec = r#"{"kind":"no_any"},{"kind":"parameters_typed"}"#;
    check(spec, "function a(b: 1, c: 2) {}", 1.0);
    let text = "<script setup lang='ts'>function a(b: 1, c) {}</script>";
    let half = judge_with(spec, text, None);
    assert_eq!((half.checks[0].passed, half.checks[0].earned), (true, 0.5));
    let text = "<script setup lang='ts'>function a(b, c) {}</script>";
    assert_eq!(judge_with(spec, text, None).score, Some(0.0));
}

const INPUT: &str = "<script>export default { props: ['title'], emits: ['save'], \
    data() { return { count: 0 } }, computed: { double() { return this.count * 2 } }, \
    methods: { add(by) { this.count += by; this.$emit('save', this.count) } }, created() {} }</script>\
    <template><p @click=\"add(1)\">{{ title }} {{ double }}</p></template>";

/// `expected` are the lost names, with commas.
#[track_caller]
fn check_lost(text: &str, expected: &str) {
    let findings = judge_with(r#"{"kind":"keeps_behaviour_names"}"#, text, Some(INPUT));
    let lost = findings.details["facts"]["lost_names"].as_array().unwrap();
    let lost: Vec<&str> = lost.iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(lost.join(", "), expected, "{:?}", findings.diagnostics);
    assert_eq!(findings.checks[0].passed, expected.is_empty());
    assert_eq!(findings.measurements["lost_name_count"], lost.len() as f64);
}

#[test]
fn lost_names_are_found() {
    check_lost(INPUT, "");
    let template = "<template><p @click=\"add(1)\">{{ title }} {{ double }}</p></template>";
    let script = "defineProps<{ title: string }>(); const emit = defineEmits<{ save: [n: number] }>(); \
        const count = ref(0); const double = computed(() => count.value * 2); \
        function add(by: number): void { count.value += by; emit('save', count.value) }";
    check_lost(&format!("<script setup lang='ts'>{script}</script>{template}"), "");
    let without = |part: &str, by: &str| {
        format!("<script setup lang='ts'>{}</script>{template}", script.replace(part, by))
    };
    check_lost(&without("title: string", ""), "prop `title`");
    check_lost(&without("emit('save', count.value)", ""), "event `save`");
    check_lost(&without("count", "counter"), "state `count`");
    check_lost(&without("function add", "function plus"), "function `add`");
    check_lost(
        &format!("<script setup lang='ts'>// add double count title\n</script>{template}"),
        "prop `title`, function `double`, function `add`, state `count`, event `save`",
    );
    check_lost(
        &format!(
            "<script setup lang='ts'>{script}</script><template><p>add {{{{ title }}}}</p></template>"
        ),
        "template binding `add`, template binding `double`",
    );
}

#[test]
fn a_required_check_decides_the_status() {
    let mut project = Project::default();
    let spec = r#"{"version":1,"checks":[{"kind":"script_lang"},{"kind":"typed_props"}],"required":["typed_props","no_any"]}"#;
    project.files.insert("ast_checks.json".into(), spec.into());
    for (script, status) in [
        ("defineProps<{ a: 1 }>()", FindingsStatus::Passed),
        ("defineProps(['a'])", FindingsStatus::Failed),
        ("defineProps<{ a: 1 }>(); let b: any", FindingsStatus::Failed),
        ("defineProps<{ a: 1 }>(); let b!: 1", FindingsStatus::Passed),
    ] {
        let text = format!("<script setup lang='ts'>{script}</script>");
        let findings = judge(&Artifact::single("a.vue", text), &project).unwrap();
        assert_eq!(findings.status, status, "{script}");
        assert!(findings.score.unwrap() > 0.0, "the score stays as computed");
    }
}
