"""Instruction texts around a component: short requests in free wording, and briefs like those of the shipped fixtures."""
from lexicon import ADJ, NOUNS, VERBS

SENT = """Convert this Vue component to TypeScript.|Refactor the following untyped Vue component to TypeScript.|Use script setup
with lang="ts".|Add types to all props, emits, refs and functions.|Do not use any.|Return only the code.|Return the complete
component in one code block.|Keep the template unchanged.|You are an expert Vue and TypeScript developer.|You are a helpful
assistant.|Define interfaces for the props and data.|The output must compile with strict mode.|Here is the component:|Component:|
Rewrite it with full type annotations.|Keep the behaviour the same.|Use defineProps and defineEmits with type arguments.|Answer
with a single file component.|No explanations.|Requirements:|- Use interfaces for object types|- Type every function parameter
and return value|- Use ref with a type argument|- Do not change names|Please convert the code below.|Output:|Input:|Task: typed
refactoring|Make sure that tsc reports no errors.|Migrate this single file component from JavaScript to TypeScript.""".replace("\n", " ").split("|")
SENT = [s.strip() for s in SENT]

ROLE = [
    "You are refactoring a Vue 3 code base from JavaScript to TypeScript. Rewrite the single-file component below so that it is fully typed.",
    "You are moving a Vue 3 project to TypeScript. Rewrite the single-file component below with full types.",
    "You are migrating Vue components to TypeScript. Rewrite the component below so that every part of it is typed.",
    "Your task is to refactor an untyped Vue 3 component to TypeScript. Rewrite the file below.",
]
RULES = [
    ['Use `<script setup lang="ts">`. It must compile under `strict` without any error, the template included.',
     'Use `<script setup lang="ts">`; script and template must pass the compiler in `strict` mode.'],
    ["Declare the types you need in the component: {iface}typed props and emits.",
     "Define all types inside the component: {iface}props and emits with type arguments."],
    ["Type every parameter and return type of the named functions, and all state whose type does not follow from its initial value.",
     "Every named function has typed parameters and a return type; every `ref` and `computed` has a type argument."],
    ["Keep the behaviour, the names, the template and the styles exactly as they are; defaults of props stay the same.",
     "Do not change names, behaviour, template, styles or the defaults of props."],
    ["No `any`, no type assertions (`as`), no non-null assertions (`!`), no `@ts-ignore`, `@ts-nocheck`, `@ts-expect-error` or similar comments.",
     "Do not use `any`, `@ts-ignore`, `@ts-nocheck` or other ways around the compiler."],
    ["Add no imports beside those from `vue`.", "Import from `vue` only.",
     "If the component uses the Options API, write it with the Composition API."],
]
END = [
    "Answer with the complete component in exactly one ```vue code block, and nothing else.",
    "Return the whole component in one ```vue code block without any other text.",
    "Answer with one ```vue code block that holds the complete component.",
]
FILES = ["Component.vue", "Component.vue", "App.vue", "src/Component.vue"]


def brief(rng, case):
    """what the component does with its data, numbered rules, how to answer, the file"""
    facts = []
    for name, fields in case.ifaces:
        rows = [f"`{k}` ({t})" for k, t in fields]
        rng.random() < 0.3 and rng.shuffle(rows)
        text = " and ".join([", ".join(rows[:-1])] * (len(rows) > 1) + rows[-1:])
        facts.append(rng.choice([f"A `{name}` has {text}.", f"Each `{name}` has {text}.", f"`{name}`: {text}."]))
    for event, args in case.emits:
        if rng.random() < 0.7:
            facts.append(f"`{event}` is emitted with " + " and ".join(f"`{a}` ({t})" for a, t in args) + ".")
    for prop, _, ty, mode, _ in case.props:
        if rng.random() < 0.3:
            facts.append(f"The {'required' if mode == 'required' else 'optional'} prop `{prop}` is {'an array of `' + ty[:-2] + '`' if ty.endswith('[]') else 'a ' + ty}.")
    out = [rng.choice(ROLE)]
    if facts and rng.random() < 0.9:
        noun = rng.choice(NOUNS)
        out.append(rng.choice([f"The component lists {noun}s:", "The data:", f"The component shows a {noun}:", "What is known about it:"]))
        out.append("\n".join("- " + f for f in facts))
    iface = f"an interface `{case.ifaces[0][0]}`, and " if case.ifaces else ""
    rules = [rng.choice(r).replace("{iface}", iface) for r in RULES]
    if rng.random() < 0.4:
        rules = rng.sample(rules, rng.randint(3, len(rules)))
    out += [rng.choice(["Rules:", "Rules:", "Requirements:"]), "\n".join(f"{i + 1}. {r}" for i, r in enumerate(rules))]
    out.append(rng.choice(END))
    out.append(f"`{rng.choice(FILES)}`:")
    return "", "\n\n".join(out) + f"\n\n```vue\n{case.untyped}\n```"


def request(rng, case):
    """a short request in varied wording, with or without a system text"""
    def sents(k):
        s = [rng.choice(SENT) for _ in range(k)]
        if rng.random() < 0.1:
            s.append(" ".join(rng.choice(NOUNS + VERBS + ADJ) for _ in range(rng.choice([5, 10, 40]))))
        return rng.choice([" ", "\n"]).join(s)
    system = sents(rng.choice([1, 2, 3])) if rng.random() < 0.35 else ""
    pre = sents(rng.choice([0, 1, 1, 2, 3, 5]))
    user = (pre + rng.choice(["\n", "\n\n", "\n\n"]) if pre else "") + rng.choice(["```vue\n", "```vue\n", "```vue\n", "```\n", "```html\n"]) + case.untyped + "\n```"
    if rng.random() < 0.25:
        user += rng.choice(["\n", "\n\n"]) + sents(rng.choice([1, 1, 2]))
    return system, user


def noise(rng):
    """text that has nothing to do with the task: ids, numbers, signs, snippets"""
    sign = lambda: "".join(rng.choice("!#$%&()*+,-./:;<=>?@[]^_{|}~\\\"'`") for _ in range(rng.choice([1, 1, 2, 3])))
    hexadecimal = lambda: "%x" % rng.getrandbits(rng.choice([16, 32, 64]))
    word = lambda: rng.choice(NOUNS + VERBS + ADJ)
    other = lambda: "".join(rng.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") for _ in range(rng.randint(2, 10)))
    snippet = lambda: rng.choice(["if (a && b || !c) return", "x?.y ?? 0", "a === b ? 1 : 2", "i += 4", "=> {", "</b>", "<nav>", "v-else", ":disabled=\"x\"", "// TODO", "1 / 7", "as const", "| null"])
    parts = [rng.choice([sign, hexadecimal, word, word, other, other, snippet])() for _ in range(rng.choice([4, 12, 40, 80]))]
    return "".join(x + rng.choice([" ", " ", " ", "\n", ""]) for x in parts).strip()


def make_prompt(rng, case):
    """(system, user) texts around a case's untyped component"""
    system, user = (brief if rng.random() < 0.4 else request)(rng, case)
    if rng.random() < 0.2:
        user = noise(rng).replace("```", "``") + rng.choice(["\n", "\n\n"]) + user
    return system, user
