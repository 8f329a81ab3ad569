"""One random component: its words, its script in JavaScript and TypeScript, its template.

`§` marks the end of a statement until `script` decides whether the component writes semicolons.
"""
from features import Features
from lexicon import ADJ, BOOL_F, END, HELD, NOUNS, NUM_F, PIECES, STR_F, SYL, TAGS_BLOCK, TITLES, VALUES, cap
from options import options_script

class Component(Features):
    def __init__(self, rng, level=2, split="train", pseudo=0.25):
        self.r, self.level, self.split, self.pseudo = rng, level, split, pseudo
        self.used = set("""ref computed reactive watch emit props event value sum err error res timer id form index
            e in of as do if is let new for try var void null case else enum this true type with class const export
            default return switch delete string number boolean interface function import window document loading""".split())
        self.imports, self.ifaces, self.props, self.emits = [], [], [], []
        self.js, self.ts = [], []          # script blocks, same order
        self.tpl, self.life = [], []
        self.uses_props = False
        self.semi = ";" if rng.random() < 0.25 else ""
        self.options = rng.random() < 0.2          # written with the Options API
        self.arrow = rng.random() < 0.3 and not self.options
        self.quote = '"' if rng.random() < 0.25 else "'"
        self.trailing = "," if rng.random() < 0.4 else ""
        self.form_payload = None

    def commas(self, rows):
        """rows of a literal, each with its comma"""
        return [x + ("," if i + 1 < len(rows) else self.trailing) for i, x in enumerate(rows)]

    # ---- words
    def word(self, lst):
        if self.r.random() < self.pseudo:
            if self.r.random() < 0.3:
                return "".join(self.r.choice(PIECES) for _ in range(self.r.choice([1, 1, 2, 2, 3])))
            return "".join(self.r.choice(SYL) for _ in range(self.r.choice([1, 2, 2, 2, 3]))) + self.r.choice(END)
        h = HELD[id(lst)]
        if self.split == "held" and self.r.random() < 0.5:
            return self.r.choice(sorted(h))
        while True:
            w = self.r.choice(lst)
            if w not in h:
                return w

    def fresh(self, make):
        for _ in range(50):
            w = make()
            if w not in self.used and len(w) > 1:
                self.used.add(w)
                return w
        w = make() + self.r.choice(["Two", "Next", "Alt"])
        self.used.add(w)
        return w

    def noun(self):
        if self.r.random() < 0.15:
            return self.word(NOUNS) + cap(self.word(NOUNS))
        return self.word(NOUNS)

    def name(self, lst=NOUNS):
        k = self.r.random()
        if k < 0.35:
            return self.word(lst)
        if k < 0.75:
            return self.word(ADJ) + cap(self.word(lst))
        return self.word(NOUNS) + cap(self.word(lst))

    def text(self):
        """words for people to read; now and then with signs, numbers and made-up words, so that no token stays strange"""
        if self.r.random() < 0.12:
            made_up = lambda: "".join(self.r.choice(SYL) for _ in range(self.r.choice([1, 2, 3])))
            parts = [self.r.choice([made_up, made_up, lambda: str(self.r.randint(0, 9999)), lambda: self.r.choice(TITLES)])() for _ in range(self.r.choice([1, 2, 3]))]
            return "".join(x + self.r.choice([" ", " ", ", ", ". ", ": ", " & ", " | ", " = ", "_", "-", "/", "+", "#", "~", "^", "*", "!", "? ", "; ", "%", "@", "$", " (", ") "]) for x in parts).strip() or "-"
        return " ".join(self.r.choice(TITLES) if i == 0 else self.r.choice(TITLES).lower() for i in range(self.r.choice([1, 1, 2])))

    # ---- bits
    def imp(self, *n):
        for x in n:
            if x not in self.imports:
                self.imports.append(x)

    def block(self, js, ts=None):
        self.js.append(js)
        self.ts.append(js if ts is None else ts)

    def const(self, js, ts):               # one-line state goes together without blank lines
        self.block([js + "§"], [ts + "§"])

    def func(self, name, params, ret, body, tbody=None, is_async=False):
        """params: [(name, type) or (name, type, default)]; body: list of lines without indentation"""
        a = "async " if is_async else ""
        default = lambda x: f" = {x[2]}" if len(x) > 2 else ""
        p = ", ".join(x[0] + default(x) for x in params)
        t = ", ".join(f"{x[0]}: {x[1]}{default(x)}" for x in params)
        if is_async:
            ret = f"Promise<{ret}>"
        tb = body if tbody is None else tbody
        if self.arrow:
            js, ts, end = f"const {name} = {a}({p}) => {{", f"const {name} = {a}({t}): {ret} => {{", "}§"
        else:
            js, ts, end = f"{a}function {name}({p}) {{", f"{a}function {name}({t}): {ret} {{", "}"
        self.block([js] + ["  " + l for l in body] + [end], [ts] + ["  " + l for l in tb] + [end])
        return name

    def add_prop(self, name, rt, ts, mode, default=None):
        self.props.append((name, rt, ts, mode, default))

    def emit(self, ev, args):
        have = dict(self.emits).get(ev)
        if have is not None and have != args:
            ev = self.fresh(lambda: ev + "-" + self.word(NOUNS))
            have = None
        if have is None:
            self.emits.append((ev, args))
        return ev

    def lit(self, ty):
        r = self.r
        if ty == "number":
            return str(r.choice([0, 0, 1, 1, 2, 3, 5, 10, 20, 50, 100]))
        if ty == "boolean":
            return r.choice(["true", "false", "false"])
        return f"'{r.choice(['', '', r.choice(VALUES), r.choice(VALUES)])}'"

    def fields(self, need=()):
        r, out = self.r, [("id", "number")]
        pool = []
        for ty in list(need) + [r.choice(["string", "number", "boolean", "string"]) for _ in range(r.choice([0, 1, 1, 2]))]:
            lst = {"string": STR_F, "number": NUM_F, "boolean": BOOL_F}[ty]
            for _ in range(20):
                p, self.pseudo = self.pseudo, 0 if ty != "string" else self.pseudo  # a made-up name tells no type
                w = self.word(lst)
                self.pseudo = p
                if w not in pool and w != "id":
                    pool.append(w)
                    out.append((w, ty))
                    break
        return out

    def iface(self, name, fields):
        if all(name != n for n, _ in self.ifaces):
            self.ifaces.append((name, fields))

    def entity(self, need=()):
        """a list of records: a prop, an empty ref or a literal ref"""
        r = self.r
        while True:
            n = self.noun()
            if n not in self.used and n + "s" not in self.used and not n.endswith("s") and len(n) > 2:
                break
        self.used |= {n, n + "s"}
        f = self.fields(need)
        T = cap(n)
        self.iface(T, f)
        return n, n + "s", T, f

    def f(self, fields, ty):
        c = [n for n, t in fields if t == ty and n != "id"]
        return self.r.choice(c) if c else None

    def li(self, n, expr, fields, extra=""):
        shown = [x for x in fields if x[0] != "id"]
        b = [x for x in shown if x[1] == "boolean"]
        txt = " ".join(f"{{{{ {n}.{x[0]} }}}}" for x in shown if x[1] != "boolean")
        cls = f" :class=\"{{ {b[0][0]}: {n}.{b[0][0]} }}\"" if b else ""
        ul = self.r.choice(["<ul>", "<ul>", "<ul>", f"<ul class=\"{self.word(NOUNS)}\">", f"<ul v-if=\"{expr}.length > 0\">"])
        li = f"  <li v-for=\"{n} in {expr}\" :key=\"{n}.id\"{cls}>"
        if self.r.random() < 0.25:
            inner = [f"<b>{txt}</b>" if self.r.random() < 0.3 else txt] + ["<button" + b for b in extra.split(" <button")[1:]]
            return [ul, li] + ["    " + x for x in inner] + ["  </li>", "</ul>"]
        return [ul, f"{li}{txt}{extra}</li>", "</ul>"]

    # ---- assembly
    def build(self):
        r = self.r
        n = [1, 2, r.choice([2, 3]), r.choice([3, 4]), r.choice([5, 6, 8, 10])][self.level]
        big = [self.list_prop, self.local_list, self.fetcher, self.form]
        small = [self.logic, self.logic, self.summary, self.scalars, self.scalars, self.counter, self.toggle, self.on_event, self.timer, self.tref, self.helper, self.watcher, self.calc, self.strings, self.model]
        feats = []
        if self.level > 0 or r.random() < 0.4:
            feats.append(r.choice([self.list_prop] + big))
        while len(feats) < n:
            feats.append(r.choice(small))
        r.shuffle(feats)
        for f in feats:
            f()
        return self.render()

    def setup_script(self, typed):
        """blocks of the `<script setup>`, in the order in which people write them"""
        out, source = [], self.ts if typed else self.js
        imports = sorted(self.imports) if self.options else self.imports
        if imports:
            out.append([f"import {{ {', '.join(imports)} }} from 'vue'§"])
        if typed:
            for name, f in self.ifaces:
                out.append([f"interface {name} {{"] + [f"  {k}: {t}§" for k, t in f] + ["}"])
        pre = "const props = " if self.uses_props else ""
        if self.props and typed:
            out.append(["interface Props {"] + [f"  {n}{'' if mode == 'required' else '?'}: {ty}§" for n, _, ty, mode, _ in self.props] + ["}"])
            defs = [f"  {n}: {d}" for n, _, _, mode, d in self.props if mode == "default"]
            if defs:
                out.append([f"{pre}withDefaults(defineProps<Props>(), {{"] + self.commas(defs) + ["})§"])
            else:
                out.append([f"{pre}defineProps<Props>()§"])
        elif self.props:
            out.append([f"{pre}defineProps({{"] + self.prop_rows() + ["})§"])
        if self.emits and typed:
            out.append(["const emit = defineEmits<{"] + [f"  (e: '{e}', " + ", ".join(f"{a}: {t}" for a, t in args) + "): void§" for e, args in self.emits] + ["}>()§"])
        elif self.emits:
            out.append([f"const emit = defineEmits([{self.emit_names()}])§"])
        simple, literal, derived, rest = self.sorted_blocks()
        out += [[line for i in group for line in source[i]] for group in (simple,) if group]
        out += [source[i] for i in literal]
        out += [[line for i in group for line in source[i]] for group in (derived,) if group]
        out += [source[i] for i in rest]
        return out + [x[1 if typed else 0] if isinstance(x, tuple) else x for x in self.life]

    def sorted_blocks(self):
        """indices of the script blocks: one-line state, literals over several lines, computed, functions"""
        one = [i for i, b in enumerate(self.js) if len(b) == 1]
        derived = [i for i in one if " = computed(" in self.js[i][0]]
        multi = [i for i in range(len(self.js)) if i not in one]
        literal = [i for i in multi if self.js[i][0].endswith(("(", "({", "(["))]
        state = [i for i in one if i not in derived]
        if self.options:                                     # its data() does not hold the element refs: they come last
            state.sort(key=lambda i: any("HTML" in l for l in self.ts[i]))
        return state, literal, derived, [i for i in multi if i not in literal]

    def boolean(self):
        """a template expression for yes or no"""
        names = [n for n, _, ty, _, _ in self.props if ty == "boolean"]
        return self.r.choice(names) if names else "true"

    def prop_rows(self):
        form = lambda rt, mode, d: {"short": rt, "required": f"{{ type: {rt}, required: true }}", "default": f"{{ type: {rt}, default: {d} }}"}[mode]
        return self.commas([f"  {n}: {form(rt, mode, d)}" for n, rt, _, mode, d in self.props])

    def emit_names(self):
        return ", ".join(f"'{e}'" for e, _ in self.emits)

    def render(self):
        """(untyped SFC, typed SFC)"""
        r = self.r
        comment = "// " + self.text() if r.random() < 0.12 and not self.options else None

        def script(blocks, head, semi):
            blocks = [b[:] for b in blocks]
            if comment:
                blocks[-1].insert(0, comment)
            body = "\n\n".join("\n".join(b) for b in blocks).replace("§", semi)
            return head + "\n" + body.replace("'", self.quote) + "\n</script>"

        r.shuffle(self.tpl)
        tag = r.choice(TAGS_BLOCK)
        cls = f" class=\"{self.word(NOUNS)}{r.choice(['', '-list', '-panel', '-box', '-view', '__body', '--wide', ' wide'])}\"" if r.random() < 0.6 else ""
        if r.random() < 0.3:
            self.tpl = [[l.replace("<button @click", "<button type=\"button\" @click") for l in b] for b in self.tpl]
        if r.random() < 0.2:                                 # some blocks lie one level deeper
            box = r.choice([f"<nav v-if=\"{self.boolean()}\">", "<div>", "<header>", f"<div class=\"{self.word(NOUNS)}\">"])
            self.tpl = [[box] + ["  " + l for l in b] + [f"</{box[1:].split('>')[0].split(' ')[0]}>"] if i == 0 else b for i, b in enumerate(self.tpl)]
        t = "<template>\n" + f"  <{tag}{cls}>\n" + "\n".join("    " + l for b in self.tpl for l in b) + f"\n  </{tag}>\n</template>"
        first = r.random() < 0.2
        if self.options:
            untyped, head = options_script(self), "<script>"    # rewrites `self.life` to what Options API can say
        else:
            untyped, head = self.setup_script(False), "<script setup>"
        scripts = script(untyped, head, self.semi), script(self.setup_script(True), '<script setup lang="ts">', self.semi)
        out = [t + "\n\n" + s if first else s + "\n\n" + t for s in scripts]
        if r.random() < 0.15:
            rules = [f".{self.word(NOUNS)} {{\n  {r.choice(['color: red', 'margin: 0', 'padding: 8px', 'display: flex', 'font-weight: bold'])};\n}}" for _ in range(r.choice([1, 1, 2]))]
            out = [o + "\n\n<style scoped>\n" + "\n".join(rules) + "\n</style>" for o in out]
        return tuple(out)
