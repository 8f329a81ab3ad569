"""Trains the vocabulary (SPM layout: scores are minus the merge rank) and wraps it for fast encoding.

Stage 1 merges only inside words (never across a lower/Upper border); stage 2 merges whole "glue" units
(punctuation, blanks, language keywords) into long tokens; identifiers never join glue."""
import json
import random
import re
from collections import Counter

import gen
import lexicon

SPECIAL = ["<unk>", "<s>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
GLUE = set("""const let ref computed reactive watch function return import from vue script setup lang ts template div section
article main class button click span ul li v for in if model key props emit emits define with defaults type required default
true false null string number boolean void interface async await value String Number Boolean Array Object e Props Emits
input placeholder p h try catch finally err error message instanceof Error Promise on Mounted Unmounted filter includes to Lower Upper Case
reduce sum push id Date now length style scoped fetch api res json event target as HTMLInputElement HTML Input Element Event timer set clear
Interval Return strong small em form submit prevent checkbox enter keyup focus sort find undefined payload update modelValue model Value trim slice Fixed Math min max html
export data methods mounted unmounted before Unmount this refs style scoped color font weight bold margin padding display flex""".split())


def pieces(text):
    return re.findall(r"[A-Z]?[a-z]+|[A-Z]+|[^A-Za-z]", text)


def train(n_docs=1500, words=820, glue=430, seed=7):
    rng = random.Random(seed)
    docs = []
    for i in range(n_docs):
        case = gen.make_case(rng, i % 5)
        s, u = gen.make_prompt(rng, case)
        docs.append(s + "\n" + u + "\n" + case.typed)
    vocab = [chr(c) for c in range(33, 127)] + ["\u2581", "\n"]
    seen = set(vocab)
    # stage 1
    wc = Counter(p for d in docs for p in pieces(d) if p[0].isalpha())
    ws = {w: list(w) for w in wc}
    order = []
    for _ in range(words):
        pc = Counter()
        for w, n in wc.items():
            s = ws[w]
            for a, b in zip(s, s[1:]):
                pc[a + b] += min(n, 400)
        if not pc:
            break
        best = max(sorted(pc), key=lambda k: pc[k])
        order.append(best)
        for w, s in ws.items():
            if best in w:
                i, o = 0, []
                while i < len(s):
                    if i + 1 < len(s) and s[i] + s[i + 1] == best:
                        o.append(best); i += 2
                    else:
                        o.append(s[i]); i += 1
                ws[w] = o
    # stage 2: only keywords that came out of stage 1 as one token may join
    segs = Counter()
    for d in docs:
        run = []
        for p in pieces(d.replace(" ", "\u2581")):
            unit = ws.get(p, [p])
            if p[0].isalpha() and (p not in GLUE or len(unit) > 1):
                if len(run) > 1:
                    segs[tuple(run)] += 1
                run = []
            else:
                run.append(p)
        if len(run) > 1:
            segs[tuple(run)] += 1
    S = [(list(k), n) for k, n in segs.items()]
    for _ in range(glue):
        pc = Counter()
        for s, n in S:
            for a, b in zip(s, s[1:]):
                if len(a) + len(b) <= 40 and not (a[-1].isalpha() and b[0].isalpha() and b[0].islower()):
                    pc[a + b] += n
        best = max(sorted(pc), key=lambda k: pc[k])
        order.append(best)
        for s, _n in S:
            i = 0
            while i + 1 < len(s):
                if s[i] + s[i + 1] == best:
                    s[i:i + 2] = [best]
                i += 1
    order = [t for t in dict.fromkeys(order) if t not in seen]
    toks = SPECIAL + ["<0x%02X>" % i for i in range(256)] + order + vocab
    return toks, len(order)


def save(path, toks, n_merged):
    base = len(SPECIAL) + 256
    scores = [0.0] * base + [-float(i) for i in range(n_merged)] + [-1e6 - i for i in range(len(toks) - base - n_merged)]
    types = [2, 3, 3, 3, 3, 3] + [6] * 256 + [1] * (len(toks) - base)
    json.dump(dict(tokens=toks, scores=scores, types=types), open(path, "w"), ensure_ascii=False)


class Tok:
    def __init__(self, path):
        from tokenizers import Tokenizer, models, normalizers
        d = json.load(open(path))
        self.tokens, self.scores, self.types = d["tokens"], d["scores"], d["types"]
        self.id = {t: i for i, t in enumerate(self.tokens)}
        merges = []
        for i, t in enumerate(self.tokens):
            if self.types[i] == 1 and len(t) > 1:
                for k in range(1, len(t)):
                    if t[:k] in self.id and t[k:] in self.id:
                        merges.append((t[:k], t[k:]))
        normal = {t: i for i, t in enumerate(self.tokens) if self.types[i] in (1, 2, 6)}
        self.t = Tokenizer(models.BPE(vocab=normal, merges=merges, unk_token="<unk>", byte_fallback=True))
        self.t.normalizer = normalizers.Replace(" ", "\u2581")

    def split_at_random(self, share):
        """A prompt's text is cut otherwise than usual at this share of places (BPE-dropout, Provilkov et al. 2020)."""
        self.t.model.dropout = share or None

    def enc(self, s):
        return self.t.encode(s, add_special_tokens=False).ids

    def dec(self, ids):
        out = b""
        for i in ids:
            t = self.tokens[i]
            if self.types[i] == 6:
                out += bytes([int(t[3:5], 16)])
            elif self.types[i] == 1:
                out += t.replace("\u2581", " ").encode()
        return out.decode("utf-8", "replace")

    def prompt(self, system, user):
        """<s>[<|system|>SYSTEM]<|user|>USER<|assistant|>"""
        p = [1]
        if system:
            p += [3] + self.enc(system)
        return p + [4] + self.enc(user) + [5]


def spm(tok, text):
    """llama.cpp's greedy bigram merging, slow: only to check that Tok.enc does the same"""
    s = list(text.replace(" ", "\u2581"))
    while True:
        best, at = None, -1
        for i in range(len(s) - 1):
            t = tok.id.get(s[i] + s[i + 1])
            if t is not None and tok.types[t] == 1 and (best is None or tok.scores[t] > best):
                best, at = tok.scores[t], i
        if at < 0:
            return [tok.id[x] for x in s]
        s[at:at + 2] = [s[at] + s[at + 1]]


if __name__ == "__main__":
    toks, n = train()
    save("tokenizer.json", toks, n)
    t = Tok("tokenizer.json")
    rng = random.Random(99)
    lengths = []
    for level in range(5):
        for _ in range(100):
            case = gen.make_case(rng, level)
            a, b = t.prompt(*gen.make_prompt(rng, case)), t.enc("```vue\n" + case.typed + "\n```")
            assert t.dec(b) == "```vue\n" + case.typed + "\n```"
            lengths.append((level, len(a) + len(b)))
    for level in range(5):
        x = sorted(n for l, n in lengths if l == level)
        print("level", level, "tokens: mean", sum(x) / len(x), "p95", x[95], "max", x[-1])
    text = gen.make_case(rng, 3, "held").typed
    assert spm(t, text) == t.enc(text), "SPM and BPE differ"
    print("vocabulary", len(toks), "|".join(t.tokens[i] for i in t.enc(text)))
    words = [w for l in (lexicon.NOUNS, lexicon.ADJ, lexicon.VERBS, lexicon.STR_F, lexicon.NUM_F, lexicon.BOOL_F) for w in l]
    print("tokens per word", Counter(len(t.enc(w)) for w in words), "capitalised", Counter(len(t.enc(lexicon.cap(w))) for w in words))
