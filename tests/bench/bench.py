"""Measure the toolkit and its peers on the same work; see bench.mk for the settings.

usage: bench.py --bin DIR --dir DIR [--generate PROGRAM] [--groups LIST] [--sizes LIST]
                [--runs N] [--limit SECONDS] [--peers LIST] [--spill-records N]

Writes results.md, results.json and *.svg into --dir.  Status 1: outputs differ or a command failed.
"""
import argparse
import os
import shutil
import subprocess
import sys

import report
from cloud import bench_s3
from measure import Failed, interleave, note, run, sha256
from peers import Data, merge_peers

HERE = os.path.dirname(os.path.abspath(__file__))
RECORDS = {
    "small": {"47MB": 200_000, "470MB": 2_000_000, "4.7GB": 20_000_000},
    "wide": {"47MB": 23_200, "470MB": 232_000, "4.7GB": 2_320_000},
    "skew": {"47MB": 200_000, "470MB": 2_000_000, "4.7GB": 20_000_000},
    "array": {"47MB": 200_000, "470MB": 2_000_000, "4.7GB": 20_000_000},
}
COMMANDS = ["acc-sqs-drain", "acc-fetch", "acc-merge", "acc-split", "acc-put"]


class Bench:
    """The settings, and the data sets made so far."""

    def __init__(self, options):
        self.options, self.dir = options, os.path.abspath(options.dir)
        self.bin = os.path.abspath(options.bin)
        self.out = os.path.join(self.dir, "out")
        self.failures = []
        os.makedirs(self.out, exist_ok=True)
        self.priority = os.path.join(self.dir, "priority.json")
        self.generate(["list"], self.priority)

    def generate(self, arguments, path):
        made_by = os.path.getmtime(self.options.generate)
        if os.path.exists(path) and os.path.getmtime(path) >= made_by:
            return
        note(f"generating {os.path.basename(path)}")
        with open(path + ".part", "wb") as file:
            subprocess.run([self.options.generate, *arguments], stdout=file, check=True)
        os.rename(path + ".part", path)

    def data(self, kind, size):
        made = Data(kind, size, RECORDS[kind][size], self.dir)
        self.generate([kind, str(made.records)], made.path)
        return made

    def tool(self, name):
        return os.path.join(self.bin, name)

    def out_path(self, name):
        return os.path.join(self.out, name.replace(" ", "_").replace("|", "_"))

    def have(self, *names):
        missing = [name for name in names if not os.path.exists(self.tool(name))]
        if missing:
            note(f"{' and '.join(missing)} not built: left out")
        return not missing

    def fail(self, text):
        note(text)
        self.failures.append(text)

    def wanted(self, peer):
        return not self.options.peers or peer in self.options.peers.split(",")


def run_peer(bench, peer, data, limit=None):
    out = bench.out_path(f"{data.name}.{peer.name}")
    command, env = peer.command(data, out)
    own_output = out in command
    return run(command, os.devnull if own_output else out, env, limit=limit)


def digest(path):
    line = subprocess.run([sys.executable, os.path.join(HERE, "digest.py"), path],
                          check=True, capture_output=True, text=True).stdout
    return line.split()[0]


def check_outputs(bench, data, peers):
    """All outputs of one data set must be equal as JSON values."""
    said = {}
    for peer in peers:
        if peer.checked:
            said.setdefault(digest(bench.out_path(f"{data.name}.{peer.name}")), []).append(peer.name)
    if len(said) > 1:
        bench.fail(f"{data.name}: outputs differ: "
                   + "; ".join(f"{', '.join(names)} say {key}" for key, names in said.items()))
    for peer in peers:
        os.unlink(bench.out_path(f"{data.name}.{peer.name}"))
    return len(said) == 1


def able_peers(bench, data, slow):
    for peer in merge_peers(bench.bin, bench.dir, bench.priority):
        if not bench.wanted(peer.name):
            continue
        if data.shape not in peer.shapes:
            note(f"{data.name}: {peer.name} does not read this shape: left out")
        elif peer.missing():
            note(f"{data.name}: {peer.name} left out: no {peer.missing()}")
        elif slow.get((peer.name, data.kind), 0) > bench.options.limit:
            note(f"{data.name}: {peer.name} left out: about "
                 f"{slow[peer.name, data.kind]:.0f} s a run (--limit {bench.options.limit:g})")
        else:
            yield peer


def first_runs(bench, data, peers):
    """One run each, to fill the page cache and to have the outputs compared."""
    first = {}
    for peer in peers:
        ours = peer.name.startswith("acc-")
        try:
            first[peer] = run_peer(bench, peer, data, None if ours else 4 * bench.options.limit)
        except Failed as failure:
            if ours:
                bench.fail(f"{data.name}: {failure}")
            else:
                note(f"{data.name}: {peer.name} fails: {failure}")
    return first


