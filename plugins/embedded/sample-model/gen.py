"""Synthetic tasks: an untyped Vue component -> the same component as `<script setup lang="ts">`.

`make_case(rng, level, split)`: level 0..4 sets how many features a component has (1, 2, 2-3, 3-4, 5-10). Split 'train'
never uses the held-out words; split 'held' takes about half of its words from them. Lexicon and patterns are our own,
nothing is copied from a real component, and the shipped fixtures are not among the patterns.
"""
import random
import sys
from dataclasses import dataclass

from component import Component
from prompts import make_prompt


@dataclass
class Case:
    untyped: str
    typed: str
    level: int
    options: bool        # untyped in the Options API
    ifaces: list         # [(name, [(field, type)])]
    emits: list          # [(event, [(argument, type)])]
    props: list          # [(name, runtime type, type, mode, default)]


def make_case(rng, level=2, split="train"):
    while True:
        c = Component(rng, level, split)
        untyped, typed = c.build()
        if typed.split('<script setup lang="ts">')[1].split("</script>")[0].strip():
            return Case(untyped, typed, level, c.options, c.ifaces, c.emits, c.props)


if __name__ == "__main__":
    rng = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    for level in range(5):
        case = make_case(rng, level)
        print(*make_prompt(rng, case), "\n-----\n" + case.typed + "\n==========", sep="\n")
