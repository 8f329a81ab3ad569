"""The untyped script of a component in the Options API, made from its `<script setup>` blocks."""
import re

HOOKS = {"onMounted": "mounted", "onUnmounted": "unmounted", "onBeforeUnmount": "beforeUnmount"}


def options_script(c):
    """Blocks of `export default { … }`. Also rewrites `c.life` into what this form can tell: watchers first, one body
    for each hook, so that exactly one typed answer follows from the untyped text."""
    simple, literal, derived, functions = c.sorted_blocks()
    states = {m[1]: m[2] for i in simple for m in [re.match(r"(?:const|let) (\w+) = (.*)§$", c.js[i][0])]}
    refs = {n for n, v in states.items() if v.startswith("ref(")}
    elements = {n for n in refs if f"ref=\"{n}\"" in "".join(l for b in c.tpl for l in b)}
    literals = [c.js[i] for i in literal]
    names = {re.match(r"const (\w+)", b[0])[1]: b for b in literals}
    computed = {m[1]: m[2] for i in derived for m in [re.match(r"const (\w+) = computed\(\(\) => (.*)\)§$", c.js[i][0])]}
    refs |= set(computed) | {n for n, b in names.items() if "ref([" in b[0]}
    plain = (set(states) - refs) | (set(names) - refs)

    def this(line):
        line = re.sub(r"\bprops\.", "this.", line)
        line = re.sub(r"\bemit\(", "this.$emit(", line)
        line = re.sub(r"\b(\w+)\.value\b", lambda m: ("this.$refs." if m[1] in elements else "this.") + m[1] if m[1] in refs else m[0], line)
        for n in plain:
            line = re.sub(rf"(?<![\w.'])(\.\.\.)?{n}\b(?!:)", lambda m: (m[1] or "") + f"this.{n}", line)
        return line

    body = []
    if c.props:
        body.append(["props: {"] + c.prop_rows() + ["}"])
    if c.emits:
        body.append([f"emits: [{c.emit_names()}]"])
    initial = lambda v: v[4:-1] if v.startswith("ref(") else v
    data = [[f"{n}: {initial(v)}"] for n, v in states.items() if n not in elements]
    for n, b in names.items():
        close = b[-1].replace(")§", "")
        data.append([f"{n}: " + re.sub(r"^const \w+ = \w+\(", "", b[0])] + b[1:-1] + [close])
    if data:
        body.append(["data() {", "  return {"] + ["    " + l for l in joined(data, c.trailing)] + ["  }§", "}"])
    if computed:
        rows = [[f"{n}() {{", f"  return {this(e)}§", "}"] for n, e in computed.items()]
        body.append(["computed: {"] + ["  " + l for l in joined(rows, c.trailing)] + ["}"])

    watch, hooks = [], {}
    for x in c.life:
        js, ts = x if isinstance(x, tuple) else (x, x)
        m = re.match(r"watch\((\w+), \((\w+)\) => \{$", js[0])
        if m:
            watch.append(([f"{m[1]}({m[2]}) {{"] + [this(l) for l in js[1:-1]] + ["}"], ts))
            continue
        hook = re.match(r"(\w+)\(", js[0])[1]
        if len(js) == 1:                                     # onMounted(load)
            call = re.match(r"\w+\((\w+)\)§", js[0])[1]
            lines = ([f"  this.{call}()§"], [f"  {call}()§"])
        else:
            lines = ([this(l) for l in js[1:-1]], ts[1:-1])
        have = hooks.setdefault(hook, ([], []))
        have[0].extend(lines[0]), have[1].extend(lines[1])

    if functions:
        rows = []
        for i in functions:
            head = re.match(r"(async )?function (\w+\(.*\) \{)$", c.js[i][0])
            rows.append([(head[1] or "") + head[2]] + [this(l) for l in c.js[i][1:-1]] + ["}"])
        body.append(["methods: {"] + ["  " + l for l in joined(rows, c.trailing)] + ["}"])
    if watch:
        body.insert(len(body) - bool(functions), ["watch: {"] + ["  " + l for l in joined([w for w, _ in watch], c.trailing)] + ["}"])
    order = [h for h in HOOKS if h in hooks]
    for h in order:
        body.insert(len(body) - bool(functions), [f"{HOOKS[h]}() {{"] + hooks[h][0] + ["}"])
    c.life = [ts for _, ts in watch] + [[f"{h}(() => {{"] + hooks[h][1] + ["})§"] for h in order]
    return [["export default {"] + ["  " + l for l in joined(body, c.trailing)] + ["}§"]]


def joined(groups, last):
    """lines of all groups; each group's last line gets the comma that separates it from the next"""
    return [l + (("," if i + 1 < len(groups) else last) if j + 1 == len(g) else "") for i, g in enumerate(groups) for j, l in enumerate(g)]
