//! Components and what is to be found in each.

/// A component with the expected findings.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) source: String,
    /// Checks that pass, in order.
    pub(crate) passed: &'static [&'static str],
    /// `file:line code` of each diagnostic.
    pub(crate) found: &'static [&'static str],
}

const ALL: &[&str] = &["sfc_parses", "script_lang_ts", "compiles"];
const TYPES_WRONG: &[&str] = &["sfc_parses", "script_lang_ts"];
const BROKEN: &[&str] = &["script_lang_ts"];
const NO_TYPESCRIPT: &[&str] = &["sfc_parses"];

pub(crate) const VALID: &str = r#"<script setup lang="ts">
import { computed, onMounted, ref, watch } from 'vue'

interface Item {
  id: number
  label: string
  done?: boolean
}

const props = withDefaults(defineProps<{ items: Item[]; title?: string }>(), { title: 'Items' })
const emit = defineEmits<{ select: [item: Item]; clear: [] }>()
const model = defineModel<string>({ default: '' })
const field = ref<HTMLInputElement | null>(null)
const shown = computed(() => props.items.filter((item) => item.label.includes(model.value)))

watch(model, (now: string, before: string) => {
  if (now === '' && before !== '') emit('clear')
})
onMounted(() => field.value?.focus())

function pick(item: Item): void {
  emit('select', item)
}
defineExpose({ pick })
</script>

<template>
  <section data-test="list" aria-label="items" class="items" @click.stop>
    <h2>{{ title }}</h2>
    <input ref="field" v-model="model" type="text" @keyup.enter="emit('clear')" />
    <ul>
      <li v-for="item in shown" :key="item.id" :class="{ done: item.done }" @click="pick(item)">
        {{ item.label.toUpperCase() }}
      </li>
    </ul>
    <Transition name="fade"><p v-if="shown.length === 0">none</p></Transition>
    <router-link to="/more" data-test="more" class="more">More</router-link>
    <div v-focus />
    <slot name="footer" :count="shown.length" />
  </section>
</template>

<style scoped>
.items { color: red }
</style>
"#;

const OPTIONS: &str = r#"<script lang="ts">
import { defineComponent, PropType } from 'vue'
interface Row { id: number; name: string }
export default defineComponent({
  name: 'Rows',
  props: {
    rows: { type: Array as PropType<Row[]>, required: true },
    size: { type: Number, default: 10 },
  },
  emits: { pick: (row: Row) => row.id > 0 },
  data() { return { page: 0, filter: '' } },
  computed: { pages(): number { return Math.ceil(this.rows.length / this.size) } },
  methods: { choose(row: Row): void { this.$emit('pick', row) } },
})
</script>
<template>
  <input v-model="filter">
  <p v-for="row in rows" :key="row.id" @click="choose(row)">{{ row.name }} {{ pages }}</p>
</template>
"#;

const GENERIC: &str = r#"<script setup lang="ts" generic="T extends { id: number }">
const props = defineProps<{ items: T[]; selected?: T }>()
const emit = defineEmits<{ pick: [item: T] }>()
function first(): T | undefined { return props.items[0] }
defineExpose({ first })
</script>
<template>
  <p v-for="item in items" :key="item.id" @click="emit('pick', item)"><slot :item="item" /></p>
</template>
"#;

const UNTYPED: &str = r#"<script>
export default {
  props: { items: Array },
  methods: { pick(item) { return item.id.foo } },
}
</script>
<template><p v-for="item in items" :key="item.id" @click="pick(item)">{{ item }}</p></template>
"#;

fn setup(script: &str, template: &str) -> String {
    format!(
        "<script setup lang=\"ts\">\n{script}\n</script>\n<template>\n{template}\n</template>\n"
    )
}

/// A component of about 1 MB.
pub(crate) fn huge() -> String {
    let mut script = String::new();
    for number in 0..9_000 {
        script.push_str(&format!(
            "// {number} {:-<60}\nexport const value{number}: number = {number} + 1\n",
            ""
        ));
    }
    script.push_str("const last: string = value8999\n");
    format!(
        "<script lang=\"ts\">\n{script}export default {{ name: 'Huge' }}\n</script>\n\
         <template><p>huge</p></template>\n"
    )
}