def bench_merge(bench):
    """acc-merge --priority LIST in default mode, and what peers need for the same values."""
    slow, tables = {}, []
    for kind in bench.options.kinds.split(","):
        for size in bench.options.sizes.split(","):
            data = bench.data(kind, size)
            note(f"merge {data.name}: {os.path.getsize(data.path):,} bytes, {data.records:,} records")
            first = first_runs(bench, data, list(able_peers(bench, data, slow)))
            for peer, took in first.items():
                slow[peer.name, kind] = took.seconds * 10
            agree = check_outputs(bench, data, list(first))
            results = interleave({peer.name: lambda peer=peer: run_peer(bench, peer, data)
                                  for peer in first}, bench.options.runs)
            tables.append(report.Table(
                f"merge {data.name}", results, os.path.getsize(data.path), data.records,
                "one record per accommodation, by priority, field by field; output to a file; "
                + ("outputs agree as JSON values" if agree else "OUTPUTS DIFFER")))
            for name in os.listdir(bench.out):
                os.unlink(os.path.join(bench.out, name))
    return tables


def count_task(bench, command, expected):
    out = bench.out_path("count")

    def task():
        took = run(command, out)
        with open(out, encoding="ascii") as file:
            said = int(file.read().split()[0])
        if said != expected:
            raise Failed(f"{said} lines instead of {expected}: {command}")
        return took
    return task


def bench_fetch(bench):
    """acc-fetch from a file in the page cache to a pipe, where wc counts the lines."""
    tables, fetch = [], bench.tool("acc-fetch")
    if not bench.have("acc-fetch"):
        return tables
    for kind in ("small", "array"):
        for size in bench.options.sizes.split(","):
            data = bench.data(kind, size)
            commands = {"acc-fetch": f"'{fetch}' '{data.path}' | wc -l",
                        "acc-fetch --bare": f"'{fetch}' --bare '{data.path}' | wc -l"}
            lines = data.records if kind == "small" else data.records // 2
            tasks = {name: count_task(bench, line, data.records) for name, line in commands.items()}
            tasks["cat | wc -l"] = count_task(bench, f"cat '{data.path}' | wc -l", lines)
            tasks["wc -l"] = count_task(bench, ["wc", "-l", data.path], lines)
            note(f"fetch {data.name}")
            interleave(tasks, 1)
            tables.append(report.Table(
                f"fetch {data.name}", interleave(tasks, bench.options.runs),
                os.path.getsize(data.path), data.records,
                "from the page cache through a pipe to wc -l, which counts the records"))
    return tables


def fresh_directory(path):
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def chain_task(bench, data):
    spool, stored = bench.out_path("spool"), bench.out_path("stored")
    line = (f"'{bench.tool('acc-fetch')}' '{data.path}'"
            f" | '{bench.tool('acc-merge')}' --priority '{bench.priority}'"
            f" | '{bench.tool('acc-split')}' --dir '{spool}'"
            f" | '{bench.tool('acc-put')}' '{stored}'")

    def task():
        fresh_directory(spool)
        fresh_directory(stored)
        return run(line, bench.out_path("receipts"))
    return task


def stored_text(bench, path):
    """What the chain stored, as one file."""
    with open(path, "wb") as out:
        for root, _, names in os.walk(bench.out_path("stored")):
            for name in names:
                with open(os.path.join(root, name), "rb") as file:
                    shutil.copyfileobj(file, out)


def bench_chain(bench):
    """fetch | merge | split | put into a directory, against acc-merge alone."""
    tables = []
    if not bench.have("acc-fetch", "acc-merge", "acc-split", "acc-put"):
        return tables
    for size in bench.options.sizes.split(","):
        data = bench.data("small", size)
        alone, whole = bench.out_path("alone"), bench.out_path("whole")
        merge = [bench.tool("acc-merge"), "--priority", bench.priority, data.path]
        tasks = {"acc-merge": lambda merge=merge, alone=alone: run(merge, alone),
                 "fetch|merge|split|put": chain_task(bench, data)}
        note(f"chain {data.name}")
        interleave(tasks, 1)
        stored_text(bench, whole)
        if digest(alone) != digest(whole):
            bench.fail(f"chain {data.name}: stored and merged records differ")
        tables.append(report.Table(
            f"chain {data.name}", interleave(tasks, bench.options.runs),
            os.path.getsize(data.path), data.records,
            "files of 500 KB put into a directory (written, synced, linked) against acc-merge "
            "to one file"))
        shutil.rmtree(bench.out_path("spool"), ignore_errors=True)
        shutil.rmtree(bench.out_path("stored"), ignore_errors=True)
    return tables


