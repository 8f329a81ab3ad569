"""What a generated component can do: each method adds one feature to script and template, untyped and typed."""
from lexicon import ADJ, BOOL_F, NOUNS, NUM_F, STR_F, TAGS_IN, TITLES, VALUES, VERBS, cap


class Features:
    def list_prop(self):
        r = self.r
        need = r.choice([("string",), ("string", "number"), ("string", "boolean"), ("number", "string")])
        n, ns, T, f = self.entity(need)
        mode = r.choice(["required", "required", "default"])
        self.add_prop(ns, "Array", f"{T}[]", mode, "() => []")
        expr = ns
        s, num, b = self.f(f, "string"), self.f(f, "number"), self.f(f, "boolean")
        opts = [o for o, ok in (("filter", s), ("total", num), ("left", b), ("len", True), ("select", True), ("remove", True), ("find", True), ("sort", num)) if ok]
        r.shuffle(opts)
        extra = ""
        for o in opts[: 1 + (self.level > 0) + (self.level > 2)]:
            if o == "filter":
                self.uses_props = True
                self.imp("ref", "computed")
                q = self.fresh(lambda: r.choice(["query", "search", "term", self.word(ADJ) + "Text"]))
                c = self.fresh(lambda: r.choice(["filtered", "visible", "matching"]) + cap(ns))
                self.const(f"const {q} = ref('')", f"const {q} = ref<string>('')")
                body = f"(() => props.{ns}.filter(({n}) => {n}.{s}.toLowerCase().includes({q}.value.toLowerCase())))"
                self.const(f"const {c} = computed{body}", f"const {c} = computed<{T}[]>{body}")
                self.tpl.append([f"<input v-model=\"{q}\" placeholder=\"{self.text()}\" />"])
                expr = c
            elif o == "total":
                self.uses_props = True
                self.imp("computed")
                c = self.fresh(lambda: "total" + cap(num))
                body = f"(() => props.{ns}.reduce((sum, {n}) => sum + {n}.{num}, 0))"
                self.const(f"const {c} = computed{body}", f"const {c} = computed<number>{body}")
                self.tpl.append([f"<p>{self.text()}: {{{{ {c} }}}}</p>"])
            elif o == "left":
                self.uses_props = True
                self.imp("computed")
                c = self.fresh(lambda: r.choice([b + "Count", "remaining", b + cap(ns)]))
                neg = r.choice(["", "!"])
                if c.endswith("Count") or c == "remaining":
                    body = f"(() => props.{ns}.filter(({n}) => {neg}{n}.{b}).length)"
                    self.const(f"const {c} = computed{body}", f"const {c} = computed<number>{body}")
                    self.tpl.append([f"<p>{{{{ {c} }}}} {self.text().lower()}</p>"])
                else:
                    body = f"(() => props.{ns}.filter(({n}) => {neg}{n}.{b}))"
                    self.const(f"const {c} = computed{body}", f"const {c} = computed<{T}[]>{body}")
                    expr = c
            elif o == "len":
                self.uses_props = True
                self.imp("computed")
                c = self.fresh(lambda: r.choice(["is", "has"]) + r.choice(["Empty", "Many", cap(ns)]))
                cmp = r.choice(["=== 0", "> 0", "> 10"])
                self.const(f"const {c} = computed(() => props.{ns}.length {cmp})", f"const {c} = computed<boolean>(() => props.{ns}.length {cmp})")
                self.tpl.append([f"<p v-if=\"{c}\">{self.text()}</p>"])
            elif o == "select":
                self.imp("ref")
                v = self.fresh(lambda: r.choice(["selected", "active", "current"]) + cap(n))
                self.const(f"const {v} = ref(null)", f"const {v} = ref<{T} | null>(null)")
                ev = r.choice(["select", "pick", "change"])
                fn = self.fresh(lambda: r.choice(["select", "pick", "open"]) + cap(n))
                body = [f"{v}.value = {n}§"]
                if r.random() < 0.6:
                    ev = self.emit(ev, [(n, T)])
                    body.append(f"emit('{ev}', {n})§")
                self.func(fn, [(n, T)], "void", body)
                extra += f" <button @click=\"{fn}({n})\">{self.text()}</button>"
            elif o == "remove":
                ev = r.choice(["remove", "delete", "archive"])
                fn = self.fresh(lambda: ev + cap(n))
                ev = self.emit(ev, [("id", "number")])
                self.func(fn, [("id", "number")], "void", [f"emit('{ev}', id)§"])
                extra += f" <button @click=\"{fn}({n}.id)\">{self.text()}</button>"
            elif o == "find":
                self.uses_props = True
                fn = self.fresh(lambda: "find" + cap(n))
                self.func(fn, [("id", "number")], f"{T} | undefined", [f"return props.{ns}.find(({n}) => {n}.id === id)§"])
            elif o == "sort":
                self.uses_props = True
                self.imp("computed")
                c = self.fresh(lambda: "sorted" + cap(ns))
                body = f"(() => [...props.{ns}].sort((a, b) => a.{num} - b.{num}))"
                self.const(f"const {c} = computed{body}", f"const {c} = computed<{T}[]>{body}")
                expr = c
        self.tpl.append(self.li(n, expr, f, extra))

    def local_list(self):
        r = self.r
        n, ns, T, f = self.entity(("string", "boolean") if r.random() < 0.7 else ("string", "number"))
        self.imp("ref")
        s, b, num = self.f(f, "string"), self.f(f, "boolean"), self.f(f, "number")
        new = self.fresh(lambda: "new" + cap(n))
        if r.random() < 0.35:
            rows = []
            for i in range(2):
                rows.append("  { " + ", ".join(f"{k}: {i + 1 if k == 'id' else (self.lit(t) if t != 'string' else repr(r.choice(VALUES)))}" for k, t in f) + " }")
            rows = self.commas(rows)
            self.block([f"const {ns} = ref(["] + rows + ["])§"], [f"const {ns} = ref<{T}[]>(["] + rows + ["])§"])
        else:
            self.const(f"const {ns} = ref([])", f"const {ns} = ref<{T}[]>([])")
        self.const(f"const {new} = ref('')", f"const {new} = ref<string>('')")
        rec = ", ".join({"id": "id: Date.now()", s: f"{s}: {new}.value"}.get(k, f"{k}: {dict(string=chr(39) * 2, number='0', boolean='false')[t]}") for k, t in f)
        fn = self.fresh(lambda: "add" + cap(n))
        self.func(fn, [], "void", [f"{ns}.value.push({{ {rec} }})§", f"{new}.value = ''§"])
        extra = ""
        if r.random() < 0.6:
            rm = self.fresh(lambda: r.choice(["remove", "delete"]) + cap(n))
            self.func(rm, [("id", "number")], "void", [f"{ns}.value = {ns}.value.filter(({n}) => {n}.id !== id)§"])
            extra += f" <button @click=\"{rm}({n}.id)\">{self.text()}</button>"
        if b and r.random() < 0.6:
            tg = self.fresh(lambda: "toggle" + cap(n))
            self.func(tg, [(n, T)], "void", [f"{n}.{b} = !{n}.{b}§"])
            extra += f" <button @click=\"{tg}({n})\">{self.text()}</button>"
        if b and r.random() < 0.5:
            self.imp("computed")
            c = self.fresh(lambda: r.choice(["remaining", b + "Count"]))
            body = f"(() => {ns}.value.filter(({n}) => {r.choice(['!', ''])}{n}.{b}).length)"
            self.const(f"const {c} = computed{body}", f"const {c} = computed<number>{body}")
            self.tpl.append([f"<p>{{{{ {c} }}}} {self.text().lower()}</p>"])
        self.tpl.append([f"<input v-model=\"{new}\" @keyup.enter=\"{fn}\" />"])
        self.tpl.append(self.li(n, ns, f, extra))

    def scalars(self):
        r = self.r
        for _ in range(r.choice([1, 2, 2, 3])):
            ty = r.choice(["string", "string", "number", "boolean"])
            nm = self.fresh(lambda: {"string": lambda: self.word(STR_F), "number": lambda: self.word(NUM_F), "boolean": lambda: r.choice(["is", "show", "has"]) + cap(self.name())}[ty]() if r.random() < 0.7 else self.name())
            rt = cap(ty)
            mode = r.choice(["short", "short", "required", "default", "default"])
            self.add_prop(nm, rt, ty, mode, self.lit(ty))
            t = r.choice(TAGS_IN)
            self.tpl.append([f"<{t} v-if=\"{nm}\">{self.text()}</{t}>" if ty == "boolean" else f"<{t}>{{{{ {nm} }}}}</{t}>"])

    def counter(self):
        r = self.r
        self.imp("ref")
        c = self.fresh(lambda: r.choice(["count", "counter", self.word(NUM_F), self.name(NUM_F)]))
        k = r.choice([0, 0, 1, 5, 10])
        self.const(f"const {c} = ref({k})", f"const {c} = ref<number>({k})")
        up = self.fresh(lambda: r.choice(["increment", "increase", "add" + cap(c)]))
        body = [r.choice([f"{c}.value++§", f"{c}.value += {r.choice([1, 2, 5])}§"])]
        if r.random() < 0.5:
            ev = r.choice(["change", "update", "count"])
            ev = self.emit(ev, [("value", "number")])
            body.append(f"emit('{ev}', {c}.value)§")
        self.func(up, [], "void", body)
        btn = f"<button @click=\"{up}\">{{{{ {c} }}}}</button>"
        if r.random() < 0.4:
            dn = self.fresh(lambda: r.choice(["decrement", "decrease", "reset"]))
            self.func(dn, [], "void", [f"{c}.value--§" if dn != "reset" else f"{c}.value = {k}§"])
            btn += f"<button @click=\"{dn}\">{self.text()}</button>"
        if r.random() < 0.4:
            self.imp("computed")
            d = self.fresh(lambda: r.choice(["double", "half", "next"]) + cap(c))
            e = r.choice(["* 2", "/ 2", "+ 1"])
            self.const(f"const {d} = computed(() => {c}.value {e})", f"const {d} = computed<number>(() => {c}.value {e})")
            btn += f"<span>{{{{ {d} }}}}</span>"
        if r.random() < 0.3:
            st = self.fresh(lambda: "set" + cap(c))
            self.func(st, [("value", "number")], "void", [f"{c}.value = value§"])
            btn += f"<button @click=\"{st}({r.choice([1, 5, 10])})\">{self.text()}</button>"
        self.tpl.append([btn])

    def toggle(self):
        r = self.r
        self.imp("ref")
        k = r.choice(["isOpen", "visible", "expanded", "is" + cap(self.word(ADJ)), "show" + cap(self.noun())])
        v = self.fresh(lambda: k)
        i = r.choice(["false", "false", "true"])
        self.const(f"const {v} = ref({i})", f"const {v} = ref<boolean>({i})")
        fn = self.fresh(lambda: "toggle" + r.choice(["", cap(v), cap(self.noun())]))
        body = [f"{v}.value = !{v}.value§"]
        if r.random() < 0.4:
            ev = self.emit("toggle", [("value", "boolean")])
            body.append(f"emit('{ev}', {v}.value)§")
        self.func(fn, [], "void", body)
        self.tpl.append([f"<button @click=\"{fn}\">{{{{ {v} ? '{r.choice(TITLES)}' : '{r.choice(TITLES)}' }}}}</button>"])
        if r.random() < 0.5:
            self.tpl.append([f"<div v-if=\"{v}\">{self.text()}</div>"])

    def fetcher(self):
        r = self.r
        n, ns, T, f = self.entity(("string",))
        self.imp("ref", "onMounted")
        self.const(f"const {ns} = ref([])", f"const {ns} = ref<{T}[]>([])")
        ld = self.fresh(lambda: r.choice(["isLoading", "busy", "loading" + cap(ns)]))
        self.const(f"const {ld} = ref(false)", f"const {ld} = ref<boolean>(false)")
        fn = self.fresh(lambda: r.choice(["load", "fetch", "refresh"]) + cap(ns))
        url = f"'/api/{ns}'"
        body = [f"{ld}.value = true§", f"const res = await fetch({url})§", f"{ns}.value = await res.json()§", f"{ld}.value = false§"]
        if r.random() < 0.5:
            er = self.fresh(lambda: r.choice(["errorMessage", "failure", "loadError"]))
            self.const(f"const {er} = ref('')", f"const {er} = ref<string>('')")
            core = ["  " + l for l in body[1:3]]
            js = [body[0], "try {"] + core + ["} catch (err) {", f"  {er}.value = err.message§", "} finally {", f"  {ld}.value = false§", "}"]
            ts = [l.replace("err.message", "err instanceof Error ? err.message : String(err)") for l in js]
            self.func(fn, [], "void", js, ts, True)
            self.tpl.append([f"<p v-if=\"{er}\">{{{{ {er} }}}}</p>"])
        else:
            self.func(fn, [], "void", body, None, True)
        self.life.append([f"onMounted({fn})§"])
        self.tpl.append([f"<p v-if=\"{ld}\">{self.text()}...</p>"])
        self.tpl.append(self.li(n, ns, f))

    def form(self):
        r = self.r
        if self.form_payload:
            return self.counter()
        self.imp("reactive")
        f = self.fields((r.choice(["string", "string", "number"]), r.choice(["string", "boolean"])))[1:]
        v = self.fresh(lambda: r.choice(["state", "fields", "draft", self.word(NOUNS) + "Form"]))
        T = cap(v)
        self.form_payload = T
        self.iface(T, f)
        vals = self.commas([f"  {k}: {dict(string=chr(39) * 2, number=self.r.choice(['0', '1']), boolean='false')[t]}" for k, t in f])
        self.block([f"const {v} = reactive({{"] + vals + ["})§"], [f"const {v} = reactive<{T}>({{"] + vals + ["})§"])
        ev = r.choice(["submit", "save", "create"])
        ev = self.emit(ev, [("payload", T)])
        fn = self.fresh(lambda: r.choice(["submit", "save", "send"]) + r.choice(["", "Form", cap(self.word(NOUNS))]))
        self.func(fn, [], "void", [f"emit('{ev}', {{ ...{v} }})§"])
        t = [f"<form @submit.prevent=\"{fn}\">"]
        for k, ty in f:
            t.append({"string": f"  <input v-model=\"{v}.{k}\" />", "number": f"  <input v-model.number=\"{v}.{k}\" type=\"number\" />", "boolean": f"  <input v-model=\"{v}.{k}\" type=\"checkbox\" />"}[ty])
        t += [f"  <button type=\"submit\">{self.text()}</button>", "</form>"]
        self.tpl.append(t)

    def on_event(self):
        r = self.r
        self.imp("ref")
        v = self.fresh(lambda: r.choice(["text", "input", self.word(STR_F), self.name(STR_F)]))
        fn = self.fresh(lambda: r.choice(["on", "handle"]) + r.choice(["Input", "Change", cap(v)]))
        self.const(f"const {v} = ref('')", f"const {v} = ref<string>('')")
        js, ts = [f"{v}.value = event.target.value§"], [f"{v}.value = (event.target as HTMLInputElement).value§"]
        if r.random() < 0.5:
            ev = r.choice(["input", "search", "change"])
            ev = self.emit(ev, [("value", "string")])
            js.append(f"emit('{ev}', {v}.value)§")
            ts.append(f"emit('{ev}', {v}.value)§")
        self.func(fn, [("event", "Event")], "void", js, ts)
        self.tpl.append([f"<input :value=\"{v}\" @input=\"{fn}\" />"])

    def timer(self):
        r = self.r
        if "timer!" in self.used:
            return self.toggle()
        self.used.add("timer!")
        end = r.choice(["onUnmounted", "onBeforeUnmount"])
        self.imp("ref", "onMounted", end)
        v = self.fresh(lambda: r.choice(["seconds", "elapsed", "ticks"]))
        self.const(f"const {v} = ref(0)", f"const {v} = ref<number>(0)")
        self.const("let timer = null", "let timer: ReturnType<typeof setInterval> | null = null")
        self.life.append(["onMounted(() => {", "  timer = setInterval(() => {", f"    {v}.value++§", f"  }}, {r.choice([100, 500, 1000])})§", "})§"])
        self.life.append([f"{end}(() => {{", "  if (timer) clearInterval(timer)§", "})§"])
        self.tpl.append([f"<span>{{{{ {v} }}}}s</span>"])

    def tref(self):
        r = self.r
        self.imp("ref", "onMounted")
        v = self.fresh(lambda: r.choice(["inputRef", "field", "inputEl", self.word(NOUNS) + "Input"]))
        self.const(f"const {v} = ref(null)", f"const {v} = ref<HTMLInputElement | null>(null)")
        js = ["onMounted(() => {", f"  {v}.value.focus()§", "})§"]
        self.life.append((js, [l.replace(".value.", ".value?.") for l in js]))
        self.tpl.append([f"<input ref=\"{v}\" />"])

    def helper(self):
        r = self.r
        k = r.choice(["fmt", "up", "cmp", "sum", "clamp"])
        x = self.word(NUM_F)
        if k == "fmt":
            fn = self.fresh(lambda: "format" + cap(self.word(NUM_F)))
            self.func(fn, [("value", "number")], "string", [r.choice(["return '$' + value.toFixed(2)§", "return value.toFixed(1) + '%'§", "return `${value} px`§"])])
            self.tpl.append([f"<span>{{{{ {fn}({r.choice([1, 5, 10])}) }}}}</span>"])
        elif k == "up":
            fn = self.fresh(lambda: r.choice(["to", "format"]) + cap(self.word(STR_F)))
            self.func(fn, [("text", "string")], "string", [r.choice(["return text.trim().toUpperCase()§", "return text.toLowerCase()§", "return text.slice(0, 10) + '...'§"])])
            self.tpl.append([f"<span>{{{{ {fn}('{r.choice(VALUES)}') }}}}</span>"])
        elif k == "cmp":
            self.imp("ref")
            v = self.fresh(lambda: r.choice(["active", "selected"]) + "Id")
            fn = self.fresh(lambda: "is" + cap(self.word(ADJ)))
            self.const(f"const {v} = ref(0)", f"const {v} = ref<number>(0)")
            self.func(fn, [("id", "number")], "boolean", [f"return {v}.value === id§"])
        elif k == "sum":
            fn = self.fresh(lambda: r.choice(["sum", "add", "multiply", "calc"]) + cap(x))
            self.func(fn, [("a", "number"), ("b", "number")], "number", [f"return a {'*' if fn.startswith('m') else '+'} b§"])
        else:
            fn = self.fresh(lambda: "clamp" + cap(x))
            if r.random() < 0.5:
                self.func(fn, [("value", "number")], "number", [f"return Math.min(Math.max(value, 0), {r.choice([10, 100])})§"])
            else:
                self.func(fn, [("value", "number"), ("max", "number", r.choice([10, 100]))], "number", ["return Math.min(Math.max(value, 0), max)§"])

    def watcher(self):
        r = self.r
        self.imp("ref", "watch")
        ty = r.choice(["string", "number", "boolean"])
        v = self.fresh(lambda: self.name({"string": STR_F, "number": NUM_F, "boolean": BOOL_F}[ty]))
        i = {"string": "''", "number": "0", "boolean": "false"}[ty]
        self.const(f"const {v} = ref({i})", f"const {v} = ref<{ty}>({i})")
        ev = self.fresh(lambda: "update:" + v)
        ev = self.emit(ev, [("value", ty)])
        self.life.append(([f"watch({v}, (value) => {{", f"  emit('{ev}', value)§", "})§"], [f"watch({v}, (value: {ty}) => {{", f"  emit('{ev}', value)§", "})§"]))
        self.tpl.append([f"<input v-model=\"{v}\" />" if ty == "string" else f"<p>{self.text()} {{{{ {v} }}}}</p>"])

    def calc(self):
        r = self.r
        self.imp("ref", "computed")
        ty = r.choice(["string", "number"])
        lst = STR_F if ty == "string" else NUM_F
        a, b = self.fresh(lambda: self.name(lst)), self.fresh(lambda: self.name(lst))
        for v in (a, b):
            l = self.lit(ty)
            self.const(f"const {v} = ref({l})", f"const {v} = ref<{ty}>({l})")
        c = self.fresh(lambda: r.choice(["full", "total", "combined"]) + cap(self.word(lst)))
        e = r.choice([f"{a}.value + ' ' + {b}.value", f"`${{{a}.value}} ${{{b}.value}}`"]) if ty == "string" else f"{a}.value {r.choice('*+-')} {b}.value"
        self.const(f"const {c} = computed(() => {e})", f"const {c} = computed<{ty}>(() => {e})")
        self.tpl.append([f"<p>{{{{ {c} }}}}</p>"])

    def strings(self):
        r = self.r
        v = self.fresh(lambda: self.word(NOUNS) + r.choice(["Options", "List", "Names", "Types"]))
        vals = ", ".join(f"'{x}'" for x in r.sample(VALUES, r.choice([2, 3])))
        n = self.fresh(lambda: r.choice(["option", "entryName", "choiceName", "kindName"]))
        if r.random() < 0.5 and not self.options:  # data() would not tell the two apart
            self.const(f"const {v} = [{vals}]", f"const {v}: string[] = [{vals}]")
        else:
            self.imp("ref")
            self.const(f"const {v} = ref([{vals}])", f"const {v} = ref<string[]>([{vals}])")
        self.tpl.append([f"<span v-for=\"{n} in {v}\" :key=\"{n}\">{{{{ {n} }}}}</span>"])

    def model(self):
        if any(p[0] == "modelValue" for p in self.props):
            return self.scalars()
        ty = self.r.choice(["string", "string", "number", "boolean"])
        self.add_prop("modelValue", cap(ty), ty, self.r.choice(["short", "required"]))
        self.emit("update:modelValue", [("value", ty)])
        fn = self.fresh(lambda: self.r.choice(["update", "change", "setValue"]))
        self.func(fn, [("value", ty)], "void", ["emit('update:modelValue', value)§"])
        self.tpl.append([f"<p>{{{{ modelValue }}}}</p>"])

    def logic(self):
        """a function with conditions"""
        r = self.r
        kind = r.choice(["valid", "step", "label", "guard", "average", "between", "fallback", "search"])
        x = cap(self.word(NUM_F if kind in ("step", "average", "between") else STR_F))
        if kind == "valid":
            fn = self.fresh(lambda: "isValid" + x)
            k = r.choice([1, 2, 3, 8])
            body = r.choice([f"return value.trim().length > {k} && value !== '{r.choice(VALUES)}'§", f"return value === '' || value.length >= {k}§", f"return !value.startsWith('{r.choice('#_@/')}') && value.includes('{r.choice('@-.:')}')§"])
            self.func(fn, [("value", "string")], "boolean", [body])
        elif kind == "step":
            self.imp("ref")
            v = self.fresh(lambda: self.name(NUM_F))
            self.const(f"const {v} = ref(0)", f"const {v} = ref<number>(0)")
            fn = self.fresh(lambda: r.choice(["move", "change", "adjust"]) + cap(v))
            self.func(fn, [("step", "number", r.choice([1, 5]))], "void", [r.choice([f"{v}.value = Math.max(0, {v}.value + step)§", f"if (step !== 0 && {v}.value + step <= 100) {v}.value += step§"])])
            self.tpl.append([f"<button :disabled=\"{v} === 0\" @click=\"{fn}(-1)\">{self.text()}</button>"])
        elif kind == "label":
            n = self.word(NOUNS)
            fn = self.fresh(lambda: "label" + cap(n))
            self.func(fn, [("count", "number")], "string", [f"return count === 1 ? '1 {n}' : `${{count}} {n}s`§"])
            self.tpl.append([f"<b>{{{{ {fn}({r.choice([0, 1, 7])}) }}}}</b>"])
        elif kind == "guard":
            self.imp("ref")
            v = self.fresh(lambda: self.name(STR_F))
            self.const(f"const {v} = ref('')", f"const {v} = ref<string>('')")
            fn = self.fresh(lambda: r.choice(["clear", "reset", "drop"]) + cap(v))
            self.func(fn, [("force", "boolean")], "void", [f"if (!force && {v}.value === '') return§", f"{v}.value = ''§"])
            self.tpl.append([f"<label>{self.text()} <input v-model=\"{v}\" type=\"{r.choice(['text', 'search', 'email'])}\" /></label>"])
        elif kind == "average":
            fn = self.fresh(lambda: r.choice(["average", "mean"]) + x)
            self.func(fn, [("values", "number[]")], "number", ["return values.reduce((a, b) => a + b, 0) / (values.length || 1)§"])
        elif kind == "between":
            fn = self.fresh(lambda: r.choice(["fits", "allows", "has"]) + x)
            self.func(fn, [("low", "number"), ("high", "number")], "boolean", [f"return low < high && high - low <= {r.choice([10, 50, 365])}§"])
        elif kind == "fallback":
            fn = self.fresh(lambda: "show" + x)
            self.func(fn, [("text", "string | null")], "string", [r.choice(["return text === null ? '-' : text§", "return text ?? '?'§", "return text || 'n/a'§"])])
        else:
            fn = self.fresh(lambda: self.word(VERBS) + x)
            self.func(fn, [("text", "string"), ("index", "number")], "string", ["const parts = text.split(' ')§", "return index < parts.length ? parts[index] : ''§"])

    def summary(self):
        """a computed value with a body of its own"""
        r = self.r
        if self.options:
            return self.calc()
        self.imp("ref", "computed")
        v = self.fresh(lambda: self.name(NUM_F))
        start = r.choice([0, 1, 3])
        self.const(f"const {v} = ref({start})", f"const {v} = ref<number>({start})")
        c = self.fresh(lambda: r.choice([v + "Text", "summary", "hint", v + "Label"]))
        k = r.choice([5, 10, 100])
        body = [f"  if ({v}.value === 0) return '{self.word(VERBS)}'§", f"  return {v}.value > {k} ? '{r.choice(VALUES)}' : `${{{v}.value}} {self.word(STR_F)}`§", "})§"]
        self.block([f"const {c} = computed(() => {{"] + body, [f"const {c} = computed<string>(() => {{"] + body)
        self.tpl.append([f"<p v-if=\"{v} > 0\">{{{{ {c} }}}}</p>", f"<p v-else>{self.text()}</p>"])