pub(crate) fn cases() -> Vec<Case> {
    let case =
        |name, source: &str, passed, found| Case { name, source: source.to_owned(), passed, found };
    vec![
        case("valid", VALID, ALL, &[]),
        case("valid, CRLF", &VALID.replace('\n', "\r\n"), ALL, &[]),
        case("valid, byte order mark", &format!("\u{feff}{VALID}"), ALL, &[]),
        case("options API", OPTIONS, ALL, &[]),
        case("generic", GENERIC, ALL, &[]),
        case(
            "error in the script",
            &setup("const a: number = 'x'", "<p>{{ a }}</p>"),
            TYPES_WRONG,
            &["Component.vue:2 TS2322"],
        ),
        case(
            "error in the script, CRLF and other scripts",
            &setup("const größe = '日本語🎉'\nconst a: number = größe", "<p>{{ a }} été</p>")
                .replace('\n', "\r\n"),
            TYPES_WRONG,
            &["Component.vue:3 TS2322"],
        ),
        case(
            "error only in the template",
            &setup("defineProps<{ count: number }>()", "<p>{{ count.toUpperCase() }}</p>"),
            TYPES_WRONG,
            &["Component.vue:5 TS2339"],
        ),
        case(
            "unknown name in the template",
            &setup("const a = 1", "<p>{{ a }}{{ typo }}</p>"),
            TYPES_WRONG,
            &["Component.vue:5 TS2339"],
        ),
        case(
            "unknown property of a known component",
            &setup(
                "import { KeepAlive } from 'vue'",
                "<KeepAlive :limit=\"1\"><p>x</p></KeepAlive>",
            ),
            TYPES_WRONG,
            &["Component.vue:5 TS2353"],
        ),
        case(
            "missing imports",
            &setup("import { x } from './nope'\nimport y from 'lodash'", "<p>{{ x }}{{ y }}</p>"),
            TYPES_WRONG,
            &["Component.vue:2 TS2307", "Component.vue:3 TS2307"],
        ),
        case(
            "import from outside the project",
            &setup("import x from '../../../package.json'", "<p>{{ x }}</p>"),
            TYPES_WRONG,
            &["Component.vue:2 TS2307"],
        ),
        case(
            "syntax error",
            &setup("const a = = 1\nconst b: number = 'x'", "<p>{{ a }}{{ b }}</p>"),
            BROKEN,
            &["Component.vue:2 TS1109", "Component.vue:2 VUE-SCRIPT"],
        ),
        case(
            "syntax error in the template",
            &setup("const a = 1", "<p>{{ a + }}</p>"),
            BROKEN,
            &["Component.vue:5 VUE46"],
        ),
        case(
            "missing </script>",
            "<script setup lang=\"ts\">\nconst a = 1\n",
            BROKEN,
            &["Component.vue:1 VUE24"],
        ),
        case(
            "unclosed tag",
            &setup("const a = 1", "<div><p>{{ a }}</div>"),
            BROKEN,
            &["Component.vue:5 VUE24"],
        ),
        case(
            "truncated in the template",
            VALID.split_once("<router-link").unwrap().0,
            BROKEN,
            &["Component.vue:27 VUE24", "Component.vue:28 VUE24"],
        ),
        case(
            "truncated in the script",
            VALID.split_once("function pick").unwrap().0,
            BROKEN,
            &["Component.vue:1 VUE24"],
        ),
        case(
            "macro used twice",
            &setup("defineProps<{ a: number }>()\ndefineProps<{ b: number }>()", "<p>{{ b }}</p>"),
            BROKEN,
            &["Component.vue:2 VUE-SCRIPT"],
        ),
        case(
            "any everywhere",
            &setup(
                "const props = defineProps<{ items: any }>()\nconst f = (x: any): any => x.y.z",
                "<p>{{ f(props.items).a.b }}</p>",
            ),
            ALL,
            &[],
        ),
        case(
            "suppressed",
            &setup("// @ts-nocheck\nconst a: number = 'x'", "<p>{{ a }}</p>"),
            ALL,
            &[],
        ),
        case(
            "untyped input",
            UNTYPED,
            NO_TYPESCRIPT,
            &["Component.vue:1 VUE-LANG", "importer.ts:2 TS7016"],
        ),
        case(
            "JavaScript called TypeScript",
            &setup("function f(x) { return x.y }", "<p>{{ f(1) }}</p>"),
            TYPES_WRONG,
            &["Component.vue:2 TS7006"],
        ),
        case(
            "code deleted",
            "<template>\n  <p>items</p>\n</template>\n",
            NO_TYPESCRIPT,
            &["Component.vue:- VUE-LANG"],
        ),
        case(
            "no component",
            "<script lang=\"ts\">\nexport default 5\n</script>\n<template><p /></template>\n",
            TYPES_WRONG,
            &["importer.ts:5 TS2322"],
        ),
        case("empty", "", &[], &["Component.vue:- VUE-SFC"]),
        case("blank", " \n\n", &[], &["Component.vue:- VUE-SFC"]),
        case(
            "prose",
            "Here is the component:\n\n```vue\nsorry\n```\n",
            &[],
            &["Component.vue:- VUE-SFC"],
        ),
        case("1 MB", &huge(), TYPES_WRONG, &["Component.vue:18002 TS2322"]),
    ]
}
