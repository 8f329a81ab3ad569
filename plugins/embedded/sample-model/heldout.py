"""The held-out sets, frozen before training: `python heldout.py OUT_DIR` writes them as llmbench fixtures.

Half of the prompts are briefs like the shipped fixtures', half are short requests; levels 0 to 3 in equal parts.
No component of theirs is in the training data: the seeds differ, and training stops with an error on a text it met here.
"""
import hashlib
import json
import random
import sys
from pathlib import Path

import gen
import prompts

SETS = {"training-words": (10_000_019, 80, "train"), "unseen-words": (10_000_079, 80, "held")}


def cases(name):
    """[(case, user prompt)] of one set, always the same"""
    seed, n, split = SETS[name]
    rng = random.Random(seed)
    out = []
    for i in range(n):
        case = gen.make_case(rng, i % 4, split)
        while True:
            system, user = (prompts.brief if i // 4 % 2 else prompts.request)(rng, case)
            if not system:
                break
        out.append((case, user))
    return out


def digests():
    """what training must never see"""
    return {hashlib.sha256(case.untyped.encode()).hexdigest() for name in SETS for case, _ in cases(name)}


def write_fixture(folder, case, user, title):
    folder.mkdir(parents=True)
    head, tail = user.split(case.untyped)
    (folder / "prompt.md").write_text(head + "{{ input_code }}" + tail)
    (folder / "input.vue").write_text(case.untyped)
    (folder / "expected.vue").write_text(case.typed)
    (folder / "ast_checks.json").write_text(json.dumps({"script_lang": "ts"}))
    (folder / "fixture.json").write_text(json.dumps({"version": 1, "title": title, "level": min(case.level + 1, 5)}))


if __name__ == "__main__":
    out = Path(sys.argv[1])
    for name in SETS:
        for i, (case, user) in enumerate(cases(name)):
            write_fixture(out / name / f"{name}-{i:02}", case, user, f"held out, {name}, level {case.level}")
    print(f"{sum(n for _, n, _ in SETS.values())} fixtures in {out}")
