"""Count instructions per record with callgrind and compare with what was recorded.

usage: instructions.py --bin DIR --dir DIR --generate PROGRAM (--check|--record) FILE

Each command runs on two sizes of the same data; the difference of the counts over
the difference of the records leaves out start-up.  One thread, so that the counts
repeat.  Status 1: a count has grown by more than 5 %, or a command failed.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys

MOST_GROWTH = 0.05

# name: (kind of data, records of the small run, of the large run, command, arguments)
CASES = {
    "acc-merge small": ("small", 4000, 12000, "acc-merge", ["-j", "1", "--priority", "{list}", "{data}"]),
    "acc-merge wide": ("wide", 400, 1200, "acc-merge", ["-j", "1", "--priority", "{list}", "{data}"]),
    "acc-merge skew": ("skew", 4000, 12000, "acc-merge", ["-j", "1", "--priority", "{list}", "{data}"]),
    "acc-merge array": ("array", 4000, 12000, "acc-merge", ["-j", "1", "--priority", "{list}", "{data}"]),
    "acc-fetch small": ("small", 4000, 12000, "acc-fetch", ["-j", "1", "{data}"]),
    "acc-fetch array": ("array", 4000, 12000, "acc-fetch", ["-j", "1", "{data}"]),
    "acc-split small": ("small", 4000, 12000, "acc-split", ["--dir", "{spool}", "{data}"]),
}


class Failed(Exception):
    pass


def generated(options, arguments):
    path = os.path.join(options.work, "-".join(arguments))
    if not os.path.exists(path):
        with open(path, "wb") as file:
            subprocess.run([options.generate, *arguments], stdout=file, check=True)
    return path


def count(options, kind, records, command, arguments):
    """Instructions of one whole run."""
    spool = os.path.join(options.work, "spool")
    shutil.rmtree(spool, ignore_errors=True)
    os.makedirs(spool)
    places = {"list": generated(options, ["list"]), "spool": spool,
              "data": generated(options, [kind, str(records)])}
    argv = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={options.work}/callgrind.%p",
            os.path.join(options.bin, command), *(word.format(**places) for word in arguments)]
    done = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "LC_ALL": "C"}, check=False)
    if done.returncode:
        raise Failed(f"{command} ends with {done.returncode}: {done.stderr[-2000:]}")
    totals = re.findall(r"Collected : (\d+)", done.stderr)
    if not totals:
        raise Failed(f"callgrind counts nothing: {done.stderr[-2000:]}")
    return sum(map(int, totals))


def per_record(options, case):
    kind, small, large, command, arguments = CASES[case]
    first = count(options, kind, small, command, arguments)
    second = count(options, kind, large, command, arguments)
    return (second - first) / (large - small)


def recorded(path):
    found = {}
    with open(path, encoding="ascii") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                name, value = line.rstrip("\n").split("\t")
                found[name] = float(value)
    return found


def record(options, path):
    lines = ["# Instructions per record (callgrind, one thread, start-up left out): see bench.mk.\n"]
    for case in CASES:
        value = per_record(options, case)
        print(f"{case}: {value:.1f} instructions per record")
        lines.append(f"{case}\t{value:.1f}\n")
    with open(path, "w", encoding="ascii") as file:
        file.writelines(lines)
    return 0


def check(options, path):
    if not os.path.exists(path):
        raise Failed(f"cannot open '{path}': nothing is recorded yet: run make bench-record")
    status, before = 0, recorded(path)
    for case in sorted(set(before) - set(CASES)):
        print(f"{case}: recorded but no longer measured: run make bench-record")
        status = 1
    for case in CASES:
        if case not in before:
            print(f"{case}: not recorded: run make bench-record")
            status = 1
            continue
        now = per_record(options, case)
        growth = now / before[case] - 1
        said = "ok"
        if growth > MOST_GROWTH:
            said, status = f"GROWN by more than {MOST_GROWTH:.0%}", 1
        elif growth < -MOST_GROWTH:
            said = "ok; record the gain with make bench-record"
        print(f"{case}: {now:.1f} instructions per record, {growth:+.1%} against {before[case]:.1f}: {said}")
    return status


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--bin", "--dir", "--generate"):
        parser.add_argument(name, required=True)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", metavar="FILE")
    what.add_argument("--record", metavar="FILE")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        print("bench: no valgrind: instructions cannot be counted", file=sys.stderr)
        return 2
    options.work = os.path.join(os.path.abspath(options.dir), "instructions")
    shutil.rmtree(options.work, ignore_errors=True)
    os.makedirs(options.work)
    try:
        return record(options, options.record) if options.record else check(options, options.check)
    except Failed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
