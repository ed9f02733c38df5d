#!/usr/bin/env python3
"""acc-merge and acc-fetch on inputs that are scanned in pieces: however they are cut, the same.

Each case is one input of up to some megabytes: lines, arrays, records that span
lines, with bad ones in between, long ones, and an end that may be missing. It is
read from a file and from a pipe, by one thread and by several, with more memory
and less, by acc-fetch also compressed. Output, refusals, messages and status have
to be those of one thread that reads a pipe, or of acc-fetch the file.

    pieces.py [--seed N] [--runs N]

ACC_BIN names the directory of the commands (default build/bin).
"""
import argparse
import gzip
import json
import os
import random
import re
import subprocess
import sys
import tempfile

BIN = os.path.abspath(os.environ.get("ACC_BIN", "build/bin"))
PIPE, FILE = "/dev/stdin", "a.jsonl/in"  # of one length: they are part of the output
BAD = ["nonsense", '{"a" 1}', "5", '"text"', '{"a":', "[1", '["oops', "}", "]", '{"a":1},', '{"x":"\udcff', "{}", "  ", "",
       '{"partner_name":"p","accommodation_id":[],"accommodation_data":{}}']
OPTIONS = [[], ["--updates", "patch"], ["--latest"], ["--explain"], ["--max-record", "20K"], ["--max-record", "300"]]
FETCH_OPTIONS = [[], ["--bare"], ["--max-record", "20K"], ["--max-record", "300"],
                 ["--select", '.accommodation_id != "7"']]
FORMS = {"lines": None, "array": None, "indented array": 2, "flush array": 0, "indented values": 2,
         "arrays": None, "lines and arrays": None, "array on one line": None}


def record(rng, indent=None):
    made = {"partner_name": "P%d" % rng.randrange(6), "accommodation_id": str(rng.randrange(rng.choice([30, 3000]))),
            "accommodation_data": {"n": "x" * rng.randrange(30), "c": rng.choice(["a", "b", None, 1.5]),
                                   "l": [1, {"k": 2}] if rng.random() < 0.2 else "q\\\n{"}}
    if rng.random() < 0.5:
        made["_source"] = {"uri": "s3://b/%d" % rng.randrange(5), "record": rng.randrange(100),
                           "time": "2021-02-%02dT00:00:00Z" % rng.randint(1, 28)}
    return json.dumps(made, indent=indent, separators=(",", ":"))


def array(rng, most):
    return "[\n" + ",\n".join(record(rng) for _ in range(rng.randint(1, most))) + "\n]"


def long_line(rng):
    return ('{"partner_name":"P1","accommodation_id":"9","accommodation_data":{"z":"%s"}}'
            % ("y\\n{" * rng.randrange(200000)))


def text_of(rng, form):
    bad, long = rng.choice([0, 0, 0.001, 0.02]), rng.choice([0, 0, 0.0005])
    goal = rng.choice([100_000, 300_000, 1_000_000, 9_000_000 if rng.random() < 0.2 else 200_000])
    pieces, size = [], 0
    while size < goal:
        chance = rng.random()
        if form == "arrays" or (form == "lines and arrays" and chance < 0.01):
            pieces.append(array(rng, rng.choice([3, 300])))
        elif chance < bad / 2:
            pieces.append(rng.choice(BAD))
        elif chance < bad:  # in an array the comma is missing
            pieces.append(record(rng, FORMS[form]) + "\n" + record(rng, FORMS[form]))
        elif chance < bad + long:
            pieces.append(long_line(rng))
        else:
            pieces.append(record(rng, FORMS[form]))
        size += len(pieces[-1]) + 1
    if form == "array on one line":
        return "[" + ",".join(pieces) + "]\n"
    if not form.endswith(" array") and form != "array":
        return "\n".join(pieces) + "\n"
    return "[\n" + ",\n".join(pieces) + ("\n]\n" if rng.random() < 0.8 else "\n")


def input_of(rng, form):
    text = text_of(rng, form).encode("utf-8", "surrogateescape")
    if rng.random() < 0.2:
        text = text[:rng.randrange(len(text))]
    if rng.random() < 0.1:
        text = b"\xef\xbb\xbf" + text
    if rng.random() < 0.1:
        text = text.replace(b"\n", b"\r\n")
    return text


def run(command, arguments, source, text, simd):
    """All that a run says and leaves, without what tells one way of reading from another."""
    if os.path.exists("rejects"):
        os.unlink("rejects")
    done = subprocess.run([os.path.join(BIN, command), "-v", "--rejects", "rejects", *arguments, source],
                          input=text if source == PIPE else None, capture_output=True, timeout=300,
                          env=dict(os.environ, ACC_SIMD=simd), check=False)
    rejects = b""
    if os.path.exists("rejects"):
        with open("rejects", "rb") as file:
            rejects = file.read()
    said = re.sub(rb"runs \d+|bytes in \d+", b"", done.stderr)
    return [done.returncode] + [part.replace(FILE.encode(), PIPE.encode()) for part in (done.stdout, rejects, said)]


def ways(rng):
    for threads in ("1", "2", "4", "7"):
        for memory in ([], ["-S", "32M"], ["-S", "8M"], ["-S", "64K"]):
            if not memory or rng.random() < 0.4:
                yield ["-j", threads, *memory], rng.choice(["on", "on", "off", "avx2"])


def compare(case, first, command, arguments, source, text, simd):
    got = run(command, arguments, source, text, simd)
    for name, one, other in zip(("status", "output", "rejects", "messages"), first, got):
        if one != other:
            sys.exit("pieces.py --seed %d --runs 1: %s, %d bytes, ACC_SIMD=%s %s %s: other %s"
                     % (*case, simd, command, " ".join([*arguments, source]), name))


def check_merge(rng, case, text):
    options = rng.choice(OPTIONS)
    first = run("acc-merge", [*options, "-j", "1"], PIPE, text, "on")
    for way, simd in ways(rng):
        for source in (PIPE, FILE):
            compare(case, first, "acc-merge", [*options, *way], source, text, simd)


def check_fetch(rng, case, text):
    options = rng.choice(FETCH_OPTIONS[:-1] if len(text) > 400_000 else FETCH_OPTIONS)
    first = run("acc-fetch", [*options, "-j", "1"], FILE, text, "on")
    for threads in ("2", "3", "16"):
        compare(case, first, "acc-fetch", [*options, "-j", threads], FILE, text, rng.choice(["on", "off"]))
    with open(FILE, "wb") as file:
        file.write(gzip.compress(text, 1))
    os.utime(FILE, (0, 0))
    compare(case, first, "acc-fetch", options, FILE, text, "on")


def check(seed):
    rng = random.Random(seed)
    form = rng.choice(list(FORMS))
    text = input_of(rng, form)
    with open(FILE, "wb") as file:
        file.write(text)
    os.utime(FILE, (0, 0))
    check_merge(rng, (seed, form, len(text)), text)
    check_fetch(rng, (seed, form, len(text)), text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--runs", type=int, default=30)
    options = parser.parse_args()
    print("pieces: seed %d, %d inputs" % (options.seed, options.runs), flush=True)
    with tempfile.TemporaryDirectory(prefix="acc-pieces.") as directory:
        os.chdir(directory)
        os.mkdir(os.path.dirname(FILE))
        for seed in range(options.seed, options.seed + options.runs):
            check(seed)


main()