def merge_task(bench, data, *options, same=None):
    """same: {path of the input: checksum of the output}; a second output has to equal the first."""
    command = [bench.tool("acc-merge"), "--priority", bench.priority, *options, data.path]
    scratch = bench.out_path("scratch")

    def task():
        fresh_directory(scratch)
        took = run([*command[:-1], "-T", scratch, command[-1]], bench.out_path("merged"),
                   scratch=scratch)
        if same is not None:
            said = sha256(bench.out_path("merged"))
            if same.setdefault(data.path, said) != said:
                raise Failed(f"the output differs with {' '.join(options)}: {' '.join(command)}")
        return took
    return task


def bench_scale(bench):
    """The same command on ten times the input, with memory for all of it and without."""
    if not bench.have("acc-merge"):
        return []
    sizes = bench.options.sizes.split(",")
    sets = [bench.data("small", size) for size in sizes]
    same = {}
    tasks = {data.name: merge_task(bench, data, same=same) for data in sets}
    if len(sets) > 1:
        tasks[f"{sets[1].name} -S 32M"] = merge_task(bench, sets[1], "-S", "32M", same=same)
    note("scale " + ", ".join(tasks))
    interleave(tasks, 1)
    return [report.Table("scale", interleave(tasks, bench.options.runs), None, None,
                         "acc-merge of small records, all in memory unless -S is named; "
                         "scratch is the most it had on disk at once")]


def sort_task(bench, data):
    scratch = bench.out_path("scratch")

    def task():
        fresh_directory(scratch)
        return run(["sort", "-S", "256M", "--parallel=2", "-T", scratch, data.path],
                   bench.out_path("merged"), {"LC_ALL": "C"}, scratch)
    return task


def bench_spill(bench):
    """Far more input than memory, against GNU sort of the same file with the same memory."""
    data = Data("small", "spill", bench.options.spill_records, bench.dir)
    bench.generate(["small", str(data.records)], data.path)
    tasks = {"sort -S 256M": sort_task(bench, data)}
    if bench.have("acc-merge"):
        tasks = {"acc-merge -S 256M": merge_task(bench, data, "-S", "256M"), **tasks}
    note(f"spill {os.path.getsize(data.path):,} bytes")
    results = interleave(tasks, bench.options.runs)
    return [report.Table(f"spill {os.path.getsize(data.path) / 1e9:.1f} GB", results,
                         os.path.getsize(data.path), data.records,
                         "output to a file; scratch is the most it had on disk at once")]


def bench_start(bench):
    """Commands that do nothing: --version, and an empty input for the filters."""
    tasks = {"true": lambda: run(["/bin/true"], os.devnull)}
    for name in COMMANDS:
        if bench.have(name):
            tasks[f"{name} --version"] = lambda name=name: run(
                [bench.tool(name), "--version"], os.devnull)
    empty = {"acc-fetch": [], "acc-merge": [], "acc-split": ["--dir", bench.out]}
    for name, arguments in empty.items():
        if os.path.exists(bench.tool(name)):
            line = " ".join(f"'{word}'" for word in [bench.tool(name), *arguments])
            tasks[f"{name} </dev/null"] = lambda line=line: run(
                ["sh", "-c", f"exec {line} </dev/null"], os.devnull)
    if shutil.which("jq"):
        tasks["jq --version"] = lambda: run(["jq", "--version"], os.devnull)
    note("start")
    results = interleave(tasks, max(20, bench.options.runs))
    return [report.Table("start", results, None, None,
                         "fork, exec, run and wait; the ones with </dev/null start a shell, too")]


GROUPS = {"merge": bench_merge, "fetch": bench_fetch, "chain": bench_chain, "scale": bench_scale,
          "spill": bench_spill, "start": bench_start, "s3": bench_s3}


def options():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--generate", required=True)
    parser.add_argument("--groups", default=",".join(GROUPS))
    parser.add_argument("--sizes", default="47MB,470MB")
    parser.add_argument("--kinds", default="small,wide,skew,array")
    parser.add_argument("--peers", default="")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--limit", type=float, default=15)
    parser.add_argument("--spill-records", type=int, default=20_000_000)
    chosen = parser.parse_args()
    unknown = [name for name in chosen.groups.split(",") if name not in GROUPS]
    unknown += [size for size in chosen.sizes.split(",") if size not in RECORDS["small"]]
    unknown += [kind for kind in chosen.kinds.split(",") if kind not in RECORDS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}")
    return chosen


def main():
    bench = Bench(options())
    tables = []
    for name in bench.options.groups.split(","):
        try:
            tables += GROUPS[name](bench)
        except Failed as failure:
            bench.fail(f"{name}: {failure}")
        shutil.rmtree(bench.out)
        os.makedirs(bench.out)
    report.write(tables, bench.dir, bench.options)
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
