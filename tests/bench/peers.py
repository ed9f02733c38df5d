"""The peers and how each does the merge's work."""
import json
import os
import shutil

HERE = os.path.dirname(os.path.abspath(__file__))


class Data:
    """One data set; shape is lines or array."""

    def __init__(self, kind, size, records, directory):
        self.kind, self.size, self.records = kind, size, records
        self.shape = "array" if kind == "array" else "lines"
        self.name = f"{kind}-{size}"
        self.path = os.path.join(directory, self.name + (".json" if kind == "array" else ".jsonl"))
        self.schema = os.path.join(
            HERE, "peers", "wide.schema.json" if kind == "wide" else "small.schema.json")


class Peer:
    """A program; command(data, out) gives (argv or shell line, environment)."""

    def __init__(self, name, needs, command, shapes=("lines", "array"), checked=True):
        self.name, self.needs, self.command = name, needs, command
        self.shapes, self.checked = shapes, checked

    def missing(self):
        """The first thing it needs that is not installed, or None."""
        for need in self.needs:
            if not (os.path.exists(need) if "/" in need else shutil.which(need)):
                return need
        return None


def script(name):
    return os.path.join(HERE, "peers", name)


def module(name):
    return os.path.join(HERE, "node_modules", name)


def merge_peers(bin_dir, bench_dir, priority):
    merge, fetch = os.path.join(bin_dir, "acc-merge"), os.path.join(bin_dir, "acc-fetch")
    simdjson = os.path.join(bench_dir, "simdjson_merge")
    with open(priority, encoding="utf-8") as file:
        names = ",".join(json.load(file))
    peers = []

    def add(name, needs, command, **options):
        peers.append(Peer(name, needs, command, **options))

    for n in (2, 1):
        add(f"acc-merge-{n}", [merge], lambda data, out, n=n: (
            [merge, "-j", str(n), "--priority", priority, data.path], {}))
    add("acc-fetch|acc-merge", [fetch, merge], lambda data, out: (
        f"'{fetch}' '{data.path}' | '{merge}' --priority '{priority}'", {}))
    for n in (2, 1):
        add(f"simdjson-{n}", [simdjson], lambda data, out, n=n: (
            [simdjson, str(n), data.shape, data.schema, priority, data.path], {}),
            shapes=("lines", "array") if n == 1 else ("lines",))
    for n in (2, 1):
        add(f"DuckDB-{n}", ["node", module("@duckdb/node-api")], lambda data, out, n=n: (
            ["node", script("duckdb.mjs"), str(n), data.shape, data.schema, priority, data.path, out],
            {}))
    add("Polars-2", ["node", module("nodejs-polars-linux-x64-gnu")], lambda data, out: (
        ["node", script("polars.mjs"), priority, data.path, out], {"POLARS_MAX_THREADS": "2"}),
        shapes=("lines",))
    add("sort+perl", ["sort", "perl"], lambda data, out: (
        [script("sort_perl.sh"), "2", priority, data.path], {}), shapes=("lines",))
    add("Python", ["python3"], lambda data, out: (
        ["python3", script("merge.py"), data.shape, priority, data.path], {}))
    add("Miller", ["mlr"], lambda data, out: (
        ["mlr", "--ijson" if data.shape == "array" else "--ijsonl", "--ojsonl", "put", "-q", "-f",
         script("merge.mlr"), data.path], {"ACC_BENCH_LIST": names}))
    add("gojq", ["gojq"], lambda data, out: (
        ["gojq", "-cn", "--slurpfile", "list", priority, "-f", script("gojq.jq"), data.path], {}))
    add("jq", ["jq"], lambda data, out: (
        ["jq", "-cn", "--slurpfile", "list", priority, "-f", script("jq.jq"), data.path], {}))
    add("wc -l", ["wc"], lambda data, out: (["wc", "-l", data.path], {}), checked=False)
    return peers
