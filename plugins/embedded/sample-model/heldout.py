"""The held-out sets, frozen before training: `python heldout.py OUT_DIR` writes them as llmbench fixtures, with settings.

Half of the prompts are briefs like the shipped fixtures', half are short requests; levels 0 to 3 in equal parts.
No component of theirs is in the training data: the seeds differ, and training stops with an error on a text it met here.
"""
import hashlib
import json
import random
import re
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


def structure(case):
    """the checks that the case's typed answer meets, for `ast_checks.json`"""
    checks = [{"kind": "script_lang", "weight": 1}]
    for name, fields in case.ifaces:
        checks.append({"kind": "type_declared", "name": f"{name.lower()}_is_declared", "matches": f"^{name}$", "members": [f for f, _ in fields], "weight": 2})
    if case.props:
        checks.append({"kind": "typed_props", "names": [p[0] for p in case.props], "weight": 2})
    if case.emits:
        checks.append({"kind": "typed_emits", "names": [e for e, _ in case.emits], "weight": 1})
    for kind, sign in (("parameters_typed", r"(function \w+|const \w+ = (async )?)\(\w"), ("returns_typed", r"(function |=> \{)"), ("state_typed", r"(ref|reactive|computed)<")):
        if re.search(sign, case.typed):
            checks.append({"kind": kind, "weight": 1})
    return {"version": 1, "checks": checks, "required": ["script_lang"]}


def write_fixture(folder, case, user, title):
    folder.mkdir(parents=True)
    head, tail = user.split(case.untyped)
    (folder / "prompt.md").write_text(head + "{{ input_code }}" + tail)
    (folder / "input.vue").write_text(case.untyped)
    (folder / "expected.vue").write_text(case.typed)
    (folder / "ast_checks.json").write_text(json.dumps(structure(case), indent=1))
    about = {"version": 1, "title": title, "level": case.level + 1, "max_scores": {"input.vue": 2.0}}
    (folder / "fixture.json").write_text(json.dumps(about))


if __name__ == "__main__":
    out = Path(sys.argv[1])
    for name in SETS:
        for i, (case, user) in enumerate(cases(name)):
            write_fixture(out / name / f"{name}-{i:02}", case, user, f"held out, {name}, level {case.level}")
    for name, (_, n, _) in SETS.items():
        fixtures = ", ".join(json.dumps(str((out / name / f"{name}-{i:02}").absolute())) for i in range(n))
        (out / f"{name}.toml").write_text(f"fixture = [{fixtures}]\nruns = 1\nwarmup = 0\ntemperature = 0.0\n")
    print(f"{sum(n for _, n, _ in SETS.values())} fixtures in {out}")
