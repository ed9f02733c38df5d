#!/usr/bin/env python3
"""What is damaged in one record costs that record alone, however the records are laid out.

    damage.py [--seed N] [--runs N]

Each run writes 30 records as lines, as values over lines or as an array in one of several layouts, damages one of
them, and reads all by acc-fetch: the other 29 must come out, and nothing else. A failure names the seed that repeats it.
"""
import argparse
import json
import os
import random
import subprocess
import sys

BIN = os.path.abspath(os.environ.get("ACC_BIN", "build/bin"))
RECORDS = 30
LAYOUTS = {  # how a record is written; what stands before, between and behind them
    "lines": (None, "", "\n", "\n"), "values over lines": (2, "", "\n", "\n"), "values by tabs": ("\t", "", "\n", "\n"),
    "array of lines": (None, "[\n", ",\n", "\n]\n"), "array on one line": (None, "[", ",", "]\n"),
    "two on a line": (None, "[", ",", "]\n"),
    "indented array": (2, "[\n", ",\n", "\n]\n"), "array by tabs": ("\t", "[\n", ",\n", "\n]\n"),
    "array without indent": (0, "[\n", ",\n", "\n]\n"),
}


def drop(text, what):
    return text.replace(what, what[:-1], 1)


DAMAGES = {
    "bad UTF-8": lambda text: text.replace('"P"', '"\udcff"', 1),
    "no closing quote": lambda text: drop(text, '"P"'),
    "a quote too many": lambda text: text.replace('"P"', '"P"x"', 1),
    "no closing brace": lambda text: text.rstrip()[:-1].rstrip(),
    "a brace too many": lambda text: text + "}",
    "bad number": lambda text: text.replace('"n": ', '"n": 0', 1),
    "no colon": lambda text: text.replace('"n": ', '"n" ', 1),
    "no comma": lambda text: drop(text, '"P",'),
    "a comma too many": lambda text: text[:text.rstrip().rfind("}")].rstrip() + ",}",
    "cut": lambda text: text[:len(text) // 2],
    "NaN": lambda text: text.replace("null", "NaN", 1),
}
BALANCED = ("bad UTF-8", "bad number", "no colon", "no comma", "a comma too many", "NaN")  # brackets and quotes are


def written(record, indent):
    if indent == 0:
        return "\n".join(line.lstrip() for line in json.dumps(record, indent=1).split("\n"))
    return json.dumps(record, indent=indent)


def indented(text, by):
    return "\n".join(by + line for line in text.split("\n"))


def text_of(rng, layout, damaged, damage):
    indent, begin, between, end = LAYOUTS[layout]
    pieces = []
    for i in range(RECORDS):
        record = {"partner_name": "P", "n": i + 1, "data": {
            "name": rng.choice(["x", "{", "}", "[]", ",", '"q']), "object": {"p": None},
            "list": [{"k": 1}, [2, 3]] + ([{"partner_name": "inner"}] if damage in BALANCED else [])}}
        text = written(record, indent)
        text = DAMAGES[damage](text) if i == damaged else text
        if begin and indent:
            text = indented(text, indent if isinstance(indent, str) else " " * indent)
        pieces.append(text)
    if layout == "two on a line":
        pieces = [",".join(pieces[i:i + 2]) for i in range(0, RECORDS, 2)]
        between = ",\n"
    return begin + between.join(pieces) + end


def check(seed):
    rng = random.Random(seed)
    layout, damage, damaged = rng.choice(list(LAYOUTS)), rng.choice(list(DAMAGES)), rng.randrange(RECORDS - 1)
    text = text_of(rng, layout, damaged, damage)
    done = subprocess.run([os.path.join(BIN, "acc-fetch"), "--bare", "-"], input=text.encode("utf-8", "surrogateescape"),
                          capture_output=True, timeout=60, check=False)
    got = [json.loads(line).get("n") for line in done.stdout.splitlines()]
    if done.returncode != 1 or got != [i + 1 for i in range(RECORDS) if i != damaged]:
        sys.exit("damage.py --seed %d --runs 1: %s, %s in record %d: status %d, came out: %s\n%s"
                 % (seed, layout, damage, damaged + 1, done.returncode, got, done.stderr.decode(errors="replace")))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--runs", type=int, default=500)
    options = parser.parse_args()
    print("damage: seed %d, %d inputs" % (options.seed, options.runs), flush=True)
    for seed in range(options.seed, options.seed + options.runs):
        check(seed)


main()
