"""python score.py HELDOUT_DIR RUN_DIR...   held-out scores out of llmbench's own records (`samples.jsonl`)

Counted are attempts: compiles (script and template, strict, vue-tsc), template kept to the letter, both, exactly the
expected text; and the mean score.
"""
import json
import re
import sys
from collections import defaultdict
from pathlib import Path


def template(text):
    found = re.search(r"<template>.*</template>", text or "", re.S)
    return found and found[0]


held = Path(sys.argv[1])
rows = defaultdict(lambda: [0] * 6)
for run in sys.argv[2:]:
    for line in (Path(run) / "samples.jsonl").read_text().splitlines():
        record = json.loads(line)
        name = record["fixture"].rsplit("-", 1)[0]
        folder = held / name / record["fixture"]
        expected, answer = (folder / "expected.vue").read_text(), record["output_code"] or ""
        kept = template(answer) == template(expected)
        compiles = record["compiles"] is True
        level = json.loads((folder / "fixture.json").read_text())["level"] - 1
        options = "export default {" in (folder / "input.vue").read_text()
        for key in ((name, "all"), (name, f"level {level}"), (name, "Options API" if options else "script setup")):
            got = (1, compiles, kept, compiles and kept, answer.strip() == expected.strip(), record["score"] or 0)
            rows[key] = [a + b for a, b in zip(rows[key], got)]
print(f"{'set':16} {'part':13} {'n':>3} {'compiles':>9} {'template':>9} {'both':>12} {'exact':>6} {'score':>6}")
for (name, part), (n, compiles, kept, both, exact, score) in sorted(rows.items()):
    print(f"{name:16} {part:13} {n:3} {compiles:9} {kept:9} {both:5} = {both / n:4.0%} {exact:6} {score / n:6.2f}")
