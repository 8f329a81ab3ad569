//! Prompts for the sample model: odd ones of many kinds, and ones like those of its training.

use std::collections::BTreeMap;

use llmbench_api::{Message, Role};

const COMPONENTS: [&str; 6] = [
    "<script setup>\nimport { ref } from 'vue'\n\nconst count = ref(0)\n\nfunction increment() {\n  count.value++\n}\n</script>\n\n<template>\n  <button @click=\"increment\">{{ count }}</button>\n</template>\n",
    "<script setup>\nimport { computed } from \"vue\";\n\nconst props = defineProps({\n  title: String,\n  items: { type: Array, default: () => [] },\n});\nconst emit = defineEmits([\"select\", \"close\"]);\nconst total = computed(() => props.items.length);\n</script>\n\n<template>\n  <h2>{{ title }} ({{ total }})</h2>\n  <li v-for=\"item in items\" :key=\"item.id\" @click=\"emit('select', item)\">{{ item.name }}</li>\n</template>\n",
    "<script>\nexport default {\n  name: 'UserCard',\n  props: { user: { type: Object, required: true } },\n  emits: ['save'],\n  data() {\n    return { draft: '', isOpen: false }\n  },\n  computed: {\n    label() {\n      return this.user.name + ' #' + this.user.id\n    },\n  },\n  methods: {\n    toggle() {\n      this.isOpen = !this.isOpen\n    },\n  },\n}\n</script>\n\n<template>\n  <div @click=\"toggle\">{{ label }}</div>\n</template>\n",
    "<script setup>\nconst greetings = ['Grüß Gott', 'こんにちは', 'Привет', '🎉 fête 👩‍🚀']\nconst price = '12,50 €'\n</script>\n\n<template>\n  <p v-for=\"g in greetings\" :key=\"g\">{{ g }} – {{ price }} … “ok”</p>\n</template>\n",
    "<script setup>\r\nimport { ref, watch } from 'vue'\r\n\r\n\r\n\tconst   query = ref('')   \r\n\tconst results=ref([])\r\n\r\nwatch(query, async (value) => {\r\n\t\tresults.value = await fetch(`/api?q=${value}`).then(r => r.json())\r\n})\r\n</script>\r\n\r\n<template>\r\n\t<input   v-model=\"query\"   />\r\n</template>",
    "<template>\n  <ul>\n    <li v-for=\"(t, i) in todos\" :key=\"i\">\n      <input type=\"checkbox\" v-model=\"t.done\"> {{ t.text }}\n    </li>\n  </ul>\n</template>\n\n<script setup>\nimport { reactive, onMounted } from 'vue'\nconst todos = reactive([{ text: 'It\\'s one', done: false }, { text: \"say \\\"two\\\"\", done: true }])\nonMounted(() => console.log(1234567, 0.25, 0xFF))\n</script>\n",
];

const SYSTEM: &str = "You are a careful TypeScript developer. Answer with code only.";

/// Twenty tasks of the sample model's own generator, with a seed that nothing else uses
/// (`gen.make_case` and `prompts`, seed 31,415,926): here it is sure of its answers.
pub(crate) fn in_style() -> Vec<Vec<Message>> {
    let tasks: Vec<BTreeMap<String, String>> =
        serde_json::from_str(include_str!("sample_prompts.json")).unwrap();
    let message = |role, content: &String| Message { role, content: content.clone() };
    let conversation = |task: &BTreeMap<String, String>| {
        let system = Some(&task["system"]).filter(|text| !text.is_empty());
        let user = message(Role::User, &task["user"]);
        system.map(|text| message(Role::System, text)).into_iter().chain([user]).collect()
    };
    tasks.iter().map(conversation).collect()
}

/// Twenty odd ones: our own components, worded in many ways.
pub(crate) fn conversations() -> Vec<Vec<Message>> {
    let words: [&dyn Fn(&str) -> String; 4] = [
        &|code| format!("```vue\n{code}```"),
        &|code| {
            format!(
                "Rewrite this component with `<script setup lang=\"ts\">`:\n\n```vue\n{code}```\n"
            )
        },
        &|code| {
            format!("{code}\n\nPlease convert it to TypeScript; keep the template. Don't explain!")
        },
        &|code| {
            format!(
                "  # Task\n\n\n1. add types\n2. keep names   \n\n```vue\n{code}\n```\n\n> 日本語 ok? 🙂\t\n"
            )
        },
    ];
    let mut conversations = Vec::new();
    for (index, component) in COMPONENTS.iter().enumerate() {
        for (wording, words) in words.iter().enumerate() {
            // Every sixth combination is left out: twenty are enough.
            if (index + wording) % 6 == 5 {
                continue;
            }
            let user = Message { role: Role::User, content: words(component) };
            let system = Message { role: Role::System, content: SYSTEM.to_owned() };
            let with_system = (index + wording) % 2 == 1;
            conversations.push(if with_system { vec![system, user] } else { vec![user] });
        }
    }
    conversations.truncate(20);
    conversations
}
